/* SPDX-License-Identifier: Apache-2.0 */
#include "net/datagram.h"

#include <errno.h>
#include <unistd.h>

#include "base/error-domain.h"
#include "net/net-error.h"

gboolean
datagram_open(Datagram *self, const Address *peer, GError **error)
{
    struct sockaddr_storage storage;
    socklen_t len = address_to_sockaddr(peer, &storage);

    self->fd = socket(peer->is_v6 ? AF_INET6 : AF_INET,
                      SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->fd < 0 || connect(self->fd, (struct sockaddr *)&storage, len) != 0) {
        error_set_errno(error, NET_ERROR, errno, "cannot open a UDP socket");
        if (self->fd >= 0)
            close(self->fd);
        return FALSE;
    }
    if (fiber_watch_init(&self->watch, scheduler_get_current(), self->fd, error))
        return TRUE;
    close(self->fd);
    return FALSE;
}

void
datagram_close(Datagram *self)
{
    fiber_watch_clear(&self->watch);
    close(self->fd);
}

gboolean
datagram_send(Datagram *self, BaridSlice bytes, GError **error)
{
    for (;;) {
        gssize sent = send(self->fd, bytes.data, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent >= 0)
            return TRUE;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (!fiber_watch_wait_writable(&self->watch, error))
                return FALSE;
        } else if (errno != EINTR) {
            error_set_errno(error, NET_ERROR, errno, "cannot send");
            return FALSE;
        }
    }
}

gboolean
datagram_receive(Datagram *self, guint8 *out_bytes, gsize room, gsize *out_len, GError **error)
{
    for (;;) {
        gssize got = recv(self->fd, out_bytes, room, MSG_DONTWAIT);

        if (got >= 0) {
            *out_len = (gsize)got;
            return TRUE;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (!fiber_watch_wait_readable(&self->watch, error))
                return FALSE;
        } else if (errno != EINTR) {
            error_set_errno(error, NET_ERROR, errno, "cannot receive");
            return FALSE;
        }
    }
}
