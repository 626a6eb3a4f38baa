/* SPDX-License-Identifier: Apache-2.0 */
#include "host/private-key.h"

#include <stdatomic.h>

#include "base/i18n.h"
#include "host/host-private.h"

/* Up to here a signature takes a few milliseconds at most, less than what a thread change
 * would gain the other sessions of the thread. */
enum { KEY_BITS_INLINE_MAX = 4096 };

enum { ED25519_BITS = 256, ED25519_PUBLIC_BYTES = 32 };

typedef enum {
    KEY_UNTRIED, /* nobody has looked for a driver yet */
    KEY_DRIVEN,
    KEY_PLAIN,
} KeyState;

struct BaridPrivateKey {
    BaridKeyKind kind;
    guint bits;
    gnutls_privkey_t plain;
    GMutex lock; /* of the opening */
    _Atomic gint state; /* KeyState; what follows is set once, before it */
    const Host *host;
    const HostModule *module;
    const BaridKeysDriver *driver;
    gpointer opened;
    _Atomic gboolean complained;
};

static gboolean
key_fail(GError **error, BaridErrorCode code, const gchar *what, int gnutls_code)
{
    g_set_error(error, BARID_ERROR, (gint)code, "%s: %s", what, gnutls_strerror(gnutls_code));
    return FALSE;
}

/* --- what it is --- */

static gboolean
key_check_rsa_bits(guint bits, GError **error)
{
    if (bits >= PRIVATE_KEY_RSA_BITS_MIN && bits <= PRIVATE_KEY_RSA_BITS_MAX)
        return TRUE;
    g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID,
                _("the RSA key has %u bits; it must have 1024 to 8192"), bits);
    return FALSE;
}

static gboolean
key_examine(BaridPrivateKey *self, gboolean takes_ecdsa, GError **error)
{
    int algorithm = gnutls_privkey_get_pk_algorithm(self->plain, &self->bits);

    if (algorithm == GNUTLS_PK_ECDSA && takes_ecdsa) {
        self->kind = BARID_KEY_ECDSA;
        return TRUE;
    }
    if (algorithm == GNUTLS_PK_EDDSA_ED25519) {
        self->kind = BARID_KEY_ED25519;
        self->bits = ED25519_BITS;
        return TRUE;
    }
    if (algorithm != GNUTLS_PK_RSA) {
        g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID,
                    _("the key is of the kind %s; only RSA and Ed25519 can be used"),
                    gnutls_pk_get_name((gnutls_pk_algorithm_t)algorithm));
        return FALSE;
    }
    self->kind = BARID_KEY_RSA;
    return key_check_rsa_bits(self->bits, error);
}

static BaridPrivateKey *
key_new(BaridSlice text, gboolean takes_ecdsa, GError **error)
{
    gnutls_x509_privkey_t read = private_key_read(text, takes_ecdsa, error);
    g_autoptr(BaridPrivateKey) self = NULL;
    int code;

    if (read == NULL)
        return NULL;
    self = g_new0(BaridPrivateKey, 1);
    g_mutex_init(&self->lock);
    code = gnutls_privkey_init(&self->plain);
    if (code >= 0)
        code = gnutls_privkey_import_x509(self->plain, read, GNUTLS_PRIVKEY_IMPORT_AUTO_RELEASE);
    if (code < 0) {
        gnutls_x509_privkey_deinit(read);
        key_fail(error, BARID_ERROR_INVALID, _("the key cannot be used"), code);
        return NULL;
    }
    return key_examine(self, takes_ecdsa, error) ? g_steal_pointer(&self) : NULL;
}

BaridPrivateKey *
barid_private_key_new(BaridSlice text, GError **error)
{
    return key_new(text, FALSE, error);
}

BaridPrivateKey *
private_key_new_of_certificate(BaridSlice text, GError **error)
{
    return key_new(text, TRUE, error);
}

void
barid_private_key_free(BaridPrivateKey *self)
{
    if (self == NULL)
        return;
    if (self->opened != NULL)
        self->driver->close(self->opened);
    if (self->plain != NULL)
        gnutls_privkey_deinit(self->plain); /* which wipes */
    g_mutex_clear(&self->lock);
    g_free(self);
}

BaridKeyKind
barid_private_key_get_kind(const BaridPrivateKey *self)
{
    return self->kind;
}

guint
barid_private_key_get_bits(const BaridPrivateKey *self)
{
    return self->bits;
}

gnutls_privkey_t
private_key_get_plain(const BaridPrivateKey *self)
{
    return self->plain;
}

/* --- the public half --- */

static int
key_export_public(const BaridPrivateKey *self, gnutls_pubkey_t public, gnutls_datum_t *out)
{
    int code = gnutls_pubkey_import_privkey(public, self->plain, 0, 0);

    if (code < 0)
        return code;
    if (self->kind == BARID_KEY_ED25519)
        return gnutls_pubkey_export_ecc_raw2(public, NULL, out, NULL, 0);
    return gnutls_pubkey_export2(public, GNUTLS_X509_FMT_DER, out);
}

gchar *
barid_private_key_dup_public(const BaridPrivateKey *self)
{
    gnutls_datum_t bytes = {NULL, 0};
    gnutls_pubkey_t public = NULL;
    gchar *text = NULL;

    if (gnutls_pubkey_init(&public) >= 0 && key_export_public(self, public, &bytes) >= 0)
        text = g_base64_encode(bytes.data, bytes.size);
    gnutls_free(bytes.data);
    if (public != NULL)
        gnutls_pubkey_deinit(public);
    /* Only want of memory is left as a reason. */
    g_assert(text != NULL);
    return text;
}

/* --- drivers --- */

typedef struct {
    BaridKeyKind kind;
    const BaridKeysDriver *driver;
    const HostModule *module;
} DriverSearch;

/* Goes on while it returns TRUE. */
static gboolean
driver_visit(const BaridProvider *provider, const HostModule *module, gpointer data,
             GError **error G_GNUC_UNUSED)
{
    const BaridKeysDriver *driver = provider->driver;
    DriverSearch *search = data;

    if (driver->struct_size < sizeof *driver || (driver->kinds & (1u << search->kind)) == 0)
        return TRUE;
    search->driver = driver;
    search->module = module;
    return FALSE;
}

static gboolean
driver_find(const Host *host, DriverSearch *search)
{
    return !host_foreach_provider(host, BARID_PROVIDER_KEYS, driver_visit, search, NULL);
}

gboolean
private_key_has_driver(const Host *host, BaridKeyKind kind)
{
    DriverSearch search = {.kind = kind};

    return host != NULL && driver_find(host, &search);
}

static void
key_complain(BaridPrivateKey *self, const HostModule *module, const GError *error)
{
    counter_add(module->key_counters[KEY_COUNT_FAILURES], 1);
    if (!atomic_exchange(&self->complained, TRUE))
        barid_log(BARID_LOG_WARNING, "keys.failed", "module", module->module->name, "error",
                  error == NULL ? "no reason given" : error->message, "consequence",
                  "the core computes with this key itself", NULL);
}

static gpointer
key_open_driver(const BaridPrivateKey *self, const DriverSearch *search, GError **error)
{
    gnutls_x509_privkey_t form = NULL;
    gnutls_datum_t der = {NULL, 0};
    gpointer opened = NULL;
    int code = gnutls_privkey_export_x509(self->plain, &form);

    if (code >= 0)
        code = gnutls_x509_privkey_export2_pkcs8(form, GNUTLS_X509_FMT_DER, NULL,
                                                 GNUTLS_PKCS_PLAIN, &der);
    if (code >= 0) {
        guint32 outer = host_module_enter(search->module);

        opened = search->driver->open(self->kind, barid_slice(der.data, der.size), error);
        host_module_leave(outer);
        gnutls_memset(der.data, 0, der.size);
    } else {
        key_fail(error, BARID_ERROR_FAILED, "exporting the key", code);
    }
    gnutls_free(der.data);
    if (form != NULL)
        gnutls_x509_privkey_deinit(form);
    return opened;
}

/* With the lock. */
static KeyState
key_choose(BaridPrivateKey *self, const Host *host)
{
    DriverSearch search = {.kind = self->kind};
    g_autoptr(GError) error = NULL;

    self->host = host;
    if (!driver_find(host, &search))
        return KEY_PLAIN;
    self->opened = key_open_driver(self, &search, &error);
    if (self->opened == NULL) {
        key_complain(self, search.module, error);
        return KEY_PLAIN;
    }
    self->driver = search.driver;
    self->module = search.module;
    counter_add(search.module->key_counters[KEY_COUNT_OPENED], 1);
    return KEY_DRIVEN;
}

/* Whether the driver of (host) is to be asked. */
static gboolean
key_is_driven(BaridPrivateKey *self, const Host *host)
{
    gint state = atomic_load_explicit(&self->state, memory_order_acquire);

    if (host == NULL || !host->started)
        return FALSE;
    if (state == KEY_UNTRIED) {
        g_mutex_lock(&self->lock);
        state = atomic_load_explicit(&self->state, memory_order_relaxed);
        if (state == KEY_UNTRIED) {
            state = (gint)key_choose(self, host);
            atomic_store_explicit(&self->state, state, memory_order_release);
        }
        g_mutex_unlock(&self->lock);
    }
    return state == KEY_DRIVEN && self->host == host;
}

/* --- signing --- */

typedef struct {
    BaridPrivateKey *key;
    const Host *host;
    BaridSignOperation operation;
    BaridSlice data;
    guint8 *out;
    gsize *out_len;
    gboolean ok;
    GError *error;
} KeyCall;

/* By operation; with SHA-256, SHA-384 and SHA-512. */
static const struct {
    BaridKeyKind kind;
    gnutls_sign_algorithm_t algorithms[3];
} call_forms[] = {
    [BARID_SIGN_RSA_PKCS1] = {BARID_KEY_RSA, {GNUTLS_SIGN_RSA_SHA256, GNUTLS_SIGN_RSA_SHA384,
                                              GNUTLS_SIGN_RSA_SHA512}},
    [BARID_SIGN_RSA_PSS] = {BARID_KEY_RSA, {GNUTLS_SIGN_RSA_PSS_RSAE_SHA256,
                                            GNUTLS_SIGN_RSA_PSS_RSAE_SHA384,
                                            GNUTLS_SIGN_RSA_PSS_RSAE_SHA512}},
    [BARID_SIGN_ED25519] = {BARID_KEY_ED25519, {GNUTLS_SIGN_UNKNOWN}},
    [BARID_SIGN_ECDSA] = {BARID_KEY_ECDSA, {GNUTLS_SIGN_ECDSA_SHA256, GNUTLS_SIGN_ECDSA_SHA384,
                                            GNUTLS_SIGN_ECDSA_SHA512}},
};

static gnutls_sign_algorithm_t
call_get_algorithm(const KeyCall *call)
{
    gsize len = call->data.len;

    return len == 32 || len == 48 || len == 64
               ? call_forms[call->operation].algorithms[(len - 32) / 16]
               : GNUTLS_SIGN_UNKNOWN;
}

static gboolean
call_sign_plain(KeyCall *call, GError **error)
{
    gnutls_datum_t data = {(unsigned char *)(guintptr)call->data.data, (unsigned)call->data.len};
    gnutls_privkey_t plain = call->key->plain;
    gnutls_datum_t made = {NULL, 0};
    int code = call->operation == BARID_SIGN_ED25519
                   ? gnutls_privkey_sign_data2(plain, GNUTLS_SIGN_EDDSA_ED25519, 0, &data, &made)
                   : gnutls_privkey_sign_hash2(plain, call_get_algorithm(call), 0, &data, &made);

    if (code >= 0 && made.size > BARID_SIGNED_BYTES_MAX)
        code = GNUTLS_E_SHORT_MEMORY_BUFFER;
    if (code >= 0) {
        memcpy(call->out, made.data, made.size);
        *call->out_len = made.size;
    }
    gnutls_free(made.data);
    return code >= 0 || key_fail(error, BARID_ERROR_FAILED, "the signature failed", code);
}

static gboolean
call_sign_driven(KeyCall *call)
{
    BaridPrivateKey *key = call->key;
    guint8 out[BARID_SIGNED_BYTES_MAX];
    g_autoptr(GError) error = NULL;
    gsize len = 0;
    guint32 outer = host_module_enter(key->module);
    gboolean ok = key->driver->sign(key->opened, call->operation, call->data, out, &len, &error);

    host_module_leave(outer);
    if (ok && len <= sizeof out) {
        counter_add(key->module->key_counters[KEY_COUNT_SIGNATURES], 1);
        memcpy(call->out, out, len);
        *call->out_len = len;
        return TRUE;
    }
    if (!g_error_matches(error, BARID_ERROR, BARID_ERROR_UNSUPPORTED))
        key_complain(key, key->module, error);
    return FALSE;
}

static void
call_run(gpointer data)
{
    KeyCall *call = data;

    call->ok = (key_is_driven(call->key, call->host) && call_sign_driven(call)) ||
               call_sign_plain(call, &call->error);
}

static gboolean
call_finish(KeyCall *call, GError **error)
{
    if (!call->ok)
        g_propagate_error(error, call->error);
    return call->ok;
}

/* The digest's length says which it is, so that a wrong one must not go through. */
static gboolean
call_check(const KeyCall *call, GError **error)
{
    if (call_forms[call->operation].kind == call->key->kind &&
        (call->operation == BARID_SIGN_ED25519 ||
         call_get_algorithm(call) != GNUTLS_SIGN_UNKNOWN))
        return TRUE;
    g_set_error_literal(error, BARID_ERROR, BARID_ERROR_UNSUPPORTED,
                        "the key cannot make such a signature");
    return FALSE;
}

gboolean
private_key_sign_here(BaridPrivateKey *self, const Host *host, BaridSignOperation operation,
                      BaridSlice data, guint8 *out, gsize *out_len, GError **error)
{
    KeyCall call = {.key = self, .host = host, .operation = operation, .data = data, .out = out,
                    .out_len = out_len};

    if (!call_check(&call, error))
        return FALSE;
    call_run(&call);
    return call_finish(&call, error);
}

gboolean
private_key_sign(BaridPrivateKey *self, const Host *host, BaridSignOperation operation,
                 BaridSlice data, guint8 *out, gsize *out_len, GError **error)
{
    KeyCall call = {.key = self, .host = host, .operation = operation, .data = data, .out = out,
                    .out_len = out_len};

    if (self->kind != BARID_KEY_RSA || self->bits <= KEY_BITS_INLINE_MAX)
        return private_key_sign_here(self, host, operation, data, out, out_len, error);
    if (!call_check(&call, error))
        return FALSE;
    if (!barid_offload(call_run, &call, error)) {
        g_clear_error(&call.error);
        return FALSE;
    }
    return call_finish(&call, error);
}

gboolean
barid_scope_private_key_sign(BaridScope *scope G_GNUC_UNUSED, BaridPrivateKey *key,
                             const guint8 *digest, guint8 *out, gsize *out_len, GError **error)
{
    HookCall *call = hook_call_get_current();

    if (call != NULL && !hook_call_may(call, BARID_USES_SECRETS, "a signature")) {
        g_set_error_literal(error, BARID_ERROR, BARID_ERROR_DENIED,
                            "the module did not declare that it uses secrets");
        return FALSE;
    }
    return private_key_sign(key, call == NULL ? NULL : call->host,
                            key->kind == BARID_KEY_RSA ? BARID_SIGN_RSA_PKCS1
                                                       : BARID_SIGN_ED25519,
                            barid_slice(digest, BARID_DIGEST_BYTES), out, out_len, error);
}

/* --- making --- */

static int
key_generate(gnutls_x509_privkey_t key, BaridKeyKind kind, guint bits, gnutls_datum_t *out_pem)
{
    int code = kind == BARID_KEY_RSA
                   ? gnutls_x509_privkey_generate(key, GNUTLS_PK_RSA, bits, 0)
                   : gnutls_x509_privkey_generate(key, GNUTLS_PK_EDDSA_ED25519, ED25519_BITS, 0);

    if (code < 0)
        return code;
    return gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN,
                                             out_pem);
}

gchar *
private_key_generate(BaridKeyKind kind, guint bits, GError **error)
{
    gnutls_x509_privkey_t key = NULL;
    gnutls_datum_t pem = {NULL, 0};
    gchar *text = NULL;
    int code = gnutls_x509_privkey_init(&key);

    if (code >= 0)
        code = key_generate(key, kind, bits, &pem);
    if (code >= 0) {
        text = g_strndup((const gchar *)pem.data, pem.size);
        gnutls_memset(pem.data, 0, pem.size);
    } else {
        key_fail(error, BARID_ERROR_FAILED, "the key cannot be made", code);
    }
    gnutls_free(pem.data);
    if (key != NULL)
        gnutls_x509_privkey_deinit(key);
    return text;
}

/* --- accounting --- */

static const gchar *const key_count_names[KEY_N_COUNTS] = {"opened", "signatures", "failures"};

void
host_module_register_key_counters(HostModule *self)
{
    for (guint i = 0; i < KEY_N_COUNTS; i++) {
        g_autofree gchar *name =
            g_strdup_printf("module.%s.keys.%s", self->module->name, key_count_names[i]);

        self->key_counters[i] = counter_register(g_intern_string(name));
    }
}

void
host_module_write_key_counters(const HostModule *self, JsonWriter *writer)
{
    json_writer_begin_object(writer, "keys");
    for (guint i = 0; i < KEY_N_COUNTS; i++)
        json_writer_integer(writer, key_count_names[i],
                            (gint64)counter_get(self->key_counters[i]));
    json_writer_end_object(writer);
}
