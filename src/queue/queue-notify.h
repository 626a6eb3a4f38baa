/* SPDX-License-Identifier: Apache-2.0 */
/* Status notifications, on the queue's thread. */
#ifndef QUEUE_NOTIFY_H
#define QUEUE_NOTIFY_H

#include "queue/queue-private.h"

/* A notification made in this turn, and what it tells about. */
typedef struct {
    QueueEntry *entry;
    QueueEntry *about;
    SpoolChange *change;
    const guint *told; /* recipients of whom it tells */
    guint n_told;
} QueueNotice;

/* Adds a DSN for what became final or late, and marks it as told. Changes of
 * the message must come after queue_get_notice(). */
typedef enum { NOTIFY_FINAL = 1 << 0, NOTIFY_LATE = 1 << 1 } QueueNotifyWhat;
void queue_notify(Queue *self, const Envelope *envelope, DeliveryState *state,
                  const SpoolContent *content, guint what);
/* The change that makes the last notice of this turn about (entry), or NULL. */
const SpoolChange *queue_get_notice(const Queue *self, const QueueEntry *entry);
/* After the commit. Those that could not be written are made again later. */
void queue_settle_notices(Queue *self);

#endif
