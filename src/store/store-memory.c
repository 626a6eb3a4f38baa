/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store-memory.h"

#include "base/i18n.h"
#include "store/store.h"

enum {
    MEMORY_N_SHARDS = 16,
    MEMORY_SIZE_MIN = 64 * 1024,
    /* What an entry costs besides its key and value: the struct and its tree node. */
    MEMORY_ENTRY_COST = 160,
};

typedef struct MemoryEntry {
    struct MemoryEntry *older, *newer; /* by last use */
    gint64 first_ms, expires_ms;       /* expires 0: never */
    gint64 number;
    gboolean is_number;
    gsize value_len;
    guint8 *value;
    gsize key_len;
    guint8 key[];
} MemoryEntry;

/* A balanced tree and no hash table: keys are the peers' choice, and no choice of keys
 * makes a tree slow. */
typedef struct {
    GMutex lock;
    GTree *entries; /* MemoryEntry by key */
    MemoryEntry *oldest, *newest;
    gsize size_bytes;
} MemoryShard;

typedef struct {
    gsize shard_max_bytes;
    MemoryShard shards[MEMORY_N_SHARDS];
} StoreMemory;

static const BaridSetting memory_settings[] = {
    BARID_SETTING_SIZE_IN("max-size", StoreMemorySettings, max_size_bytes, "64M",
                          N_("Memory to use; past it the longest unused entries go."),
                          MEMORY_SIZE_MIN, G_MAXINT64),
    BARID_SETTING_END,
};

/* --- entries; the shard is locked --- */

static gint
memory_compare(gconstpointer a, gconstpointer b, gpointer data G_GNUC_UNUSED)
{
    const BaridSlice *left = a;
    const BaridSlice *right = b;

    if (left->len != right->len)
        return left->len < right->len ? -1 : 1;
    return left->len == 0 ? 0 : memcmp(left->data, right->data, left->len);
}

static gsize
entry_cost(const MemoryEntry *entry)
{
    return MEMORY_ENTRY_COST + entry->key_len + entry->value_len;
}

static void
shard_unlink(MemoryShard *shard, MemoryEntry *entry)
{
    *(entry->older == NULL ? &shard->oldest : &entry->older->newer) = entry->newer;
    *(entry->newer == NULL ? &shard->newest : &entry->newer->older) = entry->older;
}

static void
shard_link_newest(MemoryShard *shard, MemoryEntry *entry)
{
    entry->newer = NULL;
    entry->older = shard->newest;
    *(shard->newest == NULL ? &shard->oldest : &shard->newest->newer) = entry;
    shard->newest = entry;
}

static void
shard_drop(MemoryShard *shard, MemoryEntry *entry)
{
    BaridSlice key = barid_slice(entry->key, entry->key_len);

    shard_unlink(shard, entry);
    shard->size_bytes -= entry_cost(entry);
    g_tree_remove(shard->entries, &key);
}

static gboolean
entry_is_over(const MemoryEntry *entry, gint64 now_ms)
{
    return entry->expires_ms != 0 && entry->expires_ms <= now_ms;
}

/* The live entry of (key), now the most recently used, or NULL. */
static MemoryEntry *
shard_find(MemoryShard *shard, BaridSlice key, gint64 now_ms)
{
    GTreeNode *node = g_tree_lookup_node(shard->entries, &key);
    MemoryEntry *entry = node == NULL ? NULL : g_tree_node_value(node);

    if (entry == NULL)
        return NULL;
    if (entry_is_over(entry, now_ms)) {
        shard_drop(shard, entry);
        return NULL;
    }
    shard_unlink(shard, entry);
    shard_link_newest(shard, entry);
    return entry;
}

static void
shard_make_room(StoreMemory *self, MemoryShard *shard, gsize cost, gint64 now_ms)
{
    /* A few that are over go with each new one, so that they need no sweep. */
    for (guint i = 0; i < 2 && shard->oldest != NULL && entry_is_over(shard->oldest, now_ms); i++)
        shard_drop(shard, shard->oldest);
    while (shard->oldest != NULL && shard->size_bytes + cost > self->shard_max_bytes)
        shard_drop(shard, shard->oldest);
}

static void
entry_set_value(MemoryEntry *entry, BaridSlice value)
{
    g_free(entry->value);
    entry->value = value.len == 0 ? NULL : g_memdup2(value.data, value.len);
    entry->value_len = value.len;
}

typedef struct {
    BaridSlice key; /* points into the entry */
    MemoryEntry *entry;
} MemoryKey;

static void
memory_key_free(gpointer data)
{
    MemoryKey *key = data;

    g_free(key->entry->value);
    g_free(key->entry);
    g_free(key);
}

static MemoryEntry *
shard_add(StoreMemory *self, MemoryShard *shard, BaridSlice key, gsize value_len, gint64 now_ms,
          gint64 expires_ms)
{
    MemoryEntry *entry = g_malloc0(sizeof *entry + key.len);
    MemoryKey *held = g_new(MemoryKey, 1);

    entry->key_len = key.len;
    if (key.len > 0)
        memcpy(entry->key, key.data, key.len);
    entry->first_ms = now_ms;
    entry->expires_ms = expires_ms;
    shard_make_room(self, shard, entry_cost(entry) + value_len, now_ms);
    held->key = barid_slice(entry->key, key.len);
    held->entry = entry;
    g_tree_insert(shard->entries, held, entry);
    shard_link_newest(shard, entry);
    shard->size_bytes += entry_cost(entry);
    return entry;
}

static MemoryShard *
memory_lock(StoreMemory *self, BaridSlice key)
{
    guint32 hash = 2166136261u; /* FNV-1a: only spreads keys over locks */
    MemoryShard *shard;

    for (gsize i = 0; i < key.len; i++)
        hash = (hash ^ key.data[i]) * 16777619u;
    shard = &self->shards[hash % MEMORY_N_SHARDS];
    g_mutex_lock(&shard->lock);
    return shard;
}

/* --- the driver --- */

static gboolean
memory_get(gpointer self, BaridSlice key, gint64 now_ms, GBytes **out_value,
           GError **error G_GNUC_UNUSED)
{
    MemoryShard *shard = memory_lock(self, key);
    const MemoryEntry *entry = shard_find(shard, key, now_ms);

    *out_value = NULL;
    if (entry != NULL && entry->is_number) {
        gchar *text = g_strdup_printf("%" G_GINT64_FORMAT, entry->number);

        *out_value = g_bytes_new_take(text, strlen(text));
    } else if (entry != NULL) {
        *out_value = g_bytes_new(entry->value, entry->value_len);
    }
    g_mutex_unlock(&shard->lock);
    return TRUE;
}

static gboolean
memory_set(gpointer self, BaridSlice key, BaridSlice value, gint64 now_ms, gint64 expires_ms,
           GError **error G_GNUC_UNUSED)
{
    MemoryShard *shard = memory_lock(self, key);
    MemoryEntry *entry = shard_find(shard, key, now_ms);

    if (entry != NULL)
        shard_drop(shard, entry);
    entry = shard_add(self, shard, key, value.len, now_ms, expires_ms);
    entry_set_value(entry, value);
    shard->size_bytes += value.len;
    g_mutex_unlock(&shard->lock);
    return TRUE;
}

static gboolean
memory_remove(gpointer self, BaridSlice key, GError **error G_GNUC_UNUSED)
{
    MemoryShard *shard = memory_lock(self, key);
    GTreeNode *node = g_tree_lookup_node(shard->entries, &key);

    if (node != NULL)
        shard_drop(shard, g_tree_node_value(node));
    g_mutex_unlock(&shard->lock);
    return TRUE;
}

static gboolean
memory_touch(gpointer self, BaridSlice key, gint64 now_ms, gint64 expires_ms,
             gint64 *out_first_ms, GError **error G_GNUC_UNUSED)
{
    MemoryShard *shard = memory_lock(self, key);
    MemoryEntry *entry = shard_find(shard, key, now_ms);

    if (entry == NULL)
        entry = shard_add(self, shard, key, 0, now_ms, expires_ms);
    entry->expires_ms = expires_ms;
    *out_first_ms = entry->first_ms;
    g_mutex_unlock(&shard->lock);
    return TRUE;
}

static gboolean
memory_add(gpointer self, BaridSlice key, gint64 delta, gint64 now_ms, gint64 expires_ms,
           gint64 *out_value, GError **error G_GNUC_UNUSED)
{
    MemoryShard *shard = memory_lock(self, key);
    MemoryEntry *entry = shard_find(shard, key, now_ms);

    if (entry != NULL && !entry->is_number) {
        shard_drop(shard, entry);
        entry = NULL;
    }
    if (entry == NULL)
        entry = shard_add(self, shard, key, 0, now_ms, expires_ms);
    entry->is_number = TRUE;
    if (__builtin_add_overflow(entry->number, delta, &entry->number))
        entry->number = delta > 0 ? G_MAXINT64 : G_MININT64;
    *out_value = entry->number;
    g_mutex_unlock(&shard->lock);
    return TRUE;
}

static gpointer
memory_open(const gchar *name, const void *settings, GError **error)
{
    const StoreMemorySettings *read = settings;
    StoreMemory *self;

    if (read->max_size_bytes < MEMORY_SIZE_MIN) {
        g_set_error(error, STORE_ERROR, BARID_ERROR_INVALID,
                    _("store %s: max-size must be at least 64K"), name);
        return NULL;
    }
    self = g_new0(StoreMemory, 1);
    self->shard_max_bytes = (gsize)read->max_size_bytes / MEMORY_N_SHARDS;
    for (guint i = 0; i < MEMORY_N_SHARDS; i++) {
        g_mutex_init(&self->shards[i].lock);
        self->shards[i].entries = g_tree_new_full(memory_compare, NULL, memory_key_free, NULL);
    }
    return self;
}

static void
memory_close(gpointer data)
{
    StoreMemory *self = data;

    for (guint i = 0; i < MEMORY_N_SHARDS; i++) {
        g_tree_destroy(self->shards[i].entries);
        g_mutex_clear(&self->shards[i].lock);
    }
    g_free(self);
}

const BaridStoreDriver store_memory_driver = {
    .struct_size = sizeof(BaridStoreDriver),
    .settings = memory_settings,
    .settings_size = sizeof(StoreMemorySettings),
    .open = memory_open,
    .close = memory_close,
    .get = memory_get,
    .set = memory_set,
    .remove = memory_remove,
    .touch = memory_touch,
    .add = memory_add,
};
