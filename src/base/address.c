/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include <arpa/inet.h>

#include "base/text.h"
#include "base/units.h"

static gboolean
address_take_text(BaridSlice slice, gchar *out_text)
{
    if (slice.len == 0 || slice.len >= INET6_ADDRSTRLEN || text_find(slice, 0) >= 0)
        return FALSE;
    memcpy(out_text, slice.data, slice.len);
    out_text[slice.len] = '\0';
    return TRUE;
}

/* RFC 4291 section 2.5.5.2. */
static void
address_unmap(Address *self)
{
    static const guint8 mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (!self->is_v6 || memcmp(self->bytes, mapped, sizeof mapped) != 0)
        return;
    self->is_v6 = FALSE;
    memmove(self->bytes, self->bytes + 12, 4);
    memset(self->bytes + 4, 0, 12);
}

gboolean
address_parse_ip(BaridSlice text, Address *out_address)
{
    gchar copy[INET6_ADDRSTRLEN];
    Address address = {0};

    if (!address_take_text(text, copy))
        return FALSE;
    if (inet_pton(AF_INET, copy, address.bytes) != 1) {
        address.is_v6 = TRUE;
        if (inet_pton(AF_INET6, copy, address.bytes) != 1)
            return FALSE;
        address_unmap(&address);
    }
    *out_address = address;
    return TRUE;
}

gboolean
address_parse(BaridSlice text, Address *out_address)
{
    gssize colon = text_find_last(text, ':');
    BaridSlice host;
    BaridSlice digits;
    Address address;
    gint64 port;

    if (colon < 0)
        return FALSE;
    host = barid_slice(text.data, (gsize)colon);
    digits = barid_slice(text.data + colon + 1, text.len - (gsize)colon - 1);
    if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']') {
        host = barid_slice(host.data + 1, host.len - 2);
    } else if (text_find(host, ':') >= 0) {
        return FALSE;
    }
    if (!address_parse_ip(host, &address))
        return FALSE;
    if (units_parse_integer(digits, &port) != UNITS_OK || port < 0 || port > G_MAXUINT16)
        return FALSE;
    address.port = (guint16)port;
    *out_address = address;
    return TRUE;
}

void
address_from_sockaddr(const struct sockaddr_storage *sockaddr, Address *out_address)
{
    Address address = {0};

    if (sockaddr->ss_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, sockaddr, sizeof in);
        memcpy(address.bytes, &in.sin_addr, 4);
        address.port = ntohs(in.sin_port);
    } else if (sockaddr->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, sockaddr, sizeof in6);
        address.is_v6 = TRUE;
        memcpy(address.bytes, &in6.sin6_addr, 16);
        address.port = ntohs(in6.sin6_port);
        address_unmap(&address);
    }
    *out_address = address;
}

socklen_t
address_to_sockaddr(const Address *self, struct sockaddr_storage *out_sockaddr)
{
    memset(out_sockaddr, 0, sizeof *out_sockaddr);
    if (self->is_v6) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(self->port)};

        memcpy(&in6.sin6_addr, self->bytes, 16);
        memcpy(out_sockaddr, &in6, sizeof in6);
        return sizeof in6;
    }
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(self->port)};

    memcpy(&in.sin_addr, self->bytes, 4);
    memcpy(out_sockaddr, &in, sizeof in);
    return sizeof in;
}

const gchar *
address_format_ip(const Address *self, gchar *out_text)
{
    return inet_ntop(self->is_v6 ? AF_INET6 : AF_INET, self->bytes, out_text, ADDRESS_TEXT_MAX);
}

const gchar *
address_format(const Address *self, gchar *out_text)
{
    gchar ip[ADDRESS_TEXT_MAX];

    address_format_ip(self, ip);
    g_snprintf(out_text, ADDRESS_TEXT_MAX, self->is_v6 ? "[%s]:%u" : "%s:%u", ip, self->port);
    return out_text;
}

gboolean
address_is_loopback(const Address *self)
{
    static const guint8 loopback6[16] = {[15] = 1};

    if (!self->is_v6)
        return self->bytes[0] == 127;
    return memcmp(self->bytes, loopback6, sizeof loopback6) == 0;
}

/* Whether the first (prefix) bits of both are equal. */
static gboolean
network_bits_equal(const guint8 *a, const guint8 *b, guint prefix)
{
    guint whole = prefix / 8;
    guint rest = prefix % 8;

    if (memcmp(a, b, whole) != 0)
        return FALSE;
    return rest == 0 || ((a[whole] ^ b[whole]) & (0xff << (8 - rest)) & 0xff) == 0;
}

gboolean
network_parse(BaridSlice text, Network *out_network)
{
    gssize slash = text_find(text, '/');
    BaridSlice ip = slash < 0 ? text : barid_slice(text.data, (gsize)slash);
    Address address;
    Network network = {0};
    guint8 masked[16] = {0};
    gint64 prefix;
    gint64 longest;

    if (!address_parse_ip(ip, &address))
        return FALSE;
    longest = address.is_v6 ? 128 : 32;
    prefix = longest;
    if (slash >= 0) {
        BaridSlice digits = barid_slice(text.data + slash + 1, text.len - (gsize)slash - 1);

        if (units_parse_integer(digits, &prefix) != UNITS_OK || prefix < 0 || prefix > longest)
            return FALSE;
    }
    for (gint64 bit = 0; bit < prefix; bit++)
        masked[bit / 8] =
            (guint8)(masked[bit / 8] | (address.bytes[bit / 8] & (0x80 >> (bit % 8))));
    if (memcmp(masked, address.bytes, sizeof masked) != 0)
        return FALSE;
    network.is_v6 = address.is_v6;
    network.prefix = (guint8)prefix;
    memcpy(network.bytes, masked, sizeof masked);
    *out_network = network;
    return TRUE;
}

gboolean
network_contains(const Network *self, const Address *address)
{
    return self->is_v6 == address->is_v6 &&
           network_bits_equal(self->bytes, address->bytes, self->prefix);
}

const gchar *
network_format(const Network *self, gchar *out_text)
{
    gchar ip[ADDRESS_TEXT_MAX];

    inet_ntop(self->is_v6 ? AF_INET6 : AF_INET, self->bytes, ip, sizeof ip);
    g_snprintf(out_text, ADDRESS_TEXT_MAX, "%s/%u", ip, self->prefix);
    return out_text;
}
