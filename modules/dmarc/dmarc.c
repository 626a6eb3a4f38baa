/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domain-based Message Authentication, Reporting and Conformance (RFC 9989, or RFC 7489): what
 * an author's domain wants done with mail that neither SPF nor DKIM shows to be its own. The
 * policy is looked up beside their look-ups.
 */
#include <libintl.h>

#include <barid/barid.h>

#include "dmarc-author.h"
#include "dmarc-check.h"

/* Told in the language of who calls baridctl. */
#define _(text) dgettext(GETTEXT_PACKAGE, text)

/* Fields From that are looked at; a message may have one. */
enum { FIELDS_MAX = 4 };

typedef enum { METHOD_RFC9989, METHOD_RFC7489 } DmarcMethod;

typedef struct {
    BaridRule *verify;      /* a word of (modes) */
    BaridRule *disposition; /* "published", or a policy */
    BaridRule *hold_quarantined, *require_author, *trust_arc;
    gint method;            /* DmarcMethod */
    gchar *public_suffixes; /* a file, or NULL */
} DmarcSettings;

typedef enum { DMARC_OFF, DMARC_RELAXED, DMARC_STRICT } DmarcMode;

static const gchar *const modes[] = {"off", "relaxed", "strict", NULL};
static const gchar *const dispositions[] = {"published", "none", "quarantine", "reject", NULL};
static const gchar *const methods[] = {"rfc9989", "rfc7489", NULL};

static const BaridSetting settings[] = {
    BARID_SETTING_RULE_TEXT("verify", DmarcSettings, verify, "relaxed",
                            N_("What is done about policies: off, relaxed or strict."),
                            BARID_KNOWN_MESSAGE, .on_failure = "relaxed", .words = modes),
    BARID_SETTING_RULE_TEXT("disposition", DmarcSettings, disposition, "published",
                            N_("What is done with a message that fails: published, none, "
                               "quarantine or reject."),
                            BARID_KNOWN_MESSAGE, .on_failure = "published",
                            .words = dispositions),
    BARID_SETTING_RULE_BOOL("hold-quarantined", DmarcSettings, hold_quarantined, "no",
                            N_("Whether a message to be quarantined is held in the queue."),
                            BARID_KNOWN_MESSAGE, .on_failure = "no"),
    BARID_SETTING_RULE_BOOL("require-author", DmarcSettings, require_author, "no",
                            N_("Whether a message without one clear author's domain is refused."),
                            BARID_KNOWN_MESSAGE, .on_failure = "no"),
    BARID_SETTING_RULE_BOOL("trust-arc", DmarcSettings, trust_arc, "yes",
                            N_("Whether a trusted forwarder's word is taken that it passed."),
                            BARID_KNOWN_MESSAGE, .on_failure = "no"),
    BARID_SETTING_ENUM("method", DmarcSettings, method, "rfc9989",
                       N_("The standard that is followed: rfc9989 or rfc7489."), methods),
    BARID_SETTING_PATH("public-suffixes", DmarcSettings, public_suffixes, "",
                       N_("The list of public suffixes, for rfc7489."), BARID_SETTING_PATH_READ),
    BARID_SETTING_END,
};

typedef struct {
    const DmarcSettings *settings;
    DmarcSuffixes *suffixes; /* or NULL */
} Dmarc;

static DmarcMode
dmarc_get_mode(const Dmarc *self, BaridTransaction *txn)
{
    /* Users are known by what they have shown. */
    if (barid_session_get_user(barid_transaction_get_session(txn)) != NULL)
        return DMARC_OFF;
    return (DmarcMode)barid_rule_get_word(self->settings->verify, txn, modes);
}

/* --- what is found --- */

static gchar *
dmarc_dup_author(BaridTransaction *txn, const gchar **out_problem)
{
    BaridSlice values[FIELDS_MAX];
    guint n_values = 0;

    while (n_values < FIELDS_MAX) {
        values[n_values] = barid_transaction_get_field(txn, "From", n_values);
        if (values[n_values].data == NULL)
            break;
        n_values++;
    }
    if (n_values == FIELDS_MAX) {
        *out_problem = "there are too many fields From";
        return NULL;
    }
    return dmarc_author_dup_domain(values, n_values, out_problem);
}

/* Text of strangers, fit to be shown. */
static void
dmarc_tell_foreign(BaridTransaction *txn, const gchar *name, const gchar *text)
{
    g_autofree gchar *valid = g_utf8_make_valid(text == NULL ? "" : text, -1);

    for (gchar *byte = valid; *byte != '\0'; byte++) {
        if ((guchar)*byte < ' ' || *byte == 0x7f)
            *byte = '?';
    }
    barid_finding_set(txn, name, valid);
}

static void
dmarc_tell_uris(BaridTransaction *txn, const gchar *name, BaridSlice uris)
{
    g_autoptr(GString) address = g_string_new(NULL);
    g_autoptr(GString) list = g_string_new(NULL);

    while (barid_report_uris_next(&uris, address)) {
        if (list->len > 0)
            g_string_append_c(list, ' ');
        g_string_append(list, address->str);
    }
    barid_finding_set(txn, name, list->str);
}

static void
dmarc_tell_record(BaridTransaction *txn, const DmarcCheck *check)
{
    const DmarcStep *step = check->step;
    const gchar *policy = dmarc_policy_get_name(check->policy);
    const gchar *requested = dmarc_policy_get_name(check->requested);
    g_autofree gchar *options = NULL;

    if (step == NULL)
        return;
    options = g_strndup((const gchar *)step->record.fo.data, step->record.fo.len);
    barid_finding_set(txn, "dmarc.policy-domain", step->domain);
    barid_finding_set(txn, "dmarc.policy", policy == NULL ? "" : policy);
    barid_finding_set(txn, "dmarc.requested", requested == NULL ? "" : requested);
    dmarc_tell_foreign(txn, "dmarc.record", step->text);
    dmarc_tell_uris(txn, "dmarc.rua", step->record.rua);
    dmarc_tell_uris(txn, "dmarc.ruf", step->record.ruf);
    dmarc_tell_foreign(txn, "dmarc.fo", options);
}

static void
dmarc_tell(BaridTransaction *txn, const DmarcCheck *check)
{
    const gchar *result = dmarc_result_get_name(check->result);

    barid_finding_set(txn, "dmarc.problem", check->problem == NULL ? "" : check->problem);
    barid_finding_set(txn, "dmarc.organization",
                      check->organization == NULL ? "" : check->organization);
    dmarc_tell_record(txn, check);
    barid_finding_set(txn, "dmarc.spf", check->spf_is_aligned ? "pass" : "fail");
    barid_finding_set(txn, "dmarc.dkim", check->dkim_domain != NULL ? "pass" : "fail");
    barid_finding_set(txn, "dmarc", result);
    barid_explain(txn, "dmarc", "%s for %s%s%s", result, check->walk.domain,
                  check->problem == NULL ? "" : ": ",
                  check->problem == NULL ? "" : check->problem);
}

/* --- what is to be done --- */

typedef struct {
    DmarcPolicy policy;
    const gchar *override; /* why it is not the published one, as reports say it; or NULL */
    gchar *comment;        /* for people; or NULL */
} DmarcDecision;

static void
decision_override(DmarcDecision *self, DmarcPolicy policy, const gchar *override, gchar *comment)
{
    g_free(self->comment);
    *self = (DmarcDecision){policy, override, comment};
}

/* Whether a sealer that is trusted says that a message of this author passed when it got there;
 * not one of another author's, who was replaced since. */
static gboolean
dmarc_is_vouched_for(const Dmarc *self, BaridTransaction *txn)
{
    const gchar *domain = barid_finding_get(txn, "dmarc.domain");
    const gchar *dmarc, *author;

    if (!barid_rule_get_bool(self->settings->trust_arc, txn))
        return FALSE;
    dmarc = barid_finding_get(txn, "arc.trusted.dmarc");
    author = barid_finding_get(txn, "arc.trusted.from");
    return dmarc != NULL && g_ascii_strcasecmp(dmarc, "pass") == 0 && author != NULL &&
           g_ascii_strcasecmp(author, domain) == 0;
}

static void
dmarc_decide_by_rule(const Dmarc *self, BaridTransaction *txn, DmarcDecision *decision)
{
    g_autofree gchar *word = barid_rule_dup_text(self->settings->disposition, txn);
    DmarcPolicy policy = dmarc_policy_parse(barid_slice_from_text(word));

    if (strcmp(word, "published") == 0)
        return;
    if (policy == DMARC_POLICY_INVALID) {
        barid_explain(txn, "dmarc.disposition", "\"%s\" is none: the published one is taken",
                      word);
        return;
    }
    if (policy != decision->policy)
        decision_override(decision, policy, "local_policy", g_strdup("by rule"));
}

/* A mode that tells only does nothing, whatever it comes to. */
static void
dmarc_decide(const Dmarc *self, BaridTransaction *txn, const DmarcCheck *check, DmarcMode mode)
{
    DmarcDecision decision = {DMARC_POLICY_NONE, NULL, NULL};

    if (check->result == DMARC_RESULT_FAIL) {
        decision.policy = check->requested;
        if (check->requested != check->policy)
            decision.override = check->is_sampled_out ? "sampled_out" : "policy_test_mode";
        dmarc_decide_by_rule(self, txn, &decision);
        if (decision.policy != DMARC_POLICY_NONE && dmarc_is_vouched_for(self, txn))
            decision_override(&decision, DMARC_POLICY_NONE, "local_policy",
                              g_strdup(barid_finding_get(txn, "arc.trusted.comment")));
        if (mode == DMARC_RELAXED && decision.policy != DMARC_POLICY_NONE)
            decision_override(&decision, DMARC_POLICY_NONE, "local_policy",
                              g_strdup("only recorded"));
    }
    barid_finding_set(txn, "dmarc.override", decision.override == NULL ? "" : decision.override);
    barid_finding_set(txn, "dmarc.override-comment",
                      decision.comment == NULL ? "" : decision.comment);
    barid_finding_set(txn, "dmarc.disposition", dmarc_policy_get_name(decision.policy));
    barid_explain(txn, "dmarc.disposition", "%s%s%s", dmarc_policy_get_name(decision.policy),
                  decision.override == NULL ? "" : " because of ",
                  decision.override == NULL ? "" : decision.override);
    g_free(decision.comment);
}

static BaridVerdict
dmarc_observe(BaridTransaction *txn, gpointer state)
{
    const Dmarc *self = state;
    DmarcMode mode = dmarc_get_mode(self, txn);
    g_auto(DmarcCheck) check = {.scope = BARID_SCOPE(txn), .suffixes = self->suffixes};
    g_autofree gchar *domain = NULL;
    const gchar *problem = NULL;

    if (mode == DMARC_OFF)
        return BARID_CONTINUE;
    domain = dmarc_dup_author(txn, &problem);
    if (domain == NULL) {
        barid_finding_set(txn, "dmarc.problem", problem);
        barid_finding_set(txn, "dmarc.disposition", "none");
        barid_finding_set(txn, "dmarc", "none");
        barid_explain(txn, "dmarc", "none: %s", problem);
        return BARID_CONTINUE;
    }
    barid_finding_set(txn, "dmarc.domain", domain);
    dmarc_check_discover(&check, domain);
    if (check.result == DMARC_RESULT_FAIL)
        dmarc_check_evaluate(&check);
    dmarc_tell(txn, &check);
    dmarc_decide(self, txn, &check, mode);
    return BARID_CONTINUE;
}

/* RFC 9989 section 7.2. */
static BaridVerdict
dmarc_refuse(BaridTransaction *txn)
{
    g_autofree gchar *text = g_strdup_printf("Rejected by the DMARC policy of %s",
                                             barid_finding_get(txn, "dmarc.domain"));

    return barid_reject(txn, 550, "5.7.1", "dmarc-failed", text);
}

static gboolean
dmarc_has_author(BaridTransaction *txn)
{
    return barid_finding_get(txn, "dmarc.domain") != NULL;
}

static BaridVerdict
dmarc_judge(BaridTransaction *txn, gpointer state)
{
    const Dmarc *self = state;
    DmarcMode mode = dmarc_get_mode(self, txn);
    const gchar *result, *disposition;

    if (mode == DMARC_OFF)
        return BARID_CONTINUE;
    if (barid_rule_get_bool(self->settings->require_author, txn) && !dmarc_has_author(txn))
        return barid_reject(txn, 550, "5.7.1", "dmarc-author",
                            "The field From must name one author's domain");
    if (mode == DMARC_RELAXED)
        return BARID_CONTINUE;
    result = barid_finding_get(txn, "dmarc");
    if (result == NULL || strcmp(result, "temperror") == 0)
        return barid_defer(txn, 451, "4.7.1", "dmarc-temperror",
                           "The DMARC policy cannot be looked up now");
    disposition = barid_finding_get(txn, "dmarc.disposition");
    if (g_strcmp0(disposition, "reject") == 0)
        return dmarc_refuse(txn);
    if (g_strcmp0(disposition, "quarantine") == 0 &&
        barid_rule_get_bool(self->settings->hold_quarantined, txn))
        return barid_quarantine(txn, "dmarc-failed");
    return BARID_CONTINUE;
}

/* --- the module --- */

static void
dmarc_stop(gpointer state)
{
    Dmarc *self = state;

    dmarc_suffixes_free(self->suffixes);
    g_free(self);
}

static gboolean
dmarc_read_suffixes(Dmarc *self, GError **error)
{
    const gchar *path = self->settings->public_suffixes;
    g_autofree gchar *text = NULL;

    if (path == NULL) {
        g_set_error_literal(error, BARID_ERROR, BARID_ERROR_INVALID,
                            _("public-suffixes: \"method = rfc7489\" needs the list"));
        return FALSE;
    }
    if (!g_file_get_contents(path, &text, NULL, error))
        return FALSE;
    self->suffixes = dmarc_suffixes_new(text);
    if (dmarc_suffixes_get_n_rules(self->suffixes) > 0)
        return TRUE;
    g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID,
                _("public-suffixes: there is no rule in %s"), path);
    return FALSE;
}

static gboolean
dmarc_start(BaridStart *start G_GNUC_UNUSED, const void *config, gpointer *out_state,
            GError **error)
{
    Dmarc *self = g_new0(Dmarc, 1);

    self->settings = config;
    if (self->settings->method == METHOD_RFC7489 && !dmarc_read_suffixes(self, error)) {
        dmarc_stop(self);
        return FALSE;
    }
    *out_state = self;
    return TRUE;
}

static const BaridHook hooks[] = {
    BARID_HOOK_MESSAGE(dmarc_observe, BARID_PHASE_IDENTIFY, .observes = TRUE,
                       .after = "spf dkim arc"),
    BARID_HOOK_MESSAGE(dmarc_judge, BARID_PHASE_AUTHORISE, .after = "spf dkim arc"),
    BARID_HOOK_END,
};

static const gchar *const findings[] = {
    "dmarc",           "dmarc.domain",        "dmarc.organization",     "dmarc.policy-domain",
    "dmarc.policy",    "dmarc.requested",     "dmarc.record",           "dmarc.rua",
    "dmarc.ruf",       "dmarc.fo",            "dmarc.spf",              "dmarc.dkim",
    "dmarc.override",  "dmarc.disposition",   "dmarc.override-comment", "dmarc.problem",
    NULL,
};

BARID_MODULE_DEFINE(dmarc) = {
    BARID_MODULE_HEADER,
    .name = "dmarc",
    .version = PACKAGE_VERSION,
    .summary = N_("Checks the DMARC policies of authors' domains"),
    .needs = BARID_READS_HEADERS | BARID_MAY_DEFER | BARID_MAY_REJECT | BARID_MAY_HOLD |
             BARID_USES_NETWORK | BARID_USES_FILES,
    .settings = settings,
    .settings_size = sizeof(DmarcSettings),
    .hooks = hooks,
    .findings = findings,
    .start = dmarc_start,
    .stop = dmarc_stop,
};
