/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this module share: limits, their keys, and the buckets. */
#ifndef LIMIT_H
#define LIMIT_H

#include <barid/barid.h>

typedef enum {
    LIMIT_KEY_REMOTE_IP,
    LIMIT_KEY_LOCAL_IP,
    LIMIT_KEY_LISTENER,
    LIMIT_KEY_HELO_DOMAIN,
    LIMIT_KEY_SENDER,
    LIMIT_KEY_SENDER_DOMAIN,
    LIMIT_KEY_RCPT,
    LIMIT_KEY_RCPT_DOMAIN,
    LIMIT_KEY_AUTHENTICATED_AS,
    LIMIT_N_KEYS,
} LimitKey;

typedef enum { LIMIT_CONNECT, LIMIT_MAIL, LIMIT_RCPT, LIMIT_N_STAGES } LimitStage;

/* --- keys --- */

/* LIMIT_N_KEYS when there is none of that name. */
LimitKey limit_key_parse(const gchar *name);
const gchar *limit_key_get_name(LimitKey key);
/* The stage at which the key is known. */
LimitStage limit_key_get_stage(LimitKey key);
/* The earliest stage at which all that (match) reads is known. */
LimitStage limit_match_get_stage(const BaridRule *match);

/* What a check is about; what is not known yet is NULL. */
typedef struct {
    BaridSession *session;
    BaridTransaction *txn;
    const BaridRecipient *rcpt;
} LimitSubject;

/* Appends the key's value for (subject), in one spelling. */
void limit_key_append(LimitKey key, const LimitSubject *subject, guint ipv6_prefix, GString *out);

/* --- buckets --- */

/* The limits of a bucket; 0 means none. */
typedef struct {
    gint64 concurrency;
    BaridRate rate;
} LimitAmounts;

typedef struct LimitBuckets LimitBuckets;
typedef struct LimitBucket LimitBucket;

typedef enum {
    LIMIT_PASSES,
    LIMIT_TOO_MANY, /* at a time */
    LIMIT_TOO_FAST,
} LimitResult;

/* Keeps about (max_buckets). */
LimitBuckets *limit_buckets_new(guint max_buckets);
void limit_buckets_free(LimitBuckets *self);
/* Counts one event against the bucket called (name), made when it is not there. Any
 * thread. */
LimitResult limit_buckets_take(LimitBuckets *self, const gchar *name, const LimitAmounts *amounts,
                               gint64 now_ms);
/* Takes one of the places of the bucket; NULL when all are taken. The place is given back
 * with limit_bucket_leave(). */
LimitBucket *limit_buckets_enter(LimitBuckets *self, const gchar *name,
                                 const LimitAmounts *amounts, gint64 now_ms);
void limit_bucket_leave(LimitBucket *bucket);
/* JSON: the buckets in use, at most (max). Caller owns it. */
gchar *limit_buckets_to_json(LimitBuckets *self, gint64 now_ms, guint max);

#endif
