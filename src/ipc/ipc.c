/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/error-domain.h"

ERROR_DOMAIN_DEFINE(ipc_error_quark, "barid-ipc-error")

gboolean
ipc_pair(int out_ends[2], GError **error)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, out_ends) == 0)
        return TRUE;
    error_set_errno(error, IPC_ERROR, errno, "socketpair");
    return FALSE;
}

gboolean
ipc_limit_send(int end, gint64 timeout_ms, GError **error)
{
    const struct timeval limit = {.tv_sec = timeout_ms / 1000,
                                  .tv_usec = timeout_ms % 1000 * 1000};

    if (setsockopt(end, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0)
        return TRUE;
    error_set_errno(error, IPC_ERROR, errno, "setsockopt");
    return FALSE;
}

gboolean
ipc_send(int end, IpcType type, BaridSlice payload, int fd_or_minus_1, GError **error)
{
    guint32 head = GUINT32_TO_LE((guint32)type);
    struct iovec pieces[2] = {
        {&head, sizeof head},
        {(void *)(guintptr)payload.data, payload.len},
    };
    union {
        struct cmsghdr align;
        guint8 bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};

    g_assert(payload.len <= IPC_PAYLOAD_MAX);
    if (fd_or_minus_1 >= 0) {
        struct cmsghdr *header;

        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd_or_minus_1, sizeof(int));
    }
    while (sendmsg(end, &message, MSG_NOSIGNAL) < 0) {
        if (errno == EINTR)
            continue;
        if (errno == EPIPE || errno == ECONNRESET)
            g_set_error_literal(error, IPC_ERROR, BARID_ERROR_CLOSED, "the other process is gone");
        else if (errno == EAGAIN)
            g_set_error_literal(error, IPC_ERROR, BARID_ERROR_TIMEOUT,
                                "the other process takes no messages");
        else
            error_set_errno(error, IPC_ERROR, errno, "cannot send a message");
        return FALSE;
    }
    return TRUE;
}

static void
ipc_take_fds(struct msghdr *header, IpcMessage *message)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL;
         part = CMSG_NXTHDR(header, part)) {
        gsize bytes;

        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        bytes = part->cmsg_len - CMSG_LEN(0);
        message->n_fds = (guint)MIN(bytes / sizeof(int), IPC_FDS_MAX);
        memcpy(message->fds, CMSG_DATA(part), message->n_fds * sizeof(int));
    }
}

gboolean
ipc_receive(int end, IpcMessage *out_message, GError **error)
{
    g_autofree guint8 *bytes = g_malloc(sizeof(guint32) + IPC_PAYLOAD_MAX + 1);
    struct iovec piece = {bytes, sizeof(guint32) + IPC_PAYLOAD_MAX};
    union {
        struct cmsghdr align;
        guint8 bytes[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
    } control;
    struct msghdr header = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control,
                            .msg_controllen = sizeof control};
    guint32 type;
    gssize got;

    memset(out_message, 0, sizeof *out_message);
    do {
        got = recvmsg(end, &header, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        error_set_errno(error, IPC_ERROR, errno, "cannot receive a message");
        return FALSE;
    }
    if (got < (gssize)sizeof type) {
        g_set_error_literal(error, IPC_ERROR, BARID_ERROR_CLOSED, "the other process is gone");
        return FALSE;
    }
    memcpy(&type, bytes, sizeof type);
    out_message->type = (IpcType)GUINT32_FROM_LE(type);
    out_message->len = (gsize)got - sizeof type;
    out_message->payload = g_malloc(out_message->len + 1);
    memcpy(out_message->payload, bytes + sizeof type, out_message->len);
    out_message->payload[out_message->len] = '\0';
    ipc_take_fds(&header, out_message);
    return TRUE;
}

void
ipc_message_clear(IpcMessage *self)
{
    for (guint i = 0; i < self->n_fds; i++) {
        if (self->fds[i] >= 0)
            close(self->fds[i]);
    }
    g_free(self->payload);
    memset(self, 0, sizeof *self);
}

int
ipc_message_take_fd(IpcMessage *self)
{
    int fd;

    if (self->n_fds == 0)
        return -1;
    fd = self->fds[0];
    self->fds[0] = -1;
    return fd;
}

const gchar *
ipc_message_get_text(const IpcMessage *self, guint index)
{
    const gchar *text = (const gchar *)self->payload;
    const gchar *end = text + self->len;

    for (; index > 0 && text < end; index--)
        text += strlen(text) + 1;
    return text < end ? text : "";
}

int
ipc_seal(const gchar *name, BaridSlice bytes, GError **error)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0) {
        error_set_errno(error, IPC_ERROR, errno, "memfd_create");
        return -1;
    }
    while (bytes.len > 0) {
        gssize written = write(fd, bytes.data, bytes.len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            break;
        bytes.data += written;
        bytes.len -= (gsize)written;
    }
    if (bytes.len > 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
        error_set_errno(error, IPC_ERROR, errno, "cannot fill a memory file");
        close(fd);
        return -1;
    }
    return fd;
}

typedef struct {
    void *data;
    gsize len;
} IpcMapping;

static void
ipc_unmap(gpointer data)
{
    IpcMapping *mapping = data;

    munmap(mapping->data, mapping->len);
    g_free(mapping);
}

GBytes *
ipc_map_sealed(int fd, GError **error)
{
    struct stat info;
    IpcMapping *mapping;
    void *data;

    if (fstat(fd, &info) != 0) {
        error_set_errno(error, IPC_ERROR, errno, "fstat");
        return NULL;
    }
    if (info.st_size == 0)
        return g_bytes_new_static("", 0);
    data = mmap(NULL, (gsize)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        error_set_errno(error, IPC_ERROR, errno, "mmap");
        return NULL;
    }
    mapping = g_new(IpcMapping, 1);
    *mapping = (IpcMapping){data, (gsize)info.st_size};
    return g_bytes_new_with_free_func(data, mapping->len, ipc_unmap, mapping);
}
