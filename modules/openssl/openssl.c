/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA and ECDSA keys by libcrypto, whose private-key operations are several times faster than
 * those of GnuTLS. Ed25519 is not: it stays with the core. Blinding is the library's default and
 * is left on, so that timing tells nothing of a key. One key serves all threads; each signature
 * has a context of its own.
 */
#include <libintl.h>

#include <barid/barid.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* Told in the language of who calls baridctl. */
#define _(text) dgettext(GETTEXT_PACKAGE, text)

enum { ERROR_TEXT_MAX = 256 };

/* Says why the last call failed and forgets it: the queue of errors is the thread's, which
 * other users of the library share. */
static void
openssl_fail(const gchar *what, GError **error)
{
    gchar text[ERROR_TEXT_MAX] = "no reason given";
    unsigned long code = ERR_get_error();

    if (code != 0)
        ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    g_set_error(error, BARID_ERROR, BARID_ERROR_FAILED, "%s: %s", what, text);
}

static const BaridKeysDriver driver;

typedef struct {
    EVP_PKEY *key;
    /* ECDSA: one that is ready to sign. A copy costs a fifth less than to look everything up. */
    EVP_PKEY_CTX *ready;
} OpensslKey;

static void
openssl_close(gpointer data)
{
    OpensslKey *self = data;

    EVP_PKEY_CTX_free(self->ready);
    EVP_PKEY_free(self->key); /* which wipes the private numbers */
    g_free(self);
}

static OpensslKey *
openssl_key_new(EVP_PKEY *key, BaridKeyKind kind)
{
    OpensslKey *self = g_new0(OpensslKey, 1);

    self->key = key;
    if (kind != BARID_KEY_ECDSA)
        return self;
    self->ready = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (self->ready != NULL && EVP_PKEY_sign_init(self->ready) > 0)
        return self;
    openssl_close(self);
    return NULL;
}

static gpointer
openssl_open(BaridKeyKind kind, BaridSlice der, GError **error)
{
    const unsigned char *at = der.data;
    OpensslKey *self = NULL;
    EVP_PKEY *key;

    if ((driver.kinds & (1u << kind)) == 0) {
        g_set_error_literal(error, BARID_ERROR, BARID_ERROR_UNSUPPORTED,
                            "only RSA and ECDSA are taken");
        return NULL;
    }
    key = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
    if (key != NULL &&
        EVP_PKEY_get_base_id(key) == (kind == BARID_KEY_RSA ? EVP_PKEY_RSA : EVP_PKEY_EC))
        self = openssl_key_new(g_steal_pointer(&key), kind);
    EVP_PKEY_free(key);
    if (self == NULL)
        openssl_fail("reading the key", error);
    return self;
}

static const EVP_MD *
openssl_find_digest(gsize len)
{
    switch (len) {
    case 32:
        return EVP_sha256();
    case 48:
        return EVP_sha384();
    case 64:
        return EVP_sha512();
    default:
        return NULL;
    }
}

static gboolean
openssl_prepare_rsa(EVP_PKEY_CTX *context, BaridSignOperation operation, const EVP_MD *digest)
{
    gboolean pss = operation == BARID_SIGN_RSA_PSS;

    return EVP_PKEY_sign_init(context) > 0 &&
           EVP_PKEY_CTX_set_rsa_padding(context,
                                        pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) > 0 &&
           EVP_PKEY_CTX_set_signature_md(context, digest) > 0 &&
           (!pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) > 0);
}

/* A context to sign with; NULL when that fails. */
static EVP_PKEY_CTX *
openssl_prepare(const OpensslKey *self, BaridSignOperation operation, const EVP_MD *digest)
{
    EVP_PKEY_CTX *context;

    if ((operation == BARID_SIGN_ECDSA) != (self->ready != NULL))
        return NULL;
    if (self->ready != NULL)
        return EVP_PKEY_CTX_dup(self->ready);
    context = EVP_PKEY_CTX_new_from_pkey(NULL, self->key, NULL);
    if (context != NULL && openssl_prepare_rsa(context, operation, digest))
        return context;
    EVP_PKEY_CTX_free(context);
    return NULL;
}

static gboolean
openssl_sign(gpointer key, BaridSignOperation operation, BaridSlice data, guint8 *out,
             gsize *out_len, GError **error)
{
    const EVP_MD *digest = openssl_find_digest(data.len);
    size_t len = BARID_SIGNED_BYTES_MAX;
    EVP_PKEY_CTX *context;
    gboolean ok;

    if (digest == NULL || operation == BARID_SIGN_ED25519 || operation > BARID_SIGN_ECDSA) {
        g_set_error_literal(error, BARID_ERROR, BARID_ERROR_UNSUPPORTED,
                            "there is no such operation");
        return FALSE;
    }
    context = openssl_prepare(key, operation, digest);
    ok = context != NULL && EVP_PKEY_sign(context, out, &len, data.data, data.len) > 0;
    EVP_PKEY_CTX_free(context);
    if (ok)
        *out_len = len;
    else
        openssl_fail("signing", error);
    return ok;
}

static const BaridKeysDriver driver = {
    .struct_size = sizeof(BaridKeysDriver),
    .kinds = 1u << BARID_KEY_RSA | 1u << BARID_KEY_ECDSA,
    .open = openssl_open,
    .close = openssl_close,
    .sign = openssl_sign,
};

static gboolean
openssl_has(const gchar *algorithm)
{
    EVP_SIGNATURE *found = EVP_SIGNATURE_fetch(NULL, algorithm, NULL);

    EVP_SIGNATURE_free(found);
    return found != NULL;
}

/* What the library loads it loads now, from files that are out of reach once the worker is
 * confined: its configuration, and the provider of the algorithms with it. */
static gboolean
openssl_start(BaridStart *start G_GNUC_UNUSED, const void *settings G_GNUC_UNUSED,
              gpointer *out_state G_GNUC_UNUSED, GError **error)
{
    if (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) !=
        1) {
        openssl_fail(_("starting libcrypto"), error);
        return FALSE;
    }
    if (openssl_has("RSA") && openssl_has("ECDSA"))
        return TRUE;
    openssl_fail(_("libcrypto has no RSA or no ECDSA"), error);
    return FALSE;
}

static const BaridProvider providers[] = {
    {BARID_PROVIDER_KEYS, "openssl", &driver},
    {BARID_PROVIDER_END, NULL, NULL},
};

BARID_MODULE_DEFINE(openssl) = {
    BARID_MODULE_HEADER,
    .name = "openssl",
    .version = PACKAGE_VERSION,
    .summary = N_("Computes with RSA and ECDSA keys faster"),
    .needs = BARID_USES_SECRETS,
    .providers = providers,
    .start = openssl_start,
};
