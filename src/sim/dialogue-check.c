/* SPDX-License-Identifier: Apache-2.0 */
/* The words of dialogue scripts that look at what has become of it. */
#include <json-glib/json-glib.h>

#include "sim/dialogue-private.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"
#include "mime/header.h"
#include "queue/queue-scan.h"

enum { CHECK_SHOWN_MAX = 2000, CHECK_TOLERANCE_MS = 2000 };

/* --- the queue as JSON --- */

static gchar *
check_describe_queue(Dialogue *self)
{
    QueueFilter filter = {.limit = 0};
    GString *out = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    queue_write_details(self->queue, &filter, &writer);
    json_writer_end_object(&writer);
    return g_string_free(out, FALSE);
}

static const gchar *
check_get_text(JsonObject *object, const gchar *key)
{
    return json_object_has_member(object, key) &&
                   json_node_get_value_type(json_object_get_member(object, key)) == G_TYPE_STRING
               ? json_object_get_string_member(object, key)
               : "";
}

static JsonArray *
check_get_messages(JsonParser *parser)
{
    return json_object_get_array_member(json_node_get_object(json_parser_get_root(parser)),
                                        "messages");
}

/* The queue's messages, oldest first. */
static JsonParser *
check_parse_queue(Dialogue *self)
{
    g_autofree gchar *json = check_describe_queue(self);
    JsonParser *parser = json_parser_new();

    if (!json_parser_load_from_data(parser, json, -1, NULL))
        g_assert_not_reached(); /* we wrote it ourselves */
    return parser;
}

/* The newest one, or NULL. */
static JsonObject *
check_get_newest(JsonParser *parser)
{
    JsonArray *messages = check_get_messages(parser);
    guint n = json_array_get_length(messages);

    return n == 0 ? NULL : json_array_get_object_element(messages, n - 1);
}

static QueueId
check_get_id(JsonObject *message)
{
    QueueId id = 0;

    queue_id_parse(barid_slice_from_text(check_get_text(message, "id")), &id);
    return id;
}

/* The whole message; NULL after dialogue_fail(). */
static GString *
check_read_content(Dialogue *self, QueueId id)
{
    g_autoptr(SpoolContent) content = id == 0 ? NULL : queue_open_content(self->queue, id, NULL);
    GString *all;
    BaridSlice prefix, body;

    if (content == NULL) {
        dialogue_fail(self, "there is no message in the queue");
        return NULL;
    }
    all = g_string_new(NULL);
    prefix = spool_content_get_prefix(content);
    body = spool_content_get_body(content);
    g_string_append_len(all, (const gchar *)prefix.data, (gssize)prefix.len);
    g_string_append_len(all, (const gchar *)body.data, (gssize)body.len);
    return all;
}

SpoolContent *
dialogue_open_newest(Dialogue *self)
{
    g_autoptr(JsonParser) parser = check_parse_queue(self);
    JsonObject *newest = check_get_newest(parser);

    return newest == NULL ? NULL : queue_open_content(self->queue, check_get_id(newest), NULL);
}

static GString *
check_read_newest(Dialogue *self)
{
    g_autoptr(JsonParser) parser = check_parse_queue(self);
    JsonObject *newest = check_get_newest(parser);

    return check_read_content(self, newest == NULL ? 0 : check_get_id(newest));
}

/* --- counting and describing --- */

/* "N", or "N held". */
static gboolean
check_queue(Dialogue *self, const gchar *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", 2);
    QueueFilter filter = {.status = words[0] == NULL ? NULL : words[1]};
    guint count = queue_count(self->queue, &filter);
    g_autofree gchar *got = g_strdup_printf("%u%s%s", count, filter.status == NULL ? "" : " ",
                                            filter.status == NULL ? "" : filter.status);

    return strcmp(got, text) == 0 || dialogue_differ(self, text, got);
}

static gboolean
check_is_in(Dialogue *self, const gchar *text, const gchar *json)
{
    return strstr(json, text) != NULL || dialogue_differ(self, text, json);
}

static gboolean
check_queued(Dialogue *self, const gchar *text)
{
    g_autofree gchar *json = check_describe_queue(self);

    return check_is_in(self, text, json);
}

static gboolean
check_no_queued(Dialogue *self, const gchar *text)
{
    g_autofree gchar *json = check_describe_queue(self);
    g_autofree gchar *expected = g_strconcat("not ", text, NULL);

    return strstr(json, text) == NULL || dialogue_differ(self, expected, json);
}

static gboolean
check_history(Dialogue *self, const gchar *text)
{
    g_autoptr(GString) out = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    queue_write_history(self->queue, NULL, NULL, 100, &writer, "history");
    json_writer_end_object(&writer);
    return check_is_in(self, text, out->str);
}

/* --- the message --- */

static gboolean
check_holds(Dialogue *self, const gchar *text, gboolean wanted)
{
    g_autoptr(GString) part = dialogue_unescape(text);
    g_autoptr(GString) all = check_read_newest(self);
    g_autofree gchar *expected = g_strconcat(wanted ? "" : "not ", text, NULL);
    g_autofree gchar *shown = NULL;

    if (all == NULL)
        return FALSE;
    if (text_contains(barid_slice(all->str, all->len), barid_slice(part->str, part->len)) ==
        wanted)
        return TRUE;
    shown = text_escape(barid_slice(all->str, all->len), CHECK_SHOWN_MAX);
    return dialogue_differ(self, expected, shown);
}

static gboolean
check_content(Dialogue *self, const gchar *text)
{
    return check_holds(self, text, TRUE);
}

static gboolean
check_no_content(Dialogue *self, const gchar *text)
{
    return check_holds(self, text, FALSE);
}

/* "NAME: TEXT" or "NAME": what the fields of that name say, and whether one is as wanted. */
static gboolean
check_find_field(const GString *message, const gchar *name, const gchar *pattern, GString *said)
{
    g_autoptr(Arena) arena = arena_new(1024);
    BaridSlice all = barid_slice(message->str, message->len);
    HeaderField field;
    gboolean found = FALSE;

    for (guint n = 0; header_find(all, name, n, &field); n++) {
        g_autofree gchar *value =
            text_escape(text_trim(header_dup_unfolded(field.value, arena)), CHECK_SHOWN_MAX);

        found = found || dialogue_matches(pattern, value);
        g_string_append_printf(said, "%s%s: %s", said->len > 0 ? "; " : "", name, value);
    }
    return found;
}

static void
check_list_fields(const GString *message, GString *out)
{
    HeaderIter iter;
    HeaderField field;

    header_iter_init(&iter, barid_slice(message->str, message->len));
    g_string_append(out, "no such field; there are");
    while (header_iter_next(&iter, &field) == HEADER_FIELD)
        g_string_append_printf(out, " %.*s", (int)field.name.len, (const gchar *)field.name.data);
}

static gboolean
check_field(Dialogue *self, const gchar *text, gboolean wanted)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", 2);
    g_autoptr(GString) message = check_read_newest(self);
    g_autoptr(GString) said = g_string_new(NULL);
    g_autofree gchar *expected = g_strconcat(wanted ? "" : "no ", text, NULL);

    if (message == NULL)
        return FALSE;
    if (parts[0] == NULL || !header_name_is_valid(barid_slice_from_text(parts[0])))
        return dialogue_fail(self, "no name of a field: %s", text);
    if (check_find_field(message, parts[0], parts[1] == NULL ? "" : g_strstrip(parts[1]), said) ==
        wanted)
        return TRUE;
    if (said->len == 0)
        check_list_fields(message, said);
    return dialogue_differ(self, expected, said->str);
}

static gboolean
check_header(Dialogue *self, const gchar *text)
{
    return check_field(self, text, TRUE);
}

static gboolean
check_no_header(Dialogue *self, const gchar *text)
{
    return check_field(self, text, FALSE);
}

/* --- what was decided --- */

/* "NAME = VALUE"; the value may have wild * and ?, and only here the whole counts. */
static gboolean
check_finding(Dialogue *self, const gchar *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "=", 2);
    const gchar *name = parts[0] == NULL ? "" : g_strstrip(parts[0]);
    const gchar *value = witness_get_finding(&self->client->witness, name);
    g_autofree gchar *all = NULL;

    if (parts[0] == NULL || parts[1] == NULL)
        return dialogue_fail(self, "write finding: NAME = VALUE");
    if (value != NULL && g_pattern_match_simple(g_strstrip(parts[1]), value))
        return TRUE;
    all = value != NULL ? g_strconcat(name, " = ", value, NULL)
                        : witness_dup_findings(&self->client->witness);
    return dialogue_differ(self, text, *all == '\0' ? "no findings" : all);
}

static gboolean
check_no_finding(Dialogue *self, const gchar *text)
{
    const gchar *value = witness_get_finding(&self->client->witness, text);
    g_autofree gchar *expected = g_strconcat("no ", text, NULL);
    g_autofree gchar *got = g_strconcat(text, " = ", value, NULL);

    return value == NULL || dialogue_differ(self, expected, got);
}

static gchar *
check_describe_decision(const WitnessDecision *decision)
{
    GString *out;

    if (decision == NULL)
        return g_strdup("continue");
    out = g_string_new(decision_verdict_name(decision->verdict));
    g_string_append_printf(out, " by %s", decision->source);
    if (decision->reason != NULL)
        g_string_append_printf(out, " (%s)", decision->reason);
    if (decision->file != NULL)
        g_string_append_printf(out, " at %s:%u", decision->file, decision->line);
    return g_string_free(out, FALSE);
}

static gboolean
check_verdict(Dialogue *self, const gchar *text)
{
    const WitnessDecision *decision = witness_get_decision(&self->client->witness);
    g_autofree gchar *got = check_describe_decision(decision);

    if (strcmp(text, decision == NULL ? "continue" : decision_verdict_name(decision->verdict)) == 0)
        return TRUE;
    return dialogue_differ(self, text, got);
}

/* "conf.d/session.conf:12" is the end of the rule's place. */
static gboolean
check_is_place(const WitnessDecision *decision, const gchar *text)
{
    g_autofree gchar *place = NULL;
    gsize more;

    if (decision->file == NULL)
        return FALSE;
    place = g_strdup_printf("%s:%u", decision->file, decision->line);
    more = strlen(place) - MIN(strlen(text), strlen(place));
    return g_str_has_suffix(place, text) && (more == 0 || place[more - 1] == '/');
}

static gboolean
check_decided_by(Dialogue *self, const gchar *text)
{
    const WitnessDecision *decision = witness_get_decision(&self->client->witness);
    g_autofree gchar *got = NULL;

    if (decision != NULL &&
        (strcmp(decision->source, text) == 0 || g_strcmp0(decision->reason, text) == 0 ||
         check_is_place(decision, text)))
        return TRUE;
    if (decision != NULL && decision->file != NULL)
        got = g_strdup_printf("%s (%s:%u)", decision->source, decision->file, decision->line);
    return dialogue_differ(self, text, decision == NULL ? "nobody has decided"
                                       : got != NULL    ? got
                                                        : decision->source);
}

/* --- where it goes --- */

/* The newest message that has the recipient; its index in (*out_index). */
static SpoolContent *
check_find_recipient(Dialogue *self, const gchar *rcpt, Arena *arena, Envelope *out_envelope,
                     guint *out_index)
{
    g_autoptr(JsonParser) parser = check_parse_queue(self);
    JsonArray *messages = check_get_messages(parser);

    for (guint n = json_array_get_length(messages); n > 0; n--) {
        JsonObject *message = json_array_get_object_element(messages, n - 1);
        g_autoptr(SpoolContent) content =
            queue_open_content(self->queue, check_get_id(message), NULL);

        if (content == NULL ||
            !envelope_parse(spool_content_get_envelope(content), arena, out_envelope))
            continue;
        for (guint i = 0; i < out_envelope->n_recipients; i++) {
            if (!barid_slice_equal(out_envelope->recipients[i].address,
                                   barid_slice_from_text(rcpt)))
                continue;
            *out_index = i;
            return g_steal_pointer(&content);
        }
    }
    return NULL;
}

/* "RCPT -> NEXT HOP" */
static gboolean
check_route(Dialogue *self, const gchar *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "->", 2);
    g_autoptr(Arena) arena = arena_new(4096);
    g_autoptr(SpoolContent) content = NULL;
    Envelope envelope;
    const gchar *route, *wanted;
    guint index;

    if (parts[0] == NULL || parts[1] == NULL)
        return dialogue_fail(self, "write route: RECIPIENT -> NEXT HOP");
    content = check_find_recipient(self, g_strstrip(parts[0]), arena, &envelope, &index);
    if (content == NULL)
        return dialogue_fail(self, "no message in the queue is for %s", parts[0]);
    if (dialogue_get_outbound(self) == NULL)
        return FALSE;
    route = outbound_find_route(self->outbound, &envelope, index, arena);
    wanted = g_strstrip(parts[1]);
    if (g_str_has_prefix(route, wanted) &&
        (route[strlen(wanted)] == '\0' || route[strlen(wanted)] == ' '))
        return TRUE;
    return dialogue_differ(self, wanted, route);
}

/* The earliest next attempt of (message); 0 when no recipient is pending. */
static gint64
check_get_next_attempt(JsonObject *message)
{
    JsonArray *rcpts = json_object_get_array_member(message, "recipients");
    gint64 next_ms = 0;

    for (guint i = 0; i < json_array_get_length(rcpts); i++) {
        const gchar *text = check_get_text(json_array_get_object_element(rcpts, i),
                                           "next_attempt");
        g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);
        gint64 ms = time == NULL ? 0
                                 : g_date_time_to_unix(time) * 1000 +
                                       g_date_time_get_microsecond(time) / 1000;

        if (ms != 0 && (next_ms == 0 || ms < next_ms))
            next_ms = ms;
    }
    return next_ms;
}

/* A delivery takes a moment itself: seconds are not counted that closely. */
static gboolean
check_next_attempt(Dialogue *self, const gchar *text)
{
    g_autoptr(JsonParser) parser = check_parse_queue(self);
    JsonObject *newest = check_get_newest(parser);
    gint64 wanted_ms, next_ms;
    g_autofree gchar *got = NULL;

    if (units_parse_duration(barid_slice_from_text(text), &wanted_ms) != UNITS_OK)
        return dialogue_fail(self, "no duration: %s", text);
    next_ms = newest == NULL ? 0 : check_get_next_attempt(newest);
    if (next_ms == 0)
        return dialogue_differ(self, text, "no message waits");
    next_ms -= clock_wall_ms();
    if (ABS(next_ms - wanted_ms) <= CHECK_TOLERANCE_MS)
        return TRUE;
    got = units_format_duration(next_ms);
    return dialogue_differ(self, text, got);
}

/* --- what was delivered --- */

static gchar *
check_describe_deliveries(const Dialogue *self)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < self->mailboxes.entries->len; i++) {
        const MailboxEntry *entry = g_ptr_array_index(self->mailboxes.entries, i);

        g_string_append_printf(out, "%s%s %s%s%s", i > 0 ? "; " : "", entry->rcpt, entry->via,
                               *entry->mailbox == '\0' ? "" : " ", entry->mailbox);
    }
    if (out->len == 0)
        g_string_append(out, self->delivers ? "nothing was delivered"
                                            : "nothing was delivered: \"deliver\" is missing");
    return g_string_free(out, FALSE);
}

/* "RCPT VIA" or "RCPT VIA MAILBOX" */
static gboolean
check_delivered_to(Dialogue *self, const gchar *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", 3);
    g_autofree gchar *got = NULL;

    if (g_strv_length(words) < 2)
        return dialogue_fail(self, "write delivered-to: RECIPIENT TRANSPORT [MAILBOX]");
    for (guint i = 0; i < self->mailboxes.entries->len; i++) {
        const MailboxEntry *entry = g_ptr_array_index(self->mailboxes.entries, i);

        if (strcmp(entry->rcpt, words[0]) == 0 && strcmp(entry->via, words[1]) == 0 &&
            (words[2] == NULL || strcmp(entry->mailbox, words[2]) == 0))
            return TRUE;
    }
    got = check_describe_deliveries(self);
    return dialogue_differ(self, text, got);
}

static gboolean
check_not_delivered_to(Dialogue *self, const gchar *text)
{
    g_autofree gchar *got = check_describe_deliveries(self);
    g_autofree gchar *expected = g_strconcat("nothing for ", text, NULL);

    for (guint i = 0; i < self->mailboxes.entries->len; i++) {
        const MailboxEntry *entry = g_ptr_array_index(self->mailboxes.entries, i);

        if (strcmp(entry->rcpt, text) == 0)
            return dialogue_differ(self, expected, got);
    }
    return TRUE;
}

/* "PEER: TEXT" */
static gboolean
check_peer_got(Dialogue *self, const gchar *text)
{
    const gchar *space = strchr(text, ' ');
    g_autofree gchar *name =
        space == NULL ? g_strdup(text) : g_strndup(text, (gsize)(space - text));
    const GPtrArray *lines = peers_get_received(self->peers, name);
    g_autoptr(GString) got = g_string_new(NULL);

    if (lines == NULL || space == NULL)
        return dialogue_fail(self, "write peer-got: PEER TEXT, with a peer of this script");
    for (guint i = 0; i < lines->len; i++) {
        const gchar *line = g_ptr_array_index(lines, i);

        if (dialogue_matches(space + 1, line))
            return TRUE;
        if (got->len < CHECK_SHOWN_MAX)
            g_string_append_printf(got, "%s%s", i > 0 ? "; " : "", line);
    }
    return dialogue_differ(self, space + 1, got->len == 0 ? "nothing" : got->str);
}

/* --- notices --- */

/* The status that a report of delivery tells first, in a message as it is or as a log has
 * escaped it; caller owns it. */
static gchar *
check_dup_status(const gchar *content)
{
    const gchar *at = strstr(content, "\nStatus: ");
    gsize len;

    if (at == NULL)
        at = strstr(content, "\\nStatus: ");
    if (at == NULL)
        at = strstr(content, "\\x0aStatus: ");
    if (at == NULL)
        return g_strdup("none");
    at = strchr(at, ' ') + 1;
    len = strspn(at, "0123456789.");
    return g_strndup(at, len);
}

static void
check_add_notice(GPtrArray *notices, const gchar *rcpt, const gchar *content)
{
    g_autofree gchar *status = check_dup_status(content);

    g_ptr_array_add(notices, g_strdup_printf("%s %s", rcpt, status));
}

static GPtrArray *
check_gather_notices(Dialogue *self)
{
    g_autoptr(JsonParser) parser = check_parse_queue(self);
    JsonArray *messages = check_get_messages(parser);
    GPtrArray *notices = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < json_array_get_length(messages); i++) {
        JsonObject *message = json_array_get_object_element(messages, i);
        JsonArray *rcpts = json_object_get_array_member(message, "recipients");
        g_autoptr(GString) content = NULL;

        if (strcmp(check_get_text(message, "source"), "dsn") != 0)
            continue;
        content = check_read_content(self, check_get_id(message));
        if (content != NULL && json_array_get_length(rcpts) > 0)
            check_add_notice(notices,
                             check_get_text(json_array_get_object_element(rcpts, 0), "address"),
                             content->str);
    }
    for (guint i = 0; i < self->mailboxes.entries->len; i++) {
        const MailboxEntry *entry = g_ptr_array_index(self->mailboxes.entries, i);

        if (entry->sender == NULL || *entry->sender == '\0')
            check_add_notice(notices, entry->rcpt, entry->content);
    }
    return notices;
}

/* "RCPT" or "RCPT STATUS": a report of delivery, in the queue or delivered. */
static gboolean
check_notice(Dialogue *self, const gchar *text)
{
    g_autoptr(GPtrArray) notices = check_gather_notices(self);
    g_autofree gchar *prefix = g_strconcat(text, " ", NULL);
    g_autoptr(GString) got = g_string_new(NULL);

    for (guint i = 0; i < notices->len; i++) {
        const gchar *notice = g_ptr_array_index(notices, i);

        if (strcmp(notice, text) == 0 || g_str_has_prefix(notice, prefix))
            return TRUE;
        g_string_append_printf(got, "%s%s", i > 0 ? "; " : "", notice);
    }
    return dialogue_differ(self, text, got->len == 0 ? "no notice" : got->str);
}

/* A record of the log, since the script began. */
static gboolean
check_log(Dialogue *self, const gchar *pattern)
{
    g_autofree gchar *last = NULL;
    gboolean found = FALSE;

    g_mutex_lock(&self->log_lock);
    for (GList *at = self->log.head; at != NULL && !found; at = at->next)
        found = dialogue_matches(pattern, at->data);
    last = g_strdup(self->log.length == 0 ? "no record" : self->log.tail->data);
    g_mutex_unlock(&self->log_lock);
    return found || dialogue_differ(self, pattern, last);
}

const DialogueWordRow dialogue_check_words[] = {
    {"content", check_content, FALSE},
    {"decided-by", check_decided_by, FALSE},
    {"delivered-to", check_delivered_to, FALSE},
    {"finding", check_finding, FALSE},
    {"header", check_header, FALSE},
    {"history", check_history, FALSE},
    {"log", check_log, FALSE},
    {"next-attempt", check_next_attempt, FALSE},
    {"no-content", check_no_content, FALSE},
    {"no-finding", check_no_finding, FALSE},
    {"no-header", check_no_header, FALSE},
    {"no-queued", check_no_queued, FALSE},
    {"not-delivered-to", check_not_delivered_to, FALSE},
    {"notice", check_notice, FALSE},
    {"peer-got", check_peer_got, FALSE},
    {"queue", check_queue, FALSE},
    {"queued", check_queued, FALSE},
    {"route", check_route, FALSE},
    {"verdict", check_verdict, FALSE},
    {NULL, NULL, FALSE},
};
