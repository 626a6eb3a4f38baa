/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/listen-socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error-domain.h"
#include "ipc/ipc.h"

enum { LISTEN_BACKLOG = 1024 };

static int
listen_fail(int fd, GError **error, const gchar *what)
{
    error_set_errno(error, IPC_ERROR, errno, "cannot listen on %s", what);
    if (fd >= 0)
        close(fd);
    return -1;
}

int
listen_socket_open_tcp(const Address *address, GError **error)
{
    struct sockaddr_storage name;
    socklen_t len = address_to_sockaddr(address, &name);
    gchar text[ADDRESS_TEXT_MAX];
    int fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1;

    address_format(address, text);
    if (fd < 0)
        return listen_fail(fd, error, text);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    /* "[::]" means IPv6 alone: each listener names its families. */
    if (address->is_v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0)
        return listen_fail(fd, error, text);
    /* Replies are written whole: waiting for more to send only delays them. Accepted
     * sockets inherit the option. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&name, len) != 0 || listen(fd, LISTEN_BACKLOG) != 0)
        return listen_fail(fd, error, text);
    return fd;
}

/* A socket file is stale when nobody answers on it. */
static gboolean
listen_remove_stale(const struct sockaddr_un *name)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gboolean alive;

    if (fd < 0)
        return FALSE;
    alive = connect(fd, (const struct sockaddr *)name, sizeof *name) == 0;
    close(fd);
    return !alive && unlink(name->sun_path) == 0;
}

int
listen_socket_open_unix(const gchar *path, guint mode, GError **error)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof name.sun_path) {
        g_set_error(error, IPC_ERROR, BARID_ERROR_TOO_LARGE,
                    "the path of the socket is too long: %s", path);
        return -1;
    }
    memcpy(name.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return listen_fail(fd, error, path);
    if (bind(fd, (struct sockaddr *)&name, sizeof name) != 0 &&
        (errno != EADDRINUSE || !listen_remove_stale(&name) ||
         bind(fd, (struct sockaddr *)&name, sizeof name) != 0)) {
        errno = errno == 0 ? EADDRINUSE : errno;
        return listen_fail(fd, error, path);
    }
    if (chmod(path, mode) != 0 || listen(fd, LISTEN_BACKLOG) != 0)
        return listen_fail(fd, error, path);
    return fd;
}
