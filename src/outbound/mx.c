/* SPDX-License-Identifier: Apache-2.0 */
#include "outbound/mx.h"

#include <stdlib.h>
#include <string.h>

#include "base/chance.h"

gboolean
mx_family_parse(const gchar *text, MxFamily *out_family)
{
    static const gchar *const words[] = {"ipv4-only", "ipv6-only", "ipv4-then-ipv6",
                                         "ipv6-then-ipv4"};

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            *out_family = (MxFamily)i;
            return TRUE;
        }
    }
    return FALSE;
}

static int
mx_compare(const void *a, const void *b)
{
    const MxHost *left = a;
    const MxHost *right = b;

    return (int)left->preference - (int)right->preference;
}

void
mx_sort(MxHost *hosts, guint n_hosts)
{
    if (n_hosts == 0)
        return;
    qsort(hosts, n_hosts, sizeof *hosts, mx_compare);
    for (guint start = 0; start < n_hosts;) {
        guint len = mx_get_group_len(hosts + start, n_hosts - start);

        for (guint i = len; i > 1; i--) {
            guint other = chance_below(i);
            MxHost moved = hosts[start + i - 1];

            hosts[start + i - 1] = hosts[start + other];
            hosts[start + other] = moved;
        }
        start += len;
    }
}

guint
mx_get_group_len(const MxHost *hosts, guint n_hosts)
{
    guint len = 0;

    while (len < n_hosts && hosts[len].preference == hosts[0].preference)
        len++;
    return len;
}

static void
mx_shuffle_addresses(Address *addresses, guint n_addresses)
{
    for (guint i = n_addresses; i > 1; i--) {
        guint other = chance_below(i);
        Address moved = addresses[i - 1];

        addresses[i - 1] = addresses[other];
        addresses[other] = moved;
    }
}

guint
mx_order_addresses(Address *ipv4, guint n_ipv4, Address *ipv6, guint n_ipv6, MxFamily family,
                   guint limit, Address *out)
{
    gboolean ipv6_first = family == MX_IPV6_ONLY || family == MX_IPV6_THEN_IPV4;
    const Address *first = ipv6_first ? ipv6 : ipv4;
    const Address *second = ipv6_first ? ipv4 : ipv6;
    guint n_first = ipv6_first ? n_ipv6 : n_ipv4;
    guint n_second = ipv6_first ? n_ipv4 : n_ipv6;
    guint n = 0;

    mx_shuffle_addresses(ipv4, n_ipv4);
    mx_shuffle_addresses(ipv6, n_ipv6);
    if (family == MX_IPV4_ONLY || family == MX_IPV6_ONLY)
        n_second = 0;
    for (guint i = 0; i < n_first && n < limit - (n_second > 0 && limit > 1 ? 1 : 0); i++)
        out[n++] = first[i];
    for (guint i = 0; i < n_second && n < limit; i++)
        out[n++] = second[i];
    return n;
}

static gboolean
mx_is_v4_refused(const guint8 *bytes)
{
    /* 0/8, 127/8, 224/4 and above with 255.255.255.255 (RFC 6890). */
    return bytes[0] == 0 || bytes[0] == 127 || bytes[0] >= 224;
}

gboolean
mx_address_is_refused(const Address *address)
{
    static const guint8 zeros[15] = {0};
    static const guint8 mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (!address->is_v6)
        return mx_is_v4_refused(address->bytes);
    /* An IPv4 address in an AAAA record (RFC 4291 section 2.5.5.2) would be reached over IPv4,
     * past what is looked at there: whether it is loopback, or our own. */
    return address->bytes[0] == 0xff || memcmp(address->bytes, mapped, sizeof mapped) == 0 ||
           (memcmp(address->bytes, zeros, sizeof zeros) == 0 && address->bytes[15] <= 1);
}
