/* SPDX-License-Identifier: Apache-2.0 */
#include "net/connector.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error-domain.h"

/* The seam: set before the first fiber runs. */
static ConnectorDial connector_dial;
static gpointer connector_dial_data;

void
connector_set_dial(ConnectorDial dial, gpointer data)
{
    connector_dial = dial;
    connector_dial_data = data;
}

const gchar *
endpoint_format(const Endpoint *self, gchar *out_text)
{
    gchar address[ADDRESS_TEXT_MAX];

    g_strlcpy(out_text, self->unix_path != NULL ? self->unix_path
                                                : address_format(&self->address, address),
              ENDPOINT_TEXT_MAX);
    return out_text;
}

static gboolean
connector_fail(int errnum, GError **error)
{
    error_set_errno(error, NET_ERROR, errnum, "cannot connect");
    return FALSE;
}

static gboolean
connector_bind(int fd, const Address *source, GError **error)
{
    struct sockaddr_storage storage;
    Address own;
    socklen_t len;

    if (source == NULL)
        return TRUE;
    own = *source;
    own.port = 0;
    len = address_to_sockaddr(&own, &storage);
    if (bind(fd, (struct sockaddr *)&storage, len) == 0)
        return TRUE;
    error_set_errno(error, NET_ERROR, errno, "cannot use the source address");
    return FALSE;
}

static gboolean
connector_wait(int fd, GError **error)
{
    FiberWatch watch;
    gboolean ok;
    int result = 0;
    socklen_t len = sizeof result;

    if (!fiber_watch_init(&watch, scheduler_get_current(), fd, error))
        return FALSE;
    /* The first edge may be the one of the registration itself, before the answer. */
    do {
        struct sockaddr_storage peer;
        socklen_t peer_len = sizeof peer;

        ok = fiber_watch_wait_writable(&watch, error);
        if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0)
            break;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &len);
    } while (ok && result == 0);
    fiber_watch_clear(&watch);
    return ok && (result == 0 || connector_fail(result, error));
}

static gboolean
connector_connect_unix(int fd, const gchar *path, GError **error)
{
    struct sockaddr_un peer = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof peer.sun_path)
        return connector_fail(ENAMETOOLONG, error);
    memcpy(peer.sun_path, path, strlen(path));
    return connect(fd, (struct sockaddr *)&peer, sizeof peer) == 0 || connector_fail(errno, error);
}

static gboolean
connector_connect_tcp(int fd, const Address *address, GError **error)
{
    struct sockaddr_storage peer;
    socklen_t len = address_to_sockaddr(address, &peer);
    int on = 1;

    /* Whole groups of commands are written at once: waiting for more gains nothing. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&peer, len) == 0)
        return TRUE;
    if (errno != EINPROGRESS)
        return connector_fail(errno, error);
    return connector_wait(fd, error);
}

static void
connector_get_local(int fd, Address *out_local)
{
    struct sockaddr_storage own;
    socklen_t len = sizeof own;

    memset(out_local, 0, sizeof *out_local);
    if (getsockname(fd, (struct sockaddr *)&own, &len) == 0 &&
        (own.ss_family == AF_INET || own.ss_family == AF_INET6))
        address_from_sockaddr(&own, out_local);
}

Stream *
connector_open(const Endpoint *endpoint, const Address *source, Address *out_local, GError **error)
{
    int family = endpoint->unix_path != NULL ? AF_UNIX
                 : endpoint->address.is_v6   ? AF_INET6
                                             : AF_INET;
    int fd;
    gboolean ok;

    if (connector_dial != NULL)
        return connector_dial(endpoint, source, out_local, connector_dial_data, error);
    fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        connector_fail(errno, error);
        return NULL;
    }
    if (endpoint->unix_path != NULL)
        ok = connector_connect_unix(fd, endpoint->unix_path, error);
    else
        ok = connector_bind(fd, source, error) &&
             connector_connect_tcp(fd, &endpoint->address, error);
    if (!ok) {
        close(fd);
        return NULL;
    }
    connector_get_local(fd, out_local);
    return stream_new(scheduler_get_current(), fd, error);
}

gboolean
connector_open_pair(Stream *out_ends[2], GError **error)
{
    Stream *first, *second;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return connector_fail(errno, error);
    first = stream_new(scheduler_get_current(), fds[0], error);
    if (first == NULL) {
        close(fds[1]);
        return FALSE;
    }
    second = stream_new(scheduler_get_current(), fds[1], error);
    if (second == NULL) {
        stream_free(first);
        return FALSE;
    }
    out_ends[0] = first;
    out_ends[1] = second;
    return TRUE;
}
