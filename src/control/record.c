/* SPDX-License-Identifier: Apache-2.0 */
#include "control/record.h"

static JsonNode *
record_get(JsonNode *record, const gchar *key)
{
    return json_object_get_member(json_node_get_object(record), key);
}

const gchar *
record_get_text(JsonNode *record, const gchar *key)
{
    JsonNode *node = record_get(record, key);

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
                   json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : NULL;
}

gboolean
record_is_true(JsonNode *record, const gchar *key)
{
    JsonNode *node = record_get(record, key);

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
           json_node_get_value_type(node) == G_TYPE_BOOLEAN && json_node_get_boolean(node);
}

GPtrArray *
record_get_objects(JsonNode *record, const gchar *key)
{
    GPtrArray *objects = g_ptr_array_new();
    JsonNode *node = record_get(record, key);
    JsonArray *all = node != NULL && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

    for (guint i = 0; all != NULL && i < json_array_get_length(all); i++) {
        JsonNode *each = json_array_get_element(all, i);

        if (JSON_NODE_HOLDS_OBJECT(each))
            g_ptr_array_add(objects, each);
    }
    return objects;
}

gint64
record_get_time(JsonNode *record)
{
    const gchar *text = record_get_text(record, "finished");
    g_autoptr(GDateTime) time = NULL;

    if (text == NULL)
        text = record_get_text(record, "created");
    time = text == NULL ? NULL : g_date_time_new_from_iso8601(text, NULL);
    return time == NULL ? 0 : g_date_time_to_unix(time) * 1000;
}

gboolean
record_is_session(JsonNode *record)
{
    return g_strcmp0(record_get_text(record, "kind"), "session") == 0;
}

JsonArray *
record_parse_array(GString *text, const gchar *key)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    JsonObject *object;

    g_string_append_c(text, '}');
    if (!json_parser_load_from_data(parser, text->str, (gssize)text->len, NULL))
        return NULL;
    object = json_node_get_object(json_parser_get_root(parser));
    return json_array_ref(json_object_get_array_member(object, key));
}

void
record_write_all(const GPtrArray *records, JsonWriter *writer, const gchar *key)
{
    json_writer_begin_array(writer, key);
    for (guint i = 0; i < records->len; i++) {
        g_autofree gchar *text = json_to_string(g_ptr_array_index(records, i), FALSE);

        json_writer_raw(writer, NULL, text);
    }
    json_writer_end_array(writer);
}
