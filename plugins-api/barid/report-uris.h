/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a domain wants reports: lists of URIs with commas between, as in "rua" and "ruf" of DMARC
 * records (RFC 9989 section 4.7) and "rua" of SMTP TLS reporting (RFC 8460 section 3). Pure: no
 * I/O.
 */
#ifndef BARID_REPORT_URIS_H
#define BARID_REPORT_URIS_H

#include <barid/slice.h>

/* The next destination that a report can be mailed to: (*rest) is at first the tag's value.
 * Others are passed over; FALSE at the end. The address is written into (out_address), with its
 * escapes decoded. */
gboolean barid_report_uris_next(BaridSlice *rest, GString *out_address);
/* Whether one of them is a URI, of whatever scheme. */
gboolean barid_report_uris_has_any(BaridSlice uris);

#endif
