/* SPDX-License-Identifier: Apache-2.0 */
/* Where mail goes: told to the queue, and changed by hand. The calls of the latter are made
 * from fibers and done on the queue's thread. */
#ifndef QUEUE_DESTINATIONS_H
#define QUEUE_DESTINATIONS_H

#include "queue/queue.h"

/* Says where a domain of a message goes and what is allowed there. (route) is the
 * administrator's, or empty. Texts may be in (arena). On the queue's thread; must not block. */
typedef void (*QueueDescribe)(const Envelope *envelope, guint domain, BaridSlice route,
                              Arena *arena, DestinationLimits *out_limits, gpointer data);
/* Before the start; without it each domain is a destination without limits. */
void queue_set_describe(Queue *self, QueueDescribe describe, gpointer data);

/* Sends the pending recipients of the messages that match to (route), due now: "mx", or the
 * name of a host or transport. NULL goes back to the configuration. */
BARID_SUSPENDS guint queue_reroute(Queue *self, const QueueFilter *filter, const gchar *route);
/* Keeps back what goes to a domain or host, or lets it go again; durable when the call
 * returns. (*out_changed) is FALSE when it was so already. (destination) has one line. */
BARID_SUSPENDS gboolean queue_suspend_destination(Queue *self, const gchar *destination,
                                                  gboolean *out_changed, GError **error);
BARID_SUSPENDS gboolean queue_resume_destination(Queue *self, const gchar *destination,
                                                 gboolean *out_changed, GError **error);
/* Writes "destinations": [{destination, active, waiting, suspended}] of those that are not
 * idle. */
BARID_SUSPENDS void queue_write_destinations(Queue *self, JsonWriter *writer);

#endif
