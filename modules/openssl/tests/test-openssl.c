/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/log.h"
#include "host/private-key.h"
#include "net/tls.h"

extern const BaridModule openssl_LTX_barid_module;

static const BaridKeysDriver *
get_driver(void)
{
    return openssl_LTX_barid_module.providers[0].driver;
}

static gchar *
make_key(guint bits)
{
    gchar *text = private_key_generate(BARID_KEY_RSA, bits, NULL);

    ck_assert(text != NULL);
    return text;
}

/* Nobody makes such a key but for certificates, which come from elsewhere. */
static gchar *
make_ecdsa_key(guint bits)
{
    gnutls_ecc_curve_t curve = bits == 521   ? GNUTLS_ECC_CURVE_SECP521R1
                               : bits == 384 ? GNUTLS_ECC_CURVE_SECP384R1
                                             : GNUTLS_ECC_CURVE_SECP256R1;
    gnutls_x509_privkey_t key;
    gnutls_datum_t pem = {NULL, 0};
    gchar *text;

    gnutls_x509_privkey_init(&key);
    ck_assert_int_ge(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                                  GNUTLS_CURVE_TO_BITS(curve), 0), 0);
    ck_assert_int_ge(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
    text = g_strndup((const gchar *)pem.data, pem.size);
    gnutls_free(pem.data);
    gnutls_x509_privkey_deinit(key);
    return text;
}

static Host *
make_host(void)
{
    static const gchar *const folders[] = {NULL};
    ConfigFiles *files = config_files_new_text("test", "");
    g_autoptr(ConfigProblems) problems = config_problems_new();
    ConfigTree *tree = config_tree_parse(files, problems);
    Host *host = host_new(folders);
    SettingsContext context;

    ck_assert(host_add_module(host, &openssl_LTX_barid_module, NULL));
    settings_context_init(&context, tree, problems, NULL);
    ck_assert(host_bind(host, &context));
    ck_assert(host_start(host, NULL));
    settings_context_clear(&context);
    config_tree_free(tree);
    config_files_free(files);
    return host;
}

/* What the host counted for the module under (name). */
static gint64
get_count(const gchar *name)
{
    g_autofree gchar *full = g_strconcat("module.openssl.keys.", name, NULL);

    return (gint64)counter_get(counter_register(g_intern_string(full)));
}

static gnutls_pubkey_t
get_public(const BaridPrivateKey *key)
{
    gnutls_pubkey_t public;

    gnutls_pubkey_init(&public);
    ck_assert_int_ge(gnutls_pubkey_import_privkey(public, private_key_get_plain(key), 0, 0), 0);
    return public;
}

/* --- operations --- */

static const struct {
    guint bits;
    BaridSignOperation operation;
    gnutls_digest_algorithm_t hash;
    gnutls_sign_algorithm_t verified_as;
} operations[] = {
    {1024, BARID_SIGN_RSA_PKCS1, GNUTLS_DIG_SHA256, GNUTLS_SIGN_RSA_SHA256},
    {2048, BARID_SIGN_RSA_PKCS1, GNUTLS_DIG_SHA256, GNUTLS_SIGN_RSA_SHA256},
    {2048, BARID_SIGN_RSA_PKCS1, GNUTLS_DIG_SHA384, GNUTLS_SIGN_RSA_SHA384},
    {2048, BARID_SIGN_RSA_PKCS1, GNUTLS_DIG_SHA512, GNUTLS_SIGN_RSA_SHA512},
    {2048, BARID_SIGN_RSA_PSS, GNUTLS_DIG_SHA256, GNUTLS_SIGN_RSA_PSS_RSAE_SHA256},
    {2048, BARID_SIGN_RSA_PSS, GNUTLS_DIG_SHA384, GNUTLS_SIGN_RSA_PSS_RSAE_SHA384},
    {2048, BARID_SIGN_RSA_PSS, GNUTLS_DIG_SHA512, GNUTLS_SIGN_RSA_PSS_RSAE_SHA512},
    {4104, BARID_SIGN_RSA_PKCS1, GNUTLS_DIG_SHA256, GNUTLS_SIGN_RSA_SHA256},
    {256, BARID_SIGN_ECDSA, GNUTLS_DIG_SHA256, GNUTLS_SIGN_ECDSA_SHA256},
    {256, BARID_SIGN_ECDSA, GNUTLS_DIG_SHA512, GNUTLS_SIGN_ECDSA_SHA512},
    {384, BARID_SIGN_ECDSA, GNUTLS_DIG_SHA384, GNUTLS_SIGN_ECDSA_SHA384},
    {521, BARID_SIGN_ECDSA, GNUTLS_DIG_SHA512, GNUTLS_SIGN_ECDSA_SHA512},
};

START_TEST(test_operation)
{
    const typeof(operations[0]) *row = &operations[_i];
    gboolean is_rsa = row->operation != BARID_SIGN_ECDSA;
    g_autofree gchar *text = is_rsa ? make_key(row->bits) : make_ecdsa_key(row->bits);
    Host *host = make_host();
    BaridPrivateKey *key = private_key_new_of_certificate(barid_slice_from_text(text), NULL);
    gnutls_pubkey_t public = get_public(key);
    gint64 before = get_count("signatures");
    guint8 digest[64];
    guint8 out[BARID_SIGNED_BYTES_MAX];
    gsize len = 0;
    gnutls_datum_t hash = {digest, (unsigned)gnutls_hash_get_len(row->hash)};

    gnutls_hash_fast(row->hash, "letter", 6, digest);
    for (guint i = 0; i < 3; i++) {
        gnutls_datum_t made = {out, 0};

        ck_assert(private_key_sign(key, host, row->operation, barid_slice(digest, hash.size), out,
                                   &len, NULL));
        ck_assert(!is_rsa || len == (row->bits + 7) / 8);
        made.size = (unsigned)len;
        ck_assert_int_ge(gnutls_pubkey_verify_hash2(public, row->verified_as, 0, &hash, &made), 0);
    }
    ck_assert_int_eq(get_count("signatures"), before + 3);
    gnutls_pubkey_deinit(public);
    barid_private_key_free(key);
    host_free(host);
}
END_TEST

START_TEST(test_refusals)
{
    const BaridKeysDriver *driver = get_driver();
    g_autofree gchar *text = make_key(1024);
    gnutls_datum_t pem = {(unsigned char *)text, (unsigned)strlen(text)};
    gnutls_datum_t der = {NULL, 0};
    guint8 out[BARID_SIGNED_BYTES_MAX];
    guint8 digest[64] = {0};
    g_autoptr(GError) error = NULL;
    gsize len = 7;
    gpointer key;

    ck_assert(driver->open(BARID_KEY_RSA, BARID_SLICE_LITERAL("nonsense"), &error) == NULL);
    ck_assert(g_error_matches(error, BARID_ERROR, BARID_ERROR_FAILED));
    g_clear_error(&error);
    ck_assert(driver->open(BARID_KEY_RSA, BARID_SLICE_EMPTY, NULL) == NULL);
    gnutls_pem_base64_decode2("PRIVATE KEY", &pem, &der);
    ck_assert(driver->open(BARID_KEY_ED25519, barid_slice(der.data, der.size), NULL) == NULL);
    key = driver->open(BARID_KEY_RSA, barid_slice(der.data, der.size), NULL);
    gnutls_free(der.data);
    ck_assert(key != NULL);
    ck_assert(!driver->sign(key, BARID_SIGN_ED25519, barid_slice(digest, 32), out, &len, &error));
    ck_assert(g_error_matches(error, BARID_ERROR, BARID_ERROR_UNSUPPORTED));
    g_clear_error(&error);
    ck_assert(!driver->sign(key, BARID_SIGN_RSA_PKCS1, barid_slice(digest, 20), out, &len, NULL));
    /* A digest and a salt of 64 bytes do not fit into 128. */
    ck_assert(!driver->sign(key, BARID_SIGN_RSA_PSS, barid_slice(digest, 64), out, &len, &error));
    ck_assert(g_error_matches(error, BARID_ERROR, BARID_ERROR_FAILED));
    ck_assert_uint_eq(len, 7);
    driver->close(key);
}
END_TEST

/* --- threads --- */

enum { THREADS = 4, SIGNATURES_EACH = 50 };

typedef struct {
    BaridPrivateKey *key;
    Host *host;
    guint8 first; /* of the digest: each thread signs something else */
    gboolean ok;
} ThreadSigner;

static gpointer
sign_often(gpointer data)
{
    ThreadSigner *self = data;
    gnutls_pubkey_t public = get_public(self->key);
    guint8 digest[BARID_DIGEST_BYTES] = {self->first};
    guint8 out[BARID_SIGNED_BYTES_MAX];
    gnutls_datum_t hash = {digest, sizeof digest};
    gnutls_datum_t made = {out, 0};
    gsize len = 0;

    self->ok = TRUE;
    for (guint i = 0; i < SIGNATURES_EACH; i++) {
        digest[1] = (guint8)i;
        self->ok = self->ok &&
                   private_key_sign(self->key, self->host, BARID_SIGN_RSA_PKCS1,
                                    barid_slice(digest, sizeof digest), out, &len, NULL);
        made.size = (unsigned)len;
        self->ok = self->ok &&
                   gnutls_pubkey_verify_hash2(public, GNUTLS_SIGN_RSA_SHA256, 0, &hash, &made) >= 0;
    }
    gnutls_pubkey_deinit(public);
    return NULL;
}

START_TEST(test_threads)
{
    g_autofree gchar *text = make_key(1024);
    Host *host = make_host();
    BaridPrivateKey *key = barid_private_key_new(barid_slice_from_text(text), NULL);
    gint64 opened = get_count("opened");
    gint64 signatures = get_count("signatures");
    ThreadSigner signers[THREADS];
    GThread *threads[THREADS];

    for (guint i = 0; i < THREADS; i++) {
        signers[i] = (ThreadSigner){.key = key, .host = host, .first = (guint8)i};
        threads[i] = g_thread_new("signer", sign_often, &signers[i]);
    }
    for (guint i = 0; i < THREADS; i++) {
        g_thread_join(threads[i]);
        ck_assert(signers[i].ok);
    }
    ck_assert_int_eq(get_count("opened"), opened + 1);
    ck_assert_int_eq(get_count("signatures"), signatures + THREADS * SIGNATURES_EACH);
    barid_private_key_free(key);
    host_free(host);
}
END_TEST

/* --- TLS --- */

static gchar *
make_certificate(const gchar *key_pem, const gchar *name)
{
    gnutls_datum_t pem = {(unsigned char *)(guintptr)key_pem, (unsigned)strlen(key_pem)};
    gnutls_datum_t out = {NULL, 0};
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
    gchar *text;

    gnutls_x509_privkey_init(&key);
    gnutls_x509_crt_init(&certificate);
    ck_assert_int_ge(gnutls_x509_privkey_import(key, &pem, GNUTLS_X509_FMT_PEM), 0);
    gnutls_x509_crt_set_version(certificate, 3);
    gnutls_x509_crt_set_serial(certificate, "\1", 1);
    gnutls_x509_crt_set_activation_time(certificate, 0);
    gnutls_x509_crt_set_expiration_time(certificate, 0x7fffffff);
    gnutls_x509_crt_set_key(certificate, key);
    gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                  (unsigned)strlen(name));
    gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, name,
                                         (unsigned)strlen(name), GNUTLS_FSAN_SET);
    ck_assert_int_ge(gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0),
                     0);
    ck_assert_int_ge(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &out), 0);
    text = g_strndup((const gchar *)out.data, out.size);
    gnutls_free(out.data);
    gnutls_x509_crt_deinit(certificate);
    gnutls_x509_privkey_deinit(key);
    return text;
}

/* Runs both sides in turn; the name in the certificate that the client got, or NULL. */
static gchar *
shake_hands(gnutls_session_t server, const gchar *priorities, const gchar *name)
{
    gnutls_certificate_credentials_t credentials;
    gnutls_session_t client;
    int ends[2];
    int at_client = GNUTLS_E_AGAIN;
    int at_server = GNUTLS_E_AGAIN;
    gchar *found = NULL;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    gnutls_certificate_allocate_credentials(&credentials);
    gnutls_init(&client, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
    ck_assert_int_ge(gnutls_priority_set_direct(client, priorities, NULL), 0);
    gnutls_credentials_set(client, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_server_name_set(client, GNUTLS_NAME_DNS, name, strlen(name));
    gnutls_transport_set_int(client, ends[0]);
    gnutls_transport_set_int(server, ends[1]);
    while (at_client == GNUTLS_E_AGAIN || at_server == GNUTLS_E_AGAIN) {
        if (at_client == GNUTLS_E_AGAIN)
            at_client = gnutls_handshake(client);
        if (at_server == GNUTLS_E_AGAIN)
            at_server = gnutls_handshake(server);
        if ((at_client < 0 && gnutls_error_is_fatal(at_client)) ||
            (at_server < 0 && gnutls_error_is_fatal(at_server)))
            break;
    }
    if (at_client >= 0 && at_server >= 0) {
        unsigned n = 0;
        const gnutls_datum_t *chain = gnutls_certificate_get_peers(client, &n);
        gnutls_x509_crt_t certificate;
        gchar common[100];
        size_t len = sizeof common;

        gnutls_x509_crt_init(&certificate);
        gnutls_x509_crt_import(certificate, chain, GNUTLS_X509_FMT_DER);
        gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, common,
                                      &len);
        gnutls_x509_crt_deinit(certificate);
        found = g_strdup(common);
    }
    gnutls_deinit(client);
    gnutls_certificate_free_credentials(credentials);
    close(ends[0]);
    close(ends[1]);
    return found;
}

static void
add_key(TlsServer *server, const Host *host, const gchar *key_pem, const gchar *name)
{
    g_autofree gchar *chain = make_certificate(key_pem, name);
    gnutls_privkey_t key = private_key_open_tls(host, barid_slice_from_text(key_pem));
    g_autoptr(GError) error = NULL;

    ck_assert(key != NULL);
    ck_assert_msg(tls_server_add_key(server, barid_slice_from_text(chain), key, name, &error),
                  "%s", error == NULL ? "" : error->message);
}

static const struct {
    const gchar *what;
    const gchar *priorities;
    gint n_signatures; /* of the handshake */
    guint ecdsa_bits;  /* of the certificates' curve; 0 for RSA */
} handshakes[] = {
    {"TLS 1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.3", 1, 0},
    {"TLS 1.3, SHA-512", "NORMAL:-VERS-ALL:+VERS-TLS1.3:-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA512", 1, 0},
    {"TLS 1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2", 1, 0},
    {"TLS 1.2, PKCS #1", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-SIGN-ALL:+SIGN-RSA-SHA256", 1, 0},
    {"TLS 1.2, PKCS #1 with SHA-384", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-SIGN-ALL:+SIGN-RSA-SHA384",
     1, 0},
    {"TLS 1.2, key exchange with RSA", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA", 0, 0},
    {"TLS 1.3, P-256", "NORMAL:-VERS-ALL:+VERS-TLS1.3", 1, 256},
    {"TLS 1.3, P-384", "NORMAL:-VERS-ALL:+VERS-TLS1.3", 1, 384},
    {"TLS 1.3, P-521", "NORMAL:-VERS-ALL:+VERS-TLS1.3", 1, 521},
    {"TLS 1.2, P-256", "NORMAL:-VERS-ALL:+VERS-TLS1.2", 1, 256},
    {"TLS 1.2, P-256 with SHA-512",
     "NORMAL:-VERS-ALL:+VERS-TLS1.2:-SIGN-ALL:+SIGN-ECDSA-SHA512", 1, 256},
};

START_TEST(test_handshake)
{
    const typeof(handshakes[0]) *row = &handshakes[_i];
    static const gchar *const names[] = {"one.example", "two.example"};
    Host *host = make_host();
    g_autoptr(TlsServer) server = tls_server_new(NULL, NULL);

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree gchar *pem =
            row->ecdsa_bits == 0 ? make_key(2048) : make_ecdsa_key(row->ecdsa_bits);

        add_key(server, host, pem, names[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        gnutls_session_t session = tls_server_open_session(server, NULL);
        gint64 before = get_count("signatures");
        g_autofree gchar *found = shake_hands(session, row->priorities, names[i]);

        /* The certificate goes by the name that was asked for. */
        ck_assert_msg(g_strcmp0(found, names[i]) == 0, "%s: %s", row->what, found);
        ck_assert_msg(get_count("signatures") == before + row->n_signatures, "%s", row->what);
        gnutls_deinit(session);
    }
    g_clear_pointer(&server, tls_server_unref);
    host_free(host);
}
END_TEST

START_TEST(test_wrong_certificate)
{
    Host *host = make_host();
    g_autoptr(TlsServer) server = tls_server_new(NULL, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree gchar *pem = make_key(2048);
    g_autofree gchar *other = make_key(2048);
    g_autofree gchar *chain = make_certificate(other, "one.example");
    gnutls_privkey_t key = private_key_open_tls(host, barid_slice_from_text(pem));

    ck_assert(!tls_server_add_key(server, barid_slice_from_text(chain), key, "one", &error));
    ck_assert_msg(strstr(error->message, "certificate one") != NULL, "%s", error->message);
    key = private_key_open_tls(host, barid_slice_from_text(pem));
    ck_assert(!tls_server_add_key(server, BARID_SLICE_LITERAL("no chain"), key, "one", NULL));
    g_clear_pointer(&server, tls_server_unref);
    host_free(host);
}
END_TEST

/* What the module does not take stays with GnuTLS. */
START_TEST(test_other_certificates)
{
    Host *host = make_host();
    g_autofree gchar *rsa = make_key(1024);
    g_autofree gchar *edwards = private_key_generate(BARID_KEY_ED25519, 0, NULL);

    ck_assert(private_key_open_tls(host, barid_slice_from_text(edwards)) == NULL);
    ck_assert(private_key_open_tls(host, BARID_SLICE_LITERAL("nonsense")) == NULL);
    ck_assert(private_key_open_tls(NULL, barid_slice_from_text(rsa)) == NULL);
    host_free(host);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("openssl");
    TCase *cases = tcase_create("openssl");
    SRunner *runner = srunner_create(suite);
    int failed;

    log_set_level(BARID_LOG_ERROR);
    tcase_add_loop_test(cases, test_operation, 0, G_N_ELEMENTS(operations));
    tcase_add_test(cases, test_refusals);
    tcase_add_test(cases, test_threads);
    tcase_add_loop_test(cases, test_handshake, 0, G_N_ELEMENTS(handshakes));
    tcase_add_test(cases, test_wrong_certificate);
    tcase_add_test(cases, test_other_certificates);
    tcase_set_timeout(cases, 120);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
