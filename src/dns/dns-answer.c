/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/dns-answer.h"

enum { DNS_BODY_CHUNK = 512 };

/* What a caller holds: the shared body, and what is his own. */
typedef struct {
    DnsAnswer answer; /* first */
    gatomicrefcount refs;
    DnsBody *body;
} DnsAnswerHeld;

DnsBody *
dns_body_new(guint room)
{
    DnsBody *self = g_new0(DnsBody, 1);

    g_atomic_ref_count_init(&self->refs);
    self->arena = arena_new(DNS_BODY_CHUNK);
    self->room = room;
    if (room > 0)
        self->records = arena_alloc(self->arena, room * sizeof(DnsRecord));
    return self;
}

DnsBody *
dns_body_ref(DnsBody *self)
{
    g_atomic_ref_count_inc(&self->refs);
    return self;
}

void
dns_body_unref(DnsBody *self)
{
    if (self == NULL || !g_atomic_ref_count_dec(&self->refs))
        return;
    arena_free(self->arena);
    g_free(self);
}

DnsRecord *
dns_body_add(DnsBody *self)
{
    return self->n_records < self->room ? &self->records[self->n_records++] : NULL;
}

gsize
dns_body_get_size(const DnsBody *self)
{
    return sizeof *self + arena_get_size(self->arena);
}

DnsAnswer *
dns_answer_new(DnsBody *body, guint32 ttl_s, gboolean cached)
{
    DnsAnswerHeld *self = g_new0(DnsAnswerHeld, 1);

    g_atomic_ref_count_init(&self->refs);
    self->body = dns_body_ref(body);
    self->answer = (DnsAnswer){
        .status = body->status,
        .security = body->security,
        .canonical = body->canonical,
        .ttl_s = ttl_s,
        .cached = cached,
        .n_records = body->n_records,
        .records = body->records,
    };
    return &self->answer;
}

DnsAnswer *
dns_answer_ref(DnsAnswer *self)
{
    g_atomic_ref_count_inc(&((DnsAnswerHeld *)self)->refs);
    return self;
}

void
dns_answer_unref(DnsAnswer *self)
{
    DnsAnswerHeld *held = (DnsAnswerHeld *)self;

    if (self == NULL || !g_atomic_ref_count_dec(&held->refs))
        return;
    dns_body_unref(held->body);
    g_free(held);
}
