/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buckets: what was used of each limit. One table for all worker threads, in shards with
 * a lock each, held for moments. Names are partly the peers' choice, so a shard is a
 * balanced tree, and it is bounded: buckets that are idle go first.
 */
#include "limit.h"

enum {
    BUCKET_N_SHARDS = 16,
    /* The oldest buckets that are looked at to make room for a new one. */
    BUCKET_EVICT_LOOKS = 8,
};

typedef struct BucketShard BucketShard;

struct LimitBucket {
    LimitBucket *older, *newer; /* by last use */
    BucketShard *shard;
    gchar *name;
    LimitAmounts amounts;
    gint64 n_inside;
    /* Tokens times the period: whole numbers keep the rate exact over any time. */
    gint64 level;
    gint64 filled_ms; /* when (level) was right */
};

struct BucketShard {
    GMutex lock;
    GTree *buckets; /* by name */
    LimitBucket *oldest, *newest;
    guint count;
};

struct LimitBuckets {
    guint shard_max;
    BucketShard shards[BUCKET_N_SHARDS];
};

/* --- the list and the tree; the shard is locked --- */

static gint
bucket_compare(gconstpointer a, gconstpointer b, gpointer data G_GNUC_UNUSED)
{
    return strcmp(a, b);
}

static void
bucket_unlink(LimitBucket *bucket)
{
    BucketShard *shard = bucket->shard;

    *(bucket->older == NULL ? &shard->oldest : &bucket->older->newer) = bucket->newer;
    *(bucket->newer == NULL ? &shard->newest : &bucket->newer->older) = bucket->older;
}

static void
bucket_link_newest(LimitBucket *bucket)
{
    BucketShard *shard = bucket->shard;

    bucket->newer = NULL;
    bucket->older = shard->newest;
    *(shard->newest == NULL ? &shard->oldest : &shard->newest->newer) = bucket;
    shard->newest = bucket;
}

static void
bucket_free(gpointer data)
{
    LimitBucket *bucket = data;

    g_free(bucket->name);
    g_free(bucket);
}

static void
bucket_drop(LimitBucket *bucket)
{
    bucket_unlink(bucket);
    bucket->shard->count--;
    g_tree_remove(bucket->shard->buckets, bucket->name);
}

/* --- tokens --- */

static gint64
bucket_get_capacity(const LimitBucket *bucket)
{
    return bucket->amounts.rate.count * bucket->amounts.rate.period_ms;
}

/* The full count comes back within one full period. */
static void
bucket_fill(LimitBucket *bucket, gint64 now_ms)
{
    const BaridRate *rate = &bucket->amounts.rate;
    gint64 elapsed_ms = CLAMP(now_ms - bucket->filled_ms, 0, rate->period_ms);

    bucket->level = MIN(bucket->level + elapsed_ms * rate->count, bucket_get_capacity(bucket));
    bucket->filled_ms = now_ms;
}

static gboolean
bucket_is_idle(LimitBucket *bucket, gint64 now_ms)
{
    bucket_fill(bucket, now_ms);
    return bucket->n_inside == 0 && bucket->level == bucket_get_capacity(bucket);
}

/* --- finding --- */

/* Makes room: an idle bucket loses nothing. Where none of the oldest is idle, the oldest
 * that nobody is inside of is forgotten, since memory is bounded before fairness. */
static void
shard_make_room(BucketShard *shard, guint max, gint64 now_ms)
{
    LimitBucket *victim = NULL;
    LimitBucket *bucket = shard->oldest;

    for (guint i = 0; i < BUCKET_EVICT_LOOKS && bucket != NULL; i++) {
        LimitBucket *next = bucket->newer;

        if (bucket_is_idle(bucket, now_ms)) {
            bucket_drop(bucket);
        } else if (victim == NULL && bucket->n_inside == 0) {
            victim = bucket;
        }
        bucket = next;
    }
    if (shard->count >= max && victim != NULL)
        bucket_drop(victim);
}

static LimitBucket *
shard_add(BucketShard *shard, guint max, const gchar *name, const LimitAmounts *amounts,
          gint64 now_ms)
{
    LimitBucket *bucket;

    if (shard->count >= max)
        shard_make_room(shard, max, now_ms);
    bucket = g_new0(LimitBucket, 1);
    bucket->shard = shard;
    bucket->name = g_strdup(name);
    bucket->amounts = *amounts;
    bucket->filled_ms = now_ms;
    bucket->level = bucket_get_capacity(bucket);
    g_tree_insert(shard->buckets, bucket->name, bucket);
    bucket_link_newest(bucket);
    shard->count++;
    return bucket;
}

/* The bucket, with its shard locked. */
static LimitBucket *
buckets_lock(LimitBuckets *self, const gchar *name, const LimitAmounts *amounts, gint64 now_ms)
{
    BucketShard *shard = &self->shards[g_str_hash(name) % BUCKET_N_SHARDS];
    LimitBucket *bucket;

    g_mutex_lock(&shard->lock);
    bucket = g_tree_lookup(shard->buckets, name);
    if (bucket == NULL)
        return shard_add(shard, self->shard_max, name, amounts, now_ms);
    bucket_unlink(bucket);
    bucket_link_newest(bucket);
    return bucket;
}

LimitResult
limit_buckets_take(LimitBuckets *self, const gchar *name, const LimitAmounts *amounts,
                   gint64 now_ms)
{
    LimitBucket *bucket = buckets_lock(self, name, amounts, now_ms);
    LimitResult result = LIMIT_PASSES;

    bucket_fill(bucket, now_ms);
    if (bucket->level >= amounts->rate.period_ms)
        bucket->level -= amounts->rate.period_ms;
    else
        result = LIMIT_TOO_FAST;
    g_mutex_unlock(&bucket->shard->lock);
    return result;
}

LimitBucket *
limit_buckets_enter(LimitBuckets *self, const gchar *name, const LimitAmounts *amounts,
                    gint64 now_ms)
{
    LimitBucket *bucket = buckets_lock(self, name, amounts, now_ms);
    BucketShard *shard = bucket->shard;

    /* A bucket with somebody inside is never dropped, so the place may be kept. */
    if (bucket->n_inside < amounts->concurrency)
        bucket->n_inside++;
    else
        bucket = NULL;
    g_mutex_unlock(&shard->lock);
    return bucket;
}

void
limit_bucket_leave(LimitBucket *bucket)
{
    BucketShard *shard = bucket->shard;

    g_mutex_lock(&shard->lock);
    bucket->n_inside--;
    g_mutex_unlock(&shard->lock);
}

LimitBuckets *
limit_buckets_new(guint max_buckets)
{
    LimitBuckets *self = g_new0(LimitBuckets, 1);

    self->shard_max = MAX(max_buckets / BUCKET_N_SHARDS, 1);
    for (guint i = 0; i < BUCKET_N_SHARDS; i++) {
        g_mutex_init(&self->shards[i].lock);
        self->shards[i].buckets = g_tree_new_full(bucket_compare, NULL, NULL, bucket_free);
    }
    return self;
}

void
limit_buckets_free(LimitBuckets *self)
{
    if (self == NULL)
        return;
    for (guint i = 0; i < BUCKET_N_SHARDS; i++) {
        g_tree_destroy(self->shards[i].buckets);
        g_mutex_clear(&self->shards[i].lock);
    }
    g_free(self);
}

/* --- showing --- */

/* Names hold bytes that peers chose. */
static void
json_append_text(GString *out, const gchar *text)
{
    g_autofree gchar *valid = g_utf8_make_valid(text, -1);

    g_string_append_c(out, '"');
    for (const gchar *at = valid; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            g_string_append_printf(out, "\\%c", *at);
        else if ((guchar)*at < ' ' || *at == 0x7f)
            g_string_append_printf(out, "\\u%04x", (guint)(guchar)*at);
        else
            g_string_append_c(out, *at);
    }
    g_string_append_c(out, '"');
}

static void
bucket_append_json(LimitBucket *bucket, gint64 now_ms, GString *out)
{
    g_auto(GStrv) parts = g_strsplit(bucket->name, "\n", -1);
    gboolean first = TRUE;

    bucket_fill(bucket, now_ms);
    g_string_append(out, out->len > 1 ? ",{\"keys\":[" : "{\"keys\":[");
    /* The first part says the limits, which stand below as numbers. */
    for (guint i = 1; parts[0] != NULL && parts[i] != NULL; i++) {
        if (parts[i][0] == '\0')
            continue;
        if (!first)
            g_string_append_c(out, ',');
        json_append_text(out, parts[i]);
        first = FALSE;
    }
    g_string_append_printf(out, "],\"concurrency\":%" G_GINT64_FORMAT
                                ",\"inside\":%" G_GINT64_FORMAT
                                ",\"rate_count\":%" G_GINT64_FORMAT
                                ",\"rate_period_ms\":%" G_GINT64_FORMAT
                                ",\"left\":%" G_GINT64_FORMAT "}",
                           bucket->amounts.concurrency, bucket->n_inside,
                           bucket->amounts.rate.count, bucket->amounts.rate.period_ms,
                           bucket->amounts.rate.period_ms == 0
                               ? 0
                               : bucket->level / bucket->amounts.rate.period_ms);
}

gchar *
limit_buckets_to_json(LimitBuckets *self, gint64 now_ms, guint max)
{
    GString *out = g_string_new("[");
    guint count = 0;

    for (guint i = 0; i < BUCKET_N_SHARDS; i++) {
        BucketShard *shard = &self->shards[i];

        g_mutex_lock(&shard->lock);
        for (LimitBucket *bucket = shard->newest; bucket != NULL && count < max;
             bucket = bucket->older, count++)
            bucket_append_json(bucket, now_ms, out);
        g_mutex_unlock(&shard->lock);
    }
    g_string_append_c(out, ']');
    return g_string_free(out, FALSE);
}
