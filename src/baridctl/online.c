/* SPDX-License-Identifier: Apache-2.0 */
#include "baridctl/online.h"

#include "baridctl/client.h"
#include "baridctl/show.h"
#include "control/control.h"

gchar *
online_dup_verb(const Options *options)
{
    const gchar *const *words = options_get_words(options);
    guint n_words;
    const ControlVerb *verb = control_find_verb(words, &n_words);

    return g_strdup(verb != NULL ? verb->verb : words[0]);
}

/* --- answers --- */

static CtlStatus
online_get_status(const gchar *code)
{
    if (g_strcmp0(code, "usage") == 0 || g_strcmp0(code, "unknown-verb") == 0)
        return CTL_USAGE;
    return g_strcmp0(code, "internal") == 0 ? CTL_INTERNAL : CTL_NO;
}

static CtlStatus
online_print_message(JsonObject *answer)
{
    const gchar *encoded = show_get_text(answer, "base64");
    g_autofree guchar *bytes = NULL;
    gsize len;

    if (encoded == NULL)
        return CTL_INTERNAL;
    bytes = g_base64_decode(encoded, &len);
    return fwrite(bytes, 1, len, stdout) == len && fflush(stdout) == 0 ? CTL_DONE : CTL_INTERNAL;
}

static CtlStatus
online_print(const Options *options, const gchar *verb, const gchar *line, JsonObject *answer)
{
    Show show;

    if (options_has(options, "json")) {
        puts(line);
        return CTL_DONE;
    }
    if (strcmp(verb, "queue cat") == 0)
        return online_print_message(answer);
    show_init(&show, stdout);
    if (json_object_get_size(answer) == 1 && show_get_text(answer, "text") != NULL) {
        show_text(&show, show_get_text(answer, "text"));
        return CTL_DONE;
    }
    show_answer(&show, verb, answer);
    return CTL_DONE;
}

CtlStatus
online_take_answer(const Options *options, const gchar *verb, const gchar *line)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    JsonNode *root;
    JsonObject *answer;

    if (!json_parser_load_from_data(parser, line, -1, NULL) ||
        (root = json_parser_get_root(parser)) == NULL || !JSON_NODE_HOLDS_OBJECT(root))
        return ctl_fail(options, CTL_INTERNAL, "internal",
                        _("the server's answer is not what it should be"));
    answer = json_node_get_object(root);
    if (show_get_text(answer, "error") == NULL)
        return online_print(options, verb, line, answer);
    if (options_has(options, "json"))
        puts(line);
    ctl_complain("%s", show_get_text(answer, "error"));
    return online_get_status(show_get_text(answer, "code"));
}

/* --- asking --- */

/* Only the server knows its modules' commands; without it, a word that is no verb of the
 * core is more likely a slip. */
static CtlStatus
online_fail_unreachable(const Options *options, const GError *error)
{
    const gchar *const *words = options_get_words(options);
    g_autofree gchar *message = NULL;
    guint n_words;

    if (control_find_verb(words, &n_words) != NULL)
        return ctl_fail(options, CTL_UNREACHABLE, "unreachable", error->message);
    message = control_describe_unknown(words);
    return ctl_fail(options, CTL_USAGE, "unknown-verb", message);
}

CtlStatus
online_run(const Options *options)
{
    g_autofree gchar *verb = online_dup_verb(options);
    g_autofree gchar *line = NULL;
    g_autoptr(GError) error = NULL;
    FILE *stream = client_open(options, &error);

    if (stream == NULL)
        return online_fail_unreachable(options, error);
    if (strcmp(verb, "trace") == 0)
        return follow_run(options, stream);
    line = client_read_line(stream, &error);
    fclose(stream);
    if (line == NULL)
        return ctl_fail(options, CTL_UNREACHABLE, "unreachable",
                        error != NULL ? error->message
                                      : _("the server closed the connection without an answer"));
    return online_take_answer(options, verb, line);
}

/* --- options of modules' commands --- */

static void
option_kind_free(gpointer data)
{
    OptionKind *kind = data;

    g_free((gchar *)(guintptr)kind->name);
    g_free((gchar *)(guintptr)kind->value);
    g_free((gchar *)(guintptr)kind->summary);
    g_free(kind);
}

void
online_commands_clear(OnlineCommands *self)
{
    g_clear_pointer(&self->kinds, g_ptr_array_unref);
}

/* The value of "--NAME VALUE" or "--NAME=VALUE" in the whole command line, or NULL. */
static const gchar *
online_scan(const gchar *const *argv, const gchar *option)
{
    gsize len = strlen(option);

    for (; *argv != NULL && strcmp(*argv, "--") != 0; argv++) {
        if (strncmp(*argv, option, len) != 0)
            continue;
        if ((*argv)[len] == '=')
            return *argv + len + 1;
        if ((*argv)[len] == '\0')
            return argv[1];
    }
    return NULL;
}

static void
online_take_command(OnlineCommands *self, JsonObject *command)
{
    for (guint i = 0; i < show_get_n(command, "options"); i++) {
        JsonObject *option = show_get_nth(command, "options", i);
        OptionKind *kind;

        if (option == NULL || show_get_text(option, "name") == NULL)
            continue;
        kind = g_new0(OptionKind, 1);
        kind->name = g_strdup(show_get_text(option, "name"));
        kind->value = g_strdup(show_get_text(option, "value"));
        kind->summary = g_strdup(show_get_text(option, "summary"));
        g_ptr_array_add(self->kinds, kind);
    }
}

/* What cannot be asked stays unknown: the option is then refused as any other. */
static void
online_ask(OnlineCommands *self)
{
    static const gchar *const argv[] = {"commands", "--json", NULL};
    static const gchar *const named[] = {"socket", "state"};
    g_auto(Options) options = {0};
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autofree gchar *line = NULL;
    FILE *stream;

    self->was_asked = TRUE;
    self->kinds = g_ptr_array_new_with_free_func(option_kind_free);
    options_parse(&options, argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(named); i++) {
        g_autofree gchar *option = g_strconcat("--", named[i], NULL);
        const gchar *value = online_scan(self->argv, option);

        if (value != NULL)
            g_hash_table_replace(options.values, g_strdup(named[i]), g_strdup(value));
    }
    stream = client_open(&options, NULL);
    if (stream == NULL)
        return;
    line = client_read_line(stream, NULL);
    fclose(stream);
    if (line == NULL || !json_parser_load_from_data(parser, line, -1, NULL) ||
        !JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser)))
        return;
    for (guint i = 0; i < show_get_n(json_node_get_object(json_parser_get_root(parser)),
                                     "commands"); i++) {
        JsonObject *command =
            show_get_nth(json_node_get_object(json_parser_get_root(parser)), "commands", i);

        if (command != NULL)
            online_take_command(self, command);
    }
}

const OptionKind *
online_find_option(const Options *options G_GNUC_UNUSED, const gchar *name, gpointer commands)
{
    OnlineCommands *self = commands;

    if (!self->was_asked)
        online_ask(self);
    for (guint i = 0; i < self->kinds->len; i++) {
        const OptionKind *kind = g_ptr_array_index(self->kinds, i);

        if (strcmp(kind->name, name) == 0)
            return kind;
    }
    return NULL;
}
