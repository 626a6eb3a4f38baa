/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known, and what is being asked: one table for both, so that a question which
 * many fibers ask at the same moment, on whichever threads, goes out once. Bounded in
 * entries and bytes; what was not used for longest goes first.
 */
#ifndef CACHE_H
#define CACHE_H

#include "dns/dns-answer.h"

typedef struct DnsCache DnsCache;

typedef enum {
    DNS_CACHE_HIT,  /* (*out_body) is known */
    DNS_CACHE_TOLD, /* (*out_body) was just brought by another fiber */
    DNS_CACHE_LEAD, /* the caller asks, and then calls finish or abandon */
    DNS_CACHE_CUT,  /* the fiber was cancelled or its deadline passed while it waited */
} DnsCacheResult;

DnsCache *dns_cache_new(gsize max_entries, gsize max_bytes);
/* No question may be under way. */
void dns_cache_free(DnsCache *self);
/* The caller gets a reference; (*out_ttl_s) is what is left of the body's life. */
BARID_SUSPENDS DnsCacheResult dns_cache_begin(DnsCache *self, const gchar *name, DnsType type,
                                              DnsBody **out_body, guint32 *out_ttl_s,
                                              GError **error);
/* Tells all who wait, and remembers the body for (life_s), if that is not 0. */
void dns_cache_finish(DnsCache *self, const gchar *name, DnsType type, DnsBody *body,
                      guint32 life_s);
/* The asking fiber was cut short, which is no answer: the first who waits asks next. */
void dns_cache_abandon(DnsCache *self, const gchar *name, DnsType type);

gsize dns_cache_get_n_entries(DnsCache *self);
gsize dns_cache_get_size(DnsCache *self);

#endif
