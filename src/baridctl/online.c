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
    show_answer(&show, verb, answer);
    return CTL_DONE;
}

static CtlStatus
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

/* --- traces --- */

static CtlStatus
online_follow(const Options *options, FILE *stream)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    CtlStatus status = CTL_DONE;
    gchar *line;
    Show show;

    show_init(&show, stdout);
    for (; status == CTL_DONE && (line = client_read_line(stream, NULL)) != NULL; g_free(line)) {
        JsonNode *root = NULL;

        if (json_parser_load_from_data(parser, line, -1, NULL))
            root = json_parser_get_root(parser);
        if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root))
            status = CTL_INTERNAL;
        else if (json_object_has_member(json_node_get_object(root), "error"))
            status = online_take_answer(options, "trace", line);
        else if (options_has(options, "json"))
            puts(line);
        else
            show_trace_record(&show, json_node_get_object(root));
        fflush(stdout);
    }
    return status;
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
    CtlStatus status;

    if (stream == NULL)
        return online_fail_unreachable(options, error);
    if (strcmp(verb, "trace") == 0) {
        status = online_follow(options, stream);
        fclose(stream);
        return status;
    }
    line = client_read_line(stream, &error);
    fclose(stream);
    if (line == NULL)
        return ctl_fail(options, CTL_UNREACHABLE, "unreachable",
                        error != NULL ? error->message
                                      : _("the server closed the connection without an answer"));
    return online_take_answer(options, verb, line);
}
