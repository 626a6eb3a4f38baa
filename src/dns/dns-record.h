/* SPDX-License-Identifier: Apache-2.0 */
/* From a record as ldns parsed it to a DnsRecord. */
#ifndef DNS_RECORD_H
#define DNS_RECORD_H

#include <ldns/ldns.h>

#include "dns/dns-answer.h"

/* Adds the data of (rr) to (body). FALSE when its data is not of its type, or there is no
 * room. */
gboolean dns_record_add(DnsBody *body, const ldns_rr *rr);
/* The text of a name field, DNS_NAME_TEXT_MAX bytes. */
gboolean dns_record_get_name(const ldns_rdf *name, gchar *out_text);

#endif
