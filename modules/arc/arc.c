/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authenticated Received Chain (RFC 8617): what those who had a message before found out about
 * it, sealed by each of them. The body is hashed while it arrives; the chain is validated beside
 * the session, and a set of our own is added when all edits are known.
 */
#include <libintl.h>

#include "arc-results.h"
#include "arc-seal.h"

/* Told in the language of who calls baridctl. */
#define _(text) dgettext(GETTEXT_PACKAGE, text)

typedef struct {
    BaridRule *verify;       /* a word of (policies) */
    gchar **trusted_sealers; /* domains */
    BaridRule *seal;
    gchar *domain, *selector, *key, *key_file, *authserv_id;
    gchar **headers;
    gboolean trust_results;
} ArcSettings;

typedef enum { ARC_OFF, ARC_RELAXED, ARC_STRICT } ArcPolicy;

static const gchar *const policies[] = {"off", "relaxed", "strict", NULL};

static const BaridSetting settings[] = {
    BARID_SETTING_RULE_TEXT("verify", ArcSettings, verify, "relaxed",
                            N_("What is done about chains: off, relaxed or strict."),
                            BARID_KNOWN_MESSAGE, .on_failure = "relaxed", .words = policies),
    BARID_SETTING_LIST("trusted-sealers", ArcSettings, trusted_sealers, "",
                       N_("The domains of forwarders whose word is taken.")),
    BARID_SETTING_RULE_BOOL("seal", ArcSettings, seal, "no",
                            N_("Whether a set of our own is added."), BARID_KNOWN_MESSAGE,
                            .on_failure = "no"),
    BARID_SETTING_TEXT("domain", ArcSettings, domain, "", N_("The domain that seals.")),
    BARID_SETTING_TEXT("selector", ArcSettings, selector, "",
                       N_("The name of its key below _domainkey.")),
    BARID_SETTING_SECRET("key", ArcSettings, key, "", N_("The private key itself.")),
    BARID_SETTING_PATH("key-file", ArcSettings, key_file, "", N_("The private key."),
                       BARID_SETTING_PATH_READ),
    BARID_SETTING_LIST("headers", ArcSettings, headers,
                       "From, Sender, Reply-To, To, Cc, Subject, Date, Message-ID, In-Reply-To, "
                       "References, MIME-Version, Content-Type, Content-Transfer-Encoding, "
                       "List-Id, DKIM-Signature",
                       N_("The fields that the message signature covers.")),
    BARID_SETTING_TEXT("authserv-id", ArcSettings, authserv_id, "",
                       N_("The name that results are signed with; empty means the server's.")),
    BARID_SETTING_BOOL("trust-results", ArcSettings, trust_results, "no",
                       N_("Whether results of that name that came with a message are taken.")),
    BARID_SETTING_END,
};

typedef struct {
    const ArcSettings *settings;
    BaridPrivateKey *key; /* or NULL */
} Arc;

static ArcPolicy
arc_get_policy(const Arc *self, BaridTransaction *txn)
{
    /* Users are known by what they have shown. */
    if (barid_session_get_user(barid_transaction_get_session(txn)) != NULL)
        return ARC_OFF;
    return (ArcPolicy)barid_rule_get_word(self->settings->verify, txn, policies);
}

/* --- while it arrives --- */

/* The transaction's slot keeps it for the hook that seals. */
static gpointer
arc_begin(BaridTransaction *txn, gpointer state)
{
    const Arc *self = state;
    ArcMessage *message = arc_message_new();

    if (self->key != NULL)
        arc_message_want_body(message);
    barid_slot_set(txn, message, arc_message_free);
    return message;
}

static const BaridStreamHook message_stream = {
    .struct_size = sizeof(BaridStreamHook),
    .begin = arc_begin,
    .field = arc_message_field,
    .body = arc_message_body,
    .end = arc_message_end,
};

/* --- whom we trust --- */

static gboolean
arc_is_trusted(const Arc *self, BaridSlice domain)
{
    gchar **trusted = self->settings->trusted_sealers;

    for (guint i = 0; trusted != NULL && trusted[i] != NULL; i++) {
        if (barid_slice_equal_nocase(domain, barid_slice_from_text(trusted[i])))
            return TRUE;
    }
    return FALSE;
}

static void
tell_slice(BaridTransaction *txn, const gchar *name, BaridSlice value)
{
    g_autofree gchar *text = barid_slice_dup_text(value, NULL);

    barid_finding_set(txn, name, text == NULL ? "" : text);
}

/* What the first of those sealers that are trusted without a gap had found. */
static void
arc_tell_vouched(BaridTransaction *txn, const ArcSet *set)
{
    BaridSlice rest = set->payload, item;

    while (arc_results_next(&rest, &item)) {
        BaridSlice result = arc_result_get(item, "dmarc");

        if (result.len == 0)
            continue;
        tell_slice(txn, "arc.trusted.from", arc_result_get_property(item, "header.from"));
        tell_slice(txn, "arc.trusted.dmarc", result);
        return;
    }
}

/* Whoever changes a message on the way can say anything of it: results are believed as far back
 * as all sealers since then are trusted. */
static void
arc_tell_trust(const Arc *self, BaridTransaction *txn, const ArcChain *chain)
{
    g_autoptr(GString) comment = g_string_new("arc=pass");
    guint first = chain->n_sets;

    while (first > 0 && arc_is_trusted(self, chain->sets[first - 1].domain))
        first--;
    barid_finding_set(txn, "arc.trusted", first < chain->n_sets ? "yes" : "no");
    if (first == chain->n_sets)
        return;
    for (guint i = chain->n_sets; i > 0; i--) {
        const ArcSet *set = &chain->sets[i - 1];

        g_string_append_printf(comment, " as[%u].d=%.*s as[%u].s=%.*s", i, (int)set->domain.len,
                               (const gchar *)set->domain.data, i, (int)set->selector.len,
                               (const gchar *)set->selector.data);
    }
    barid_finding_set(txn, "arc.trusted.comment", comment->str);
    arc_tell_vouched(txn, &chain->sets[first]);
}

/* --- validating --- */

static void
arc_tell_sealers(BaridTransaction *txn, const ArcChain *chain)
{
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = chain->n_sets; i > 0; i--) {
        BaridSlice domain = chain->sets[i - 1].domain;

        g_string_append_printf(list, "%s%.*s", list->len > 0 ? " " : "", (int)domain.len,
                               (const gchar *)domain.data);
    }
    barid_finding_set(txn, "arc.sealers", list->str);
}

static void
arc_tell(const Arc *self, BaridTransaction *txn, const ArcChain *chain,
         const ArcOutcome *outcome)
{
    gboolean is_pass = strcmp(outcome->result, "pass") == 0;
    g_autofree gchar *instances = g_strdup_printf("%u", chain->n_sets);
    g_autofree gchar *oldest_pass = g_strdup_printf("%u", outcome->oldest_pass);

    barid_finding_set(txn, "arc.instances", instances);
    barid_finding_set(txn, "arc.problem", outcome->problem == NULL ? "" : outcome->problem);
    barid_finding_set(txn, "arc.oldest-pass", is_pass ? oldest_pass : "");
    barid_finding_set(txn, "arc.trusted", "no");
    if (is_pass) {
        arc_tell_sealers(txn, chain);
        arc_tell_trust(self, txn, chain);
    }
    barid_finding_set(txn, "arc", outcome->result);
    barid_explain(txn, "arc", "%s, %u sets%s%s", outcome->result, chain->n_sets,
                  outcome->problem == NULL ? "" : ": ",
                  outcome->problem == NULL ? "" : outcome->problem);
}

static BaridVerdict
arc_observe(BaridTransaction *txn, gpointer state)
{
    const Arc *self = state;
    ArcMessage *message = barid_transaction_get_stream(txn);
    g_auto(ArcOutcome) outcome = {NULL};

    if (message == NULL || arc_get_policy(self, txn) == ARC_OFF)
        return BARID_CONTINUE;
    arc_message_validate(message, txn, &outcome);
    arc_tell(self, txn, message->chain, &outcome);
    return BARID_CONTINUE;
}

/* RFC 7372 section 3.1 has the code for DKIM; 5.7.29 is that of RFC 8617 section 10.3. */
static BaridVerdict
arc_judge(BaridTransaction *txn, gpointer state)
{
    const gchar *result;

    if (arc_get_policy(state, txn) != ARC_STRICT)
        return BARID_CONTINUE;
    result = barid_finding_get(txn, "arc");
    if (result == NULL || strcmp(result, "temperror") == 0)
        return barid_defer(txn, 451, "4.7.29", "arc-temperror",
                           "The key of an ARC set cannot be looked up now");
    if (strcmp(result, "fail") != 0)
        return BARID_CONTINUE;
    return barid_reject(txn, 550, "5.7.29", "arc-failed", "The ARC chain is broken");
}

/* --- sealing --- */

static const gchar *
arc_get_id(const Arc *self, BaridTransaction *txn)
{
    const gchar *hostname = barid_session_get_hostname(barid_transaction_get_session(txn));

    return self->settings->authserv_id != NULL ? self->settings->authserv_id
           : hostname != NULL                  ? hostname
                                               : "localhost";
}

/* The results that the module authresults has just written, and those that came with the
 * message where they are trusted. The caller owns it. */
static gchar *
arc_dup_results(const Arc *self, BaridTransaction *txn)
{
    const gchar *id = arc_get_id(self, txn);
    const gchar *own = barid_finding_get(txn, "authentication-results");
    GString *payload = g_string_new(id);
    gsize id_len = payload->len;
    BaridSlice field;

    if (own != NULL)
        arc_seal_append_results(payload, barid_slice_from_text(own), id);
    for (guint n = 0; self->settings->trust_results &&
                      (field = barid_transaction_get_field(txn, "Authentication-Results", n))
                              .data != NULL; n++)
        arc_seal_append_results(payload, field, id);
    if (payload->len == id_len)
        g_string_append(payload, "; none");
    return g_string_free(payload, FALSE);
}

/* What was found; else what trusted results say; else what can be found now. */
static gchar *
arc_dup_result(const Arc *self, BaridTransaction *txn, ArcMessage *message,
               const gchar *results)
{
    const gchar *found = barid_finding_get(txn, "arc");
    const gchar *claim = self->settings->trust_results ? arc_seal_get_claim(results) : NULL;
    g_auto(ArcOutcome) outcome = {NULL};

    if (found != NULL || claim != NULL)
        return g_strdup(found != NULL ? found : claim);
    arc_message_validate(message, txn, &outcome);
    return g_strdup(outcome.result);
}

static gboolean
arc_seal_message(const Arc *self, BaridTransaction *txn, ArcMessage *message, GError **error)
{
    g_autofree gchar *results = arc_dup_results(self, txn);
    g_autofree gchar *result = arc_dup_result(self, txn, message, results);
    ArcSeal seal = {
        .domain = self->settings->domain,
        .selector = self->settings->selector,
        .key = self->key,
        .headers = (const gchar *const *)self->settings->headers,
        .results = results,
        .validation = message->chain->n_sets == 0 && message->chain->problem == NULL
                          ? ARC_CV_NONE
                      : strcmp(result, "pass") == 0 && message->chain->problem == NULL
                          ? ARC_CV_PASS
                          : ARC_CV_FAIL,
    };

    if (strcmp(result, "temperror") == 0) {
        g_set_error_literal(error, BARID_ERROR, BARID_ERROR_TEMPORARY,
                            "the chain so far cannot be validated now");
        return FALSE;
    }
    return arc_seal_add(&seal, txn, message, error);
}

/* A message that cannot be sealed goes on without: a seal is no more than a recommendation. */
static BaridVerdict
arc_seal(BaridTransaction *txn, gpointer state)
{
    const Arc *self = state;
    ArcMessage *message = barid_slot_get(txn);
    g_autoptr(GError) error = NULL;
    const gchar *why = NULL;

    if (self->key == NULL || !barid_rule_get_bool(self->settings->seal, txn))
        return BARID_CONTINUE;
    if (message == NULL) {
        message = arc_message_read(txn);
        barid_slot_set(txn, message, arc_message_free);
    }
    if (message->chain->has_failed)
        why = "chain-failed";
    else if (message->chain->n_sets == ARC_INSTANCE_MAX)
        why = "chain-full";
    else if (!arc_seal_message(self, txn, message, &error))
        why = "failed";
    barid_finding_set(txn, "arc.seal", why == NULL ? "added" : why);
    if (error != NULL) {
        barid_finding_set(txn, "arc.seal-problem", error->message);
        barid_explain(txn, "arc.seal", "%s", error->message);
        barid_log(BARID_LOG_WARNING, "arc.seal-failed", "queue-id",
                  barid_transaction_get_queue_id(txn), "error", error->message, NULL);
    }
    return BARID_CONTINUE;
}

/* --- the module --- */

static void
arc_stop(gpointer state)
{
    Arc *self = state;

    barid_private_key_free(self->key);
    g_free(self);
}

static gboolean
arc_is_never(const BaridRule *rule)
{
    return barid_rule_is_constant(rule) && !barid_rule_eval_bool(rule, NULL);
}

/* What stands in a set, and names a record. */
static gboolean
is_name(const gchar *text)
{
    for (const gchar *byte = text; byte != NULL && *byte != '\0'; byte++) {
        if (!g_ascii_isalnum(*byte) && strchr("-_.", *byte) == NULL)
            return FALSE;
    }
    return text != NULL && *text != '\0';
}

static gboolean
has_header(const ArcSettings *read, const gchar *name)
{
    for (guint i = 0; read->headers != NULL && read->headers[i] != NULL; i++) {
        if (g_ascii_strcasecmp(read->headers[i], name) == 0)
            return TRUE;
    }
    return FALSE;
}

static const gchar *
arc_find_fault(const ArcSettings *read)
{
    return !is_name(read->domain)         ? _("domain: sealing needs a domain")
           : !is_name(read->selector)     ? _("selector: sealing needs the name of the key")
           : (read->key == NULL) == (read->key_file == NULL)
               ? _("key-file: sealing needs one key, here or in \"key\"")
           : !has_header(read, "From")    ? _("headers: From must be among them")
           : has_header(read, "ARC-Seal") ? _("headers: ARC-Seal must not be among them")
                                          : NULL;
}

static gboolean
arc_read_key(Arc *self, GError **error)
{
    const gchar *fault = arc_find_fault(self->settings);
    g_autofree gchar *text = NULL;
    gsize len;

    if (fault != NULL) {
        g_set_error_literal(error, BARID_ERROR, BARID_ERROR_INVALID, fault);
        return FALSE;
    }
    if (self->settings->key != NULL) {
        self->key = barid_private_key_new(barid_slice_from_text(self->settings->key), error);
        return self->key != NULL;
    }
    if (!g_file_get_contents(self->settings->key_file, &text, &len, error))
        return FALSE;
    self->key = barid_private_key_new(barid_slice(text, len), error);
    explicit_bzero(text, len);
    if (self->key == NULL)
        g_prefix_error(error, "%s: ", self->settings->key_file);
    return self->key != NULL;
}

static gboolean
arc_start(BaridStart *start G_GNUC_UNUSED, const void *config, gpointer *out_state,
          GError **error)
{
    Arc *self = g_new0(Arc, 1);

    self->settings = config;
    if (!arc_is_never(self->settings->seal) && !arc_read_key(self, error)) {
        arc_stop(self);
        return FALSE;
    }
    *out_state = self;
    return TRUE;
}

static const BaridHook hooks[] = {
    BARID_HOOK_MESSAGE(arc_observe, BARID_PHASE_IDENTIFY, .observes = TRUE,
                       .stream = &message_stream),
    BARID_HOOK_MESSAGE(arc_judge, BARID_PHASE_AUTHORISE),
    BARID_HOOK_SEAL(arc_seal, BARID_PHASE_LATE, .after = "authresults dkim"),
    BARID_HOOK_END,
};

static const gchar *const findings[] = {
    "arc",         "arc.instances",       "arc.oldest-pass",   "arc.problem",
    "arc.sealers", "arc.trusted",         "arc.trusted.dmarc", "arc.trusted.from",
    "arc.seal",    "arc.trusted.comment", "arc.seal-problem",  NULL,
};

BARID_MODULE_DEFINE(arc) = {
    BARID_MODULE_HEADER,
    .name = "arc",
    .version = PACKAGE_VERSION,
    .summary = N_("Validates and extends ARC chains"),
    .needs = BARID_READS_HEADERS | BARID_READS_BODY | BARID_CHANGES_HEADERS | BARID_MAY_DEFER |
             BARID_MAY_REJECT | BARID_USES_NETWORK | BARID_USES_FILES | BARID_USES_SECRETS,
    .settings = settings,
    .settings_size = sizeof(ArcSettings),
    .hooks = hooks,
    .findings = findings,
    .start = arc_start,
    .stop = arc_stop,
};
