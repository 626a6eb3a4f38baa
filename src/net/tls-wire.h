/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TlsWire: the encrypted bytes between a TLS session and its socket. What has arrived is read
 * in blocks rather than record by record, and what a handshake says is gathered and sent at
 * once. Blocks come from the pool while there is something in them. Never waits.
 */
#ifndef TLS_WIRE_H
#define TLS_WIRE_H

#include <gnutls/gnutls.h>

#include "fiber/fiber.h"

typedef struct {
    const FiberWatch *watch;
    int fd;
    gboolean drained; /* the socket had no more when it was read: the next edge will tell */
    gboolean blocked; /* the session asked for more than there was */
    gboolean gathers; /* output waits for tls_wire_send() */
    guint8 *in;
    gsize in_start, in_end;
    guint8 *out;
    gsize out_start, out_end;
} TlsWire;

/* Lets (session) read from and write to (fd), which (watch) watches; both are borrowed, and
 * (self) must stay where it is. */
void tls_wire_attach(TlsWire *self, gnutls_session_t session, const FiberWatch *watch, int fd);
void tls_wire_clear(TlsWire *self);
/* Whether bytes have been read that the session has not taken. */
gboolean tls_wire_has_input(const TlsWire *self);
/* Sends what was gathered. FALSE with errno, EAGAIN when the socket takes no more now. */
gboolean tls_wire_send(TlsWire *self);

#endif
