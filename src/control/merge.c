/* SPDX-License-Identifier: Apache-2.0 */
#include "control/merge.h"

#include <json-glib/json-glib.h>

static JsonNode *
merge_parse(const gchar *text)
{
    JsonNode *node = json_from_string(text, NULL);

    if (node != NULL && JSON_NODE_HOLDS_OBJECT(node))
        return node;
    g_clear_pointer(&node, json_node_unref);
    return NULL;
}

static gboolean
merge_is_error(JsonNode *node)
{
    return json_object_has_member(json_node_get_object(node), "error");
}

static void
merge_append(JsonArray *target, JsonArray *source)
{
    for (guint i = 0; i < json_array_get_length(source); i++)
        json_array_add_element(target, json_node_copy(json_array_get_element(source, i)));
}

static void
merge_members(JsonObject *target, JsonObject *source)
{
    g_autoptr(GList) names = json_object_get_members(source);

    for (GList *name = names; name != NULL; name = name->next) {
        JsonNode *theirs = json_object_get_member(source, name->data);
        JsonNode *ours = json_object_get_member(target, name->data);

        if (ours == NULL)
            json_object_set_member(target, name->data, json_node_copy(theirs));
        else if (JSON_NODE_HOLDS_ARRAY(ours) && JSON_NODE_HOLDS_ARRAY(theirs))
            merge_append(json_node_get_array(ours), json_node_get_array(theirs));
        else if (g_strcmp0(name->data, "count") == 0)
            json_object_set_int_member(target, name->data,
                                       json_node_get_int(ours) + json_node_get_int(theirs));
    }
}

gchar *
merge_answers(MergeKind kind, const gchar *own, const GPtrArray *others)
{
    g_autoptr(JsonNode) result = merge_parse(own);
    g_autoptr(JsonArray) beside = json_array_new();

    for (guint i = 0; result != NULL && i < others->len; i++) {
        JsonNode *other = merge_parse(g_ptr_array_index(others, i));

        if (other == NULL)
            continue;
        if (kind == MERGE_BESIDE) {
            json_array_add_element(beside, other);
            continue;
        }
        if (merge_is_error(other)) {
            json_node_unref(other);
            continue;
        }
        if (merge_is_error(result)) {
            json_node_unref(result);
            result = other;
            continue;
        }
        merge_members(json_node_get_object(result), json_node_get_object(other));
        json_node_unref(other);
    }
    if (result == NULL)
        return g_strdup(own);
    if (kind == MERGE_BESIDE)
        json_object_set_array_member(json_node_get_object(result), "draining",
                                     json_array_ref(beside));
    return json_to_string(result, FALSE);
}
