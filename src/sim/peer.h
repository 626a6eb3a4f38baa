/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers: the next hops of a simulation. Every connection that would leave the process comes
 * here; one to an address that no peer has is refused.
 *
 *   peer: NAME-or-IP[:PORT]      or unix:PATH; a NAME has the addresses of the zone text
 *       offers: STARTTLS, SIZE   what EHLO offers (default: PIPELINING, 8BITMIME,
 *                                ENHANCEDSTATUSCODES)
 *       rcpt 550 5.1.1 no        what is answered at a stage: greeting, ehlo, helo, lhlo,
 *       rcpt bob@x.example 452 later          starttls, auth, mail, rcpt, data, content, rset,
 *       content close                         quit; "close" and "silence" instead of a reply
 *       connect timeout          or: refused
 *
 * Several answers of a stage are given one after another; the last one stays.
 */
#ifndef PEER_H
#define PEER_H

#include "dns/resolver.h"
#include "net/connector.h"
#include "sim/mailbox-log.h"

typedef struct Peers Peers;

/* All borrowed. (group) is where the peers' fibers run. */
Peers *peers_new(MailboxLog *log, DnsResolver *resolver, FiberGroup *group);
/* No fiber of theirs may be left. */
void peers_free(Peers *self);
/* Adds the peer (name) with the lines of (block), which may be NULL. */
gboolean peers_add(Peers *self, const gchar *name, const gchar *block, GError **error);
/* What the peer has got so far, a line each; NULL when there is no such peer. */
const GPtrArray *peers_get_received(const Peers *self, const gchar *name);
/* For connector_set_dial(); (peers) is what it says. */
BARID_SUSPENDS Stream *peers_dial(const Endpoint *endpoint, const Address *source,
                                  Address *out_local, gpointer peers, GError **error);

#endif
