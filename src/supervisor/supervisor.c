/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker serves. A reload starts another beside it; when that one says READY it takes
 * over, and the one before drains until its sessions have ended. Whatever goes wrong before
 * READY leaves everything as it was.
 */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error-domain.h"
#include "base/log.h"
#include "base/paths.h"
#include "ipc/listen-socket.h"
#include "supervisor/deaths.h"
#include "supervisor/passed-sockets.h"
#include "supervisor/service-manager.h"
#include "supervisor/worker-process.h"

enum {
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MAX_MS = 30000,
    LIFE_GOOD_MS = 1000, /* a worker that served this long starts the back-off anew */
    START_PATIENCE_MS = 120000,
    STOP_PATIENCE_MS = 60000,
    LEAVE_PATIENCE_MS = 15000,  /* for the one whose place was taken to stop accepting */
    ANSWER_PATIENCE_MS = 10000, /* for those who drain to answer a question */
    /* Draining workers beside the one that serves; a reload that would make more ends the
     * oldest one's sessions. */
    DRAINING_MAX = 64,
};

/* A question that the serving worker has asked the draining ones. */
typedef struct {
    gchar *id;
    guint n_missing;
    gint64 asked_ms;
} Question;

typedef struct {
    const SupervisorOptions *options;
    ServiceManager *manager;
    PassedSockets *passed;
    Folder state;
    Folder run; /* where sockets of no folder of their own are */
    gchar *socket_path;
    int socket_folder_fd;
    ConfigSet *config; /* of the next start */
    int control_fd, signal_fd, lock_fd;
    gboolean control_is_passed; /* and thus not ours to close or to remove */
    uid_t uid;
    gid_t gid;
    gchar *user;        /* NULL: no change */
    guint number;       /* of the worker started last */
    GPtrArray *workers; /* of WorkerProcess, oldest first */
    WorkerProcess *serving;
    WorkerProcess *candidate;  /* started by a reload, not ready yet */
    WorkerProcess *requester;  /* who asked for it; NULL: a signal, or gone */
    WorkerProcess *leaving;    /* still accepts; the reload is done when it does no more */
    gint64 leaving_since_ms;
    GString *candidate_problems;
    GArray *questions;  /* of Question */
    Deaths *deaths;
    gboolean was_ready; /* any worker, ever */
    gboolean reload_again; /* asked for while one was under way, which may have read too early */
    gboolean stopping;
    gint64 stop_since_ms;
    gint64 backoff_ms, restart_at_ms; /* 0: no restart is due */
    int status;
} Supervisor;

static int
supervisor_fail(const gchar *what)
{
    fprintf(stderr, "barid: %s\n", what);
    return EXIT_FAILURE;
}

/* --- folders and users --- */

static gboolean
supervisor_find_user(Supervisor *self)
{
    const gchar *name = config_set_get_text(self->config, "server", NULL, "user");
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

/* The worker keeps its own there. */
static gboolean
supervisor_make_state(Supervisor *self, GError **error)
{
    g_autofree gchar *path = self->options->state_dir != NULL
                                 ? g_canonicalize_filename(self->options->state_dir, NULL)
                                 : paths_dup_state_dir();

    return folder_open(&self->state, path, 0700, error) &&
           (self->user == NULL || folder_give(&self->state, self->uid, self->gid, error));
}

/* Users reach the socket for submission in it; that of control lets only root in. Nothing in
 * it is the worker's to change. */
static gboolean
supervisor_make_run(Supervisor *self, GError **error)
{
    g_autofree gchar *named = paths_dup_runtime_dir(self->options->state_dir);
    g_autofree gchar *path = g_canonicalize_filename(named, NULL);

    return folder_open(&self->run, path, 0755, error) && folder_keep(&self->run, error);
}

static gboolean
supervisor_make_folders(Supervisor *self)
{
    g_autoptr(GError) error = NULL;

    if (supervisor_make_state(self, &error) &&
        (self->options->only_check || supervisor_make_run(self, &error)))
        return TRUE;
    supervisor_fail(error->message);
    return FALSE;
}

/* Two supervisors on one state would never agree who has the main spool folder. */
static gboolean
supervisor_lock_state(Supervisor *self)
{
    self->lock_fd =
        openat(self->state.fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (self->lock_fd >= 0 && flock(self->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return TRUE;
    if (self->lock_fd >= 0 && errno == EWOULDBLOCK)
        fprintf(stderr, "barid: %s: another server uses this folder\n", self->state.path);
    else
        fprintf(stderr, "barid: %s/lock: %s\n", self->state.path, g_strerror(errno));
    return FALSE;
}

static gboolean
supervisor_bind_control(Supervisor *self)
{
    const gchar *named = self->options->socket_path;
    g_autofree gchar *path =
        named == NULL ? g_strdup("barid.sock") : g_canonicalize_filename(named, NULL);
    g_autoptr(GError) error = NULL;

    self->socket_path = g_canonicalize_filename(path, self->run.path);
    self->control_fd = passed_sockets_find_control(self->passed, self->socket_path);
    self->control_is_passed = self->control_fd >= 0;
    if (self->control_is_passed)
        return TRUE;
    self->socket_folder_fd = folder_open_parent(&self->run, path, &error);
    if (self->socket_folder_fd >= 0)
        self->control_fd =
            listen_socket_open_unix(self->socket_folder_fd, self->socket_path, 0600, &error);
    if (self->control_fd >= 0 &&
        (self->user == NULL || listen_socket_give_unix(self->socket_folder_fd, self->socket_path,
                                                       self->uid, self->gid, &error)))
        return TRUE;
    supervisor_fail(error->message);
    return FALSE;
}

static gboolean
supervisor_bind(const Supervisor *self, ConfigSet *config, GString *problems)
{
    const ConfigSetSources sources = {
        .previous = config == self->config ? NULL : self->config,
        .passed = self->passed,
        .run = &self->run,
    };

    return config_set_bind(config, &sources, problems);
}

/* --- what the service manager is told --- */

/* Who serves, and (more), which may be NULL. */
static gchar *
supervisor_dup_status(const Supervisor *self, const gchar *more)
{
    g_autofree gchar *who =
        self->serving == NULL || self->serving->state != WORKER_SERVING
            ? g_strdup("no worker serves")
            : g_strdup_printf("generation %u serves", self->serving->number);

    return more == NULL ? g_steal_pointer(&who) : g_strconcat(who, "; ", more, NULL);
}

/* What ends a reload, or the start: before anybody serves it would be a lie. */
static void
supervisor_tell_ready(const Supervisor *self, const gchar *more)
{
    g_autofree gchar *status = supervisor_dup_status(self, more);

    if (self->was_ready)
        service_manager_tell_ready(self->manager, status);
}

static void
supervisor_tell_reloading(const Supervisor *self)
{
    g_autofree gchar *status = supervisor_dup_status(self, "a reload is under way");

    if (self->was_ready)
        service_manager_tell_reloading(self->manager, status);
}

static void
supervisor_tell_status(const Supervisor *self, const gchar *more)
{
    g_autofree gchar *status = supervisor_dup_status(self, more);

    service_manager_tell_status(self->manager, status);
}

/* --- workers --- */

static WorkerProcess *
supervisor_spawn(Supervisor *self, ConfigSet *config, GError **error)
{
    WorkerStart start = {
        .number = self->number + 1,
        .state_dir = self->state.path,
        .control_fd = self->control_fd,
        .only_check = self->options->only_check,
        .is_reload = config != self->config,
        .contained = deaths_get_contained(self->deaths),
        .user = self->user,
        .uid = self->uid,
        .gid = self->gid,
    };
    WorkerProcess *worker = worker_process_new(&start, config, error);

    if (worker != NULL) {
        self->number++;
        g_ptr_array_add(self->workers, worker);
    }
    return worker;
}

static void
supervisor_spawn_serving(Supervisor *self)
{
    g_autoptr(GError) error = NULL;

    self->restart_at_ms = 0;
    self->serving = supervisor_spawn(self, self->config, &error);
    if (self->serving == NULL) {
        barid_log(BARID_LOG_ERROR, "worker.not-started", "error", error->message, NULL);
        self->restart_at_ms = clock_monotonic_ms() + BACKOFF_MAX_MS;
    }
}

static void
supervisor_begin_stop(Supervisor *self)
{
    if (self->stopping)
        return;
    self->stopping = TRUE;
    self->stop_since_ms = clock_monotonic_ms();
    service_manager_tell_stopping(self->manager, "sessions come to their end");
    /* It may be at the policy tests of a reload, which nobody wants any more. */
    if (self->candidate != NULL)
        kill(self->candidate->pid, SIGTERM);
    for (guint i = 0; i < self->workers->len; i++)
        worker_process_tell(g_ptr_array_index(self->workers, i), IPC_STOP, "");
}

/* --- reload --- */

static void
supervisor_answer_reload(Supervisor *self, gboolean ok, const gchar *text)
{
    g_autoptr(GByteArray) payload = g_byte_array_new();
    const gchar *word = ok ? "ok" : "failed";
    g_autofree gchar *failure = ok ? NULL : g_strconcat("the reload failed: ", text, NULL);

    supervisor_tell_ready(self, failure);
    barid_log(ok ? BARID_LOG_NOTICE : BARID_LOG_ERROR, ok ? "reload.done" : "reload.failed",
              ok ? "generation" : "problems", text, NULL);
    g_byte_array_append(payload, (const guint8 *)word, (guint)strlen(word) + 1);
    g_byte_array_append(payload, (const guint8 *)text,
                        (guint)MIN(strlen(text), IPC_PAYLOAD_MAX - 16));
    if (self->requester != NULL)
        worker_process_send(self->requester, IPC_RELOADED,
                            barid_slice(payload->data, payload->len), -1);
    self->requester = NULL;
}

/* The candidate will not serve. When nobody does, because the worker that served has died
 * meanwhile, the old configuration is tried again. */
static void
supervisor_fail_reload(Supervisor *self, const gchar *why)
{
    if (self->candidate_problems->len == 0)
        g_string_append_printf(self->candidate_problems, "%s\n", why);
    supervisor_answer_reload(self, FALSE, self->candidate_problems->str);
    self->candidate = NULL;
    if (self->serving == NULL)
        self->restart_at_ms = clock_monotonic_ms() + BACKOFF_FIRST_MS;
}

static void
supervisor_begin_reload(Supervisor *self, WorkerProcess *requester)
{
    g_autoptr(ConfigSet) config = NULL;
    g_autoptr(GError) error = NULL;

    if (self->candidate != NULL || self->leaving != NULL || self->stopping) {
        static const gchar busy[] = "failed\0a reload or stop is under way already";

        if (requester != NULL)
            worker_process_send(requester, IPC_RELOADED, barid_slice(busy, sizeof busy - 1), -1);
        else
            self->reload_again = !self->stopping;
        return;
    }
    supervisor_tell_reloading(self);
    self->requester = requester;
    g_string_truncate(self->candidate_problems, 0);
    config = config_set_read(self->options->config_path, self->candidate_problems);
    if (config == NULL || !supervisor_bind(self, config, self->candidate_problems)) {
        supervisor_answer_reload(self, FALSE, self->candidate_problems->str);
        return;
    }
    /* What was to blame may have been mended. */
    deaths_forget(self->deaths);
    self->candidate = supervisor_spawn(self, config, &error);
    if (self->candidate == NULL)
        supervisor_answer_reload(self, FALSE, error->message);
}

static void
supervisor_limit_draining(Supervisor *self)
{
    guint n_draining = 0;

    for (guint i = self->workers->len; i > 0; i--) {
        WorkerProcess *worker = g_ptr_array_index(self->workers, i - 1);

        if (worker->state == WORKER_DRAINING && ++n_draining > DRAINING_MAX)
            worker_process_tell(worker, IPC_STOP, "");
    }
}

static void
supervisor_tell_adopt(Supervisor *self)
{
    if (self->serving != NULL && self->serving->state == WORKER_SERVING)
        worker_process_tell(self->serving, IPC_ADOPT, "");
}

static void
supervisor_end_reload(Supervisor *self)
{
    g_autofree gchar *number = g_strdup_printf("%u", self->serving == NULL
                                                         ? self->number
                                                         : self->serving->number);

    self->leaving = NULL;
    supervisor_answer_reload(self, TRUE, number);
}

static void
supervisor_take_over(Supervisor *self)
{
    self->leaving = self->serving;
    self->serving = self->candidate;
    self->candidate = NULL;
    config_set_unref(self->config);
    self->config = config_set_ref(self->serving->config);
    self->restart_at_ms = 0;
    if (self->leaving != NULL) {
        self->leaving->state = WORKER_DRAINING;
        self->leaving_since_ms = clock_monotonic_ms();
        worker_process_tell(self->leaving, IPC_DRAIN, "");
    } else {
        supervisor_end_reload(self);
    }
    supervisor_limit_draining(self);
    supervisor_tell_adopt(self);
}

/* --- questions to those who drain --- */

static void
supervisor_note_answer(Supervisor *self, const gchar *id)
{
    for (guint i = 0; i < self->questions->len; i++) {
        Question *question = &g_array_index(self->questions, Question, i);

        if (strcmp(question->id, id) != 0 || --question->n_missing > 0)
            continue;
        worker_process_tell(self->serving, IPC_ANSWERED, id);
        g_free(question->id);
        g_array_remove_index(self->questions, i);
        return;
    }
}

static void
supervisor_forward_question(Supervisor *self, const IpcMessage *message)
{
    Question question = {.id = g_strdup(ipc_message_get_text(message, 0)),
                         .asked_ms = clock_monotonic_ms()};

    /* One more, so that the last answer is told even when there is none to wait for. */
    question.n_missing = 1;
    for (guint i = 0; i < self->workers->len; i++) {
        WorkerProcess *worker = g_ptr_array_index(self->workers, i);

        if (worker->state == WORKER_DRAINING &&
            worker_process_send(worker, IPC_ASK, barid_slice(message->payload, message->len), -1))
            question.n_missing++;
    }
    g_array_append_val(self->questions, question);
    {
        g_autofree gchar *id = g_strdup(question.id);

        supervisor_note_answer(self, id);
    }
}

static void
supervisor_forward_answer(Supervisor *self, const IpcMessage *message)
{
    if (self->serving != NULL && message->n_fds > 0)
        worker_process_send(self->serving, IPC_ANSWER,
                            barid_slice(message->payload, message->len), message->fds[0]);
    supervisor_note_answer(self, ipc_message_get_text(message, 0));
}

/* Ends those that were asked until then: who asked makes do with the answers that came. */
static void
supervisor_end_questions(Supervisor *self, gint64 until_ms)
{
    while (self->questions->len > 0) {
        Question *oldest = &g_array_index(self->questions, Question, 0);

        if (oldest->asked_ms > until_ms)
            return;
        worker_process_tell(self->serving, IPC_ANSWERED, oldest->id);
        g_free(oldest->id);
        g_array_remove_index(self->questions, 0);
    }
}

/* --- what workers say --- */

static void
supervisor_on_ready(Supervisor *self, WorkerProcess *worker)
{
    gboolean is_first = !self->was_ready;

    worker->state = WORKER_SERVING;
    self->was_ready = TRUE;
    if (self->options->only_check) {
        self->stopping = TRUE;
        return;
    }
    if (worker == self->candidate)
        supervisor_take_over(self);
    else
        supervisor_tell_adopt(self);
    if (is_first)
        supervisor_tell_ready(self, NULL);
    else if (worker == self->serving && self->leaving == NULL && self->candidate == NULL)
        supervisor_tell_status(self, NULL);
}

/* A worker that finds the configuration wrong ends the first start; later, after a crash,
 * it is tried again, since what is missing may come back. */
static void
supervisor_on_problems(Supervisor *self, WorkerProcess *worker, const gchar *text)
{
    worker->told_problems = TRUE;
    if (worker == self->candidate) {
        g_string_append(self->candidate_problems, text);
        return;
    }
    fprintf(stderr, "%s%s", text, g_str_has_suffix(text, "\n") ? "" : "\n");
    service_manager_tell_status(self->manager, text);
    if (!self->was_ready) {
        self->stopping = TRUE;
        self->stop_since_ms = clock_monotonic_ms();
        self->status = EXIT_FAILURE;
    }
}

/* Once, and before it serves: later it might be somebody else who speaks through it. */
static void
supervisor_on_gate(WorkerProcess *worker, IpcMessage *message)
{
    int fd = ipc_message_take_fd(message);

    if (fd >= 0 && worker->gate == NULL && worker->state == WORKER_STARTING)
        worker->gate = connect_gate_new(&worker->whom, fd, (const gchar *)message->payload,
                                        message->len);
    else if (fd >= 0)
        close(fd);
    if (worker->gate == NULL)
        barid_log(BARID_LOG_ERROR, "worker.no-gate", "reason",
                  "the worker's connections cannot be made for it, and fail", NULL);
}

static void
supervisor_on_message(Supervisor *self, WorkerProcess *worker)
{
    g_auto(IpcMessage) message = {0};

    if (!ipc_receive(worker->ipc_end, &message, NULL)) {
        /* It is dying; its end is told by SIGCHLD. */
        close(worker->ipc_end);
        worker->ipc_end = -1;
        return;
    }
    switch (message.type) {
    case IPC_OPEN:
        worker_process_answer_open(worker, &message, &self->state);
        break;
    case IPC_GATE:
        supervisor_on_gate(worker, &message);
        break;
    case IPC_READY:
        supervisor_on_ready(self, worker);
        break;
    case IPC_PROBLEMS:
        supervisor_on_problems(self, worker, ipc_message_get_text(&message, 0));
        break;
    case IPC_WANT_STOP:
        supervisor_begin_stop(self);
        break;
    case IPC_WANT_RELOAD:
        supervisor_begin_reload(self, worker);
        break;
    case IPC_UNLISTENED:
        if (worker == self->leaving)
            supervisor_end_reload(self);
        break;
    case IPC_RELEASED:
        supervisor_tell_adopt(self);
        break;
    case IPC_ASK:
        supervisor_forward_question(self, &message);
        break;
    case IPC_ANSWER:
        supervisor_forward_answer(self, &message);
        break;
    default:
        break;
    }
}

/* --- their end --- */

static void
supervisor_plan_restart(Supervisor *self, const WorkerProcess *worker)
{
    gint64 life_ms = clock_monotonic_ms() - worker->started_ms;

    self->serving = NULL;
    supervisor_tell_status(self, "one has died and is replaced");
    self->backoff_ms = (worker->state != WORKER_STARTING && life_ms >= LIFE_GOOD_MS) ||
                               self->backoff_ms == 0
                           ? BACKOFF_FIRST_MS
                           : MIN(self->backoff_ms * 2, BACKOFF_MAX_MS);
    /* A candidate takes its place, or fails and brings us back here. */
    if (self->candidate == NULL)
        self->restart_at_ms = clock_monotonic_ms() + self->backoff_ms;
}

static void
supervisor_on_worker_end(Supervisor *self, WorkerProcess *worker, int status)
{
    g_autofree gchar *how =
        WIFSIGNALED(status) ? g_strdup_printf("signal %d", WTERMSIG(status))
                            : g_strdup_printf("status %d", WEXITSTATUS(status));
    g_autofree gchar *why = deaths_describe_failed_start(worker, how);
    struct pollfd left = {.events = POLLIN};

    /* What it still had to say. */
    while (worker->ipc_end >= 0 && (left.fd = worker->ipc_end, poll(&left, 1, 0) > 0))
        supervisor_on_message(self, worker);
    if (self->requester == worker)
        self->requester = NULL;
    if (self->leaving == worker)
        supervisor_end_reload(self);
    if (!self->stopping && worker == self->candidate)
        supervisor_fail_reload(self, why);
    else if (!self->stopping && worker == self->serving)
        supervisor_plan_restart(self, worker);
    if (worker == self->serving)
        self->serving = NULL;
    if (worker == self->candidate)
        self->candidate = NULL;
    if (!self->stopping && status != 0 && !worker->told_problems)
        deaths_note(self->deaths, worker, how);
    /* Who dies will not answer; nobody knows what was asked of it. */
    supervisor_end_questions(self, G_MAXINT64);
    g_ptr_array_remove(self->workers, worker);
    if (!self->stopping)
        supervisor_tell_adopt(self);
}

static void
supervisor_reap(Supervisor *self)
{
    pid_t pid;
    int status;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (guint i = 0; i < self->workers->len; i++) {
            WorkerProcess *worker = g_ptr_array_index(self->workers, i);

            if (worker->pid == pid) {
                supervisor_on_worker_end(self, worker, status);
                break;
            }
        }
    }
}

static void
supervisor_on_signal(Supervisor *self)
{
    struct signalfd_siginfo info;

    if (read(self->signal_fd, &info, sizeof info) != sizeof info)
        return;
    if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
        supervisor_begin_stop(self);
    if (info.ssi_signo == SIGHUP)
        supervisor_begin_reload(self, NULL);
    if (info.ssi_signo == SIGCHLD)
        supervisor_reap(self);
}

/* --- watching --- */

static int
supervisor_get_timeout(const Supervisor *self)
{
    gint64 due_ms = G_MAXINT64;

    if (self->stopping)
        due_ms = self->stop_since_ms + STOP_PATIENCE_MS;
    else if (self->restart_at_ms > 0)
        due_ms = self->restart_at_ms;
    if (!self->stopping && self->candidate != NULL)
        due_ms = MIN(due_ms, self->candidate->started_ms + START_PATIENCE_MS);
    if (!self->stopping && self->leaving != NULL && !self->leaving->is_hung)
        due_ms = MIN(due_ms, self->leaving_since_ms + LEAVE_PATIENCE_MS);
    if (self->questions->len > 0)
        due_ms = MIN(due_ms, g_array_index(self->questions, Question, 0).asked_ms +
                                 ANSWER_PATIENCE_MS);
    due_ms = MIN(due_ms, service_manager_get_due_ms(self->manager));
    return due_ms == G_MAXINT64
               ? -1
               : (int)CLAMP(due_ms - clock_monotonic_ms(), 0, START_PATIENCE_MS);
}

static void
supervisor_do_due(Supervisor *self)
{
    gint64 now_ms = clock_monotonic_ms();

    service_manager_do_due(self->manager, now_ms);
    supervisor_end_questions(self, now_ms - ANSWER_PATIENCE_MS);
    if (self->stopping && now_ms < self->stop_since_ms + STOP_PATIENCE_MS)
        return;
    if (self->stopping) {
        for (guint i = 0; i < self->workers->len; i++)
            kill(((WorkerProcess *)g_ptr_array_index(self->workers, i))->pid, SIGKILL);
        return;
    }
    if (self->candidate != NULL && now_ms >= self->candidate->started_ms + START_PATIENCE_MS)
        kill(self->candidate->pid, SIGKILL);
    if (self->leaving != NULL && now_ms >= self->leaving_since_ms + LEAVE_PATIENCE_MS)
        worker_process_end_hung(self->leaving, "it goes on accepting");
    if (self->restart_at_ms > 0 && now_ms >= self->restart_at_ms)
        supervisor_spawn_serving(self);
}

static void
supervisor_watch(Supervisor *self)
{
    g_autoptr(GArray) fds = g_array_new(FALSE, TRUE, sizeof(struct pollfd));

    while (!self->stopping || self->workers->len > 0) {
        guint n_workers = self->workers->len;
        struct pollfd *polled;

        g_array_set_size(fds, 2 * n_workers + 1);
        polled = (struct pollfd *)(void *)fds->data;
        polled[2 * n_workers] = (struct pollfd){.fd = self->signal_fd, .events = POLLIN};
        for (guint i = 0; i < n_workers; i++) {
            const WorkerProcess *worker = g_ptr_array_index(self->workers, i);

            polled[2 * i] = (struct pollfd){.fd = worker->ipc_end, .events = POLLIN};
            polled[2 * i + 1] = (struct pollfd){
                .fd = worker->gate != NULL ? connect_gate_get_fd(worker->gate) : -1,
                .events = POLLIN};
        }
        if (poll(polled, 2 * n_workers + 1, supervisor_get_timeout(self)) < 0)
            continue;
        /* Not only when all are silent: one that talks must not hide one that hangs. */
        supervisor_do_due(self);
        /* Messages add workers at the end and take none away. */
        for (guint i = 0; i < n_workers; i++) {
            WorkerProcess *worker = g_ptr_array_index(self->workers, i);

            if (polled[2 * i].revents != 0)
                supervisor_on_message(self, worker);
            if ((polled[2 * i + 1].revents & POLLIN) != 0)
                connect_gate_serve(worker->gate);
            else if (polled[2 * i + 1].revents != 0)
                g_clear_pointer(&worker->gate, connect_gate_free);
        }
        if (polled[2 * n_workers].revents != 0)
            supervisor_on_signal(self);
        if (self->reload_again && self->candidate == NULL && self->leaving == NULL) {
            self->reload_again = FALSE;
            supervisor_begin_reload(self, NULL);
        }
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
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    self->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    return self->signal_fd >= 0;
}

static int
supervisor_main(Supervisor *self)
{
    g_autoptr(GString) problems = g_string_new(NULL);

    self->config = config_set_read(self->options->config_path, problems);
    if (self->config == NULL) {
        fputs(problems->str, stderr);
        return EXIT_FAILURE;
    }
    if (!supervisor_find_user(self) || !supervisor_make_folders(self))
        return EXIT_FAILURE;
    if (!self->options->only_check &&
        (!supervisor_lock_state(self) || !supervisor_bind_control(self)))
        return EXIT_FAILURE;
    if (!self->options->only_check && !supervisor_bind(self, self->config, problems)) {
        fprintf(stderr, "barid: %s", problems->str);
        return EXIT_FAILURE;
    }
    if (!supervisor_watch_signals(self))
        return supervisor_fail("cannot watch signals");
    supervisor_spawn_serving(self);
    if (self->serving == NULL)
        return EXIT_FAILURE;
    supervisor_watch(self);
    if (self->options->only_check && self->status == EXIT_SUCCESS && !self->was_ready)
        self->status = EXIT_FAILURE;
    return self->status;
}

static void
supervisor_clear(Supervisor *self)
{
    g_ptr_array_free(self->workers, TRUE);
    supervisor_end_questions(self, G_MAXINT64);
    g_array_free(self->questions, TRUE);
    deaths_free(self->deaths);
    g_string_free(self->candidate_problems, TRUE);
    if (self->control_fd >= 0 && !self->control_is_passed) {
        listen_socket_remove_unix(self->socket_folder_fd, self->socket_path);
        close(self->control_fd);
    }
    if (self->socket_folder_fd >= 0)
        close(self->socket_folder_fd);
    if (self->lock_fd >= 0)
        close(self->lock_fd);
    config_set_unref(self->config);
    passed_sockets_free(self->passed);
    service_manager_free(self->manager);
    folder_close(&self->state);
    folder_close(&self->run);
    g_free(self->socket_path);
    g_free(self->user);
}

int
supervisor_run(const SupervisorOptions *options)
{
    Supervisor self = {.options = options,
                       .state = {.fd = -1},
                       .run = {.fd = -1},
                       .control_fd = -1,
                       .socket_folder_fd = -1,
                       .signal_fd = -1,
                       .lock_fd = -1};
    int status;

    self.manager = options->only_check ? service_manager_new_silent() : service_manager_new();
    self.passed = options->only_check ? passed_sockets_new_empty() : passed_sockets_new();
    self.workers = g_ptr_array_new_with_free_func((GDestroyNotify)worker_process_free);
    self.questions = g_array_new(FALSE, FALSE, sizeof(Question));
    self.deaths = deaths_new();
    self.candidate_problems = g_string_new(NULL);
    status = supervisor_main(&self);
    supervisor_clear(&self);
    return status;
}
