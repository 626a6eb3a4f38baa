/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inbound: listeners, sessions and transactions. One Inbound is one generation of
 * settings; it is made on the main thread and read-only afterwards but for its counters.
 */
#ifndef INBOUND_H
#define INBOUND_H

#include "fiber/fiber.h"
#include "host/host.h"
#include "net/stream.h"
#include "queue/queue.h"
#include "store/directory.h"

#define INBOUND_ERROR (inbound_error_quark())
GQuark inbound_error_quark(void);

typedef struct Inbound Inbound;
typedef struct InboundListener InboundListener;

typedef struct {
    Host *host;
    Queue *queue; /* may be NULL while only checking */
    Directories *directories;
    const gchar *hostname;
    const gchar *state_dir;
} InboundServices;

/* Binds [session], [ehlo], [extensions], [auth], [rcpt], [data], [certificate NAME] and
 * [listener NAME]. Never NULL; problems go to the context. */
Inbound *inbound_new(SettingsContext *context, const InboundServices *services);
void inbound_free(Inbound *self);
/* Gives the listeners without a certificate the server's own, which is made at the first
 * start. Before anybody listens; not for a check. */
gboolean inbound_start(Inbound *self, GError **error);
/* Once the queue is there. */
void inbound_set_queue(Inbound *self, Queue *queue);

/* For simulations: is told what is known of a session or transaction when it begins and, for
 * the last time, when it ends. Before the first session. */
typedef enum {
    INBOUND_SESSION_BEGINS,
    INBOUND_TRANSACTION_BEGINS,
    INBOUND_TRANSACTION_ENDS,
    INBOUND_SESSION_ENDS,
} InboundEvent;
typedef void (*InboundWitness)(InboundEvent event, BaridScope *scope, gpointer data);
void inbound_set_witness(Inbound *self, InboundWitness witness, gpointer data);

guint inbound_get_n_listeners(const Inbound *self);
InboundListener *inbound_get_listener(Inbound *self, guint index);
InboundListener *inbound_find_listener(Inbound *self, const gchar *name);
const gchar *inbound_listener_get_name(const InboundListener *self);
/* Tells where it listens, which may not be what its settings ask for: (is_passed) says that a
 * service manager made the socket. */
void inbound_listener_add_address(InboundListener *self, const gchar *address, gboolean is_passed);
/* Where it listens, or, when that was not told, what its settings ask for: "IP:PORT" and
 * "unix:PATH", NULL-terminated. */
const gchar *const *inbound_listener_get_addresses(const InboundListener *self);
/* Those of them that a service manager listens on, too. */
const gchar *const *inbound_listener_get_passed(const InboundListener *self);

gboolean inbound_listener_has_implicit_tls(const InboundListener *self);

/* --- serving --- */

/* The sessions of one worker thread. */
typedef struct InboundThread InboundThread;
InboundThread *inbound_thread_new(Inbound *self, Scheduler *scheduler);
/* Accepts on the listening descriptor (fd), which stays the caller's, in a fiber of its
 * own. On the scheduler's thread. */
gboolean inbound_thread_listen(InboundThread *self, InboundListener *listener, int fd,
                               GError **error);
/* Accepts no more; sessions go on as if nothing had happened. On its thread. */
void inbound_thread_unlisten(InboundThread *self);
/* Accepts no more; idle sessions get 421, transactions may finish. On its thread. */
void inbound_thread_drain(InboundThread *self);
/* Cuts short what is left. On its thread. */
void inbound_thread_cancel(InboundThread *self);
/* All fibers must have ended. */
void inbound_thread_free(InboundThread *self);
guint inbound_thread_get_n_sessions(const InboundThread *self);

/* Runs one session on (stream), which is taken, in the calling fiber: for simulation and
 * tests. */
BARID_SUSPENDS void inbound_serve(InboundThread *self, InboundListener *listener, Stream *stream,
                                  const Address *remote, const Address *local);

typedef struct {
    guint n_sessions; /* now */
    guint64 n_accepted, n_messages, n_refused;
} InboundStats;
void inbound_get_stats(const Inbound *self, InboundStats *out_stats);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Inbound, inbound_free)

#endif
