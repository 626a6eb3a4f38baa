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
        else if (g_strcmp0(name->data, "counted_since") == 0 &&
                 g_strcmp0(json_node_get_string(theirs), json_node_get_string(ours)) < 0)
            json_object_set_member(target, name->data, json_node_copy(theirs));
    }
}

/* --- shadows --- */

static const gchar *
merge_get_text(JsonObject *object, const gchar *key)
{
    JsonNode *node = json_object_get_member(object, key);

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
                   json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : NULL;
}

static gboolean
merge_is_same(JsonObject *a, JsonObject *b, const gchar *const *keys)
{
    for (; *keys != NULL; keys++) {
        if (g_strcmp0(merge_get_text(a, *keys), merge_get_text(b, *keys)) != 0)
            return FALSE;
    }
    return TRUE;
}

static void
merge_add(JsonObject *target, JsonObject *source, const gchar *key)
{
    if (json_object_has_member(target, key) && json_object_has_member(source, key))
        json_object_set_int_member(target, key, json_object_get_int_member(target, key) +
                                                    json_object_get_int_member(source, key));
}

/* Adds (source) to what (target) counts. */
typedef void (*MergeFold)(JsonObject *target, JsonObject *source);

/* The array under (key) with each thing once: those that are the same in (keys) are folded
 * into the first. */
static void
merge_fold(JsonObject *object, const gchar *key, const gchar *const *keys, MergeFold fold)
{
    JsonArray *all = json_object_get_array_member(object, key);
    JsonArray *kept = json_array_new();

    for (guint i = 0; all != NULL && i < json_array_get_length(all); i++) {
        JsonObject *each = json_array_get_object_element(all, i);
        JsonObject *same = NULL;

        for (guint n = 0; n < json_array_get_length(kept) && same == NULL; n++) {
            JsonObject *other = json_array_get_object_element(kept, n);

            same = merge_is_same(other, each, keys) ? other : NULL;
        }
        if (same == NULL)
            json_array_add_object_element(kept, json_object_ref(each));
        else
            fold(same, each);
    }
    json_object_set_array_member(object, key, kept);
}

static void
merge_fold_change(JsonObject *target, JsonObject *source)
{
    merge_add(target, source, "count");
}

static void
merge_fold_shadow(JsonObject *target, JsonObject *source)
{
    static const gchar *const numbers[] = {"evaluated", "different", "other_changes"};
    static const gchar *const keys[] = {"where", "from", "to", NULL};

    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
        merge_add(target, source, numbers[i]);
    if (!json_object_has_member(target, "changes") || !json_object_has_member(source, "changes"))
        return;
    merge_append(json_object_get_array_member(target, "changes"),
                 json_object_get_array_member(source, "changes"));
    merge_fold(target, "changes", keys, merge_fold_change);
}

/* The history is the same for all. */
static void
merge_fold_case(JsonObject *target G_GNUC_UNUSED, JsonObject *source G_GNUC_UNUSED)
{
}

/* What was changed by the reload is another shadow. */
static void
merge_shadows(JsonObject *answer)
{
    static const gchar *const shadow_keys[] = {"kind", "section", "key", "value", "shadow", NULL};
    static const gchar *const case_keys[] = {"kind", "id", NULL};

    if (json_object_has_member(answer, "shadows"))
        merge_fold(answer, "shadows", shadow_keys, merge_fold_shadow);
    if (json_object_has_member(answer, "cases"))
        merge_fold(answer, "cases", case_keys, merge_fold_case);
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
    if (kind == MERGE_SHADOWS && !merge_is_error(result))
        merge_shadows(json_node_get_object(result));
    if (kind == MERGE_BESIDE)
        json_object_set_array_member(json_node_get_object(result), "draining",
                                     json_array_ref(beside));
    return json_to_string(result, FALSE);
}
