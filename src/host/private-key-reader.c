/* SPDX-License-Identifier: Apache-2.0 */
/* From a key's text to GnuTLS's form of it, with the reasons why not. */
#include "host/private-key.h"

#include "base/i18n.h"
#include "base/text.h"

/* A PKCS #8 block of RSA with 8192 bits has 6400 bytes; certificates may stand beside it. */
enum { KEY_TEXT_MAX = 64 * 1024, KEY_BLOCK_MAX = 16 * 1024 };

enum { ED25519_SEED_BYTES = 32, ED25519_SEED_TEXT = 44 };

#define PEM_BEGIN "-----BEGIN "
#define PEM_END "-----END "
#define PEM_DASHES "-----"

static const guint8 *
reader_find(BaridSlice text, const gchar *part)
{
    return text.len == 0 ? NULL : memmem(text.data, text.len, part, strlen(part));
}

static BaridSlice
reader_from(BaridSlice text, const guint8 *at)
{
    return barid_slice(at, (gsize)(text.data + text.len - at));
}

static void
reader_fail(GError **error, const gchar *why)
{
    g_set_error_literal(error, BARID_ERROR, BARID_ERROR_INVALID, why);
}

/* --- PEM --- */

typedef struct {
    BaridSlice label; /* between BEGIN and the dashes */
    BaridSlice block; /* with both of its lines */
} PemBlock;

/* Takes the next block off (text). */
static gboolean
pem_next(BaridSlice *text, PemBlock *out)
{
    const guint8 *begin = reader_find(*text, PEM_BEGIN);
    const guint8 *end;

    if (begin == NULL)
        return FALSE;
    out->block = reader_from(*text, begin);
    out->label = reader_from(*text, begin + strlen(PEM_BEGIN));
    end = reader_find(out->label, PEM_DASHES);
    if (end == NULL)
        return FALSE;
    out->label.len = (gsize)(end - out->label.data);
    *text = reader_from(*text, end + strlen(PEM_DASHES));
    end = reader_find(*text, PEM_END);
    if (end == NULL)
        return TRUE; /* to the end of the text */
    end = reader_find(reader_from(*text, end + strlen(PEM_END)), PEM_DASHES);
    if (end == NULL)
        return TRUE;
    out->block.len = (gsize)(end - out->block.data) + strlen(PEM_DASHES);
    *text = reader_from(*text, end + strlen(PEM_DASHES));
    return TRUE;
}

#define PEM_ECDSA "EC PRIVATE KEY" /* SEC 1 */

static const struct {
    const gchar *label;
    const gchar *why;
} pem_refusals[] = {
    {"ENCRYPTED PRIVATE KEY", N_("the key is encrypted: store it without a passphrase")},
    {PEM_ECDSA, N_("the key is for an elliptic curve; only RSA and Ed25519 can be used")},
    {"DSA PRIVATE KEY", N_("the key is a DSA key; only RSA and Ed25519 can be used")},
    {"OPENSSH PRIVATE KEY", N_("the key is in the format of OpenSSH; PEM is needed")},
};

/* Why a block of a private key is not even tried. */
static const gchar *
pem_why_not(const PemBlock *block, gboolean takes_ecdsa)
{
    gboolean is_welcome = takes_ecdsa && barid_slice_equal_text(block->label, PEM_ECDSA);

    for (guint i = 0; !is_welcome && i < G_N_ELEMENTS(pem_refusals); i++) {
        if (barid_slice_equal_text(block->label, pem_refusals[i].label))
            return _(pem_refusals[i].why);
    }
    /* RFC 1421 section 4.6.1.1. */
    if (reader_find(block->block, "Proc-Type: 4,ENCRYPTED") != NULL)
        return _(pem_refusals[0].why);
    return block->block.len > KEY_BLOCK_MAX ? _("the key has more than 8192 bits") : NULL;
}

static gnutls_x509_privkey_t
reader_import(BaridSlice bytes, gnutls_x509_crt_fmt_t format, GError **error)
{
    gnutls_datum_t datum = {(unsigned char *)(guintptr)bytes.data, (unsigned)bytes.len};
    gnutls_x509_privkey_t key = NULL;
    int code = gnutls_x509_privkey_init(&key);

    if (code >= 0)
        code = gnutls_x509_privkey_import(key, &datum, format);
    if (code >= 0)
        return key;
    g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID, _("the key cannot be read: %s"),
                gnutls_strerror(code));
    if (key != NULL)
        gnutls_x509_privkey_deinit(key);
    return NULL;
}

/* The first private key of several blocks. */
static gnutls_x509_privkey_t
reader_read_pem(BaridSlice text, gboolean takes_ecdsa, GError **error)
{
    static const gchar ending[] = "PRIVATE KEY";
    const gchar *why = _("there is no private key in the text");
    PemBlock block;

    while (pem_next(&text, &block)) {
        if (!text_ends_with(block.label, barid_slice_from_text(ending))) {
            why = _("there is a certificate or a public key in the text, but no private key");
            continue;
        }
        why = pem_why_not(&block, takes_ecdsa);
        if (why == NULL)
            return reader_import(block.block, GNUTLS_X509_FMT_PEM, error);
        break;
    }
    reader_fail(error, why);
    return NULL;
}

/* --- a bare seed --- */

static BaridSlice
reader_strip(BaridSlice text)
{
    while (text.len > 0 && g_ascii_isspace(text.data[0]))
        text = barid_slice(text.data + 1, text.len - 1);
    while (text.len > 0 && g_ascii_isspace(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* RFC 8410 section 7: the seed is all that a PKCS #8 key says beside these bytes. */
static gnutls_x509_privkey_t
reader_read_seed(BaridSlice text, GError **error)
{
    static const guint8 head[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                  0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
    gnutls_datum_t encoded = {(unsigned char *)(guintptr)text.data, (unsigned)text.len};
    gnutls_datum_t seed = {NULL, 0};
    guint8 der[sizeof head + ED25519_SEED_BYTES];
    gnutls_x509_privkey_t key = NULL;

    if (text.len == ED25519_SEED_TEXT && gnutls_base64_decode2(&encoded, &seed) >= 0 &&
        seed.size == ED25519_SEED_BYTES) {
        memcpy(der, head, sizeof head);
        memcpy(der + sizeof head, seed.data, seed.size);
        key = reader_import(barid_slice(der, sizeof der), GNUTLS_X509_FMT_DER, error);
        gnutls_memset(der, 0, sizeof der);
    } else {
        reader_fail(error, _("there is no private key in the text: neither PEM nor the base64 of "
                             "an Ed25519 seed"));
    }
    if (seed.data != NULL)
        gnutls_memset(seed.data, 0, seed.size);
    gnutls_free(seed.data);
    return key;
}

/* --- */

gnutls_x509_privkey_t
private_key_read(BaridSlice text, gboolean takes_ecdsa, GError **error)
{
    BaridSlice stripped = reader_strip(text);

    if (stripped.len == 0) {
        reader_fail(error, _("there is no key: the text is empty"));
        return NULL;
    }
    if (stripped.len > KEY_TEXT_MAX) {
        reader_fail(error, _("the text is longer than 64K: that is no key"));
        return NULL;
    }
    return reader_find(stripped, PEM_BEGIN) != NULL
               ? reader_read_pem(stripped, takes_ecdsa, error)
               : reader_read_seed(stripped, error);
}
