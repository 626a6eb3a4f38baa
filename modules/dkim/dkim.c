/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DomainKeys Identified Mail (RFC 6376, 8301, 8463): who takes responsibility for a message.
 * The body is hashed while it arrives; signatures are verified beside the session, and made
 * when all edits are known.
 */
#include <libintl.h>

#include "dkim-sign.h"
#include "dkim-verify.h"

/* Told in the language of who calls baridctl. */
#define _(text) dgettext(GETTEXT_PACKAGE, text)

typedef struct {
    BaridRule *verify; /* a word of (policies) */
    BaridRule *accept_body_length;
    BaridRule *sign;   /* names of sections */
} DkimSettings;

typedef enum { DKIM_OFF, DKIM_RELAXED, DKIM_STRICT } DkimPolicy;

static const gchar *const policies[] = {"off", "relaxed", "strict", NULL};

static const BaridSetting settings[] = {
    BARID_SETTING_RULE_TEXT("verify", DkimSettings, verify, "relaxed",
                            N_("What is done about signatures: off, relaxed or strict."),
                            BARID_KNOWN_MESSAGE, .on_failure = "relaxed", .words = policies),
    BARID_SETTING_RULE_BOOL("accept-body-length", DkimSettings, accept_body_length, "no",
                            N_("Whether a signature that leaves a part of the body out is good."),
                            BARID_KNOWN_MESSAGE, .on_failure = "no"),
    BARID_SETTING_RULE_LIST("sign", DkimSettings, sign, "none",
                            N_("The signatures that a message gets, by their sections' names."),
                            NULL, BARID_KNOWN_MESSAGE),
    BARID_SETTING_END,
};

typedef struct {
    const DkimSettings *settings;
    DkimSigners *signers;
    gboolean signs; /* some messages, maybe */
} Dkim;

static DkimPolicy
dkim_get_policy(const Dkim *self, BaridTransaction *txn)
{
    /* Users are known by what they have shown. */
    if (barid_session_get_user(barid_transaction_get_session(txn)) != NULL)
        return DKIM_OFF;
    return (DkimPolicy)barid_rule_get_word(self->settings->verify, txn, policies);
}

/* --- while it arrives --- */

static void
message_free(gpointer verifier)
{
    barid_verifier_free(verifier);
}

/* The transaction's slot keeps the verifier, for the hook that signs. */
static gpointer
message_begin(BaridTransaction *txn, gpointer state)
{
    const Dkim *self = state;
    BaridVerifier *verifier = barid_verifier_new(BARID_SIGNATURE_DKIM);

    if (self->signs)
        dkim_signers_want_bodies(self->signers, verifier);
    barid_slot_set(txn, verifier, message_free);
    return verifier;
}

static void
message_field(gpointer verifier, BaridSlice name, BaridSlice value G_GNUC_UNUSED,
              BaridSlice whole)
{
    barid_verifier_field(verifier, name, whole);
}

static void
message_body(gpointer verifier, BaridSlice block)
{
    barid_verifier_body(verifier, block);
}

static void
message_end(gpointer verifier)
{
    barid_verifier_end(verifier);
}

static const BaridStreamHook message_stream = {
    .struct_size = sizeof(BaridStreamHook),
    .begin = message_begin,
    .field = message_field,
    .body = message_body,
    .end = message_end,
};

/* --- verifying --- */

static BaridVerdict
dkim_observe(BaridTransaction *txn, gpointer state)
{
    const Dkim *self = state;
    BaridVerifier *verifier = barid_transaction_get_stream(txn);

    if (verifier == NULL || dkim_get_policy(self, txn) == DKIM_OFF)
        return BARID_CONTINUE;
    if (barid_rule_get_bool(self->settings->accept_body_length, txn))
        barid_verifier_allow_partial_body(verifier);
    dkim_verify(txn, verifier);
    dkim_tell(txn, verifier);
    return BARID_CONTINUE;
}

/* RFC 7372 section 3.1. */
static BaridVerdict
dkim_judge(BaridTransaction *txn, gpointer state)
{
    const gchar *result;

    if (dkim_get_policy(state, txn) != DKIM_STRICT)
        return BARID_CONTINUE;
    result = barid_finding_get(txn, "dkim");
    if (result != NULL && strcmp(result, "pass") == 0)
        return BARID_CONTINUE;
    if (result == NULL || strcmp(result, "temperror") == 0)
        return barid_defer(txn, 451, "4.7.20", "dkim-temperror",
                           "The key of a DKIM signature cannot be looked up now");
    return barid_reject(txn, 550, "5.7.20", "dkim-failed",
                        strcmp(result, "none") == 0 ? "A DKIM signature is required"
                                                    : "No DKIM signature is good");
}

/* --- signing --- */

/* What was not hashed while it arrived. */
static BaridVerifier *
dkim_hash_body(const Dkim *self, BaridTransaction *txn)
{
    BaridVerifier *verifier = barid_verifier_new(BARID_SIGNATURE_DKIM);
    BaridSlice message = barid_transaction_get_message(txn);
    gsize header = barid_transaction_get_header(txn).len;

    dkim_signers_want_bodies(self->signers, verifier);
    barid_verifier_body(verifier, barid_slice(message.data + header, message.len - header));
    barid_verifier_end(verifier);
    return verifier;
}

static BaridVerdict
dkim_seal(BaridTransaction *txn, gpointer state)
{
    const Dkim *self = state;
    const gchar *const *names = barid_rule_get_list(self->settings->sign, txn);
    const BaridVerifier *bodies = barid_slot_get(txn);
    g_autoptr(BaridVerifier) hashed = NULL;
    g_autoptr(GError) error = NULL;

    if (names[0] == NULL)
        return BARID_CONTINUE;
    if (bodies == NULL)
        bodies = hashed = dkim_hash_body(self, txn);
    if (!dkim_signers_sign(self->signers, txn, names, bodies, &error))
        return barid_fail(txn, error);
    return BARID_CONTINUE;
}

/* --- the module --- */

static void
dkim_stop(gpointer state)
{
    Dkim *self = state;

    dkim_signers_free(self->signers);
    g_free(self);
}

/* Names that cannot be known before are asked for when they are. Where there are none, no body
 * is hashed for them. */
static gboolean
dkim_check_names(Dkim *self, GError **error)
{
    const BaridRule *rule = self->settings->sign;
    const gchar *const *names;

    self->signs = TRUE;
    if (!barid_rule_is_constant(rule))
        return TRUE;
    names = barid_rule_eval_list(rule, NULL);
    self->signs = names[0] != NULL;
    for (guint i = 0; names[i] != NULL; i++) {
        if (!dkim_signers_has(self->signers, names[i])) {
            g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID,
                        _("sign: there is no [signature %s]"), names[i]);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
dkim_start(BaridStart *start, const void *config, gpointer *out_state, GError **error)
{
    Dkim *self = g_new0(Dkim, 1);

    self->settings = config;
    self->signers = dkim_signers_new(start, error);
    if (self->signers == NULL || !dkim_check_names(self, error)) {
        dkim_stop(self);
        return FALSE;
    }
    *out_state = self;
    return TRUE;
}

static const BaridHook hooks[] = {
    BARID_HOOK_MESSAGE(dkim_observe, BARID_PHASE_IDENTIFY, .observes = TRUE,
                       .stream = &message_stream),
    BARID_HOOK_MESSAGE(dkim_judge, BARID_PHASE_AUTHORISE),
    BARID_HOOK_SEAL(dkim_seal, BARID_PHASE_LATE),
    BARID_HOOK_END,
};

static const gchar *const findings[] = {"dkim",         "dkim.domains",     "dkim.signatures",
                                       "dkim.atps",    "dkim.atps.domain", NULL};

BARID_MODULE_DEFINE(dkim) = {
    BARID_MODULE_HEADER,
    .name = "dkim",
    .version = PACKAGE_VERSION,
    .summary = N_("Verifies and makes DKIM signatures"),
    .needs = BARID_READS_HEADERS | BARID_READS_BODY | BARID_CHANGES_HEADERS | BARID_MAY_DEFER |
             BARID_MAY_REJECT | BARID_USES_NETWORK | BARID_USES_STORE | BARID_USES_FILES |
             BARID_USES_SECRETS,
    .settings = settings,
    .settings_size = sizeof(DkimSettings),
    .hooks = hooks,
    .sections = dkim_sections,
    .findings = findings,
    .start = dkim_start,
    .stop = dkim_stop,
};
