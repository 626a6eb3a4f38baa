/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that do something: what a client says, time, stores, deliveries. */
#include "check/check-private.h"

#include "store/store.h"

/* --- replies --- */

static void
drive_set_reply(BaridCheck *self, gchar *reply_taken)
{
    g_free(self->reply);
    self->reply = reply_taken;
}

/* A connection that has ended is told by an empty reply, and is no failure by itself. */
static void
drive_note_end(BaridCheck *self)
{
    drive_set_reply(self, g_strdup(""));
    self->is_gone = TRUE;
    g_ptr_array_set_size(self->report.failures, 0);
    self->dialogue.is_over = FALSE;
}

static void
drive_take_reply(BaridCheck *self)
{
    gchar *reply = dialogue_read_reply(&self->dialogue);

    if (reply == NULL)
        drive_note_end(self);
    else
        drive_set_reply(self, reply);
}

static gboolean
drive_accepts(const BaridCheck *self)
{
    return self->reply[0] == '2' || self->reply[0] == '3';
}

/* A step that ends with a command, and its reply. */
static gboolean
drive_say(BaridCheck *self, const gchar *word, const gchar *text, const gchar *block)
{
    if (!self->is_gone && check_step(self, word, text, block))
        drive_take_reply(self);
    else
        drive_note_end(self);
    return drive_accepts(self);
}

typedef struct {
    const gchar *word, *text, *block;
} DriveStep;

static void
drive_run_say(BaridCheck *self, gpointer data)
{
    const DriveStep *step = data;

    drive_say(self, step->word, step->text, step->block);
}

static const gchar *
drive_finish(BaridCheck *self)
{
    check_tell(self, NULL, 0);
    if (self->disturber.came && self->disturber.kind == BARID_CHECK_TIMEOUT &&
        *self->reply == '\0' && self->disturber.n_waits_since < G_MAXUINT) {
        self->disturber.n_waits_since = G_MAXUINT; /* said once */
        check_complain(self, NULL, 0, "the session does not go on");
    }
    return self->reply;
}

static const gchar *
drive_command(BaridCheck *self, const gchar *word, const gchar *text, const gchar *block)
{
    DriveStep step = {word, text, block};

    check_enter(self, drive_run_say, &step);
    return drive_finish(self);
}

const gchar *
barid_check_get_reply(const BaridCheck *self)
{
    return self->reply;
}

/* --- the session --- */

/* STARTTLS and what follows it; a refusal is the reply. */
static gboolean
drive_start_tls(BaridCheck *self)
{
    if (!check_step(self, "starttls", "", NULL))
        return FALSE;
    if (self->dialogue.client->unread != NULL)
        drive_take_reply(self);
    return drive_accepts(self);
}

static void
drive_run_connect(BaridCheck *self, gpointer data)
{
    const BaridCheckClient *client = data;

    /* Cut off sessions have ended meanwhile: others may come. */
    if (self->dialogue.sessions.n_members == 0)
        fiber_group_init(&self->dialogue.sessions, self->dialogue.scheduler);
    self->is_gone = FALSE;
    if (!check_step(self, "client", client->ip == NULL ? "192.0.2.1" : client->ip, NULL) ||
        !check_step(self, "listener", client->listener == NULL ? "smtp" : client->listener,
                    NULL) ||
        !drive_say(self, "connect", "", NULL) ||
        !drive_say(self, "helo", client->helo == NULL ? "client.example" : client->helo, NULL) ||
        (client->tls && !drive_start_tls(self)))
        return;
    if (client->user != NULL)
        drive_say(self, "auth", client->user, NULL);
}

const gchar *
barid_check_connect_as(BaridCheck *self, const BaridCheckClient *given)
{
    BaridCheckClient client = {.struct_size = 0};

    memcpy(&client, given, MIN(given->struct_size, sizeof client));
    check_enter(self, drive_run_connect, &client);
    return drive_finish(self);
}

const gchar *
barid_check_mail(BaridCheck *self, const gchar *path)
{
    return drive_command(self, "mail-from", *path == '\0' ? "<>" : path, NULL);
}

const gchar *
barid_check_rcpt(BaridCheck *self, const gchar *path)
{
    return drive_command(self, "rcpt-to", path, NULL);
}

const gchar *
barid_check_command(BaridCheck *self, const gchar *line)
{
    return drive_command(self, "C", line, NULL);
}

const gchar *
barid_check_message(BaridCheck *self, const gchar *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree gchar *block = NULL;
    guint n = g_strv_length(lines);

    for (guint i = 0; i < n; i++) {
        if (g_str_has_suffix(lines[i], "\r"))
            lines[i][strlen(lines[i]) - 1] = '\0';
    }
    /* The last line's end is no empty line. */
    if (n > 0 && *lines[n - 1] == '\0')
        g_clear_pointer(&lines[n - 1], g_free);
    block = g_strjoinv("\n", lines);
    return drive_command(self, "message", "", block);
}

typedef struct {
    BaridSlice bytes;
    gsize piece_bytes;
} DriveContent;

/* Dot-stuffing (RFC 5321 section 4.5.2); the content ends a line. */
static GString *
drive_stuff(BaridSlice bytes)
{
    GString *out = g_string_sized_new(bytes.len + 8);
    gboolean at_start = TRUE;

    for (gsize i = 0; i < bytes.len; i++) {
        if (at_start && bytes.data[i] == '.')
            g_string_append_c(out, '.');
        g_string_append_c(out, (gchar)bytes.data[i]);
        at_start = bytes.data[i] == '\n' && i > 0 && bytes.data[i - 1] == '\r';
    }
    if (!at_start)
        g_string_append(out, "\r\n");
    return out;
}

static void
drive_run_content(BaridCheck *self, gpointer data)
{
    const DriveContent *content = data;
    g_autoptr(GString) stuffed = drive_stuff(content->bytes);
    gsize piece = content->piece_bytes == 0 ? stuffed->len : content->piece_bytes;

    if (!drive_say(self, "C", "DATA", NULL))
        return;
    for (gsize at = 0; at < stuffed->len; at += piece) {
        BaridSlice bytes = barid_slice(stuffed->str + at, MIN(piece, stuffed->len - at));

        if (self->dialogue.client->stream == NULL ||
            !stream_put(self->dialogue.client->stream, bytes, NULL) ||
            !stream_flush(self->dialogue.client->stream, NULL) || !barid_sleep(1, NULL))
            break;
    }
    drive_say(self, "C", ".", NULL);
}

const gchar *
barid_check_content(BaridCheck *self, gconstpointer bytes, gsize len, gsize piece_bytes)
{
    DriveContent content = {barid_slice(bytes, len), piece_bytes};

    check_enter(self, drive_run_content, &content);
    return drive_finish(self);
}

/* --- the rest --- */

static void
drive_run_step(BaridCheck *self, gpointer data)
{
    const DriveStep *step = data;

    check_step(self, step->word, step->text, step->block);
}

static void
drive_do(BaridCheck *self, const gchar *word, const gchar *text, const gchar *block,
         const gchar *file, gint line)
{
    DriveStep step = {word, text, block};

    check_enter(self, drive_run_step, &step);
    check_tell(self, file, line);
}

/* Whether the word only looks at what has become of it. */
static gboolean
drive_is_expectation(const gchar *word)
{
    for (const DialogueWordRow *row = dialogue_check_words; row->word != NULL; row++) {
        if (strcmp(row->word, word) == 0)
            return TRUE;
    }
    return FALSE;
}

void
barid_check_do_at(BaridCheck *self, const gchar *word, const gchar *text, const gchar *block,
                  const gchar *file, gint line)
{
    if (check_is_upset(self) && drive_is_expectation(word))
        return;
    drive_do(self, word, text, block, file, line);
}

void
barid_check_leave(BaridCheck *self)
{
    drive_do(self, "close", "", NULL, NULL, 0);
    self->is_gone = TRUE;
}

void
barid_check_wait(BaridCheck *self, gint64 ms)
{
    g_autofree gchar *text = g_strdup_printf("%" G_GINT64_FORMAT "ms", ms);

    drive_do(self, "wait", text, NULL, NULL, 0);
}

void
barid_check_deliver(BaridCheck *self)
{
    drive_do(self, "deliver", "", NULL, NULL, 0);
}

void
barid_check_set_stores_failing(BaridCheck *self, gboolean failing)
{
    self->stores.failing = failing;
}

static void
drive_run_put(BaridCheck *self, gpointer data)
{
    const DriveStep *put = data;
    BaridStore *store = store_set_find(self->dialogue.generation->stores, put->word);
    BaridSlice key = barid_slice_from_text(put->text);
    g_autoptr(GError) error = NULL;

    if (store == NULL)
        dialogue_fail(&self->dialogue, "there is no store %s", put->word);
    else if (put->block == NULL ? !barid_store_remove(store, key, &error)
                                : !barid_store_set(store, key,
                                                   barid_slice_from_text(put->block), 0, &error))
        dialogue_fail(&self->dialogue, "store %s: %s", put->word, error->message);
}

void
barid_check_put(BaridCheck *self, const gchar *store, const gchar *key, const gchar *value)
{
    DriveStep put = {store, key, value};

    check_enter(self, drive_run_put, &put);
    check_tell(self, NULL, 0);
}
