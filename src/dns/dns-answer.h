/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making answers. A DnsBody is what one question brought: it is filled by one fiber, then
 * immutable and shared by the cache and by every DnsAnswer that tells it.
 */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include "base/arena.h"
#include "dns/resolver.h"

typedef struct {
    gatomicrefcount refs;
    Arena *arena; /* of the texts and records */
    DnsStatus status;
    DnsSecurity security;
    const gchar *canonical;
    guint32 ttl_s; /* as it came, the smallest of all records used */
    gboolean follows; /* an alias whose target is still to be asked for: (canonical) */
    /* Why the servers failed, which is remembered, too (RFC 9520); or NULL. */
    const gchar *failure;
    BaridErrorCode failure_code;
    DnsRecord *records;
    guint n_records, room;
} DnsBody;

/* With room for (room) records. */
DnsBody *dns_body_new(guint room);
DnsBody *dns_body_ref(DnsBody *self);
void dns_body_unref(DnsBody *self);
/* The next record, zeroed; NULL when there is no more room. Texts go to the arena. */
DnsRecord *dns_body_add(DnsBody *self);
/* Heap bytes, for the cache's bound. */
gsize dns_body_get_size(const DnsBody *self);

/* Tells (body), of which it takes a reference of its own. */
DnsAnswer *dns_answer_new(DnsBody *body, guint32 ttl_s, gboolean cached);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DnsBody, dns_body_unref)

#endif
