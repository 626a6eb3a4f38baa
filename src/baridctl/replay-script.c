/* SPDX-License-Identifier: Apache-2.0 */
#include "baridctl/replay.h"

#include "baridctl/ctl.h"
#include "baridctl/show.h"
#include "base/address.h"
#include "base/json-writer.h"
#include "dns/dns-name.h"
#include "sim/dialogue-script.h"
#include "sim/dialogue.h"

/* Records cut longer names. */
enum { REPLAY_CUT_LEN = 76 };

/* --- what name servers said --- */

/* "dns NAME TYPE" = ANSWER, as sim/recorded-answer.h reads it. The address whose names were asked
 * for stands in the place of a name. */
static void
replay_take_answer(GHashTable *answers, const gchar *input, const gchar *answer)
{
    g_auto(GStrv) words = g_strsplit(input, " ", 4);
    gchar reverse[DNS_NAME_MAX + 1];
    Address address;

    if (answer == NULL || g_strv_length(words) != 3 || strcmp(words[0], "dns") != 0 ||
        strlen(words[1]) >= REPLAY_CUT_LEN)
        return;
    if (address_parse_ip(barid_slice_from_text(words[1]), &address)) {
        dns_name_of_address(&address, reverse);
        g_free(words[1]);
        words[1] = g_strdup(reverse);
    }
    g_hash_table_insert(answers, g_strconcat(words[1], " ", words[2], NULL), g_strdup(answer));
}

static void
replay_take_answers(GHashTable *answers, JsonObject *inputs)
{
    g_autoptr(GList) names = inputs == NULL ? NULL : json_object_get_members(inputs);

    for (GList *at = names; at != NULL; at = at->next)
        replay_take_answer(answers, at->data, show_get_text(inputs, at->data));
}

static void
replay_find_answers(GHashTable *answers, JsonObject *record)
{
    for (guint i = 0; i < show_get_n(record, "decisions"); i++) {
        JsonObject *decision = show_get_nth(record, "decisions", i);

        if (decision == NULL)
            continue;
        replay_take_answers(answers, show_get_object(decision, "inputs"));
        for (guint k = 0; k < show_get_n(decision, "rules"); k++) {
            JsonObject *rule = show_get_nth(decision, "rules", k);

            if (rule != NULL)
                replay_take_answers(answers, show_get_object(rule, "inputs"));
        }
    }
}

static GHashTable *
replay_new_answers(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

/* The members of an object. */
static void
replay_write_answers(JsonWriter *writer, GHashTable *answers)
{
    GHashTableIter at;
    gpointer name, value;

    g_hash_table_iter_init(&at, answers);
    while (g_hash_table_iter_next(&at, &name, &value))
        json_writer_text(writer, name, value);
}

/* --- records --- */

/* A record that is on its way into the script. */
typedef struct {
    JsonObject *record;
    GString *line;
    JsonWriter writer;
} ReplayLine;

static void
replay_begin_line(ReplayLine *self, JsonObject *record, const gchar *sender)
{
    static const gchar *const keys[] = {"id",   "created", "remote_ip",  "listener",
                                        "helo", "user",    "message_id", "header"};

    JsonWriter *writer = &self->writer;
    g_autoptr(GHashTable) answers = replay_new_answers();

    *self = (ReplayLine){.record = record, .line = g_string_new(NULL)};
    json_writer_init(writer, self->line);
    json_writer_begin_object(writer, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        const gchar *text = show_get_text(record, keys[i]);

        if (text != NULL)
            json_writer_text(writer, keys[i], text);
    }
    json_writer_text(writer, "sender", sender);
    json_writer_integer(writer, "size", show_get_integer(record, "size"));
    replay_find_answers(answers, record);
    json_writer_begin_object(writer, "dns");
    replay_write_answers(writer, answers);
    json_writer_end_object(writer);
    json_writer_begin_array(writer, "recipients");
}

typedef struct {
    const gchar *created; /* borrowed */
    gchar *line;
} ReplayStep;

static void
replay_step_clear(gpointer data)
{
    g_free(((ReplayStep *)data)->line);
}

static void
replay_end_line(ReplayLine *self, GArray *steps)
{
    ReplayStep step = {.created = show_get_text(self->record, "created")};

    json_writer_end_array(&self->writer);
    json_writer_end_object(&self->writer);
    step.line = g_string_free(g_steal_pointer(&self->line), FALSE);
    g_array_append_val(steps, step);
}

/* The address that the client gave, before an alias made others of it. */
static const gchar *
replay_get_given(JsonObject *rcpt)
{
    const gchar *original = show_get_text(rcpt, "original");

    return original != NULL ? original : show_get_text(rcpt, "address");
}

/* A message that came from outside; the server's own are not done again. */
static void
replay_add_message(GArray *steps, JsonObject *record)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    const gchar *sender = show_get_text(record, "sender");
    ReplayLine line;

    if (show_get_text(record, "listener") == NULL)
        return;
    replay_begin_line(&line, record, sender == NULL ? "" : sender);
    for (guint i = 0; i < show_get_n(record, "recipients"); i++) {
        const gchar *rcpt = replay_get_given(show_get_nth(record, "recipients", i));

        if (rcpt != NULL && g_hash_table_add(seen, (gpointer)(guintptr)rcpt))
            json_writer_text(&line.writer, NULL, rcpt);
    }
    replay_end_line(&line, steps);
}

/* What was refused: each recipient of which the sender is known too. */
static void
replay_add_session(GArray *steps, JsonObject *record)
{
    for (guint i = 0; i < show_get_n(record, "decisions"); i++) {
        JsonObject *decision = show_get_nth(record, "decisions", i);
        JsonObject *inputs = show_get_object(decision, "inputs");
        const gchar *rcpt = show_get_text(decision, "subject");
        const gchar *sender = inputs == NULL ? NULL : show_get_text(inputs, "sender");
        ReplayLine line;

        if (rcpt == NULL || sender == NULL)
            continue;
        replay_begin_line(&line, record, sender);
        json_writer_text(&line.writer, NULL, rcpt);
        replay_end_line(&line, steps);
    }
}

/* --- the script --- */

static gint
replay_compare_steps(gconstpointer a, gconstpointer b)
{
    const ReplayStep *first = a;
    const ReplayStep *second = b;

    return g_strcmp0(first->created, second->created);
}

void
replay_make_script(JsonObject *history, GString *script)
{
    static const gchar *const keys[] = {"messages", "history", "sessions"};
    g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(ReplayStep));
    g_autoptr(GHashTable) answers = replay_new_answers();
    g_autoptr(GString) known = g_string_new(NULL);
    JsonWriter writer;

    g_array_set_clear_func(steps, replay_step_clear);
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        /* The newest stands first: an answer that has changed is there as it came last. */
        for (guint k = show_get_n(history, keys[i]); k > 0; k--) {
            JsonObject *record = show_get_nth(history, keys[i], k - 1);

            replay_find_answers(answers, record);
            if (g_strcmp0(show_get_text(record, "kind"), "session") == 0 || i == 2)
                replay_add_session(steps, record);
            else
                replay_add_message(steps, record);
        }
    }
    g_array_sort(steps, replay_compare_steps); /* stable */
    json_writer_init(&writer, known);
    json_writer_begin_object(&writer, NULL);
    replay_write_answers(&writer, answers);
    json_writer_end_object(&writer);
    g_string_append_printf(script, "answers: %s\n", known->str);
    for (guint i = 0; i < steps->len; i++)
        g_string_append_printf(script, "replay: %s\n",
                               g_array_index(steps, ReplayStep, i).line);
}

gboolean
replay_append_stores(GString *script, const gchar *path, GError **error)
{
    DialogueScript given;
    g_autofree gchar *text = NULL;
    gboolean ok = dialogue_script_read(&given, path, error);

    for (guint i = 0; ok && i < given.steps->len; i++) {
        const DialogueStep *step = g_ptr_array_index(given.steps, i);

        ok = strcmp(step->word, "store") == 0;
        if (!ok)
            g_set_error(error, DIALOGUE_ERROR, BARID_ERROR_INVALID,
                        _("%s:%u: here stand stores alone, as \"store NAME:\""), path,
                        step->number);
    }
    if (given.steps != NULL)
        dialogue_script_clear(&given);
    if (!ok || !g_file_get_contents(path, &text, NULL, error))
        return FALSE;
    g_string_append_printf(script, "%s\n", text);
    return TRUE;
}
