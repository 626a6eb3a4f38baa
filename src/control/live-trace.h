/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace: log records as they are made, picked by session, sender, recipient or queue id,
 * as JSON objects, one a line. Once a record of a session or message was picked, all later
 * ones with the same session or queue id are.
 */
#ifndef LIVE_TRACE_H
#define LIVE_TRACE_H

#include "control/request.h"
#include "net/stream.h"

/* Writes records to (stream) until either side ends; a process that drains does when (is_over)
 * says that nothing can happen any more. FALSE when the request is wrong; nothing was written
 * then. */
BARID_SUSPENDS gboolean trace_serve(const ControlRequest *request, Stream *stream,
                                    gboolean (*is_over)(gpointer data), gpointer data,
                                    GError **error);

/* Tells those who follow that this process takes no more sessions: what comes later is told by
 * the next. On the thread of the traces. */
void trace_tell_draining(void);

/* A log record "TIME LEVEL EVENT key=value ..." taken apart. */
typedef struct {
    gchar *time, *level, *event;
    GPtrArray *pairs; /* key, value, key, value; owned */
} TraceRecord;

/* FALSE for what is no record. */
gboolean trace_record_parse(TraceRecord *self, BaridSlice line);
void trace_record_clear(TraceRecord *self);
const gchar *trace_record_get(const TraceRecord *self, const gchar *key);

/* What to pick; NULL members pick everything. */
typedef struct {
    const gchar *session, *sender, *recipient, *id;
    GHashTable *followed; /* "session=ID", "queue-id=ID" */
} TraceFilter;

void trace_filter_init(TraceFilter *self);
void trace_filter_clear(TraceFilter *self);
gboolean trace_filter_picks(TraceFilter *self, const TraceRecord *record);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TraceRecord, trace_record_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TraceFilter, trace_filter_clear)

#endif
