/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "replay": the recorded traffic of the history through another configuration. Every record
 * is done again twice, with the configuration that is installed and with the other one, both
 * on the runner of the policy tests: what differs is the configurations' doing. Neither run has
 * name servers or what is in stores, but both get the answers of name servers that the records
 * of decisions hold.
 */
#include "baridctl/offline.h"

#include <glib/gstdio.h>
#include <stdio.h>

#include "baridctl/client.h"
#include "baridctl/show.h"
#include "base/address.h"
#include "base/json-writer.h"
#include "base/paths.h"
#include "sim/folder.h"
#include "sim/suite.h"

enum { REPLAY_TIME_MS = 600000 };

/* --- from the history to a script --- */

static JsonParser *
replay_ask(const Options *options, CtlStatus *out_status)
{
    const gchar *since = options_get(options, "since");
    const gchar *limit = options_get(options, "limit");
    const gchar *const words[] = {"explain", "--since", since == NULL ? "1d" : since, "--limit",
                                  limit == NULL ? "10000" : limit, "--json", NULL};
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GError) error = NULL;
    g_autofree gchar *line = client_ask(options, words, &error);

    *out_status = CTL_UNREACHABLE;
    if (line == NULL) {
        ctl_fail(options, CTL_UNREACHABLE, "unreachable", error->message);
        return NULL;
    }
    *out_status = CTL_NO;
    if (json_parser_load_from_data(parser, line, -1, NULL) &&
        JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser)) &&
        show_get_text(json_node_get_object(json_parser_get_root(parser)), "error") == NULL)
        return g_steal_pointer(&parser);
    ctl_fail(options, CTL_NO, "invalid", _("the server's answer is not what it should be"));
    return NULL;
}

static void
replay_begin_record(JsonWriter *writer, JsonObject *record, const gchar *sender)
{
    static const gchar *const keys[] = {"id",   "created", "remote_ip",  "listener",
                                        "helo", "user",    "message_id", "header"};

    json_writer_begin_object(writer, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        const gchar *text = show_get_text(record, keys[i]);

        if (text != NULL)
            json_writer_text(writer, keys[i], text);
    }
    json_writer_text(writer, "sender", sender);
    json_writer_integer(writer, "size", show_get_integer(record, "size"));
    json_writer_begin_array(writer, "recipients");
}

static void
replay_end_record(JsonWriter *writer, GString *script)
{
    json_writer_end_array(writer);
    json_writer_end_object(writer);
    g_string_append_printf(script, "replay: %s\n", writer->out->str);
}

/* The address that the client gave, before an alias made others of it. */
static const gchar *
replay_get_given(JsonObject *rcpt)
{
    const gchar *original = show_get_text(rcpt, "original");

    return original != NULL ? original : show_get_text(rcpt, "address");
}

/* A message that came from outside; FALSE for one of the server's own. */
static gboolean
replay_add_message(GString *script, JsonObject *record)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    const gchar *sender = show_get_text(record, "sender");
    JsonWriter writer;

    if (show_get_text(record, "listener") == NULL)
        return FALSE;
    json_writer_init(&writer, line);
    replay_begin_record(&writer, record, sender == NULL ? "" : sender);
    for (guint i = 0; i < show_get_n(record, "recipients"); i++) {
        const gchar *rcpt = replay_get_given(show_get_nth(record, "recipients", i));

        if (rcpt != NULL && g_hash_table_add(seen, (gpointer)(guintptr)rcpt))
            json_writer_text(&writer, NULL, rcpt);
    }
    replay_end_record(&writer, script);
    return TRUE;
}

/* What was refused: each recipient of which the sender is known too. */
static guint
replay_add_session(GString *script, JsonObject *record)
{
    guint n = 0;

    for (guint i = 0; i < show_get_n(record, "decisions"); i++) {
        JsonObject *decision = show_get_nth(record, "decisions", i);
        JsonObject *inputs = show_get_object(decision, "inputs");
        const gchar *rcpt = show_get_text(decision, "subject");
        const gchar *sender = inputs == NULL ? NULL : show_get_text(inputs, "sender");
        g_autoptr(GString) line = g_string_new(NULL);
        JsonWriter writer;

        if (rcpt == NULL || sender == NULL)
            continue;
        json_writer_init(&writer, line);
        replay_begin_record(&writer, record, sender);
        json_writer_text(&writer, NULL, rcpt);
        replay_end_record(&writer, script);
        n++;
    }
    return n;
}

/* --- what name servers said --- */

/* "dns NAME A" = "192.0.2.7" of the rules that were asked, as lines of zone text. */
static void
replay_add_answers(GHashTable *lines, JsonObject *inputs)
{
    g_autoptr(GList) names = inputs == NULL ? NULL : json_object_get_members(inputs);

    for (GList *at = names; at != NULL; at = at->next) {
        g_auto(GStrv) words = g_strsplit(at->data, " ", 4);
        const gchar *value = show_get_text(inputs, at->data);
        Address address;
        gboolean is_answer = value != NULL && g_strv_length(words) == 3 &&
                             strcmp(words[0], "dns") == 0 && strchr(words[1], '\\') == NULL &&
                             address_parse_ip(barid_slice_from_text(value), &address);

        if (is_answer && g_strcmp0(words[2], address.is_v6 ? "AAAA" : "A") == 0)
            g_hash_table_add(lines, g_strdup_printf("    %s. %s %s\n", words[1], words[2], value));
    }
}

static void
replay_find_answers(GHashTable *lines, JsonObject *record)
{
    for (guint i = 0; i < show_get_n(record, "decisions"); i++) {
        JsonObject *decision = show_get_nth(record, "decisions", i);

        for (guint k = 0; decision != NULL && k < show_get_n(decision, "rules"); k++) {
            JsonObject *rule = show_get_nth(decision, "rules", k);

            if (rule != NULL)
                replay_add_answers(lines, show_get_object(rule, "inputs"));
        }
    }
}

/* Of all records: an answer that changed in between is there twice. */
static void
replay_write_answers(JsonObject *answer, GString *script)
{
    static const gchar *const keys[] = {"messages", "history", "sessions"};
    g_autoptr(GHashTable) lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTableIter at;
    gpointer line;

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        for (guint k = 0; k < show_get_n(answer, keys[i]); k++) {
            JsonObject *record = show_get_nth(answer, keys[i], k);

            if (record != NULL)
                replay_find_answers(lines, record);
        }
    }
    if (g_hash_table_size(lines) == 0)
        return;
    g_string_append(script, "dns:\n");
    g_hash_table_iter_init(&at, lines);
    while (g_hash_table_iter_next(&at, &line, NULL))
        g_string_append(script, line);
}

/* Oldest first; the number of records. */
static guint
replay_make_script(JsonObject *answer, GString *script)
{
    static const gchar *const keys[] = {"messages", "history", "sessions"};
    guint n = 0;

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        for (guint k = show_get_n(answer, keys[i]); k > 0; k--) {
            JsonObject *record = show_get_nth(answer, keys[i], k - 1);

            if (g_strcmp0(show_get_text(record, "kind"), "session") == 0 || i == 2)
                n += replay_add_session(script, record);
            else
                n += replay_add_message(script, record) ? 1 : 0;
        }
    }
    return n;
}

/* --- running it --- */

static void
replay_take_result(const SuiteResult *result, guint index G_GNUC_UNUSED, gpointer data)
{
    gchar **out = data;

    *out = g_strdup_printf("{\"ok\":%s,%s}", result->ok ? "true" : "false", result->json);
}

/* The outcomes of one configuration; NULL with the error told. */
static JsonParser *
replay_run(const Options *options, const gchar *config_path, const gchar *script)
{
    g_autofree gchar *state = options_has(options, "state")
                                  ? g_canonicalize_filename(options_get(options, "state"), NULL)
                                  : paths_dup_state_dir();
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(ConfigFiles) files = config_path == NULL ? config_files_new_default()
                                                       : config_files_read(config_path, &error);
    SuiteOptions suite = {.state_dir = state, .time_limit_ms = REPLAY_TIME_MS};
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autofree gchar *answer = NULL;
    JsonObject *object;

    if (files == NULL) {
        ctl_fail(options, CTL_NO, "invalid", error->message);
        return NULL;
    }
    config_drop_absent(files, NULL);
    suite.files = files;
    g_ptr_array_add(paths, (gpointer)(guintptr)script);
    suite_run(&suite, paths, replay_take_result, &answer);
    if (!json_parser_load_from_data(parser, answer, -1, NULL))
        g_assert_not_reached(); /* our own process wrote it */
    object = json_node_get_object(json_parser_get_root(parser));
    if (show_get_bool(object, "ok"))
        return g_steal_pointer(&parser);
    ctl_fail(options, CTL_NO, "invalid",
             show_get_text(show_get_nth(object, "failures", 0), "message"));
    return NULL;
}

/* --- comparing --- */

typedef struct {
    JsonWriter writer;
    guint n_compared, n_changed;
} ReplayDiff;

static void
replay_write_side(JsonWriter *writer, const gchar *key, JsonObject *outcome)
{
    static const gchar *const keys[] = {"stage", "reply", "by", "file", "route"};

    json_writer_begin_object(writer, key);
    for (guint i = 0; outcome != NULL && i < G_N_ELEMENTS(keys); i++)
        json_writer_text(writer, keys[i], show_get_text(outcome, keys[i]));
    if (outcome != NULL)
        json_writer_integer(writer, "line", show_get_integer(outcome, "line"));
    json_writer_end_object(writer);
}

/* Replies count by their codes: texts tell queue ids and times. */
static gboolean
replay_is_same(JsonObject *before, JsonObject *after)
{
    const gchar *a = show_get_text(before, "reply");
    const gchar *b = show_get_text(after, "reply");
    gsize n = strcspn(a, " ");

    if (a[n] == ' ' && g_ascii_isdigit(a[n + 1]))
        n += 1 + strcspn(a + n + 1, " ");
    return strncmp(a, b, n) == 0 && g_strcmp0(show_get_text(before, "route"),
                                              show_get_text(after, "route")) == 0;
}

static void
replay_compare(ReplayDiff *self, JsonObject *before, JsonObject *after)
{
    self->n_compared++;
    if (after != NULL && replay_is_same(before, after))
        return;
    self->n_changed++;
    json_writer_begin_object(&self->writer, NULL);
    json_writer_text(&self->writer, "id", show_get_text(before, "id"));
    json_writer_text(&self->writer, "sender", show_get_text(before, "sender"));
    json_writer_text(&self->writer, "recipient", show_get_text(before, "recipient"));
    replay_write_side(&self->writer, "before", before);
    replay_write_side(&self->writer, "after", after);
    json_writer_end_object(&self->writer);
}

/* "ID", sender and recipient: what tells one outcome from another; caller owns it. */
static gchar *
replay_dup_key(JsonObject *outcome)
{
    return g_strdup_printf("%s\n%s\n%s", show_get_text(outcome, "id"),
                           show_get_text(outcome, "sender"), show_get_text(outcome, "recipient"));
}

static void
replay_compare_all(ReplayDiff *self, JsonObject *before, JsonObject *after)
{
    g_autoptr(GHashTable) by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < show_get_n(after, "outcomes"); i++) {
        JsonObject *outcome = show_get_nth(after, "outcomes", i);

        g_hash_table_insert(by_key, replay_dup_key(outcome), outcome);
    }
    for (guint i = 0; i < show_get_n(before, "outcomes"); i++) {
        JsonObject *outcome = show_get_nth(before, "outcomes", i);
        g_autofree gchar *key = replay_dup_key(outcome);

        replay_compare(self, outcome, g_hash_table_lookup(by_key, key));
    }
}

static void
replay_print_side(const gchar *mark, JsonObject *side)
{
    const gchar *route = show_get_text(side, "route");
    const gchar *by = show_get_text(side, "by");
    const gchar *reply = show_get_text(side, "reply");

    printf("  %s %s", mark, reply == NULL ? "-" : reply);
    if (route != NULL && *route != '\0')
        printf(" (%s)", route);
    else if (by != NULL)
        printf(" (%s)", by);
    putchar('\n');
}

static CtlStatus
replay_report(const Options *options, const ReplayDiff *diff)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    JsonObject *answer;

    if (options_has(options, "json")) {
        puts(diff->writer.out->str);
        return diff->n_changed == 0 ? CTL_DONE : CTL_NO;
    }
    json_parser_load_from_data(parser, diff->writer.out->str, -1, NULL);
    answer = json_node_get_object(json_parser_get_root(parser));
    for (guint i = 0; i < show_get_n(answer, "changes"); i++) {
        JsonObject *change = show_get_nth(answer, "changes", i);

        printf("%s  <%s> -> <%s>\n", show_get_text(change, "id"), show_get_text(change, "sender"),
               show_get_text(change, "recipient"));
        replay_print_side("-", show_get_object(change, "before"));
        replay_print_side("+", show_get_object(change, "after"));
    }
    printf(_("%u of %u recipients would be treated differently.\n"), diff->n_changed,
           diff->n_compared);
    return diff->n_changed == 0 ? CTL_DONE : CTL_NO;
}

static CtlStatus
replay_diff(const Options *options, const gchar *other, const gchar *script)
{
    g_autofree gchar *base = options_has(options, "base") ? g_strdup(options_get(options, "base"))
                                                          : paths_dup_config_file();
    g_autoptr(JsonParser) before = replay_run(options, base, script);
    g_autoptr(JsonParser) after = before == NULL ? NULL : replay_run(options, other, script);
    g_autoptr(GString) out = g_string_new(NULL);
    ReplayDiff diff = {.n_compared = 0};

    if (after == NULL)
        return CTL_NO;
    json_writer_init(&diff.writer, out);
    json_writer_begin_object(&diff.writer, NULL);
    json_writer_begin_array(&diff.writer, "changes");
    replay_compare_all(&diff, json_node_get_object(json_parser_get_root(before)),
                       json_node_get_object(json_parser_get_root(after)));
    json_writer_end_array(&diff.writer);
    json_writer_integer(&diff.writer, "compared", diff.n_compared);
    json_writer_integer(&diff.writer, "changed", diff.n_changed);
    json_writer_end_object(&diff.writer);
    return replay_report(options, &diff);
}

CtlStatus
traffic_replay(const Options *options, const gchar *const *args G_GNUC_UNUSED)
{
    const gchar *named = options_get(options, "config");
    g_autoptr(GString) script = g_string_new("wait: 0\n");
    g_autoptr(JsonParser) answer = NULL;
    g_autofree gchar *folder = NULL;
    g_autofree gchar *path = NULL;
    g_autofree gchar *config = NULL;
    CtlStatus status;

    if (named == NULL)
        return ctl_fail(options, CTL_USAGE, "usage",
                        _("--config names the other configuration: a file, or its folder"));
    config = g_file_test(named, G_FILE_TEST_IS_DIR) ? g_build_filename(named, "barid.conf", NULL)
                                                    : g_strdup(named);
    answer = replay_ask(options, &status);
    if (answer == NULL)
        return status;
    replay_write_answers(json_node_get_object(json_parser_get_root(answer)), script);
    replay_make_script(json_node_get_object(json_parser_get_root(answer)), script);
    folder = g_dir_make_tmp("barid-replay-XXXXXX", NULL);
    path = g_build_filename(folder, "history.dialogue", NULL);
    if (folder == NULL || !g_file_set_contents(path, script->str, (gssize)script->len, NULL))
        return ctl_fail(options, CTL_INTERNAL, "internal", _("cannot write a temporary file"));
    status = replay_diff(options, config, path);
    sim_remove_folder(folder);
    return status;
}
