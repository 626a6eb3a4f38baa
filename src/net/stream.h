/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream: a connection with buffered input and output, plain or TLS. Belongs to one
 * fiber. Blocks for input and output come from a pool while they are needed, so that an
 * idle connection costs none.
 *
 * Errors: BARID_ERROR_CLOSED when the peer ended the connection, TIMEOUT and CANCELLED
 * from the fiber, IO otherwise. After an error only stream_free() is of use.
 */
#ifndef STREAM_H
#define STREAM_H

#include "fiber/fiber.h"
#include "net/tls.h"

typedef struct Stream Stream;

/* Takes (fd), a connected stream socket. On failure the descriptor is closed. */
Stream *stream_new(Scheduler *scheduler, int fd, GError **error);
/* Closes at once; output that was not flushed is lost. */
void stream_free(Stream *self);
/* Ends the reading side: a waiting read fails as if the peer had closed. Any fiber of the
 * thread. */
void stream_interrupt(Stream *self);
/* Takes a connection that nothing is buffered for off its scheduler, so that a fiber of any
 * thread may take it up again. */
void stream_detach(Stream *self);
gboolean stream_attach(Stream *self, Scheduler *scheduler, GError **error);
/* As stream_finish(), as far as possible without waiting, and after it if that failed. */
void stream_end(Stream *self);

/* --- input --- */

/* The bytes that have arrived and were not consumed. */
BaridSlice stream_get_input(const Stream *self);
/* Drops (count) of them. */
void stream_consume(Stream *self, gsize count);
/* Waits until there is more input than now. BARID_ERROR_TOO_LARGE when the block is full. */
BARID_SUSPENDS gboolean stream_fill(Stream *self, GError **error);
/* Whether nothing has arrived and the peer has not closed. Looks at the socket, does not
 * wait. */
gboolean stream_is_quiet(const Stream *self);
/* The user at the other end of a unix socket; FALSE for any other connection. */
gboolean stream_get_peer_user(const Stream *self, uid_t *out_uid);
/* Bytes received since the start. */
guint64 stream_get_n_received(const Stream *self);

/* --- output --- */

/* Buffers (bytes); sends when the buffer is full, and whole blocks at once. */
BARID_SUSPENDS gboolean stream_put(Stream *self, BaridSlice bytes, GError **error);
/* Sends all that is buffered. */
BARID_SUSPENDS gboolean stream_flush(Stream *self, GError **error);
/* Sends all that is buffered, and TLS's closing alert with it: nothing is put after it. */
BARID_SUSPENDS gboolean stream_finish(Stream *self, GError **error);

/* --- TLS --- */

/* Handshakes as server. Input that is still buffered is dropped first: it came in the
 * clear (RFC 3207 section 4.2). */
BARID_SUSPENDS gboolean stream_start_tls_server(Stream *self, TlsServer *server, GError **error);
/* Handshakes as client; BARID_ERROR_DENIED: the peer's certificate is not as (options) ask. */
BARID_SUSPENDS gboolean stream_start_tls_client(Stream *self, const TlsClientOptions *options,
                                                GError **error);
/* NULL while plain. */
const TlsInfo *stream_get_tls(const Stream *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stream, stream_free)

#endif
