/* SPDX-License-Identifier: Apache-2.0 */
#include "dmarc-check.h"

const gchar *
dmarc_result_get_name(DmarcResult result)
{
    static const gchar *const names[] = {"none", "pass", "fail", "temperror", "permerror"};

    return names[result];
}

void
dmarc_check_clear(DmarcCheck *self)
{
    dmarc_walk_clear(&self->walk);
    g_free(self->dkim_domain);
    *self = (DmarcCheck){.scope = NULL};
}

static gboolean
is_by_9989(const DmarcCheck *self)
{
    return self->suffixes == NULL;
}

/* --- records --- */

static void
take_answer(DmarcWalk *walk, guint step, const BaridDnsAnswer *answer, const GError *error)
{
    if (answer == NULL) {
        /* A name that is too long to ask for has no record. */
        if (!g_error_matches(error, error->domain, BARID_ERROR_INVALID))
            walk->steps[step].state = DMARC_STEP_FAILED;
        return;
    }
    walk->steps[step].exists = barid_dns_answer_get_status(answer) != BARID_DNS_NO_NAME;
    for (guint i = 0; i < barid_dns_answer_get_n_records(answer); i++)
        dmarc_walk_add_record(walk, step, barid_dns_answer_get_text(answer, i));
}

static void
explain_steps(BaridScope *scope, const DmarcWalk *walk)
{
    for (guint i = 0; i < walk->n_steps; i++) {
        const DmarcStep *step = &walk->steps[i];
        g_autofree gchar *name = g_strconcat("_dmarc.", step->domain, NULL);

        barid_scope_explain(scope, name, "%s",
                            step->state == DMARC_STEP_RECORD   ? step->text
                            : step->state == DMARC_STEP_FAILED ? "could not be looked up"
                            : step->text != NULL               ? "several records, which are none"
                                                               : "no record");
    }
}

/* All names side by side: a walk takes as long as one question. */
static void
look_up(BaridScope *scope, DmarcWalk *walk)
{
    g_autoptr(BaridDnsBatch) batch = barid_dns_batch_new();
    guint questions[DMARC_STEPS_MAX];

    for (guint i = 0; i < walk->n_steps; i++) {
        g_autofree gchar *name = g_strconcat("_dmarc.", walk->steps[i].domain, NULL);

        questions[i] = barid_dns_batch_add(batch, name, BARID_DNS_TXT);
    }
    barid_scope_dns_batch_ask(scope, batch);
    for (guint i = 0; i < walk->n_steps; i++) {
        g_autoptr(GError) error = NULL;
        const BaridDnsAnswer *answer = barid_dns_batch_get(batch, questions[i], &error);

        take_answer(walk, i, answer, error);
    }
    explain_steps(scope, walk);
}

/* --- the policy --- */

/* Whether the domain does not exist (section 3.2.8); "_dmarc" below it would show that it
 * does. */
static gboolean
is_missing(DmarcCheck *self)
{
    g_autoptr(BaridDnsAnswer) answer = NULL;

    if (self->walk.steps[0].exists)
        return FALSE;
    self->is_policy_unknown = !barid_scope_dns_lookup(self->scope, self->walk.domain, BARID_DNS_A,
                                                      &answer, NULL);
    return answer != NULL && barid_dns_answer_get_status(answer) == BARID_DNS_NO_NAME;
}

/* Section 4.10.1: "p" for the domain of the record, "sp" and "np" for those below it. */
static DmarcPolicy
choose_policy(DmarcCheck *self)
{
    const DmarcRecord *record = &self->step->record;
    DmarcPolicy policy = record->p;

    if (self->step != &self->walk.steps[0]) {
        if (record->sp != DMARC_POLICY_ABSENT)
            policy = record->sp;
        if (is_by_9989(self) && record->np != DMARC_POLICY_ABSENT && is_missing(self))
            policy = record->np;
    }
    return policy == DMARC_POLICY_ABSENT ? DMARC_POLICY_NONE : policy;
}

/* Section 4.10.1; of RFC 7489 section 6.6.3, which wants "p". */
static gboolean
is_unusable(const DmarcCheck *self)
{
    const DmarcRecord *record = &self->step->record;

    return record->p == DMARC_POLICY_INVALID || record->sp == DMARC_POLICY_INVALID ||
           (is_by_9989(self) ? record->np == DMARC_POLICY_INVALID
                             : record->p == DMARC_POLICY_ABSENT);
}

static DmarcPolicy
get_milder(DmarcPolicy policy)
{
    return policy == DMARC_POLICY_REJECT ? DMARC_POLICY_QUARANTINE : DMARC_POLICY_NONE;
}

/* RFC 7489 section 6.6.4. */
static gboolean
is_sampled_out(const DmarcCheck *self)
{
    guint32 number;

    if (is_by_9989(self) || self->step->record.percent == 100)
        return FALSE;
    barid_random(&number, sizeof number);
    return number % 100 >= self->step->record.percent;
}

static void
take_policy(DmarcCheck *self)
{
    self->result = DMARC_RESULT_FAIL;
    if (is_unusable(self) && !barid_report_uris_has_any(self->step->record.rua)) {
        self->result = DMARC_RESULT_PERMERROR;
        self->problem = "the record's policy is not valid";
        return;
    }
    self->policy = is_unusable(self) ? DMARC_POLICY_NONE : choose_policy(self);
    self->requested = self->policy;
    self->is_sampled_out = is_sampled_out(self);
    if (self->is_sampled_out || (is_by_9989(self) && self->step->record.is_testing))
        self->requested = get_milder(self->policy);
}

void
dmarc_check_discover(DmarcCheck *self, const gchar *domain)
{
    const gchar *organization;

    if (is_by_9989(self))
        dmarc_walk_init(&self->walk, domain);
    else
        dmarc_walk_init_fixed(&self->walk, domain,
                              dmarc_suffixes_get_organization(self->suffixes, domain));
    look_up(self->scope, &self->walk);
    if (dmarc_walk_find_organization(&self->walk, &organization) == DMARC_WALK_FOUND)
        self->organization = organization;
    switch (dmarc_walk_find_policy(&self->walk, &self->step)) {
    case DMARC_WALK_FOUND:
        take_policy(self);
        break;
    case DMARC_WALK_NOTHING:
        self->step = NULL;
        self->result = DMARC_RESULT_NONE;
        break;
    default:
        self->step = NULL;
        self->result = DMARC_RESULT_TEMPERROR;
        self->problem = "the policy cannot be looked up now";
        break;
    }
}

/* --- alignment --- */

typedef enum { ALIGNED_NO, ALIGNED_YES, ALIGNED_UNKNOWN } Aligned;

static Aligned
compare_organizations(const DmarcCheck *self, const gchar *domain)
{
    g_auto(DmarcWalk) walk = {.domain = NULL};
    const gchar *organization;

    if (!is_by_9989(self))
        organization = dmarc_suffixes_get_organization(self->suffixes, domain);
    else {
        dmarc_walk_init(&walk, domain);
        look_up(self->scope, &walk);
        if (dmarc_walk_find_organization(&walk, &organization) == DMARC_WALK_FAILED)
            return ALIGNED_UNKNOWN;
    }
    return strcmp(organization, self->organization) == 0 ? ALIGNED_YES : ALIGNED_NO;
}

/*
 * Section 4.10.2. An organizational domain is above, or is, the domain that it is found for.
 * So an identifier outside of the author's is not aligned, and nobody is asked: a stranger's
 * name servers can neither be made to work here nor leave the result open.
 */
static Aligned
align_domain(const DmarcCheck *self, const gchar *domain, gboolean is_strict)
{
    if (strcmp(domain, self->walk.domain) == 0)
        return ALIGNED_YES;
    if (is_strict)
        return ALIGNED_NO;
    if (self->organization == NULL)
        return ALIGNED_UNKNOWN;
    if (!dmarc_domain_is_below(domain, self->organization))
        return ALIGNED_NO;
    if (strcmp(domain, self->organization) == 0)
        return ALIGNED_YES;
    return compare_organizations(self, domain);
}

/* What SPF or one signature says. TRUE when it is good and aligned; (*out_is_open) when it might
 * have been. */
static gboolean
take_identifier(const DmarcCheck *self, BaridSlice result, BaridSlice identifier,
                gboolean is_strict, const gchar *method, gboolean *out_is_open)
{
    gboolean is_pass = barid_slice_equal_text(result, "pass");
    g_autofree gchar *text = NULL;
    g_autofree gchar *domain = NULL;
    g_autofree gchar *key = NULL;
    Aligned aligned;

    if (!is_pass && !barid_slice_equal_text(result, "temperror"))
        return FALSE;
    text = barid_slice_dup_text(identifier, NULL);
    domain = text == NULL ? NULL : barid_dns_dup_name(text, NULL);
    if (domain == NULL)
        return FALSE;
    aligned = align_domain(self, domain, is_strict);
    key = g_strdup_printf("dmarc.%s %s", method, domain);
    barid_scope_explain(self->scope, key, "%s, %s", is_pass ? "pass" : "temperror",
                        aligned == ALIGNED_YES  ? "aligned"
                        : aligned == ALIGNED_NO ? "not aligned"
                                                : "could not be looked up");
    *out_is_open = *out_is_open || aligned == ALIGNED_UNKNOWN ||
                   (!is_pass && aligned == ALIGNED_YES);
    return is_pass && aligned == ALIGNED_YES;
}

static void
evaluate_spf(DmarcCheck *self, gboolean *out_is_open)
{
    const gchar *result = barid_scope_finding_get(self->scope, "spf");
    const gchar *domain = barid_scope_finding_get(self->scope, "spf.domain");

    self->spf_is_aligned =
        take_identifier(self, barid_slice_from_text(result), barid_slice_from_text(domain),
                        self->step->record.spf_is_strict, "spf", out_is_open);
}

/* Any good signature that is aligned will do; then the others need no look-ups. */
static void
evaluate_dkim(DmarcCheck *self, gboolean *out_is_open)
{
    BaridSlice rest =
        barid_slice_from_text(barid_scope_finding_get(self->scope, "dkim.signatures"));
    BaridSignatureResult signature;

    while (self->dkim_domain == NULL && barid_signature_results_next(&rest, &signature)) {
        if (take_identifier(self, signature.result, signature.domain,
                            self->step->record.dkim_is_strict, "dkim", out_is_open))
            self->dkim_domain = barid_slice_dup_text(signature.domain, NULL);
    }
}

void
dmarc_check_evaluate(DmarcCheck *self)
{
    gboolean is_open = FALSE;

    evaluate_spf(self, &is_open);
    evaluate_dkim(self, &is_open);
    if (self->spf_is_aligned || self->dkim_domain != NULL) {
        self->result = DMARC_RESULT_PASS;
    } else if (is_open || self->is_policy_unknown) {
        self->result = DMARC_RESULT_TEMPERROR;
        self->problem = "what it depends on cannot be looked up now";
    } else {
        self->result = DMARC_RESULT_FAIL;
    }
}
