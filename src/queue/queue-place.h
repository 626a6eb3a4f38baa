/* SPDX-License-Identifier: Apache-2.0 */
/* The spool folders that a queue holds. For the queue's own files; on its thread. */
#ifndef QUEUE_PLACE_H
#define QUEUE_PLACE_H

#include "queue/queue.h"

/* A folder whose messages are ours. */
typedef struct {
    Spool *spool;
    gchar *folder;
    gboolean replayed;
    gboolean keeps_marks; /* what they tell could not be written down */
    gboolean keeps;    /* something in it cannot be moved: it is never removed */
    GArray *doubts;    /* of QueueDoubt, until the replay has ended */
    GPtrArray *doubtful; /* of QueueEntry *: whose new state is not written yet */
    GPtrArray *ghosts; /* of QueueEntry *: second copies, to be removed */
} QueuePlace;

enum { QUEUE_PLACES_MAX = 16 };

gboolean queue_places_open(Queue *self, GError **error);
void queue_place_free(Queue *self, guint index);
Spool *queue_entry_get_spool(Queue *self, const QueueEntry *entry);
SpoolContent *queue_entry_read(Queue *self, const QueueEntry *entry, GError **error);
/* Makes the changes durable, each in the folder of its entry. */
void queue_places_commit(Queue *self, GPtrArray *changes);
/* Reads some of what is not read yet; sets (replayed). */
void queue_places_replay(Queue *self, guint max_records);
/* Looks for folders to adopt, when it is time. */
void queue_places_look(Queue *self);
/* A bounded piece of housekeeping; TRUE when there may be more to do at once. */
gboolean queue_places_tidy(Queue *self);
/* Leaves all folders but the side folder. */
gboolean queue_places_release(Queue *self, GError **error);

#endif
