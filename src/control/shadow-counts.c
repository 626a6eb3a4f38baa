/* SPDX-License-Identifier: Apache-2.0 */
#include "control/shadow-counts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error-domain.h"
#include "conf/rule-shadow.h"
#include "control/record.h"

/* Shadows that the file remembers: those that nobody counts any more make room. */
enum { SHADOW_COUNTS_MAX = 200 };

/* One shadow of the running configuration. */
typedef struct {
    const EffectiveSetting *setting; /* or NULL */
    const gchar *module;
    ConfigPosition position;
    Tally *tally;
} ShadowItem;

/* One of the file. */
typedef struct {
    gchar *identity;
    gint64 since_ms, updated_ms;
    Tally *tally;
} SavedCounts;

static void
saved_counts_free(gpointer data)
{
    SavedCounts *self = data;

    g_free(self->identity);
    tally_free(self->tally);
    g_free(self);
}

static GArray *
shadow_items_list(const Generation *generation)
{
    GArray *items = g_array_new(FALSE, FALSE, sizeof(ShadowItem));

    for (guint i = 0; i < generation->context.effective->len; i++) {
        const EffectiveSetting *setting = g_ptr_array_index(generation->context.effective, i);
        ShadowItem item = {.setting = setting, .position = setting->shadow_position};

        item.tally = rule_get_shadow_tally(setting->rule);
        if (item.tally != NULL)
            g_array_append_val(items, item);
    }
    for (guint i = 0; i < host_get_n_modules(generation->host); i++) {
        ShadowItem item = {.setting = NULL};

        item.tally = host_get_shadow(generation->host, i, &item.module, &item.position);
        if (item.tally != NULL)
            g_array_append_val(items, item);
    }
    return items;
}

static gchar *
shadow_item_dup_identity(const ShadowItem *self)
{
    if (self->setting == NULL)
        return g_strdup_printf("module %s", self->module);
    return g_strdup_printf("setting [%s] %s = %s; %s", self->setting->section,
                           self->setting->key, self->setting->value, self->setting->shadow);
}

/* --- the file --- */

static gchar *
counts_dup_path(const Generation *generation, const gchar *name)
{
    return g_build_filename(generation->state_dir, name, NULL);
}

static gint64
counts_get_number(JsonNode *record, const gchar *key)
{
    JsonNode *node = json_object_get_member(json_node_get_object(record), key);

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
                   json_node_get_value_type(node) == G_TYPE_INT64
               ? MAX(json_node_get_int(node), 0)
               : 0;
}

static SavedCounts *
counts_parse(JsonNode *record)
{
    const gchar *identity = record_get_text(record, "identity");
    g_autoptr(GPtrArray) changes = record_get_objects(record, "changes");
    SavedCounts *self;

    if (identity == NULL)
        return NULL;
    self = g_new0(SavedCounts, 1);
    self->identity = g_strdup(identity);
    self->since_ms = counts_get_number(record, "since_ms");
    self->updated_ms = counts_get_number(record, "updated_ms");
    self->tally = tally_new();
    tally_add(self->tally, (guint64)counts_get_number(record, "evaluated"));
    for (guint i = 0; i < changes->len; i++) {
        JsonNode *change = g_ptr_array_index(changes, i);
        const gchar *from = record_get_text(change, "from");
        const gchar *to = record_get_text(change, "to");

        if (from != NULL && to != NULL)
            tally_add_changes(self->tally, record_get_text(change, "where"), from, to,
                              (guint64)counts_get_number(change, "count"));
    }
    tally_add_other(self->tally, (guint64)counts_get_number(record, "other_changes"));
    return self;
}

/* A file that is not there, or cannot be read, counts nothing: no mail depends on it. */
static GPtrArray *
counts_read(const Generation *generation)
{
    g_autofree gchar *path = counts_dup_path(generation, "shadow-counts.json");
    GPtrArray *all = g_ptr_array_new_with_free_func(saved_counts_free);
    g_autoptr(GPtrArray) records = NULL;
    g_autofree gchar *text = NULL;
    g_autoptr(JsonNode) root = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return all;
    root = json_from_string(text, NULL);
    if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root))
        return all;
    records = record_get_objects(root, "shadows");
    for (guint i = 0; i < records->len && all->len < SHADOW_COUNTS_MAX; i++) {
        SavedCounts *counts = counts_parse(g_ptr_array_index(records, i));

        if (counts != NULL)
            g_ptr_array_add(all, counts);
    }
    return all;
}

static SavedCounts *
counts_find(GPtrArray *all, const gchar *identity)
{
    for (guint i = 0; i < all->len; i++) {
        SavedCounts *counts = g_ptr_array_index(all, i);

        if (strcmp(counts->identity, identity) == 0)
            return counts;
    }
    return NULL;
}

static gint
counts_compare(gconstpointer a, gconstpointer b)
{
    const SavedCounts *left = *(const SavedCounts *const *)a;
    const SavedCounts *right = *(const SavedCounts *const *)b;

    return left->updated_ms > right->updated_ms ? -1 : left->updated_ms < right->updated_ms;
}

static gboolean
counts_write_file(const Generation *generation, GPtrArray *all, GError **error)
{
    g_autofree gchar *path = counts_dup_path(generation, "shadow-counts.json");
    g_autoptr(GString) text = g_string_new(NULL);
    JsonWriter writer;

    g_ptr_array_sort(all, counts_compare);
    json_writer_init(&writer, text);
    json_writer_begin_object(&writer, NULL);
    json_writer_begin_array(&writer, "shadows");
    for (guint i = 0; i < MIN(all->len, SHADOW_COUNTS_MAX); i++) {
        const SavedCounts *counts = g_ptr_array_index(all, i);

        json_writer_begin_object(&writer, NULL);
        json_writer_text(&writer, "identity", counts->identity);
        json_writer_integer(&writer, "since_ms", counts->since_ms);
        json_writer_integer(&writer, "updated_ms", counts->updated_ms);
        tally_write(counts->tally, &writer);
        json_writer_end_object(&writer);
    }
    json_writer_end_array(&writer);
    json_writer_end_object(&writer);
    g_string_append_c(text, '\n');
    return g_file_set_contents_full(path, text->str, (gssize)text->len,
                                    G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);
}

/* --- moving there --- */

static gboolean
shadow_items_are_empty(const GArray *items)
{
    for (guint i = 0; i < items->len; i++) {
        if (!tally_is_empty(g_array_index(items, ShadowItem, i).tally))
            return FALSE;
    }
    return TRUE;
}

/* FALSE when there was nothing to move. */
static gboolean
counts_take_item(GPtrArray *all, const ShadowItem *item, gint64 since_ms)
{
    g_autofree gchar *identity = NULL;
    SavedCounts *counts;

    if (tally_is_empty(item->tally))
        return FALSE;
    identity = shadow_item_dup_identity(item);
    counts = counts_find(all, identity);
    if (counts == NULL) {
        counts = g_new0(SavedCounts, 1);
        counts->identity = g_steal_pointer(&identity);
        counts->since_ms = since_ms;
        counts->tally = tally_new();
        g_ptr_array_add(all, counts);
    }
    counts->updated_ms = clock_wall_ms();
    tally_move(item->tally, counts->tally);
    return TRUE;
}

gboolean
shadow_counts_save(const Generation *generation, gint64 since_ms, GError **error)
{
    g_autoptr(GArray) items = shadow_items_list(generation);
    g_autoptr(GPtrArray) all = NULL;
    g_autofree gchar *lock_path = counts_dup_path(generation, "shadow-counts.lock");
    gboolean is_changed = FALSE;
    gboolean ok = TRUE;
    int lock_fd;

    if (shadow_items_are_empty(items))
        return TRUE;
    /* One process that drains and one that serves write the same file. */
    lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_fd < 0 || flock(lock_fd, LOCK_EX) != 0) {
        error_set_errno(error, CONTROL_ERROR, errno, "%s", lock_path);
        if (lock_fd >= 0)
            (void)close(lock_fd);
        return FALSE;
    }
    all = counts_read(generation);
    for (guint i = 0; i < items->len; i++)
        is_changed |= counts_take_item(all, &g_array_index(items, ShadowItem, i), since_ms);
    if (is_changed)
        ok = counts_write_file(generation, all, error);
    (void)close(lock_fd);
    return ok;
}

/* --- telling --- */

static void
shadow_item_write(const ShadowItem *self, Tally *tally, JsonWriter *writer)
{
    json_writer_begin_object(writer, NULL);
    json_writer_text(writer, "kind", self->setting != NULL ? "setting" : "module");
    if (self->setting != NULL) {
        json_writer_text(writer, "section", self->setting->section);
        json_writer_text(writer, "key", self->setting->key);
        json_writer_text(writer, "value", self->setting->value);
        json_writer_text(writer, "shadow", self->setting->shadow);
    } else {
        json_writer_text(writer, "name", self->module);
    }
    json_writer_text(writer, "file", self->position.file);
    json_writer_integer(writer, "line", self->position.line);
    tally_write(tally, writer);
    json_writer_end_object(writer);
}

void
shadow_counts_write(const Generation *generation, ShadowCountsWhich which, gint64 since_ms,
                    JsonWriter *writer)
{
    g_autoptr(GArray) items = shadow_items_list(generation);
    g_autoptr(GPtrArray) saved = which == SHADOW_COUNTS_ALL
                                     ? counts_read(generation)
                                     : g_ptr_array_new_with_free_func(saved_counts_free);

    json_writer_begin_array(writer, "shadows");
    for (guint i = 0; i < items->len; i++) {
        const ShadowItem *item = &g_array_index(items, ShadowItem, i);
        g_autofree gchar *identity = shadow_item_dup_identity(item);
        const SavedCounts *counts = counts_find(saved, identity);
        g_autoptr(Tally) sum = tally_new();

        tally_copy(item->tally, sum);
        if (counts != NULL) {
            tally_copy(counts->tally, sum);
            since_ms = MIN(since_ms, counts->since_ms);
        }
        shadow_item_write(item, sum, writer);
    }
    json_writer_end_array(writer);
    json_writer_time(writer, "counted_since", since_ms);
}
