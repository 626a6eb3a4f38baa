/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which a domain's hosts are tried (RFC 5321 section 5.1). Pure but for the
 * randomness seam.
 */
#ifndef MX_H
#define MX_H

#include "base/address.h"

/* Records of one domain that are looked at at all; more are ignored, the least preferred
 * first. */
#define MX_RECORDS_MAX 1000
/* Addresses of one host that are looked at. */
#define MX_ADDRESSES_MAX 64

typedef struct {
    guint16 preference;
    const gchar *name;
} MxHost;

typedef enum {
    MX_IPV4_ONLY,
    MX_IPV6_ONLY,
    MX_IPV4_THEN_IPV6,
    MX_IPV6_THEN_IPV4,
} MxFamily;

/* "ipv4-then-ipv6" and so on. */
gboolean mx_family_parse(const gchar *text, MxFamily *out_family);

/* By preference; hosts of equal preference in random order. */
void mx_sort(MxHost *hosts, guint n_hosts);
/* How many hosts, from the first on, have the first one's preference. */
guint mx_get_group_len(const MxHost *hosts, guint n_hosts);
/* Puts the addresses of one host into the order of trial; addresses of one family in random
 * order. Of (limit) the last place is kept for the second family, so that it is a real
 * alternative. Returns how many were written to (out), which has room for (limit). */
guint mx_order_addresses(Address *ipv4, guint n_ipv4, Address *ipv6, guint n_ipv6,
                         MxFamily family, guint limit, Address *out);
/* Addresses to which no mail is sent unless they are configured: loopback, "this host",
 * multicast, broadcast. */
gboolean mx_address_is_refused(const Address *address);

#endif
