/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/worker-process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/blame.h"
#include "base/clock.h"
#include "base/error-domain.h"
#include "base/log.h"
#include "base/paths.h"

enum {
    /* Every worker reads its messages at once; one that is being loaded has others to do. */
    SEND_PATIENCE_MS = 5000,
    SEND_START_PATIENCE_MS = 30000,
};

/* --- talking --- */

void
worker_process_end_hung(WorkerProcess *self, const gchar *what)
{
    g_autofree gchar *pid = g_strdup_printf("%d", (int)self->pid);

    if (self->is_hung)
        return;
    self->is_hung = TRUE;
    barid_log(BARID_LOG_ERROR, "worker.hung", "pid", pid, "error", what, NULL);
    kill(self->pid, SIGKILL);
}

gboolean
worker_process_send(WorkerProcess *self, IpcType type, BaridSlice payload, int fd_or_minus_1)
{
    g_autoptr(GError) error = NULL;

    if (self->ipc_end < 0 || self->is_hung)
        return FALSE;
    if (ipc_send(self->ipc_end, type, payload, fd_or_minus_1, &error))
        return TRUE;
    if (g_error_matches(error, IPC_ERROR, BARID_ERROR_TIMEOUT))
        worker_process_end_hung(self, error->message);
    return FALSE;
}

void
worker_process_tell(WorkerProcess *self, IpcType type, const gchar *text)
{
    gsize len = MIN(strlen(text), IPC_PAYLOAD_MAX - 1);

    if (self != NULL)
        worker_process_send(self, type, barid_slice(text, len), -1);
}

/* --- starting --- */

static void
worker_process_become(const WorkerStart *start, int end, const gchar *program)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* While it may: no program that it ran could gain any of them. */
    for (gint capability = 0; start->user != NULL && capability <= CAP_LAST_CAP; capability++)
        (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (start->user != NULL && (initgroups(start->user, start->gid) != 0 ||
                                setgid(start->gid) != 0 || setuid(start->uid) != 0))
        _exit(EXIT_FAILURE);
    /* The only descriptors it gets besides the standard ones. */
    if (end == 3)
        fcntl(end, F_SETFD, 0);
    else
        dup2(end, 3);
    if (start->only_check)
        execl(program, program, "--check", NULL);
    else
        execl(program, program, NULL);
    fprintf(stderr, "barid: cannot run %s: %s\n", program, g_strerror(errno));
    _exit(EXIT_FAILURE);
}

static gboolean
worker_process_send_config(WorkerProcess *self, const WorkerStart *start, GError **error)
{
    g_auto(Buffer) packed = {0};
    g_autoptr(GByteArray) head = g_byte_array_new();
    g_autofree gchar *number = g_strdup_printf("%u", self->number);
    gboolean ok;
    int fd;

    buffer_init(&packed, CONFIG_BYTES_MAX * 2);
    if (!config_files_pack(self->config->files, &packed)) {
        g_set_error_literal(error, CONFIG_ERROR, BARID_ERROR_TOO_LARGE,
                            "the configuration is too large");
        return FALSE;
    }
    g_byte_array_append(head, (const guint8 *)number, (guint)strlen(number) + 1);
    g_byte_array_append(head, (const guint8 *)start->state_dir,
                        (guint)strlen(start->state_dir) + 1);
    fd = ipc_seal("barid-config", buffer_get_slice(&packed), error);
    if (fd < 0)
        return FALSE;
    ok = worker_process_send(self, IPC_CONFIG, barid_slice(head->data, head->len), fd);
    close(fd);
    return ok;
}

static gboolean
worker_process_send_blame(WorkerProcess *self, const WorkerStart *start, GError **error)
{
    g_autoptr(GByteArray) names = g_byte_array_new();

    for (guint i = 0; i < start->contained->len; i++) {
        const gchar *name = g_ptr_array_index(start->contained, i);

        g_byte_array_append(names, (const guint8 *)name, (guint)strlen(name) + 1);
    }
    self->blame_fd = blame_new_page(error);
    return self->blame_fd >= 0 &&
           worker_process_send(self, IPC_BLAME, barid_slice(names->data, names->len),
                               self->blame_fd);
}

static gboolean
worker_process_send_start(WorkerProcess *self, const WorkerStart *start)
{
    g_autoptr(GString) payload = g_string_new(connect_gate_is_possible() ? "gate" : "");

    g_string_append_c(payload, '\0');
    g_string_append(payload, start->is_reload ? "reload" : "");
    return worker_process_send(self, IPC_START, barid_slice(payload->str, payload->len), -1);
}

static gboolean
worker_process_send_listener(WorkerProcess *self, const ConfigSetListener *bound)
{
    g_autoptr(GString) payload = g_string_new(bound->listener);

    g_string_append_c(payload, '\0');
    g_string_append(payload, bound_socket_is_unix(bound->socket) ? "unix:" : "");
    g_string_append(payload, bound_socket_get_address(bound->socket));
    g_string_append_c(payload, '\0');
    g_string_append(payload, bound_socket_is_passed(bound->socket) ? "passed" : "");
    return worker_process_send(self, IPC_LISTENER, barid_slice(payload->str, payload->len),
                               bound_socket_get_fd(bound->socket));
}

static gboolean
worker_process_send_all(WorkerProcess *self, const WorkerStart *start, GError **error)
{
    if (!worker_process_send_config(self, start, error))
        return FALSE;
    if (!worker_process_send_blame(self, start, error))
        return FALSE;
    for (guint i = 0; i < self->config->listeners->len; i++) {
        if (!worker_process_send_listener(
                self, &g_array_index(self->config->listeners, ConfigSetListener, i)))
            return FALSE;
    }
    if (start->control_fd >= 0 &&
        !worker_process_send(self, IPC_CONTROL, BARID_SLICE_EMPTY, start->control_fd))
        return FALSE;
    return worker_process_send_start(self, start);
}

/* One that dies this early is told by its end; one that lacks something would wait for it. */
static void
worker_process_begin(WorkerProcess *self, const WorkerStart *start)
{
    g_autoptr(GError) error = NULL;

    if (!ipc_limit_send(self->ipc_end, SEND_START_PATIENCE_MS, &error) ||
        !worker_process_send_all(self, start, &error) ||
        !ipc_limit_send(self->ipc_end, SEND_PATIENCE_MS, &error))
        kill(self->pid, SIGKILL);
    if (error != NULL)
        barid_log(BARID_LOG_ERROR, "worker.not-started", "error", error->message, NULL);
}

WorkerProcess *
worker_process_new(const WorkerStart *start, ConfigSet *config, GError **error)
{
    g_autofree gchar *program = paths_dup_program("barid-worker", "src/worker/barid-worker");
    WorkerProcess *self;
    int ends[2];
    pid_t pid;

    if (!ipc_pair(ends, error))
        return NULL;
    pid = fork();
    if (pid < 0) {
        error_set_errno(error, IPC_ERROR, errno, "cannot start a process");
        close(ends[0]);
        close(ends[1]);
        return NULL;
    }
    if (pid == 0)
        worker_process_become(start, ends[1], program);
    close(ends[1]);
    self = g_new0(WorkerProcess, 1);
    self->number = start->number;
    self->pid = pid;
    self->ipc_end = ends[0];
    self->blame_fd = -1;
    self->whom = (ConnectGateFor){pid, start->user, start->uid, start->gid};
    self->is_other_user = start->user != NULL;
    self->config = config_set_ref(config);
    self->started_ms = clock_monotonic_ms();
    worker_process_begin(self, start);
    return self;
}

void
worker_process_free(WorkerProcess *self)
{
    if (self == NULL)
        return;
    if (self->ipc_end >= 0)
        close(self->ipc_end);
    if (self->blame_fd >= 0)
        close(self->blame_fd);
    connect_gate_free(self->gate);
    config_set_unref(self->config);
    g_free(self);
}

/* --- requests --- */

static int
worker_process_open_path(const WorkerProcess *self, const Folder *state, const gchar *path,
                         const gchar **out_why)
{
    const gchar *relative = self->is_other_user ? folder_get_relative(state, path) : NULL;
    int fd = relative != NULL ? folder_open_file(state, relative)
                              : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd >= 0)
        return fd;
    *out_why = relative != NULL && (errno == ELOOP || errno == ENOTDIR || errno == EPERM)
                   ? "it must be a file without links when it is below the state folder"
                   : g_intern_string(g_strerror(errno));
    return -1;
}

static int
worker_process_open_file(const WorkerProcess *self, const gchar *label, const gchar *key,
                         const Folder *state, const gchar **out_why)
{
    g_auto(GStrv) words = g_strsplit(label, " ", 2);
    const gchar *text;
    g_autofree gchar *path = NULL;

    *out_why = "the file is not named in the configuration";
    if (self->state != WORKER_STARTING || words[0] == NULL)
        return -1;
    text = config_set_get_text(self->config, words[0], words[1], key);
    if (text == NULL || *text == '\0')
        return -1;
    path = g_canonicalize_filename(text, state->path);
    return worker_process_open_path(self, state, path, out_why);
}

void
worker_process_answer_open(WorkerProcess *self, const IpcMessage *message, const Folder *state)
{
    const gchar *why;
    int fd = worker_process_open_file(self, ipc_message_get_text(message, 0),
                                      ipc_message_get_text(message, 1), state, &why);

    worker_process_send(self, IPC_FILE, fd < 0 ? barid_slice_from_text(why) : BARID_SLICE_EMPTY,
                        fd);
    if (fd >= 0)
        close(fd);
}
