/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/worker-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/blame.h"
#include "base/clock.h"
#include "base/log.h"
#include "control/shadow-counts.h"
#include "ipc/ipc.h"
#include "net/block-pool.h"
#include "queue/queue-destinations.h"
#include "worker/confine.h"
#include "worker/watchdog.h"

enum { WORKER_SAVE_COUNTS_S = 5 };

/* --- what the supervisor sends --- */

static gboolean
worker_take_config(Worker *self, IpcMessage *message, GError **error)
{
    int fd = ipc_message_take_fd(message);
    g_autoptr(GBytes) bytes = NULL;
    gsize len;
    const void *data;

    self->number = (guint)g_ascii_strtoull(ipc_message_get_text(message, 0), NULL, 10);
    self->state_dir = g_strdup(ipc_message_get_text(message, 1));
    bytes = ipc_map_sealed(fd, error);
    close(fd);
    if (bytes == NULL)
        return FALSE;
    data = g_bytes_get_data(bytes, &len);
    self->files = config_files_unpack(barid_slice(data, len), error);
    return self->files != NULL;
}

static void
worker_take_listener(Worker *self, IpcMessage *message)
{
    WorkerSocket socket = {
        .listener = g_strdup(ipc_message_get_text(message, 0)),
        .address = g_strdup(ipc_message_get_text(message, 1)),
        .is_passed = strcmp(ipc_message_get_text(message, 2), "passed") == 0,
        .fd = ipc_message_take_fd(message),
    };

    g_array_append_val(self->sockets, socket);
}

static gboolean
worker_take_blame(Worker *self, IpcMessage *message, GError **error)
{
    int fd = ipc_message_take_fd(message);
    gboolean ok = blame_use_page(fd, error);

    close(fd);
    for (guint i = 0; *ipc_message_get_text(message, i) != '\0'; i++)
        g_ptr_array_add(self->contained, g_strdup(ipc_message_get_text(message, i)));
    return ok;
}

/* Everything up to IPC_START. */
static gboolean
worker_receive_all(Worker *self, GError **error)
{
    for (;;) {
        g_auto(IpcMessage) message = {0};

        if (!ipc_receive(self->ipc_end, &message, error))
            return FALSE;
        if (message.type == IPC_START) {
            self->has_gate = strcmp(ipc_message_get_text(&message, 0), "gate") == 0;
            self->is_reload = strcmp(ipc_message_get_text(&message, 1), "reload") == 0;
            return TRUE;
        }
        if (message.type == IPC_CONFIG && !worker_take_config(self, &message, error))
            return FALSE;
        if (message.type == IPC_LISTENER)
            worker_take_listener(self, &message);
        if (message.type == IPC_BLAME && !worker_take_blame(self, &message, error))
            return FALSE;
        if (message.type == IPC_CONTROL)
            self->control_fd = ipc_message_take_fd(&message);
    }
}

static GBytes *
worker_read_all(int fd, GError **error)
{
    g_autoptr(GIOChannel) channel = g_io_channel_unix_new(fd);
    gchar *text = NULL;
    gsize len = 0;

    g_io_channel_set_encoding(channel, NULL, NULL);
    g_io_channel_set_close_on_unref(channel, TRUE);
    if (g_io_channel_read_to_end(channel, &text, &len, error) != G_IO_STATUS_NORMAL)
        return NULL;
    return g_bytes_new_take(text, len);
}

/* Files that only the supervisor may read are asked of it, before READY. */
static GBytes *
worker_open_file(const gchar *section, const gchar *key, const gchar *path G_GNUC_UNUSED,
                   gpointer data, GError **error)
{
    Worker *self = data;
    g_auto(IpcMessage) answer = {0};
    g_autoptr(GByteArray) request = g_byte_array_new();
    int fd;

    g_byte_array_append(request, (const guint8 *)section, (guint)strlen(section) + 1);
    g_byte_array_append(request, (const guint8 *)key, (guint)strlen(key) + 1);
    if (!ipc_send(self->ipc_end, IPC_OPEN, barid_slice(request->data, request->len), -1, error) ||
        !ipc_receive(self->ipc_end, &answer, error))
        return NULL;
    fd = ipc_message_take_fd(&answer);
    if (fd < 0) {
        g_set_error(error, IPC_ERROR, BARID_ERROR_DENIED, "%s", ipc_message_get_text(&answer, 0));
        return NULL;
    }
    return worker_read_all(fd, error);
}

static int
worker_refuse(Worker *self, const gchar *why)
{
    gsize len = MIN(strlen(why), IPC_PAYLOAD_MAX - 1);

    ipc_send(self->ipc_end, IPC_PROBLEMS, barid_slice(why, len), -1, NULL);
    return EXIT_FAILURE;
}

/* --- the main loop --- */

static gboolean
worker_on_thread_end(gpointer data)
{
    Worker *self = data;

    if (--self->n_running == 0)
        g_main_loop_quit(self->loop);
    return G_SOURCE_REMOVE;
}

static gboolean
worker_on_ipc(gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer data)
{
    Worker *self = data;

    if (worker_take_message(self))
        return G_SOURCE_CONTINUE;
    /* A supervisor that is gone is an order to stop, too. */
    worker_end_waits(self);
    worker_begin_stop(self);
    return G_SOURCE_REMOVE;
}

static gboolean
worker_on_term(gpointer data)
{
    worker_begin_stop(data);
    return G_SOURCE_CONTINUE;
}

/* --- threads --- */

static void
worker_on_start(gpointer data)
{
    WorkerThread *thread = data;
    Worker *self = thread->worker;

    for (guint i = 0; i < self->sockets->len; i++) {
        const WorkerSocket *socket = &g_array_index(self->sockets, WorkerSocket, i);
        InboundListener *listener =
            inbound_find_listener(self->generation->inbound, socket->listener);

        if (listener != NULL)
            inbound_thread_listen(thread->inbound, listener, socket->fd, NULL);
    }
    if (thread->index == 0 && self->control_fd >= 0)
        control_listen(self->control, thread->scheduler, self->control_fd, NULL);
}

static gpointer
worker_thread_main(gpointer data)
{
    WorkerThread *thread = data;

    watchdog_prepare_thread();
    scheduler_run(thread->scheduler);
    block_pool_drain();
    g_idle_add(worker_on_thread_end, thread->worker);
    return NULL;
}

static gboolean
worker_make_threads(Worker *self, GError **error)
{
    gint64 wanted = self->generation->server.threads;

    self->n_threads = wanted > 0 ? (guint)wanted : g_get_num_processors();
    self->threads = g_new0(WorkerThread, self->n_threads);
    for (guint i = 0; i < self->n_threads; i++) {
        WorkerThread *thread = &self->threads[i];

        thread->worker = self;
        thread->index = i;
        thread->scheduler = scheduler_new(error);
        if (thread->scheduler == NULL)
            return FALSE;
        thread->inbound = inbound_thread_new(self->generation->inbound, thread->scheduler);
        outbound_add_thread(self->outbound, thread->scheduler);
    }
    return TRUE;
}

/* Signals are the main thread's: they would land on fibers' stacks otherwise. */
static void
worker_start_threads(Worker *self)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (guint i = 0; i < self->n_threads; i++) {
        WorkerThread *thread = &self->threads[i];
        g_autofree gchar *name = g_strdup_printf("barid-%u", i);

        thread->start = (SchedulerPost){.func = worker_on_start, .data = thread};
        scheduler_post(thread->scheduler, &thread->start);
        thread->thread = g_thread_new(name, worker_thread_main, thread);
        self->n_running++;
        atomic_fetch_add(&self->n_listening, 1);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* --- the start-up list --- */

static gboolean
worker_open_queue(Worker *self, GError **error)
{
    g_autofree gchar *spool = g_build_filename(self->state_dir, "spool", NULL);
    g_autofree gchar *history = g_build_filename(self->state_dir, "history", NULL);
    QueueOptions options;

    generation_get_queue_options(self->generation, &options);
    options.folder = spool;
    options.side_number = self->number;
    options.history_folder = history;
    queue_id_set_generation((guint8)self->number);
    self->queue = queue_new(&options, error);
    return self->queue != NULL;
}

/* What is sent to one of these would come back. */
static void
worker_tell_addresses(Worker *self)
{
    for (guint i = 0; i < self->sockets->len; i++) {
        const WorkerSocket *socket = &g_array_index(self->sockets, WorkerSocket, i);
        InboundListener *listener =
            inbound_find_listener(self->generation->inbound, socket->listener);

        if (listener != NULL)
            inbound_listener_add_address(listener, socket->address, socket->is_passed);
    }
    generation_tell_own(self->generation, self->outbound);
}

static gboolean
worker_assemble(Worker *self, GError **error)
{
    OutboundServices outbound = {.queue = NULL};
    ControlServices control = {
        .generation = self->generation,
        .generation_number = self->number,
        .started_ms = self->started_ms,
        .request_stop = worker_request_stop,
        .request_reload = worker_request_reload,
        .ask_draining = worker_ask_draining,
        .request_data = self,
    };

    for (guint i = 0; i < self->contained->len; i++) {
        const gchar *name = g_ptr_array_index(self->contained, i);

        if (host_contain(self->generation->host, name))
            barid_log(BARID_LOG_ERROR, "module.contained", "module", name, "reason",
                      "it has brought the server down repeatedly; its on-error applies", NULL);
    }
    if (!generation_start(self->generation, error) || !worker_open_queue(self, error))
        return FALSE;
    inbound_set_queue(self->generation->inbound, self->queue);
    generation_fill_outbound(self->generation, &outbound);
    outbound.queue = self->queue;
    self->outbound = outbound_new(&outbound, error);
    if (self->outbound == NULL)
        return FALSE;
    worker_tell_addresses(self);
    control.queue = self->queue;
    control.outbound = self->outbound;
    self->control = control_new(&control);
    return worker_make_threads(self, error);
}

/* Threads inherit what is given up; the log's was there before. */
static gboolean
worker_confine(Worker *self, GError **error)
{
    ConfineOptions options = {
        .level = (ConfineLevel)self->generation->server.confine,
        .state_dir = self->state_dir,
        .settings = &self->generation->context,
        .connect_ports = (const gchar *const *)self->generation->server.connect_ports,
        .has_gate = self->has_gate,
    };
    g_autoptr(GByteArray) ports = g_byte_array_new();
    int gate_fd = -1;
    gboolean ok;

    log_stop();
    ok = confine_process(&options, ports, &gate_fd, error);
    log_start(NULL, NULL, STDERR_FILENO);
    if (gate_fd < 0)
        return ok;
    ok = ok &&
         ipc_send(self->ipc_end, IPC_GATE, barid_slice(ports->data, ports->len), gate_fd, error);
    (void)close(gate_fd);
    return ok;
}

/* What shadows have counted is worth something only over days: a process that is killed takes
 * little of it along. */
static gboolean
worker_save_counts(gpointer data)
{
    const Worker *self = data;
    g_autoptr(GError) error = NULL;

    if (!shadow_counts_save(self->generation, self->started_ms, &error))
        barid_log(BARID_LOG_WARNING, "shadow.counts-unsaved", "error", error->message, NULL);
    return G_SOURCE_CONTINUE;
}

static void
worker_serve(Worker *self)
{
    self->loop = g_main_loop_new(NULL, FALSE);
    g_unix_fd_add(self->ipc_end, G_IO_IN | G_IO_HUP | G_IO_ERR, worker_on_ipc, self);
    g_unix_signal_add(SIGTERM, worker_on_term, self);
    watchdog_start(self->generation->server.watchdog_ms);
    worker_start_threads(self);
    queue_set_describe(self->queue, outbound_describe, self->outbound);
    queue_start(self->queue, outbound_dispatch, self->outbound);
    ipc_send(self->ipc_end, IPC_READY, BARID_SLICE_EMPTY, -1, NULL);
    barid_log(BARID_LOG_NOTICE, "worker.ready", "version", PACKAGE_VERSION, NULL);
    g_timeout_add_seconds(WORKER_SAVE_COUNTS_S, worker_save_counts, self);
    g_main_loop_run(self->loop);
    for (guint i = 0; i < self->n_threads; i++)
        g_thread_join(self->threads[i].thread);
    queue_stop(self->queue);
    worker_save_counts(self);
    barid_log(BARID_LOG_NOTICE, "worker.stopped", NULL);
}

static void
worker_clear(Worker *self)
{
    for (guint i = 0; i < self->n_threads; i++) {
        inbound_thread_free(self->threads[i].inbound);
        scheduler_free(self->threads[i].scheduler);
    }
    g_free(self->threads);
    control_free(self->control);
    outbound_free(self->outbound);
    queue_free(self->queue);
    generation_free(self->generation);
    for (guint i = 0; i < self->sockets->len; i++) {
        g_free(g_array_index(self->sockets, WorkerSocket, i).listener);
        g_free(g_array_index(self->sockets, WorkerSocket, i).address);
        close(g_array_index(self->sockets, WorkerSocket, i).fd);
    }
    g_array_free(self->sockets, TRUE);
    if (self->control_fd >= 0)
        close(self->control_fd);
    if (self->loop != NULL)
        g_main_loop_unref(self->loop);
    if (self->files != NULL)
        config_files_free(self->files);
    g_free(self->state_dir);
    g_ptr_array_free(self->questions, TRUE);
    g_ptr_array_free(self->contained, TRUE);
    g_mutex_clear(&self->lock);
    close(self->ipc_end);
}

static int
worker_start(Worker *self, gboolean only_check)
{
    g_autoptr(GString) failures = g_string_new(NULL);
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(GError) error = NULL;
    GenerationOptions options = {.open_file = worker_open_file, .open_file_data = self,
                                 .tries_modules = only_check};
    gboolean ok;

    if (!worker_receive_all(self, &error))
        return worker_refuse(self, error->message);
    options.files = self->files;
    options.state_dir = self->state_dir;
    self->generation = generation_new(&options, problems);
    if (self->generation == NULL) {
        g_autofree gchar *text = config_problems_to_text(problems);

        return worker_refuse(self, text);
    }
    if (only_check) {
        ipc_send(self->ipc_end, IPC_READY, BARID_SLICE_EMPTY, -1, NULL);
        return EXIT_SUCCESS;
    }
    if (self->is_reload && self->generation->server.require_policy_tests &&
        !worker_run_policy_tests(self, failures))
        return worker_refuse(self, failures->str);
    log_set_level((BaridLogLevel)self->generation->server.log_level);
    watchdog_begin_start(self->generation->server.watchdog_ms);
    ok = worker_assemble(self, &error);
    watchdog_end_start();
    if (!ok || !worker_confine(self, &error))
        return worker_refuse(self, error->message);
    worker_serve(self);
    return EXIT_SUCCESS;
}

static void
worker_raise_limits(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

int
worker_run(int ipc_end, gboolean only_check)
{
    Worker self = {.ipc_end = ipc_end, .control_fd = -1, .started_ms = clock_wall_ms()};
    int status;

    /* A terminal's Ctrl-C reaches the whole group; the supervisor says what to do. */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    worker_raise_limits();
    self.sockets = g_array_new(FALSE, FALSE, sizeof(WorkerSocket));
    self.questions = g_ptr_array_new();
    self.contained = g_ptr_array_new_with_free_func(g_free);
    watchdog_catch_crashes();
    g_mutex_init(&self.lock);
    log_start(NULL, NULL, STDERR_FILENO);
    status = worker_start(&self, only_check);
    worker_clear(&self);
    log_stop();
    return status;
}
