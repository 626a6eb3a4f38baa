/* SPDX-License-Identifier: Apache-2.0 */
/* What the files behind <barid/signature.h> share. */
#ifndef SIGNATURE_PRIVATE_H
#define SIGNATURE_PRIVATE_H

#include <barid/signature.h>

#include <gnutls/crypto.h>

#include "mime/canonical.h"

#define SIGNATURE_BYTES_MAX 1024 /* of RSA with 8192 bits */
/* Of RSA keys, in bits (RFC 8301 section 3.2); past the upper one they only cost. */
#define SIGNATURE_RSA_MIN 1024
#define SIGNATURE_RSA_MAX 8192
#define SIGNATURE_INSTANCE_MAX 50 /* RFC 8617 section 4.2.1 */

typedef enum { SIGNATURE_RSA, SIGNATURE_ED25519 } SignatureAlgorithm;

struct BaridSignature {
    BaridSignatureReason reason;
    BaridSignatureKind kind;
    guint8 *copy;      /* of the field */
    HeaderField field; /* in the copy, and so are: */
    BaridSlice hole;   /* around the value of "b=" */
    BaridSlice names;  /* "h=" */
    SignatureAlgorithm method;
    BaridCanonicalForm header_form, body_form;
    guint64 limit;     /* "l="; G_MAXUINT64 without */
    gint64 expires_s;  /* 0: never */
    guint instance;
    guint8 body_hash[BARID_DIGEST_BYTES];
    guint8 bytes[SIGNATURE_BYTES_MAX];
    gsize n_bytes;
    gchar *domain, *selector, *identity, *algorithm, *key_name;
    gchar *third_party, *third_party_name; /* or NULL */
    gchar mark[9];
    gboolean testing;
    struct SignatureBody *body;
};

/* Reads a whole field; what is wrong is its reason. Never NULL. */
BaridSignature *signature_parse(BaridSignatureKind kind, BaridSlice whole);
void signature_free(BaridSignature *self);
/* BARID_SIGNATURE_PENDING when it is one that can be verified. */
BaridSignatureReason signature_algorithm_parse(BaridSlice word, SignatureAlgorithm *out);
const gchar *signature_kind_get_field(BaridSignatureKind kind);

/* Where (author) says whether (signer) may sign for it, hashed as "atpsh=" says; the caller owns
 * it. NULL when that says nothing known. */
gchar *signature_third_party_dup_name(const gchar *signer, const gchar *author, BaridSlice hash);

/* --- keys --- */

typedef struct {
    SignatureAlgorithm method;
    gboolean testing;
    gboolean strict;
    BaridSlice key; /* "p=", base64, in the record */
} SignatureKey;

/* Reads a record (RFC 6376 section 3.6.1): BARID_SIGNATURE_PENDING when it is one. */
BaridSignatureReason signature_key_parse(BaridSlice record, SignatureKey *out);
/* Whether the record's key made (bytes) of (digest). */
BaridSignatureReason signature_key_verify(const SignatureKey *self, const guint8 *digest,
                                          BaridSlice bytes);

/* --- hashes --- */

/* A SHA-256 that begins. */
gnutls_hash_hd_t signature_hash_new(void);
/* A CanonicalSink; (hash) is a gnutls_hash_hd_t. */
void signature_hash_sink(BaridSlice piece, gpointer hash);
/* Over the fields that (names) names, then (own), without the bytes of (hole) (section 3.7). */
void header_index_hash(const BaridHeaderIndex *self, BaridCanonicalForm form, BaridSlice names,
                       const HeaderField *own, BaridSlice hole, guint8 *out_digest);
/* How many fields have this name. */
guint header_index_count(const BaridHeaderIndex *self, BaridSlice name);

#endif
