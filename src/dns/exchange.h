/* SPDX-License-Identifier: Apache-2.0 */
/* One question to one name server and its reply, over UDP or TCP. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "base/buffer.h"
#include "dns/packet.h"
#include "net/stream.h"

typedef enum { EXCHANGE_UDP, EXCHANGE_TCP } ExchangeVia;

/* Asks (question), whose id is chosen here, and waits at most (timeout_ms) for a reply that
 * matches; others are passed over. (reply), with room for DNS_REPLY_MAX bytes, holds what
 * (*out_packet) points to. Errors: TIMEOUT, CANCELLED, CLOSED, IO; INVALID for a reply that
 * is broken. */
BARID_SUSPENDS gboolean exchange_run(const Address *server, ExchangeVia via, gint64 timeout_ms,
                                     DnsQuestion *question, Buffer *reply, Packet *out_packet,
                                     GError **error);
/* The same over a connection, with the id that (question) has. */
BARID_SUSPENDS gboolean exchange_talk(Stream *stream, DnsQuestion *question, Buffer *reply,
                                      Packet *out_packet, GError **error);

#endif
