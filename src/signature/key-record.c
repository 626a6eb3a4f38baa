/* SPDX-License-Identifier: Apache-2.0 */
/* Key records (RFC 6376 section 3.6.1, RFC 8463 section 4) and the public keys in them. */
#include "signature/signature-private.h"

#include <gnutls/abstract.h>

#include <barid/tag-list.h>

enum { KEY_BYTES_MAX = 1600, DER_EXTRA = 32, ED25519_BYTES = 32, EXPONENT_BYTES_MAX = 5 };

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
key_parse_method(const BaridTagList *tags, SignatureAlgorithm *out)
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
    SignatureKey key = {.method = SIGNATURE_RSA};
    const BaridTag *data;
    BaridTagList tags;

    if (barid_tag_list_parse(record, &tags) != BARID_TAG_LIST_OK || !key_check_version(&tags))
        return BARID_SIGNATURE_KEY_MALFORMED;
    data = barid_tag_list_find(&tags, "p");
    if (data == NULL)
        return BARID_SIGNATURE_KEY_MALFORMED;
    if (data->value.len == 0)
        return BARID_SIGNATURE_KEY_REVOKED;
    if (!key_parse_method(&tags, &key.method) || !key_allows(&tags, "h", "sha256", NULL) ||
        !key_allows(&tags, "s", "email", "*"))
        return BARID_SIGNATURE_KEY_OTHER;
    key.testing = key_has_flag(&tags, "y");
    key.strict = key_has_flag(&tags, "s");
    key.key = data->value;
    *out = key;
    return BARID_SIGNATURE_PENDING;
}

/* --- public keys --- */

static gsize
der_put(guint8 *out, gsize at, const void *bytes, gsize len)
{
    memcpy(out + at, bytes, len);
    return at + len;
}

static gsize
der_put_length(guint8 *out, gsize at, gsize len)
{
    const guint8 bytes[] = {0x82, (guint8)(len >> 8), (guint8)len};

    return der_put(out, at, bytes, sizeof bytes);
}

/* The standard shows an RSAPublicKey, nearly all publish a SubjectPublicKeyInfo (erratum 3017
 * of RFC 6376): the one is made the other. (out) has room for DER_EXTRA bytes more. */
static BaridSlice
der_wrap_rsa(BaridSlice key, guint8 *out)
{
    static const guint8 algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                       0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
    gsize at = der_put(out, 0, "\x30", 1);

    at = der_put_length(out, at, sizeof algorithm + 5 + key.len);
    at = der_put(out, at, algorithm, sizeof algorithm);
    at = der_put(out, at, "\x03", 1);
    at = der_put_length(out, at, key.len + 1);
    at = der_put(out, at, "\0", 1);
    return barid_slice(out, der_put(out, at, key.data, key.len));
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
    guint8 wrapped[KEY_BYTES_MAX + DER_EXTRA];
    gnutls_datum_t data = datum(bytes);

    if (gnutls_pubkey_import(key, &data, GNUTLS_X509_FMT_DER) == 0)
        return key_check_rsa(key);
    data = datum(der_wrap_rsa(bytes, wrapped));
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

/* Makes the public key, which is the caller's: BARID_SIGNATURE_PENDING with it. */
static BaridSignatureReason
key_import(const SignatureKey *self, gnutls_pubkey_t *out_key)
{
    guint8 bytes[KEY_BYTES_MAX];
    gsize n_bytes;
    gnutls_pubkey_t key;
    BaridSignatureReason reason;

    if (!barid_tag_value_decode_base64(self->key, bytes, sizeof bytes, &n_bytes))
        return BARID_SIGNATURE_KEY_MALFORMED;
    if (gnutls_pubkey_init(&key) < 0)
        return BARID_SIGNATURE_KEY_LOOKUP; /* short of memory: later it may work */
    reason = self->method == SIGNATURE_RSA ? key_import_rsa(key, barid_slice(bytes, n_bytes))
                                           : key_import_ed25519(key, barid_slice(bytes, n_bytes));
    if (reason == BARID_SIGNATURE_PENDING)
        *out_key = key;
    else
        gnutls_pubkey_deinit(key);
    return reason;
}

/* Ed25519 signs the hash as a message of its own (RFC 8463 section 3). */
BaridSignatureReason
signature_key_verify(const SignatureKey *self, const guint8 *digest, BaridSlice bytes)
{
    gnutls_datum_t hash = datum(barid_slice(digest, BARID_DIGEST_BYTES));
    gnutls_datum_t signature = datum(bytes);
    gnutls_pubkey_t key = NULL;
    BaridSignatureReason reason = key_import(self, &key);
    int status;

    if (reason != BARID_SIGNATURE_PENDING)
        return reason;
    status = self->method == SIGNATURE_RSA
                 ? gnutls_pubkey_verify_hash2(key, GNUTLS_SIGN_RSA_SHA256, 0, &hash, &signature)
                 : gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_EDDSA_ED25519, 0, &hash,
                                              &signature);
    gnutls_pubkey_deinit(key);
    return status < 0 ? BARID_SIGNATURE_FAILED : BARID_SIGNATURE_PASS;
}

BaridSignatureReason
barid_key_record_verify(BaridSlice record, BaridSlice algorithm, const guint8 *digest,
                        BaridSlice bytes)
{
    SignatureAlgorithm method;
    SignatureKey key;
    BaridSignatureReason reason = signature_algorithm_parse(algorithm, &method);

    if (reason == BARID_SIGNATURE_PENDING)
        reason = signature_key_parse(record, &key);
    if (reason != BARID_SIGNATURE_PENDING)
        return reason;
    return key.method == method ? signature_key_verify(&key, digest, bytes)
                                : BARID_SIGNATURE_KEY_OTHER;
}
