/* SPDX-License-Identifier: Apache-2.0 */
/*
 * History: what became of messages and sessions that are gone, bounded by age and bytes.
 *
 * Records are JSON documents of one line in files of one folder, appended without
 * waiting for the disk: history explains, it does not guarantee. What was flushed outlives
 * the process, though not the machine. Belongs to one thread.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <barid/error.h>

typedef struct History History;

typedef struct {
    gsize max_bytes;
    gint64 max_age_ms;
} HistoryOptions;

/* Opens or makes the folder and reads what is there. A damaged line is skipped. */
History *history_open(const gchar *folder, const HistoryOptions *options, GError **error);
void history_close(History *self);
/* Reads what another process has added to the folder meanwhile. */
gboolean history_refresh(History *self, GError **error);
/* Appends (document), which must be a JSON object on one line, under (id): a queue id or
 * a session id. Several records may share an id. */
gboolean history_append(History *self, const gchar *id, gint64 now_ms, const gchar *document,
                        GError **error);
/* Gives the system what was appended; what it does not take is forgotten. */
gboolean history_flush(History *self, GError **error);
/* Calls (visit) for the records of (id), or for all with NULL, newest first, until it
 * returns FALSE. The document is borrowed during the call. */
typedef gboolean (*HistoryVisitor)(const gchar *document, gpointer data);
void history_visit(History *self, const gchar *id, HistoryVisitor visit, gpointer data);
/* A walk over all records, newest first, in pieces, so that the thread can do other things
 * in between. What is appended meanwhile is not met, what is dropped is passed over. Zeroed
 * before the first piece. */
typedef struct {
    gboolean begun;
    guint file;       /* number of the file at hand */
    guint left;       /* records of it not visited yet */
    guint64 n_visited;
} HistoryWalk;
/* Visits at most (max_records) records; whole files whose records are all older than
 * (since_ms) are passed over. FALSE when nothing is left; a visitor that returns FALSE ends
 * the piece, too. */
gboolean history_walk(History *self, HistoryWalk *walk, guint max_records, gint64 since_ms,
                      HistoryVisitor visit, gpointer data);
/* Drops what is too old or too much. */
void history_trim(History *self, gint64 now_ms);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(History, history_close)

#endif
