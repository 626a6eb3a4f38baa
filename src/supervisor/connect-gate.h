/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ConnectGate: where a worker may connect to, on kernels whose Landlock cannot tell ports.
 * Every connect() of the worker stops in the kernel (seccomp_unotify(2)) and is asked here;
 * what is allowed is done here, on the worker's own socket and with its user, so that
 * nothing can be exchanged between the look and the deed. TCP is limited to given ports;
 * datagrams and unix sockets are not, as with Landlock.
 */
#ifndef CONNECT_GATE_H
#define CONNECT_GATE_H

#include <sys/types.h>

#include <glib.h>

typedef struct ConnectGate ConnectGate;

/* Whether this process has what it takes: root's rights over other processes. */
gboolean connect_gate_is_possible(void);
/* Who connects; (user) NULL for the caller itself. */
typedef struct {
    pid_t pid;
    const gchar *user;
    uid_t uid;
    gid_t gid;
} ConnectGateFor;

/* Takes (notify_fd), the listening end of the process's filter. (ports) is their texts with a
 * NUL behind each. NULL, with the descriptor closed, when the process is gone. */
ConnectGate *connect_gate_new(const ConnectGateFor *whom, int notify_fd, const gchar *ports,
                              gsize ports_len);
/* For poll(2): readable when somebody calls, hung up when nobody is left who could. */
int connect_gate_get_fd(const ConnectGate *self);
/* Answers one call, when there is one. Never waits for a peer. */
void connect_gate_serve(ConnectGate *self);
void connect_gate_free(ConnectGate *self);

#endif
