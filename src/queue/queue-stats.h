/* SPDX-License-Identifier: Apache-2.0 */
/* What the queue counts, and what its quota allows. */
#ifndef QUEUE_STATS_H
#define QUEUE_STATS_H

#include "queue/queue.h"

/* Numbers for "status". */
typedef struct {
    guint n_messages, n_held, n_active, n_waiting;
    guint64 bytes, free_bytes; /* of the queue, on the disk */
    gboolean has_main;         /* the main folder is held by this process */
    gboolean replaying;
    SpoolStats spool;
    guint64 damaged_bytes;
    gint64 next_ms;            /* when there is something to do next, by the wall clock */
} QueueStats;
BARID_SUSPENDS void queue_get_stats(Queue *self, QueueStats *out_stats);

/* Whether the quota allows (bytes) more, else BARID_ERROR_NO_SPACE. Any thread; what is being
 * submitted at the same time is not counted, nor is the server's own mail asked. */
gboolean queue_has_room(const Queue *self, guint64 bytes, GError **error);

#endif
