/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures over a SHA-256 digest a second, in one thread: those that a hook makes with
 * barid_private_key_sign(), with and without the module openssl, and those of a bare loop over
 * libcrypto and GnuTLS. The contenders take turns in one run, and the best turn of each counts,
 * so that whatever else the machine does falls on all of them.
 */
#include <stdio.h>
#include <stdlib.h>

#include <gnutls/abstract.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/clock.h"
#include "host/private-key.h"

extern const BaridModule openssl_LTX_barid_module;

enum { BENCH_TURN_MS = 400, BENCH_TURNS = 7 };

typedef struct {
    BaridKeyKind kind;
    BaridPrivateKey *key;
    EVP_PKEY *evp;
    EVP_MD_CTX *message;   /* Ed25519 of libcrypto */
    EVP_PKEY_CTX *context; /* RSA of libcrypto: set up once */
    gnutls_privkey_t gnutls;
    Host *host; /* of the contender */
    gdouble best;
} Bench;

static guint8 bench_digest[BARID_DIGEST_BYTES] = "a digest of any message at all";

static void
bench_check(gboolean ok, const gchar *what)
{
    if (ok)
        return;
    fprintf(stderr, "bench-signing: %s failed\n", what);
    exit(EXIT_FAILURE);
}

/* --- one signature --- */

static BaridVerdict
bench_connect(BaridSession *session, gpointer state)
{
    Bench *self = *(Bench **)state;
    gint64 start_us = clock_monotonic_us();
    gint64 end_us = start_us;
    guint8 out[BARID_SIGNED_BYTES_MAX];
    guint n = 0;
    gsize len;

    for (; end_us - start_us < BENCH_TURN_MS * 1000; end_us = clock_monotonic_us(), n++) {
        bench_digest[0]++;
        bench_check(barid_private_key_sign(session, self->key, bench_digest, out, &len, NULL),
                    "barid_private_key_sign");
    }
    self->best = MAX(self->best, (gdouble)n * 1e6 / (gdouble)(end_us - start_us));
    return BARID_CONTINUE;
}

static gboolean
bench_sign_libcrypto(Bench *self)
{
    guint8 out[BARID_SIGNED_BYTES_MAX];
    size_t len = sizeof out;

    if (self->kind == BARID_KEY_RSA)
        return EVP_PKEY_sign(self->context, out, &len, bench_digest, sizeof bench_digest) > 0;
    return EVP_DigestSignInit(self->message, NULL, NULL, NULL, self->evp) > 0 &&
           EVP_DigestSign(self->message, out, &len, bench_digest, sizeof bench_digest) > 0;
}

static gboolean
bench_sign_gnutls(Bench *self)
{
    gnutls_datum_t data = {bench_digest, sizeof bench_digest};
    gnutls_datum_t made = {NULL, 0};
    int code = self->kind == BARID_KEY_RSA
                   ? gnutls_privkey_sign_hash2(self->gnutls, GNUTLS_SIGN_RSA_SHA256, 0, &data,
                                               &made)
                   : gnutls_privkey_sign_data2(self->gnutls, GNUTLS_SIGN_EDDSA_ED25519, 0, &data,
                                               &made);

    gnutls_free(made.data);
    return code >= 0;
}

/* --- a turn --- */

static void
bench_run_loop(Bench *self, gboolean (*sign)(Bench *), const gchar *what)
{
    gint64 start_us = clock_monotonic_us();
    gint64 end_us = start_us;
    guint n = 0;

    for (; end_us - start_us < BENCH_TURN_MS * 1000; end_us = clock_monotonic_us(), n++) {
        bench_digest[0]++;
        bench_check(sign(self), what);
    }
    self->best = MAX(self->best, (gdouble)n * 1e6 / (gdouble)(end_us - start_us));
}

static void
bench_session(gpointer data)
{
    Bench *self = data;
    g_autoptr(Arena) arena = arena_new(1024);
    BaridSession session = {.listener = "smtp"};
    HostOutcome outcome;

    scope_init(&session.scope, SCOPE_SESSION, arena, NULL, NULL);
    host_run(self->host, BARID_STAGE_CONNECT, &session.scope, NULL, &outcome);
}

static void
bench_run_host(Bench *self)
{
    Scheduler *scheduler = scheduler_new(NULL);
    FiberGroup group;

    fiber_group_init(&group, scheduler);
    bench_check(fiber_group_spawn(&group, bench_session, self, NULL), "a fiber");
    scheduler_stop(scheduler);
    scheduler_run(scheduler);
    scheduler_free(scheduler);
}

/* --- hosts --- */

static Bench *bench_at_hook;

static gboolean
bench_start(BaridStart *start G_GNUC_UNUSED, const void *settings G_GNUC_UNUSED,
            gpointer *out_state, GError **error G_GNUC_UNUSED)
{
    *out_state = &bench_at_hook;
    return TRUE;
}

static const BaridHook bench_hooks[] = {BARID_HOOK_CONNECT(bench_connect, BARID_PHASE_EARLY),
                                        BARID_HOOK_END};

static const BaridModule bench_module = {
    BARID_MODULE_HEADER,
    .name = "bench",
    .summary = "signs",
    .needs = BARID_USES_SECRETS,
    .hooks = bench_hooks,
    .start = bench_start,
};

/* (driver) is the module that computes, or NULL. */
static Host *
bench_make_host(const BaridModule *driver)
{
    const gchar *const folders[] = {NULL};
    ConfigFiles *files = config_files_new_text("bench", "");
    ConfigProblems *problems = config_problems_new();
    ConfigTree *tree = config_tree_parse(files, problems);
    Host *host = host_new(folders);
    SettingsContext context;

    settings_context_init(&context, tree, problems, NULL);
    bench_check(host_add_module(host, &bench_module, NULL) &&
                    (driver == NULL || host_add_module(host, driver, NULL)) &&
                    host_bind(host, &context) && host_start(host, NULL),
                "the host");
    settings_context_clear(&context);
    config_tree_free(tree);
    config_problems_free(problems);
    config_files_free(files);
    return host;
}

/* --- keys --- */

static void
bench_take_key(Bench *self, const gchar *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);

    self->key = barid_private_key_new(barid_slice_from_text(pem), NULL);
    self->evp = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    bench_check(self->key != NULL && self->evp != NULL, "reading the key");
    self->kind = barid_private_key_get_kind(self->key);
    self->gnutls = private_key_get_plain(self->key);
    self->message = EVP_MD_CTX_new();
    self->context = EVP_PKEY_CTX_new(self->evp, NULL);
    if (self->kind == BARID_KEY_RSA)
        bench_check(EVP_PKEY_sign_init(self->context) > 0 &&
                        EVP_PKEY_CTX_set_rsa_padding(self->context, RSA_PKCS1_PADDING) > 0 &&
                        EVP_PKEY_CTX_set_signature_md(self->context, EVP_sha256()) > 0,
                    "preparing libcrypto");
}

static void
bench_drop_key(Bench *self)
{
    EVP_PKEY_CTX_free(self->context);
    EVP_MD_CTX_free(self->message);
    EVP_PKEY_free(self->evp);
    barid_private_key_free(self->key);
}

/* --- the table --- */

enum { WITH_MODULE, WITHOUT_MODULE, LIBCRYPTO, GNUTLS, N_CONTENDERS };

static const gchar *const bench_names[N_CONTENDERS] = {
    [WITH_MODULE] = "Barid with the module openssl",
    [WITHOUT_MODULE] = "Barid without it",
    [LIBCRYPTO] = "libcrypto alone",
    [GNUTLS] = "GnuTLS alone",
};

static void
bench_take_turns(Bench contenders[N_CONTENDERS])
{
    for (guint turn = 0; turn < BENCH_TURNS; turn++) {
        for (guint i = 0; i <= WITHOUT_MODULE; i++) {
            bench_at_hook = &contenders[i];
            bench_run_host(&contenders[i]);
        }
        bench_run_loop(&contenders[LIBCRYPTO], bench_sign_libcrypto, "libcrypto");
        bench_run_loop(&contenders[GNUTLS], bench_sign_gnutls, "GnuTLS");
    }
}

static void
bench_run(const gchar *name, BaridKeyKind kind, guint bits, Host *with, Host *without)
{
    g_autofree gchar *pem = private_key_generate(kind, bits, NULL);
    Bench contenders[N_CONTENDERS] = {{.host = with}, {.host = without}};
    gdouble fastest;

    for (guint i = 0; i < N_CONTENDERS; i++)
        bench_take_key(&contenders[i], pem);
    bench_take_turns(contenders);
    fastest = MAX(contenders[LIBCRYPTO].best, contenders[GNUTLS].best);
    for (guint i = 0; i < N_CONTENDERS; i++) {
        printf("%-10s %-32s %9.0f/s  %5.2f of the fastest library\n", name, bench_names[i],
               contenders[i].best, contenders[i].best / fastest);
        bench_drop_key(&contenders[i]);
    }
}

int
main(void)
{
    Host *with = bench_make_host(&openssl_LTX_barid_module);
    Host *without = bench_make_host(NULL);

    bench_run("RSA-2048", BARID_KEY_RSA, 2048, with, without);
    bench_run("RSA-4096", BARID_KEY_RSA, 4096, with, without);
    bench_run("Ed25519", BARID_KEY_ED25519, 0, with, without);
    host_free(with);
    host_free(without);
    return EXIT_SUCCESS;
}
