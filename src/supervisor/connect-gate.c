/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/connect-gate.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    GATE_NOTE_BYTES = 1024, /* room for what a later kernel adds to a note */
    GATE_GROUPS_MAX = 256,
};

struct ConnectGate {
    pid_t pid;
    int pid_fd;
    int notify_fd;
    uid_t uid;
    gid_t gid;
    gid_t groups[GATE_GROUPS_MAX], own_groups[GATE_GROUPS_MAX];
    int n_groups, n_own_groups;
    guint8 ports[(G_MAXUINT16 + 1) / 8]; /* a bit a port */
};

/* One connect() on its way. */
typedef struct {
    int fd; /* the worker's socket, our copy */
    struct sockaddr_storage address;
    socklen_t len;
} GateCall;

/* Yama may forbid everybody to look into other processes. */
static gboolean
gate_is_forbidden(void)
{
    g_autofree gchar *scope = NULL;

    return g_file_get_contents("/proc/sys/kernel/yama/ptrace_scope", &scope, NULL, NULL) &&
           *scope == '3';
}

gboolean
connect_gate_is_possible(void)
{
    return geteuid() == 0 && !gate_is_forbidden() &&
           prctl(PR_CAPBSET_READ, CAP_SYS_PTRACE, 0, 0, 0) == 1 &&
           prctl(PR_CAPBSET_READ, CAP_SETUID, 0, 0, 0) == 1;
}

static void
gate_read_ports(ConnectGate *self, const gchar *ports, gsize len)
{
    for (gsize i = 0; i < len; i += strlen(ports + i) + 1) {
        guint64 port = g_ascii_strtoull(ports + i, NULL, 10);

        if (port > 0 && port <= G_MAXUINT16)
            self->ports[port / 8] |= (guint8)(1u << port % 8);
    }
}

ConnectGate *
connect_gate_new(const ConnectGateFor *whom, int notify_fd, const gchar *ports, gsize ports_len)
{
    ConnectGate *self = g_new0(ConnectGate, 1);

    self->pid = whom->pid;
    self->uid = whom->user != NULL ? whom->uid : geteuid();
    self->gid = whom->user != NULL ? whom->gid : getegid();
    self->notify_fd = notify_fd;
    self->pid_fd = (int)syscall(SYS_pidfd_open, self->pid, 0);
    gate_read_ports(self, ports, ports_len);
    self->n_groups = getgroups(GATE_GROUPS_MAX, self->groups);
    self->n_own_groups = self->n_groups;
    memcpy(self->own_groups, self->groups, sizeof self->groups);
    if (whom->user != NULL) {
        self->n_groups = GATE_GROUPS_MAX;
        /* More than fit are left out. */
        if (getgrouplist(whom->user, self->gid, self->groups, &self->n_groups) < 0)
            self->n_groups = GATE_GROUPS_MAX;
    }
    if (self->pid_fd >= 0 && self->n_own_groups >= 0)
        return self;
    connect_gate_free(self);
    return NULL;
}

int
connect_gate_get_fd(const ConnectGate *self)
{
    return self->notify_fd;
}

void
connect_gate_free(ConnectGate *self)
{
    if (self == NULL)
        return;
    if (self->pid_fd >= 0)
        close(self->pid_fd);
    close(self->notify_fd);
    g_free(self);
}

/* --- looking --- */

/* Copies what the call was given: from here on nobody can change it. 0, or an errno. */
static int
gate_take_call(const ConnectGate *self, const struct seccomp_data *data, GateCall *out)
{
    struct iovec to = {.iov_base = &out->address};
    struct iovec from = {.iov_base = (void *)(guintptr)data->args[1]};

    if (data->nr != SYS_connect)
        return ENOSYS;
    if (data->args[2] < sizeof(sa_family_t) || data->args[2] > sizeof out->address)
        return EINVAL;
    out->len = (socklen_t)data->args[2];
    to.iov_len = from.iov_len = out->len;
    if (process_vm_readv(self->pid, &to, 1, &from, 1, 0) != (gssize)out->len)
        return EFAULT;
    out->fd = (int)syscall(SYS_pidfd_getfd, self->pid_fd, (int)data->args[0], 0);
    return out->fd < 0 ? errno : 0;
}

static guint
gate_get_port(const GateCall *call)
{
    if (call->address.ss_family == AF_INET && call->len >= sizeof(struct sockaddr_in))
        return ntohs(((const struct sockaddr_in *)(const void *)&call->address)->sin_port);
    if (call->address.ss_family == AF_INET6 && call->len >= sizeof(struct sockaddr_in6))
        return ntohs(((const struct sockaddr_in6 *)(const void *)&call->address)->sin6_port);
    return 0;
}

static gboolean
gate_allows(const ConnectGate *self, const GateCall *call)
{
    int domain, type;
    socklen_t len = sizeof domain;
    guint port = gate_get_port(call);

    if (getsockopt(call->fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 ||
        (len = sizeof type, getsockopt(call->fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0))
        return FALSE;
    /* To AF_UNSPEC is to disconnect. */
    if ((domain != AF_INET && domain != AF_INET6) || type == SOCK_DGRAM ||
        call->address.ss_family == AF_UNSPEC)
        return TRUE;
    return (self->ports[port / 8] & 1u << port % 8) != 0;
}

/* --- doing --- */

/* As the worker's user: a unix socket's other side asks who connects. */
static int
gate_connect(const ConnectGate *self, const GateCall *call)
{
    int result;

    if (setgroups((size_t)self->n_groups, self->groups) != 0 || setegid(self->gid) != 0 ||
        seteuid(self->uid) != 0)
        result = EPERM;
    else
        result = connect(call->fd, (const struct sockaddr *)&call->address, call->len) == 0
                     ? 0
                     : errno;
    if (seteuid(0) != 0 || setegid(0) != 0 ||
        setgroups((size_t)self->n_own_groups, self->own_groups) != 0)
        abort(); /* what follows relies on it */
    return result;
}

static void
gate_answer(const ConnectGate *self, guint64 id, int result)
{
    struct seccomp_notif_resp answer = {.id = id, .error = -result};

    (void)ioctl(self->notify_fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

/* A socket that waits is waited for in a process of its own. */
static void
gate_connect_beside(const ConnectGate *self, const GateCall *call, guint64 id)
{
    pid_t pid = fork();

    if (pid < 0) {
        gate_answer(self, id, EAGAIN);
    } else if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        gate_answer(self, id, gate_connect(self, call));
        _exit(EXIT_SUCCESS);
    }
}

static void
gate_handle(const ConnectGate *self, const struct seccomp_notif *note)
{
    GateCall call = {.fd = -1};
    int result = gate_take_call(self, &note->data, &call);
    gboolean blocks = result == 0 && (fcntl(call.fd, F_GETFL) & O_NONBLOCK) == 0;

    if (result == 0 && !gate_allows(self, &call))
        result = EACCES;
    if (result != 0)
        gate_answer(self, note->id, result);
    else if (blocks)
        gate_connect_beside(self, &call, note->id);
    else
        gate_answer(self, note->id, gate_connect(self, &call));
    if (call.fd >= 0)
        close(call.fd);
}

void
connect_gate_serve(ConnectGate *self)
{
    _Alignas(struct seccomp_notif) guint8 room[GATE_NOTE_BYTES] = {0};
    struct seccomp_notif *note = (struct seccomp_notif *)(void *)room;

    /* Otherwise who called was killed meanwhile. */
    if (ioctl(self->notify_fd, SECCOMP_IOCTL_NOTIF_RECV, note) == 0)
        gate_handle(self, note);
}
