/* SPDX-License-Identifier: Apache-2.0 */
/* What the files behind <barid/signature.h> share. */
#ifndef SIGNATURE_PRIVATE_H
#define SIGNATURE_PRIVATE_H

#include <barid/signature.h>

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>

#include "mime/canonical.h"

#define SIGNATURE_DIGEST 32   /* of SHA-256 */
#define SIGNATURE_BYTES_MAX 2048
/* Of RSA keys, in bits (RFC 8301 section 3.2); past the upper one they only cost. */
#define SIGNATURE_RSA_MIN 1024
#define SIGNATURE_RSA_MAX 8192

typedef enum { SIGNATURE_RSA, SIGNATURE_ED25519 } SignatureKind;

struct BaridSignature {
    BaridSignatureReason reason;
    guint8 *copy;      /* of the field */
    HeaderField field; /* in the copy, and so are: */
    BaridSlice hole;   /* around the value of "b=" */
    BaridSlice names;  /* "h=" */
    SignatureKind kind;
    CanonicalForm header_form, body_form;
    guint64 limit;     /* "l="; G_MAXUINT64 without */
    gint64 expires_s;  /* 0: never */
    guint8 body_hash[SIGNATURE_DIGEST];
    Buffer bytes;      /* of the signature */
    gchar *domain, *selector, *identity, *algorithm, *key_name;
    gchar mark[9];
    gboolean testing;
    struct SignatureBody *body;
};

/* Reads a whole field; what is wrong is its reason. Never NULL. */
BaridSignature *signature_parse(BaridSlice whole);
void signature_free(BaridSignature *self);

/* --- keys --- */

typedef struct {
    SignatureKind kind;
    gboolean testing;
    gboolean strict;
    BaridSlice key; /* "p=", base64, in the record */
} SignatureKey;

/* Reads a record (RFC 6376 section 3.6.1): BARID_SIGNATURE_PENDING when it is one. */
BaridSignatureReason signature_key_parse(BaridSlice record, SignatureKey *out);
/* Makes the public key, which is the caller's: BARID_SIGNATURE_PENDING with it. */
BaridSignatureReason signature_key_import(const SignatureKey *self, gnutls_pubkey_t *out_key);
/* Whether the record's key made (signature) of (digest). */
BaridSignatureReason signature_key_verify(const SignatureKey *self, const guint8 *digest,
                                          BaridSlice signature);

/* --- hashes --- */

/* A CanonicalSink; (data) is a gnutls_hash_hd_t. */
void signature_hash_sink(BaridSlice piece, gpointer data);
/* Over the fields that the signature names, and itself (section 3.7). */
void signature_hash_header(const BaridSignature *self, const BaridHeaderIndex *header,
                           guint8 *out_digest);
/* How many fields have this name. */
guint header_index_count(const BaridHeaderIndex *self, BaridSlice name);

#endif
