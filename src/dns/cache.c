/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/cache.h"

#include "base/clock.h"
#include "dns/dns-name.h"
#include "fiber/fiber.h"

enum { CACHE_SHARDS = 16, CACHE_KEY_MAX = DNS_NAME_MAX + 8 };

typedef struct {
    gchar *key;
    DnsBody *body;
    gint64 expires_ms;
    gsize bytes;
    GList link; /* in (used), the latest first */
} CacheEntry;

/* A fiber that waits for another's question; on its stack. What stands above (next) is
 * written before the post and read after it. */
typedef struct CacheWaiter {
    SchedulerPost post;
    Scheduler *scheduler;
    Fiber *fiber;
    DnsBody *body; /* NULL: it is for this fiber to ask */
    gboolean done;
    struct CacheWaiter *next;
} CacheWaiter;

typedef struct {
    CacheWaiter *first, **last;
} CacheFlight;

typedef struct {
    GMutex mutex;
    GHashTable *entries; /* key to CacheEntry * */
    GHashTable *flights; /* key to CacheFlight * */
    GQueue used;
    gsize bytes;
} CacheShard;

struct DnsCache {
    CacheShard shards[CACHE_SHARDS];
    gsize max_entries, max_bytes; /* of one shard */
};

static void
cache_lock(CacheShard *shard)
{
    g_mutex_lock(&shard->mutex);
    fiber_lock_taken();
}

static void
cache_unlock(CacheShard *shard)
{
    fiber_lock_released();
    g_mutex_unlock(&shard->mutex);
}

static CacheShard *
cache_get_shard(DnsCache *self, const gchar *name, DnsType type, gchar *out_key)
{
    g_snprintf(out_key, CACHE_KEY_MAX, "%u/%s", (guint)type, name);
    return &self->shards[g_str_hash(out_key) % CACHE_SHARDS];
}

static void
cache_entry_free(gpointer data)
{
    CacheEntry *self = data;

    dns_body_unref(self->body);
    g_free(self->key);
    g_free(self);
}

static void
cache_flight_free(gpointer data)
{
    CacheFlight *self = data;

    g_assert(self->first == NULL);
    g_free(self);
}

DnsCache *
dns_cache_new(gsize max_entries, gsize max_bytes)
{
    DnsCache *self = g_new0(DnsCache, 1);

    self->max_entries = (max_entries + CACHE_SHARDS - 1) / CACHE_SHARDS;
    self->max_bytes = max_bytes / CACHE_SHARDS;
    for (guint i = 0; i < CACHE_SHARDS; i++) {
        CacheShard *shard = &self->shards[i];

        g_mutex_init(&shard->mutex);
        g_queue_init(&shard->used);
        shard->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, cache_entry_free);
        shard->flights = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, cache_flight_free);
    }
    return self;
}

void
dns_cache_free(DnsCache *self)
{
    if (self == NULL)
        return;
    for (guint i = 0; i < CACHE_SHARDS; i++) {
        g_hash_table_destroy(self->shards[i].entries);
        g_hash_table_destroy(self->shards[i].flights);
        g_mutex_clear(&self->shards[i].mutex);
    }
    g_free(self);
}

/* --- entries; with the lock --- */

static void
cache_drop(CacheShard *shard, CacheEntry *entry)
{
    g_queue_unlink(&shard->used, &entry->link);
    shard->bytes -= entry->bytes;
    g_hash_table_remove(shard->entries, entry->key);
}

static DnsBody *
cache_find(CacheShard *shard, const gchar *key, guint32 *out_ttl_s)
{
    CacheEntry *entry = g_hash_table_lookup(shard->entries, key);
    gint64 left_ms;

    if (entry == NULL)
        return NULL;
    left_ms = entry->expires_ms - clock_monotonic_ms();
    if (left_ms <= 0) {
        cache_drop(shard, entry);
        return NULL;
    }
    g_queue_unlink(&shard->used, &entry->link);
    g_queue_push_head_link(&shard->used, &entry->link);
    *out_ttl_s = (guint32)(left_ms / 1000);
    return dns_body_ref(entry->body);
}

static void
cache_put(DnsCache *self, CacheShard *shard, const gchar *key, DnsBody *body, guint32 life_s)
{
    CacheEntry *entry = g_hash_table_lookup(shard->entries, key);
    gsize bytes = sizeof *entry + strlen(key) + dns_body_get_size(body);

    if (entry != NULL)
        cache_drop(shard, entry);
    /* One huge answer must not drive out all others. */
    if (bytes > self->max_bytes / 4)
        return;
    entry = g_new0(CacheEntry, 1);
    entry->key = g_strdup(key);
    entry->body = dns_body_ref(body);
    entry->bytes = bytes;
    entry->expires_ms = clock_monotonic_ms() + (gint64)life_s * 1000;
    entry->link.data = entry;
    g_queue_push_head_link(&shard->used, &entry->link);
    g_hash_table_insert(shard->entries, entry->key, entry);
    shard->bytes += bytes;
    while (shard->used.length > self->max_entries || shard->bytes > self->max_bytes)
        cache_drop(shard, shard->used.tail->data);
}

/* --- questions under way --- */

/* On the waiter's thread. */
static void
cache_arrive(gpointer data)
{
    CacheWaiter *self = data;

    self->done = TRUE;
    fiber_wake(self->fiber);
}

static void
cache_tell(CacheWaiter *waiter, DnsBody *body)
{
    waiter->body = body == NULL ? NULL : dns_body_ref(body);
    scheduler_post(waiter->scheduler, &waiter->post);
}

static void
cache_join(CacheFlight *flight, CacheWaiter *waiter)
{
    *waiter = (CacheWaiter){
        .post = {.func = cache_arrive, .data = waiter},
        .scheduler = scheduler_get_current(),
        .fiber = fiber_get_current(),
    };
    *flight->last = waiter;
    flight->last = &waiter->next;
}

/* FALSE when somebody has already taken the waiter out: his post is on its way. */
static gboolean
cache_leave(CacheShard *shard, const gchar *key, CacheWaiter *waiter)
{
    CacheFlight *flight;
    gboolean found = FALSE;

    cache_lock(shard);
    flight = g_hash_table_lookup(shard->flights, key);
    for (CacheWaiter **p = flight == NULL ? NULL : &flight->first; p != NULL && *p != NULL;
         p = &(*p)->next) {
        if (*p != waiter)
            continue;
        *p = waiter->next;
        if (flight->last == &waiter->next)
            flight->last = p;
        found = TRUE;
        break;
    }
    cache_unlock(shard);
    return found;
}

/* Waits for the post, whatever the deadline. */
static void
cache_wait_for_post(CacheWaiter *waiter)
{
    fiber_mask();
    while (!waiter->done)
        fiber_park(NULL);
    fiber_unmask();
}

static DnsCacheResult
cache_wait(DnsCache *self, const gchar *name, DnsType type, CacheWaiter *waiter, GError **error)
{
    gchar key[CACHE_KEY_MAX];
    CacheShard *shard = cache_get_shard(self, name, type, key);

    while (!waiter->done) {
        if (fiber_park(error))
            continue;
        if (!cache_leave(shard, key, waiter)) {
            cache_wait_for_post(waiter);
            if (waiter->body == NULL)
                dns_cache_abandon(self, name, type);
            dns_body_unref(waiter->body);
        }
        return DNS_CACHE_CUT;
    }
    return waiter->body == NULL ? DNS_CACHE_LEAD : DNS_CACHE_TOLD;
}

DnsCacheResult
dns_cache_begin(DnsCache *self, const gchar *name, DnsType type, DnsBody **out_body,
                guint32 *out_ttl_s, GError **error)
{
    gchar key[CACHE_KEY_MAX];
    CacheShard *shard = cache_get_shard(self, name, type, key);
    CacheWaiter waiter;
    CacheFlight *flight;
    DnsCacheResult result;
    DnsBody *body;

    cache_lock(shard);
    body = cache_find(shard, key, out_ttl_s);
    flight = body != NULL ? NULL : g_hash_table_lookup(shard->flights, key);
    if (flight != NULL) {
        cache_join(flight, &waiter);
    } else if (body == NULL) {
        flight = g_new0(CacheFlight, 1);
        flight->last = &flight->first;
        g_hash_table_insert(shard->flights, g_strdup(key), flight);
        flight = NULL;
    }
    cache_unlock(shard);
    if (flight == NULL) {
        if (body == NULL)
            return DNS_CACHE_LEAD;
        *out_body = body;
        return DNS_CACHE_HIT;
    }
    result = cache_wait(self, name, type, &waiter, error);
    if (result == DNS_CACHE_TOLD) {
        *out_body = waiter.body;
        *out_ttl_s = waiter.body->ttl_s;
    }
    return result;
}

void
dns_cache_finish(DnsCache *self, const gchar *name, DnsType type, DnsBody *body, guint32 life_s)
{
    gchar key[CACHE_KEY_MAX];
    CacheShard *shard = cache_get_shard(self, name, type, key);
    CacheWaiter *waiter, *next;
    CacheFlight *flight;

    cache_lock(shard);
    flight = g_hash_table_lookup(shard->flights, key);
    waiter = flight->first;
    flight->first = NULL;
    g_hash_table_remove(shard->flights, key);
    if (life_s > 0)
        cache_put(self, shard, key, body, life_s);
    cache_unlock(shard);
    for (; waiter != NULL; waiter = next) {
        next = waiter->next; /* it is gone once it was told */
        cache_tell(waiter, body);
    }
}

void
dns_cache_abandon(DnsCache *self, const gchar *name, DnsType type)
{
    gchar key[CACHE_KEY_MAX];
    CacheShard *shard = cache_get_shard(self, name, type, key);
    CacheWaiter *waiter;
    CacheFlight *flight;

    cache_lock(shard);
    flight = g_hash_table_lookup(shard->flights, key);
    waiter = flight->first;
    if (waiter == NULL) {
        g_hash_table_remove(shard->flights, key);
    } else {
        flight->first = waiter->next;
        if (flight->last == &waiter->next)
            flight->last = &flight->first;
    }
    cache_unlock(shard);
    if (waiter != NULL)
        cache_tell(waiter, NULL);
}

/* --- looking in --- */

static gsize
cache_sum(DnsCache *self, gsize (*measure)(const CacheShard *shard))
{
    gsize sum = 0;

    for (guint i = 0; i < CACHE_SHARDS; i++) {
        cache_lock(&self->shards[i]);
        sum += measure(&self->shards[i]);
        cache_unlock(&self->shards[i]);
    }
    return sum;
}

static gsize
cache_measure_entries(const CacheShard *shard)
{
    return shard->used.length;
}

static gsize
cache_measure_bytes(const CacheShard *shard)
{
    return shard->bytes;
}

gsize
dns_cache_get_n_entries(DnsCache *self)
{
    return cache_sum(self, cache_measure_entries);
}

gsize
dns_cache_get_size(DnsCache *self)
{
    return cache_sum(self, cache_measure_bytes);
}
