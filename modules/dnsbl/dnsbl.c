/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of addresses and domains that are published in the DNS (RFC 5782). Each
 * [dnsbl NAME] is one list: what is looked up in it, which of its answers count, and what
 * follows from a listing.
 *
 * The client's address is looked up while the client still greets, in all lists side by
 * side; MAIL waits for the result. Lists that do not answer are taken as silent: mail is
 * not lost for their failures.
 */
#include "dnsbl.h"

#include <libintl.h>

/* Told in the language of who calls baridctl. */
#define _(text) dgettext(GETTEXT_PACKAGE, text)

static const gchar *const check_words[] = {"ip",     "iprev",     "ehlo",        "helo",
                                           "sender", "mail-from", "return-path", "from", NULL};
static const gchar *const action_words[] = {"reject", "defer", "tag", NULL};

static const BaridSetting section_settings[] = {
    BARID_SETTING_TEXT("zone", DnsblSettings, zone, NULL, N_("The domain of the list.")),
    BARID_SETTING_RULE_LIST("check", DnsblSettings, check, "ip",
                            N_("What is looked up: ip, iprev, ehlo, sender, from."), check_words,
                            BARID_KNOWN_CONNECT),
    BARID_SETTING_NETWORKS("answers", DnsblSettings, answers, "127.0.0.0/16",
                           N_("Answers that are listings; others are ignored.")),
    BARID_SETTING_INTEGER("score", DnsblSettings, score, "1",
                          N_("What a listing adds to the finding dnsbl.score."), -1000, 1000),
    BARID_SETTING_RULE_TEXT("action", DnsblSettings, action, "reject",
                            N_("What follows from a listing: reject, defer or tag."),
                            BARID_KNOWN_MAIL, .on_failure = "defer", .words = action_words),
    BARID_SETTING_BOOL("quote-text", DnsblSettings, quote_text, "no",
                       N_("Whether the reply quotes the list's own text (TXT).")),
    BARID_SETTING_END,
};

static const BaridSection sections[] = {
    {"dnsbl", N_("A list published in the DNS."), section_settings, sizeof(DnsblSettings)},
    {NULL, NULL, NULL, 0},
};

typedef struct {
    GPtrArray *zones; /* of DnsblZone * */
} Dnsbl;

static BARID_SUSPENDS gboolean
zone_checks(const DnsblZone *self, DnsblCheck wanted, BaridScope *scope)
{
    const gchar *const *words = barid_rule_get_list(self->settings->check, scope);
    DnsblCheck check;

    for (; *words != NULL; words++) {
        if (dnsbl_check_parse(*words, &check) && check == wanted)
            return TRUE;
    }
    return FALSE;
}

static BARID_SUSPENDS gboolean
dnsbl_checks(const Dnsbl *self, DnsblCheck wanted, BaridScope *scope)
{
    for (guint i = 0; i < self->zones->len; i++) {
        if (zone_checks(g_ptr_array_index(self->zones, i), wanted, scope))
            return TRUE;
    }
    return FALSE;
}

typedef struct {
    const DnsblZone *zone;
    DnsblCheck check;
    gchar *subject; /* the address or domain */
    gchar *answer;
    gchar *text;    /* of the list, or NULL */
} Hit;

/* --- hits, in the slot of a session or transaction --- */

static void
hit_free(gpointer data)
{
    Hit *self = data;

    g_free(self->subject);
    g_free(self->answer);
    g_free(self->text);
    g_free(self);
}

static void
hits_free(gpointer hits)
{
    g_ptr_array_free(hits, TRUE);
}

static GPtrArray *
hits_of(BaridScope *scope)
{
    GPtrArray *hits = barid_slot_get(scope);

    if (hits == NULL) {
        hits = g_ptr_array_new_with_free_func(hit_free);
        barid_slot_set(scope, hits, hits_free);
    }
    return hits;
}

/* --- one look-up --- */

typedef struct {
    DnsblZone *zone;
    DnsblCheck check;
    gchar *subject;
    gchar *name;
    guint question, test; /* indices in the batch */
    gboolean tests;
} Query;

static void
query_free(gpointer data)
{
    Query *self = data;

    g_free(self->subject);
    g_free(self->name);
    g_free(self);
}

static void
dnsbl_log(BaridLogLevel level, const gchar *event, const Query *query, const gchar *what)
{
    barid_log(level, event, "list", query->zone->name, "name", query->name, "reason", what, NULL);
}

/* RFC 5782 section 5: each list has an entry that is listed and one that never is. */
static gchar *
dnsbl_dup_test_name(const Query *query, const gchar *address, const gchar *domain)
{
    return g_strdup_printf("%s.%s", query->check == DNSBL_IP ? address : domain,
                           query->zone->settings->zone);
}

typedef struct {
    const Dnsbl *dnsbl;
    BaridScope *scope;
    GPtrArray *queries; /* of Query * */
} LookUp;

static BARID_SUSPENDS void
lookup_add(LookUp *self, DnsblCheck check, BaridSlice subject)
{
    g_autofree gchar *text = barid_slice_dup_text(subject, NULL);

    for (guint i = 0; text != NULL && i < self->dnsbl->zones->len; i++) {
        DnsblZone *zone = g_ptr_array_index(self->dnsbl->zones, i);
        gchar *name;
        Query *query;

        if (!zone_checks(zone, check, self->scope))
            continue;
        name = check == DNSBL_IP ? dnsbl_dup_ip_name(text, zone->settings->zone)
                                 : dnsbl_dup_domain_name(subject, zone->settings->zone);
        if (name == NULL)
            continue;
        query = g_new0(Query, 1);
        query->zone = zone;
        query->check = check;
        query->subject = g_strdup(text);
        query->name = name;
        g_ptr_array_add(self->queries, query);
    }
}

static void
lookup_ask(LookUp *self, BaridDnsBatch *batch)
{
    for (guint i = 0; i < self->queries->len; i++) {
        Query *query = g_ptr_array_index(self->queries, i);

        query->question = barid_dns_batch_add(batch, query->name, BARID_DNS_A);
        query->tests = !atomic_exchange(&query->zone->was_tested, TRUE);
        if (query->tests) {
            g_autofree gchar *test = dnsbl_dup_test_name(query, "2.0.0.127", "test");

            query->test = barid_dns_batch_add(batch, test, BARID_DNS_A);
        }
    }
    barid_dns_batch_ask(self->scope, batch);
}

/* The address that makes the answer a listing, or NULL. */
static const gchar *
dnsbl_find_listing(const Query *query, const BaridDnsAnswer *answer)
{
    static const gchar *const errors[] = {"127.255.255.0/24", NULL};
    const gchar *listing = NULL;

    for (guint i = 0; i < barid_dns_answer_get_n_records(answer); i++) {
        const gchar *address = barid_dns_answer_get_address(answer, i);

        if (barid_networks_contain((gchar *const *)(guintptr)errors, address)) {
            dnsbl_log(BARID_LOG_WARNING, "dnsbl.refused", query, address);
            return NULL;
        }
        if (barid_networks_contain(query->zone->settings->answers, address))
            listing = listing == NULL ? address : listing;
        else
            dnsbl_log(BARID_LOG_INFO, "dnsbl.invalid-reply", query, address);
    }
    return listing;
}

static void
dnsbl_check_test(const Query *query, const BaridDnsBatch *batch)
{
    const BaridDnsAnswer *answer = barid_dns_batch_get(batch, query->test, NULL);

    if (answer != NULL && barid_dns_answer_get_status(answer) != BARID_DNS_FOUND)
        dnsbl_log(BARID_LOG_WARNING, "dnsbl.no-test-entry", query,
                  "the list lacks the entry that every list has; is it still published?");
}

/* A list that was given up sometimes lists the whole world: then it also lists what no list
 * may list. Asked only when something was found, and mostly cached. */
static BARID_SUSPENDS gboolean
dnsbl_lists_everything(const LookUp *self, const Query *query)
{
    g_autofree gchar *name = dnsbl_dup_test_name(query, "1.0.0.127", "invalid");
    g_autoptr(BaridDnsAnswer) answer = NULL;

    if (!barid_dns_lookup(self->scope, name, BARID_DNS_A, &answer, NULL) ||
        barid_dns_answer_get_status(answer) != BARID_DNS_FOUND)
        return FALSE;
    dnsbl_log(BARID_LOG_WARNING, "dnsbl.lists-everything", query,
              "the list has the entry that no list has: it is not believed");
    return TRUE;
}

static BARID_SUSPENDS gchar *
dnsbl_dup_list_text(const LookUp *self, const Query *query)
{
    g_autoptr(BaridDnsAnswer) answer = NULL;
    BaridSlice text;

    if (!query->zone->settings->quote_text ||
        !barid_dns_lookup(self->scope, query->name, BARID_DNS_TXT, &answer, NULL) ||
        barid_dns_answer_get_status(answer) != BARID_DNS_FOUND)
        return NULL;
    text = barid_dns_answer_get_text(answer, 0);
    /* The reply is made safe where it is written. */
    return barid_slice_dup_text(barid_slice(text.data, MIN(text.len, 200)), NULL);
}

static BARID_SUSPENDS void
lookup_take_answer(const LookUp *self, const Query *query, const BaridDnsAnswer *answer,
                   GPtrArray *hits)
{
    const gchar *listing = dnsbl_find_listing(query, answer);
    g_autofree gchar *key = NULL;
    Hit *hit;

    if (listing == NULL || dnsbl_lists_everything(self, query))
        return;
    hit = g_new0(Hit, 1);
    hit->zone = query->zone;
    hit->check = query->check;
    hit->subject = g_strdup(query->subject);
    hit->answer = g_strdup(listing);
    hit->text = dnsbl_dup_list_text(self, query);
    key = g_strdup_printf("listed %s", query->subject);
    barid_explain(self->scope, key, "%s (%s)", query->zone->name, listing);
    g_ptr_array_add(hits, hit);
}

/* Asks everything that was added, and keeps what is listed in (hits). */
static BARID_SUSPENDS void
lookup_run(LookUp *self, GPtrArray *hits)
{
    g_autoptr(BaridDnsBatch) batch = barid_dns_batch_new();

    lookup_ask(self, batch);
    for (guint i = 0; i < self->queries->len; i++) {
        const Query *query = g_ptr_array_index(self->queries, i);
        g_autoptr(GError) error = NULL;
        const BaridDnsAnswer *answer = barid_dns_batch_get(batch, query->question, &error);

        if (query->tests)
            dnsbl_check_test(query, batch);
        if (answer == NULL)
            dnsbl_log(BARID_LOG_DEBUG, "dnsbl.error", query, error->message);
        else
            lookup_take_answer(self, query, answer, hits);
    }
    g_ptr_array_set_size(self->queries, 0);
}

static void
lookup_clear(LookUp *self)
{
    g_ptr_array_free(self->queries, TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LookUp, lookup_clear)

static LookUp
lookup_new(const Dnsbl *dnsbl, BaridScope *scope)
{
    return (LookUp){dnsbl, scope, g_ptr_array_new_with_free_func(query_free)};
}

/* --- findings and decisions --- */

static void
dnsbl_count_hits(const GPtrArray *hits, GString *names, gint64 *score)
{
    for (guint i = 0; hits != NULL && i < hits->len; i++) {
        const Hit *hit = g_ptr_array_index(hits, i);

        g_string_append_printf(names, "%s%s", names->len == 0 ? "" : " ", hit->zone->name);
        *score += hit->zone->settings->score;
    }
}

/* A transaction tells what its session has, too. */
static void
dnsbl_tell(BaridScope *scope, const GPtrArray *session_hits, const GPtrArray *hits)
{
    g_autoptr(GString) names = g_string_new(NULL);
    gint64 sum = 0;
    gchar score[32];

    dnsbl_count_hits(session_hits, names, &sum);
    dnsbl_count_hits(hits, names, &sum);
    g_snprintf(score, sizeof score, "%" G_GINT64_FORMAT, sum);
    barid_finding_set(scope, "dnsbl.score", score);
    barid_finding_set(scope, "dnsbl", names->str);
}

static gchar *
hit_dup_reply(const Hit *self)
{
    return g_strdup_printf("%s is listed by %s%s%s", self->subject, self->zone->settings->zone,
                           self->text == NULL ? "" : ": ",
                           self->text == NULL ? "" : self->text);
}

static BARID_SUSPENDS BaridVerdict
hit_decide(const Hit *self, BaridScope *scope)
{
    g_autofree gchar *action = barid_rule_dup_text(self->zone->settings->action, scope);
    g_autofree gchar *reply = hit_dup_reply(self);
    g_autoptr(GError) error = NULL;

    if (strcmp(action, "reject") == 0)
        return barid_reject(scope, 554, "5.7.1", "dnsbl", reply);
    if (strcmp(action, "defer") == 0)
        return barid_defer(scope, 451, "4.7.1", "dnsbl", reply);
    if (strcmp(action, "tag") == 0)
        return BARID_CONTINUE;
    error = g_error_new(BARID_ERROR, BARID_ERROR_INVALID,
                        "list %s: the action \"%s\" is none of reject, defer, tag",
                        self->zone->name, action);
    return barid_fail(scope, error);
}

/* The strictest of what the hits of the given checks demand; the first that rejects ends it. */
static BARID_SUSPENDS BaridVerdict
dnsbl_decide(const GPtrArray *hits, guint first, BaridScope *scope)
{
    const Hit *deferring = NULL;

    for (guint i = first; hits != NULL && i < hits->len; i++) {
        const Hit *hit = g_ptr_array_index(hits, i);
        BaridVerdict verdict = hit_decide(hit, scope);

        if (verdict == BARID_DEFER && deferring == NULL)
            deferring = hit;
        else if (verdict != BARID_CONTINUE && verdict != BARID_DEFER)
            return verdict;
    }
    /* The words of the first one stand in the reply. */
    return deferring == NULL ? BARID_CONTINUE : hit_decide(deferring, scope);
}

/* --- hooks --- */

static BaridVerdict
dnsbl_connect(BaridSession *session, gpointer state)
{
    const Dnsbl *self = state;
    BaridScope *scope = BARID_SCOPE(session);
    g_auto(LookUp) lookup = lookup_new(self, scope);

    lookup_add(&lookup, DNSBL_IP, barid_slice_from_text(barid_session_get_remote_ip(session)));
    lookup_run(&lookup, hits_of(scope));
    dnsbl_tell(scope, NULL, hits_of(scope));
    return BARID_CONTINUE;
}

static void
dnsbl_forget_ehlo(GPtrArray *hits)
{
    for (guint i = hits->len; i > 0; i--) {
        const Hit *hit = g_ptr_array_index(hits, i - 1);

        if (hit->check == DNSBL_EHLO)
            g_ptr_array_remove_index(hits, i - 1);
    }
}

static BaridVerdict
dnsbl_ehlo(BaridSession *session, gpointer state)
{
    const Dnsbl *self = state;
    BaridScope *scope = BARID_SCOPE(session);
    g_auto(LookUp) lookup = lookup_new(self, scope);
    g_autoptr(GPtrArray) found = NULL;
    BaridVerdict verdict;

    if (!dnsbl_checks(self, DNSBL_EHLO, scope))
        return BARID_CONTINUE;
    found = g_ptr_array_new_with_free_func(hit_free);
    lookup_add(&lookup, DNSBL_EHLO, barid_session_get_helo(session));
    lookup_run(&lookup, found);
    verdict = dnsbl_decide(found, 0, scope);
    dnsbl_forget_ehlo(hits_of(scope));
    g_ptr_array_extend_and_steal(hits_of(scope), g_steal_pointer(&found));
    dnsbl_tell(scope, NULL, hits_of(scope));
    return verdict;
}

static BARID_SUSPENDS void
dnsbl_add_names(LookUp *lookup, BaridSession *session)
{
    g_autoptr(BaridDnsAnswer) names = NULL;

    if (!dnsbl_checks(lookup->dnsbl, DNSBL_IPREV, lookup->scope) ||
        !barid_dns_lookup_names(session, barid_session_get_remote_ip(session), &names, NULL))
        return;
    for (guint i = 0; i < barid_dns_answer_get_n_records(names) && i < DNSBL_SUBJECTS_MAX; i++)
        lookup_add(lookup, DNSBL_IPREV,
                   barid_slice_from_text(barid_dns_answer_get_name(names, i)));
}

static BaridSlice
dnsbl_get_domain(BaridSlice address)
{
    gsize at = address.len;

    while (at > 0 && address.data[at - 1] != '@')
        at--;
    return at == 0 ? BARID_SLICE_EMPTY : barid_slice(address.data + at, address.len - at);
}

static BaridVerdict
dnsbl_mail(BaridTransaction *txn, gpointer state)
{
    const Dnsbl *self = state;
    BaridSession *session = barid_transaction_get_session(txn);
    g_auto(LookUp) lookup = lookup_new(self, BARID_SCOPE(txn));
    GPtrArray *hits = hits_of(BARID_SCOPE(txn));
    BaridVerdict verdict;

    dnsbl_add_names(&lookup, session);
    lookup_add(&lookup, DNSBL_SENDER, dnsbl_get_domain(barid_transaction_get_sender(txn)));
    lookup_run(&lookup, hits);
    /* The look-up that began when the client connected. */
    barid_finding_get(session, "dnsbl");
    dnsbl_tell(BARID_SCOPE(txn), hits_of(BARID_SCOPE(session)), hits);
    verdict = dnsbl_decide(hits_of(BARID_SCOPE(session)), 0, BARID_SCOPE(txn));
    return verdict != BARID_CONTINUE ? verdict : dnsbl_decide(hits, 0, BARID_SCOPE(txn));
}

static BaridVerdict
dnsbl_message(BaridTransaction *txn, gpointer state)
{
    const Dnsbl *self = state;
    g_auto(LookUp) lookup = lookup_new(self, BARID_SCOPE(txn));
    GPtrArray *hits = hits_of(BARID_SCOPE(txn));
    guint n_before = hits->len;
    g_autoptr(GPtrArray) domains = NULL;

    if (!dnsbl_checks(self, DNSBL_FROM, BARID_SCOPE(txn)))
        return BARID_CONTINUE;
    domains = dnsbl_take_domains(barid_transaction_get_field(txn, "From", 0));
    for (guint i = 0; i < domains->len; i++)
        lookup_add(&lookup, DNSBL_FROM,
                   barid_slice_from_text(g_ptr_array_index(domains, i)));
    lookup_run(&lookup, hits);
    dnsbl_tell(BARID_SCOPE(txn), hits_of(BARID_SCOPE(barid_transaction_get_session(txn))), hits);
    return dnsbl_decide(hits, n_before, BARID_SCOPE(txn));
}

/* --- start --- */

static gboolean
zone_check(const DnsblZone *self, GError **error)
{
    if (g_str_has_suffix(self->settings->zone, "."))
        self->settings->zone[strlen(self->settings->zone) - 1] = '\0';
    if (*self->settings->zone != '\0' && self->settings->zone[0] != '.')
        return TRUE;
    g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID, _("[dnsbl %s]: zone is no domain"),
                self->name);
    return FALSE;
}

static void
dnsbl_stop(gpointer state)
{
    Dnsbl *self = state;

    g_ptr_array_free(self->zones, TRUE);
    g_free(self);
}

static gboolean
dnsbl_start(BaridStart *start, const void *config G_GNUC_UNUSED, gpointer *out_state,
            GError **error)
{
    Dnsbl *self = g_new0(Dnsbl, 1);

    self->zones = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < barid_start_get_n_sections(start, "dnsbl"); i++) {
        DnsblZone *zone = g_new0(DnsblZone, 1);

        zone->settings = barid_start_get_section(start, "dnsbl", i, &zone->name);
        g_ptr_array_add(self->zones, zone);
        if (!zone_check(zone, error)) {
            dnsbl_stop(self);
            return FALSE;
        }
    }
    *out_state = self;
    return TRUE;
}

static const BaridHook hooks[] = {
    BARID_HOOK_CONNECT(dnsbl_connect, BARID_PHASE_IDENTIFY, .observes = TRUE),
    BARID_HOOK_EHLO(dnsbl_ehlo, BARID_PHASE_AUTHORISE),
    BARID_HOOK_MAIL(dnsbl_mail, BARID_PHASE_AUTHORISE, .after = "iprev"),
    BARID_HOOK_MESSAGE(dnsbl_message, BARID_PHASE_AUTHORISE),
    BARID_HOOK_END,
};

static const gchar *const findings[] = {"dnsbl", "dnsbl.score", NULL};

BARID_MODULE_DEFINE(dnsbl) = {
    BARID_MODULE_HEADER,
    .name = "dnsbl",
    .version = PACKAGE_VERSION,
    .summary = N_("Looks clients and domains up in lists published in the DNS"),
    .needs = BARID_READS_ENVELOPE | BARID_READS_HEADERS | BARID_MAY_DEFER | BARID_MAY_REJECT |
             BARID_USES_NETWORK,
    .sections = sections,
    .hooks = hooks,
    .findings = findings,
    .start = dnsbl_start,
    .stop = dnsbl_stop,
};
