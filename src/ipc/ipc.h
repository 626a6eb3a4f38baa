/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between supervisor and worker, and other pairs of processes: a type, a payload, and
 * descriptors, over a socketpair that keeps message boundaries. Blocking; no fibers.
 */
#ifndef IPC_H
#define IPC_H

#include <barid/error.h>
#include <barid/slice.h>

#define IPC_ERROR (ipc_error_quark())
GQuark ipc_error_quark(void);

#define IPC_PAYLOAD_MAX (64 * 1024)
#define IPC_FDS_MAX 16

typedef enum {
    /* supervisor to worker */
    IPC_CONFIG = 1, /* descriptor: sealed memory file with the packed configuration */
    IPC_LISTENER,   /* payload: listener name, NUL, "IP:PORT" or "unix:PATH", NUL, "passed" when a
                     * service manager made it; descriptor: listening socket */
    IPC_CONTROL,    /* descriptor: the control socket */
    IPC_BLAME,      /* descriptor: the page of base/blame.h; payload: modules to contain */
    IPC_START,      /* everything was sent; payload: "gate" when IPC_GATE is welcome, NUL,
                     * "reload" when another worker serves meanwhile */
    IPC_FILE,       /* answer to IPC_OPEN; a descriptor, or a payload with the error */
    IPC_STOP,       /* finish and exit */
    IPC_DRAIN,      /* a younger worker serves: let go of the spool, finish, exit */
    IPC_ADOPT,      /* spool folders may have become free */
    IPC_RELOADED,   /* payload: "ok" or "failed", NUL, number or what is wrong */
    IPC_ASK,        /* payload: number of the question, NUL, a control request; either way */
    IPC_ANSWERED,   /* payload: number of the question: everybody has answered */
    /* worker to supervisor */
    IPC_OPEN,       /* payload: section, NUL, key: open the file named there */
    IPC_GATE,       /* payload: ports; descriptor: where connect() asks from now on */
    IPC_READY,      /* serving */
    IPC_PROBLEMS,   /* payload: why it cannot start */
    IPC_WANT_STOP,  /* somebody asked over the control socket */
    IPC_WANT_RELOAD,
    IPC_UNLISTENED, /* draining: it accepts nothing any more */
    IPC_RELEASED,   /* the main spool folder is free */
    IPC_ANSWER,     /* payload: number; descriptor: sealed memory file with the answer */
    /* a simulation and the process that looks names up for it */
    IPC_NAME,       /* payload: "NAME TYPE" */
    IPC_NAMED,      /* payload: the answer */
} IpcType;

typedef struct {
    IpcType type;
    guint8 *payload; /* NUL-terminated behind (len) */
    gsize len;
    int fds[IPC_FDS_MAX];
    guint n_fds;
} IpcMessage;

/* Two connected ends, close-on-exec. */
gboolean ipc_pair(int out_ends[2], GError **error);
/* From now on BARID_ERROR_TIMEOUT is what a message ends with that the other side leaves no
 * room for so long. */
gboolean ipc_limit_send(int end, gint64 timeout_ms, GError **error);
gboolean ipc_send(int end, IpcType type, BaridSlice payload, int fd_or_minus_1, GError **error);
/* Waits for a message. BARID_ERROR_CLOSED when the other side is gone. */
gboolean ipc_receive(int end, IpcMessage *out_message, GError **error);
/* Frees the payload and closes descriptors that were not taken (set to -1). */
void ipc_message_clear(IpcMessage *self);
/* Takes the first descriptor; -1 when there is none. */
int ipc_message_take_fd(IpcMessage *self);
/* The (index)-th of the NUL-separated texts of the payload, or "". */
const gchar *ipc_message_get_text(const IpcMessage *self, guint index);

/* A sealed memory file holding (bytes). -1 on failure. */
int ipc_seal(const gchar *name, BaridSlice bytes, GError **error);
/* Maps the whole of a sealed file; unmapped with the bytes. */
GBytes *ipc_map_sealed(int fd, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(IpcMessage, ipc_message_clear)

#endif
