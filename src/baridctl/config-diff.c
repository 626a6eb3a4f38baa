/* SPDX-License-Identifier: Apache-2.0 */
/* "config diff": what a reload would change. */
#include "baridctl/offline.h"

#include <string.h>

#include "base/json-writer.h"
#include "baridctl/client.h"
#include "baridctl/show.h"

/* The running server's settings; NULL with the error told. */
static JsonParser *
diff_ask(const Options *options, CtlStatus *out_status)
{
    static const gchar *const words[] = {"config", "show", "--json", NULL};
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GError) error = NULL;
    g_autofree gchar *line = client_ask(options, words, &error);
    JsonObject *answer;

    *out_status = CTL_UNREACHABLE;
    if (line == NULL) {
        ctl_fail(options, CTL_UNREACHABLE, "unreachable", error->message);
        return NULL;
    }
    *out_status = CTL_INTERNAL;
    if (!json_parser_load_from_data(parser, line, -1, NULL) ||
        !JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser))) {
        ctl_fail(options, CTL_INTERNAL, "internal",
                 _("the server's answer is not what it should be"));
        return NULL;
    }
    answer = json_node_get_object(json_parser_get_root(parser));
    if (show_get_text(answer, "error") == NULL)
        return g_steal_pointer(&parser);
    ctl_fail(options, CTL_INTERNAL, "internal", show_get_text(answer, "error"));
    return NULL;
}

static gchar *
diff_dup_key(JsonObject *setting)
{
    return g_strdup_printf("%s\n%s", show_get_text(setting, "section"),
                           show_get_text(setting, "key"));
}

static gboolean
diff_is_other(JsonObject *running, JsonObject *on_disk, const gchar *key)
{
    return g_strcmp0(show_get_text(running, key), show_get_text(on_disk, key)) != 0;
}

static void
diff_write(JsonWriter *writer, JsonObject *running, JsonObject *on_disk)
{
    JsonObject *any = on_disk != NULL ? on_disk : running;
    const gchar *file = on_disk != NULL ? show_get_text(on_disk, "file") : NULL;

    json_writer_begin_object(writer, NULL);
    json_writer_text(writer, "section", show_get_text(any, "section"));
    json_writer_text(writer, "key", show_get_text(any, "key"));
    json_writer_text(writer, "running", running == NULL ? NULL : show_get_text(running, "value"));
    json_writer_text(writer, "on_disk", on_disk == NULL ? NULL : show_get_text(on_disk, "value"));
    if (running != NULL && show_get_text(running, "shadow") != NULL)
        json_writer_text(writer, "running_shadow", show_get_text(running, "shadow"));
    if (on_disk != NULL && show_get_text(on_disk, "shadow") != NULL)
        json_writer_text(writer, "on_disk_shadow", show_get_text(on_disk, "shadow"));
    json_writer_text(writer, "file", file);
    if (file != NULL)
        json_writer_integer(writer, "line", show_get_integer(on_disk, "line"));
    else
        json_writer_text(writer, "line", NULL);
    json_writer_end_object(writer);
}

/* In the order of the configuration on disk; what is only running comes last. */
static guint
diff_compare(JsonObject *running, JsonObject *on_disk, JsonWriter *writer)
{
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint n_changes = 0;

    for (guint i = 0; i < show_get_n(running, "settings"); i++) {
        JsonObject *setting = show_get_nth(running, "settings", i);

        g_hash_table_insert(known, diff_dup_key(setting), setting);
    }
    for (guint i = 0; i < show_get_n(on_disk, "settings"); i++) {
        JsonObject *setting = show_get_nth(on_disk, "settings", i);
        g_autofree gchar *key = diff_dup_key(setting);
        JsonObject *before = g_hash_table_lookup(known, key);

        if (before == NULL || diff_is_other(before, setting, "value") ||
            diff_is_other(before, setting, "shadow")) {
            diff_write(writer, before, setting);
            n_changes++;
        }
        g_hash_table_remove(known, key);
    }
    for (guint i = 0; i < show_get_n(running, "settings"); i++) {
        JsonObject *setting = show_get_nth(running, "settings", i);
        g_autofree gchar *key = diff_dup_key(setting);

        if (!g_hash_table_contains(known, key))
            continue;
        diff_write(writer, setting, NULL);
        n_changes++;
    }
    return n_changes;
}

CtlStatus
config_diff(const Options *options, const gchar *settings_json)
{
    g_autoptr(JsonParser) on_disk = json_parser_new();
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(JsonParser) running = NULL;
    JsonWriter writer;
    CtlStatus status;
    guint n_changes;

    running = diff_ask(options, &status);
    if (running == NULL)
        return status;
    json_parser_load_from_data(on_disk, settings_json, -1, NULL);
    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    json_writer_begin_array(&writer, "changes");
    n_changes = diff_compare(json_node_get_object(json_parser_get_root(running)),
                             json_node_get_object(json_parser_get_root(on_disk)), &writer);
    json_writer_end_array(&writer);
    json_writer_end_object(&writer);
    ctl_answer(options, "config diff", out->str);
    return n_changes == 0 ? CTL_DONE : CTL_NO;
}
