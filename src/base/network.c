/* SPDX-License-Identifier: Apache-2.0 */
#include <barid/network.h>

#include "base/address.h"

gboolean
barid_networks_contain(gchar *const *networks, const gchar *ip)
{
    Address address;
    Network network;

    if (!address_parse_ip(barid_slice_from_text(ip), &address))
        return FALSE;
    for (guint i = 0; networks != NULL && networks[i] != NULL; i++) {
        if (network_parse(barid_slice_from_text(networks[i]), &network) &&
            network_contains(&network, &address))
            return TRUE;
    }
    return FALSE;
}

gchar *
barid_network_of(const gchar *ip, guint v4_prefix, guint v6_prefix)
{
    gchar text[ADDRESS_TEXT_MAX];
    Network network = {0};
    Address address;
    guint prefix;

    if (!address_parse_ip(barid_slice_from_text(ip), &address))
        return NULL;
    prefix = address.is_v6 ? v6_prefix : v4_prefix;
    if (prefix > (address.is_v6 ? 128 : 32))
        return NULL;
    network.is_v6 = address.is_v6;
    network.prefix = (guint8)prefix;
    for (guint bit = 0; bit < prefix; bit++)
        network.bytes[bit / 8] =
            (guint8)(network.bytes[bit / 8] | (address.bytes[bit / 8] & (0x80 >> (bit % 8))));
    return g_strdup(network_format(&network, text));
}
