/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TlsExchange: questions to one name server over TLS (RFC 7858). The server must show a
 * certificate for its name or, without a name, for its address, or it is not asked (RFC 8310
 * section 5: the strict profile). Connections are kept for a while, for the next questions of
 * whatever thread.
 */
#ifndef TLS_EXCHANGE_H
#define TLS_EXCHANGE_H

#include "dns/exchange.h"
#include "net/tls.h"

enum { TLS_EXCHANGE_PORT = 853 };

typedef struct TlsExchange TlsExchange;

/* (name) may be NULL; takes a reference to (trust). */
TlsExchange *tls_exchange_new(const Address *server, const gchar *name, TlsTrust *trust);
/* No question is under way any more. */
void tls_exchange_free(TlsExchange *self);
/* As exchange_run(); DENIED: the certificate is not what it should be. (*out_n_handshakes) says
 * how many there were. */
BARID_SUSPENDS gboolean tls_exchange_run(TlsExchange *self, gint64 timeout_ms,
                                         DnsQuestion *question, Buffer *reply, Packet *out_packet,
                                         guint *out_n_handshakes, GError **error);

#endif
