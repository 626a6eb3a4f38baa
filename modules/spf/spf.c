/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sender Policy Framework (RFC 7208): whether the client may use the domain that it calls
 * itself by, and that of the sender. Both are looked up beside the session; who reads what
 * was found waits for it.
 */
#include <barid/barid.h>

#include "spf-check.h"

typedef struct {
    BaridRule *helo, *mail_from; /* a word of (policies) */
} SpfSettings;

/* In the order of (policies). */
enum { SPF_OFF, SPF_RELAXED, SPF_ENFORCE, SPF_STRICT };

static const gchar *const policies[] = {"off", "relaxed", "enforce", "strict", NULL};

static const BaridSetting settings[] = {
    BARID_SETTING_RULE_TEXT("helo", SpfSettings, helo, "relaxed",
                            N_("What is done about the name a client calls itself by: off, "
                               "relaxed, enforce or strict."),
                            BARID_KNOWN_EHLO, .on_failure = "relaxed", .words = policies),
    BARID_SETTING_RULE_TEXT("mail-from", SpfSettings, mail_from, "relaxed",
                            N_("The same about the sender's domain."), BARID_KNOWN_MAIL,
                            .on_failure = "relaxed", .words = policies),
    BARID_SETTING_END,
};

/* --- what is found --- */

static gchar *
spf_dup_text(BaridSlice slice)
{
    gchar *text = barid_slice_dup_text(slice, NULL);

    return text == NULL ? g_strdup("") : text;
}

static void
spf_step(const gchar *text, gpointer scope)
{
    barid_scope_explain(scope, "spf", "%s", text);
}

static void
spf_tell_one(BaridScope *scope, const gchar *prefix, const gchar *name, const gchar *value)
{
    g_autofree gchar *finding = g_strconcat(prefix, ".", name, NULL);

    barid_scope_finding_set(scope, finding, value == NULL ? "" : value);
}

static void
spf_tell(BaridScope *scope, const gchar *prefix, const gchar *domain, const SpfAnswer *answer)
{
    g_autofree gchar *lookups = g_strdup_printf("%u", answer->n_lookups);

    spf_tell_one(scope, prefix, "domain", domain);
    spf_tell_one(scope, prefix, "mechanism", answer->term);
    spf_tell_one(scope, prefix, "decided-by", answer->domain);
    spf_tell_one(scope, prefix, "explanation", answer->explanation);
    spf_tell_one(scope, prefix, "problem", answer->problem);
    spf_tell_one(scope, prefix, "lookups", lookups);
    barid_scope_finding_set(scope, prefix, spf_result_get_name(answer->result));
    barid_scope_explain(scope, prefix, "%s for %s%s%s", spf_result_get_name(answer->result),
                        domain, answer->term == NULL ? "" : " by ",
                        answer->term == NULL ? "" : answer->term);
}

static BARID_SUSPENDS void
spf_observe(BaridScope *scope, BaridSession *session, const gchar *prefix, const gchar *domain,
            const gchar *sender)
{
    g_autofree gchar *helo = spf_dup_text(barid_session_get_helo(session));
    SpfQuestion question = {
        .scope = scope,
        .ip = barid_session_get_remote_ip(session),
        .domain = domain,
        .sender = sender,
        .helo = helo,
        .receiver = barid_session_get_hostname(session),
        .now_s = barid_now_ms() / 1000,
        .step = spf_step,
        .step_data = scope,
    };
    g_auto(SpfAnswer) answer = {SPF_RESULT_NONE};

    spf_check(&question, &answer);
    spf_tell(scope, prefix, domain, &answer);
}

/* Users are known by what they have shown, not by where they are. */
static gboolean
spf_is_user(BaridSession *session)
{
    return barid_session_get_user(session) != NULL;
}

/* The HELO identity (section 2.3). */
static BaridVerdict
spf_observe_helo(BaridSession *session, gpointer state)
{
    const SpfSettings *self = state;
    g_autofree gchar *helo = spf_dup_text(barid_session_get_helo(session));
    g_autofree gchar *sender = g_strconcat("postmaster@", helo, NULL);

    if (!spf_is_user(session) &&
        barid_rule_get_word(self->helo, session, policies) != SPF_OFF)
        spf_observe(BARID_SCOPE(session), session, "spf.helo", helo, sender);
    return BARID_CONTINUE;
}

/* The MAIL FROM identity (section 2.4): with the null reverse-path that of HELO. */
static BaridVerdict
spf_observe_mail(BaridTransaction *txn, gpointer state)
{
    const SpfSettings *self = state;
    BaridSession *session = barid_transaction_get_session(txn);
    g_autofree gchar *helo = spf_dup_text(barid_session_get_helo(session));
    g_autofree gchar *sender = spf_dup_text(barid_transaction_get_sender(txn));
    const gchar *at;

    if (spf_is_user(session) ||
        barid_rule_get_word(self->mail_from, txn, policies) == SPF_OFF)
        return BARID_CONTINUE;
    if (*sender == '\0') {
        g_free(sender);
        sender = g_strconcat("postmaster@", helo, NULL);
    }
    at = strrchr(sender, '@');
    spf_observe(BARID_SCOPE(txn), session, "spf", at == NULL ? helo : at + 1, sender);
    return BARID_CONTINUE;
}

/* --- what is done about it --- */

/* RFC 7372 section 3.2. What the domain says for itself is marked as its words (RFC 7208
 * section 6.2). */
static BaridVerdict
spf_refuse(BaridScope *scope, const gchar *result, const gchar *domain,
           const gchar *explanation)
{
    gboolean is_explained = explanation != NULL && *explanation != '\0';
    g_autofree gchar *text =
        is_explained ? g_strdup_printf("SPF %s for %s, which explains: %s", result, domain,
                                       explanation)
                     : g_strdup_printf("SPF %s: your address may not use %s", result, domain);

    return barid_scope_reject(scope, 550, "5.7.23", "spf-failed", text);
}

static BaridVerdict
spf_judge(BaridScope *scope, const BaridRule *rule, const gchar *prefix)
{
    guint policy = barid_rule_eval_word(rule, scope, policies);
    g_autofree gchar *domain = g_strconcat(prefix, ".domain", NULL);
    g_autofree gchar *explanation = g_strconcat(prefix, ".explanation", NULL);
    const gchar *result;

    if (policy == SPF_OFF || policy == SPF_RELAXED)
        return BARID_CONTINUE;
    result = barid_scope_finding_get(scope, prefix);
    if (result == NULL || strcmp(result, "temperror") == 0)
        return barid_scope_defer(scope, 451, "4.7.24", "spf-temperror",
                                 "The SPF policy cannot be looked up now");
    if (strcmp(result, "pass") == 0 || (policy == SPF_ENFORCE && strcmp(result, "fail") != 0))
        return BARID_CONTINUE;
    return spf_refuse(scope, result, barid_scope_finding_get(scope, domain),
                      barid_scope_finding_get(scope, explanation));
}

static BaridVerdict
spf_judge_helo(BaridSession *session, gpointer state)
{
    const SpfSettings *self = state;

    return spf_is_user(session) ? BARID_CONTINUE
                                : spf_judge(BARID_SCOPE(session), self->helo, "spf.helo");
}

static BaridVerdict
spf_judge_mail(BaridTransaction *txn, gpointer state)
{
    const SpfSettings *self = state;

    return spf_is_user(barid_transaction_get_session(txn))
               ? BARID_CONTINUE
               : spf_judge(BARID_SCOPE(txn), self->mail_from, "spf");
}

static const BaridHook hooks[] = {
    BARID_HOOK_EHLO(spf_observe_helo, BARID_PHASE_IDENTIFY, .observes = TRUE),
    BARID_HOOK_EHLO(spf_judge_helo, BARID_PHASE_AUTHORISE),
    BARID_HOOK_MAIL(spf_observe_mail, BARID_PHASE_IDENTIFY, .observes = TRUE),
    BARID_HOOK_MAIL(spf_judge_mail, BARID_PHASE_AUTHORISE),
    BARID_HOOK_END,
};

#define SPF_FINDINGS(prefix)                                                              \
    prefix, prefix ".domain", prefix ".mechanism", prefix ".decided-by",                  \
        prefix ".explanation", prefix ".problem", prefix ".lookups"

static const gchar *const findings[] = {SPF_FINDINGS("spf"), SPF_FINDINGS("spf.helo"), NULL};

BARID_MODULE_DEFINE(spf) = {
    BARID_MODULE_HEADER,
    .name = "spf",
    .version = PACKAGE_VERSION,
    .summary = N_("Checks the SPF policies of HELO names and sender domains"),
    .needs = BARID_MAY_DEFER | BARID_MAY_REJECT | BARID_USES_NETWORK,
    .settings = settings,
    .settings_size = sizeof(SpfSettings),
    .hooks = hooks,
    .findings = findings,
};
