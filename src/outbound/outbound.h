/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outbound: takes due jobs from the queue, finds out where their recipients live, and
 * hands them to transports. Jobs go to worker threads by a hash of their domain, so that
 * what is kept for a next hop needs no locks.
 */
#ifndef OUTBOUND_H
#define OUTBOUND_H

#include "fiber/fiber.h"
#include "host/host.h"
#include "queue/queue.h"
#include "store/directory.h"

#define OUTBOUND_ERROR (outbound_error_quark())
GQuark outbound_error_quark(void);

typedef struct Outbound Outbound;

typedef struct {
    Host *host;
    Directories *directories;
    Queue *queue;
    DnsResolver *resolver;
    gint64 attempt_timeout_ms;
} OutboundServices;

/* Opens every transport of the host's modules. */
Outbound *outbound_new(const OutboundServices *services, GError **error);
/* Adds a thread that deliveries may run on; before the queue starts. */
void outbound_add_thread(Outbound *self, Scheduler *scheduler);
/* For queue_start(): called on the queue's thread. */
void outbound_dispatch(QueueJob *job, gpointer outbound);
/* Takes no more jobs; those under way go on. Any thread. */
void outbound_drain(Outbound *self);
/* Jobs handed over and not yet finished. Any thread. */
guint outbound_get_n_active(const Outbound *self);
/* Cancels the deliveries of the calling thread: they end as deferred. */
void outbound_cancel_thread(Outbound *self, Scheduler *scheduler);
/* No job may be under way. */
void outbound_free(Outbound *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Outbound, outbound_free)

#endif
