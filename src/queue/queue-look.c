/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into the queue and acting on it: calls from fibers, done on the queue's thread. */
#include "base/clock.h"
#include "base/text.h"
#include "queue/queue-private.h"
#include "queue/queue-scan.h"
#include "queue/queue-stats.h"

/* A message read back from the spool; everything borrows from (content) and (arena). */
typedef struct {
    SpoolContent *content;
    Envelope envelope;
    DeliveryState state;
} LookMessage;

static gboolean
look_read(Queue *self, const QueueEntry *entry, LookMessage *out)
{
    arena_reset(self->turn);
    out->content = queue_entry_read(self, entry, NULL);
    if (out->content == NULL)
        return FALSE;
    if (envelope_parse(spool_content_get_envelope(out->content), self->turn, &out->envelope) &&
        delivery_state_parse(barid_slice(entry->state, entry->state_len), &out->envelope,
                             self->turn, &out->state))
        return TRUE;
    spool_content_unref(out->content);
    return FALSE;
}

const gchar *
queue_entry_get_status(const QueueEntry *entry)
{
    if (entry->n_jobs > 0)
        return "active";
    return entry->held ? "held" : "queued";
}

/* --- filters --- */

static gboolean
look_contains(BaridSlice where, const gchar *what)
{
    gsize len = strlen(what);

    for (gsize i = 0; i + len <= where.len; i++) {
        if (barid_slice_equal_nocase(barid_slice(where.data + i, len), barid_slice(what, len)))
            return TRUE;
    }
    return FALSE;
}

static gboolean
look_any_recipient(const Envelope *envelope, const gchar *what)
{
    for (guint i = 0; i < envelope->n_recipients; i++) {
        if (look_contains(envelope->recipients[i].address, what))
            return TRUE;
    }
    return FALSE;
}

static gboolean
look_any_domain(const Envelope *envelope, const gchar *what)
{
    for (guint i = 0; i < envelope->n_domains; i++) {
        if (barid_slice_equal_nocase(envelope->domains[i], barid_slice_from_text(what)))
            return TRUE;
    }
    return FALSE;
}

static gboolean
filter_index_matches(const QueueFilter *filter, const QueueEntry *entry)
{
    gint64 arrived_ms = queue_id_get_time_ms(entry->ref.id);

    if (filter->id != 0 && entry->ref.id != filter->id)
        return FALSE;
    if (filter->status != NULL && strcmp(queue_entry_get_status(entry), filter->status) != 0)
        return FALSE;
    if (filter->before_ms != 0 && arrived_ms >= filter->before_ms)
        return FALSE;
    return filter->after_ms == 0 || arrived_ms > filter->after_ms;
}

/* Only these need the message from the disk. */
static gboolean
filter_needs_envelope(const QueueFilter *filter)
{
    return filter->sender != NULL || filter->recipient != NULL || filter->domain != NULL ||
           filter->message_id != NULL || filter->remote_ip != NULL;
}

static gboolean
filter_envelope_matches(const QueueFilter *filter, const Envelope *envelope)
{
    if (filter->sender != NULL &&
        !(filter->sender[0] == '\0' ? envelope->sender.len == 0
                                    : look_contains(envelope->sender, filter->sender)))
        return FALSE;
    if (filter->recipient != NULL && !look_any_recipient(envelope, filter->recipient))
        return FALSE;
    if (filter->message_id != NULL && !look_contains(envelope->message_id, filter->message_id))
        return FALSE;
    if (filter->remote_ip != NULL && !barid_slice_equal_text(envelope->remote_ip,
                                                             filter->remote_ip))
        return FALSE;
    return filter->domain == NULL || look_any_domain(envelope, filter->domain);
}

static gboolean
filter_matches(Queue *self, const QueueFilter *filter, const QueueEntry *entry)
{
    LookMessage message;
    gboolean matches;

    if (!filter_index_matches(filter, entry))
        return FALSE;
    if (!filter_needs_envelope(filter))
        return TRUE;
    if (!look_read(self, entry, &message))
        return FALSE;
    matches = filter_envelope_matches(filter, &message.envelope);
    spool_content_unref(message.content);
    return matches;
}

static gint
look_compare_ids(gconstpointer a, gconstpointer b)
{
    const QueueEntry *left = *(QueueEntry *const *)a;
    const QueueEntry *right = *(QueueEntry *const *)b;

    return left->ref.id < right->ref.id ? -1 : left->ref.id > right->ref.id ? 1 : 0;
}

/* The entries that match, oldest first. */
static GPtrArray *
look_select(Queue *self, const QueueFilter *filter)
{
    GPtrArray *found = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;

    if (filter->id != 0) {
        QueueEntry *entry = queue_find(self, filter->id);

        if (entry != NULL && filter_matches(self, filter, entry))
            g_ptr_array_add(found, entry);
        return found;
    }
    g_hash_table_iter_init(&iter, self->index);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (filter_matches(self, filter, value))
            g_ptr_array_add(found, value);
    }
    g_ptr_array_sort(found, look_compare_ids);
    if (filter->limit != 0 && found->len > filter->limit)
        g_ptr_array_set_size(found, (gint)filter->limit);
    return found;
}

/* --- acting --- */

typedef struct {
    QueueAction action;
    const QueueFilter *filter;
    const gchar *route; /* NULL leaves it as it is */
    guint count;
} ActCall;

static gboolean
act_is_written(SpoolChange *change)
{
    if (change->error == NULL)
        return TRUE;
    barid_log(BARID_LOG_ERROR, "spool.failed", "error", change->error->message, NULL);
    g_clear_error(&change->error);
    return FALSE;
}

static gboolean
act_update(Queue *self, QueueEntry *entry, QueueAction action, const gchar *route)
{
    LookMessage message;
    g_auto(Buffer) bytes;
    SpoolChange change = {.kind = SPOOL_STATE, .ref = &entry->ref, .body_fd = -1};
    SpoolChange *changes[] = {&change};
    gboolean is_done = FALSE;

    if (!look_read(self, entry, &message))
        return FALSE;
    if (action == QUEUE_HOLD)
        message.state.held = TRUE;
    else if (action == QUEUE_RELEASE)
        message.state.held = FALSE;
    /* A retry never shortens the time until expiry. */
    for (guint i = 0; action != QUEUE_HOLD && i < message.envelope.n_domains; i++)
        message.state.domains[i].next_ms = clock_wall_ms();
    for (guint i = 0; route != NULL && i < message.envelope.n_domains; i++) {
        message.state.domains[i].route = barid_slice_from_text(route);
        /* It must not go on waiting for the place it is sent away from. */
        if (entry->n_waiting > 0 && destinations_forget(self->destinations, entry->ref.id, i))
            entry->n_waiting--;
    }
    buffer_init(&bytes, SPOOL_ENVELOPE_MAX);
    if (delivery_state_write(&message.state, &message.envelope, &bytes)) {
        change.state = buffer_get_slice(&bytes);
        spool_commit(queue_entry_get_spool(self, entry), changes, 1);
        is_done = act_is_written(&change);
        if (is_done) {
            queue_entry_set_state(entry, change.state);
            queue_entry_schedule(self, entry, &message.envelope, &message.state);
        }
    }
    spool_content_unref(message.content);
    return is_done;
}

static gboolean
act_cancel(Queue *self, QueueEntry *entry)
{
    LookMessage message;
    gboolean is_read = look_read(self, entry, &message);
    SpoolChange change = {.kind = SPOOL_REMOVE, .ref = &entry->ref, .body_fd = -1};
    SpoolChange *changes[] = {&change};
    gboolean is_done;

    spool_commit(queue_entry_get_spool(self, entry), changes, 1);
    is_done = act_is_written(&change);
    if (is_done && is_read)
        queue_remember(self, &message.envelope, &message.state, "cancelled");
    if (is_read)
        spool_content_unref(message.content);
    if (!is_done)
        return FALSE;
    queue_entry_remove(self, entry);
    /* A job under way still points at it; its result frees it. */
    if (entry->n_jobs > 0)
        g_ptr_array_remove_fast(self->gone, entry);
    return TRUE;
}

static void
act_run(Queue *self, gpointer data)
{
    ActCall *call = data;
    g_autoptr(GPtrArray) found = look_select(self, call->filter);

    for (guint i = 0; i < found->len; i++) {
        QueueEntry *entry = g_ptr_array_index(found, i);
        gboolean is_done = call->action == QUEUE_CANCEL
                               ? act_cancel(self, entry)
                               : act_update(self, entry, call->action, call->route);

        call->count += is_done ? 1 : 0;
    }
}

guint
queue_act(Queue *self, QueueAction action, const QueueFilter *filter)
{
    ActCall call = {.action = action, .filter = filter};

    queue_call(self, act_run, &call);
    return call.count;
}

guint
queue_reroute(Queue *self, const QueueFilter *filter, const gchar *route)
{
    ActCall call = {
        .action = QUEUE_RETRY, .filter = filter, .route = route == NULL ? "" : route};

    queue_call(self, act_run, &call);
    return call.count;
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

static void
look_write_destination(const gchar *key, guint n_active, guint n_waiting, gboolean is_suspended,
                       gpointer data)
{
    JsonWriter *writer = data;

    json_writer_begin_object(writer, NULL);
    json_writer_text(writer, "destination", key);
    json_writer_integer(writer, "active", n_active);
    json_writer_integer(writer, "waiting", n_waiting);
    json_writer_bool(writer, "suspended", is_suspended);
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
    const QueueFilter *filter;
    JsonWriter *writer;
    gboolean detailed;
    guint count;
} LookCall;

static void
look_count(Queue *self, gpointer data)
{
    LookCall *call = data;
    g_autoptr(GPtrArray) found = look_select(self, call->filter);

    call->count = found->len;
}

guint
queue_count(Queue *self, const QueueFilter *filter)
{
    LookCall call = {.filter = filter};

    queue_call(self, look_count, &call);
    return call.count;
}

static void
look_write_short(const QueueEntry *entry, const LookMessage *message, JsonWriter *writer)
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

static void
look_write(Queue *self, gpointer data)
{
    LookCall *call = data;
    g_autoptr(GPtrArray) found = look_select(self, call->filter);

    json_writer_begin_array(call->writer, "messages");
    for (guint i = 0; i < found->len; i++) {
        QueueEntry *entry = g_ptr_array_index(found, i);
        LookMessage message;

        if (!look_read(self, entry, &message))
            continue;
        json_writer_begin_object(call->writer, NULL);
        if (call->detailed)
            queue_write_message(&message.envelope, &message.state, queue_entry_get_status(entry),
                                call->writer);
        else
            look_write_short(entry, &message, call->writer);
        json_writer_end_object(call->writer);
        spool_content_unref(message.content);
    }
    json_writer_end_array(call->writer);
}

void
queue_write_list(Queue *self, const QueueFilter *filter, JsonWriter *writer)
{
    LookCall call = {.filter = filter, .writer = writer};

    queue_call(self, look_write, &call);
}

void
queue_write_details(Queue *self, const QueueFilter *filter, JsonWriter *writer)
{
    LookCall call = {.filter = filter, .writer = writer, .detailed = TRUE};

    queue_call(self, look_write, &call);
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
        look_contains(barid_slice_from_text(document), call->scan->text))
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
