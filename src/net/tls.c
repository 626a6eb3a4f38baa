/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include <gnutls/x509.h>
#include <stdatomic.h>

#include "base/error-domain.h"
#include "base/i18n.h"
#include "base/text.h"

ERROR_DOMAIN_DEFINE(net_error_quark, "barid-net-error")

/* RFC 8996: nothing below TLS 1.2. The server's order counts: first what costs it least of
 * what is strong. With SHA-256 behind AES-128 and X25519 instead of P-256 a handshake takes a
 * quarter less of the processor (tests/bench/bench-relay.py --only tls). */
#define TLS_PRIORITIES                                                                      \
    "NORMAL:%SERVER_PRECEDENCE:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL"              \
    ":+AES-128-GCM:+CHACHA20-POLY1305:+AES-256-GCM:+AES-128-CCM:+AES-256-CCM"                \
    ":+AES-128-CBC:+AES-256-CBC:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-X448"       \
    ":+GROUP-SECP384R1:+GROUP-SECP521R1:+GROUP-FFDHE2048:+GROUP-FFDHE3072:+GROUP-FFDHE4096"

struct TlsServer {
    _Atomic guint references;
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
    gnutls_datum_t ticket_key;
};

void
tls_set_error(GError **error, int code, const gchar *what)
{
    g_set_error(error, NET_ERROR, BARID_ERROR_IO, "%s: %s", what, gnutls_strerror(code));
}

void
tls_set_handshake_error(GError **error, gnutls_session_t session, int code)
{
    gnutls_datum_t text = {NULL, 0};

    if (code == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR &&
        gnutls_certificate_verification_status_print(gnutls_session_get_verify_cert_status(session),
                                                     GNUTLS_CRT_X509, &text, 0) >= 0)
        g_set_error(error, NET_ERROR, BARID_ERROR_DENIED, "%s",
                    g_strchomp((gchar *)text.data));
    else
        tls_set_error(error, code, "TLS handshake");
    gnutls_free(text.data);
}

TlsServer *
tls_server_new(const TlsOptions *options, GError **error)
{
    const gchar *priorities =
        options != NULL && options->priorities != NULL ? options->priorities : TLS_PRIORITIES;
    g_autoptr(TlsServer) self = g_new0(TlsServer, 1);
    const char *bad = NULL;
    int code;

    self->references = 1;
    code = gnutls_certificate_allocate_credentials(&self->credentials);
    if (code >= 0)
        code = gnutls_priority_init(&self->priorities, priorities, &bad);
    if (code >= 0)
        code = gnutls_session_ticket_key_generate(&self->ticket_key);
    if (code < 0) {
        g_autofree gchar *what = g_strdup_printf("TLS priorities \"%s\"", priorities);

        tls_set_error(error, code, what);
        return NULL;
    }
    return g_steal_pointer(&self);
}

static gboolean
tls_certificate_check(int code, const gchar *what, GError **error)
{
    if (code >= 0)
        return TRUE;
    g_set_error(error, NET_ERROR, BARID_ERROR_INVALID, _("certificate %s: %s"), what,
                gnutls_strerror(code));
    return FALSE;
}

gboolean
tls_server_add_certificate(TlsServer *self, BaridSlice chain_pem, BaridSlice key_pem,
                           const gchar *what, GError **error)
{
    gnutls_datum_t chain = {(unsigned char *)(guintptr)chain_pem.data, (unsigned)chain_pem.len};
    gnutls_datum_t key = {(unsigned char *)(guintptr)key_pem.data, (unsigned)key_pem.len};
    int code = gnutls_certificate_set_x509_key_mem2(self->credentials, &chain, &key,
                                                    GNUTLS_X509_FMT_PEM, NULL, 0);

    return tls_certificate_check(code, what, error);
}

/* The chain's certificates in the order in which they are sent; caller frees the array, and
 * what is in it unless it was handed over. */
static int
tls_read_chain(BaridSlice pem, gnutls_pcert_st **out_chain, unsigned *out_len)
{
    gnutls_datum_t text = {(unsigned char *)(guintptr)pem.data, (unsigned)pem.len};
    gnutls_x509_crt_t *certificates = NULL;
    gnutls_pcert_st *chain = NULL;
    unsigned n_read = 0;
    unsigned n_used;
    int code = gnutls_x509_crt_list_import2(&certificates, &n_read, &text, GNUTLS_X509_FMT_PEM, 0);

    if (code < 0)
        return code;
    n_used = n_read;
    chain = gnutls_calloc(n_read, sizeof *chain);
    code = chain == NULL ? GNUTLS_E_MEMORY_ERROR
                         : gnutls_pcert_import_x509_list(chain, certificates, &n_used,
                                                         GNUTLS_X509_CRT_LIST_SORT);
    for (unsigned i = 0; i < n_read; i++)
        gnutls_x509_crt_deinit(certificates[i]);
    gnutls_free(certificates);
    if (code < 0)
        gnutls_free(chain);
    if (code < 0)
        return code;
    *out_chain = chain;
    *out_len = n_used;
    return 0;
}

gboolean
tls_server_add_key(TlsServer *self, BaridSlice chain_pem, gnutls_privkey_t key, const gchar *what,
                   GError **error)
{
    gnutls_pcert_st *chain = NULL;
    unsigned n_chain = 0;
    int code = tls_read_chain(chain_pem, &chain, &n_chain);

    if (code >= 0) {
        code = gnutls_certificate_set_key(self->credentials, NULL, 0, chain, (int)n_chain, key);
        for (unsigned i = 0; code < 0 && i < n_chain; i++)
            gnutls_pcert_deinit(&chain[i]);
        gnutls_free(chain);
    }
    if (code < 0)
        gnutls_privkey_deinit(key);
    return tls_certificate_check(code, what, error);
}

TlsServer *
tls_server_ref(TlsServer *self)
{
    atomic_fetch_add(&self->references, 1);
    return self;
}

void
tls_server_unref(TlsServer *self)
{
    if (self == NULL || atomic_fetch_sub(&self->references, 1) > 1)
        return;
    if (self->credentials != NULL)
        gnutls_certificate_free_credentials(self->credentials);
    if (self->priorities != NULL)
        gnutls_priority_deinit(self->priorities);
    if (self->ticket_key.data != NULL) {
        gnutls_memset(self->ticket_key.data, 0, self->ticket_key.size);
        gnutls_free(self->ticket_key.data);
    }
    g_free(self);
}

gnutls_session_t
tls_server_open_session(TlsServer *self, GError **error)
{
    gnutls_session_t session = NULL;
    int code = gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL |
                                         GNUTLS_NO_AUTO_SEND_TICKET);

    if (code >= 0)
        code = gnutls_priority_set(session, self->priorities);
    if (code >= 0)
        code = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, self->credentials);
    if (code >= 0)
        code = gnutls_session_ticket_enable_server(session, &self->ticket_key);
    if (code < 0) {
        tls_set_error(error, code, "cannot begin TLS");
        if (session != NULL)
            gnutls_deinit(session);
        return NULL;
    }
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_IGNORE);
    return session;
}

int
tls_server_send_ticket(gnutls_session_t session)
{
    return gnutls_session_ticket_send(session, 1, 0);
}

/* --- clients --- */

struct TlsTrust {
    _Atomic guint references;
    gnutls_certificate_credentials_t credentials;
};

static TlsTrust *
tls_trust_new(void)
{
    TlsTrust *self = g_new0(TlsTrust, 1);

    self->references = 1;
    gnutls_certificate_allocate_credentials(&self->credentials);
    return self;
}

/* The count of certificates that were read, or what went wrong. */
static TlsTrust *
tls_trust_check(TlsTrust *self, int count, const gchar *what, GError **error)
{
    if (count > 0)
        return self;
    g_set_error(error, NET_ERROR, BARID_ERROR_INVALID, "%s: %s", what,
                count == 0 ? _("there is no certificate in it") : gnutls_strerror(count));
    tls_trust_unref(self);
    return NULL;
}

TlsTrust *
tls_trust_new_system(GError **error)
{
    TlsTrust *self = tls_trust_new();
    int count = gnutls_certificate_set_x509_system_trust(self->credentials);

    return tls_trust_check(self, count, _("the system's certification authorities"), error);
}

TlsTrust *
tls_trust_new_pem(BaridSlice pem, const gchar *what, GError **error)
{
    TlsTrust *self = tls_trust_new();
    gnutls_datum_t text = {(unsigned char *)(guintptr)pem.data, (unsigned)pem.len};
    int count =
        gnutls_certificate_set_x509_trust_mem(self->credentials, &text, GNUTLS_X509_FMT_PEM);

    return tls_trust_check(self, count, what, error);
}

TlsTrust *
tls_trust_ref(TlsTrust *self)
{
    atomic_fetch_add(&self->references, 1);
    return self;
}

void
tls_trust_unref(TlsTrust *self)
{
    if (self == NULL || atomic_fetch_sub(&self->references, 1) > 1)
        return;
    gnutls_certificate_free_credentials(self->credentials);
    g_free(self);
}

/* One set of credentials serves all that check nothing: it holds nothing. */
static gnutls_certificate_credentials_t
tls_get_client_credentials(void)
{
    static gsize credentials;

    if (g_once_init_enter(&credentials)) {
        gnutls_certificate_credentials_t made = NULL;

        gnutls_certificate_allocate_credentials(&made);
        g_once_init_leave(&credentials, (gsize)made);
    }
    return (gnutls_certificate_credentials_t)credentials;
}

gnutls_session_t
tls_client_open_session(const TlsClientOptions *options, GError **error)
{
    const gchar *name = options->server_name;
    gnutls_session_t session = NULL;
    int code = gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);

    if (code >= 0)
        code = gnutls_set_default_priority(session);
    if (code >= 0)
        code = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE,
                                      options->trust != NULL ? options->trust->credentials
                                                             : tls_get_client_credentials());
    if (code >= 0 && name != NULL)
        code = gnutls_server_name_set(session, GNUTLS_NAME_DNS, name, strlen(name));
    if (code >= 0) {
        if (options->trust != NULL)
            gnutls_session_set_verify_cert(session, options->certificate_name, 0);
        return session;
    }
    tls_set_error(error, code, "cannot begin TLS");
    if (session != NULL)
        gnutls_deinit(session);
    return NULL;
}

void
tls_info_read(gnutls_session_t session, TlsInfo *out_info)
{
    gnutls_protocol_t version = gnutls_protocol_get_version(session);
    gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(session);
    g_autofree gchar *suite = NULL;
    size_t len = sizeof out_info->server_name - 1;
    unsigned type = 0;

    memset(out_info, 0, sizeof *out_info);
    out_info->version = version == GNUTLS_TLS1_3   ? "TLSv1.3"
                        : version == GNUTLS_TLS1_2 ? "TLSv1.2"
                                                   : gnutls_protocol_get_name(version);
    out_info->bits = (guint)gnutls_cipher_get_key_size(cipher) * 8;
    g_strlcpy(out_info->cipher, gnutls_ciphersuite_get(session), sizeof out_info->cipher);
    if (gnutls_server_name_get(session, out_info->server_name, &len, &type, 0) < 0 ||
        type != GNUTLS_NAME_DNS)
        out_info->server_name[0] = '\0';
}

/* --- a certificate of one's own --- */

typedef struct {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
} SelfSigned;

static int
self_signed_fill(SelfSigned *made, const gchar *hostname, gint64 now_ms)
{
    time_t now = (time_t)(now_ms / 1000);
    guint64 serial = GUINT64_TO_BE((guint64)now_ms);
    int code;

    code = gnutls_x509_privkey_generate(made->key, GNUTLS_PK_ECDSA,
                                        GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (code < 0)
        return code;
    gnutls_x509_crt_set_version(made->certificate, 3);
    gnutls_x509_crt_set_serial(made->certificate, &serial, sizeof serial);
    gnutls_x509_crt_set_activation_time(made->certificate, now - 3600);
    gnutls_x509_crt_set_expiration_time(made->certificate, now + 3650 * 86400L);
    gnutls_x509_crt_set_key(made->certificate, made->key);
    gnutls_x509_crt_set_dn_by_oid(made->certificate, GNUTLS_OID_X520_COMMON_NAME, 0, hostname,
                                  (unsigned)strlen(hostname));
    gnutls_x509_crt_set_subject_alt_name(made->certificate, GNUTLS_SAN_DNSNAME, hostname,
                                         (unsigned)strlen(hostname), GNUTLS_FSAN_SET);
    gnutls_x509_crt_set_key_purpose_oid(made->certificate, GNUTLS_KP_TLS_WWW_SERVER, 0);
    return gnutls_x509_crt_sign2(made->certificate, made->certificate, made->key,
                                 GNUTLS_DIG_SHA256, 0);
}

static int
self_signed_export(SelfSigned *made, gchar **out_chain_pem, gchar **out_key_pem)
{
    gnutls_datum_t chain = {NULL, 0};
    gnutls_datum_t key = {NULL, 0};
    int code = gnutls_x509_crt_export2(made->certificate, GNUTLS_X509_FMT_PEM, &chain);

    if (code >= 0)
        code = gnutls_x509_privkey_export2_pkcs8(made->key, GNUTLS_X509_FMT_PEM, NULL,
                                                 GNUTLS_PKCS_PLAIN, &key);
    if (code >= 0) {
        *out_chain_pem = g_strndup((const gchar *)chain.data, chain.size);
        *out_key_pem = g_strndup((const gchar *)key.data, key.size);
        gnutls_memset(key.data, 0, key.size);
    }
    gnutls_free(chain.data);
    gnutls_free(key.data);
    return code;
}

gboolean
tls_make_self_signed(const gchar *hostname, gint64 now_ms, gchar **out_chain_pem,
                     gchar **out_key_pem, GError **error)
{
    SelfSigned made = {NULL, NULL};
    int code = gnutls_x509_privkey_init(&made.key);

    if (code >= 0)
        code = gnutls_x509_crt_init(&made.certificate);
    if (code >= 0)
        code = self_signed_fill(&made, hostname, now_ms);
    if (code >= 0)
        code = self_signed_export(&made, out_chain_pem, out_key_pem);
    if (code < 0)
        tls_set_error(error, code, "cannot make a certificate");
    if (made.certificate != NULL)
        gnutls_x509_crt_deinit(made.certificate);
    if (made.key != NULL)
        gnutls_x509_privkey_deinit(made.key);
    return code >= 0;
}
