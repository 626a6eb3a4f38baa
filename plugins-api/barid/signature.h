/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures over messages: DKIM (RFC 6376, 8301, 8463), and what later forms share with it.
 *
 * A verifier sees the fields and the body of one message, from a stream (<barid/stream.h>) or
 * in one go. What needs no key is settled then; for the others the caller looks up the key
 * records, by the name that each signature tells, as it likes, and hands them in:
 *
 *   barid_verifier_field(), barid_verifier_body(), barid_verifier_end()
 *   barid_verifier_examine(), and for each that is BARID_SIGNATURE_PENDING
 *   barid_verifier_verify()
 *
 * A signature is never good before barid_verifier_verify() said so. Nothing here suspends.
 */
#ifndef BARID_SIGNATURE_H
#define BARID_SIGNATURE_H

#include <barid/slice.h>

/* How many signatures of one message are looked at; others are BARID_SIGNATURE_TOO_MANY. */
#define BARID_SIGNATURES_MAX 10

typedef enum {
    BARID_SIGNATURE_PENDING = 0, /* well-formed, and not verified */
    BARID_SIGNATURE_PASS,
    BARID_SIGNATURE_FAILED,
    BARID_SIGNATURE_BODY_CHANGED,
    BARID_SIGNATURE_PARTIAL_BODY, /* good, but "l=" leaves a part of the body out */
    BARID_SIGNATURE_MALFORMED,
    BARID_SIGNATURE_TAG_MISSING,
    BARID_SIGNATURE_VERSION,
    BARID_SIGNATURE_ALGORITHM,   /* an unknown one */
    BARID_SIGNATURE_SHA1,        /* RFC 8301 section 3.1 */
    BARID_SIGNATURE_CANONICAL,
    BARID_SIGNATURE_IDENTITY,    /* "i=" is not below "d=" */
    BARID_SIGNATURE_FROM,        /* the field From is not signed */
    BARID_SIGNATURE_QUERY,       /* no known way to the key */
    BARID_SIGNATURE_EXPIRED,
    BARID_SIGNATURE_TOO_MANY,
    BARID_SIGNATURE_KEY_LOOKUP,  /* it could not be looked up now */
    BARID_SIGNATURE_KEY_MISSING,
    BARID_SIGNATURE_KEY_MALFORMED,
    BARID_SIGNATURE_KEY_REVOKED,
    BARID_SIGNATURE_KEY_OTHER,   /* for another algorithm, hash or service */
    BARID_SIGNATURE_KEY_SHORT,   /* RFC 8301 section 3.2 */
    BARID_SIGNATURE_KEY_HUGE,
    BARID_SIGNATURE_KEY_STRICT,  /* "t=s", and "i=" is not in the very domain */
} BaridSignatureReason;

/* "pass", "fail", "policy", "neutral", "temperror" or "permerror" (RFC 8601 section 2.7.1). */
const gchar *barid_signature_reason_get_result(BaridSignatureReason reason);
/* For people; never NULL. */
const gchar *barid_signature_reason_describe(BaridSignatureReason reason);

/* --- one signature; all that is got is borrowed --- */

typedef struct BaridSignature BaridSignature;

BaridSignatureReason barid_signature_get_reason(const BaridSignature *self);
/* NULL where the signature does not say it, or says nothing that can be one. */
const gchar *barid_signature_get_domain(const BaridSignature *self);
const gchar *barid_signature_get_selector(const BaridSignature *self);
/* As it is written: "rsa-sha256"; NULL likewise. */
const gchar *barid_signature_get_algorithm(const BaridSignature *self);
/* "i=", or "@" and the domain. */
const gchar *barid_signature_get_identity(const BaridSignature *self);
/* The first eight characters of "b=", which name it (RFC 6008); "" without. */
const gchar *barid_signature_get_mark(const BaridSignature *self);
/* Whether the key's owner says that the domain is testing ("t=y"); after the key is known. */
gboolean barid_signature_is_testing(const BaridSignature *self);
/* Where its key is: "SELECTOR._domainkey.DOMAIN", of type TXT; NULL when it is malformed. */
const gchar *barid_signature_get_key_name(const BaridSignature *self);

/* --- the header, as signatures pick fields from it --- */

typedef struct BaridHeaderIndex BaridHeaderIndex;

/* Of a header, or a message; which is borrowed as long as the index lives. */
BaridHeaderIndex *barid_header_index_new(BaridSlice header);
void barid_header_index_free(BaridHeaderIndex *self);

/* --- all signatures of one message --- */

typedef struct BaridVerifier BaridVerifier;

/* (name) is that of the fields with signatures: "DKIM-Signature". */
BaridVerifier *barid_verifier_new(const gchar *name);
void barid_verifier_free(BaridVerifier *self);
/* Each field of the header, in order; then the body, in blocks of any size, then the end. Lines
 * end in CRLF. */
void barid_verifier_field(BaridVerifier *self, BaridSlice name, BaridSlice whole);
void barid_verifier_body(BaridVerifier *self, BaridSlice block);
void barid_verifier_end(BaridVerifier *self);
/* In the order of the message. */
guint barid_verifier_get_n_signatures(const BaridVerifier *self);
const BaridSignature *barid_verifier_get_signature(const BaridVerifier *self, guint index);
/* After the end: settles what is expired at (now_ms) or does not fit the body. */
void barid_verifier_examine(BaridVerifier *self, gint64 now_ms);
/* Verifies a pending signature by a key's record. Returns what became of it; with several
 * records the caller tries one after the other until one is good. */
BaridSignatureReason barid_verifier_verify(BaridVerifier *self, guint index, BaridSlice record,
                                           const BaridHeaderIndex *header);
/* Settles a pending signature whose key could not be had. */
void barid_verifier_refuse(BaridVerifier *self, guint index, BaridSignatureReason reason);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BaridHeaderIndex, barid_header_index_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BaridVerifier, barid_verifier_free)

#endif
