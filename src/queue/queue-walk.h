/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks over the queue that leave its thread free in between: what somebody asks about a
 * hundred thousand messages must not keep others from being accepted. For the queue's own
 * files.
 */
#ifndef QUEUE_WALK_H
#define QUEUE_WALK_H

#include "queue/queue-private.h"

/* A message read back from the spool; everything borrows from (content), the entry's state and
 * the arena. */
typedef struct {
    SpoolContent *content; /* the caller's reference */
    Envelope envelope;
    DeliveryState state;
} QueueMessage;

/* On the queue's thread; FALSE when it cannot be read. */
gboolean queue_message_read(Queue *self, const QueueEntry *entry, Arena *arena,
                            QueueMessage *out);

enum { QUEUE_WALK_MAX = 64 };

/* Called on the queue's thread with at most QUEUE_WALK_MAX entries that match. */
typedef void (*QueueWalkVisitor)(Queue *self, QueueEntry *const *entries, guint n_entries,
                                 gpointer data);
/* Visits the messages that match (filter), as many as it allows, oldest first. What comes or
 * goes meanwhile may be left out. */
BARID_SUSPENDS void queue_walk(Queue *self, const QueueFilter *filter, QueueWalkVisitor visit,
                               gpointer data);

#endif
