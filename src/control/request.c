/* SPDX-License-Identifier: Apache-2.0 */
#include "control/request.h"

#include "base/clock.h"
#include "base/error-domain.h"
#include "base/units.h"

ERROR_DOMAIN_DEFINE(request_error_quark, "barid-request-error")

/* --- from text --- */

/* The parser recurses, and a fiber's stack is small. */
static gboolean
request_is_flat(BaridSlice line)
{
    gboolean in_text = FALSE;
    gint depth = 0;

    for (gsize i = 0; i < line.len; i++) {
        guint8 byte = line.data[i];

        if (in_text && byte == '\\')
            i++;
        else if (byte == '"')
            in_text = !in_text;
        else if (!in_text && (byte == '{' || byte == '['))
            depth++;
        else if (!in_text && (byte == '}' || byte == ']'))
            depth--;
        if (depth > REQUEST_DEPTH_MAX)
            return FALSE;
    }
    return TRUE;
}

static gboolean
request_fail(GError **error, const gchar *text)
{
    g_set_error_literal(error, REQUEST_ERROR, BARID_ERROR_INVALID, text);
    return FALSE;
}

static const gchar *
request_get_string(JsonNode *node)
{
    return node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
                   json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : NULL;
}

/* "queue list" and ["queue", "list"] are the same. */
static void
request_add_words(RequestText *self, const gchar *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", 8);

    for (guint i = 0; words[i] != NULL; i++) {
        if (*words[i] != '\0')
            g_ptr_array_add(self->words, g_strdup(words[i]));
    }
}

static gboolean
request_take_args(RequestText *self, JsonNode *node, GError **error)
{
    JsonArray *args;

    if (!JSON_NODE_HOLDS_ARRAY(node))
        return request_fail(error, "\"args\" must be an array of texts");
    args = json_node_get_array(node);
    if (json_array_get_length(args) > REQUEST_ARGS_MAX)
        return request_fail(error, "there are too many arguments");
    for (guint i = 0; i < json_array_get_length(args); i++) {
        const gchar *text = request_get_string(json_array_get_element(args, i));

        if (text == NULL)
            return request_fail(error, "\"args\" must be an array of texts");
        g_ptr_array_add(self->words, g_strdup(text));
    }
    return TRUE;
}

static gboolean
request_take_members(RequestText *self, JsonObject *object, GError **error)
{
    const gchar *verb = json_object_has_member(object, "verb")
                            ? request_get_string(json_object_get_member(object, "verb"))
                            : NULL;
    g_autoptr(GList) names = json_object_get_members(object);

    for (GList *name = names; name != NULL; name = name->next) {
        if (!g_str_equal(name->data, "verb") && !g_str_equal(name->data, "args") &&
            !g_str_equal(name->data, "options") && !g_str_equal(name->data, "human"))
            return request_fail(error,
                                "a request has the members verb, args, options and human only");
    }
    if (verb == NULL)
        return request_fail(error, "\"verb\" must be a text");
    request_add_words(self, verb);
    if (self->words->len == 0)
        return request_fail(error, "\"verb\" is empty");
    if (json_object_has_member(object, "args") &&
        !request_take_args(self, json_object_get_member(object, "args"), error))
        return FALSE;
    self->is_for_people = json_object_has_member(object, "human");
    if (!json_object_has_member(object, "options"))
        return TRUE;
    if (!JSON_NODE_HOLDS_OBJECT(json_object_get_member(object, "options")))
        return request_fail(error, "\"options\" must be an object");
    self->options = json_object_ref(json_object_get_object_member(object, "options"));
    return TRUE;
}

gboolean
request_text_parse(RequestText *self, BaridSlice line, GError **error)
{
    g_autoptr(GError) reason = NULL;
    JsonNode *root;

    *self = (RequestText){.parser = json_parser_new(),
                          .words = g_ptr_array_new_with_free_func(g_free)};
    if (line.len > CONTROL_REQUEST_MAX)
        return request_fail(error, "the request is too long");
    if (!g_utf8_validate_len((const gchar *)line.data, line.len, NULL))
        return request_fail(error, "the request is not UTF-8 text");
    if (!request_is_flat(line))
        return request_fail(error, "the request is nested too deeply");
    if (!json_parser_load_from_data(self->parser, (const gchar *)line.data, (gssize)line.len,
                                    &reason)) {
        g_set_error(error, REQUEST_ERROR, BARID_ERROR_INVALID, "the request is not JSON: %s",
                    reason->message);
        return FALSE;
    }
    root = json_parser_get_root(self->parser);
    if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root))
        return request_fail(error, "the request must be a JSON object");
    if (!request_take_members(self, json_node_get_object(root), error))
        return FALSE;
    if (self->options == NULL)
        self->options = json_object_new();
    g_ptr_array_add(self->words, NULL);
    return TRUE;
}

void
request_text_clear(RequestText *self)
{
    g_clear_object(&self->parser);
    g_clear_pointer(&self->words, g_ptr_array_unref);
    g_clear_pointer(&self->options, json_object_unref);
}

/* --- options --- */

gboolean
request_usage_has_option(const gchar *usage, const gchar *name)
{
    gsize len = strlen(name);

    for (const gchar *at = strstr(usage, "--"); at != NULL; at = strstr(at + 2, "--")) {
        if (strncmp(at + 2, name, len) == 0 && !g_ascii_isalnum(at[2 + len]) && at[2 + len] != '-')
            return TRUE;
    }
    return FALSE;
}

gboolean
request_check_options(const ControlVerb *verb, JsonObject *options, GError **error)
{
    g_autoptr(GList) names = json_object_get_members(options);

    for (GList *name = names; name != NULL; name = name->next) {
        if (request_usage_has_option(verb->usage, name->data))
            continue;
        g_set_error(error, REQUEST_ERROR, BARID_ERROR_INVALID,
                    "\"%s\" has no option --%s; usage: %s", verb->verb, (gchar *)name->data,
                    verb->usage);
        return FALSE;
    }
    return TRUE;
}

/* --- for handlers --- */

gboolean
request_get_text(const ControlRequest *self, const gchar *name, const gchar **out_text,
                 GError **error)
{
    const gchar *text;

    if (!json_object_has_member(self->options, name)) {
        *out_text = NULL;
        return TRUE;
    }
    text = request_get_string(json_object_get_member(self->options, name));
    if (text == NULL) {
        g_set_error(error, REQUEST_ERROR, BARID_ERROR_INVALID, "--%s needs a text", name);
        return FALSE;
    }
    *out_text = text;
    return TRUE;
}

static gboolean
request_parse_time(const gchar *text, gint64 *out_wall_ms)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) time = NULL;
    gint64 duration_ms;

    if (units_parse_duration(barid_slice_from_text(text), &duration_ms) == UNITS_OK) {
        *out_wall_ms = MAX(clock_wall_ms() - duration_ms, 1);
        return TRUE;
    }
    time = g_date_time_new_from_iso8601(text, utc);
    if (time == NULL)
        return FALSE;
    *out_wall_ms = MAX(g_date_time_to_unix(time) * 1000 + g_date_time_get_microsecond(time) / 1000,
                       1);
    return TRUE;
}

gboolean
request_get_time(const ControlRequest *self, const gchar *name, gint64 *out_wall_ms,
                 GError **error)
{
    const gchar *text;

    if (!request_get_text(self, name, &text, error))
        return FALSE;
    if (text == NULL) {
        *out_wall_ms = 0;
        return TRUE;
    }
    if (request_parse_time(text, out_wall_ms))
        return TRUE;
    g_set_error(error, REQUEST_ERROR, BARID_ERROR_INVALID,
                "--%s needs a time such as 2030-01-31T12:00:00Z or a duration such as 2h", name);
    return FALSE;
}

gboolean
request_get_count(const ControlRequest *self, const gchar *name, guint fallback,
                  guint *out_count, GError **error)
{
    const gchar *text;
    gint64 value;

    if (!request_get_text(self, name, &text, error))
        return FALSE;
    if (text == NULL) {
        *out_count = fallback;
        return TRUE;
    }
    if (units_parse_integer(barid_slice_from_text(text), &value) == UNITS_OK && value > 0 &&
        value <= G_MAXINT32) {
        *out_count = (guint)value;
        return TRUE;
    }
    g_set_error(error, REQUEST_ERROR, BARID_ERROR_INVALID, "--%s needs a number above 0", name);
    return FALSE;
}

gboolean
request_has(const ControlRequest *self, const gchar *name)
{
    JsonNode *node = json_object_has_member(self->options, name)
                         ? json_object_get_member(self->options, name)
                         : NULL;

    if (node == NULL || JSON_NODE_HOLDS_NULL(node))
        return FALSE;
    return !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_BOOLEAN ||
           json_node_get_boolean(node);
}

guint
request_get_n_args(const ControlRequest *self)
{
    return g_strv_length((gchar **)(guintptr)self->args);
}

gboolean
request_check_n_args(const ControlRequest *self, guint minimum, guint maximum, GError **error)
{
    guint n_args = request_get_n_args(self);

    if (n_args < minimum) {
        g_set_error(error, REQUEST_ERROR, BARID_ERROR_INVALID, "usage: %s", self->verb->usage);
        return FALSE;
    }
    if (n_args > maximum) {
        g_set_error(error, REQUEST_ERROR, BARID_ERROR_INVALID,
                    "\"%s\" is one argument too many; usage: %s", self->args[maximum],
                    self->verb->usage);
        return FALSE;
    }
    return TRUE;
}
