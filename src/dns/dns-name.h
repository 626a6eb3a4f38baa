/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domain names as text: checked, lower-cased A-labels without the final dot; "" is the
 * root. Bytes that no host name has come out as "\DDD" (RFC 1035 section 5.1), so a name
 * from the wire is always printable and never mistaken for another.
 */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include "base/address.h"

enum {
    DNS_LABEL_MAX = 63,
    DNS_NAME_MAX = 253,       /* as text; RFC 1035 section 2.3.4 counts 255 on the wire */
    DNS_NAME_TEXT_MAX = 1024, /* with every byte escaped, and the NUL */
};

/* Writes the name as it is asked for into (out_name), DNS_NAME_MAX + 1 bytes. U-labels are
 * converted (RFC 5891). BARID_ERROR_INVALID in DNS_ERROR when it cannot be asked for. */
gboolean dns_name_normalise(const gchar *name, gchar *out_name, GError **error);
/* The name of (address) below in-addr.arpa or ip6.arpa; (out_name) as above. */
void dns_name_of_address(const Address *address, gchar *out_name);
/* Whether (name) is (zone) or below it; both normalised. */
gboolean dns_name_is_below(const gchar *name, const gchar *zone);
/* The text of an uncompressed name on the wire, DNS_NAME_TEXT_MAX bytes. FALSE when it is
 * none. */
gboolean dns_name_from_wire(BaridSlice wire, gchar *out_text);

#endif
