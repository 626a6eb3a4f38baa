/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into the queue: calls from fibers, done on the queue's thread. */
#include "base/clock.h"
#include "base/text.h"
#include "queue/queue-private.h"
#include "queue/queue-scan.h"
#include "queue/queue-stats.h"
#include "queue/queue-walk.h"

const gchar *
queue_entry_get_status(const QueueEntry *entry)
{
    if (entry->n_jobs > 0)
        return "active";
    return entry->held ? "held" : "queued";
}

/* --- destinations --- */

typedef struct {
    const gchar *key;
    gboolean changed;
    GError *error;
    JsonWriter *writer;
} DestinationCall;

/* One that has handed its messages over, or stops, has no say any more. */
static gboolean
look_begin_change(Queue *self, DestinationCall *call)
{
    if (atomic_load(&self->suspended)) {
        g_set_error_literal(&call->error, QUEUE_ERROR, BARID_ERROR_BUSY,
                            "this server process is ending; try again");
        return FALSE;
    }
    queue_suspended_read(self); /* an older process may have changed it a moment ago */
    return TRUE;
}

static void
look_suspend(Queue *self, gpointer data)
{
    DestinationCall *call = data;

    if (!look_begin_change(self, call))
        return;
    call->changed = destinations_suspend(self->destinations, call->key);
    if (call->changed && !queue_suspended_write(self, &call->error))
        destinations_resume(self->destinations, call->key, clock_wall_ms());
}

static void
look_resume(Queue *self, gpointer data)
{
    DestinationCall *call = data;

    if (!look_begin_change(self, call))
        return;
    call->changed = destinations_resume(self->destinations, call->key, clock_wall_ms());
    if (call->changed && !queue_suspended_write(self, &call->error))
        destinations_suspend(self->destinations, call->key);
}

static BARID_SUSPENDS gboolean
look_change(Queue *self, void (*change)(Queue *self, gpointer data), const gchar *destination,
            gboolean *out_changed, GError **error)
{
    DestinationCall call = {.key = destination};

    queue_call(self, change, &call);
    *out_changed = call.changed;
    if (call.error == NULL)
        return TRUE;
    g_propagate_error(error, call.error);
    return FALSE;
}

gboolean
queue_suspend_destination(Queue *self, const gchar *destination, gboolean *out_changed,
                          GError **error)
{
    return look_change(self, look_suspend, destination, out_changed, error);
}

gboolean
queue_resume_destination(Queue *self, const gchar *destination, gboolean *out_changed,
                         GError **error)
{
    return look_change(self, look_resume, destination, out_changed, error);
}

/* Why it waits, if it is down. */
static void
look_write_down(const DestinationState *state, JsonWriter *writer)
{
    json_writer_text(writer, "down_reason", state->down_reason);
    json_writer_time(writer, "next_probe", state->probe_ms);
}

static void
look_write_destination(const DestinationState *state, gpointer data)
{
    JsonWriter *writer = data;

    json_writer_begin_object(writer, NULL);
    json_writer_text(writer, "destination", state->key);
    json_writer_integer(writer, "active", state->n_active);
    json_writer_integer(writer, "waiting", state->n_waiting);
    json_writer_bool(writer, "suspended", state->is_suspended);
    json_writer_bool(writer, "down", state->down_reason != NULL);
    look_write_down(state, writer);
    json_writer_end_object(writer);
}

static void
look_write_destinations(Queue *self, gpointer data)
{
    DestinationCall *call = data;

    json_writer_begin_array(call->writer, "destinations");
    destinations_visit(self->destinations, look_write_destination, call->writer);
    json_writer_end_array(call->writer);
}

void
queue_write_destinations(Queue *self, JsonWriter *writer)
{
    DestinationCall call = {.writer = writer};

    queue_call(self, look_write_destinations, &call);
}

/* --- looking --- */

typedef struct {
    JsonWriter *writer;
    gboolean detailed;
} LookCall;

static void
look_write_short(const QueueEntry *entry, const QueueMessage *message, JsonWriter *writer)
{
    gchar id[QUEUE_ID_TEXT_LEN + 1];

    json_writer_text(writer, "id", queue_id_format(entry->ref.id, id));
    json_writer_text(writer, "status", queue_entry_get_status(entry));
    json_writer_time(writer, "created", message->envelope.created_ms);
    json_writer_time(writer, "due", entry->item.due_ms);
    json_writer_slice(writer, "sender", message->envelope.sender);
    json_writer_integer(writer, "size", (gint64)message->envelope.size_bytes);
    json_writer_integer(writer, "recipient_count", message->envelope.n_recipients);
    json_writer_begin_array(writer, "recipients");
    for (guint i = 0; i < message->envelope.n_recipients && i < 10; i++)
        json_writer_slice(writer, NULL, message->envelope.recipients[i].address);
    json_writer_end_array(writer);
}

/* For which destinations it stands in line. */
static void
look_write_waiting(Queue *self, const QueueEntry *entry, const QueueMessage *message,
                   JsonWriter *writer)
{
    const Envelope *envelope = &message->envelope;
    DestinationLimits limits;
    DestinationState known;

    json_writer_begin_array(writer, "waits_for");
    for (guint i = 0; entry->n_waiting > 0 && i < envelope->n_domains; i++) {
        if (!destinations_is_waiting(self->destinations, entry->ref.id, i))
            continue;
        queue_get_limits(self, envelope, &message->state, i, &limits);
        if (!destinations_get_state(self->destinations, limits.key, &known))
            continue;
        json_writer_begin_object(writer, NULL);
        json_writer_slice(writer, "domain", envelope->domains[i]);
        json_writer_text(writer, "destination", known.key);
        json_writer_bool(writer, "suspended", known.is_suspended);
        look_write_down(&known, writer);
        json_writer_end_object(writer);
    }
    json_writer_end_array(writer);
}

static void
look_write_detailed(Queue *self, const QueueEntry *entry, const QueueMessage *message,
                    JsonWriter *writer)
{
    queue_write_message(&message->envelope, &message->state, queue_entry_get_status(entry),
                        writer);
    queue_write_header(self, message->content, writer);
    look_write_waiting(self, entry, message, writer);
}

static void
look_write(Queue *self, QueueEntry *const *entries, guint n_entries, gpointer data)
{
    LookCall *call = data;

    for (guint i = 0; i < n_entries; i++) {
        QueueMessage message;

        arena_reset(self->turn);
        if (!queue_message_read(self, entries[i], self->turn, &message))
            continue;
        json_writer_begin_object(call->writer, NULL);
        if (call->detailed)
            look_write_detailed(self, entries[i], &message, call->writer);
        else
            look_write_short(entries[i], &message, call->writer);
        json_writer_end_object(call->writer);
        spool_content_unref(message.content);
    }
}

void
queue_write_list(Queue *self, const QueueFilter *filter, JsonWriter *writer)
{
    LookCall call = {.writer = writer};

    json_writer_begin_array(writer, "messages");
    queue_walk(self, filter, look_write, &call);
    json_writer_end_array(writer);
}

void
queue_write_details(Queue *self, const QueueFilter *filter, JsonWriter *writer)
{
    LookCall call = {.writer = writer, .detailed = TRUE};

    json_writer_begin_array(writer, "messages");
    queue_walk(self, filter, look_write, &call);
    json_writer_end_array(writer);
}

typedef struct {
    QueueId id;
    SpoolContent *content;
    GError **error;
} OpenCall;

static void
look_open(Queue *self, gpointer data)
{
    OpenCall *call = data;
    QueueEntry *entry = queue_find(self, call->id);

    if (entry == NULL)
        g_set_error_literal(call->error, QUEUE_ERROR, BARID_ERROR_NOT_FOUND,
                            "there is no such message in the queue");
    else
        call->content = queue_entry_read(self, entry, call->error);
}

SpoolContent *
queue_open_content(Queue *self, QueueId id, GError **error)
{
    OpenCall call = {.id = id, .error = error};

    queue_call(self, look_open, &call);
    return call.content;
}

/* --- history --- */

typedef struct {
    const gchar *id;
    const gchar *text;
    guint limit;
    JsonWriter *writer;
    const gchar *key;
    guint count;
} HistoryCall;

static gboolean
look_history_record(const gchar *document, gpointer data)
{
    HistoryCall *call = data;

    if (call->text != NULL && strstr(document, call->text) == NULL)
        return TRUE;
    json_writer_raw(call->writer, NULL, document);
    return ++call->count < call->limit;
}

static void
look_history(Queue *self, gpointer data)
{
    HistoryCall *call = data;

    json_writer_begin_array(call->writer, call->key);
    if (self->history != NULL)
        history_visit(self->history, call->id, look_history_record, call);
    json_writer_end_array(call->writer);
}

void
queue_write_history(Queue *self, const gchar *id, const gchar *text, guint limit,
                    JsonWriter *writer, const gchar *key)
{
    HistoryCall call = {.id = id, .text = text, .limit = limit, .writer = writer, .key = key};

    queue_call(self, look_history, &call);
}

typedef struct {
    QueueHistoryScan *scan;
    guint max_records;
    GPtrArray *out;
} ScanCall;

static gboolean
look_scanned_record(const gchar *document, gpointer data)
{
    ScanCall *call = data;

    if (call->scan->text == NULL ||
        text_contains_nocase(barid_slice_from_text(document),
                             barid_slice_from_text(call->scan->text)))
        g_ptr_array_add(call->out, g_strdup(document));
    return TRUE;
}

static void
look_scan(Queue *self, gpointer data)
{
    ScanCall *call = data;

    call->scan->finished =
        self->history == NULL ||
        !history_walk(self->history, &call->scan->walk, call->max_records, call->scan->since_ms,
                      look_scanned_record, call);
}

void
queue_scan_history(Queue *self, QueueHistoryScan *scan, guint max_records, GPtrArray *out)
{
    ScanCall call = {.scan = scan, .max_records = max_records, .out = out};

    queue_call(self, look_scan, &call);
}

/* --- numbers --- */

gboolean
queue_has_room(const Queue *self, guint64 bytes, GError **error)
{
    const QueueOptions *options = &self->options;
    guint64 kib = atomic_load_explicit(&self->bytes_kib, memory_order_relaxed);
    guint n = atomic_load_explicit(&self->n_messages, memory_order_relaxed);

    if (options->max_messages != 0 && n >= options->max_messages) {
        g_set_error(error, QUEUE_ERROR, BARID_ERROR_NO_SPACE,
                    "the queue holds %u messages, its limit", n);
        return FALSE;
    }
    if (options->max_bytes != 0 && kib * 1024 + bytes > options->max_bytes) {
        g_set_error(error, QUEUE_ERROR, BARID_ERROR_NO_SPACE,
                    "the queue holds %" G_GUINT64_FORMAT " KiB, with the message more than its"
                    " limit", kib);
        return FALSE;
    }
    return TRUE;
}

static void
look_stats(Queue *self, gpointer data)
{
    QueueStats *stats = data;

    stats->n_messages = g_hash_table_size(self->index);
    stats->n_held = self->n_held;
    stats->n_active = self->n_active;
    stats->bytes = self->bytes_kib * 1024;
    stats->replaying = !self->replayed;
    stats->next_ms = queue_get_next_ms(self);
    stats->has_main = self->home_is_main;
    stats->free_bytes = spool_get_free_bytes(self->places[self->home]->spool);
    stats->damaged_bytes = 0;
    for (guint i = 0; i < QUEUE_PLACES_MAX; i++) {
        if (self->places[i] != NULL)
            stats->damaged_bytes += spool_get_damaged_bytes(self->places[i]->spool);
    }
    spool_get_stats(self->places[self->home]->spool, &stats->spool);
}

void
queue_get_stats(Queue *self, QueueStats *out_stats)
{
    queue_call(self, look_stats, out_stats);
}
