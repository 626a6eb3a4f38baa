/* SPDX-License-Identifier: Apache-2.0 */
#include "spf-check.h"

#include <arpa/inet.h>
#include <stdarg.h>

#include "spf-macro.h"

enum { SPF_EXPLANATION_MAX = 400, SPF_STEP_MAX = 512 };

/* One evaluation. */
typedef struct {
    const SpfQuestion *question;
    SpfAnswer *answer;
    gchar ip[INET6_ADDRSTRLEN]; /* an IPv4 address that came mapped is one */
    guint8 address[16];
    gboolean is_v6;
    gboolean in_include; /* there "exp=" is ignored (section 6.2) */
} Spf;

/* What a term, or a look-up, comes to. */
typedef enum { SPF_NO, SPF_YES, SPF_TEMPORARY, SPF_PERMANENT } SpfOutcome;

static SpfResult spf_evaluate(Spf *self, const gchar *domain);

const gchar *
spf_result_get_name(SpfResult result)
{
    static const gchar *const names[] = {"none",     "neutral",   "pass",     "fail",
                                         "softfail", "temperror", "permerror"};

    return names[result];
}

void
spf_answer_clear(SpfAnswer *self)
{
    g_clear_pointer(&self->term, g_free);
    g_clear_pointer(&self->domain, g_free);
    g_clear_pointer(&self->explanation, g_free);
    g_clear_pointer(&self->problem, g_free);
}

/* --- telling --- */

static void spf_say(const Spf *self, const gchar *format, ...) G_GNUC_PRINTF(2, 3);

static void
spf_say(const Spf *self, const gchar *format, ...)
{
    gchar text[SPF_STEP_MAX];
    va_list args;

    if (self->question->step == NULL)
        return;
    va_start(args, format);
    g_vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (gchar *p = text; *p != '\0'; p++) {
        if (*p < 0x20 || *p > 0x7e)
            *p = '?';
    }
    self->question->step(text, self->question->step_data);
}

static void spf_note_problem(const Spf *self, const gchar *format, ...) G_GNUC_PRINTF(2, 3);

/* The innermost problem is the one that counts. */
static void
spf_note_problem(const Spf *self, const gchar *format, ...)
{
    va_list args;

    if (self->answer->problem != NULL)
        return;
    va_start(args, format);
    self->answer->problem = g_strdup_vprintf(format, args);
    va_end(args);
    spf_say(self, "%s", self->answer->problem);
}

/* --- look-ups --- */

/* SPF_YES with an answer that has records. */
static SpfOutcome
spf_take_answer(Spf *self, const gchar *name, const BaridDnsAnswer *answer, const GError *error)
{
    if (answer == NULL && barid_error_is_temporary(error)) {
        spf_note_problem(self, "%s cannot be looked up: %s", name, error->message);
        return SPF_TEMPORARY;
    }
    if (answer == NULL)
        return SPF_NO; /* what can be no name was not asked for */
    if (barid_dns_answer_get_n_records(answer) > 0)
        return SPF_YES;
    if (++self->answer->n_void <= SPF_VOID_LOOKUPS_MAX)
        return SPF_NO;
    spf_note_problem(self, "more than %d look-ups found nothing", SPF_VOID_LOOKUPS_MAX);
    return SPF_PERMANENT;
}

static SpfOutcome
spf_lookup(Spf *self, const gchar *name, BaridDnsType type, BaridDnsAnswer **out_answer)
{
    g_autoptr(GError) error = NULL;

    *out_answer = NULL;
    barid_scope_dns_lookup(self->question->scope, name, type, out_answer, &error);
    return spf_take_answer(self, name, *out_answer, error);
}

static BaridDnsType
spf_get_address_type(const Spf *self)
{
    return self->is_v6 ? BARID_DNS_AAAA : BARID_DNS_A;
}

static SpfOutcome
spf_count_lookup(Spf *self)
{
    if (++self->answer->n_lookups <= SPF_LOOKUPS_MAX)
        return SPF_YES;
    spf_note_problem(self, "more than %d terms need look-ups", SPF_LOOKUPS_MAX);
    return SPF_PERMANENT;
}

/* --- addresses --- */

static gboolean
bits_equal(const guint8 *a, const guint8 *b, guint bits)
{
    guint bytes = bits / 8;
    guint8 mask = (guint8)(0xff << (8 - bits % 8));

    return memcmp(a, b, bytes) == 0 && (bits % 8 == 0 || ((a[bytes] ^ b[bytes]) & mask) == 0);
}

/* Whether the client is in the network of (address) as the term has it. */
static gboolean
spf_is_client(const Spf *self, const SpfTerm *term, const guint8 *address)
{
    guint bits = self->is_v6 ? 128 : 32;
    guint8 prefix = self->is_v6 ? term->prefix6 : term->prefix4;

    return bits_equal(self->address, address, prefix == SPF_NO_PREFIX ? bits : prefix);
}

static gboolean
spf_has_client(const Spf *self, const SpfTerm *term, const BaridDnsAnswer *answer)
{
    for (guint i = 0; i < barid_dns_answer_get_n_records(answer); i++) {
        const gchar *text = barid_dns_answer_get_address(answer, i);
        guint8 address[16];

        if (text != NULL && inet_pton(self->is_v6 ? AF_INET6 : AF_INET, text, address) == 1 &&
            spf_is_client(self, term, address))
            return TRUE;
    }
    return FALSE;
}

/* --- names of the client (section 5.5) --- */

static gboolean
name_is_below(const gchar *name, const gchar *domain)
{
    gsize name_len = strlen(name);
    gsize domain_len = strlen(domain);

    return name_len > domain_len && name[name_len - domain_len - 1] == '.' &&
           g_ascii_strcasecmp(name + name_len - domain_len, domain) == 0;
}

/* The best of those of the client's names that lead back to it: (domain) itself, one below it,
 * or any other unless (must_match). Errors count as no name. Caller owns it; or NULL. */
static gchar *
spf_find_name(Spf *self, const gchar *domain, gboolean must_match)
{
    static const SpfTerm exactly = {.prefix4 = SPF_NO_PREFIX, .prefix6 = SPF_NO_PREFIX};
    g_autoptr(BaridDnsAnswer) names = NULL;
    g_autoptr(BaridDnsBatch) batch = barid_dns_batch_new();
    const gchar *below = NULL;
    const gchar *other = NULL;
    guint n_names;

    if (!barid_scope_dns_lookup_names(self->question->scope, self->ip, &names, NULL))
        return NULL;
    n_names = MIN(barid_dns_answer_get_n_records(names), SPF_NAMES_MAX);
    for (guint i = 0; i < n_names; i++)
        barid_dns_batch_add(batch, barid_dns_answer_get_name(names, i),
                            spf_get_address_type(self));
    barid_scope_dns_batch_ask(self->question->scope, batch);
    for (guint i = 0; i < n_names; i++) {
        const gchar *name = barid_dns_answer_get_name(names, i);
        const BaridDnsAnswer *forward = barid_dns_batch_get(batch, i, NULL);

        if (forward == NULL || !spf_has_client(self, &exactly, forward))
            continue;
        if (g_ascii_strcasecmp(name, domain) == 0)
            return g_strdup(name);
        if (below == NULL && name_is_below(name, domain))
            below = name;
        other = other == NULL ? name : other;
    }
    return g_strdup(below != NULL || must_match ? below : other);
}

/* --- macros --- */

static gchar *
spf_expand(Spf *self, BaridSlice text, const gchar *domain,
           gchar *(*expand)(BaridSlice text, const SpfMacroValues *values))
{
    const SpfQuestion *question = self->question;
    g_autofree gchar *validated =
        spf_macro_uses(text, 'p') ? spf_find_name(self, domain, FALSE) : NULL;
    SpfMacroValues values = {
        .sender = question->sender,
        .domain = domain,
        .ip = self->ip,
        .helo = question->helo == NULL ? "" : question->helo,
        .validated = validated,
        .receiver = question->receiver,
        .now_s = question->now_s,
    };

    return expand(text, &values);
}

/* A term's target: its domain-spec, or the current domain. Caller owns it. */
static gchar *
spf_dup_target(Spf *self, BaridSlice spec, const gchar *domain)
{
    return spec.len == 0 ? g_strdup(domain)
                         : spf_expand(self, spec, domain, spf_macro_expand_domain);
}

/* --- mechanisms (section 5) --- */

static SpfOutcome
spf_match_include(Spf *self, const SpfTerm *term, const gchar *domain)
{
    g_autofree gchar *target = spf_dup_target(self, term->domain, domain);
    gboolean outer = self->in_include;
    SpfResult result;

    self->in_include = TRUE;
    result = spf_evaluate(self, target);
    self->in_include = outer;
    switch (result) {
    case SPF_RESULT_PASS:
        return SPF_YES;
    case SPF_RESULT_FAIL:
    case SPF_RESULT_SOFTFAIL:
    case SPF_RESULT_NEUTRAL:
        return SPF_NO;
    case SPF_RESULT_TEMPERROR:
        return SPF_TEMPORARY;
    case SPF_RESULT_NONE:
        spf_note_problem(self, "%s, which %s includes, has no SPF record", target, domain);
        break;
    case SPF_RESULT_PERMERROR:
        break;
    }
    return SPF_PERMANENT;
}

static SpfOutcome
spf_match_a(Spf *self, const SpfTerm *term, const gchar *target)
{
    g_autoptr(BaridDnsAnswer) answer = NULL;
    SpfOutcome outcome = spf_lookup(self, target, spf_get_address_type(self), &answer);

    return outcome == SPF_YES && !spf_has_client(self, term, answer) ? SPF_NO : outcome;
}

/* The hosts are looked up side by side, and count in their order. */
static SpfOutcome
spf_match_hosts(Spf *self, const SpfTerm *term, const BaridDnsAnswer *hosts)
{
    g_autoptr(BaridDnsBatch) batch = barid_dns_batch_new();
    guint n_hosts = barid_dns_answer_get_n_records(hosts);

    for (guint i = 0; i < n_hosts; i++)
        barid_dns_batch_add(batch, barid_dns_answer_get_name(hosts, i),
                            spf_get_address_type(self));
    barid_scope_dns_batch_ask(self->question->scope, batch);
    for (guint i = 0; i < n_hosts; i++) {
        g_autoptr(GError) error = NULL;
        const BaridDnsAnswer *answer = barid_dns_batch_get(batch, i, &error);
        SpfOutcome outcome =
            spf_take_answer(self, barid_dns_answer_get_name(hosts, i), answer, error);

        if (outcome == SPF_YES && spf_has_client(self, term, answer))
            return SPF_YES;
        if (outcome == SPF_TEMPORARY || outcome == SPF_PERMANENT)
            return outcome;
    }
    return SPF_NO;
}

static SpfOutcome
spf_match_mx(Spf *self, const SpfTerm *term, const gchar *target)
{
    g_autoptr(BaridDnsAnswer) hosts = NULL;
    SpfOutcome outcome = spf_lookup(self, target, BARID_DNS_MX, &hosts);

    if (outcome != SPF_YES)
        return outcome;
    if (barid_dns_answer_get_n_records(hosts) > SPF_NAMES_MAX) {
        spf_note_problem(self, "%s has more than %d mail exchangers", target, SPF_NAMES_MAX);
        return SPF_PERMANENT;
    }
    return spf_match_hosts(self, term, hosts);
}

static SpfOutcome
spf_match_ptr(Spf *self, const gchar *target)
{
    g_autofree gchar *name = spf_find_name(self, target, TRUE);

    return name != NULL ? SPF_YES : SPF_NO;
}

static SpfOutcome
spf_match_exists(Spf *self, const gchar *target)
{
    g_autoptr(BaridDnsAnswer) answer = NULL;

    return spf_lookup(self, target, BARID_DNS_A, &answer);
}

static SpfOutcome
spf_match_by_name(Spf *self, const SpfTerm *term, const gchar *domain)
{
    SpfOutcome outcome = spf_count_lookup(self);
    g_autofree gchar *target = NULL;

    if (outcome != SPF_YES)
        return outcome;
    if (term->mechanism == SPF_INCLUDE)
        return spf_match_include(self, term, domain);
    target = spf_dup_target(self, term->domain, domain);
    if (term->mechanism == SPF_A)
        return spf_match_a(self, term, target);
    if (term->mechanism == SPF_MX)
        return spf_match_mx(self, term, target);
    if (term->mechanism == SPF_PTR)
        return spf_match_ptr(self, target);
    return spf_match_exists(self, target);
}

static SpfOutcome
spf_match(Spf *self, const SpfTerm *term, const gchar *domain)
{
    switch (term->mechanism) {
    case SPF_ALL:
        return SPF_YES;
    case SPF_IP4:
        return !self->is_v6 && spf_is_client(self, term, term->address) ? SPF_YES : SPF_NO;
    case SPF_IP6:
        return self->is_v6 && spf_is_client(self, term, term->address) ? SPF_YES : SPF_NO;
    case SPF_INCLUDE:
    case SPF_A:
    case SPF_MX:
    case SPF_PTR:
    case SPF_EXISTS:
        break;
    }
    return spf_match_by_name(self, term, domain);
}

/* --- explanations (section 6.2) --- */

static gboolean
is_printable(const gchar *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e)
            return FALSE;
    }
    return TRUE;
}

/* Whatever goes wrong, there is no explanation then. */
static void
spf_explain(Spf *self, const SpfRecord *record, const gchar *domain)
{
    g_autofree gchar *target = NULL;
    g_autoptr(BaridDnsAnswer) answer = NULL;
    g_autofree gchar *text = NULL;

    if (self->in_include || !record->has_explain)
        return;
    target = spf_expand(self, record->explain, domain, spf_macro_expand_domain);
    if (!barid_scope_dns_lookup(self->question->scope, target, BARID_DNS_TXT, &answer, NULL) ||
        barid_dns_answer_get_n_records(answer) != 1 ||
        !spf_macro_is_valid(barid_dns_answer_get_text(answer, 0), SPF_MACRO_EXPLANATION))
        return;
    text = spf_expand(self, barid_dns_answer_get_text(answer, 0), domain, spf_macro_expand);
    if (*text == '\0' || !is_printable(text))
        return;
    if (strlen(text) > SPF_EXPLANATION_MAX)
        text[SPF_EXPLANATION_MAX] = '\0';
    self->answer->explanation = g_steal_pointer(&text);
}

/* --- a record --- */

/* Section 4.3: not a domain that can have no record, nor an address literal. */
static gboolean
is_domain(const gchar *domain)
{
    g_auto(GStrv) labels = g_strsplit(domain, ".", -1);
    guint n_labels = g_strv_length(labels);

    if (strlen(domain) > 253 || n_labels < 2 || domain[0] == '[')
        return FALSE;
    for (guint i = 0; i < n_labels; i++) {
        gsize len = strlen(labels[i]);

        if (len < 1 || len > 63)
            return FALSE;
    }
    return TRUE;
}

/* Section 4.4 and 4.5: the one record among all TXT records; empty with the result set. */
static BaridSlice
spf_select(Spf *self, const gchar *domain, const BaridDnsAnswer *answer, SpfResult *out_result)
{
    BaridSlice found = BARID_SLICE_EMPTY;
    guint count = 0;

    for (guint i = 0; i < barid_dns_answer_get_n_records(answer); i++) {
        BaridSlice text = barid_dns_answer_get_text(answer, i);

        if (!spf_record_is(text))
            continue;
        found = text;
        count++;
    }
    if (count == 1)
        return found;
    *out_result = count == 0 ? SPF_RESULT_NONE : SPF_RESULT_PERMERROR;
    if (count > 1)
        spf_note_problem(self, "%s has %u SPF records", domain, count);
    else
        spf_say(self, "%s has no SPF record", domain);
    return BARID_SLICE_EMPTY;
}

static SpfResult
spf_get_result(gchar qualifier)
{
    return qualifier == '+'   ? SPF_RESULT_PASS
           : qualifier == '-' ? SPF_RESULT_FAIL
           : qualifier == '~' ? SPF_RESULT_SOFTFAIL
                              : SPF_RESULT_NEUTRAL;
}

static void
spf_note_term(const Spf *self, const SpfTerm *term, const gchar *domain)
{
    if (self->in_include)
        return;
    self->answer->term = g_strndup((const gchar *)term->text.data, term->text.len);
    self->answer->domain = g_strdup(domain);
}

/* Nothing has matched (section 6.1). */
static SpfResult
spf_redirect(Spf *self, const SpfRecord *record, const gchar *domain)
{
    g_autofree gchar *target = NULL;
    SpfResult result;

    if (!record->has_redirect)
        return SPF_RESULT_NEUTRAL;
    if (spf_count_lookup(self) != SPF_YES)
        return SPF_RESULT_PERMERROR;
    target = spf_dup_target(self, record->redirect, domain);
    result = spf_evaluate(self, target);
    if (result != SPF_RESULT_NONE)
        return result;
    spf_note_problem(self, "%s, to which %s redirects, has no SPF record", target, domain);
    return SPF_RESULT_PERMERROR;
}

static SpfResult
spf_run(Spf *self, const SpfRecord *record, const gchar *domain)
{
    for (guint i = 0; i < record->terms->len; i++) {
        const SpfTerm *term = &g_array_index(record->terms, SpfTerm, i);
        SpfOutcome outcome = spf_match(self, term, domain);

        if (outcome == SPF_TEMPORARY || outcome == SPF_PERMANENT)
            return outcome == SPF_TEMPORARY ? SPF_RESULT_TEMPERROR : SPF_RESULT_PERMERROR;
        spf_say(self, "%s: %.*s %s", domain, (int)term->text.len,
                (const gchar *)term->text.data,
                outcome == SPF_YES ? "matches" : "does not match");
        if (outcome == SPF_NO)
            continue;
        spf_note_term(self, term, domain);
        if (term->qualifier == '-')
            spf_explain(self, record, domain);
        return spf_get_result(term->qualifier);
    }
    return spf_redirect(self, record, domain);
}

static SpfResult
spf_evaluate(Spf *self, const gchar *domain)
{
    g_autoptr(BaridDnsAnswer) answer = NULL;
    g_autoptr(GError) error = NULL;
    g_auto(SpfRecord) record = {NULL};
    SpfResult result = SPF_RESULT_NONE;
    BaridSlice text;

    if (!is_domain(domain)) {
        spf_say(self, "\"%s\" is no domain that could have a policy", domain);
        return SPF_RESULT_NONE;
    }
    if (!barid_scope_dns_lookup(self->question->scope, domain, BARID_DNS_TXT, &answer, &error)) {
        if (!barid_error_is_temporary(error))
            return SPF_RESULT_NONE;
        spf_note_problem(self, "%s cannot be looked up: %s", domain, error->message);
        return SPF_RESULT_TEMPERROR;
    }
    text = spf_select(self, domain, answer, &result);
    if (text.len == 0)
        return result;
    spf_say(self, "%s: %.*s", domain, (int)text.len, (const gchar *)text.data);
    g_clear_error(&error);
    if (!spf_record_parse(text, &record, &error)) {
        spf_note_problem(self, "%s: %s", domain, error->message);
        return SPF_RESULT_PERMERROR;
    }
    return spf_run(self, &record, domain);
}

/* An IPv4 address that came over IPv6 is one (section 5). */
static gboolean
spf_take_ip(Spf *self, const gchar *ip)
{
    static const guint8 mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    if (inet_pton(AF_INET, ip, self->address) == 1) {
        self->is_v6 = FALSE;
    } else if (inet_pton(AF_INET6, ip, self->address) == 1) {
        self->is_v6 = memcmp(self->address, mapped, sizeof mapped) != 0;
        if (!self->is_v6)
            memmove(self->address, self->address + 12, 4);
    } else {
        return FALSE;
    }
    inet_ntop(self->is_v6 ? AF_INET6 : AF_INET, self->address, self->ip, sizeof self->ip);
    return TRUE;
}

void
spf_check(const SpfQuestion *question, SpfAnswer *out_answer)
{
    Spf self = {.question = question, .answer = out_answer};

    *out_answer = (SpfAnswer){.result = SPF_RESULT_NONE};
    if (!spf_take_ip(&self, question->ip)) {
        spf_note_problem(&self, "the client has no IP address");
        return;
    }
    out_answer->result = spf_evaluate(&self, question->domain);
}
