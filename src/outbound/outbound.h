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
#include "outbound/outbound-settings.h"
#include "store/directory.h"

#define OUTBOUND_ERROR (outbound_error_quark())
GQuark outbound_error_quark(void);

typedef struct Outbound Outbound;

typedef struct {
    Host *host;
    Directories *directories;
    Queue *queue;
    DnsResolver *resolver;
    const OutboundSettings *settings;
    const gchar *hostname; /* given with EHLO, and known as an own name */
    const BaridRule *attempt_timeout; /* duration */
    /* For simulations, or NULL: opens what stands in the place of the transport (name); NULL
     * where the transport itself is meant. */
    gpointer (*stand_in)(const gchar *name, gpointer data,
                         const BaridTransportDriver **out_driver);
    gpointer stand_in_data;
} OutboundServices;

/* Opens every transport of the host's modules. */
Outbound *outbound_new(const OutboundServices *services, GError **error);
/* What this server is known by, so that no mail is sent to itself: names, and addresses that
 * it listens on; one that stands for all means every address of the machine. Before the
 * queue starts. */
void outbound_add_own_name(Outbound *self, const gchar *name);
void outbound_add_own_address(Outbound *self, const Address *address);
gboolean outbound_is_own_name(const Outbound *self, const gchar *name);
gboolean outbound_is_own_address(const Outbound *self, const Address *address);
/* Adds a thread that deliveries may run on; before the queue starts. */
void outbound_add_thread(Outbound *self, Scheduler *scheduler);
/* For queue_start(): called on the queue's thread. */
void outbound_dispatch(QueueJob *job, gpointer outbound);
/* For queue_set_describe(): the host or domain that mail goes to, with its limits. */
void outbound_describe(const Envelope *envelope, guint domain, BaridSlice route, Arena *arena,
                       DestinationLimits *out_limits, gpointer outbound);
/* Where the recipient goes as things are now: "mx", the name of a host or transport, with what
 * is said of the mailbox behind it ("maildir alice"), or the status and reason of a failure.
 * In (arena). */
BARID_SUSPENDS const gchar *outbound_find_route(Outbound *self, const Envelope *envelope,
                                                guint recipient, Arena *arena);
/* Whether mail may be sent to (name) by hand: "mx", a [host NAME], a transport. */
gboolean outbound_is_route(const Outbound *self, const gchar *name);
/* Takes no more jobs; those under way go on. Any thread. */
void outbound_drain(Outbound *self);
/* Jobs handed over and not yet finished. Any thread. */
guint outbound_get_n_active(const Outbound *self);
/* Ends kept connections of the calling thread, and keeps none from now on. */
void outbound_drain_thread(Outbound *self, Scheduler *scheduler);
/* Cancels the deliveries of the calling thread: they end as deferred. */
void outbound_cancel_thread(Outbound *self, Scheduler *scheduler);
/* No job may be under way. */
void outbound_free(Outbound *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Outbound, outbound_free)

#endif
