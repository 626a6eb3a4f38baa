/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/paths.h"
#include "conf/config-tree.h"
#include "ipc/ipc.h"
#include "ipc/listen-socket.h"

enum {
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MAX_MS = 30000,
    LIFE_GOOD_MS = 1000, /* a worker that served this long starts the back-off anew */
    STOP_PATIENCE_MS = 60000,
};

typedef struct {
    gchar *listener;
    int fd;
} BoundSocket;

typedef struct {
    const SupervisorOptions *options;
    gchar *state_dir, *socket_path;
    ConfigFiles *files;
    ConfigTree *tree;
    GArray *sockets; /* of BoundSocket */
    int control_fd;
    int signal_fd;
    uid_t uid;
    gid_t gid;
    gchar *user;   /* NULL: no change */
    guint number;  /* of the worker started last */
    pid_t worker;
    int ipc_end;   /* -1 without a worker */
    gboolean ready, stopping;
    gint64 started_ms, stop_since_ms;
    gint64 backoff_ms, restart_at_ms;
    int status;
} Supervisor;

static int
supervisor_fail(const gchar *what)
{
    fprintf(stderr, "barid: %s\n", what);
    return EXIT_FAILURE;
}

/* --- configuration --- */

static gboolean
supervisor_read_config(Supervisor *self)
{
    g_autofree gchar *installed = paths_dup_config_file();
    const gchar *path =
        self->options->config_path != NULL ? self->options->config_path : installed;
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(GError) error = NULL;

    self->files = path == NULL ? config_files_new_default() : config_files_read(path, &error);
    if (self->files == NULL) {
        supervisor_fail(error->message);
        return FALSE;
    }
    self->tree = config_tree_parse(self->files, problems);
    if (config_problems_get_count(problems) > 0) {
        g_autofree gchar *text = config_problems_to_text(problems);

        fputs(text, stderr);
        return FALSE;
    }
    return TRUE;
}

/* A value of our own parse, or NULL; problems with it are the worker's to report. */
static const gchar *
supervisor_get_text(Supervisor *self, const gchar *kind, const gchar *name, const gchar *key)
{
    ConfigSection *section = config_tree_find(self->tree, kind, name);
    ConfigValue *value = section == NULL ? NULL : config_section_use(section, key);
    g_autoptr(ConfigProblems) ignored = config_problems_new();

    return value == NULL ? NULL : config_value_get_text(value, ignored);
}

/* --- folders and users --- */

static gboolean
supervisor_find_user(Supervisor *self)
{
    const gchar *name = supervisor_get_text(self, "server", NULL, "user");
    const struct passwd *entry;

    self->uid = geteuid();
    self->gid = getegid();
    if (self->uid != 0)
        return TRUE;
    if (name == NULL)
        name = "barid";
    entry = *name == '\0' ? NULL : getpwnam(name);
    if (entry == NULL) {
        fprintf(stderr, "barid: warning: there is no user \"%s\"; the worker runs as root\n", name);
        return TRUE;
    }
    self->user = g_strdup(name);
    self->uid = entry->pw_uid;
    self->gid = entry->pw_gid;
    return TRUE;
}

static gboolean
supervisor_make_folder(Supervisor *self, const gchar *path)
{
    if (g_mkdir_with_parents(path, 0700) != 0) {
        fprintf(stderr, "barid: %s: %s\n", path, g_strerror(errno));
        return FALSE;
    }
    if (self->user != NULL && chown(path, self->uid, self->gid) != 0) {
        fprintf(stderr, "barid: %s: %s\n", path, g_strerror(errno));
        return FALSE;
    }
    return TRUE;
}

static gboolean
supervisor_make_folders(Supervisor *self)
{
    g_autofree gchar *runtime = paths_dup_runtime_dir(self->options->state_dir);

    self->state_dir = self->options->state_dir != NULL
                          ? g_canonicalize_filename(self->options->state_dir, NULL)
                          : paths_dup_state_dir();
    self->socket_path = self->options->socket_path != NULL
                            ? g_strdup(self->options->socket_path)
                            : g_build_filename(runtime, "barid.sock", NULL);
    if (!supervisor_make_folder(self, self->state_dir))
        return FALSE;
    return self->options->only_check || self->options->socket_path != NULL ||
           supervisor_make_folder(self, runtime);
}

/* --- sockets --- */

static gboolean
supervisor_bind_address(Supervisor *self, const gchar *listener, const gchar *text)
{
    BoundSocket bound = {.fd = -1};
    g_autoptr(GError) error = NULL;
    Address address;

    if (!address_parse(barid_slice_from_text(text), &address))
        return TRUE; /* the worker names it with its position */
    bound.fd = listen_socket_open_tcp(&address, &error);
    if (bound.fd < 0) {
        supervisor_fail(error->message);
        return FALSE;
    }
    bound.listener = g_strdup(listener);
    g_array_append_val(self->sockets, bound);
    return TRUE;
}

static gboolean
supervisor_bind_listener(Supervisor *self, ConfigSection *section)
{
    g_autoptr(ConfigProblems) ignored = config_problems_new();
    const gchar *name = config_section_get_name(section);
    ConfigValue *value = config_section_use(section, "address");
    const gchar *enabled = supervisor_get_text(self, "listener", name, "enabled");
    const gchar *const *addresses =
        value == NULL ? NULL : config_value_get_list(value, ignored);

    if (name == NULL || addresses == NULL || g_strcmp0(enabled, "no") == 0)
        return TRUE;
    for (; *addresses != NULL; addresses++) {
        if (!supervisor_bind_address(self, name, *addresses))
            return FALSE;
    }
    return TRUE;
}

static gboolean
supervisor_bind(Supervisor *self)
{
    ConfigSection *section;
    g_autoptr(GError) error = NULL;

    for (guint i = 0; (section = config_tree_get_nth(self->tree, "listener", i)) != NULL; i++) {
        if (!supervisor_bind_listener(self, section))
            return FALSE;
    }
    self->control_fd = listen_socket_open_unix(self->socket_path, &error);
    if (self->control_fd < 0) {
        supervisor_fail(error->message);
        return FALSE;
    }
    if (self->user != NULL && chown(self->socket_path, self->uid, self->gid) != 0) {
        supervisor_fail(g_strerror(errno));
        return FALSE;
    }
    return TRUE;
}

/* --- starting a worker --- */

static void
supervisor_child(Supervisor *self, int end, const gchar *program)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (self->user != NULL && (initgroups(self->user, self->gid) != 0 || setgid(self->gid) != 0 ||
                               setuid(self->uid) != 0))
        _exit(EXIT_FAILURE);
    /* The only descriptors it gets besides the standard ones. */
    if (end == 3)
        fcntl(end, F_SETFD, 0);
    else
        dup2(end, 3);
    if (self->options->only_check)
        execl(program, program, "--check", NULL);
    else
        execl(program, program, NULL);
    fprintf(stderr, "barid: cannot run %s: %s\n", program, g_strerror(errno));
    _exit(EXIT_FAILURE);
}

static gboolean
supervisor_send_config(Supervisor *self, GError **error)
{
    g_auto(Buffer) packed;
    g_autoptr(GByteArray) head = g_byte_array_new();
    g_autofree gchar *number = g_strdup_printf("%u", self->number);
    gboolean ok;
    int fd;

    buffer_init(&packed, CONFIG_BYTES_MAX * 2);
    if (!config_files_pack(self->files, &packed)) {
        g_set_error_literal(error, CONFIG_ERROR, BARID_ERROR_TOO_LARGE,
                            "the configuration is too large");
        return FALSE;
    }
    g_byte_array_append(head, (const guint8 *)number, (guint)strlen(number) + 1);
    g_byte_array_append(head, (const guint8 *)self->state_dir, (guint)strlen(self->state_dir) + 1);
    fd = ipc_seal("barid-config", buffer_get_slice(&packed), error);
    if (fd < 0)
        return FALSE;
    ok = ipc_send(self->ipc_end, IPC_CONFIG,
                  barid_slice(head->data, head->len), fd, error);
    close(fd);
    return ok;
}

static gboolean
supervisor_send_all(Supervisor *self, GError **error)
{
    if (!supervisor_send_config(self, error))
        return FALSE;
    for (guint i = 0; i < self->sockets->len; i++) {
        const BoundSocket *bound = &g_array_index(self->sockets, BoundSocket, i);

        if (!ipc_send(self->ipc_end, IPC_LISTENER, barid_slice_from_text(bound->listener),
                      bound->fd, error))
            return FALSE;
    }
    if (self->control_fd >= 0 &&
        !ipc_send(self->ipc_end, IPC_CONTROL, BARID_SLICE_EMPTY, self->control_fd, error))
        return FALSE;
    return ipc_send(self->ipc_end, IPC_START, BARID_SLICE_EMPTY, -1, error);
}

static gboolean
supervisor_spawn(Supervisor *self, GError **error)
{
    g_autofree gchar *program = paths_dup_program("barid-worker", "src/worker/barid-worker");
    int ends[2];

    if (!ipc_pair(ends, error))
        return FALSE;
    self->number++;
    self->ready = FALSE;
    self->started_ms = clock_monotonic_ms();
    self->worker = fork();
    if (self->worker == 0)
        supervisor_child(self, ends[1], program);
    close(ends[1]);
    self->ipc_end = ends[0];
    return supervisor_send_all(self, error);
}

/* --- requests of the worker --- */

/* Opens only what stands in our own parse of the configuration, and only before READY. */
static int
supervisor_open_file(Supervisor *self, const gchar *label, const gchar *key,
                     const gchar **out_why)
{
    g_auto(GStrv) words = g_strsplit(label, " ", 2);
    const gchar *text;
    g_autofree gchar *path = NULL;
    int fd;

    *out_why = "the file is not named in the configuration";
    if (self->ready || words[0] == NULL)
        return -1;
    text = supervisor_get_text(self, words[0], words[1], key);
    if (text == NULL || *text == '\0')
        return -1;
    path = g_canonicalize_filename(text, self->state_dir);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        *out_why = g_intern_string(g_strerror(errno));
    return fd;
}

static void
supervisor_answer_open(Supervisor *self, const IpcMessage *message)
{
    const gchar *why;
    int fd = supervisor_open_file(self, ipc_message_get_text(message, 0),
                                  ipc_message_get_text(message, 1), &why);

    ipc_send(self->ipc_end, IPC_FILE, fd < 0 ? barid_slice_from_text(why) : BARID_SLICE_EMPTY, fd,
             NULL);
    if (fd >= 0)
        close(fd);
}

static void
supervisor_begin_stop(Supervisor *self)
{
    if (self->stopping)
        return;
    self->stopping = TRUE;
    self->stop_since_ms = clock_monotonic_ms();
    if (self->ipc_end >= 0)
        ipc_send(self->ipc_end, IPC_STOP, BARID_SLICE_EMPTY, -1, NULL);
}

/* A worker that finds the configuration wrong ends the start; later, after a crash, it is
 * tried again, since what is missing may come back. */
static void
supervisor_take_problems(Supervisor *self, const IpcMessage *message)
{
    fprintf(stderr, "%s%s", ipc_message_get_text(message, 0),
            g_str_has_suffix(ipc_message_get_text(message, 0), "\n") ? "" : "\n");
    if (self->number == 1) {
        self->stopping = TRUE;
        self->stop_since_ms = clock_monotonic_ms();
        self->status = EXIT_FAILURE;
    }
}

static void
supervisor_on_message(Supervisor *self)
{
    g_auto(IpcMessage) message = {0};

    if (!ipc_receive(self->ipc_end, &message, NULL)) {
        /* It is dying; its end is told by SIGCHLD. */
        close(self->ipc_end);
        self->ipc_end = -1;
        return;
    }
    switch (message.type) {
    case IPC_OPEN:
        supervisor_answer_open(self, &message);
        break;
    case IPC_READY:
        self->ready = TRUE;
        if (self->options->only_check)
            self->stopping = TRUE;
        break;
    case IPC_PROBLEMS:
        supervisor_take_problems(self, &message);
        break;
    case IPC_WANT_STOP:
        supervisor_begin_stop(self);
        break;
    default:
        break;
    }
}

/* --- watching --- */

static void
supervisor_on_worker_end(Supervisor *self, int status)
{
    g_autofree gchar *how =
        WIFSIGNALED(status) ? g_strdup_printf("signal %d", WTERMSIG(status))
                            : g_strdup_printf("status %d", WEXITSTATUS(status));
    gint64 life_ms = clock_monotonic_ms() - self->started_ms;

    self->worker = 0;
    if (self->ipc_end >= 0) {
        /* What it still had to say. */
        struct pollfd left = {.fd = self->ipc_end, .events = POLLIN};

        while (self->ipc_end >= 0 && poll(&left, 1, 0) > 0)
            supervisor_on_message(self);
        if (self->ipc_end >= 0)
            close(self->ipc_end);
        self->ipc_end = -1;
    }
    if (self->stopping)
        return;
    self->backoff_ms = (self->ready && life_ms >= LIFE_GOOD_MS) || self->backoff_ms == 0
                           ? BACKOFF_FIRST_MS
                           : MIN(self->backoff_ms * 2, BACKOFF_MAX_MS);
    self->restart_at_ms = clock_monotonic_ms() + self->backoff_ms;
    barid_log(BARID_LOG_ERROR, "worker.died", "how", how, NULL);
}

static void
supervisor_on_signal(Supervisor *self)
{
    struct signalfd_siginfo info;
    int status;

    if (read(self->signal_fd, &info, sizeof info) != sizeof info)
        return;
    if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
        supervisor_begin_stop(self);
    if (info.ssi_signo == SIGCHLD && self->worker > 0 &&
        waitpid(self->worker, &status, WNOHANG) == self->worker)
        supervisor_on_worker_end(self, status);
}

static int
supervisor_get_timeout(const Supervisor *self)
{
    gint64 now_ms = clock_monotonic_ms();

    if (self->stopping)
        return (int)CLAMP(self->stop_since_ms + STOP_PATIENCE_MS - now_ms, 0, STOP_PATIENCE_MS);
    if (self->worker == 0)
        return (int)CLAMP(self->restart_at_ms - now_ms, 0, BACKOFF_MAX_MS);
    return -1;
}

static void
supervisor_on_timeout(Supervisor *self)
{
    g_autoptr(GError) error = NULL;

    if (self->stopping) {
        kill(self->worker, SIGKILL);
        return;
    }
    if (self->worker == 0 && !supervisor_spawn(self, &error))
        barid_log(BARID_LOG_ERROR, "worker.not-started", "error", error->message, NULL);
}

static void
supervisor_watch(Supervisor *self)
{
    while (!self->stopping || self->worker > 0) {
        struct pollfd fds[2] = {{.fd = self->signal_fd, .events = POLLIN},
                                {.fd = self->ipc_end, .events = POLLIN}};
        int count = poll(fds, 2, supervisor_get_timeout(self));

        if (count == 0)
            supervisor_on_timeout(self);
        if (count > 0 && fds[1].revents != 0)
            supervisor_on_message(self);
        if (count > 0 && fds[0].revents != 0)
            supervisor_on_signal(self);
    }
}

/* --- life --- */

static gboolean
supervisor_watch_signals(Supervisor *self)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    self->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    return self->signal_fd >= 0;
}

static int
supervisor_main(Supervisor *self)
{
    g_autoptr(GError) error = NULL;

    if (!supervisor_read_config(self) || !supervisor_find_user(self) ||
        !supervisor_make_folders(self))
        return EXIT_FAILURE;
    if (!self->options->only_check && !supervisor_bind(self))
        return EXIT_FAILURE;
    if (!supervisor_watch_signals(self) || !supervisor_spawn(self, &error))
        return supervisor_fail(error != NULL ? error->message : "cannot watch signals");
    supervisor_watch(self);
    if (self->options->only_check && self->status == EXIT_SUCCESS && !self->ready)
        self->status = EXIT_FAILURE;
    return self->status;
}

static void
supervisor_clear(Supervisor *self)
{
    for (guint i = 0; i < self->sockets->len; i++) {
        close(g_array_index(self->sockets, BoundSocket, i).fd);
        g_free(g_array_index(self->sockets, BoundSocket, i).listener);
    }
    g_array_free(self->sockets, TRUE);
    if (self->control_fd >= 0) {
        unlink(self->socket_path);
        close(self->control_fd);
    }
    if (self->tree != NULL)
        config_tree_free(self->tree);
    if (self->files != NULL)
        config_files_free(self->files);
    g_free(self->state_dir);
    g_free(self->socket_path);
    g_free(self->user);
}

int
supervisor_run(const SupervisorOptions *options)
{
    Supervisor self = {.options = options, .control_fd = -1, .ipc_end = -1, .signal_fd = -1};
    int status;

    self.sockets = g_array_new(FALSE, FALSE, sizeof(BoundSocket));
    status = supervisor_main(&self);
    supervisor_clear(&self);
    return status;
}
