/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and networks as text, the way settings and sessions give them. */
#ifndef BARID_NETWORK_H
#define BARID_NETWORK_H

#include <barid/macros.h>

/* Whether (ip) is in one of (networks), a NULL-ended list as a BARID_SETTING_NETWORKS
 * member holds it; NULL is the empty list. */
gboolean barid_networks_contain(gchar *const *networks, const gchar *ip);
/* The network of (ip) with the prefix length for its family, such as "192.0.2.0/24".
 * Caller owns it. NULL when (ip) is no address or the length is too large. */
gchar *barid_network_of(const gchar *ip, guint v4_prefix, guint v6_prefix);

#endif
