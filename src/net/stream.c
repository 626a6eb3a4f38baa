/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error-domain.h"
#include "net/block-pool.h"
#include "net/tls-wire.h"

struct Stream {
    FiberWatch watch;
    int fd;
    /* The last read took less than it asked for: the next would only say EAGAIN. */
    gboolean drained;
    guint8 *in;
    gsize in_start, in_end;
    guint8 *out;
    gsize out_len;
    guint64 n_received;
    gnutls_session_t tls;
    gboolean said_bye;
    TlsWire wire;
    TlsInfo *tls_info;
};

Stream *
stream_new(Scheduler *scheduler, int fd, GError **error)
{
    Stream *self = g_new0(Stream, 1);

    self->fd = fd;
    /* What has come already is told by the first event: no need to look for it. */
    self->drained = TRUE;
    if (!fiber_watch_init(&self->watch, scheduler, fd, error)) {
        close(fd);
        g_free(self);
        return NULL;
    }
    return self;
}

gboolean
stream_get_peer_user(const Stream *self, uid_t *out_uid)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    int domain = 0;
    socklen_t domain_len = sizeof domain;

    if (getsockopt(self->fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len) != 0 ||
        domain != AF_UNIX || getsockopt(self->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return FALSE;
    *out_uid = peer.uid;
    return TRUE;
}

void
stream_free(Stream *self)
{
    if (self == NULL)
        return;
    if (self->tls != NULL)
        gnutls_deinit(self->tls);
    tls_wire_clear(&self->wire);
    g_free(self->tls_info);
    block_give(self->in);
    block_give(self->out);
    /* Closing the last descriptor also leaves the epoll set: one system call less. */
    close(self->fd);
    g_free(self);
}

void
stream_interrupt(Stream *self)
{
    shutdown(self->fd, SHUT_RD);
}

void
stream_detach(Stream *self)
{
    g_assert(self->in_start == self->in_end && self->out_len == 0);
    fiber_watch_clear(&self->watch);
}

gboolean
stream_attach(Stream *self, Scheduler *scheduler, GError **error)
{
    /* The first event tells what has come, as with a new one. */
    self->drained = TRUE;
    self->wire.drained = self->tls != NULL;
    return fiber_watch_init(&self->watch, scheduler, self->fd, error);
}

/* The alert is gathered, and leaves with the last bytes before it. Once. */
static void
stream_say_bye(Stream *self)
{
    if (!self->said_bye)
        gnutls_bye(self->tls, GNUTLS_SHUT_WR);
    self->said_bye = TRUE;
}

void
stream_end(Stream *self)
{
    if (self->tls != NULL) {
        self->wire.gathers = TRUE;
        if (self->out_len > 0)
            gnutls_record_send(self->tls, self->out, self->out_len);
        stream_say_bye(self);
        tls_wire_send(&self->wire);
    } else if (self->out_len > 0) {
        gssize ignored = send(self->fd, self->out, self->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);

        (void)ignored;
    }
    self->out_len = 0;
}

BaridSlice
stream_get_input(const Stream *self)
{
    return barid_slice(self->in + self->in_start, self->in_end - self->in_start);
}

gboolean
stream_is_quiet(const Stream *self)
{
    guint8 byte;

    if (self->in_end > self->in_start ||
        (self->tls != NULL &&
         (gnutls_record_check_pending(self->tls) > 0 || tls_wire_has_input(&self->wire))))
        return FALSE;
    return recv(self->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}

guint64
stream_get_n_received(const Stream *self)
{
    return self->n_received;
}

void
stream_consume(Stream *self, gsize count)
{
    g_assert(count <= self->in_end - self->in_start);
    self->in_start += count;
    if (self->in_start == self->in_end) {
        self->in_start = 0;
        self->in_end = 0;
    }
}

/* Makes room behind the input; FALSE when the block is full of it. */
static gboolean
stream_make_room(Stream *self)
{
    if (self->in == NULL)
        self->in = block_take();
    if (self->in_end < BLOCK_BYTES)
        return TRUE;
    if (self->in_start == 0)
        return FALSE;
    memmove(self->in, self->in + self->in_start, self->in_end - self->in_start);
    self->in_end -= self->in_start;
    self->in_start = 0;
    return TRUE;
}

static gboolean
stream_is_drained(const Stream *self)
{
    return self->tls != NULL ? self->wire.drained && !tls_wire_has_input(&self->wire) &&
                                   gnutls_record_check_pending(self->tls) == 0
                             : self->drained;
}

/* Nothing to read: the block goes back to the pool while we wait. */
static gboolean
stream_wait_readable(Stream *self, GError **error)
{
    if (self->in_end == 0 && self->in != NULL) {
        block_give(self->in);
        self->in = NULL;
    }
    self->drained = FALSE;
    self->wire.drained = FALSE;
    return fiber_watch_wait_idle(&self->watch, error);
}

static gssize
stream_receive_plain(Stream *self)
{
    gsize room = BLOCK_BYTES - self->in_end;
    gssize got = recv(self->fd, self->in + self->in_end, room, MSG_DONTWAIT);

    /* With edge-triggered events a short read is as good as EAGAIN (epoll(7)), unless one
     * edge told of both the last bytes and the end: then there is no other to wait for. */
    self->drained = got > 0 && (gsize)got < room && !self->watch.hung_up;
    return got;
}

/* As recv(): -1 with errno. GnuTLS buffers records itself, and says "again" after a message of
 * its own too, such as a session ticket of TLS 1.3, when nothing has to be waited for. */
static gssize
stream_receive_tls(Stream *self)
{
    gssize got;

    self->wire.blocked = FALSE;
    got = gnutls_record_recv(self->tls, self->in + self->in_end, BLOCK_BYTES - self->in_end);
    if (got >= 0)
        return got;
    /* GnuTLS answers the peer's own messages when we send. Should it ever do so here and find no
     * room, trying again would keep the thread busy for as long as the peer does not read. */
    if (got == GNUTLS_E_AGAIN)
        errno = self->wire.blocked                            ? EAGAIN
                : gnutls_record_get_direction(self->tls) == 0 ? EINTR
                                                              : EPROTO;
    else if (got == GNUTLS_E_INTERRUPTED || !gnutls_error_is_fatal((int)got))
        errno = EINTR;
    else if (got == GNUTLS_E_PREMATURE_TERMINATION)
        return 0;
    else
        errno = EPROTO;
    return -1;
}

gboolean
stream_fill(Stream *self, GError **error)
{
    if (stream_is_drained(self) && !stream_wait_readable(self, error))
        return FALSE;
    for (;;) {
        gssize got;

        if (!stream_make_room(self)) {
            g_set_error_literal(error, NET_ERROR, BARID_ERROR_TOO_LARGE, "too much input at once");
            return FALSE;
        }
        got = self->tls != NULL ? stream_receive_tls(self) : stream_receive_plain(self);
        if (got > 0) {
            self->in_end += (gsize)got;
            self->n_received += (guint64)got;
            return TRUE;
        }
        if (got == 0) {
            g_set_error_literal(error, NET_ERROR, BARID_ERROR_CLOSED, "the peer closed");
            return FALSE;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            error_set_errno(error, NET_ERROR, errno, "cannot receive");
            return FALSE;
        }
        if (!stream_wait_readable(self, error))
            return FALSE;
    }
}

static gssize
stream_send_some(Stream *self, const guint8 *data, gsize len)
{
    gssize sent;

    if (self->tls == NULL)
        return send(self->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    sent = gnutls_record_send(self->tls, data, len);
    if (sent >= 0)
        return sent;
    errno = sent == GNUTLS_E_AGAIN ? EAGAIN : sent == GNUTLS_E_INTERRUPTED ? EINTR : EPIPE;
    return -1;
}

/* After a send that failed with errno: waits until it can be tried again. */
static gboolean
stream_wait_sendable(Stream *self, GError **error)
{
    gboolean gone = errno == EPIPE || errno == ECONNRESET;

    if (errno == EINTR)
        return TRUE;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return fiber_watch_wait_writable(&self->watch, error);
    g_set_error(error, NET_ERROR, gone ? BARID_ERROR_CLOSED : BARID_ERROR_IO, "cannot send: %s",
                g_strerror(errno));
    return FALSE;
}

static gboolean
stream_send_wire(Stream *self, GError **error)
{
    while (!tls_wire_send(&self->wire)) {
        if (!stream_wait_sendable(self, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
stream_send_all(Stream *self, BaridSlice bytes, GError **error)
{
    while (bytes.len > 0) {
        gssize sent = stream_send_some(self, bytes.data, bytes.len);

        if (sent > 0) {
            bytes.data += sent;
            bytes.len -= (gsize)sent;
        } else if (sent < 0 && !stream_wait_sendable(self, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* To the socket, or what TLS gathers. */
static gboolean
stream_send_output(Stream *self, GError **error)
{
    gboolean ok;

    if (self->out_len == 0)
        return TRUE;
    ok = stream_send_all(self, barid_slice(self->out, self->out_len), error);
    self->out_len = 0;
    block_give(self->out);
    self->out = NULL;
    return ok;
}

gboolean
stream_flush(Stream *self, GError **error)
{
    return stream_send_output(self, error) && stream_send_wire(self, error);
}

gboolean
stream_finish(Stream *self, GError **error)
{
    self->wire.gathers = TRUE;
    if (!stream_send_output(self, error))
        return FALSE;
    if (self->tls != NULL)
        stream_say_bye(self);
    return stream_send_wire(self, error);
}

gboolean
stream_put(Stream *self, BaridSlice bytes, GError **error)
{
    while (bytes.len > 0) {
        gsize part;

        /* Whole blocks need not be copied first. */
        if (self->out_len == 0 && bytes.len >= BLOCK_BYTES) {
            part = bytes.len - bytes.len % BLOCK_BYTES;
            if (!stream_send_all(self, barid_slice(bytes.data, part), error))
                return FALSE;
            bytes = barid_slice(bytes.data + part, bytes.len - part);
            continue;
        }
        if (self->out == NULL)
            self->out = block_take();
        part = MIN(bytes.len, BLOCK_BYTES - self->out_len);
        memcpy(self->out + self->out_len, bytes.data, part);
        self->out_len += part;
        bytes.data += part;
        bytes.len -= part;
        if (self->out_len == BLOCK_BYTES && !stream_flush(self, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
stream_handshake(Stream *self, gnutls_session_t session, GError **error)
{
    int code;

    self->wire.gathers = TRUE;
    while ((code = gnutls_handshake(session)) < 0) {
        if (gnutls_error_is_fatal(code)) {
            gnutls_alert_send_appropriate(session, code);
            tls_wire_send(&self->wire);
            tls_set_handshake_error(error, session, code);
            return FALSE;
        }
        if (!stream_send_wire(self, error))
            return FALSE;
        if (self->wire.blocked) {
            self->wire.blocked = FALSE;
            self->wire.drained = FALSE;
            if (!fiber_watch_wait_readable(&self->watch, error))
                return FALSE;
        }
    }
    self->wire.gathers = FALSE;
    return stream_send_wire(self, error);
}

/* Takes (session) when the handshake succeeds, else ends it. */
static gboolean
stream_take_session(Stream *self, gnutls_session_t session, GError **error)
{
    if (session == NULL)
        return FALSE;
    tls_wire_attach(&self->wire, session, &self->watch, self->fd);
    if (!stream_handshake(self, session, error)) {
        gnutls_deinit(session);
        return FALSE;
    }
    self->tls = session;
    self->tls_info = g_new0(TlsInfo, 1);
    tls_info_read(session, self->tls_info);
    return TRUE;
}

static void
stream_drop_input(Stream *self)
{
    g_assert(self->tls == NULL && self->out_len == 0);
    self->in_start = 0;
    self->in_end = 0;
    self->drained = FALSE;
}

gboolean
stream_start_tls_server(Stream *self, TlsServer *server, GError **error)
{
    stream_drop_input(self);
    if (!stream_take_session(self, tls_server_open_session(server, error), error))
        return FALSE;
    /* Nobody waits for the ticket: it goes with the first reply. */
    self->wire.gathers = TRUE;
    tls_server_send_ticket(self->tls);
    self->wire.gathers = FALSE;
    return TRUE;
}

gboolean
stream_start_tls_client(Stream *self, const TlsClientOptions *options, GError **error)
{
    stream_drop_input(self);
    return stream_take_session(self, tls_client_open_session(options, error), error);
}

const TlsInfo *
stream_get_tls(const Stream *self)
{
    return self->tls_info;
}
