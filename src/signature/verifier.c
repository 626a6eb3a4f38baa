/* SPDX-License-Identifier: Apache-2.0 */
/* Which fields are signed, what the body hashes to, and whether both fit a signature. */
#include "host/signature-private.h"

#include "base/text.h"
#include <barid/tag-list.h>

/* A body's hash in one canonical form and length; signatures that want the same share it. */
typedef struct SignatureBody {
    CanonicalBody canonical;
    gnutls_hash_hd_t hash;
    guint8 digest[SIGNATURE_DIGEST];
} SignatureBody;

struct BaridVerifier {
    gchar *name;
    GPtrArray *signatures; /* of BaridSignature * */
    GPtrArray *bodies;     /* of SignatureBody *; NULL before the body */
    guint n_pending;
};

/* --- the header --- */

typedef struct {
    HeaderField field;
    guint group; /* of the fields with this name */
    guint above; /* the next one of the group, or NONE */
} IndexField;

enum { INDEX_NONE = G_MAXUINT };

struct BaridHeaderIndex {
    GArray *fields;     /* of IndexField, from the top */
    GArray *groups;     /* of guint: the lowest field of each */
    GHashTable *names;  /* of BaridSlice * to group */
};

static guint
index_hash_name(gconstpointer key)
{
    const BaridSlice *name = key;
    guint hash = 5381;

    for (gsize i = 0; i < name->len; i++)
        hash = hash * 33 + (guint)g_ascii_tolower((gchar)name->data[i]);
    return hash;
}

static gboolean
index_equal_names(gconstpointer a, gconstpointer b)
{
    return barid_slice_equal_nocase(*(const BaridSlice *)a, *(const BaridSlice *)b);
}

/* FALSE when no field has the name. */
static gboolean
index_find_group(const BaridHeaderIndex *self, BaridSlice name, guint *out_group)
{
    gpointer group;

    if (!g_hash_table_lookup_extended(self->names, &name, NULL, &group))
        return FALSE;
    *out_group = GPOINTER_TO_UINT(group);
    return TRUE;
}

static void
index_add(BaridHeaderIndex *self, const HeaderField *field)
{
    IndexField entry = {.field = *field, .above = INDEX_NONE};
    guint position = self->fields->len;

    if (index_find_group(self, field->name, &entry.group)) {
        entry.above = g_array_index(self->groups, guint, entry.group);
        g_array_index(self->groups, guint, entry.group) = position;
    } else {
        entry.group = self->groups->len;
        g_array_append_val(self->groups, position);
        g_hash_table_insert(self->names, g_memdup2(&field->name, sizeof field->name),
                            GUINT_TO_POINTER(entry.group));
    }
    g_array_append_val(self->fields, entry);
}

BaridHeaderIndex *
barid_header_index_new(BaridSlice header)
{
    BaridHeaderIndex *self = g_new0(BaridHeaderIndex, 1);
    HeaderIter iter;
    HeaderField field;

    self->fields = g_array_new(FALSE, FALSE, sizeof(IndexField));
    self->groups = g_array_new(FALSE, FALSE, sizeof(guint));
    self->names = g_hash_table_new_full(index_hash_name, index_equal_names, g_free, NULL);
    header_iter_init(&iter, header);
    while (header_iter_next(&iter, &field) == HEADER_FIELD)
        index_add(self, &field);
    return self;
}

void
barid_header_index_free(BaridHeaderIndex *self)
{
    if (self == NULL)
        return;
    g_hash_table_destroy(self->names);
    g_array_free(self->groups, TRUE);
    g_array_free(self->fields, TRUE);
    g_free(self);
}

guint
header_index_count(const BaridHeaderIndex *self, BaridSlice name)
{
    guint group, count = 0;

    if (!index_find_group(self, name, &group))
        return 0;
    for (guint at = g_array_index(self->groups, guint, group); at != INDEX_NONE;
         at = g_array_index(self->fields, IndexField, at).above)
        count++;
    return count;
}

/* --- hashes --- */

void
signature_hash_sink(BaridSlice piece, gpointer data)
{
    gnutls_hash(data, piece.data, piece.len);
}

static gnutls_hash_hd_t
hash_new(void)
{
    gnutls_hash_hd_t hash;

    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0)
        g_error("no SHA-256: GnuTLS cannot work"); /* as an allocation that fails */
    return hash;
}

/* A name that stands there again means the field above; past the top it adds nothing
 * (section 5.4.2). */
void
signature_hash_header(const BaridSignature *self, const BaridHeaderIndex *header,
                      guint8 *out_digest)
{
    g_autofree guint *lowest =
        g_memdup2(header->groups->data, header->groups->len * sizeof(guint));
    gnutls_hash_hd_t hash = hash_new();
    BaridTagItems items = barid_tag_items(self->names);
    BaridSlice name;

    while (barid_tag_items_next(&items, ':', &name)) {
        const IndexField *entry;
        guint group;

        if (!index_find_group(header, name, &group) || lowest[group] == INDEX_NONE)
            continue;
        entry = &g_array_index(header->fields, IndexField, lowest[group]);
        lowest[group] = entry->above;
        canonical_field(self->header_form, &entry->field, signature_hash_sink, hash);
    }
    canonical_signature_field(self->header_form, &self->field, self->hole, signature_hash_sink,
                              hash);
    gnutls_hash_deinit(hash, out_digest);
}

static SignatureBody *
body_new(CanonicalForm form, guint64 limit)
{
    SignatureBody *self = g_new0(SignatureBody, 1);

    self->hash = hash_new();
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
barid_verifier_new(const gchar *name)
{
    BaridVerifier *self = g_new0(BaridVerifier, 1);

    self->name = g_strdup(name);
    self->signatures = g_ptr_array_new_with_free_func((GDestroyNotify)signature_free);
    return self;
}

void
barid_verifier_free(BaridVerifier *self)
{
    if (self == NULL)
        return;
    g_clear_pointer(&self->bodies, g_ptr_array_unref);
    g_ptr_array_unref(self->signatures);
    g_free(self->name);
    g_free(self);
}

void
barid_verifier_field(BaridVerifier *self, BaridSlice name, BaridSlice whole)
{
    BaridSignature *signature;

    if (!barid_slice_equal_nocase(name, barid_slice_from_text(self->name)))
        return;
    signature = signature_parse(whole);
    if (signature->reason == BARID_SIGNATURE_PENDING && self->n_pending++ >= BARID_SIGNATURES_MAX)
        signature->reason = BARID_SIGNATURE_TOO_MANY;
    g_ptr_array_add(self->signatures, signature);
}

static SignatureBody *
verifier_get_body(BaridVerifier *self, const BaridSignature *signature)
{
    SignatureBody *body;

    for (guint i = 0; i < self->bodies->len; i++) {
        body = g_ptr_array_index(self->bodies, i);
        if (body->canonical.form == signature->body_form &&
            body->canonical.limit == signature->limit)
            return body;
    }
    body = body_new(signature->body_form, signature->limit);
    g_ptr_array_add(self->bodies, body);
    return body;
}

static void
verifier_begin_body(BaridVerifier *self)
{
    if (self->bodies != NULL)
        return;
    self->bodies = g_ptr_array_new_with_free_func(body_free);
    for (guint i = 0; i < self->signatures->len; i++) {
        BaridSignature *signature = g_ptr_array_index(self->signatures, i);

        if (signature->reason == BARID_SIGNATURE_PENDING)
            signature->body = verifier_get_body(self, signature);
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
           memcmp(body->digest, signature->body_hash, SIGNATURE_DIGEST) == 0;
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
verifier_judge(BaridSignature *signature, BaridSlice record, const BaridHeaderIndex *header)
{
    guint8 digest[SIGNATURE_DIGEST];
    SignatureKey key;
    BaridSignatureReason reason = signature_key_parse(record, &key);

    if (reason != BARID_SIGNATURE_PENDING)
        return reason;
    signature->testing = key.testing;
    if (key.kind != signature->kind)
        return BARID_SIGNATURE_KEY_OTHER;
    if (key.strict && !verifier_is_exact(signature))
        return BARID_SIGNATURE_KEY_STRICT;
    signature_hash_header(signature, header, digest);
    reason = signature_key_verify(&key, digest, buffer_get_slice(&signature->bytes));
    if (reason == BARID_SIGNATURE_PASS &&
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
        signature->reason != BARID_SIGNATURE_EXPIRED &&
        signature->reason != BARID_SIGNATURE_BODY_CHANGED)
        signature->reason = verifier_judge(signature, record, header);
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
