/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts whose process ended before their results were durable. For the queue's own files;
 * on its thread. */
#ifndef QUEUE_DOUBT_H
#define QUEUE_DOUBT_H

#include "queue/queue.h"

enum { QUEUE_DOUBT_PEER_MAX = 200 };

typedef struct {
    QueueId id;
    gint64 started_ms;
    guint32 domain;
    guint16 n_attempts; /* before that attempt: else it is known how it ended */
    gchar peer[QUEUE_DOUBT_PEER_MAX];
} QueueDoubt;

/* Those that the spool's marks tell of, sorted by message and number of the attempt. */
GArray *queue_doubts_read(const Spool *spool);
/* Takes in those that concern the message; TRUE when there was one. */
gboolean queue_doubts_apply(Queue *self, const GArray *doubts, const Envelope *envelope,
                            DeliveryState *state);
/* queue-jobs.c: FALSE when it is known how the attempt ended. */
gboolean queue_take_doubt(Queue *self, const Envelope *envelope, DeliveryState *state,
                          const QueueDoubt *doubt);

#endif
