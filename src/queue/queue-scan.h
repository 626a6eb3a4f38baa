/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into the history: by id, and over all of it. */
#ifndef QUEUE_SCAN_H
#define QUEUE_SCAN_H

#include "queue/queue.h"

/* Records of (id) (queue id or session id), or the newest ones that contain (text), as a
 * JSON array under (key). */
BARID_SUSPENDS void queue_write_history(Queue *self, const gchar *id, const gchar *text,
                                        guint limit, JsonWriter *writer, const gchar *key);

/* A walk over the whole history, newest first, that leaves the queue's thread free between
 * the pieces. Zeroed but for the filter; call until (finished). */
typedef struct {
    const gchar *text; /* case-insensitive substring of what is wanted; NULL any */
    gint64 since_ms;   /* older ones may be left out */
    gboolean finished;
    HistoryWalk walk;  /* (n_visited) records were looked at so far */
} QueueHistoryScan;
/* Appends the next records (gchar *, owned by the array's free function) to (out). */
BARID_SUSPENDS void queue_scan_history(Queue *self, QueueHistoryScan *scan, guint max_records,
                                       GPtrArray *out);

#endif
