/* SPDX-License-Identifier: Apache-2.0 */
/* Where mail goes, changed by hand; from fibers, done on the queue's thread. */
#ifndef QUEUE_DESTINATIONS_H
#define QUEUE_DESTINATIONS_H

#include "queue/queue.h"

/* Sends the pending recipients of the messages that match to (route), due now: "mx", or the
 * name of a host or transport. NULL goes back to the configuration. */
BARID_SUSPENDS guint queue_reroute(Queue *self, const QueueFilter *filter, const gchar *route);
/* Keeps back what goes to a domain or host, or lets it go again. FALSE when it was so
 * already. Not remembered over a restart. */
BARID_SUSPENDS gboolean queue_suspend_destination(Queue *self, const gchar *destination);
BARID_SUSPENDS gboolean queue_resume_destination(Queue *self, const gchar *destination);
/* Writes "destinations": [{destination, active, waiting, suspended}] of those that are not
 * idle. */
BARID_SUSPENDS void queue_write_destinations(Queue *self, JsonWriter *writer);

#endif
