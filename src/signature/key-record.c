/* SPDX-License-Identifier: Apache-2.0 */
/* Key records (RFC 6376 section 3.6.1, RFC 8463 section 4) and the public keys in them. */
#include "host/signature-private.h"

#include <barid/tag-list.h>

enum { KEY_BYTES_MAX = 2048, ED25519_BYTES = 32, EXPONENT_BYTES_MAX = 5 };

/* "v=", where it is, stands first and is the only one that we know. */
static gboolean
key_check_version(const BaridTagList *tags)
{
    const BaridTag *version = barid_tag_list_find(tags, "v");

    return version == NULL ||
           (version == &tags->tags[0] && barid_slice_equal_text(version->value, "DKIM1"));
}

/* Whether a list with colons has (word) or (other); a missing list has all. */
static gboolean
key_allows(const BaridTagList *tags, const gchar *name, const gchar *word, const gchar *other)
{
    const BaridTag *tag = barid_tag_list_find(tags, name);
    BaridTagItems items;
    BaridSlice item;

    if (tag == NULL)
        return TRUE;
    items = barid_tag_items(tag->value);
    while (barid_tag_items_next(&items, ':', &item)) {
        if (barid_slice_equal_text(item, word) ||
            (other != NULL && barid_slice_equal_text(item, other)))
            return TRUE;
    }
    return FALSE;
}

static gboolean
key_has_flag(const BaridTagList *tags, const gchar *flag)
{
    return barid_tag_list_find(tags, "t") != NULL && key_allows(tags, "t", flag, NULL);
}

static gboolean
key_parse_kind(const BaridTagList *tags, SignatureKind *out)
{
    const BaridTag *tag = barid_tag_list_find(tags, "k");

    *out = SIGNATURE_RSA;
    if (tag == NULL || barid_slice_equal_text(tag->value, "rsa"))
        return TRUE;
    *out = SIGNATURE_ED25519;
    return barid_slice_equal_text(tag->value, "ed25519");
}

BaridSignatureReason
signature_key_parse(BaridSlice record, SignatureKey *out)
{
    SignatureKey key = {.kind = SIGNATURE_RSA};
    const BaridTag *data;
    BaridTagList tags;

    if (barid_tag_list_parse(record, &tags) != BARID_TAG_LIST_OK || !key_check_version(&tags))
        return BARID_SIGNATURE_KEY_MALFORMED;
    data = barid_tag_list_find(&tags, "p");
    if (data == NULL)
        return BARID_SIGNATURE_KEY_MALFORMED;
    if (data->value.len == 0)
        return BARID_SIGNATURE_KEY_REVOKED;
    if (!key_parse_kind(&tags, &key.kind) || !key_allows(&tags, "h", "sha256", NULL) ||
        !key_allows(&tags, "s", "email", "*"))
        return BARID_SIGNATURE_KEY_OTHER;
    key.testing = key_has_flag(&tags, "y");
    key.strict = key_has_flag(&tags, "s");
    key.key = data->value;
    *out = key;
    return BARID_SIGNATURE_PENDING;
}

/* --- public keys --- */

static void
der_put_length(Buffer *out, gsize len)
{
    guint8 bytes[] = {0x82, (guint8)(len >> 8), (guint8)len};

    buffer_append(out, bytes, sizeof bytes);
}

/* The standard shows an RSAPublicKey, nearly all publish a SubjectPublicKeyInfo (erratum 3017
 * of RFC 6376): the one is made the other. */
static void
der_wrap_rsa(BaridSlice key, Buffer *out)
{
    static const guint8 algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                       0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};

    buffer_append(out, "\x30", 1);
    der_put_length(out, sizeof algorithm + 5 + key.len);
    buffer_append(out, algorithm, sizeof algorithm);
    buffer_append(out, "\x03", 1);
    der_put_length(out, key.len + 1);
    buffer_append(out, "\0", 1);
    buffer_append(out, key.data, key.len);
}

static gnutls_datum_t
datum(BaridSlice bytes)
{
    return (gnutls_datum_t){.data = (guint8 *)(guintptr)bytes.data, .size = (guint)bytes.len};
}

/* An exponent of any size would make a verification as slow as its sender likes. */
static BaridSignatureReason
key_check_rsa(gnutls_pubkey_t key)
{
    gnutls_datum_t modulus = {0}, exponent = {0};
    guint bits = 0;
    BaridSignatureReason reason = BARID_SIGNATURE_PENDING;

    if (gnutls_pubkey_get_pk_algorithm(key, &bits) != GNUTLS_PK_RSA ||
        gnutls_pubkey_export_rsa_raw(key, &modulus, &exponent) < 0)
        return BARID_SIGNATURE_KEY_MALFORMED;
    if (bits < SIGNATURE_RSA_MIN)
        reason = BARID_SIGNATURE_KEY_SHORT;
    else if (bits > SIGNATURE_RSA_MAX || exponent.size > EXPONENT_BYTES_MAX)
        reason = BARID_SIGNATURE_KEY_HUGE;
    gnutls_free(modulus.data);
    gnutls_free(exponent.data);
    return reason;
}

static BaridSignatureReason
key_import_rsa(gnutls_pubkey_t key, BaridSlice bytes)
{
    g_auto(Buffer) wrapped = {0};
    gnutls_datum_t data = datum(bytes);

    if (gnutls_pubkey_import(key, &data, GNUTLS_X509_FMT_DER) == 0)
        return key_check_rsa(key);
    buffer_init(&wrapped, KEY_BYTES_MAX + 64);
    der_wrap_rsa(bytes, &wrapped);
    data = datum(buffer_get_slice(&wrapped));
    if (gnutls_pubkey_import(key, &data, GNUTLS_X509_FMT_DER) == 0)
        return key_check_rsa(key);
    return BARID_SIGNATURE_KEY_MALFORMED;
}

static BaridSignatureReason
key_import_ed25519(gnutls_pubkey_t key, BaridSlice bytes)
{
    gnutls_datum_t data = datum(bytes);

    return bytes.len == ED25519_BYTES &&
                   gnutls_pubkey_import_ecc_raw(key, GNUTLS_ECC_CURVE_ED25519, &data, NULL) == 0
               ? BARID_SIGNATURE_PENDING
               : BARID_SIGNATURE_KEY_MALFORMED;
}

BaridSignatureReason
signature_key_import(const SignatureKey *self, gnutls_pubkey_t *out_key)
{
    g_auto(Buffer) bytes = {0};
    gnutls_pubkey_t key;
    BaridSignatureReason reason;

    buffer_init(&bytes, KEY_BYTES_MAX);
    if (!barid_tag_value_decode_base64(self->key, &bytes))
        return BARID_SIGNATURE_KEY_MALFORMED;
    if (gnutls_pubkey_init(&key) < 0)
        return BARID_SIGNATURE_KEY_LOOKUP; /* short of memory: later it may work */
    reason = self->kind == SIGNATURE_RSA ? key_import_rsa(key, buffer_get_slice(&bytes))
                                         : key_import_ed25519(key, buffer_get_slice(&bytes));
    if (reason == BARID_SIGNATURE_PENDING)
        *out_key = key;
    else
        gnutls_pubkey_deinit(key);
    return reason;
}

/* Ed25519 signs the hash as a message of its own (RFC 8463 section 3). */
BaridSignatureReason
signature_key_verify(const SignatureKey *self, const guint8 *digest, BaridSlice signature)
{
    gnutls_datum_t hash = datum(barid_slice(digest, SIGNATURE_DIGEST));
    gnutls_datum_t bytes = datum(signature);
    gnutls_pubkey_t key = NULL;
    BaridSignatureReason reason = signature_key_import(self, &key);
    int status;

    if (reason != BARID_SIGNATURE_PENDING)
        return reason;
    status = self->kind == SIGNATURE_RSA
                 ? gnutls_pubkey_verify_hash2(key, GNUTLS_SIGN_RSA_SHA256, 0, &hash, &bytes)
                 : gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_EDDSA_ED25519, 0, &hash, &bytes);
    gnutls_pubkey_deinit(key);
    return status < 0 ? BARID_SIGNATURE_FAILED : BARID_SIGNATURE_PASS;
}
