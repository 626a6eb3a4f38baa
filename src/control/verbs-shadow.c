/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "shadow report": what settings' shadows and modules in shadow mode would have treated
 * differently. The numbers are kept over a restart (shadow-counts.h); which messages and sessions
 * it was stands in their records, in the queue and in the history.
 */
#include "control/verbs.h"

#include "base/clock.h"
#include "control/record.h"
#include "control/shadow-counts.h"
#include "queue/queue-scan.h"

enum {
    SHADOW_LIMIT = 100,  /* cases told without --limit */
    SHADOW_SCAN = 100000, /* records looked at without --scan, of the queue and of the history */
    SHADOW_PIECE = 256,  /* of them at a time: the queue's thread has other work */
};

typedef struct {
    Queue *queue;
    gint64 since_ms;
    guint limit, scan;
    gboolean truncated; /* there may be more */
    guint n_taken;      /* from the queue, or from the history, no more than (limit) */
    GPtrArray *cases;   /* of JsonNode * */
    GHashTable *known;  /* "KIND ID" of them */
} ShadowReport;

/* --- which it was --- */

static gboolean
shadow_is_full(const ShadowReport *self)
{
    return self->n_taken >= self->limit;
}

static void
shadow_take(ShadowReport *self, JsonNode *record)
{
    const gchar *id = record_get_text(record, "id");

    if (id == NULL || shadow_is_full(self) || record_get_time(record) < self->since_ms ||
        !g_hash_table_add(self->known, g_strconcat(record_is_session(record) ? "session "
                                                                             : "message ",
                                                   id, NULL)))
        return;
    g_ptr_array_add(self->cases, json_node_ref(record));
    self->n_taken++;
}

static void
shadow_look_in_queue(ShadowReport *self)
{
    g_autoptr(GString) text = g_string_new("{");
    g_autoptr(JsonArray) found = NULL;
    QueueFilter filter = {
        .noted = DECISION_DIFFERS_JSON,
        .after_ms = self->since_ms,
        .newest = self->scan,
        .limit = self->limit,
    };
    JsonWriter writer;

    json_writer_init(&writer, text);
    queue_write_details(self->queue, &filter, &writer);
    found = record_parse_array(text, "messages");
    for (guint i = 0; found != NULL && i < json_array_get_length(found); i++)
        shadow_take(self, json_array_get_element(found, i));
    self->truncated |= shadow_is_full(self);
    self->n_taken = 0;
}

static void
shadow_scan_history(ShadowReport *self)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    QueueHistoryScan scan = {.text = DECISION_DIFFERS_JSON, .since_ms = self->since_ms};

    while (!scan.finished && !shadow_is_full(self) && scan.walk.n_visited < self->scan) {
        guint64 left = self->scan - scan.walk.n_visited;

        queue_scan_history(self->queue, &scan, (guint)MIN(left, SHADOW_PIECE), found);
        for (guint i = 0; i < found->len; i++) {
            g_autoptr(JsonNode) record = json_from_string(g_ptr_array_index(found, i), NULL);

            if (record != NULL && JSON_NODE_HOLDS_OBJECT(record))
                shadow_take(self, record);
        }
        g_ptr_array_set_size(found, 0);
    }
    self->truncated |= !scan.finished || shadow_is_full(self);
}

/* --- telling of them --- */

static void
shadow_write_optional(JsonNode *record, const gchar *key, const gchar *as, JsonWriter *writer)
{
    const gchar *text = record_get_text(record, key);

    if (text != NULL)
        json_writer_text(writer, as, text);
}

/* A module would have given another verdict, a setting another value. */
static void
shadow_write_difference(JsonNode *decision, JsonWriter *writer)
{
    JsonObject *object = json_node_get_object(decision);
    JsonNode *inputs = json_object_get_member(object, "inputs");
    gboolean is_setting = inputs != NULL && JSON_NODE_HOLDS_OBJECT(inputs) &&
                          record_get_text(inputs, "shadow-value") != NULL;

    json_writer_begin_object(writer, NULL);
    json_writer_text(writer, "kind", is_setting ? "setting" : "module");
    shadow_write_optional(decision, "stage", "stage", writer);
    shadow_write_optional(decision, "source", "source", writer);
    shadow_write_optional(decision, "reason", is_setting ? "key" : "reason", writer);
    shadow_write_optional(decision, "subject", "subject", writer);
    if (is_setting) {
        shadow_write_optional(inputs, "value", "from", writer);
        shadow_write_optional(inputs, "shadow-value", "to", writer);
    } else {
        shadow_write_optional(decision, "verdict", "to", writer);
        shadow_write_optional(decision, "text", "text", writer);
    }
    json_writer_end_object(writer);
}

static void
shadow_write_decisions(JsonNode *record, JsonWriter *writer)
{
    g_autoptr(GPtrArray) decisions = record_get_objects(record, "decisions");

    for (guint i = 0; i < decisions->len; i++) {
        if (record_is_true(g_ptr_array_index(decisions, i), "differs"))
            shadow_write_difference(g_ptr_array_index(decisions, i), writer);
    }
}

static void
shadow_write_case(JsonNode *record, JsonWriter *writer)
{
    g_autoptr(GPtrArray) attempts = record_get_objects(record, "attempts");

    json_writer_begin_object(writer, NULL);
    json_writer_text(writer, "kind", record_is_session(record) ? "session" : "message");
    shadow_write_optional(record, "id", "id", writer);
    shadow_write_optional(record, "created", "time", writer);
    shadow_write_optional(record, "sender", "sender", writer);
    shadow_write_optional(record, "remote_ip", "remote_ip", writer);
    json_writer_begin_array(writer, "differences");
    shadow_write_decisions(record, writer);
    for (guint i = 0; i < attempts->len; i++)
        shadow_write_decisions(g_ptr_array_index(attempts, i), writer);
    json_writer_end_array(writer);
    json_writer_end_object(writer);
}

static gint
shadow_compare(gconstpointer a, gconstpointer b)
{
    const gchar *left = record_get_text(*(JsonNode *const *)a, "created");
    const gchar *right = record_get_text(*(JsonNode *const *)b, "created");

    return g_strcmp0(right, left);
}

static void
shadow_write_cases(ShadowReport *self, JsonWriter *writer)
{
    shadow_look_in_queue(self);
    shadow_scan_history(self);
    g_ptr_array_sort(self->cases, shadow_compare);
    json_writer_begin_array(writer, "cases");
    for (guint i = 0; i < MIN(self->cases->len, self->limit); i++)
        shadow_write_case(g_ptr_array_index(self->cases, i), writer);
    json_writer_end_array(writer);
    json_writer_bool(writer, "truncated", self->truncated);
}

/* --- the verb --- */

gboolean
verb_shadow_report(Control *self, const ControlRequest *request, JsonWriter *writer,
                   GError **error)
{
    Generation *generation = verb_get_generation(self, error);
    ShadowReport report = {.queue = generation == NULL ? NULL : verb_get_queue(self, error)};

    if (report.queue == NULL || !request_check_n_args(request, 0, 0, error) ||
        !request_get_time(request, "since", &report.since_ms, error) ||
        !request_get_count(request, "limit", SHADOW_LIMIT, &report.limit, error) ||
        !request_get_count(request, "scan", SHADOW_SCAN, &report.scan, error))
        return FALSE;
    shadow_counts_write(generation,
                        control_is_draining(self) ? SHADOW_COUNTS_OWN : SHADOW_COUNTS_ALL,
                        control_get_services(self)->started_ms, writer);
    report.cases = g_ptr_array_new_with_free_func((GDestroyNotify)json_node_unref);
    report.known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    shadow_write_cases(&report, writer);
    g_ptr_array_unref(report.cases);
    g_hash_table_unref(report.known);
    return TRUE;
}
