/* SPDX-License-Identifier: Apache-2.0 */
/*
 * History: what became of messages and sessions that are gone, bounded by age and bytes.
 *
 * Records are JSON documents of one line in files of one folder, appended without
 * waiting for the disk: history explains, it does not guarantee. Belongs to one thread.
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
/* Appends (document), which must be a JSON object on one line, under (id): a queue id or
 * a session id. Several records may share an id. */
gboolean history_append(History *self, const gchar *id, gint64 now_ms, const gchar *document,
                        GError **error);
/* Calls (visit) for the records of (id), or for all with NULL, newest first, until it
 * returns FALSE. The document is borrowed during the call. */
typedef gboolean (*HistoryVisitor)(const gchar *document, gpointer data);
void history_visit(History *self, const gchar *id, HistoryVisitor visit, gpointer data);
/* Drops what is too old or too much. */
void history_trim(History *self, gint64 now_ms);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(History, history_close)

#endif
