/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "replay": the recorded traffic of the history through another configuration. Every record
 * is done again twice, with the configuration that is installed and with the other one, both
 * on the runner of the policy tests: what differs is the configurations' doing. Both find copies of
 * the stores, and the same answers of name servers: those that the records of decisions hold, and
 * where one is named, those of a real one today. What had no answer is told.
 */
#include "baridctl/offline.h"

#include <glib/gstdio.h>
#include <inttypes.h>
#include <stdio.h>

#include "baridctl/check.h"
#include "baridctl/client.h"
#include "baridctl/replay.h"
#include "baridctl/show.h"
#include "base/json-writer.h"
#include "base/paths.h"
#include "sim/folder.h"
#include "sim/name-proxy.h"
#include "sim/suite.h"

/* A name server is asked one question after another. */
enum { REPLAY_TIME_MS = 600000, REPLAY_DNS_TIME_MS = 3600000, REPLAY_NAMES_SHOWN = 5 };

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

/* --- running it --- */

static void
replay_take_result(const SuiteResult *result, guint index G_GNUC_UNUSED, gpointer data)
{
    gchar **out = data;

    *out = g_strdup_printf("{\"ok\":%s,%s}", result->ok ? "true" : "false", result->json);
}

/* The outcomes of one configuration; NULL with the error told. */
static JsonParser *
replay_run(const Options *options, const ReplaySources *sources, const gchar *config_path,
           const gchar *script)
{
    g_autofree gchar *state = options_has(options, "state")
                                  ? g_canonicalize_filename(options_get(options, "state"), NULL)
                                  : paths_dup_state_dir();
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(ConfigFiles) files = config_path == NULL ? config_files_new_default()
                                                       : config_files_read(config_path, &error);
    SuiteOptions suite = {
        .state_dir = state,
        .time_limit_ms = sources->proxy_fd >= 0 ? REPLAY_DNS_TIME_MS : REPLAY_TIME_MS,
        .replay = sources,
    };
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

/* As it is, where it is there. */
static void
replay_copy_member(JsonWriter *writer, JsonObject *object, const gchar *key)
{
    JsonNode *node = json_object_get_member(object, key);
    g_autofree gchar *text = node == NULL ? NULL : json_to_string(node, FALSE);

    if (text != NULL)
        json_writer_raw(writer, key, text);
}

static void
replay_write_side(JsonWriter *writer, const gchar *key, JsonObject *outcome)
{
    static const gchar *const keys[] = {"stage", "reply", "by", "file", "route"};

    json_writer_begin_object(writer, key);
    for (guint i = 0; outcome != NULL && i < G_N_ELEMENTS(keys); i++)
        json_writer_text(writer, keys[i], show_get_text(outcome, keys[i]));
    if (outcome != NULL) {
        json_writer_integer(writer, "line", show_get_integer(outcome, "line"));
        replay_copy_member(writer, outcome, "unanswered");
    }
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

/* --- telling --- */

static void
replay_print_side(const gchar *mark, JsonObject *side)
{
    const gchar *route = show_get_text(side, "route");
    const gchar *by = show_get_text(side, "by");
    const gchar *reply = show_get_text(side, "reply");
    g_autofree gchar *unanswered = show_dup_list(side, "unanswered");

    printf("  %s %s", mark, reply == NULL ? "-" : reply);
    if (route != NULL && *route != '\0')
        printf(" (%s)", route);
    else if (by != NULL)
        printf(" (%s)", by);
    putchar('\n');
    if (unanswered != NULL && *unanswered != '\0')
        printf(_("      without an answer to: %s\n"), unanswered);
}

static void
replay_print_unanswered(JsonObject *world)
{
    JsonArray *names = json_object_get_array_member(world, "unanswered_names");
    guint n = json_array_get_length(names);

    printf(_("%" PRId64 " of %" PRId64 " different look-ups of names had no answer, as if nothing "
             "were there; --dns or --zone gives some:\n"),
           show_get_integer(world, "unanswered"), show_get_integer(world, "lookups"));
    for (guint i = 0; i < MIN(n, REPLAY_NAMES_SHOWN); i++)
        printf("  %s\n", json_array_get_string_element(names, i));
    if (n > REPLAY_NAMES_SHOWN)
        puts("  ...");
}

static void
replay_print_store(JsonObject *store)
{
    const gchar *name = show_get_text(store, "name");
    const gchar *contents = show_get_text(store, "contents");
    const gchar *error = show_get_text(store, "error");

    if (g_strcmp0(contents, "empty") == 0)
        printf(_("The store %s began empty: what it holds is known to the server alone.\n"), name);
    else if (error != NULL)
        printf(_("The store %s began empty, for it could not be copied: %s\n"), name, error);
}

static void
replay_print_world(JsonObject *world, const gchar *head)
{
    if (show_get_integer(world, "unanswered") == 0 && show_get_n(world, "stores") == 0)
        return;
    if (head != NULL)
        puts(head);
    if (show_get_integer(world, "unanswered") > 0)
        replay_print_unanswered(world);
    for (guint i = 0; i < show_get_n(world, "stores"); i++)
        replay_print_store(show_get_nth(world, "stores", i));
}

/* What makes the comparison worth less than it looks; once where both runs lacked the same. */
static void
replay_print_worlds(JsonObject *answer)
{
    JsonNode *before = json_object_get_member(answer, "before");
    JsonNode *after = json_object_get_member(answer, "after");

    if (json_node_equal(before, after)) {
        replay_print_world(json_node_get_object(before), NULL);
        return;
    }
    replay_print_world(json_node_get_object(before),
                       _("With the configuration that is compared with:"));
    replay_print_world(json_node_get_object(after), _("With the other configuration:"));
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
    replay_print_worlds(answer);
    return diff->n_changed == 0 ? CTL_DONE : CTL_NO;
}

/* TRUE when one of the configurations has the store; else the error is told. */
static gboolean
replay_has_store(const Options *options, const gchar *name, JsonObject *other_world)
{
    JsonArray *lost = json_object_get_array_member(other_world, "lost_stores");
    gboolean found = TRUE;
    g_autofree gchar *message = g_strdup_printf(_("--stores: there is no [store %s]"), name);

    for (guint i = 0; i < json_array_get_length(lost); i++)
        found = found && strcmp(json_array_get_string_element(lost, i), name) != 0;
    if (!found)
        ctl_fail(options, CTL_NO, "invalid", message);
    return found;
}

static gboolean
replay_check_stores(const Options *options, JsonObject *before, JsonObject *after)
{
    JsonArray *lost = json_object_get_array_member(before, "lost_stores");

    for (guint i = 0; i < json_array_get_length(lost); i++) {
        if (!replay_has_store(options, json_array_get_string_element(lost, i), after))
            return FALSE;
    }
    return TRUE;
}

static CtlStatus
replay_diff(const Options *options, JsonObject *before, JsonObject *after)
{
    JsonObject *world_before = show_get_object(before, "world");
    JsonObject *world_after = show_get_object(after, "world");
    g_autoptr(GString) out = g_string_new(NULL);
    ReplayDiff diff = {.n_compared = 0};

    if (!replay_check_stores(options, world_before, world_after))
        return CTL_NO;
    json_object_remove_member(world_before, "lost_stores");
    json_object_remove_member(world_after, "lost_stores");
    json_writer_init(&diff.writer, out);
    json_writer_begin_object(&diff.writer, NULL);
    json_writer_begin_array(&diff.writer, "changes");
    replay_compare_all(&diff, before, after);
    json_writer_end_array(&diff.writer);
    json_writer_integer(&diff.writer, "compared", diff.n_compared);
    json_writer_integer(&diff.writer, "changed", diff.n_changed);
    json_object_set_object_member(before, "before", json_object_ref(world_before));
    json_object_set_object_member(after, "after", json_object_ref(world_after));
    replay_copy_member(&diff.writer, before, "before");
    replay_copy_member(&diff.writer, after, "after");
    json_writer_end_object(&diff.writer);
    return replay_report(options, &diff);
}

static CtlStatus
replay_run_both(const Options *options, const ReplaySources *sources, const gchar *script)
{
    const gchar *named = options_get(options, "config");
    g_autofree gchar *other = g_file_test(named, G_FILE_TEST_IS_DIR)
                                  ? g_build_filename(named, "barid.conf", NULL)
                                  : g_strdup(named);
    g_autofree gchar *base = options_has(options, "base") ? g_strdup(options_get(options, "base"))
                                                          : paths_dup_config_file();
    g_autoptr(JsonParser) before = replay_run(options, sources, base, script);
    g_autoptr(JsonParser) after =
        before == NULL ? NULL : replay_run(options, sources, other, script);

    if (after == NULL)
        return CTL_NO;
    return replay_diff(options, json_node_get_object(json_parser_get_root(before)),
                       json_node_get_object(json_parser_get_root(after)));
}

/* With the script in a folder of its own. */
static CtlStatus
replay_run_script(const Options *options, const ReplaySources *sources, const GString *script)
{
    g_autofree gchar *folder = g_dir_make_tmp("barid-replay-XXXXXX", NULL);
    g_autofree gchar *path =
        folder == NULL ? NULL : g_build_filename(folder, "history.dialogue", NULL);
    CtlStatus status;

    if (folder == NULL || !g_file_set_contents(path, script->str, (gssize)script->len, NULL))
        status = ctl_fail(options, CTL_INTERNAL, "internal", _("cannot write a temporary file"));
    else
        status = replay_run_both(options, sources, path);
    sim_remove_folder(folder);
    return status;
}

/* What the options name. */
static gboolean
replay_prepare(const Options *options, GString *script, gchar **out_zone, NameProxy *out_proxy,
               GError **error)
{
    g_autoptr(GError) cause = NULL;
    const gchar *server = check_get_name_server(options, &cause);

    if (cause != NULL)
        g_propagate_error(error, g_steal_pointer(&cause));
    else if ((!options_has(options, "zone") ||
              g_file_get_contents(options_get(options, "zone"), out_zone, NULL, error)) &&
             (!options_has(options, "stores") ||
              replay_append_stores(script, options_get(options, "stores"), error)))
        return server == NULL || name_proxy_start(out_proxy, server, error);
    return FALSE;
}

CtlStatus
traffic_replay(const Options *options, const gchar *const *args G_GNUC_UNUSED)
{
    g_autoptr(GString) script = g_string_new("wait: 0\n");
    g_autoptr(JsonParser) history = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree gchar *zone = NULL;
    NameProxy proxy = {.fd = -1};
    ReplaySources sources;
    CtlStatus status;

    if (!options_has(options, "config"))
        return ctl_fail(options, CTL_USAGE, "usage",
                        _("--config names the other configuration: a file, or its folder"));
    history = replay_ask(options, &status);
    if (history == NULL)
        return status;
    if (!replay_prepare(options, script, &zone, &proxy, &error))
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    replay_make_script(json_node_get_object(json_parser_get_root(history)), script);
    sources = (ReplaySources){.zone = zone, .proxy_fd = proxy.fd};
    status = replay_run_script(options, &sources, script);
    name_proxy_stop(&proxy);
    return status;
}
