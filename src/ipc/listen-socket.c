/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/listen-socket.h"

#include <errno.h>
#include <fcntl.h>
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

/* --- unix sockets --- */

/* The calls that take the address of a unix socket take no folder; this path names it. */
static gboolean
listen_get_name(int folder_fd, const gchar *path, struct sockaddr_un *out_name)
{
    g_autofree gchar *file = g_path_get_basename(path);
    int len;

    *out_name = (struct sockaddr_un){.sun_family = AF_UNIX};
    len = g_snprintf(out_name->sun_path, sizeof out_name->sun_path, "/proc/self/fd/%d/%s",
                     folder_fd, file);
    return len >= 0 && (gsize)len < sizeof out_name->sun_path;
}

static gboolean
listen_is_socket(int folder_fd, const gchar *file)
{
    struct stat info;

    return fstatat(folder_fd, file, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(info.st_mode);
}

/* A socket file is stale when nobody answers on it. */
static gboolean
listen_remove_stale(int folder_fd, const gchar *file, const struct sockaddr_un *name)
{
    gboolean is_stale;
    int fd;

    if (!listen_is_socket(folder_fd, file)) {
        errno = EEXIST;
        return FALSE;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return FALSE;
    is_stale = connect(fd, (const struct sockaddr *)name, sizeof *name) != 0 &&
               errno == ECONNREFUSED;
    close(fd);
    errno = EADDRINUSE;
    return is_stale && unlinkat(folder_fd, file, 0) == 0;
}

/* The mode is right from the first moment: there is no path to be changed afterwards. */
static gboolean
listen_bind(int fd, const struct sockaddr_un *name, guint mode)
{
    mode_t before = umask((mode_t)(0777 & ~mode));
    gboolean ok = bind(fd, (const struct sockaddr *)name, sizeof *name) == 0;

    umask(before);
    return ok;
}

int
listen_socket_open_unix(int folder_fd, const gchar *path, guint mode, GError **error)
{
    g_autofree gchar *file = g_path_get_basename(path);
    struct sockaddr_un name;
    int fd;

    /* Clients reach it by its whole path only. */
    if (strlen(path) >= sizeof name.sun_path || !listen_get_name(folder_fd, path, &name)) {
        g_set_error(error, IPC_ERROR, BARID_ERROR_TOO_LARGE,
                    "the path of the socket is too long: %s", path);
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return listen_fail(fd, error, path);
    if (!listen_bind(fd, &name, mode) &&
        (errno != EADDRINUSE || !listen_remove_stale(folder_fd, file, &name) ||
         !listen_bind(fd, &name, mode)))
        return listen_fail(fd, error, path);
    if (listen(fd, LISTEN_BACKLOG) != 0)
        return listen_fail(fd, error, path);
    return fd;
}

/* The folder may be one where others write: what is given is what was looked at, and is a
 * socket of ours that has no second name. */
gboolean
listen_socket_give_unix(int folder_fd, const gchar *path, uid_t uid, gid_t gid, GError **error)
{
    g_autofree gchar *file = g_path_get_basename(path);
    int fd = openat(folder_fd, file, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;
    gboolean ok = fd >= 0 && fstat(fd, &info) == 0;

    if (ok && (!S_ISSOCK(info.st_mode) || info.st_uid != geteuid() || info.st_nlink != 1)) {
        errno = EPERM;
        ok = FALSE;
    }
    ok = ok && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == 0;
    if (!ok)
        error_set_errno(error, IPC_ERROR, errno, "cannot give away %s", path);
    if (fd >= 0)
        close(fd);
    return ok;
}

void
listen_socket_remove_unix(int folder_fd, const gchar *path)
{
    g_autofree gchar *file = g_path_get_basename(path);

    if (listen_is_socket(folder_fd, file))
        (void)unlinkat(folder_fd, file, 0);
}
