/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the worker share. The main thread's, where nothing else is said. */
#ifndef WORKER_PRIVATE_H
#define WORKER_PRIVATE_H

#include <stdatomic.h>

#include "ipc/ipc.h"
#include "worker/worker.h"

typedef struct {
    Worker *worker;
    guint index;
    Scheduler *scheduler;
    InboundThread *inbound;
    GThread *thread;
    SchedulerPost start, unlisten, confirm, drain, cancel;
} WorkerThread;

typedef struct {
    gchar *listener;
    gchar *address; /* "IP:PORT", or of a unix socket */
    gboolean is_passed;
    int fd;
} WorkerSocket;

/* A fiber that waits for the supervisor. */
typedef struct {
    FiberCompletion completion;
    gchar *id;
    gboolean ok;
    gchar *text;        /* of a reload */
    GPtrArray *answers; /* to a question: of gchar * */
} WorkerWait;

struct Worker {
    int ipc_end;
    guint number; /* of the generation */
    gchar *state_dir;
    gint64 started_ms;
    ConfigFiles *files;
    GArray *sockets; /* of WorkerSocket */
    int control_fd;
    GPtrArray *contained; /* of gchar *: modules */
    gboolean has_gate;    /* the supervisor answers for connect() */
    gboolean is_reload;   /* another one serves meanwhile */
    Generation *generation;
    Queue *queue;
    Outbound *outbound;
    Control *control;
    WorkerThread *threads;
    guint n_threads;
    guint n_running;
    _Atomic guint n_listening; /* threads */
    GMainLoop *loop;
    gboolean draining, stopping;
    GMutex lock; /* of the rest */
    WorkerWait *reload;
    GPtrArray *questions; /* of WorkerWait */
    guint last_question;
};

/* worker-tests.c: FALSE with what failed added to (problems). */
gboolean worker_run_policy_tests(const Worker *self, GString *problems);

/* worker-drain.c: the end of a worker. */
/* A younger worker serves: sessions may go on for a while, the spool is let go. */
void worker_begin_drain(Worker *self);
void worker_begin_stop(Worker *self);

/* worker-talk.c: talking with the supervisor while serving. */
/* FALSE when the supervisor is gone or says stop. */
gboolean worker_take_message(Worker *self);
void worker_request_stop(gpointer worker);
BARID_SUSPENDS gboolean worker_request_reload(gpointer worker, guint *out_number, GError **error);
BARID_SUSPENDS GPtrArray *worker_ask_draining(gpointer worker, const gchar *request_json);
/* Nobody will answer any more. */
void worker_end_waits(Worker *self);

#endif
