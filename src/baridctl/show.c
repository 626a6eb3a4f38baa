/* SPDX-License-Identifier: Apache-2.0 */
#include "baridctl/show.h"

#include <inttypes.h>
#include <unistd.h>

#include "baridctl/ctl.h"
#include "base/units.h"

void
show_init(Show *self, FILE *out)
{
    const gchar *terminal = g_getenv("TERM");
    gboolean colour = isatty(fileno(out)) && g_getenv("NO_COLOR") == NULL && terminal != NULL &&
                      strcmp(terminal, "dumb") != 0;

    *self = (Show){
        .out = out,
        .bold = colour ? "\033[1m" : "",
        .good = colour ? "\033[32m" : "",
        .bad = colour ? "\033[31m" : "",
        .dim = colour ? "\033[2m" : "",
        .plain = colour ? "\033[0m" : "",
    };
}

/* --- members --- */

static JsonNode *
show_get_value(JsonObject *object, const gchar *key)
{
    JsonNode *node = json_object_get_member(object, key);

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) ? node : NULL;
}

const gchar *
show_get_text(JsonObject *object, const gchar *key)
{
    JsonNode *node = show_get_value(object, key);

    return node != NULL && json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : NULL;
}

gint64
show_get_integer(JsonObject *object, const gchar *key)
{
    JsonNode *node = show_get_value(object, key);

    return node != NULL && json_node_get_value_type(node) == G_TYPE_INT64 ? json_node_get_int(node)
                                                                          : 0;
}

gboolean
show_get_bool(JsonObject *object, const gchar *key)
{
    JsonNode *node = show_get_value(object, key);

    return node != NULL && json_node_get_value_type(node) == G_TYPE_BOOLEAN &&
           json_node_get_boolean(node);
}

JsonObject *
show_get_object(JsonObject *object, const gchar *key)
{
    JsonNode *node = json_object_get_member(object, key);

    return node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

const gchar *
show_get_summary(JsonObject *object)
{
    const gchar *summary = show_get_text(object, "summary");

    return summary == NULL || *summary == '\0' ? summary : _(summary);
}

static JsonArray *
show_get_array(JsonObject *object, const gchar *key)
{
    JsonNode *node = json_object_get_member(object, key);

    return node != NULL && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

guint
show_get_n(JsonObject *object, const gchar *key)
{
    JsonArray *array = show_get_array(object, key);

    return array == NULL ? 0 : json_array_get_length(array);
}

JsonObject *
show_get_nth(JsonObject *object, const gchar *key, guint index)
{
    JsonNode *node = json_array_get_element(show_get_array(object, key), index);

    return JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

gchar *
show_dup_list(JsonObject *object, const gchar *key)
{
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 0; i < show_get_n(object, key); i++) {
        JsonNode *node = json_array_get_element(show_get_array(object, key), i);
        const gchar *text = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL;

        if (text != NULL)
            g_string_append_printf(list, "%s%s", list->len > 0 ? ", " : "", text);
    }
    return g_string_free(g_steal_pointer(&list), FALSE);
}

void
show_put(const Show *self, const gchar *text)
{
    g_autofree gchar *clean = table_dup_clean(text);

    fputs(clean, self->out);
}

void
show_text(const Show *self, const gchar *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; lines[i] != NULL; i++) {
        if (lines[i][0] == '\0' && lines[i + 1] == NULL)
            break;
        show_put(self, lines[i]);
        fputc('\n', self->out);
    }
}

void
show_table(const Show *self, const Table *table)
{
    g_autofree gchar *text = table_format(table, self->bold, self->plain);

    fputs(text, self->out);
}

void
show_table_or(const Show *self, const Table *table, const gchar *when_empty)
{
    if (table->cells->len > 0)
        show_table(self, table);
    else
        fprintf(self->out, "%s\n", when_empty);
}

/* --- anything --- */

static void show_members(const Show *self, JsonObject *object, gint depth);
static void show_node(const Show *self, JsonNode *node, gint depth);

/* A list in which something has members: one thing after the other. Else FALSE. */
static gboolean
show_things(const Show *self, JsonNode *node, gint depth)
{
    JsonArray *array = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
    guint n_things = array == NULL ? 0 : json_array_get_length(array);

    if (n_things == 0 || !JSON_NODE_HOLDS_OBJECT(json_array_get_element(array, 0)))
        return FALSE;
    for (guint i = 0; i < n_things; i++)
        show_node(self, json_array_get_element(array, i), depth);
    return TRUE;
}

static void
show_node(const Show *self, JsonNode *node, gint depth)
{
    g_autofree gchar *text = NULL;

    if (JSON_NODE_HOLDS_OBJECT(node)) {
        fputc('\n', self->out);
        show_members(self, json_node_get_object(node), depth + 1);
        return;
    }
    if (show_things(self, node, depth))
        return;
    if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING)
        text = table_dup_clean(json_node_get_string(node));
    else
        text = json_to_string(node, FALSE);
    fprintf(self->out, " %s\n", text);
}

static void
show_members(const Show *self, JsonObject *object, gint depth)
{
    g_autoptr(GList) names = json_object_get_members(object);

    for (GList *name = names; name != NULL; name = name->next) {
        fprintf(self->out, "%*s", depth * 2, "");
        show_put(self, name->data);
        fputc(':', self->out);
        show_node(self, json_object_get_member(object, name->data), depth);
    }
}

/* --- status --- */

static void
show_status(const Show *self, JsonObject *answer)
{
    JsonObject *queue = show_get_object(answer, "queue");
    JsonObject *spool = show_get_object(answer, "spool");
    g_autofree gchar *uptime = units_format_duration(show_get_integer(answer, "uptime_s") * 1000);

    fprintf(self->out, _("%sBarid %s%s on %s, process %" PRId64
                         ", generation %" PRId64 ", up %s\n"),
            self->bold, show_get_text(answer, "version"), self->plain,
            show_get_text(answer, "hostname") == NULL ? "?" : show_get_text(answer, "hostname"),
            show_get_integer(answer, "pid"), show_get_integer(answer, "generation"), uptime);
    for (guint i = 0; i < show_get_n(answer, "draining"); i++) {
        JsonObject *older = show_get_nth(answer, "draining", i);

        fprintf(self->out,
                _("draining     generation %" PRId64 ", process %" PRId64
                  ", %" PRId64 " sessions\n"),
                show_get_integer(older, "generation"), show_get_integer(older, "pid"),
                show_get_integer(older, "sessions"));
    }
    for (guint i = 0; i < show_get_n(answer, "listeners"); i++) {
        JsonObject *listener = show_get_nth(answer, "listeners", i);
        g_autofree gchar *addresses = show_dup_list(listener, "addresses");
        g_autofree gchar *passed = show_dup_list(listener, "passed");

        fprintf(self->out, _("listens on   %s (%s)\n"), addresses, show_get_text(listener, "name"));
        if (*passed != '\0')
            fprintf(self->out, _("             of the service manager: %s\n"), passed);
    }
    fprintf(self->out, _("sessions     %" PRId64 " now, %" PRId64 " in all\n"),
            show_get_integer(answer, "sessions"), show_get_integer(answer, "accepted"));
    fprintf(self->out,
            _("messages     %" PRId64 " taken, %" PRId64 " refused\n"),
            show_get_integer(answer, "messages"), show_get_integer(answer, "refused"));
    if (queue != NULL)
        fprintf(self->out,
                _("queue        %" PRId64 " messages, %" PRId64
                  " held, %" PRId64 " on their way, %" PRId64 " bytes%s\n"),
                show_get_integer(queue, "messages"), show_get_integer(queue, "held"),
                show_get_integer(queue, "active"), show_get_integer(queue, "bytes"),
                show_get_bool(answer, "replaying") ? _(" (still being read)") : "");
    if (spool != NULL)
        fprintf(self->out,
                _("spool        %" PRId64 " segments, %" PRId64
                  " bytes in use, %" PRId64 " bytes free\n"),
                show_get_integer(spool, "segments"), show_get_integer(spool, "live_bytes"),
                show_get_integer(spool, "free_bytes"));
    if (spool != NULL && show_get_integer(spool, "damaged_bytes") > 0)
        fprintf(self->out, _("%sdamaged      %" PRId64 " bytes of the spool%s\n"),
                self->bad, show_get_integer(spool, "damaged_bytes"), self->plain);
}

/* --- commands --- */

static void
show_commands(const Show *self, JsonObject *answer)
{
    static const TableColumn columns[] = {{N_("COMMAND"), TABLE_LEFT}, {N_("SUMMARY"), TABLE_LEFT},
                                          {NULL, TABLE_LEFT}};
    g_auto(Table) table = {0};

    table_init(&table, columns);
    for (guint i = 0; i < show_get_n(answer, "commands"); i++) {
        JsonObject *command = show_get_nth(answer, "commands", i);

        table_add(&table, show_get_text(command, "usage"));
        table_add(&table, show_get_summary(command));
        for (guint n = 0; n < show_get_n(command, "options"); n++) {
            JsonObject *option = show_get_nth(command, "options", n);
            const gchar *value = show_get_text(option, "value");
            g_autofree gchar *text = g_strdup_printf("  --%s%s%s", show_get_text(option, "name"),
                                                     value == NULL ? "" : " ",
                                                     value == NULL ? "" : value);

            table_add(&table, text);
            table_add(&table, show_get_summary(option));
        }
    }
    show_table_or(self, &table, _("No module that is loaded adds a command."));
}

/* --- queue --- */

static gchar *
show_dup_recipients(JsonObject *message)
{
    g_autofree gchar *list = show_dup_list(message, "recipients");
    gint64 more = show_get_integer(message, "recipient_count") - show_get_n(message, "recipients");

    return more > 0 ? g_strdup_printf(_("%s and %" PRId64 " more"), list, more)
                    : g_steal_pointer(&list);
}

static void
show_queue_list(const Show *self, JsonObject *answer)
{
    static const TableColumn columns[] = {
        {N_("ID"), TABLE_LEFT},    {N_("STATUS"), TABLE_LEFT}, {N_("ARRIVED"), TABLE_LEFT},
        {N_("SIZE"), TABLE_RIGHT}, {N_("SENDER"), TABLE_LEFT}, {N_("RECIPIENTS"), TABLE_LEFT},
        {NULL, TABLE_LEFT}};
    g_auto(Table) table = {0};

    if (show_get_n(answer, "messages") == 0) {
        fputs(_("No messages.\n"), self->out);
        return;
    }
    table_init(&table, columns);
    for (guint i = 0; i < show_get_n(answer, "messages"); i++) {
        JsonObject *message = show_get_nth(answer, "messages", i);
        const gchar *sender = show_get_text(message, "sender");
        g_autofree gchar *recipients = show_dup_recipients(message);

        table_add(&table, show_get_text(message, "id"));
        table_add(&table, show_get_text(message, "status"));
        table_add(&table, show_get_text(message, "created"));
        table_add_integer(&table, show_get_integer(message, "size"));
        table_add(&table, sender == NULL || *sender == '\0' ? "<>" : sender);
        table_add(&table, recipients);
    }
    show_table(self, &table);
}

static void
show_queue_show(const Show *self, JsonObject *answer)
{
    for (guint i = 0; i < show_get_n(answer, "messages"); i++)
        show_message(self, show_get_nth(answer, "messages", i));
}

static void
show_count(const Show *self, JsonObject *answer)
{
    fprintf(self->out, ngettext("%" PRId64 " message\n", "%" PRId64 " messages\n",
                                (gulong)show_get_integer(answer, "count")),
            show_get_integer(answer, "count"));
}

static void
show_number(const Show *self, JsonObject *answer)
{
    fprintf(self->out, "%" PRId64 "\n", show_get_integer(answer, "count"));
}

/* --- settings and counters --- */

/* Its shadow, and all about it where it was asked for alone. */
static void
show_setting_more(const Show *self, JsonObject *setting)
{
    const gchar *shadow = show_get_text(setting, "shadow");
    g_autofree gchar *variables = show_dup_list(setting, "variables");

    if (shadow != NULL) {
        fprintf(self->out, "%s.shadow = ", show_get_text(setting, "key"));
        show_put(self, shadow);
        fprintf(self->out, "  %s# %s:%" PRId64 "%s\n", self->dim,
                show_get_text(setting, "shadow_file"), show_get_integer(setting, "shadow_line"),
                self->plain);
    }
    if (*variables == '\0')
        return;
    fprintf(self->out, _("    %s\n    %s, known at stage %s; the default is "),
            show_get_summary(setting), _(show_get_text(setting, "type")),
            show_get_text(setting, "stage"));
    show_put(self, show_get_text(setting, "default") == NULL ? _("missing")
                                                             : show_get_text(setting, "default"));
    fprintf(self->out, _("\n    variables: %s\n"), variables);
}

static void
show_settings(const Show *self, JsonObject *answer)
{
    g_autofree gchar *section = g_strdup("");

    for (guint i = 0; i < show_get_n(answer, "settings"); i++) {
        JsonObject *setting = show_get_nth(answer, "settings", i);
        const gchar *file = show_get_text(setting, "file");
        const gchar *value = show_get_text(setting, "value");

        if (g_strcmp0(section, show_get_text(setting, "section")) != 0) {
            fprintf(self->out, "%s%s[%s]%s\n", *section == '\0' ? "" : "\n", self->bold,
                    show_get_text(setting, "section"), self->plain);
            g_free(section);
            section = g_strdup(show_get_text(setting, "section"));
        }
        fprintf(self->out, "%s = ", show_get_text(setting, "key"));
        show_put(self, value == NULL ? "" : value);
        fprintf(self->out, "  %s# ", self->dim);
        if (file != NULL)
            fprintf(self->out, "%s:%" PRId64, file, show_get_integer(setting, "line"));
        else
            fputs(_("default"), self->out);
        fprintf(self->out, "%s%s\n", show_get_bool(setting, "dynamic") ? _(", takes a rule") : "",
                self->plain);
        show_setting_more(self, setting);
    }
}

static void
show_changed_shadow(const Show *self, JsonObject *change)
{
    const gchar *running = show_get_text(change, "running_shadow");
    const gchar *on_disk = show_get_text(change, "on_disk_shadow");

    if (g_strcmp0(running, on_disk) == 0)
        return;
    fprintf(self->out, "  %s- shadow: ", self->bad);
    show_put(self, running == NULL ? _("(not there)") : running);
    fprintf(self->out, "%s\n  %s+ shadow: ", self->plain, self->good);
    show_put(self, on_disk == NULL ? _("(not there)") : on_disk);
    fprintf(self->out, "%s\n", self->plain);
}

/* As in diff(1): what is there now, then what would be. */
static void
show_changes(const Show *self, JsonObject *answer)
{
    guint n_changes = show_get_n(answer, "changes");

    if (n_changes == 0)
        fprintf(self->out, "%s\n", _("The server runs what the files say."));
    for (guint i = 0; i < n_changes; i++) {
        JsonObject *change = show_get_nth(answer, "changes", i);
        const gchar *running = show_get_text(change, "running");
        const gchar *on_disk = show_get_text(change, "on_disk");
        const gchar *file = show_get_text(change, "file");

        fprintf(self->out, "%s[%s] %s%s", self->bold, show_get_text(change, "section"),
                show_get_text(change, "key"), self->plain);
        if (file != NULL)
            fprintf(self->out, "  %s# %s:%" PRId64 "%s", self->dim, file,
                    show_get_integer(change, "line"), self->plain);
        fprintf(self->out, "\n  %s- ", self->bad);
        show_put(self, running == NULL ? _("(not there)") : running);
        fprintf(self->out, "%s\n  %s+ ", self->plain, self->good);
        show_put(self, on_disk == NULL ? _("(not there)") : on_disk);
        fprintf(self->out, "%s\n", self->plain);
        show_changed_shadow(self, change);
    }
}

static void
show_metrics(const Show *self, JsonObject *answer)
{
    static const TableColumn columns[] = {
        {N_("COUNTER"), TABLE_LEFT}, {N_("VALUE"), TABLE_RIGHT}, {NULL, TABLE_LEFT}};
    JsonObject *counters = show_get_object(answer, "counters");
    g_autoptr(GList) names = counters == NULL ? NULL : json_object_get_members(counters);
    g_auto(Table) table = {0};

    table_init(&table, columns);
    for (GList *name = names; name != NULL; name = name->next) {
        table_add(&table, name->data);
        table_add_integer(&table, show_get_integer(counters, name->data));
    }
    show_table(self, &table);
}

static void
show_destinations(const Show *self, JsonObject *answer)
{
    static const TableColumn columns[] = {{N_("DESTINATION"), TABLE_LEFT},
                                          {N_("ACTIVE"), TABLE_RIGHT},
                                          {N_("WAITING"), TABLE_RIGHT},
                                          {N_("SUSPENDED"), TABLE_LEFT},
                                          {N_("NEXT PROBE"), TABLE_LEFT},
                                          {N_("DOWN BECAUSE"), TABLE_LEFT},
                                          {NULL, TABLE_LEFT}};
    g_auto(Table) table = {0};

    table_init(&table, columns);
    for (guint i = 0; i < show_get_n(answer, "destinations"); i++) {
        JsonObject *row = show_get_nth(answer, "destinations", i);

        if (row == NULL)
            continue;
        table_add(&table, show_get_text(row, "destination"));
        table_add_integer(&table, show_get_integer(row, "active"));
        table_add_integer(&table, show_get_integer(row, "waiting"));
        table_add(&table, show_get_bool(row, "suspended") ? _("yes") : _("no"));
        table_add(&table, show_get_text(row, "next_probe"));
        table_add(&table, show_get_text(row, "down_reason"));
    }
    show_table(self, &table);
}

static void
show_stop(const Show *self, JsonObject *answer G_GNUC_UNUSED)
{
    fputs(_("The server stops; sessions may finish what they are doing.\n"), self->out);
}

static void
show_reload(const Show *self, JsonObject *answer)
{
    fprintf(self->out, _("Generation %" PRId64 " serves.\n"),
            show_get_integer(answer, "generation"));
}

static void
show_toggle(const Show *self, JsonObject *answer)
{
    gboolean enabled = json_object_get_boolean_member(answer, "enabled");
    const gchar *name = show_get_text(answer, "module");
    const gchar *file = show_get_text(answer, "file");

    if (!json_object_get_boolean_member(answer, "changed"))
        fprintf(self->out, enabled ? _("%s is enabled already: %s\n")
                                   : _("%s is disabled already: %s\n"), name, file);
    else
        fprintf(self->out, enabled ? _("%s is enabled: %s\n") : _("%s is disabled: %s\n"), name,
                file);
    if (json_object_get_boolean_member(answer, "reloaded"))
        show_reload(self, answer);
    else if (json_object_get_boolean_member(answer, "changed"))
        fputs(_("No server is running: it holds from the next start on.\n"), self->out);
}

/* --- check dsn --- */

/* "  NAME: value", unless there is none. */
static void
show_line_of(const Show *self, JsonObject *object, const gchar *key, const gchar *name)
{
    const gchar *value = show_get_text(object, key);

    if (value == NULL)
        return;
    fprintf(self->out, "    %s%s:%s ", self->dim, name, self->plain);
    show_put(self, value);
    fputc('\n', self->out);
}

static void
show_dsn_recipient(const Show *self, JsonObject *rcpt)
{
    const gchar *action = show_get_text(rcpt, "action");
    gboolean is_bad = g_strcmp0(action, "failed") == 0;

    fputs(self->bold, self->out);
    show_put(self, show_get_text(rcpt, "address"));
    fprintf(self->out, "%s: %s%s%s (%s)\n", self->plain, is_bad ? self->bad : self->good, action,
            self->plain, show_get_text(rcpt, "status"));
    show_line_of(self, rcpt, "original", _("sent to"));
    show_line_of(self, rcpt, "remote", _("said by"));
    show_line_of(self, rcpt, "diagnostic", _("reason"));
    show_line_of(self, rcpt, "last_attempt", _("last attempt"));
    show_line_of(self, rcpt, "will_retry_until", _("tried until"));
}

static void
show_dsn(const Show *self, JsonObject *answer)
{
    gint64 n_unreadable = show_get_integer(answer, "unreadable");

    fprintf(self->out, "%s\n", _("Notification"));
    show_line_of(self, answer, "reporting_mta", _("made by"));
    show_line_of(self, answer, "message_id", _("about"));
    show_line_of(self, answer, "envelope_id", _("envelope"));
    show_line_of(self, answer, "arrival", _("arrived there"));
    for (guint i = 0; i < show_get_n(answer, "recipients"); i++)
        show_dsn_recipient(self, show_get_nth(answer, "recipients", i));
    if (n_unreadable > 0)
        fprintf(self->out,
                ngettext("%u recipient cannot be read.\n", "%u recipients cannot be read.\n",
                         (gulong)n_unreadable),
                (guint)n_unreadable);
}

/* --- by verb --- */

static const struct {
    const gchar *verb;
    void (*show)(const Show *self, JsonObject *answer);
} shows[] = {
    {"status", show_status},
    {"stop", show_stop},
    {"reload", show_reload},
    {"modules", show_modules},
    {"modules list", show_modules},
    {"modules order", show_module_order},
    {"modules enable", show_toggle},
    {"modules disable", show_toggle},
    {"commands", show_commands},
    {"queue", show_queue_list},
    {"queue list", show_queue_list},
    {"queue show", show_queue_show},
    {"queue count", show_number},
    {"queue retry", show_count},
    {"queue hold", show_count},
    {"queue release", show_count},
    {"queue cancel", show_count},
    {"queue reroute", show_count},
    {"queue destinations", show_destinations},
    {"explain", show_explanation},
    {"check dsn", show_dsn},
    {"config diff", show_changes},
    {"config show", show_settings},
    {"metrics", show_metrics},
    {"shadow report", show_shadow_report},
    {"spool list", show_queue_list},
};

void
show_answer(const Show *self, const gchar *verb, JsonObject *answer)
{
    for (gsize i = 0; i < G_N_ELEMENTS(shows); i++) {
        if (strcmp(shows[i].verb, verb) == 0) {
            shows[i].show(self, answer);
            return;
        }
    }
    show_members(self, answer, 0);
}
