/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DnsResolver: typed questions to the domain name system, from fibers.
 *
 * "No such name" and "no such record" are answers; silence, a broken reply and SERVFAIL
 * from every server are errors, and temporary ones. Answers are immutable, counted by
 * reference and shared with the cache. One resolver serves all threads.
 *
 * Names go in as text, with or without a final dot, as U-labels or A-labels; they come out
 * lower-cased, as A-labels, without the final dot. The names that must never leave the
 * host (RFC 6761, 6762, 7686: "invalid", "localhost", "test" unless configured, "local",
 * "onion") are answered here.
 */
#ifndef DNS_RESOLVER_H
#define DNS_RESOLVER_H

#include <barid/error.h>
#include <barid/slice.h>

#include "base/address.h"

/* Codes are BaridErrorCode: TIMEOUT, IO, TEMPORARY (SERVFAIL and the like), INVALID (the
 * name cannot be asked for: too long, empty label), CANCELLED. */
#define DNS_ERROR (dns_error_quark())
GQuark dns_error_quark(void);

typedef enum {
    DNS_TYPE_A = 1,
    DNS_TYPE_NS = 2,
    DNS_TYPE_CNAME = 5,
    DNS_TYPE_SOA = 6,
    DNS_TYPE_PTR = 12,
    DNS_TYPE_MX = 15,
    DNS_TYPE_TXT = 16,
    DNS_TYPE_AAAA = 28,
    DNS_TYPE_SRV = 33,
    DNS_TYPE_TLSA = 52,
} DnsType;

typedef enum {
    DNS_FOUND,   /* at least one record of the type asked for */
    DNS_NO_DATA, /* the name exists, the type does not (RFC 2308 section 2.2) */
    DNS_NO_NAME, /* NXDOMAIN */
} DnsStatus;

/* What is known of the answer's authenticity. Until local validation exists, SECURE is
 * the AD bit of a server that the configuration trusts. */
typedef enum { DNS_INSECURE, DNS_SECURE, DNS_BOGUS } DnsSecurity;

typedef struct {
    union {
        Address address;                                            /* A, AAAA; port 0 */
        const gchar *name;                                          /* NS, CNAME, PTR */
        struct { guint16 preference; const gchar *exchange; } mx;   /* "" is the root: null MX */
        struct { guint16 priority, weight, port; const gchar *target; } srv;
        BaridSlice text;                                            /* TXT, strings joined */
        struct { guint8 usage, selector, matching; BaridSlice data; } tlsa;
        struct { const gchar *primary; guint32 serial, minimum_s; } soa;
    } as;
} DnsRecord;

typedef struct {
    DnsStatus status;
    DnsSecurity security;
    const gchar *canonical; /* the name at the end of the CNAME chain */
    guint32 ttl_s;          /* what is left of it */
    gboolean cached;        /* was here before this question */
    guint n_records;
    const DnsRecord *records;
} DnsAnswer;

typedef struct DnsResolver DnsResolver;

/* "MX"; NULL for a type that is not in the list above. */
const gchar *dns_type_get_name(DnsType type);
gboolean dns_type_parse(const gchar *word, DnsType *out_type);

/* No question may be under way. */
void dns_resolver_free(DnsResolver *self);

DnsAnswer *dns_answer_ref(DnsAnswer *self);
void dns_answer_unref(DnsAnswer *self);

/* The caller owns a reference of the answer. NULL with an error as above; the fiber's
 * deadline cuts the question short. */
BARID_SUSPENDS DnsAnswer *dns_lookup(DnsResolver *self, const gchar *name, DnsType type,
                                     GError **error);
/* The names of an address: a PTR question below in-addr.arpa or ip6.arpa. */
BARID_SUSPENDS DnsAnswer *dns_lookup_names(DnsResolver *self, const Address *address,
                                           GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DnsAnswer, dns_answer_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DnsResolver, dns_resolver_free)

#endif
