/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/passed-sockets.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/address.h"
#include "base/log.h"
#include "base/units.h"

enum {
    PASSED_FIRST_FD = 3,
    PASSED_MAX = 1024, /* descriptors */
};

/* --- the environment --- */

guint
passed_sockets_parse(const PassedText *text, pid_t own_pid, gchar ***out_names,
                     const gchar **out_problem)
{
    gint64 pid, count;

    *out_names = NULL;
    *out_problem = NULL;
    if (text->pid == NULL || text->fds == NULL)
        return 0;
    if (units_parse_integer(barid_slice_from_text(text->pid), &pid) != UNITS_OK || pid <= 0) {
        *out_problem = "LISTEN_PID is not the number of a process";
        return 0;
    }
    /* Meant for somebody else, who has started us without care. */
    if (pid != own_pid)
        return 0;
    if (units_parse_integer(barid_slice_from_text(text->fds), &count) != UNITS_OK || count < 0 ||
        count > PASSED_MAX) {
        *out_problem = "LISTEN_FDS is not a number of descriptors from 0 to 1024";
        return 0;
    }
    if (text->names == NULL || count == 0)
        return (guint)count;
    *out_names = g_strsplit(text->names, ":", -1);
    /* Which name belongs to which cannot be known. */
    if (g_strv_length(*out_names) != (guint)count) {
        *out_problem = "LISTEN_FDNAMES has not as many names as LISTEN_FDS says";
        g_clear_pointer(out_names, g_strfreev);
    }
    return (guint)count;
}

/* --- looking at one --- */

static gboolean
passed_has_option(int fd, int level, int option, int wanted)
{
    int value;
    socklen_t len = sizeof value;

    return getsockopt(fd, level, option, &value, &len) == 0 && value == wanted;
}

static const gchar *
passed_find_fault(int fd)
{
    int domain;
    socklen_t len = sizeof domain;

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0)
        return "it is not a socket";
    if (!passed_has_option(fd, SOL_SOCKET, SO_TYPE, SOCK_STREAM))
        return "it is not a stream socket";
    if (domain != AF_UNIX &&
        ((domain != AF_INET && domain != AF_INET6) ||
         (!passed_has_option(fd, SOL_SOCKET, SO_PROTOCOL, IPPROTO_TCP) &&
          !passed_has_option(fd, SOL_SOCKET, SO_PROTOCOL, IPPROTO_MPTCP))))
        return "it is neither of TCP nor a unix socket";
    if (!passed_has_option(fd, SOL_SOCKET, SO_ACCEPTCONN, 1))
        return "it does not listen; with Accept=yes it would be a connection";
    return NULL;
}

/* The kernel does not promise a NUL behind the path. */
static gchar *
passed_dup_unix_address(const struct sockaddr_storage *name, socklen_t len)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)name;
    gsize path_len = len > G_STRUCT_OFFSET(struct sockaddr_un, sun_path)
                         ? len - G_STRUCT_OFFSET(struct sockaddr_un, sun_path)
                         : 0;

    if (path_len > 0 && un->sun_path[0] == '\0') {
        g_autofree gchar *rest = g_strndup(un->sun_path + 1, path_len - 1);

        return g_strconcat("@", rest, NULL);
    }
    return g_strndup(un->sun_path, path_len);
}

gboolean
passed_socket_inspect(PassedSocket *self, int fd, const gchar **out_reason)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof name;
    gchar text[ADDRESS_TEXT_MAX];
    Address address;

    *out_reason = passed_find_fault(fd);
    if (*out_reason == NULL && getsockname(fd, (struct sockaddr *)&name, &len) != 0)
        *out_reason = "it has no address";
    if (*out_reason != NULL)
        return FALSE;
    *self = (PassedSocket){.fd = fd, .is_unix = name.ss_family == AF_UNIX};
    if (self->is_unix) {
        self->address = passed_dup_unix_address(&name, len);
        return TRUE;
    }
    address_from_sockaddr(&name, &address);
    self->address = g_strdup(address_format(&address, text));
    if (g_str_has_prefix(self->address, "[::]:") &&
        passed_has_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0))
        self->ipv4_address = g_strdup_printf("0.0.0.0:%u", address.port);
    return TRUE;
}

/* --- taking them --- */

/* As our own are; what is passed shares its state with the service manager's copy. */
static gboolean
passed_socket_prepare(const PassedSocket *self, const gchar **out_reason)
{
    int flags = fcntl(self->fd, F_GETFL);
    int one = 1;

    if (!self->is_unix)
        setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    *out_reason = "it cannot be made non-blocking";
    return flags >= 0 && fcntl(self->fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

static void
passed_socket_clear(gpointer data)
{
    PassedSocket *self = data;

    close(self->fd);
    g_free(self->name);
    g_free(self->address);
    g_free(self->ipv4_address);
}

/* FALSE when there is no such descriptor. */
static gboolean
passed_sockets_add(PassedSockets *self, int fd, const gchar *name)
{
    PassedSocket socket = {.fd = fd};
    const gchar *reason = "there is no such descriptor; no more are looked at";
    gboolean is_open = fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
    g_autofree gchar *number = NULL;

    if (is_open && passed_socket_inspect(&socket, fd, &reason) &&
        passed_socket_prepare(&socket, &reason)) {
        socket.name = g_strdup(name);
        g_array_append_val(self, socket);
        return TRUE;
    }
    number = g_strdup_printf("%d", fd);
    barid_log(BARID_LOG_WARNING, "socket.refused", "descriptor", number, "name", name, "reason",
              reason, NULL);
    if (is_open)
        passed_socket_clear(&socket);
    return is_open;
}

PassedSockets *
passed_sockets_new_empty(void)
{
    PassedSockets *self = g_array_new(FALSE, FALSE, sizeof(PassedSocket));

    g_array_set_clear_func(self, passed_socket_clear);
    g_unsetenv("LISTEN_PID");
    g_unsetenv("LISTEN_PIDFDID");
    g_unsetenv("LISTEN_FDS");
    g_unsetenv("LISTEN_FDNAMES");
    return self;
}

PassedSockets *
passed_sockets_new(void)
{
    const PassedText text = {g_getenv("LISTEN_PID"), g_getenv("LISTEN_FDS"),
                             g_getenv("LISTEN_FDNAMES")};
    g_auto(GStrv) names = NULL;
    const gchar *problem;
    guint count = passed_sockets_parse(&text, getpid(), &names, &problem);
    /* The texts go with the variables. */
    PassedSockets *self = passed_sockets_new_empty();

    if (problem != NULL)
        barid_log(BARID_LOG_WARNING, "socket.refused", "reason", problem, NULL);
    for (guint i = 0; i < count; i++) {
        if (!passed_sockets_add(self, PASSED_FIRST_FD + (int)i, names == NULL ? "" : names[i]))
            break;
    }
    return self;
}

void
passed_sockets_free(PassedSockets *self)
{
    g_array_free(self, TRUE);
}

/* --- whose they are --- */

int
passed_sockets_find_control(PassedSockets *self, const gchar *path)
{
    for (guint i = 0; i < self->len; i++) {
        PassedSocket *socket = &g_array_index(self, PassedSocket, i);

        if (socket->is_unix && strcmp(socket->address, path) == 0) {
            socket->is_control = TRUE;
            return socket->fd;
        }
    }
    return -1;
}

typedef gboolean (*PassedFits)(const PassedSocket *socket, const ListenWish *wish);

static gboolean
passed_has_address(const PassedSocket *socket, const ListenWish *wish)
{
    return socket->is_unix == wish->is_unix && strcmp(socket->address, wish->address) == 0;
}

static gboolean
passed_has_ipv4_address(const PassedSocket *socket, const ListenWish *wish)
{
    return !wish->is_unix && g_strcmp0(socket->ipv4_address, wish->address) == 0;
}

/* Of its kind only: who comes over a unix socket is somebody of this host. */
static gboolean
passed_has_name(const PassedSocket *socket, const ListenWish *wish)
{
    return socket->is_unix == wish->is_unix && strcmp(socket->name, wish->listener) == 0;
}

static ListenWish *
passed_find_wish(const PassedSocket *socket, ListenWish *wishes, guint n_wishes, PassedFits fits)
{
    for (guint i = 0; i < n_wishes; i++) {
        if (fits(socket, &wishes[i]))
            return &wishes[i];
    }
    return NULL;
}

/* The other addresses of the listener that has got (socket). */
static void
passed_decide_fates(const PassedSocket *socket, const ListenWish *owner, ListenWish *wishes,
                    guint n_wishes)
{
    gboolean is_by_name =
        !passed_has_address(socket, owner) && !passed_has_ipv4_address(socket, owner);

    for (guint i = 0; i < n_wishes; i++) {
        ListenWish *wish = &wishes[i];

        if (strcmp(wish->listener, owner->listener) != 0)
            continue;
        if (passed_has_address(socket, wish) || passed_has_ipv4_address(socket, wish))
            wish->fate = LISTEN_WISH_PASSED;
        else if (is_by_name && wish->is_unix == socket->is_unix && wish->fate == LISTEN_WISH_BIND)
            wish->fate = LISTEN_WISH_REPLACED;
    }
}

ListenWish **
passed_sockets_match(const PassedSockets *self, ListenWish *wishes, guint n_wishes)
{
    static const PassedFits ways[] = {passed_has_address, passed_has_ipv4_address,
                                      passed_has_name};
    ListenWish **owners = g_new0(ListenWish *, MAX(self->len, 1));

    for (guint i = 0; i < n_wishes; i++)
        wishes[i].fate = LISTEN_WISH_BIND;
    for (guint i = 0; i < self->len; i++) {
        const PassedSocket *socket = &g_array_index(self, PassedSocket, i);

        for (guint way = 0; !socket->is_control && owners[i] == NULL && way < G_N_ELEMENTS(ways);
             way++)
            owners[i] = passed_find_wish(socket, wishes, n_wishes, ways[way]);
        if (owners[i] != NULL)
            passed_decide_fates(socket, owners[i], wishes, n_wishes);
    }
    return owners;
}
