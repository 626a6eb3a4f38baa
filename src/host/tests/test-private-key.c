/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include <gnutls/crypto.h>

#include "base/log.h"
#include "host/private-key.h"

/* --- keys, made when the program starts --- */

typedef enum {
    FORM_PKCS1,
    FORM_PKCS8,
    FORM_ENCRYPTED,
    FORM_SEED,
    FORM_BEHIND_CERTIFICATE,
    FORM_CRLF,
} KeyForm;

static gchar *
text_of_datum(gnutls_datum_t *datum)
{
    gchar *text = g_strndup((const gchar *)datum->data, datum->size);

    gnutls_free(datum->data);
    return text;
}

static gchar *
text_of_seed(gnutls_x509_privkey_t key)
{
    gnutls_ecc_curve_t curve;
    gnutls_datum_t public, seed;
    gchar *text;

    ck_assert_int_ge(gnutls_x509_privkey_export_ecc_raw(key, &curve, &public, NULL, &seed), 0);
    text = g_base64_encode(seed.data, seed.size);
    gnutls_free(public.data);
    gnutls_free(seed.data);
    return text;
}

static gchar *
text_with_crlf(const gchar *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    return g_strjoinv("\r\n", lines);
}

static gchar *
text_of_key(gnutls_x509_privkey_t key, KeyForm form)
{
    gnutls_datum_t pem = {NULL, 0};
    g_autofree gchar *plain = NULL;

    if (form == FORM_SEED)
        return text_of_seed(key);
    if (form == FORM_PKCS1)
        ck_assert_int_ge(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
    else
        ck_assert_int_ge(gnutls_x509_privkey_export2_pkcs8(
                             key, GNUTLS_X509_FMT_PEM, form == FORM_ENCRYPTED ? "secret" : NULL,
                             form == FORM_ENCRYPTED ? GNUTLS_PKCS_PBES2_AES_256
                                                    : GNUTLS_PKCS_PLAIN,
                             &pem),
                         0);
    plain = text_of_datum(&pem);
    if (form == FORM_BEHIND_CERTIFICATE)
        return g_strconcat("Bag Attributes\n-----BEGIN CERTIFICATE-----\nAAAA\n"
                           "-----END CERTIFICATE-----\n",
                           plain, "trailing words\n", NULL);
    return form == FORM_CRLF ? text_with_crlf(plain) : g_steal_pointer(&plain);
}

static gchar *
make_key(gnutls_pk_algorithm_t algorithm, guint bits, KeyForm form)
{
    gnutls_x509_privkey_t key;
    gchar *text;

    gnutls_x509_privkey_init(&key);
    ck_assert_int_ge(gnutls_x509_privkey_generate(key, algorithm, bits, 0), 0);
    text = text_of_key(key, form);
    gnutls_x509_privkey_deinit(key);
    return text;
}

/* --- what is taken --- */

static const struct {
    const gchar *what;
    gnutls_pk_algorithm_t algorithm;
    guint bits;
    KeyForm form;
    BaridKeyKind kind;
} good_keys[] = {
    {"PKCS #1", GNUTLS_PK_RSA, 1024, FORM_PKCS1, BARID_KEY_RSA},
    {"PKCS #8", GNUTLS_PK_RSA, 2048, FORM_PKCS8, BARID_KEY_RSA},
    {"with CRLF", GNUTLS_PK_RSA, 1024, FORM_CRLF, BARID_KEY_RSA},
    {"behind a certificate", GNUTLS_PK_RSA, 1024, FORM_BEHIND_CERTIFICATE, BARID_KEY_RSA},
    {"Ed25519", GNUTLS_PK_EDDSA_ED25519, 256, FORM_PKCS8, BARID_KEY_ED25519},
    {"a seed", GNUTLS_PK_EDDSA_ED25519, 256, FORM_SEED, BARID_KEY_ED25519},
};

static gnutls_pubkey_t
import_public(BaridKeyKind kind, const gchar *text)
{
    gsize len;
    g_autofree guchar *bytes = g_base64_decode(text, &len);
    gnutls_datum_t datum = {bytes, (unsigned)len};
    gnutls_pubkey_t public;

    gnutls_pubkey_init(&public);
    if (kind == BARID_KEY_RSA) {
        ck_assert_int_ge(gnutls_pubkey_import(public, &datum, GNUTLS_X509_FMT_DER), 0);
    } else {
        ck_assert_uint_eq(len, 32);
        ck_assert_int_ge(gnutls_pubkey_import_ecc_raw(public, GNUTLS_ECC_CURVE_ED25519, &datum,
                                                      NULL),
                         0);
    }
    return public;
}

static gboolean
verifies(BaridKeyKind kind, const gchar *public_text, BaridSlice digest, BaridSlice signature)
{
    gnutls_datum_t hash = {(unsigned char *)(guintptr)digest.data, (unsigned)digest.len};
    gnutls_datum_t made = {(unsigned char *)(guintptr)signature.data, (unsigned)signature.len};
    gnutls_pubkey_t public = import_public(kind, public_text);
    int code = kind == BARID_KEY_RSA
                   ? gnutls_pubkey_verify_hash2(public, GNUTLS_SIGN_RSA_SHA256, 0, &hash, &made)
                   : gnutls_pubkey_verify_data2(public, GNUTLS_SIGN_EDDSA_ED25519, 0, &hash, &made);

    gnutls_pubkey_deinit(public);
    return code >= 0;
}

START_TEST(test_good)
{
    const typeof(good_keys[0]) *row = &good_keys[_i];
    g_autofree gchar *text = make_key(row->algorithm, row->bits, row->form);
    g_autoptr(GError) error = NULL;
    g_autoptr(BaridPrivateKey) key = barid_private_key_new(barid_slice_from_text(text), &error);
    g_autofree gchar *public = NULL;
    guint8 digest[BARID_DIGEST_BYTES] = {1, 2, 3};
    guint8 out[BARID_SIGNED_BYTES_MAX];
    gsize len = 0;

    ck_assert_msg(key != NULL, "%s: %s", row->what, error == NULL ? "" : error->message);
    ck_assert_msg(barid_private_key_get_kind(key) == row->kind, "%s", row->what);
    ck_assert_uint_eq(barid_private_key_get_bits(key), row->bits);
    public = barid_private_key_dup_public(key);
    ck_assert(barid_scope_private_key_sign(NULL, key, digest, out, &len, NULL));
    ck_assert_uint_eq(len, row->kind == BARID_KEY_RSA ? row->bits / 8 : 64);
    ck_assert_msg(verifies(row->kind, public, barid_slice(digest, sizeof digest),
                           barid_slice(out, len)),
                  "%s", row->what);
    digest[31] ^= 1;
    ck_assert_msg(!verifies(row->kind, public, barid_slice(digest, sizeof digest),
                            barid_slice(out, len)),
                  "%s", row->what);
}
END_TEST

/* RFC 8032 section 7.1, test 1; RFC 8463 appendix A.2 uses the public key in this form. */
START_TEST(test_seed_vector)
{
    g_autoptr(BaridPrivateKey) key = barid_private_key_new(
        BARID_SLICE_LITERAL(" \r\nnWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n"), NULL);
    g_autofree gchar *public = NULL;

    ck_assert(key != NULL);
    public = barid_private_key_dup_public(key);
    ck_assert_str_eq(public, "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
}
END_TEST

/* --- what is not --- */

static const struct {
    const gchar *what;
    gnutls_pk_algorithm_t algorithm; /* or unknown: (text) */
    guint bits;
    KeyForm form;
    const gchar *text;
    const gchar *message; /* part of it */
} bad_keys[] = {
    {"512 bits", GNUTLS_PK_RSA, 512, FORM_PKCS1, NULL, "512 bits"},
    {"512 bits, PKCS #8", GNUTLS_PK_RSA, 512, FORM_PKCS8, NULL, "512 bits"},
    {"P-256", GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), FORM_PKCS8, NULL,
     "only RSA and Ed25519"},
    {"P-256, its own form", GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
     FORM_PKCS1, NULL, "elliptic curve"},
    {"Ed448", GNUTLS_PK_EDDSA_ED448, 456, FORM_PKCS8, NULL, "only RSA and Ed25519"},
    {"RSA-PSS only", GNUTLS_PK_RSA_PSS, 2048, FORM_PKCS8, NULL, "only RSA and Ed25519"},
    {"encrypted", GNUTLS_PK_RSA, 1024, FORM_ENCRYPTED, NULL, "encrypted"},
    {"encrypted, old style", 0, 0, 0,
     "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n"
     "-----END RSA PRIVATE KEY-----\n",
     "encrypted"},
    {"empty", 0, 0, 0, "", "empty"},
    {"blanks", 0, 0, 0, " \n\t\n", "empty"},
    {"garbage", 0, 0, 0, "lorem ipsum", "no private key"},
    {"a short seed", 0, 0, 0, "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2==", "no private key"},
    {"a long seed", 0, 0, 0, "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2AA", "no private key"},
    {"two seeds", 0, 0, 0,
     "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n"
     "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n",
     "no private key"},
    {"only a beginning", 0, 0, 0, "-----BEGIN ", "no private key"},
    {"no end", 0, 0, 0, "-----BEGIN PRIVATE KEY-----\nMIIB", "cannot be read"},
    {"no content", 0, 0, 0, "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
     "cannot be read"},
    {"garbage in PEM", 0, 0, 0,
     "-----BEGIN RSA PRIVATE KEY-----\n!!!!\n-----END RSA PRIVATE KEY-----\n", "cannot be read"},
    {"bytes in PEM", 0, 0, 0,
     "-----BEGIN PRIVATE KEY-----\nMAAAAAAA\n-----END PRIVATE KEY-----\n", "cannot be read"},
    {"a public key", 0, 0, 0, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
     "public key"},
    {"OpenSSH's form", 0, 0, 0,
     "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
     "OpenSSH"},
};

static void
assert_refused(const gchar *what, BaridSlice text, const gchar *message)
{
    g_autoptr(GError) error = NULL;
    BaridPrivateKey *key = barid_private_key_new(text, &error);

    ck_assert_msg(key == NULL, "%s was taken", what);
    ck_assert_msg(g_error_matches(error, BARID_ERROR, BARID_ERROR_INVALID), "%s: %s", what,
                  error->message);
    ck_assert_msg(strstr(error->message, message) != NULL, "%s: %s", what, error->message);
}

START_TEST(test_bad)
{
    const typeof(bad_keys[0]) *row = &bad_keys[_i];
    g_autofree gchar *text = row->text != NULL
                                 ? g_strdup(row->text)
                                 : make_key(row->algorithm, row->bits, row->form);

    assert_refused(row->what, barid_slice_from_text(text), row->message);
}
END_TEST

START_TEST(test_long_texts)
{
    g_autofree gchar *plain = g_strnfill(100 * 1024, 'A');
    g_autofree gchar *block = NULL;
    g_autofree gchar *begins = NULL;
    g_autoptr(GString) many = g_string_new(NULL);

    assert_refused("100K", barid_slice(plain, 100 * 1024), "64K");
    plain[32 * 1024] = '\0';
    block = g_strconcat("-----BEGIN PRIVATE KEY-----\n", plain, "\n-----END PRIVATE KEY-----\n",
                        NULL);
    assert_refused("a block of 32K", barid_slice_from_text(block), "8192 bits");
    while (many->len < 60 * 1024)
        g_string_append(many, "-----BEGIN A-----");
    assert_refused("many beginnings", barid_slice(many->str, many->len), "no private key");
}
END_TEST

/* A text that is cut anywhere is refused or is the same key: never a crash, never another. */
START_TEST(test_cut)
{
    g_autofree gchar *text = make_key(GNUTLS_PK_RSA, 1024, FORM_PKCS8);
    g_autoptr(BaridPrivateKey) whole = barid_private_key_new(barid_slice_from_text(text), NULL);
    g_autofree gchar *public = barid_private_key_dup_public(whole);

    for (gsize len = 0; len < strlen(text); len++) {
        g_autofree gchar *part = g_memdup2(text, len);
        g_autoptr(BaridPrivateKey) key = barid_private_key_new(barid_slice(part, len), NULL);
        g_autofree gchar *other = key == NULL ? NULL : barid_private_key_dup_public(key);

        ck_assert(key == NULL || strcmp(public, other) == 0);
    }
}
END_TEST

/* --- other operations --- */

static const struct {
    BaridSignOperation operation;
    gnutls_digest_algorithm_t hash;
    gnutls_sign_algorithm_t verified_as;
} operations[] = {
    {BARID_SIGN_RSA_PKCS1, GNUTLS_DIG_SHA256, GNUTLS_SIGN_RSA_SHA256},
    {BARID_SIGN_RSA_PKCS1, GNUTLS_DIG_SHA384, GNUTLS_SIGN_RSA_SHA384},
    {BARID_SIGN_RSA_PKCS1, GNUTLS_DIG_SHA512, GNUTLS_SIGN_RSA_SHA512},
    {BARID_SIGN_RSA_PSS, GNUTLS_DIG_SHA256, GNUTLS_SIGN_RSA_PSS_RSAE_SHA256},
    {BARID_SIGN_RSA_PSS, GNUTLS_DIG_SHA384, GNUTLS_SIGN_RSA_PSS_RSAE_SHA384},
    {BARID_SIGN_RSA_PSS, GNUTLS_DIG_SHA512, GNUTLS_SIGN_RSA_PSS_RSAE_SHA512},
};

START_TEST(test_operation)
{
    const typeof(operations[0]) *row = &operations[_i];
    g_autofree gchar *text = make_key(GNUTLS_PK_RSA, 2048, FORM_PKCS8);
    g_autoptr(BaridPrivateKey) key = barid_private_key_new(barid_slice_from_text(text), NULL);
    g_autofree gchar *public_text = barid_private_key_dup_public(key);
    gnutls_pubkey_t public = import_public(BARID_KEY_RSA, public_text);
    gnutls_datum_t message = {(unsigned char *)(guintptr)"letter", 6};
    guint8 digest[64];
    guint8 out[BARID_SIGNED_BYTES_MAX];
    gnutls_datum_t made = {out, 0};
    gsize len = 0;

    gnutls_hash_fast(row->hash, message.data, message.size, digest);
    ck_assert(private_key_sign(key, NULL, row->operation,
                               barid_slice(digest, gnutls_hash_get_len(row->hash)), out, &len,
                               NULL));
    made.size = (unsigned)len;
    ck_assert_int_ge(gnutls_pubkey_verify_data2(public, row->verified_as, 0, &message, &made), 0);
    gnutls_pubkey_deinit(public);
}
END_TEST

START_TEST(test_wrong_operation)
{
    g_autofree gchar *rsa_text = make_key(GNUTLS_PK_RSA, 1024, FORM_PKCS8);
    g_autofree gchar *ed_text = make_key(GNUTLS_PK_EDDSA_ED25519, 256, FORM_PKCS8);
    g_autoptr(BaridPrivateKey) rsa = barid_private_key_new(barid_slice_from_text(rsa_text), NULL);
    g_autoptr(BaridPrivateKey) ed = barid_private_key_new(barid_slice_from_text(ed_text), NULL);
    guint8 digest[64] = {0};
    guint8 out[BARID_SIGNED_BYTES_MAX];
    gsize len = 7;

    ck_assert(!private_key_sign(rsa, NULL, BARID_SIGN_ED25519, barid_slice(digest, 32), out, &len,
                                NULL));
    ck_assert(!private_key_sign(rsa, NULL, BARID_SIGN_RSA_PKCS1, barid_slice(digest, 20), out,
                                &len, NULL));
    ck_assert(!private_key_sign(ed, NULL, BARID_SIGN_RSA_PSS, barid_slice(digest, 32), out, &len,
                                NULL));
    ck_assert(!private_key_sign(rsa, NULL, BARID_SIGN_ECDSA, barid_slice(digest, 32), out, &len,
                                NULL));
    ck_assert_uint_eq(len, 7);
}
END_TEST

START_TEST(test_generate)
{
    static const struct {
        BaridKeyKind kind;
        guint bits, found;
    } rows[] = {{BARID_KEY_RSA, 2048, 2048}, {BARID_KEY_ED25519, 0, 256}};
    g_autofree gchar *text = private_key_generate(rows[_i].kind, rows[_i].bits, NULL);
    g_autofree gchar *again = private_key_generate(rows[_i].kind, rows[_i].bits, NULL);
    g_autoptr(BaridPrivateKey) key = barid_private_key_new(barid_slice_from_text(text), NULL);

    ck_assert(g_str_has_prefix(text, "-----BEGIN PRIVATE KEY-----\n"));
    ck_assert_str_ne(text, again);
    ck_assert(barid_private_key_get_kind(key) == rows[_i].kind);
    ck_assert_uint_eq(barid_private_key_get_bits(key), rows[_i].found);
}
END_TEST

/* --- drivers --- */

static struct {
    guint n_opened, n_closed, n_signed;
    gboolean fails_to_open, fails_to_sign, knows_nothing;
    BaridSignOperation operation;
    gsize data_len;
} fake;

static gpointer
fake_open(BaridKeyKind kind, BaridSlice der, GError **error)
{
    ck_assert(kind == BARID_KEY_RSA);
    ck_assert(der.len > 100 && der.data[0] == 0x30);
    if (fake.fails_to_open) {
        g_set_error_literal(error, BARID_ERROR, BARID_ERROR_FAILED, "no");
        return NULL;
    }
    fake.n_opened++;
    return &fake;
}

static void
fake_close(gpointer key)
{
    ck_assert(key == &fake);
    fake.n_closed++;
}

static gboolean
fake_sign(gpointer key, BaridSignOperation operation, BaridSlice data, guint8 *out,
          gsize *out_len, GError **error)
{
    ck_assert(key == &fake);
    if (fake.fails_to_sign || fake.knows_nothing) {
        memset(out, 'x', BARID_SIGNED_BYTES_MAX); /* nothing of it may come out */
        g_set_error_literal(error, BARID_ERROR,
                            fake.knows_nothing ? BARID_ERROR_UNSUPPORTED : BARID_ERROR_FAILED,
                            "no");
        return FALSE;
    }
    fake.operation = operation;
    fake.data_len = data.len;
    fake.n_signed++;
    memcpy(out, "fake", 4);
    *out_len = 4;
    return TRUE;
}

static const BaridKeysDriver fake_driver = {
    .struct_size = sizeof(BaridKeysDriver),
    .kinds = 1u << BARID_KEY_RSA,
    .open = fake_open,
    .close = fake_close,
    .sign = fake_sign,
};

static const BaridProvider fake_providers[] = {
    {BARID_PROVIDER_KEYS, "fake", &fake_driver},
    {BARID_PROVIDER_END, NULL, NULL},
};

static const BaridModule fake_module = {
    BARID_MODULE_HEADER,
    .name = "fake",
    .summary = "test",
    .providers = fake_providers,
};

static struct {
    BaridPrivateKey *key;
    guint8 out[BARID_SIGNED_BYTES_MAX];
    gsize len;
    gboolean ok;
    GError *error;
} signer;

static BaridVerdict
signer_connect(BaridSession *session, gpointer state G_GNUC_UNUSED)
{
    static const guint8 digest[BARID_DIGEST_BYTES] = {1};

    signer.ok = barid_private_key_sign(session, signer.key, digest, signer.out, &signer.len,
                                       &signer.error);
    return BARID_CONTINUE;
}

static const BaridHook signer_hooks[] = {
    BARID_HOOK_CONNECT(signer_connect, BARID_PHASE_EARLY), BARID_HOOK_END};

static const BaridModule signer_module = {
    BARID_MODULE_HEADER,
    .name = "signer",
    .summary = "test",
    .needs = BARID_USES_SECRETS,
    .hooks = signer_hooks,
};

static const BaridModule undeclared_module = {
    BARID_MODULE_HEADER,
    .name = "undeclared",
    .summary = "test",
    .hooks = signer_hooks,
};

static Host *
make_host(const BaridModule *module, gboolean with_driver)
{
    static const gchar *const folders[] = {NULL};
    ConfigFiles *files = config_files_new_text("test", "");
    g_autoptr(ConfigProblems) problems = config_problems_new();
    ConfigTree *tree = config_tree_parse(files, problems);
    Host *host = host_new(folders);
    SettingsContext context;

    memset(&fake, 0, sizeof fake);
    memset(&signer, 0, sizeof signer);
    ck_assert(host_add_module(host, module, NULL));
    if (with_driver)
        ck_assert(host_add_module(host, &fake_module, NULL));
    settings_context_init(&context, tree, problems, NULL);
    ck_assert(host_bind(host, &context));
    settings_context_clear(&context);
    config_tree_free(tree);
    config_files_free(files);
    return host;
}

static void
signer_session(gpointer data)
{
    g_autoptr(Arena) arena = arena_new(200);
    BaridSession session = {.listener = "smtp"};
    HostOutcome outcome;

    scope_init(&session.scope, SCOPE_SESSION, arena, NULL, NULL);
    host_run(data, BARID_STAGE_CONNECT, &session.scope, NULL, &outcome);
}

static void
run_session(Host *host)
{
    Scheduler *scheduler = scheduler_new(NULL);
    FiberGroup group;

    signer.len = 0;
    fiber_group_init(&group, scheduler);
    fiber_group_spawn(&group, signer_session, host, NULL);
    scheduler_stop(scheduler);
    scheduler_run(scheduler);
    scheduler_free(scheduler);
}

static void
take_key(gnutls_pk_algorithm_t algorithm, guint bits)
{
    g_autofree gchar *text = make_key(algorithm, bits, FORM_PKCS8);

    signer.key = barid_private_key_new(barid_slice_from_text(text), NULL);
}

static void
assert_json_has(Host *host, const gchar *part)
{
    g_autoptr(GString) text = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, text);
    json_writer_begin_object(&writer, NULL);
    host_write_modules(host, &writer, "modules");
    json_writer_end_object(&writer);
    ck_assert_msg(strstr(text->str, part) != NULL, "%s", text->str);
}

START_TEST(test_driver)
{
    Host *host = make_host(&signer_module, TRUE);

    ck_assert(private_key_has_driver(host, BARID_KEY_RSA));
    ck_assert(!private_key_has_driver(host, BARID_KEY_ED25519));
    ck_assert(!private_key_has_driver(NULL, BARID_KEY_RSA));
    take_key(GNUTLS_PK_RSA, 1024);
    /* Before the start the core itself signs, and nothing is kept. */
    run_session(host);
    ck_assert_uint_eq(signer.len, 128);
    ck_assert_uint_eq(fake.n_opened, 0);
    ck_assert(host_start(host, NULL));
    run_session(host);
    run_session(host);
    ck_assert_uint_eq(signer.len, 4);
    ck_assert_uint_eq(fake.n_opened, 1);
    ck_assert_uint_eq(fake.n_signed, 2);
    ck_assert(fake.operation == BARID_SIGN_RSA_PKCS1);
    ck_assert_uint_eq(fake.data_len, BARID_DIGEST_BYTES);
    assert_json_has(host, "\"keys\":{\"opened\":1,\"signatures\":2,\"failures\":0}");
    barid_private_key_free(signer.key);
    ck_assert_uint_eq(fake.n_closed, 1);
    take_key(GNUTLS_PK_EDDSA_ED25519, 256);
    run_session(host);
    ck_assert_uint_eq(signer.len, 64);
    ck_assert_uint_eq(fake.n_opened, 1);
    barid_private_key_free(signer.key);
    host_free(host);
}
END_TEST

START_TEST(test_driver_fails)
{
    static const gchar *const failures[] = {"\"failures\":1", "\"failures\":2",
                                            "\"failures\":0"};
    Host *host = make_host(&signer_module, TRUE);

    fake.fails_to_open = _i == 0;
    fake.fails_to_sign = _i == 1;
    fake.knows_nothing = _i == 2;
    ck_assert(host_start(host, NULL));
    take_key(GNUTLS_PK_RSA, 1024);
    run_session(host);
    run_session(host);
    ck_assert(signer.ok);
    ck_assert_uint_eq(signer.len, 128);
    ck_assert(memcmp(signer.out, "xxxx", 4) != 0);
    assert_json_has(host, failures[_i]);
    barid_private_key_free(signer.key);
    ck_assert_uint_eq(fake.n_closed, fake.n_opened);
    host_free(host);
}
END_TEST

START_TEST(test_driver_contained)
{
    Host *host = make_host(&signer_module, TRUE);

    ck_assert(host_contain(host, "fake"));
    ck_assert(host_start(host, NULL));
    take_key(GNUTLS_PK_RSA, 1024);
    run_session(host);
    ck_assert_uint_eq(signer.len, 128);
    ck_assert_uint_eq(fake.n_opened, 0);
    barid_private_key_free(signer.key);
    host_free(host);
}
END_TEST

START_TEST(test_undeclared)
{
    Host *host = make_host(&undeclared_module, FALSE);

    ck_assert(host_start(host, NULL));
    take_key(GNUTLS_PK_EDDSA_ED25519, 256);
    run_session(host);
    ck_assert(!signer.ok);
    ck_assert(g_error_matches(signer.error, BARID_ERROR, BARID_ERROR_DENIED));
    ck_assert_uint_eq(signer.len, 0);
    g_clear_error(&signer.error);
    barid_private_key_free(signer.key);
    host_free(host);
}
END_TEST

/* More bits than a thread of sessions can spare: a helper thread computes. */
START_TEST(test_long_key)
{
    Host *host = make_host(&signer_module, FALSE);

    ck_assert(host_start(host, NULL));
    take_key(GNUTLS_PK_RSA, 4104);
    run_session(host);
    ck_assert_msg(signer.ok, "%s", signer.error == NULL ? "" : signer.error->message);
    ck_assert_uint_eq(signer.len, 513);
    barid_private_key_free(signer.key);
    host_free(host);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("private-key");
    TCase *text = tcase_create("text");
    TCase *use = tcase_create("use");
    SRunner *runner;
    int failed;

    log_set_level(BARID_LOG_ERROR);
    tcase_add_loop_test(text, test_good, 0, G_N_ELEMENTS(good_keys));
    tcase_add_test(text, test_seed_vector);
    tcase_add_loop_test(text, test_bad, 0, G_N_ELEMENTS(bad_keys));
    tcase_add_test(text, test_long_texts);
    tcase_add_test(text, test_cut);
    tcase_set_timeout(text, 60);
    suite_add_tcase(suite, text);
    tcase_add_loop_test(use, test_operation, 0, G_N_ELEMENTS(operations));
    tcase_add_test(use, test_wrong_operation);
    tcase_add_loop_test(use, test_generate, 0, 2);
    tcase_add_test(use, test_driver);
    tcase_add_loop_test(use, test_driver_fails, 0, 3);
    tcase_add_test(use, test_driver_contained);
    tcase_add_test(use, test_undeclared);
    tcase_add_test(use, test_long_key);
    tcase_set_timeout(use, 60);
    suite_add_tcase(suite, use);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
