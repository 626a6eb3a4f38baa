/* SPDX-License-Identifier: Apache-2.0 */
/* WorkerProcess: one worker as the supervisor sees it. */
#ifndef WORKER_PROCESS_H
#define WORKER_PROCESS_H

#include <sys/types.h>

#include "ipc/ipc.h"
#include "supervisor/config-set.h"
#include "supervisor/connect-gate.h"

typedef enum {
    WORKER_STARTING, /* reads and checks; may ask for files */
    WORKER_SERVING,
    WORKER_DRAINING, /* a younger one has taken its place, or everything stops */
} WorkerState;

typedef struct {
    guint number;
    pid_t pid;
    int ipc_end; /* -1 when the other side is gone */
    ConfigSet *config;
    WorkerState state;
    gint64 started_ms;
    gboolean told_problems;
    gboolean is_hung; /* and killed; its end is told by SIGCHLD */
    int blame_fd; /* of its page; -1 without */
    gboolean is_other_user; /* whose links must not lead us */
    ConnectGateFor whom;
    ConnectGate *gate;      /* NULL where the kernel keeps its ports */
} WorkerProcess;

typedef struct {
    guint number;
    const gchar *state_dir;
    int control_fd; /* -1 without */
    gboolean only_check;
    gboolean is_reload; /* another one serves meanwhile */
    const GPtrArray *contained; /* of gchar *: modules that are not to be called */
    /* To run as; (user) NULL changes nothing. */
    const gchar *user;
    uid_t uid;
    gid_t gid;
} WorkerStart;

/* Starts the program and sends it all it needs. Takes a reference of (config). */
WorkerProcess *worker_process_new(const WorkerStart *start, ConfigSet *config, GError **error);
/* The process must have ended. */
void worker_process_free(WorkerProcess *self);
/* Sends a message. FALSE when nobody takes it: the worker is gone, or it has read nothing for
 * so long that it is ended as hung. */
gboolean worker_process_send(WorkerProcess *self, IpcType type, BaridSlice payload,
                             int fd_or_minus_1);
/* The same without descriptors; (self) may be NULL. */
void worker_process_tell(WorkerProcess *self, IpcType type, const gchar *text);
/* Kills a worker that does not do what every worker does at once, and says so. */
void worker_process_end_hung(WorkerProcess *self, const gchar *what);
/* Opens what stands in its configuration, and only before it serves. */
void worker_process_answer_open(WorkerProcess *self, const IpcMessage *message,
                                const Folder *state);

#endif
