/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of "baridctl replay". "replay": what the history has recorded of a message, or of a
 * refusal, is done again, and what is answered becomes an outcome of the report. A record is JSON
 * of one line: id, created, remote_ip, listener, helo, user, sender, size, message_id, header,
 * recipients[], and dns: {"NAME TYPE": answer}, the answers of name servers that are known.
 * "answers": the same of all records, before the first of them.
 */
#include <json-glib/json-glib.h>

#include "sim/dialogue-private.h"

#include "base/clock.h"
#include "base/text.h"
#include "sim/virtual-clock.h"

/* One record on its way. */
typedef struct {
    Dialogue *dialogue;
    JsonObject *record;
    JsonWriter *writer;
    guint n_accepted;
} Replay;

static const gchar *
replay_get_text(const Replay *self, const gchar *key)
{
    JsonNode *node = json_object_get_member(self->record, key);

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
                   json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : "";
}

/* The last line of the next reply; "(closed)" when there is none. */
static gchar *
replay_read(const Replay *self)
{
    Dialogue *dialogue = self->dialogue;
    gint64 deadline = fiber_deadline_push(DIALOGUE_PATIENCE_MS);
    BaridSlice line = BARID_SLICE_EMPTY;
    LineResult result;

    do {
        result = dialogue->client->stream == NULL
                     ? LINE_FAILED
                     : line_reader_next(&dialogue->client->reader, DIALOGUE_LINE_MAX, &line, NULL);
    } while (result == LINE_OK && line.len > 3 && line.data[3] == '-');
    fiber_deadline_restore(deadline);
    return result == LINE_OK ? text_escape(line, 600) : g_strdup("(closed)");
}

static gchar *
replay_ask(const Replay *self, const gchar *command)
{
    g_autofree gchar *line = g_strconcat(command, "\r\n", NULL);
    Stream *stream = self->dialogue->client->stream;

    witness_begin_command(&self->dialogue->client->witness);
    if (stream == NULL || !stream_put(stream, barid_slice_from_text(line), NULL) ||
        !stream_flush(stream, NULL))
        return g_strdup("(closed)");
    return replay_read(self);
}

static gboolean
replay_is_good(const gchar *reply)
{
    return *reply == '2' || *reply == '3';
}

/* --- outcomes --- */

static void
replay_write(const Replay *self, const gchar *rcpt, const gchar *stage, const gchar *reply,
             const gchar *route)
{
    const WitnessDecision *decision = witness_get_decision(&self->dialogue->client->witness);
    JsonWriter *writer = self->writer;

    json_writer_begin_object(writer, NULL);
    json_writer_text(writer, "id", replay_get_text(self, "id"));
    json_writer_text(writer, "sender", replay_get_text(self, "sender"));
    json_writer_text(writer, "recipient", rcpt);
    json_writer_text(writer, "stage", stage);
    json_writer_text(writer, "reply", reply);
    json_writer_text(writer, "by", decision == NULL ? NULL : decision->source);
    json_writer_text(writer, "file", decision == NULL ? NULL : decision->file);
    json_writer_integer(writer, "line", decision == NULL ? 0 : decision->line);
    json_writer_text(writer, "route", route);
    replay_names_write_record(self->dialogue->names, writer);
    json_writer_end_object(writer);
}

static const gchar *
replay_get_rcpt(const Replay *self, guint index)
{
    return json_array_get_string_element(
        json_object_get_array_member(self->record, "recipients"), index);
}

static guint
replay_get_n_rcpts(const Replay *self)
{
    return json_array_get_length(json_object_get_array_member(self->record, "recipients"));
}

/* No recipient got any further. */
static void
replay_write_all(const Replay *self, const gchar *stage, const gchar *reply)
{
    for (guint i = 0; i < replay_get_n_rcpts(self); i++)
        replay_write(self, replay_get_rcpt(self, i), stage, reply, NULL);
}

/* --- the session --- */

/* TRUE when it was answered well; else every recipient's outcome is written. */
static gboolean
replay_step(const Replay *self, const gchar *stage, const gchar *command)
{
    g_autofree gchar *reply = command == NULL ? replay_read(self) : replay_ask(self, command);

    if (replay_is_good(reply))
        return TRUE;
    replay_write_all(self, stage, reply);
    return FALSE;
}

static gboolean
replay_handshake(const Replay *self)
{
    const TlsClientOptions options = {.server_name = "localhost"};
    Dialogue *dialogue = self->dialogue;

    line_reader_release(&dialogue->client->reader);
    return stream_start_tls_client(dialogue->client->stream, &options, NULL);
}

static gchar *
replay_dup_greeting(const Replay *self)
{
    const BaridSession *session = self->dialogue->client->witness.session;
    const gchar *helo = replay_get_text(self, "helo");

    return g_strconcat(session != NULL && session->lmtp ? "LHLO " : "EHLO ",
                       *helo == '\0' ? "client.invalid" : helo, NULL);
}

static gboolean
replay_log_in(const Replay *self, const gchar *user)
{
    g_autoptr(GString) plain = g_string_new(NULL);
    g_autofree gchar *encoded = NULL;
    g_autofree gchar *command = NULL;

    g_string_append_c(plain, '\0');
    g_string_append_len(plain, user, (gssize)strlen(user) + 1);
    g_string_append(plain, "policy-test");
    encoded = g_base64_encode((const guchar *)plain->str, plain->len);
    command = g_strconcat("AUTH PLAIN ", encoded, NULL);
    return replay_step(self, "auth", command);
}

/* Users log in over TLS, where the listener has it. */
static gboolean
replay_greet(const Replay *self)
{
    const BaridSession *session = self->dialogue->client->witness.session;
    const gchar *user = replay_get_text(self, "user");
    g_autofree gchar *greeting = replay_dup_greeting(self);
    g_autofree gchar *tls = NULL;

    if (!replay_step(self, "ehlo", greeting))
        return FALSE;
    if (*user == '\0' || session == NULL || session->user != NULL)
        return TRUE;
    if (session->tls_version == NULL) {
        tls = replay_ask(self, "STARTTLS");
        if (replay_is_good(tls) &&
            (!replay_handshake(self) || !replay_step(self, "ehlo", greeting)))
            return FALSE;
    }
    return replay_log_in(self, user);
}

static gboolean
replay_connect(const Replay *self)
{
    Dialogue *dialogue = self->dialogue;
    const gchar *name = replay_get_text(self, "listener");

    dialogue->client->address = (Address){.bytes = {127, 0, 0, 1}};
    address_parse_ip(barid_slice_from_text(replay_get_text(self, "remote_ip")),
                     &dialogue->client->address);
    dialogue->client->address.port = 40000;
    dialogue->client->listener = inbound_find_listener(dialogue->generation->inbound, name);
    if (dialogue->client->listener == NULL) {
        g_autofree gchar *reply = g_strdup_printf("(there is no listener %s)", name);

        replay_write_all(self, "connect", reply);
        return FALSE;
    }
    if (!dialogue_connect(dialogue))
        return FALSE;
    if (inbound_listener_has_implicit_tls(dialogue->client->listener) && !replay_handshake(self))
        return FALSE;
    return replay_step(self, "connect", NULL) && replay_greet(self);
}

/* --- the message --- */

/* Whether the recipient of the envelope is (rcpt), or what an alias made of it. */
static gboolean
replay_is_of(const EnvelopeRecipient *recipient, const gchar *rcpt)
{
    return barid_slice_equal_text(recipient->orcpt_address.len > 0 ? recipient->orcpt_address
                                                                   : recipient->address, rcpt);
}

/* "ADDRESS -> HOP, ..." of all that (rcpt) became; of the whole message when that is not known. */
static gchar *
replay_dup_routes(const Replay *self, const Envelope *envelope, const gchar *rcpt, Arena *arena)
{
    GString *out = g_string_new(NULL);
    gboolean is_known = FALSE;

    for (guint i = 0; i < envelope->n_recipients; i++)
        is_known = is_known || replay_is_of(&envelope->recipients[i], rcpt);
    for (guint i = 0; i < envelope->n_recipients; i++) {
        BaridSlice address = envelope->recipients[i].address;

        if (is_known && !replay_is_of(&envelope->recipients[i], rcpt))
            continue;
        g_string_append_printf(out, "%s%.*s -> %s", out->len > 0 ? ", " : "", (int)address.len,
                               (const gchar *)address.data,
                               outbound_find_route(self->dialogue->outbound, envelope, i, arena));
    }
    return g_string_free(out, FALSE);
}

/* Tells the recipients of the message that was queued last, which then goes. */
static void
replay_take_message(const Replay *self, const gboolean *is_accepted)
{
    Dialogue *dialogue = self->dialogue;
    g_autoptr(Arena) arena = arena_new(4096);
    g_autoptr(SpoolContent) content = dialogue_open_newest(dialogue);
    QueueFilter filter = {.limit = 0};
    Envelope envelope;
    gboolean is_there = content != NULL &&
                        envelope_parse(spool_content_get_envelope(content), arena, &envelope) &&
                        dialogue_get_outbound(dialogue) != NULL;

    for (guint i = 0; i < replay_get_n_rcpts(self); i++) {
        const gchar *rcpt = replay_get_rcpt(self, i);
        g_autofree gchar *routes =
            is_there ? replay_dup_routes(self, &envelope, rcpt, arena) : g_strdup("");

        if (is_accepted[i])
            replay_write(self, rcpt, "message", "250 accepted", routes);
    }
    if (!is_there)
        return;
    filter.id = envelope.id;
    queue_act(dialogue->queue, QUEUE_CANCEL, &filter);
}

static gboolean
replay_send_mail(const Replay *self)
{
    gint64 size = json_object_has_member(self->record, "size")
                      ? json_object_get_int_member(self->record, "size")
                      : 0;
    const gchar *sender = replay_get_text(self, "sender");
    g_autofree gchar *command =
        size > 0 ? g_strdup_printf("MAIL FROM:<%s> SIZE=%" G_GINT64_FORMAT, sender, size)
                 : g_strdup_printf("MAIL FROM:<%s>", sender);

    return replay_step(self, "mail", command);
}

/* The header that was recorded, else what is known of it, and the end of the data. An empty line
 * would end the header, and a dot alone the data. */
static gchar *
replay_dup_content(const Replay *self)
{
    const gchar *header = replay_get_text(self, "header");
    const gchar *id = replay_get_text(self, "message_id");
    GString *content = g_string_new(NULL);
    g_auto(GStrv) lines = g_strsplit(header, "\n", -1);

    for (guint i = 0; lines[i] != NULL; i++) {
        const gchar *line = g_strchomp(lines[i]);

        if (*line != '\0')
            g_string_append_printf(content, "%s%s\r\n", *line == '.' ? "." : "", line);
    }
    if (*header == '\0' && *id != '\0')
        g_string_append_printf(content, "Message-ID: %s\r\n", id);
    if (*header == '\0')
        g_string_append(content, "Subject: replay\r\n");
    g_string_append(content, "\r\n.");
    return g_string_free(content, FALSE);
}

static void
replay_send_content(Replay *self, const gboolean *is_accepted)
{
    g_autofree gchar *data = replay_ask(self, "DATA");
    g_autofree gchar *content = replay_dup_content(self);
    g_autofree gchar *reply = *data == '3' ? replay_ask(self, content) : g_strdup(data);

    if (*reply == '2') {
        replay_take_message(self, is_accepted);
        return;
    }
    for (guint i = 0; i < replay_get_n_rcpts(self); i++) {
        if (is_accepted[i])
            replay_write(self, replay_get_rcpt(self, i), "message", reply, NULL);
    }
}

static void
replay_transact(Replay *self)
{
    guint n = replay_get_n_rcpts(self);
    g_autofree gboolean *is_accepted = g_new0(gboolean, n + 1);

    if (!replay_connect(self) || !replay_send_mail(self))
        return;
    for (guint i = 0; i < n; i++) {
        const gchar *rcpt = replay_get_rcpt(self, i);
        g_autofree gchar *command = g_strdup_printf("RCPT TO:<%s>", rcpt);
        g_autofree gchar *reply = replay_ask(self, command);

        is_accepted[i] = replay_is_good(reply);
        self->n_accepted += is_accepted[i] ? 1 : 0;
        if (!is_accepted[i])
            replay_write(self, rcpt, "rcpt", reply, NULL);
    }
    if (self->n_accepted > 0)
        replay_send_content(self, is_accepted);
}

/* Addresses and names come from the network, long ago: they must not become commands. */
static gboolean
replay_is_clean(const gchar *text)
{
    for (; *text != '\0'; text++) {
        if ((guchar)*text < 0x20 || *text == 0x7f)
            return FALSE;
    }
    return TRUE;
}

static JsonObject *
replay_get_answers(JsonObject *record)
{
    JsonNode *node = json_object_get_member(record, "dns");

    return node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static gboolean
replay_take_answers(Dialogue *self, const gchar *text)
{
    if (self->names == NULL || self->answers != NULL)
        return dialogue_fail(self, "this word is for replays, once");
    self->answers = json_parser_new();
    if (!json_parser_load_from_data(self->answers, text, -1, NULL) ||
        !JSON_NODE_HOLDS_OBJECT(json_parser_get_root(self->answers)))
        return dialogue_fail(self, "no answers");
    replay_names_set_all(self->names, json_node_get_object(json_parser_get_root(self->answers)));
    return TRUE;
}

static gboolean
replay_run(Dialogue *self, const gchar *text)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GDateTime) created = NULL;
    Replay replay = {.dialogue = self};
    JsonWriter writer;

    if (self->names == NULL)
        return dialogue_fail(self, "this word is for replays");
    if (!json_parser_load_from_data(parser, text, -1, NULL))
        return dialogue_fail(self, "no record");
    replay.record = json_node_get_object(json_parser_get_root(parser));
    replay_names_begin_record(self->names, replay_get_answers(replay.record));
    replay.writer = &writer;
    if (!replay_is_clean(replay_get_text(&replay, "sender")) ||
        !replay_is_clean(replay_get_text(&replay, "helo")) ||
        !replay_is_clean(replay_get_text(&replay, "message_id")))
        return TRUE;
    created = g_date_time_new_from_iso8601(replay_get_text(&replay, "created"), NULL);
    if (created != NULL)
        virtual_clock_set_wall(g_date_time_to_unix(created) * 1000 +
                               g_date_time_get_microsecond(created) / 1000);
    json_writer_init(&writer, out);
    replay_transact(&replay);
    if (out->len > 0)
        g_ptr_array_add(self->report->outcomes, g_strdup(out->str));
    g_clear_pointer(&self->client->stream, stream_free);
    fiber_yield();
    replay_names_begin_record(self->names, NULL); /* the parser goes */
    return TRUE;
}

/* --- what was around --- */

static void
replay_write_store(const gchar *name, StoreContents contents, const gchar *why, gpointer data)
{
    static const gchar *const words[] = {
        [STORE_COPIED] = "copied",
        [STORE_EMPTY] = "empty",
        [STORE_FAILED] = "failed",
    };
    JsonWriter *writer = data;

    json_writer_begin_object(writer, NULL);
    json_writer_text(writer, "name", name);
    json_writer_text(writer, "contents", words[contents]);
    if (why != NULL)
        json_writer_text(writer, "error", why);
    json_writer_end_object(writer);
}

void
dialogue_tell_world(Dialogue *self)
{
    GString *out = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    replay_names_write_all(self->names, &writer);
    json_writer_begin_array(&writer, "stores");
    store_set_visit_used(self->generation->stores, replay_write_store, &writer);
    json_writer_end_array(&writer);
    json_writer_begin_array(&writer, "lost_stores");
    for (guint i = 0; i < self->lost_stores->len; i++)
        json_writer_text(&writer, NULL, g_ptr_array_index(self->lost_stores, i));
    json_writer_end_array(&writer);
    json_writer_end_object(&writer);
    self->report->world = g_string_free(out, FALSE);
}

const DialogueWordRow dialogue_replay_words[] = {
    {"answers", replay_take_answers, FALSE},
    {"replay", replay_run, FALSE},
    {NULL, NULL, FALSE},
};
