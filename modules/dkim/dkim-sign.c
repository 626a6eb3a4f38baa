/* SPDX-License-Identifier: Apache-2.0 */
#include "dkim-sign.h"

#include <libintl.h>

/* Told in the language of who calls baridctl. */
#define _(text) dgettext(GETTEXT_PACKAGE, text)

enum { DOMAIN_BYTES_MAX = 253, IDENTITY_BYTES_MAX = 320 };

typedef struct {
    BaridRule *domain, *selector, *identity;
    gchar *key, *key_file, *key_folder;
    BaridStore *key_store;
    gchar **headers, **oversign;
    gint algorithm, canonicalization, third_party_hash;
    gint64 expire_ms;
    gboolean body_length, request_reports;
    gchar *third_party;
} SignatureSettings;

enum { ALGORITHM_ANY };

static const gchar *const algorithms[] = {"any", "rsa-sha256", "ed25519-sha256", NULL};

/* How a verifier finds the author's record of the signing domain. It is a name that is hashed, so
 * SHA-1 forges nothing: the record may name the domain, too (RFC 6541 section 4.4). */
static const gchar *const third_party_hashes[] = {"sha256", "sha1", "none", NULL};

static const gchar *const forms[] = {"relaxed/relaxed", "relaxed/simple", "simple/relaxed",
                                     "simple/simple", "relaxed", "simple", NULL};

/* "relaxed" alone means both here, as people expect it. */
static const struct {
    BaridCanonicalForm header, body;
} form_pairs[] = {
    {BARID_CANONICAL_RELAXED, BARID_CANONICAL_RELAXED},
    {BARID_CANONICAL_RELAXED, BARID_CANONICAL_SIMPLE},
    {BARID_CANONICAL_SIMPLE, BARID_CANONICAL_RELAXED},
    {BARID_CANONICAL_SIMPLE, BARID_CANONICAL_SIMPLE},
    {BARID_CANONICAL_RELAXED, BARID_CANONICAL_RELAXED},
    {BARID_CANONICAL_SIMPLE, BARID_CANONICAL_SIMPLE},
};

static const BaridSetting settings[] = {
    BARID_SETTING_RULE_TEXT("domain", SignatureSettings, domain, NULL,
                            N_("The domain that signs; empty means that it does not."),
                            BARID_KNOWN_MESSAGE),
    BARID_SETTING_RULE_TEXT("selector", SignatureSettings, selector, NULL,
                            N_("The name of the key below the domain."), BARID_KNOWN_MESSAGE),
    BARID_SETTING_RULE_TEXT("identity", SignatureSettings, identity, "",
                            N_("Who signs for the domain; empty leaves it out."),
                            BARID_KNOWN_MESSAGE),
    BARID_SETTING_ENUM("algorithm", SignatureSettings, algorithm, "any",
                       N_("What the key must be for."), algorithms),
    BARID_SETTING_SECRET("key", SignatureSettings, key, "", N_("The private key itself.")),
    BARID_SETTING_PATH("key-file", SignatureSettings, key_file, "",
                       N_("A file with the private key."), BARID_SETTING_PATH_READ),
    BARID_SETTING_PATH("key-folder", SignatureSettings, key_folder, "",
                       N_("A folder of files SELECTOR._domainkey.DOMAIN.pem."),
                       BARID_SETTING_PATH_READ),
    BARID_SETTING_STORE("key-store", SignatureSettings, key_store, "",
                        N_("A store of private keys by SELECTOR._domainkey.DOMAIN.")),
    BARID_SETTING_LIST("headers", SignatureSettings, headers,
                       "From, Sender, Reply-To, To, Cc, Subject, Date, Message-ID, In-Reply-To, "
                       "References, MIME-Version, Content-Type, Content-Transfer-Encoding, "
                       "List-Id, List-Unsubscribe, List-Unsubscribe-Post",
                       N_("The fields that are signed where they are.")),
    BARID_SETTING_LIST("oversign", SignatureSettings, oversign,
                       "From, Reply-To, To, Cc, Subject, Date, Message-ID, Content-Type",
                       N_("The fields of which nobody may add one.")),
    BARID_SETTING_ENUM("canonicalization", SignatureSettings, canonicalization,
                       "relaxed/relaxed",
                       N_("How header and body may change on the way: HEADER/BODY."), forms),
    BARID_SETTING_DURATION("expire", SignatureSettings, expire_ms, "",
                           N_("How long the signature is good; empty means for ever.")),
    BARID_SETTING_BOOL("body-length", SignatureSettings, body_length, "no",
                       N_("Whether the body's length is told, so that more may be added.")),
    BARID_SETTING_BOOL("request-reports", SignatureSettings, request_reports, "no",
                       N_("Whether reports of failures are asked for.")),
    BARID_SETTING_TEXT("third-party", SignatureSettings, third_party, "",
                       N_("The author's domain that has authorised this one.")),
    BARID_SETTING_ENUM("third-party-hash", SignatureSettings, third_party_hash, "sha256",
                       N_("How that domain's record is named: sha256, sha1 or none."),
                       third_party_hashes),
    BARID_SETTING_END,
};

const BaridSection dkim_sections[] = {
    {"signature", N_("A signature that messages can get."), settings, sizeof(SignatureSettings)},
    {NULL, NULL, NULL, 0},
};

typedef struct {
    const gchar *name;
    const SignatureSettings *settings;
    DkimKeyPlace place;
    DkimKey *key; /* NULL when it is looked up for each message */
} Signer;

struct DkimSigners {
    GPtrArray *signers; /* of Signer * */
    DkimKeys *keys;
};

/* --- starting --- */

static void
signer_free(gpointer data)
{
    Signer *self = data;

    g_clear_pointer(&self->key, dkim_key_unref);
    g_free(self);
}

static const gchar *
key_get_algorithm(const DkimKey *key)
{
    return barid_private_key_get_kind(dkim_key_get(key)) == BARID_KEY_RSA ? "rsa-sha256"
                                                                          : "ed25519-sha256";
}

static gboolean
signer_check_key(const Signer *self, const DkimKey *key, GError **error)
{
    gint wanted = self->settings->algorithm;

    if (wanted == ALGORITHM_ANY || strcmp(algorithms[wanted], key_get_algorithm(key)) == 0)
        return TRUE;
    g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID,
                _("[signature %s] algorithm: the key is for %s, not %s"), self->name,
                key_get_algorithm(key), algorithms[wanted]);
    return FALSE;
}

static gboolean
signer_set_place(Signer *self, GError **error)
{
    const SignatureSettings *read = self->settings;
    guint n_places = (read->key != NULL ? 1u : 0u) + (read->key_file != NULL ? 1u : 0u) +
                     (read->key_folder != NULL ? 1u : 0u) + (read->key_store != NULL ? 1u : 0u);

    if (n_places != 1) {
        g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID,
                    _("[signature %s] needs one of \"key\", \"key-file\", \"key-folder\" and "
                      "\"key-store\""),
                    self->name);
        return FALSE;
    }
    self->place = (DkimKeyPlace){read->key, read->key_file, read->key_folder, read->key_store};
    if (self->place.text == NULL && self->place.file == NULL)
        return TRUE;
    self->key = dkim_key_read(&self->place, error);
    if (self->key == NULL)
        g_prefix_error(error, "[signature %s]: ", self->name);
    return self->key != NULL && signer_check_key(self, self->key, error);
}

/* What stands in a signature, and names a file: labels of letters, digits, "-" and "_". */
static gboolean
is_name(const gchar *text)
{
    gsize label = 0;

    if (strlen(text) > DOMAIN_BYTES_MAX)
        return FALSE;
    for (; *text != '\0'; text++) {
        if (*text == '.' ? label == 0 : !g_ascii_isalnum(*text) && *text != '-' && *text != '_')
            return FALSE;
        label = *text == '.' ? 0 : label + 1;
    }
    return label > 0;
}

/* A field's name (RFC 5322 section 3.6.8), and nothing that would end the list. */
static gboolean
is_field_name(const gchar *text)
{
    for (const gchar *byte = text; *byte != '\0'; byte++) {
        if (!g_ascii_isgraph(*byte) || *byte == ':' || *byte == ';')
            return FALSE;
    }
    return *text != '\0';
}

static gboolean
signer_complain(const Signer *self, const gchar *setting, const gchar *problem,
                const gchar *value, GError **error)
{
    g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID, "[signature %s] %s: \"%s\" %s",
                self->name, setting, value, problem);
    return FALSE;
}

static gboolean
signer_check_list(const Signer *self, const gchar *setting, gchar **names, GError **error)
{
    for (guint i = 0; names != NULL && names[i] != NULL; i++) {
        if (!is_field_name(names[i]))
            return signer_complain(self, setting, _("is no name of a field"), names[i], error);
    }
    return TRUE;
}

/* RFC 6376 section 5.4: From is always signed. */
static gboolean
signer_check_headers(const Signer *self, GError **error)
{
    gchar **headers = self->settings->headers;

    if (!signer_check_list(self, "headers", headers, error) ||
        !signer_check_list(self, "oversign", self->settings->oversign, error))
        return FALSE;
    for (guint i = 0; headers != NULL && headers[i] != NULL; i++) {
        if (g_ascii_strcasecmp(headers[i], "From") == 0)
            return TRUE;
    }
    g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID,
                _("[signature %s] headers: From must be among them"), self->name);
    return FALSE;
}

/* What is the same for all messages is asked for now. */
static gboolean
signer_check_name(const Signer *self, const gchar *setting, const BaridRule *rule, GError **error)
{
    g_autofree gchar *value = NULL;

    if (!barid_rule_is_constant(rule))
        return TRUE;
    value = barid_rule_eval_text(rule, NULL);
    return is_name(value) || signer_complain(self, setting, _("can be none"), value, error);
}

static gboolean
signer_check(const Signer *self, GError **error)
{
    const SignatureSettings *read = self->settings;

    if (read->third_party != NULL && *read->third_party != '\0' && !is_name(read->third_party))
        return signer_complain(self, "third-party", _("can be no domain"), read->third_party,
                               error);
    return signer_check_name(self, "domain", read->domain, error) &&
           signer_check_name(self, "selector", read->selector, error) &&
           signer_check_headers(self, error);
}

DkimSigners *
dkim_signers_new(BaridStart *start, GError **error)
{
    DkimSigners *self = g_new0(DkimSigners, 1);
    guint n_sections = barid_start_get_n_sections(start, "signature");

    self->signers = g_ptr_array_new_with_free_func(signer_free);
    self->keys = dkim_keys_new();
    for (guint i = 0; i < n_sections; i++) {
        Signer *signer = g_new0(Signer, 1);

        signer->settings = barid_start_get_section(start, "signature", i, &signer->name);
        g_ptr_array_add(self->signers, signer);
        if (!signer_check(signer, error) || !signer_set_place(signer, error)) {
            dkim_signers_free(self);
            return NULL;
        }
    }
    return self;
}

void
dkim_signers_free(DkimSigners *self)
{
    if (self == NULL)
        return;
    g_ptr_array_unref(self->signers);
    dkim_keys_free(self->keys);
    g_free(self);
}

static Signer *
signers_find(const DkimSigners *self, const gchar *name)
{
    for (guint i = 0; i < self->signers->len; i++) {
        Signer *signer = g_ptr_array_index(self->signers, i);

        if (strcmp(signer->name, name) == 0)
            return signer;
    }
    return NULL;
}

gboolean
dkim_signers_has(const DkimSigners *self, const gchar *name)
{
    return signers_find(self, name) != NULL;
}

void
dkim_signers_want_bodies(const DkimSigners *self, BaridVerifier *verifier)
{
    for (guint i = 0; i < self->signers->len; i++) {
        const Signer *signer = g_ptr_array_index(self->signers, i);

        barid_verifier_want_body(verifier,
                                 form_pairs[signer->settings->canonicalization].body);
    }
}

/* --- signing --- */

/* The identity is in the domain or below it. */
static gboolean
is_identity_of(const gchar *identity, const gchar *domain)
{
    const gchar *at = strrchr(identity, '@');
    gsize extra;

    if (at == NULL || strlen(identity) > IDENTITY_BYTES_MAX || !is_name(at + 1) ||
        strlen(at + 1) < strlen(domain))
        return FALSE;
    extra = strlen(at + 1) - strlen(domain);
    return g_ascii_strcasecmp(at + 1 + extra, domain) == 0 && (extra == 0 || at[extra] == '.');
}

/* NULL with the error. In folders and stores it may be missing: not all domains sign. */
static DkimKey *
signer_get_key(const Signer *self, DkimKeys *keys, const BaridSignatureDraft *draft,
               GError **error)
{
    g_autofree gchar *name = NULL;
    g_autofree gchar *folded = NULL;

    if (self->key != NULL)
        return dkim_key_ref(self->key);
    name = g_strconcat(draft->selector, "._domainkey.", draft->domain, NULL);
    folded = g_ascii_strdown(name, -1);
    return dkim_keys_lookup(keys, &self->place, folded, error);
}

/* The field's value, which the caller owns, or NULL with the error. */
static gchar *
signer_make(const Signer *self, const DkimKey *key, BaridTransaction *txn,
            BaridSignatureDraft *draft, const BaridHeaderIndex *header,
            const BaridVerifier *bodies, GError **error)
{
    g_autofree gchar *value = NULL;
    guint8 digest[BARID_DIGEST_BYTES], bytes[BARID_SIGNED_BYTES_MAX];
    const guint8 *body;
    guint64 body_bytes;
    gsize n_bytes;

    if (!signer_check_key(self, key, error))
        return NULL;
    draft->algorithm = key_get_algorithm(key);
    body = barid_verifier_get_body(bodies, draft->body_form, &body_bytes);
    value = barid_signature_draft_write(draft, header, body, body_bytes, digest);
    if (!barid_private_key_sign(txn, dkim_key_get(key), digest, bytes, &n_bytes, error))
        return NULL;
    barid_explain(txn, "dkim.signed", "%s: %s by %s at %s", self->name, draft->algorithm,
                  draft->selector, draft->domain);
    return barid_signature_complete(value, barid_slice(bytes, n_bytes));
}

/* Says why the message does not get this signature. */
static gboolean
signer_skip(const Signer *self, BaridTransaction *txn, const gchar *reason, const gchar *value)
{
    barid_explain(txn, "dkim.signed", "%s: not, %s: %s", self->name, reason, value);
    return TRUE;
}

static gboolean
signer_fill(const Signer *self, DkimKeys *keys, BaridTransaction *txn, BaridSignatureDraft *draft,
            const BaridHeaderIndex *header, const BaridVerifier *bodies, gchar **out_value,
            GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_autoptr(DkimKey) key = signer_get_key(self, keys, draft, &reason);

    if (key == NULL && reason->code == BARID_ERROR_NOT_FOUND)
        return signer_skip(self, txn, "no key", reason->message);
    if (key == NULL) {
        g_propagate_prefixed_error(error, g_steal_pointer(&reason), "[signature %s]: ",
                                   self->name);
        return FALSE;
    }
    *out_value = signer_make(self, key, txn, draft, header, bodies, error);
    return *out_value != NULL;
}

/* TRUE with NULL when the message is not to have this signature. What rules take from the
 * message may be anything: it is no reason to keep the message. */
static gboolean
signer_sign(const Signer *self, DkimKeys *keys, BaridTransaction *txn,
            const BaridHeaderIndex *header, const BaridVerifier *bodies, gchar **out_value,
            GError **error)
{
    const SignatureSettings *read = self->settings;
    g_autofree gchar *domain = barid_rule_dup_text(read->domain, txn);
    g_autofree gchar *selector = barid_rule_dup_text(read->selector, txn);
    g_autofree gchar *identity = barid_rule_dup_text(read->identity, txn);
    gint64 now_ms = barid_now_ms();
    BaridSignatureDraft draft = {
        .kind = BARID_SIGNATURE_DKIM,
        .domain = domain,
        .selector = selector,
        .identity = is_identity_of(identity, domain) ? identity : NULL,
        .header_form = form_pairs[read->canonicalization].header,
        .body_form = form_pairs[read->canonicalization].body,
        .fields = (const gchar *const *)read->headers,
        .oversigned = (const gchar *const *)read->oversign,
        .made_s = now_ms / 1000,
        .expires_s = read->expire_ms == 0 ? 0 : (now_ms + read->expire_ms) / 1000,
        .says_length = read->body_length,
        .wants_reports = read->request_reports,
        .third_party = read->third_party,
        .third_party_hash = third_party_hashes[read->third_party_hash],
    };

    *out_value = NULL;
    if (!is_name(domain))
        return signer_skip(self, txn, "no domain to sign for", domain);
    if (!is_name(selector))
        return signer_skip(self, txn, "no selector", selector);
    if (*identity != '\0' && draft.identity == NULL)
        barid_explain(txn, "dkim.signed", "%s: without the identity \"%s\", which is not in %s",
                      self->name, identity, domain);
    return signer_fill(self, keys, txn, &draft, header, bodies, out_value, error);
}

gboolean
dkim_signers_sign(DkimSigners *self, BaridTransaction *txn, const gchar *const *names,
                  const BaridVerifier *bodies, GError **error)
{
    BaridSlice sealed = barid_transaction_get_sealed_header(txn);
    g_autoptr(BaridHeaderIndex) header = barid_header_index_new(sealed);
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; names[i] != NULL; i++) {
        const Signer *signer = signers_find(self, names[i]);
        gchar *value = NULL;

        if (signer == NULL) {
            g_set_error(error, BARID_ERROR, BARID_ERROR_NOT_FOUND,
                        "there is no [signature %s]", names[i]);
            return FALSE;
        }
        if (!signer_sign(signer, self->keys, txn, header, bodies, &value, error))
            return FALSE;
        if (value != NULL)
            g_ptr_array_add(values, value);
    }
    /* The last one prepended stands on top. */
    for (guint i = values->len; i > 0; i--) {
        if (!barid_transaction_prepend_field(txn, "DKIM-Signature", values->pdata[i - 1], error))
            return FALSE;
    }
    return TRUE;
}
