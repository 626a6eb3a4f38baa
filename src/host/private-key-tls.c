/* SPDX-License-Identifier: Apache-2.0 */
/* A private key as GnuTLS's TLS server takes it: signatures by our drivers, the rest by
 * GnuTLS. */
#include <gnutls/crypto.h>

#include "host/private-key.h"

enum { TLS_PREMASTER_BYTES = 48 }; /* RFC 5246 section 7.4.7.1 */

typedef struct {
    BaridPrivateKey *key;
    const Host *host;
} TlsKey;

static void
tls_key_free(gnutls_privkey_t key G_GNUC_UNUSED, void *data)
{
    TlsKey *self = data;

    barid_private_key_free(self->key);
    g_free(self);
}

/* In TLS 1.3 a curve has its hash (RFC 8446 section 4.2.3); (curve_bits) is 0 where any key of
 * the kind will do. */
static const struct {
    gnutls_sign_algorithm_t algorithm;
    BaridSignOperation operation;
    guint curve_bits;
} tls_operations[] = {
    {GNUTLS_SIGN_RSA_SHA256, BARID_SIGN_RSA_PKCS1, 0},
    {GNUTLS_SIGN_RSA_SHA384, BARID_SIGN_RSA_PKCS1, 0},
    {GNUTLS_SIGN_RSA_SHA512, BARID_SIGN_RSA_PKCS1, 0},
    {GNUTLS_SIGN_RSA_PSS_RSAE_SHA256, BARID_SIGN_RSA_PSS, 0},
    {GNUTLS_SIGN_RSA_PSS_RSAE_SHA384, BARID_SIGN_RSA_PSS, 0},
    {GNUTLS_SIGN_RSA_PSS_RSAE_SHA512, BARID_SIGN_RSA_PSS, 0},
    {GNUTLS_SIGN_ECDSA_SHA256, BARID_SIGN_ECDSA, 0},
    {GNUTLS_SIGN_ECDSA_SHA384, BARID_SIGN_ECDSA, 0},
    {GNUTLS_SIGN_ECDSA_SHA512, BARID_SIGN_ECDSA, 0},
    {GNUTLS_SIGN_ECDSA_SECP256R1_SHA256, BARID_SIGN_ECDSA, 256},
    {GNUTLS_SIGN_ECDSA_SECP384R1_SHA384, BARID_SIGN_ECDSA, 384},
    {GNUTLS_SIGN_ECDSA_SECP521R1_SHA512, BARID_SIGN_ECDSA, 528}, /* as GnuTLS counts */
};

static gboolean
tls_key_find_operation(const TlsKey *self, gnutls_sign_algorithm_t algorithm,
                       BaridSignOperation *out)
{
    gboolean is_rsa = barid_private_key_get_kind(self->key) == BARID_KEY_RSA;
    guint bits = barid_private_key_get_bits(self->key);

    for (guint i = 0; i < G_N_ELEMENTS(tls_operations); i++) {
        if (tls_operations[i].algorithm == algorithm &&
            is_rsa == (tls_operations[i].operation != BARID_SIGN_ECDSA) &&
            (tls_operations[i].curve_bits == 0 || tls_operations[i].curve_bits == bits)) {
            *out = tls_operations[i].operation;
            return TRUE;
        }
    }
    return FALSE;
}

static int
tls_key_sign(TlsKey *self, BaridSignOperation operation, BaridSlice digest,
             gnutls_datum_t *signature)
{
    guint8 out[BARID_SIGNED_BYTES_MAX];
    gsize len;

    /* A handshake is under way: nothing may suspend inside of GnuTLS. */
    if (!private_key_sign_here(self->key, self->host, operation, digest, out, &len, NULL))
        return GNUTLS_E_PK_SIGN_FAILED;
    signature->data = gnutls_malloc(len);
    if (signature->data == NULL)
        return GNUTLS_E_MEMORY_ERROR;
    memcpy(signature->data, out, len);
    signature->size = (unsigned)len;
    return 0;
}

static int
tls_key_sign_data(gnutls_privkey_t key G_GNUC_UNUSED, gnutls_sign_algorithm_t algorithm,
                  void *data, unsigned flags, const gnutls_datum_t *text,
                  gnutls_datum_t *signature)
{
    gnutls_digest_algorithm_t hash = gnutls_sign_get_hash_algorithm(algorithm);
    guint8 digest[64]; /* SHA-512's is the longest */
    TlsKey *self = data;
    BaridSignOperation operation;
    int code;

    if (!tls_key_find_operation(self, algorithm, &operation))
        return gnutls_privkey_sign_data2(private_key_get_plain(self->key), algorithm, flags, text,
                                         signature);
    code = gnutls_hash_fast(hash, text->data, text->size, digest);
    if (code < 0)
        return code;
    return tls_key_sign(self, operation, barid_slice(digest, gnutls_hash_get_len(hash)),
                        signature);
}

/* With PKCS #1 padding the digest comes inside of its DigestInfo (RFC 8017 section 9.2). */
static int
tls_key_sign_info(TlsKey *self, unsigned flags, const gnutls_datum_t *info,
                  gnutls_datum_t *signature)
{
    gnutls_digest_algorithm_t hash = GNUTLS_DIG_UNKNOWN;
    guint8 digest[64];
    unsigned len = sizeof digest;

    if (gnutls_decode_ber_digest_info(info, &hash, digest, &len) >= 0 &&
        (hash == GNUTLS_DIG_SHA256 || hash == GNUTLS_DIG_SHA384 || hash == GNUTLS_DIG_SHA512))
        return tls_key_sign(self, BARID_SIGN_RSA_PKCS1, barid_slice(digest, len), signature);
    return gnutls_privkey_sign_hash2(private_key_get_plain(self->key), GNUTLS_SIGN_RSA_RAW, flags,
                                     info, signature);
}

static int
tls_key_sign_hash(gnutls_privkey_t key G_GNUC_UNUSED, gnutls_sign_algorithm_t algorithm,
                  void *data, unsigned flags, const gnutls_datum_t *hash,
                  gnutls_datum_t *signature)
{
    TlsKey *self = data;
    BaridSignOperation operation;

    if (algorithm == GNUTLS_SIGN_RSA_RAW)
        return tls_key_sign_info(self, flags, hash, signature);
    if (tls_key_find_operation(self, algorithm, &operation))
        return tls_key_sign(self, operation, barid_slice(hash->data, hash->size), signature);
    return gnutls_privkey_sign_hash2(private_key_get_plain(self->key), algorithm, flags, hash,
                                     signature);
}

/* For the key exchange of old clients. What is no premaster secret gives random bytes, without
 * a difference that could be measured (RFC 5246 section 7.4.7.1). */
static int
tls_key_decrypt(gnutls_privkey_t key G_GNUC_UNUSED, void *data, const gnutls_datum_t *sealed,
                gnutls_datum_t *plain)
{
    TlsKey *self = data;

    plain->data = gnutls_malloc(TLS_PREMASTER_BYTES);
    if (plain->data == NULL)
        return GNUTLS_E_MEMORY_ERROR;
    plain->size = TLS_PREMASTER_BYTES;
    barid_random(plain->data, plain->size);
    gnutls_privkey_decrypt_data2(private_key_get_plain(self->key), 0, sealed, plain->data,
                                 plain->size);
    return 0;
}

static int
tls_key_inform(gnutls_privkey_t key G_GNUC_UNUSED, unsigned flags, void *data)
{
    const TlsKey *self = data;
    gboolean is_rsa = barid_private_key_get_kind(self->key) == BARID_KEY_RSA;
    BaridSignOperation ignored;

    if ((flags & GNUTLS_PRIVKEY_INFO_PK_ALGO) != 0)
        return is_rsa ? GNUTLS_PK_RSA : GNUTLS_PK_ECDSA;
    if ((flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS) != 0)
        return (int)barid_private_key_get_bits(self->key);
    if ((flags & GNUTLS_PRIVKEY_INFO_SIGN_ALGO) != 0)
        return is_rsa ? GNUTLS_SIGN_RSA_SHA256 : GNUTLS_SIGN_ECDSA_SHA256;
    if ((flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) != 0)
        return tls_key_find_operation(self, GNUTLS_FLAGS_TO_SIGN_ALGO(flags), &ignored) ? 1 : 0;
    return -1;
}

gnutls_privkey_t
private_key_open_tls(const Host *host, BaridSlice pem)
{
    g_autoptr(BaridPrivateKey) key = NULL;
    gnutls_privkey_t made = NULL;
    TlsKey *self;

    if (!private_key_has_driver(host, BARID_KEY_RSA) &&
        !private_key_has_driver(host, BARID_KEY_ECDSA))
        return NULL;
    key = private_key_new_of_certificate(pem, NULL);
    if (key == NULL || barid_private_key_get_kind(key) == BARID_KEY_ED25519 ||
        !private_key_has_driver(host, barid_private_key_get_kind(key)) ||
        gnutls_privkey_init(&made) < 0)
        return NULL;
    self = g_new0(TlsKey, 1);
    *self = (TlsKey){.key = g_steal_pointer(&key), .host = host};
    if (gnutls_privkey_import_ext4(made, self, tls_key_sign_data, tls_key_sign_hash,
                                   tls_key_decrypt, tls_key_free, tls_key_inform, 0) >= 0)
        return made;
    tls_key_free(NULL, self);
    gnutls_privkey_deinit(made);
    return NULL;
}
