/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the header and the body of a message fit its signatures. */
#include "signature/signature-private.h"

/* A body's hash in one canonical form and length; signatures that want the same share it. */
typedef struct SignatureBody {
    CanonicalBody canonical;
    gnutls_hash_hd_t hash;
    guint8 digest[BARID_DIGEST_BYTES];
} SignatureBody;

struct BaridVerifier {
    BaridSignatureKind kind;
    BaridSlice name;       /* of the field */
    GPtrArray *signatures; /* of BaridSignature * */
    GPtrArray *bodies;     /* of SignatureBody * */
    gboolean has_body;     /* it has begun */
    gboolean allows_partial_body;
    guint n_pending;
};

/* --- bodies --- */

static SignatureBody *
body_new(BaridCanonicalForm form, guint64 limit)
{
    SignatureBody *self = g_new0(SignatureBody, 1);

    self->hash = signature_hash_new();
    canonical_body_init(&self->canonical, form, limit, signature_hash_sink, self->hash);
    return self;
}

static void
body_end(SignatureBody *self)
{
    canonical_body_end(&self->canonical);
    gnutls_hash_deinit(self->hash, self->digest);
    self->hash = NULL;
}

static void
body_free(gpointer data)
{
    SignatureBody *self = data;

    if (self->hash != NULL)
        gnutls_hash_deinit(self->hash, NULL);
    g_free(self);
}

/* --- all signatures of a message --- */

BaridVerifier *
barid_verifier_new(BaridSignatureKind kind)
{
    BaridVerifier *self = g_new0(BaridVerifier, 1);

    self->kind = kind;
    self->name = barid_slice_from_text(signature_kind_get_field(kind));
    self->signatures = g_ptr_array_new_with_free_func((GDestroyNotify)signature_free);
    self->bodies = g_ptr_array_new_with_free_func(body_free);
    return self;
}

void
barid_verifier_free(BaridVerifier *self)
{
    if (self == NULL)
        return;
    g_ptr_array_unref(self->bodies);
    g_ptr_array_unref(self->signatures);
    g_free(self);
}

void
barid_verifier_field(BaridVerifier *self, BaridSlice name, BaridSlice whole)
{
    BaridSignature *signature;

    if (!barid_slice_equal_nocase(name, self->name))
        return;
    signature = signature_parse(self->kind, whole);
    if (signature->reason == BARID_SIGNATURE_PENDING && self->n_pending++ >= BARID_SIGNATURES_MAX)
        signature->reason = BARID_SIGNATURE_TOO_MANY;
    g_ptr_array_add(self->signatures, signature);
}

static SignatureBody *
verifier_find_body(const BaridVerifier *self, BaridCanonicalForm form, guint64 limit)
{
    for (guint i = 0; i < self->bodies->len; i++) {
        SignatureBody *body = g_ptr_array_index(self->bodies, i);

        if (body->canonical.form == form && body->canonical.limit == limit)
            return body;
    }
    return NULL;
}

static SignatureBody *
verifier_add_body(BaridVerifier *self, BaridCanonicalForm form, guint64 limit)
{
    SignatureBody *body = verifier_find_body(self, form, limit);

    if (body == NULL) {
        body = body_new(form, limit);
        g_ptr_array_add(self->bodies, body);
    }
    return body;
}

void
barid_verifier_want_body(BaridVerifier *self, BaridCanonicalForm form)
{
    g_return_if_fail(!self->has_body);
    verifier_add_body(self, form, G_MAXUINT64);
}

void
barid_verifier_allow_partial_body(BaridVerifier *self)
{
    self->allows_partial_body = TRUE;
}

static void
verifier_begin_body(BaridVerifier *self)
{
    if (self->has_body)
        return;
    self->has_body = TRUE;
    for (guint i = 0; i < self->signatures->len; i++) {
        BaridSignature *signature = g_ptr_array_index(self->signatures, i);

        if (signature->reason == BARID_SIGNATURE_PENDING)
            signature->body = verifier_add_body(self, signature->body_form, signature->limit);
    }
}

void
barid_verifier_body(BaridVerifier *self, BaridSlice block)
{
    verifier_begin_body(self);
    for (guint i = 0; i < self->bodies->len; i++) {
        SignatureBody *body = g_ptr_array_index(self->bodies, i);

        canonical_body_feed(&body->canonical, block);
    }
}

void
barid_verifier_end(BaridVerifier *self)
{
    verifier_begin_body(self);
    for (guint i = 0; i < self->bodies->len; i++)
        body_end(g_ptr_array_index(self->bodies, i));
}

guint
barid_verifier_get_n_signatures(const BaridVerifier *self)
{
    return self->signatures->len;
}

const BaridSignature *
barid_verifier_get_signature(const BaridVerifier *self, guint index)
{
    g_return_val_if_fail(index < self->signatures->len, NULL);
    return g_ptr_array_index(self->signatures, index);
}

/* A body shorter than "l=" has lost what was signed. */
static gboolean
verifier_fits_body(const BaridSignature *signature)
{
    const SignatureBody *body = signature->body;

    return (signature->limit == G_MAXUINT64 || body->canonical.n_bytes >= signature->limit) &&
           memcmp(body->digest, signature->body_hash, BARID_DIGEST_BYTES) == 0;
}

void
barid_verifier_examine(BaridVerifier *self, gint64 now_ms)
{
    for (guint i = 0; i < self->signatures->len; i++) {
        BaridSignature *signature = g_ptr_array_index(self->signatures, i);

        if (signature->reason != BARID_SIGNATURE_PENDING)
            continue;
        if (signature->expires_s != 0 && now_ms / 1000 > signature->expires_s)
            signature->reason = BARID_SIGNATURE_EXPIRED;
        else if (!verifier_fits_body(signature))
            signature->reason = BARID_SIGNATURE_BODY_CHANGED;
    }
}

/* "t=s": the identity is in the very domain that signs. */
static gboolean
verifier_is_exact(const BaridSignature *signature)
{
    const gchar *at = strrchr(signature->identity, '@');

    return at != NULL && g_ascii_strcasecmp(at + 1, signature->domain) == 0;
}

static BaridSignatureReason
verifier_judge(const BaridVerifier *self, BaridSignature *signature, BaridSlice record,
               const BaridHeaderIndex *header)
{
    guint8 digest[BARID_DIGEST_BYTES];
    SignatureKey key;
    BaridSignatureReason reason = signature_key_parse(record, &key);

    if (reason != BARID_SIGNATURE_PENDING)
        return reason;
    signature->testing = key.testing;
    if (key.method != signature->method)
        return BARID_SIGNATURE_KEY_OTHER;
    if (key.strict && !verifier_is_exact(signature))
        return BARID_SIGNATURE_KEY_STRICT;
    header_index_hash(header, signature->header_form, signature->names, &signature->field,
                      signature->hole, digest);
    reason = signature_key_verify(&key, digest,
                                  barid_slice(signature->bytes, signature->n_bytes));
    if (reason == BARID_SIGNATURE_PASS && !self->allows_partial_body &&
        signature->body->canonical.n_bytes > signature->limit)
        return BARID_SIGNATURE_PARTIAL_BODY;
    return reason;
}

BaridSignatureReason
barid_verifier_verify(BaridVerifier *self, guint index, BaridSlice record,
                      const BaridHeaderIndex *header)
{
    BaridSignature *signature;

    g_return_val_if_fail(index < self->signatures->len, BARID_SIGNATURE_PENDING);
    signature = g_ptr_array_index(self->signatures, index);
    /* Another record of the same name may still be the right one. */
    if (signature->body != NULL && signature->reason != BARID_SIGNATURE_PASS &&
        signature->reason != BARID_SIGNATURE_PARTIAL_BODY &&
        signature->reason != BARID_SIGNATURE_EXPIRED &&
        signature->reason != BARID_SIGNATURE_BODY_CHANGED)
        signature->reason = verifier_judge(self, signature, record, header);
    return signature->reason;
}

void
barid_verifier_refuse(BaridVerifier *self, guint index, BaridSignatureReason reason)
{
    BaridSignature *signature;

    g_return_if_fail(index < self->signatures->len && reason != BARID_SIGNATURE_PASS);
    signature = g_ptr_array_index(self->signatures, index);
    if (signature->reason == BARID_SIGNATURE_PENDING)
        signature->reason = reason;
}

const guint8 *
barid_verifier_get_body(const BaridVerifier *self, BaridCanonicalForm form, guint64 *out_bytes)
{
    const SignatureBody *body = verifier_find_body(self, form, G_MAXUINT64);

    g_return_val_if_fail(body != NULL && body->hash == NULL, NULL);
    *out_bytes = body->canonical.n_bytes;
    return body->digest;
}
