/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the domain name system.
 *
 * "No such name" and "no such record" are answers; an error means that nobody could tell,
 * and is mostly temporary. All questions need BARID_USES_NETWORK, count in the module's
 * account and stand, with what came back, in the decision record. They end with the hook's
 * timeout. Names are given with or without a final dot, as U-labels or A-labels; they come
 * back lower-cased, as A-labels, without the final dot, odd bytes as "\DDD".
 */
#ifndef BARID_DNS_H
#define BARID_DNS_H

#include <barid/slice.h>
#include <barid/verdict.h>

typedef enum {
    BARID_DNS_A = 1,
    BARID_DNS_NS = 2,
    BARID_DNS_CNAME = 5,
    BARID_DNS_PTR = 12,
    BARID_DNS_MX = 15,
    BARID_DNS_TXT = 16,
    BARID_DNS_AAAA = 28,
} BaridDnsType;

typedef enum {
    BARID_DNS_FOUND,
    BARID_DNS_NO_DATA, /* the name exists, the type does not */
    BARID_DNS_NO_NAME, /* NXDOMAIN */
} BaridDnsStatus;

typedef struct BaridDnsAnswer BaridDnsAnswer;

/* TRUE with an answer that the caller owns. The error is BARID_ERROR_INVALID for a name that
 * cannot be asked for, temporary when the servers failed. */
#define barid_dns_lookup(object, name, type, out_answer, error) \
    barid_scope_dns_lookup(BARID_SCOPE(object), name, type, out_answer, error)
/* The names (PTR) of an address given as text. */
#define barid_dns_lookup_names(object, ip, out_answer, error) \
    barid_scope_dns_lookup_names(BARID_SCOPE(object), ip, out_answer, error)

BARID_SUSPENDS gboolean barid_scope_dns_lookup(BaridScope *scope, const gchar *name,
                                               BaridDnsType type, BaridDnsAnswer **out_answer,
                                               GError **error);
BARID_SUSPENDS gboolean barid_scope_dns_lookup_names(BaridScope *scope, const gchar *ip,
                                                     BaridDnsAnswer **out_answer,
                                                     GError **error);

/* A name as it would be asked for and comes back; the caller owns it. NULL with
 * BARID_ERROR_INVALID when it cannot be asked for. Asks nobody. */
gchar *barid_dns_dup_name(const gchar *name, GError **error);

void barid_dns_answer_free(BaridDnsAnswer *self);
BaridDnsStatus barid_dns_answer_get_status(const BaridDnsAnswer *self);
/* Whether it is known to be authentic (DNSSEC). */
gboolean barid_dns_answer_is_secure(const BaridDnsAnswer *self);
/* The name at the end of the chain of aliases. */
const gchar *barid_dns_answer_get_canonical(const BaridDnsAnswer *self);
/* Seconds for which the answer may be kept. */
guint barid_dns_answer_get_ttl_s(const BaridDnsAnswer *self);
guint barid_dns_answer_get_n_records(const BaridDnsAnswer *self);
/* Of the record (index); borrowed. A, AAAA: the address as text, else NULL. */
const gchar *barid_dns_answer_get_address(const BaridDnsAnswer *self, guint index);
/* NS, CNAME, PTR: the name; MX: the exchange, "" for none at all (RFC 7505); else NULL. */
const gchar *barid_dns_answer_get_name(const BaridDnsAnswer *self, guint index);
/* MX: the preference; else 0. */
guint barid_dns_answer_get_preference(const BaridDnsAnswer *self, guint index);
/* TXT: the strings joined; else empty. */
BaridSlice barid_dns_answer_get_text(const BaridDnsAnswer *self, guint index);

/* Several questions side by side: they take as long as the slowest. */
typedef struct BaridDnsBatch BaridDnsBatch;

#define BARID_DNS_BATCH_MAX 64

BaridDnsBatch *barid_dns_batch_new(void);
void barid_dns_batch_free(BaridDnsBatch *self);
/* Returns the question's index. What is added past BARID_DNS_BATCH_MAX fails with
 * BARID_ERROR_TOO_LARGE. */
guint barid_dns_batch_add(BaridDnsBatch *self, const gchar *name, BaridDnsType type);
/* Asks all that was added; once. */
#define barid_dns_batch_ask(object, batch) barid_scope_dns_batch_ask(BARID_SCOPE(object), batch)
BARID_SUSPENDS void barid_scope_dns_batch_ask(BaridScope *scope, BaridDnsBatch *batch);
/* The answer to a question, borrowed; NULL with the error, a copy of which is set. */
const BaridDnsAnswer *barid_dns_batch_get(const BaridDnsBatch *self, guint index, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BaridDnsAnswer, barid_dns_answer_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BaridDnsBatch, barid_dns_batch_free)

#endif
