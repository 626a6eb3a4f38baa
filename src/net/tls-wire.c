/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls-wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "net/block-pool.h"

/* --- input --- */

/* Reads a block when there is nothing left of the last one. As recv(). */
static gssize
wire_receive(TlsWire *self)
{
    gssize got;

    if (self->drained) {
        errno = EAGAIN;
        return -1;
    }
    if (self->in == NULL)
        self->in = block_take();
    got = recv(self->fd, self->in, BLOCK_BYTES, MSG_DONTWAIT);
    /* A short read is as good as EAGAIN (epoll(7)), unless one edge told of both the last bytes
     * and the end: then there is no other to wait for. */
    self->drained = (got > 0 && got < BLOCK_BYTES && !self->watch->hung_up) ||
                    (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
    self->in_start = 0;
    self->in_end = got > 0 ? (gsize)got : 0;
    return got;
}

/* Keeps errno: what comes before may have set it for the session. */
static void
wire_release_input(TlsWire *self)
{
    if (self->in_start < self->in_end)
        return;
    block_give(self->in);
    self->in = NULL;
    self->in_start = 0;
    self->in_end = 0;
}

static ssize_t
wire_pull(gnutls_transport_ptr_t data, void *to, size_t len)
{
    TlsWire *self = data;

    if (self->in_start == self->in_end) {
        gssize got = wire_receive(self);

        if (got <= 0) {
            int code = errno;

            self->blocked = got < 0 && (code == EAGAIN || code == EWOULDBLOCK);
            wire_release_input(self);
            errno = code;
            return got;
        }
    }
    len = MIN(len, self->in_end - self->in_start);
    memcpy(to, self->in + self->in_start, len);
    self->in_start += len;
    wire_release_input(self);
    return (ssize_t)len;
}

/* GnuTLS asks whether a read would find something; it gets the time, which is not needed. */
static int
wire_pull_timeout(gnutls_transport_ptr_t data, unsigned ms G_GNUC_UNUSED)
{
    const TlsWire *self = data;

    return tls_wire_has_input(self) || !self->drained ? 1 : 0;
}

gboolean
tls_wire_has_input(const TlsWire *self)
{
    return self->in_start < self->in_end;
}

/* --- output --- */

gboolean
tls_wire_send(TlsWire *self)
{
    while (self->out_start < self->out_end) {
        gssize sent = send(self->fd, self->out + self->out_start, self->out_end - self->out_start,
                           MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent >= 0)
            self->out_start += (gsize)sent;
        else if (errno != EINTR)
            return FALSE;
    }
    block_give(self->out);
    self->out = NULL;
    self->out_start = 0;
    self->out_end = 0;
    return TRUE;
}

/* As many of the bytes as find room; fewer only when the socket takes no more either. */
static gsize
wire_gather(TlsWire *self, const guint8 *data, gsize len)
{
    gsize taken = 0;

    while (taken < len) {
        gsize part;

        if (self->out == NULL)
            self->out = block_take();
        part = MIN(len - taken, BLOCK_BYTES - self->out_end);
        memcpy(self->out + self->out_end, data + taken, part);
        self->out_end += part;
        taken += part;
        if (self->out_end == BLOCK_BYTES && !tls_wire_send(self))
            break;
    }
    return taken;
}

static ssize_t
wire_push(gnutls_transport_ptr_t data, const giovec_t *pieces, int n_pieces)
{
    TlsWire *self = data;
    gsize taken = 0;

    if (!self->gathers && self->out_end == 0) {
        struct msghdr message = {.msg_iov = (struct iovec *)(guintptr)pieces,
                                 .msg_iovlen = (size_t)n_pieces};

        return sendmsg(self->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    for (int i = 0; i < n_pieces; i++) {
        gsize part = wire_gather(self, pieces[i].iov_base, pieces[i].iov_len);

        taken += part;
        if (part < pieces[i].iov_len)
            break;
    }
    /* errno is that of the send that took nothing. */
    return taken > 0 ? (ssize_t)taken : -1;
}

/* --- life --- */

void
tls_wire_attach(TlsWire *self, gnutls_session_t session, const FiberWatch *watch, int fd)
{
    self->watch = watch;
    self->fd = fd;
    gnutls_transport_set_ptr(session, self);
    gnutls_transport_set_pull_function(session, wire_pull);
    gnutls_transport_set_pull_timeout_function(session, wire_pull_timeout);
    gnutls_transport_set_vec_push_function(session, wire_push);
}

void
tls_wire_clear(TlsWire *self)
{
    block_give(self->in);
    block_give(self->out);
    memset(self, 0, sizeof *self);
}
