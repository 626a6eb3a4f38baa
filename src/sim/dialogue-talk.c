/* SPDX-License-Identifier: Apache-2.0 */
/* The words of dialogue scripts that do something. */
#include "sim/dialogue-private.h"

#include "base/text.h"
#include "base/units.h"
#include "queue/queue-stats.h"
#include "sim/virtual-clock.h"

/* What "auth" without a password says: it is everybody's (dialogue.c). */
#define TALK_SKELETON_PASSWORD "policy-test"
#define TALK_DEFAULT_HELO "client.example"

/* --- lines --- */

/* (shown) is what a failure tells of it. */
gboolean
dialogue_send(Dialogue *self, BaridSlice bytes, const gchar *shown)
{
    g_autoptr(GError) error = NULL;

    if (self->client->stream == NULL)
        return dialogue_fail(self, "there is no connection");
    dialogue_note(self, "C", shown);
    return (stream_put(self->client->stream, bytes, &error) &&
            stream_flush(self->client->stream, &error)) ||
           dialogue_fail(self, "cannot send: %s", error->message);
}

static gboolean
talk_say_line(Dialogue *self, const gchar *text)
{
    g_autofree gchar *line = g_strconcat(text, "\r\n", NULL);

    return dialogue_send(self, barid_slice_from_text(line), text);
}

/* The next reply line; NULL after dialogue_fail(). */
static gchar *
talk_read_quietly(Dialogue *self)
{
    gint64 deadline;
    g_autoptr(GError) error = NULL;
    LineResult result;
    BaridSlice line;

    if (self->client->unread != NULL)
        return g_steal_pointer(&self->client->unread);
    if (self->client->stream == NULL) {
        dialogue_fail(self, "there is no connection");
        return NULL;
    }
    deadline = fiber_deadline_push(DIALOGUE_PATIENCE_MS);
    result = line_reader_next(&self->client->reader, DIALOGUE_LINE_MAX, &line, &error);
    fiber_deadline_restore(deadline);
    if (result != LINE_OK) {
        dialogue_fail(self, "no reply: %s", error == NULL ? "line too long" : error->message);
        return NULL;
    }
    return text_escape(line, 600);
}

static gchar *
talk_read_line(Dialogue *self)
{
    gchar *line = talk_read_quietly(self);

    if (line != NULL)
        dialogue_note(self, "S", line);
    return line;
}

static gboolean
talk_line_is_last(const gchar *line)
{
    return strlen(line) <= 3 || line[3] != '-';
}

/* The last line of a whole reply. */
gchar *
dialogue_read_reply(Dialogue *self)
{
    gchar *line = talk_read_quietly(self);

    while (line != NULL && !talk_line_is_last(line)) {
        g_free(line);
        line = talk_read_quietly(self);
    }
    if (line != NULL)
        dialogue_note(self, "S", line);
    return line;
}

/* A reply that is not as expected leaves the dialogue out of step: nothing can follow. */
static gboolean
talk_differ(Dialogue *self, const gchar *expected, const gchar *got)
{
    dialogue_differ(self, expected, got);
    self->is_over = TRUE;
    return FALSE;
}

/* --- C: and S: --- */

static gboolean
talk_say(Dialogue *self, const gchar *text)
{
    witness_begin_command(&self->client->witness);
    return talk_say_line(self, text);
}

static gboolean
talk_say_raw(Dialogue *self, const gchar *text)
{
    g_autoptr(GString) bytes = dialogue_unescape(text);

    witness_begin_command(&self->client->witness);
    return dialogue_send(self, barid_slice(bytes->str, bytes->len), text);
}

/* "N TEXT"; the text behind the number. */
static const gchar *
talk_take_number(const gchar *text, guint64 *out_number)
{
    gchar *rest;

    *out_number = g_ascii_strtoull(text, &rest, 10);
    while (*rest == ' ')
        rest++;
    return rest;
}

static gboolean
talk_say_often(Dialogue *self, const gchar *text)
{
    guint64 times;
    const gchar *rest = talk_take_number(text, &times);
    gboolean ok = TRUE;

    for (guint64 i = 1; ok && i <= times; i++) {
        g_autofree gchar *number = g_strdup_printf("%" G_GUINT64_FORMAT, i);
        g_auto(GStrv) parts = g_strsplit(rest, "%d", -1);
        g_autofree gchar *line = g_strjoinv(number, parts);

        ok = talk_say(self, line);
    }
    return ok;
}

static gboolean
talk_expect(Dialogue *self, const gchar *pattern)
{
    g_autofree gchar *came = talk_read_line(self);
    g_autofree gchar *open_end = g_strconcat(pattern, "*", NULL);

    if (came == NULL)
        return FALSE;
    return g_pattern_match_simple(open_end, came) || talk_differ(self, pattern, came);
}

static gboolean
talk_expect_often(Dialogue *self, const gchar *text)
{
    guint64 times;
    const gchar *rest = talk_take_number(text, &times);
    gboolean ok = TRUE;

    while (ok && times-- > 0)
        ok = talk_expect(self, rest);
    return ok;
}

static gboolean
talk_expect_all(Dialogue *self, const gchar *code)
{
    g_autofree gchar *came = dialogue_read_reply(self);

    if (came == NULL)
        return FALSE;
    return g_str_has_prefix(came, code) || talk_differ(self, code, came);
}

/* --- short forms --- */

typedef enum {
    TALK_DONE,
    TALK_REFUSED, /* the expectation that follows sees the reply */
    TALK_BROKEN,  /* the script cannot go on */
} TalkResult;

/* Whether the script itself says what is answered to the step at hand. */
static gboolean
talk_is_answered(const Dialogue *self)
{
    const DialogueStep *next = self->at + 1 < self->script.steps->len
                                   ? g_ptr_array_index(self->script.steps, self->at + 1)
                                   : NULL;

    return next != NULL && g_str_has_prefix(next->word, "S") &&
           (next->word[1] == '\0' || next->word[1] == '-');
}

/* Reads a reply, which must be a good one. */
static TalkResult
talk_accept(Dialogue *self)
{
    g_autofree gchar *line = dialogue_read_reply(self);

    if (line == NULL)
        return TALK_BROKEN;
    if (line[0] == '2' || line[0] == '3')
        return TALK_DONE;
    if (talk_is_answered(self)) {
        self->client->unread = g_steal_pointer(&line);
        return TALK_REFUSED;
    }
    talk_differ(self, "a reply 2xx or 3xx", line);
    return TALK_BROKEN;
}

static TalkResult
talk_exchange(Dialogue *self, const gchar *command)
{
    witness_begin_command(&self->client->witness);
    return talk_say_line(self, command) ? talk_accept(self) : TALK_BROKEN;
}

/* The last command of a short form: the script may look at the answer itself. */
static gboolean
talk_finish(Dialogue *self, const gchar *command)
{
    if (talk_is_answered(self))
        return talk_say(self, command);
    return talk_exchange(self, command) != TALK_BROKEN;
}

typedef struct {
    Dialogue *dialogue;
    DialogueClient *client;
    Stream *stream;
} ServerEnd;

static void
talk_serve(gpointer data)
{
    ServerEnd end = *(ServerEnd *)data;
    Address local = {.bytes = {127, 0, 0, 1}, .port = 2525};

    g_free(data);
    end.dialogue->served = end.client;
    inbound_serve(end.dialogue->inbound, end.client->listener, end.stream, &end.client->address,
                  &local);
}

static gboolean
talk_connect(Dialogue *self, const gchar *text G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    ServerEnd *end;
    Stream *ends[2];

    g_clear_pointer(&self->client->stream, stream_free);
    g_clear_pointer(&self->client->helo, g_free);
    if (self->client->listener == NULL)
        return dialogue_fail(self, "the configuration has no listener");
    if (!connector_open_pair(ends, &error))
        return dialogue_fail(self, "%s", error->message);
    witness_begin_command(&self->client->witness);
    self->client->stream = ends[0];
    line_reader_init(&self->client->reader, self->client->stream);
    end = g_new0(ServerEnd, 1);
    end->dialogue = self;
    end->client = self->client;
    end->stream = ends[1];
    return fiber_group_spawn(&self->sessions, talk_serve, end, &error) ||
           dialogue_fail(self, "%s", error->message);
}

gboolean
dialogue_connect(Dialogue *self)
{
    return talk_connect(self, "");
}

/* A connection whose greeting has been read. */
static TalkResult
talk_need_connection(Dialogue *self)
{
    if (self->client->stream != NULL)
        return TALK_DONE;
    return talk_connect(self, "") ? talk_accept(self) : TALK_BROKEN;
}

static gchar *
talk_dup_greeting(const Dialogue *self, const gchar *name)
{
    gboolean is_lmtp = self->client->witness.session != NULL && self->client->witness.session->lmtp;

    return g_strconcat(is_lmtp ? "LHLO " : "EHLO ", name, NULL);
}

static TalkResult
talk_greet(Dialogue *self, const gchar *name)
{
    g_autofree gchar *command = talk_dup_greeting(self, name);
    TalkResult result = talk_exchange(self, command);

    if (result == TALK_DONE) {
        g_free(self->client->helo);
        self->client->helo = g_strdup(name);
    }
    return result;
}

static gboolean
talk_helo(Dialogue *self, const gchar *text)
{
    g_autofree gchar *command = NULL;
    TalkResult result = talk_need_connection(self);

    if (result != TALK_DONE)
        return result == TALK_REFUSED;
    g_free(self->client->helo);
    self->client->helo = g_strdup(text);
    command = talk_dup_greeting(self, text);
    return talk_finish(self, command);
}

/* A session that was greeted, by a short form or by the script itself. */
static TalkResult
talk_need_session(Dialogue *self)
{
    TalkResult result = talk_need_connection(self);

    if (result != TALK_DONE || self->client->helo != NULL ||
        (self->client->witness.session != NULL && self->client->witness.session->helo.len > 0))
        return result;
    return talk_greet(self, TALK_DEFAULT_HELO);
}

static gboolean
talk_handshake(Dialogue *self, const gchar *server_name)
{
    const TlsClientOptions options = {.server_name =
                                          *server_name == '\0' ? "localhost" : server_name};
    g_autoptr(GError) error = NULL;

    if (self->client->stream == NULL)
        return dialogue_fail(self, "there is no connection");
    line_reader_release(&self->client->reader);
    dialogue_note(self, "C", "(TLS handshake)");
    return stream_start_tls_client(self->client->stream, &options, &error) ||
           dialogue_fail(self, "TLS: %s", error->message);
}

static gboolean
talk_start_tls(Dialogue *self, const gchar *text)
{
    TalkResult result = talk_need_session(self);
    g_autofree gchar *helo = NULL;

    if (result == TALK_DONE)
        result = talk_exchange(self, "STARTTLS");
    if (result != TALK_DONE)
        return result == TALK_REFUSED;
    helo = g_strdup(self->client->helo == NULL ? TALK_DEFAULT_HELO : self->client->helo);
    return talk_handshake(self, text) && talk_greet(self, helo) != TALK_BROKEN;
}

/* "USER", whose password is passed over, or "USER PASSWORD". */
static gboolean
talk_authenticate(Dialogue *self, const gchar *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", 2);
    TalkResult result = talk_need_session(self);
    g_autoptr(GString) plain = g_string_new(NULL);
    g_autofree gchar *encoded = NULL;
    g_autofree gchar *command = NULL;

    if (result != TALK_DONE)
        return result == TALK_REFUSED;
    if (words[0] == NULL)
        return dialogue_fail(self, "write auth: USER or auth: USER PASSWORD");
    g_string_append_c(plain, '\0');
    g_string_append_len(plain, words[0], (gssize)strlen(words[0]) + 1);
    g_string_append(plain, words[1] == NULL ? TALK_SKELETON_PASSWORD : words[1]);
    encoded = g_base64_encode((const guchar *)plain->str, plain->len);
    command = g_strconcat("AUTH PLAIN ", encoded, NULL);
    return talk_finish(self, command);
}

/* "a@b", "<a@b>" and "a@b SIZE=10" are all understood; the path of a command. */
static gchar *
talk_dup_path_command(const gchar *verb, const gchar *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", 2);
    const gchar *path = words[0] == NULL ? "" : words[0];
    gboolean has_brackets = *path == '<';

    return g_strconcat(verb, has_brackets ? "" : "<", path, has_brackets ? "" : ">",
                       words[0] != NULL && words[1] != NULL ? " " : "",
                       words[0] == NULL ? NULL : words[1], NULL);
}

static gboolean
talk_mail_from(Dialogue *self, const gchar *text)
{
    TalkResult result = talk_need_session(self);
    g_autofree gchar *command = talk_dup_path_command("MAIL FROM:", text);

    if (result != TALK_DONE)
        return result == TALK_REFUSED;
    return talk_finish(self, command);
}

static gboolean
talk_rcpt_to(Dialogue *self, const gchar *text)
{
    g_auto(GStrv) paths = g_strsplit(text, ",", -1);
    guint n = g_strv_length(paths);

    for (guint i = 0; i < n; i++) {
        g_autofree gchar *command = talk_dup_path_command("RCPT TO:", g_strstrip(paths[i]));
        TalkResult result;

        if (i + 1 == n)
            return talk_finish(self, command);
        result = talk_exchange(self, command);
        if (result != TALK_DONE)
            return result == TALK_REFUSED;
    }
    return dialogue_fail(self, "write rcpt-to: ADDRESS, ...");
}

static gboolean
talk_put_content(Dialogue *self, const gchar *block)
{
    g_auto(GStrv) lines = g_strsplit(block == NULL ? "" : block, "\n", -1);
    g_autoptr(GString) bytes = g_string_new(NULL);

    for (guint i = 0; lines[i] != NULL; i++)
        g_string_append_printf(bytes, "%s%s\r\n", lines[i][0] == '.' ? "." : "", lines[i]);
    return dialogue_send(self, barid_slice(bytes->str, bytes->len), "(the message)");
}

static gboolean
talk_message(Dialogue *self, const gchar *text G_GNUC_UNUSED)
{
    TalkResult result = talk_need_session(self);

    if (result == TALK_DONE)
        result = talk_exchange(self, "DATA");
    if (result != TALK_DONE)
        return result == TALK_REFUSED;
    return talk_put_content(self, dialogue_get_step(self)->block) && talk_finish(self, ".");
}

/* --- the surroundings --- */

static gboolean
talk_client(Dialogue *self, const gchar *text)
{
    self->client->address.port = 40000;
    return address_parse(barid_slice_from_text(text), &self->client->address) ||
           address_parse_ip(barid_slice_from_text(text), &self->client->address) ||
           dialogue_fail(self, "no address: %s", text);
}

/* The first client is there from the beginning, and has no name. */
static gboolean
talk_session(Dialogue *self, const gchar *name)
{
    if (self->client->unread != NULL)
        return dialogue_fail(self, "a reply to the session before is not expected");
    for (guint i = 0; i < self->clients->len; i++) {
        DialogueClient *client = g_ptr_array_index(self->clients, i);

        if (strcmp(client->name, name) == 0) {
            self->client = client;
            return TRUE;
        }
    }
    if (self->clients->len == DIALOGUE_CLIENTS_MAX)
        return dialogue_fail(self, "a script has at most %d sessions at a time",
                             DIALOGUE_CLIENTS_MAX);
    self->client = dialogue_add_client(self, name);
    return TRUE;
}

static gboolean
talk_listener(Dialogue *self, const gchar *text)
{
    self->client->listener = inbound_find_listener(self->generation->inbound, text);
    return self->client->listener != NULL || dialogue_fail(self, "there is no listener %s", text);
}

static gboolean
talk_now(Dialogue *self, const gchar *text)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, utc);

    if (time == NULL)
        return dialogue_fail(self, "no time: %s; write it as 2026-01-31T12:00:00Z", text);
    virtual_clock_set_wall(g_date_time_to_unix(time) * 1000);
    return TRUE;
}

static gboolean
talk_wait(Dialogue *self, const gchar *text)
{
    gint64 ms;

    if (units_parse_duration(barid_slice_from_text(text), &ms) != UNITS_OK)
        return dialogue_fail(self, "no duration: %s", text);
    return dialogue_wait(self, ms);
}

static gboolean
talk_disk(Dialogue *self, const gchar *text)
{
    SimDiskFault fault;

    if (!sim_disk_parse_fault(text, &fault))
        return dialogue_fail(self, "a disk does not do that: %s", text);
    sim_disk_set_fault(self->disk, fault);
    return TRUE;
}

static gboolean
talk_directory(Dialogue *self, const gchar *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", 2);
    const gchar *name = words[0] != NULL && words[1] != NULL ? words[1] : "inline";
    gboolean failing = g_strcmp0(words[0], "fails") == 0;

    if (!failing && g_strcmp0(words[0], "works") != 0)
        return dialogue_fail(self, "a directory fails or works, not: %s", text);
    return directories_set_failing(self->generation->directories, name, failing) ||
           dialogue_fail(self, "there is no directory %s", name);
}

/* "KEY VALUE" a line; the value may be missing. */
static gboolean
talk_store(Dialogue *self, const gchar *name)
{
    const DialogueStep *step = dialogue_get_step(self);
    g_auto(GStrv) lines = g_strsplit(step->block == NULL ? "" : step->block, "\n", -1);
    BaridStore *store = store_set_find(self->generation->stores, name);
    g_autoptr(GError) error = NULL;

    if (store == NULL && self->options->replay == NULL)
        return dialogue_fail(self, "there is no store %s", name);
    if (store == NULL) {
        /* One of the two configurations that are compared may have it. */
        g_ptr_array_add(self->lost_stores, g_strdup(name));
        return TRUE;
    }
    for (guint i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) words = g_strsplit(g_strstrip(lines[i]), " ", 2);

        if (words[0] == NULL || *words[0] == '\0')
            continue;
        if (!barid_store_set(store, barid_slice_from_text(words[0]),
                             barid_slice_from_text(words[1] == NULL ? "" : words[1]), 0, &error))
            return dialogue_fail(self, "store %s: %s", name, error->message);
    }
    return TRUE;
}

static gboolean
talk_peer(Dialogue *self, const gchar *name)
{
    g_autoptr(GError) error = NULL;

    return peers_add(self->peers, name, dialogue_get_step(self)->block, &error) ||
           dialogue_fail(self, "%s", error->message);
}

static gboolean
talk_transport(Dialogue *self, const gchar *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", 2);

    if (words[0] == NULL || words[1] == NULL || strchr("245", words[1][0]) == NULL)
        return dialogue_fail(self, "write transport: NAME CODE TEXT, such as maildir 452 full");
    mailbox_log_set_answer(&self->mailboxes, words[0], words[1]);
    return TRUE;
}

/* Was read before anything ran. */
static gboolean
talk_pass(Dialogue *self, const gchar *text)
{
    return *text == '\0' || strcmp(dialogue_get_step(self)->word, "list") == 0 ||
           dialogue_fail(self, "indented lines should follow, not \"%s\"", text);
}

/* Was looked at when the configuration was read; it has not been refused. */
static gboolean
talk_config_refused(Dialogue *self, const gchar *pattern)
{
    return dialogue_differ(self, pattern, "the configuration is accepted");
}

/* --- the queue's life --- */

static gboolean
talk_restart(Dialogue *self, const gchar *text G_GNUC_UNUSED)
{
    if (self->delivers)
        return dialogue_fail(self, "a script restarts once");
    return dialogue_start_delivery(self);
}

static gboolean
talk_deliver(Dialogue *self, const gchar *text G_GNUC_UNUSED)
{
    return (self->delivers || dialogue_start_delivery(self)) && dialogue_settle(self);
}

static gboolean
talk_delivered(Dialogue *self, const gchar *text G_GNUC_UNUSED)
{
    QueueStats stats = {.replaying = TRUE};

    for (guint i = 0; i < DIALOGUE_TURNS_MAX; i++) {
        queue_get_stats(self->queue, &stats);
        if (!stats.replaying && stats.n_messages == 0)
            return TRUE;
        fiber_yield();
    }
    return dialogue_fail(self, "%u messages are still in the queue", stats.n_messages);
}

static gboolean
talk_closed(Dialogue *self, const gchar *text G_GNUC_UNUSED)
{
    gint64 deadline = fiber_deadline_push(DIALOGUE_PATIENCE_MS);
    BaridSlice line = BARID_SLICE_EMPTY;
    LineResult result = self->client->stream == NULL
                            ? LINE_FAILED
                            : line_reader_next(&self->client->reader, DIALOGUE_LINE_MAX, &line,
                                               NULL);

    fiber_deadline_restore(deadline);
    return result == LINE_FAILED ||
           dialogue_fail(self, "the server has not closed, it said \"%.*s\"", (int)line.len,
                         (const gchar *)line.data);
}

static gboolean
talk_close(Dialogue *self, const gchar *text G_GNUC_UNUSED)
{
    g_clear_pointer(&self->client->stream, stream_free);
    g_clear_pointer(&self->client->helo, g_free);
    return TRUE;
}

const DialogueWordRow dialogue_talk_words[] = {
    {"C", talk_say, FALSE},
    {"C-raw", talk_say_raw, FALSE},
    {"C-repeat", talk_say_often, FALSE},
    {"S", talk_expect, FALSE},
    {"S-all", talk_expect_all, FALSE},
    {"S-repeat", talk_expect_often, FALSE},
    {"auth", talk_authenticate, FALSE},
    {"client", talk_client, FALSE},
    {"close", talk_close, FALSE},
    {"closed", talk_closed, FALSE},
    {"config", talk_pass, TRUE},
    {"config-refused", talk_config_refused, FALSE},
    {"connect", talk_connect, FALSE},
    {"deliver", talk_deliver, FALSE},
    {"delivered", talk_delivered, FALSE},
    {"directory", talk_directory, FALSE},
    {"disk", talk_disk, FALSE},
    {"dns", talk_pass, TRUE},
    {"helo", talk_helo, FALSE},
    {"list", talk_pass, TRUE},
    {"listener", talk_listener, FALSE},
    {"mail-from", talk_mail_from, FALSE},
    {"message", talk_message, TRUE},
    {"now", talk_now, FALSE},
    {"peer", talk_peer, TRUE},
    {"rcpt-to", talk_rcpt_to, FALSE},
    {"restart", talk_restart, FALSE},
    {"session", talk_session, FALSE},
    {"starttls", talk_start_tls, FALSE},
    {"store", talk_store, TRUE},
    {"tls", talk_handshake, FALSE},
    {"transport", talk_transport, FALSE},
    {"wait", talk_wait, FALSE},
    {NULL, NULL, FALSE},
};
