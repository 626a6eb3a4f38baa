/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of RFC 5322 section 3.3. */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include <barid/slice.h>

#define MAIL_DATE_TEXT_MAX 40

/* "Mon, 23 Nov 2026 18:06:38 +0000" of (wall_ms) in UTC; returns (out_text). */
const gchar *mail_date_format(gint64 wall_ms, gchar out_text[MAIL_DATE_TEXT_MAX]);
/* Parses, obsolete zones and two-digit years included; FALSE when it is no date. */
gboolean mail_date_parse(BaridSlice text, gint64 *out_wall_ms);

#endif
