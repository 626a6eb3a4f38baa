/* SPDX-License-Identifier: Apache-2.0 */
/* Network addresses: an IP address with port, and CIDR networks. IPv4-mapped IPv6
 * addresses are turned into IPv4 at once, so that one client has one spelling. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include <barid/slice.h>

/* Longest textual form with NUL ("[ffff:...:255.255.255.255]:65535"). */
#define ADDRESS_TEXT_MAX 64

typedef struct {
    gboolean is_v6;
    guint16 port;
    guint8 bytes[16]; /* the first 4 for IPv4 */
} Address;

typedef struct {
    gboolean is_v6;
    guint8 prefix;
    guint8 bytes[16]; /* host bits are zero */
} Network;

/* An address without port. FALSE when it is none. */
gboolean address_parse_ip(BaridSlice text, Address *out_address);
/* "192.0.2.1:25" or "[2001:db8::1]:25". */
gboolean address_parse(BaridSlice text, Address *out_address);
void address_from_sockaddr(const struct sockaddr_storage *sockaddr, Address *out_address);
/* Returns the length of what was filled in. */
socklen_t address_to_sockaddr(const Address *self, struct sockaddr_storage *out_sockaddr);
/* Writes at most ADDRESS_TEXT_MAX bytes; returns (out_text). */
const gchar *address_format_ip(const Address *self, gchar *out_text);
const gchar *address_format(const Address *self, gchar *out_text);
gboolean address_is_loopback(const Address *self);

/* "192.0.2.0/24", "2001:db8::/32" or a bare address. FALSE with bits set past the
 * prefix, since that is mostly a slip. */
gboolean network_parse(BaridSlice text, Network *out_network);
gboolean network_contains(const Network *self, const Address *address);
const gchar *network_format(const Network *self, gchar *out_text);

#endif
