/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures over messages: DKIM (RFC 6376, 8301, 8463), the message signatures of ARC
 * (RFC 8617), and what later forms share with them.
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

#include <barid/private-key.h>
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
    BARID_SIGNATURE_ALGORITHM,    /* an unknown one */
    BARID_SIGNATURE_SHA1,         /* RFC 8301 section 3.1 */
    BARID_SIGNATURE_CANONICAL,
    BARID_SIGNATURE_IDENTITY,     /* "i=" is not below "d=" */
    BARID_SIGNATURE_FROM,         /* the field From is not signed */
    BARID_SIGNATURE_SEAL,         /* an ARC-Seal is signed by what it is to seal */
    BARID_SIGNATURE_QUERY,        /* no known way to the key */
    BARID_SIGNATURE_EXPIRED,
    BARID_SIGNATURE_TOO_MANY,
    BARID_SIGNATURE_KEY_LOOKUP,   /* it could not be looked up now */
    BARID_SIGNATURE_KEY_MISSING,
    BARID_SIGNATURE_KEY_MALFORMED,
    BARID_SIGNATURE_KEY_REVOKED,
    BARID_SIGNATURE_KEY_OTHER,    /* for another algorithm, hash or service */
    BARID_SIGNATURE_KEY_SHORT,    /* RFC 8301 section 3.2 */
    BARID_SIGNATURE_KEY_HUGE,
    BARID_SIGNATURE_KEY_STRICT,   /* "t=s", and "i=" is not in the very domain */
} BaridSignatureReason;

/* "pass", "fail", "policy", "neutral", "temperror" or "permerror" (RFC 8601 section 2.7.1). */
const gchar *barid_signature_reason_get_result(BaridSignatureReason reason);
/* For people; never NULL. */
const gchar *barid_signature_reason_describe(BaridSignatureReason reason);

typedef enum { BARID_CANONICAL_SIMPLE, BARID_CANONICAL_RELAXED } BaridCanonicalForm;

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
/* Of an ARC-Message-Signature: its "i=", from 1; else 0. */
guint barid_signature_get_instance(const BaridSignature *self);
/* Whether the key's owner says that the domain is testing ("t=y"); after the key is known. */
gboolean barid_signature_is_testing(const BaridSignature *self);
/* Where its key is: "SELECTOR._domainkey.DOMAIN", of type TXT; NULL when it is malformed. */
const gchar *barid_signature_get_key_name(const BaridSignature *self);
/* "atps=": the author's domain that is said to have authorised the signer (RFC 6541); NULL without
 * or when it is malformed. */
const gchar *barid_signature_get_third_party(const BaridSignature *self);
/* Where that domain says so, of type TXT; NULL without, or when it is hashed in an unknown way. */
const gchar *barid_signature_get_third_party_name(const BaridSignature *self);
/* Whether a record there authorises (domain) to sign (section 4.4). */
gboolean barid_third_party_record_permits(BaridSlice record, const gchar *domain);

/* --- the header, as signatures pick fields from it --- */

typedef struct BaridHeaderIndex BaridHeaderIndex;

/* Of a header, or a message; which is borrowed as long as the index lives. */
BaridHeaderIndex *barid_header_index_new(BaridSlice header);
void barid_header_index_free(BaridHeaderIndex *self);

/* --- all signatures of one message --- */

typedef enum {
    BARID_SIGNATURE_DKIM,        /* DKIM-Signature */
    BARID_SIGNATURE_ARC_MESSAGE, /* ARC-Message-Signature */
} BaridSignatureKind;

typedef struct BaridVerifier BaridVerifier;

BaridVerifier *barid_verifier_new(BaridSignatureKind kind);
void barid_verifier_free(BaridVerifier *self);
/* Has the body hashed in (form) whether a signature wants it or not: for one that will be made.
 * Before the body. */
void barid_verifier_want_body(BaridVerifier *self, BaridCanonicalForm form);
/* Takes a good signature that leaves a part of the body out ("l=") for good: what stands there
 * may be anybody's (RFC 6376 section 8.2). Before any is verified. */
void barid_verifier_allow_partial_body(BaridVerifier *self);
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
/* Settles a pending signature whose key could not be had, or that is not to be taken. */
void barid_verifier_refuse(BaridVerifier *self, guint index, BaridSignatureReason reason);
/* After the end: the digest of a wanted form, borrowed, and the bytes that it covers. */
const guint8 *barid_verifier_get_body(const BaridVerifier *self, BaridCanonicalForm form,
                                      guint64 *out_bytes);

/* --- making signatures --- */

/* What a signature is to say; all is borrowed. */
typedef struct {
    BaridSignatureKind kind;
    guint instance;            /* of an ARC-Message-Signature */
    const gchar *domain, *selector;
    const gchar *algorithm;    /* "rsa-sha256" or "ed25519-sha256" */
    const gchar *identity;     /* "i=", or NULL */
    BaridCanonicalForm header_form, body_form;
    const gchar *const *fields;     /* names of what is signed where it is; NULL-ended */
    const gchar *const *oversigned; /* of these no further one can be added; or NULL */
    gint64 made_s;             /* "t="; 0 leaves it out */
    gint64 expires_s;          /* "x="; likewise */
    gboolean says_length;      /* "l=" */
    gboolean wants_reports;    /* "r=y" (RFC 6651 section 3.2) */
    const gchar *third_party;  /* "atps=" (RFC 6541 section 4.2), or NULL */
    const gchar *third_party_hash; /* "atpsh=": "sha256", "sha1", "none"; NULL is the first */
} BaridSignatureDraft;

/* The field's value up to an empty "b=", and the digest that is to be signed: of the field as
 * barid_transaction_prepend_field() folds it. The caller owns it. */
gchar *barid_signature_draft_write(const BaridSignatureDraft *self,
                                   const BaridHeaderIndex *header, const guint8 *body_digest,
                                   guint64 body_bytes, guint8 *out_digest);
/* Such a value with the signature's bytes at its end. The caller owns it. */
gchar *barid_signature_complete(const gchar *value, BaridSlice bytes);

/* --- the parts, for signatures that go about it in another way --- */

/* A SHA-256 over fields in a canonical form. */
typedef struct BaridFieldHash BaridFieldHash;

BaridFieldHash *barid_field_hash_new(BaridCanonicalForm form);
void barid_field_hash_free(BaridFieldHash *self);
void barid_field_hash_add(BaridFieldHash *self, BaridSlice whole);
/* The last one, which holds the signature: without the bytes of (hole) and its line end (RFC
 * 6376 section 3.7). Once. */
void barid_field_hash_end(BaridFieldHash *self, BaridSlice whole, BaridSlice hole,
                          guint8 *out_digest);

/* Whether (bytes) are the signature of a digest by the key of (record), made with (algorithm),
 * as "a=" names it. */
BaridSignatureReason barid_key_record_verify(BaridSlice record, BaridSlice algorithm,
                                             const guint8 *digest, BaridSlice bytes);

/* --- results, as findings hold them --- */

/* One signature in the finding "dkim.signatures"; what it does not say is empty. */
typedef struct {
    BaridSlice result, domain, selector, algorithm, identity, mark;
    BaridSlice reason; /* for people; of several words */
} BaridSignatureResult;

/* Adds a line. */
void barid_signature_append_result(const BaridSignature *self, GString *out);
/* Takes the next line of (*rest). FALSE at the end. */
gboolean barid_signature_results_next(BaridSlice *rest, BaridSignatureResult *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BaridFieldHash, barid_field_hash_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BaridHeaderIndex, barid_header_index_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BaridVerifier, barid_verifier_free)

#endif
