/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "explain": what is known about a message or session: from the queue, and from the
 * history of what is gone. The queue and the history narrow down what they can by
 * themselves; the rest is judged here by what the records say.
 */
#include "control/verbs.h"

#include "base/text.h"
#include "control/record.h"
#include "queue/queue-scan.h"

enum {
    EXPLAIN_LIMIT = 20,     /* records shown without --limit */
    EXPLAIN_SCAN = 1000000, /* records of the history looked at without --scan */
    EXPLAIN_PIECE = 256,    /* of them at a time: the queue's thread has other work */
};

typedef struct {
    const gchar *id; /* queue id or session id; NULL any */
    const gchar *sender, *recipient, *message_id, *remote_ip;
    gint64 since_ms;
    guint limit, scan;
    guint64 n_scanned;
    gboolean truncated; /* the history goes on, and neither it nor the limit ended the search */
    Queue *queue;
    GPtrArray *messages, *history, *sessions; /* of JsonNode * */
    GHashTable *session_ids;                  /* told about already */
} Explain;

/* --- reading records --- */

static gboolean
record_contains(const gchar *text, const gchar *part)
{
    g_autofree gchar *folded = text == NULL ? NULL : g_ascii_strdown(text, -1);
    g_autofree gchar *wanted = g_ascii_strdown(part, -1);

    /* An empty address is the null reverse-path, not any. */
    return folded != NULL && (*part == '\0' ? *folded == '\0' : strstr(folded, wanted) != NULL);
}

static gboolean
record_has_recipient(JsonNode *record, const gchar *recipient)
{
    g_autoptr(GPtrArray) all = record_get_objects(record, "recipients");

    for (guint i = 0; i < all->len; i++) {
        JsonNode *each = g_ptr_array_index(all, i);

        if (record_contains(record_get_text(each, "address"), recipient) ||
            record_contains(record_get_text(each, "original"), recipient))
            return TRUE;
    }
    return FALSE;
}

/* The input "sender" of a decision of a session. */
static const gchar *
record_get_sender(JsonNode *decision)
{
    JsonNode *inputs = json_object_get_member(json_node_get_object(decision), "inputs");

    return inputs != NULL && JSON_NODE_HOLDS_OBJECT(inputs) ? record_get_text(inputs, "sender")
                                                            : NULL;
}

/* A session has no sender of its own, but its decisions name those that it offered. What rules
 * are made of names others, too. */
static gboolean
record_offered(JsonNode *record, const gchar *sender, const gchar *recipient)
{
    g_autoptr(GPtrArray) all = record_get_objects(record, "decisions");
    gboolean has_sender = sender == NULL;
    gboolean has_recipient = recipient == NULL;

    for (guint i = 0; i < all->len; i++) {
        JsonNode *each = g_ptr_array_index(all, i);

        has_sender = has_sender || record_contains(record_get_sender(each), sender);
        has_recipient =
            has_recipient || record_contains(record_get_text(each, "subject"), recipient);
    }
    return has_sender && has_recipient;
}

static gboolean
explain_wants_people(const Explain *self, JsonNode *record)
{
    gboolean is_session = record_is_session(record);

    if (is_session)
        return record_offered(record, self->sender, self->recipient);
    return (self->sender == NULL ||
            record_contains(record_get_text(record, "sender"), self->sender)) &&
           (self->recipient == NULL || record_has_recipient(record, self->recipient));
}

static gboolean
explain_wants(const Explain *self, JsonNode *record)
{
    if (self->id != NULL && g_strcmp0(record_get_text(record, "id"), self->id) != 0 &&
        g_strcmp0(record_get_text(record, "session"), self->id) != 0)
        return FALSE;
    if (self->remote_ip != NULL &&
        g_strcmp0(record_get_text(record, "remote_ip"), self->remote_ip) != 0)
        return FALSE;
    if (self->since_ms != 0 && record_get_time(record) < self->since_ms)
        return FALSE;
    if (self->message_id != NULL &&
        !record_contains(record_get_text(record, "message_id"), self->message_id))
        return FALSE;
    return explain_wants_people(self, record);
}

/* --- collecting --- */

static void
explain_look_in_queue(Explain *self, const QueueFilter *filter)
{
    g_autoptr(GString) text = g_string_new("{");
    g_autoptr(JsonArray) found = NULL;
    JsonWriter writer;

    json_writer_init(&writer, text);
    queue_write_details(self->queue, filter, &writer);
    found = record_parse_array(text, "messages");
    for (guint i = 0; found != NULL && i < json_array_get_length(found); i++) {
        JsonNode *record = json_array_get_element(found, i);

        if (self->messages->len < self->limit && explain_wants(self, record))
            g_ptr_array_add(self->messages, json_node_ref(record));
    }
}

static void
explain_keep(Explain *self, JsonNode *record)
{
    gboolean is_session = record_is_session(record);
    const gchar *id = record_get_text(record, "id");

    if (is_session && (id == NULL || !g_hash_table_add(self->session_ids, g_strdup(id))))
        return;
    g_ptr_array_add(is_session ? self->sessions : self->history, json_node_ref(record));
}

static gboolean
explain_is_full(const Explain *self)
{
    return self->history->len + self->sessions->len >= self->limit;
}

/* The records of a queue id or session id: they belong here whatever they say. */
static void
explain_look_up(Explain *self, const gchar *id)
{
    g_autoptr(GString) text = g_string_new("{");
    g_autoptr(JsonArray) found = NULL;
    JsonWriter writer;

    json_writer_init(&writer, text);
    queue_write_history(self->queue, id, NULL, self->limit, &writer, "records");
    found = record_parse_array(text, "records");
    for (guint i = 0; found != NULL && i < json_array_get_length(found); i++) {
        JsonNode *record = json_array_get_element(found, i);

        if (!explain_is_full(self) && JSON_NODE_HOLDS_OBJECT(record))
            explain_keep(self, record);
    }
}

static void
explain_judge(Explain *self, const gchar *document)
{
    g_autoptr(JsonNode) record = json_from_string(document, NULL);

    if (record != NULL && JSON_NODE_HOLDS_OBJECT(record) && explain_wants(self, record))
        explain_keep(self, record);
}

/* Goes over the history until enough is found or enough was looked at. */
static void
explain_scan_history(Explain *self, const gchar *text)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    QueueHistoryScan scan = {.text = text, .since_ms = self->since_ms};

    while (!scan.finished && !explain_is_full(self) && scan.walk.n_visited < self->scan) {
        guint64 left = self->scan - scan.walk.n_visited;

        queue_scan_history(self->queue, &scan, (guint)MIN(left, EXPLAIN_PIECE), found);
        for (guint i = 0; i < found->len && !explain_is_full(self); i++)
            explain_judge(self, g_ptr_array_index(found, i));
        g_ptr_array_set_size(found, 0);
    }
    self->n_scanned += scan.walk.n_visited;
    self->truncated |= !scan.finished && !explain_is_full(self);
}

/* The sessions that brought the messages found so far. */
static void
explain_add_sessions(Explain *self)
{
    GPtrArray *lists[] = {self->messages, self->history};

    for (guint n = 0; n < G_N_ELEMENTS(lists); n++) {
        for (guint i = 0; i < lists[n]->len; i++) {
            const gchar *session = record_get_text(g_ptr_array_index(lists[n], i), "session");

            if (session != NULL && !g_hash_table_contains(self->session_ids, session))
                explain_look_up(self, session);
        }
    }
}

static void
explain_by_id(Explain *self)
{
    QueueFilter filter = {.limit = 0};
    gboolean is_queue_id =
        queue_id_parse(barid_slice_from_text(self->id), &filter.id) && filter.id != 0;

    explain_look_up(self, self->id);
    if (is_queue_id || self->sessions->len > 0)
        explain_look_in_queue(self, &filter);
    if (!is_queue_id && self->sessions->len > 0)
        explain_scan_history(self, self->id);
}

/* Text that records must contain, for the history to look for. It is compared with JSON,
 * so only what stands there unchanged will do; an empty one means something else. */
static const gchar *
explain_get_needle(const Explain *self)
{
    const gchar *const all[] = {self->message_id, self->remote_ip, self->sender,
                                self->recipient};

    for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
        gboolean is_plain = all[i] != NULL && all[i][0] != '\0';

        for (const gchar *p = all[i]; is_plain && *p != '\0'; p++)
            is_plain = g_ascii_isprint(*p) && *p != '"' && *p != '\\' && *p != '/';
        if (is_plain)
            return all[i];
    }
    return NULL;
}

static void
explain_by_filter(Explain *self)
{
    QueueFilter filter = {
        .sender = self->sender,
        .recipient = self->recipient,
        .message_id = self->message_id,
        .remote_ip = self->remote_ip,
        .after_ms = self->since_ms,
        .limit = self->limit,
    };

    explain_look_in_queue(self, &filter);
    explain_scan_history(self, explain_get_needle(self));
}

/* --- the verb --- */

static gboolean
explain_parse_request(Explain *self, const ControlRequest *request, GError **error)
{
    if (!request_check_n_args(request, 0, 1, error) ||
        !request_get_text(request, "sender", &self->sender, error) ||
        !request_get_text(request, "recipient", &self->recipient, error) ||
        !request_get_text(request, "message-id", &self->message_id, error) ||
        !request_get_text(request, "remote-ip", &self->remote_ip, error) ||
        !request_get_time(request, "since", &self->since_ms, error) ||
        !request_get_count(request, "limit", EXPLAIN_LIMIT, &self->limit, error) ||
        !request_get_count(request, "scan", EXPLAIN_SCAN, &self->scan, error))
        return FALSE;
    self->id = request->args[0];
    if (self->id != NULL || self->sender != NULL || self->recipient != NULL ||
        self->message_id != NULL || self->remote_ip != NULL || self->since_ms != 0)
        return TRUE;
    g_set_error(error, REQUEST_ERROR, BARID_ERROR_INVALID, "usage: %s", request->verb->usage);
    return FALSE;
}

static gboolean
explain_run(Explain *self, JsonWriter *writer, GError **error)
{
    if (self->id != NULL)
        explain_by_id(self);
    else
        explain_by_filter(self);
    explain_add_sessions(self);
    if (self->messages->len + self->history->len + self->sessions->len == 0) {
        if (self->id == NULL && self->truncated)
            g_set_error(error, CONTROL_ERROR, BARID_ERROR_NOT_FOUND,
                        "no message or session matches among the newest %" G_GUINT64_FORMAT
                        " records of the history; --scan N looks at more", self->n_scanned);
        else if (self->id == NULL)
            g_set_error_literal(error, CONTROL_ERROR, BARID_ERROR_NOT_FOUND,
                                "no message or session matches");
        else
            g_set_error(error, CONTROL_ERROR, BARID_ERROR_NOT_FOUND,
                        "nothing is known about \"%s\": it is neither in the queue nor in the "
                        "history", self->id);
        return FALSE;
    }
    record_write_all(self->messages, writer, "messages");
    record_write_all(self->history, writer, "history");
    record_write_all(self->sessions, writer, "sessions");
    json_writer_integer(writer, "scanned", (gint64)self->n_scanned);
    json_writer_bool(writer, "truncated", self->truncated);
    return TRUE;
}

gboolean
verb_explain(Control *self, const ControlRequest *request, JsonWriter *writer, GError **error)
{
    Explain explain = {.queue = verb_get_queue(self, error)};
    gboolean is_done;

    if (explain.queue == NULL || !explain_parse_request(&explain, request, error))
        return FALSE;
    explain.messages = g_ptr_array_new_with_free_func((GDestroyNotify)json_node_unref);
    explain.history = g_ptr_array_new_with_free_func((GDestroyNotify)json_node_unref);
    explain.sessions = g_ptr_array_new_with_free_func((GDestroyNotify)json_node_unref);
    explain.session_ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    is_done = explain_run(&explain, writer, error);
    g_ptr_array_unref(explain.messages);
    g_ptr_array_unref(explain.history);
    g_ptr_array_unref(explain.sessions);
    g_hash_table_unref(explain.session_ids);
    return is_done;
}
