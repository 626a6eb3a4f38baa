/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reverse name of a client, confirmed (iprev, RFC 8601 sections 2.7.3 and 3): the
 * names of its address are looked up, and one of them must have that address again.
 *
 * The look-up begins when the client connects and runs beside the session; what it found
 * is waited for by whoever reads it.
 */
#include <barid/barid.h>

/* RFC 8601 section 3: names are limited, since whoever owns the address chooses how many. */
enum { IPREV_NAMES_CHECKED = 2, IPREV_NAMES_TOLD = 10 };

typedef struct {
    BaridRule *strict;
} IprevSettings;

static const BaridSetting settings[] = {
    BARID_SETTING_RULE_BOOL("strict", IprevSettings, strict, "no",
                            N_("Whether a client without a confirmed name is refused."),
                            BARID_KNOWN_MAIL, .on_failure = "no"),
    BARID_SETTING_END,
};

static void
iprev_tell_names(BaridSession *session, const BaridDnsAnswer *names)
{
    g_autoptr(GString) text = g_string_new(NULL);
    guint n_names = MIN(barid_dns_answer_get_n_records(names), IPREV_NAMES_TOLD);

    for (guint i = 0; i < n_names; i++)
        g_string_append_printf(text, "%s%s", i == 0 ? "" : " ",
                               barid_dns_answer_get_name(names, i));
    barid_finding_set(session, "iprev.names", text->str);
}

static gboolean
iprev_has_address(const BaridDnsAnswer *forward, const gchar *ip)
{
    for (guint i = 0; i < barid_dns_answer_get_n_records(forward); i++) {
        if (strcmp(barid_dns_answer_get_address(forward, i), ip) == 0)
            return TRUE;
    }
    return FALSE;
}

/* Looks up the first names, side by side. */
static BARID_SUSPENDS const gchar *
iprev_confirm(BaridSession *session, const BaridDnsAnswer *names, const gchar *ip)
{
    g_autoptr(BaridDnsBatch) batch = barid_dns_batch_new();
    guint n_names = MIN(barid_dns_answer_get_n_records(names), IPREV_NAMES_CHECKED);
    gboolean is_v6 = strchr(ip, ':') != NULL;
    const gchar *result = "fail";

    for (guint i = 0; i < n_names; i++)
        barid_dns_batch_add(batch, barid_dns_answer_get_name(names, i),
                            is_v6 ? BARID_DNS_AAAA : BARID_DNS_A);
    barid_dns_batch_ask(session, batch);
    for (guint i = 0; i < n_names; i++) {
        g_autoptr(GError) error = NULL;
        const BaridDnsAnswer *forward = barid_dns_batch_get(batch, i, &error);

        if (forward == NULL && barid_error_is_temporary(error))
            result = "temperror";
        if (forward == NULL || !iprev_has_address(forward, ip))
            continue;
        barid_finding_set(session, "iprev.name", barid_dns_answer_get_name(names, i));
        return "pass";
    }
    return result;
}

static BARID_SUSPENDS const gchar *
iprev_check(BaridSession *session)
{
    const gchar *ip = barid_session_get_remote_ip(session);
    g_autoptr(BaridDnsAnswer) names = NULL;
    g_autoptr(GError) error = NULL;

    if (!barid_dns_lookup_names(session, ip, &names, &error))
        return barid_error_is_temporary(error) ? "temperror" : "permerror";
    if (barid_dns_answer_get_status(names) != BARID_DNS_FOUND)
        return "permerror";
    iprev_tell_names(session, names);
    return iprev_confirm(session, names, ip);
}

static BaridVerdict
iprev_connect(BaridSession *session, gpointer state G_GNUC_UNUSED)
{
    const gchar *result = iprev_check(session);

    barid_finding_set(session, "iprev", result);
    barid_explain(session, "iprev", "%s", result);
    return BARID_CONTINUE;
}

static BaridVerdict
iprev_mail(BaridTransaction *txn, gpointer state)
{
    const IprevSettings *self = state;
    const gchar *result;

    if (!barid_rule_get_bool(self->strict, txn))
        return BARID_CONTINUE;
    result = barid_finding_get(txn, "iprev");
    barid_explain(txn, "iprev", "%s", result == NULL ? "none" : result);
    if (result != NULL && strcmp(result, "pass") == 0)
        return BARID_CONTINUE;
    /* No result at all: the look-up was cut short. */
    if (result == NULL || strcmp(result, "temperror") == 0)
        return barid_defer(txn, 451, "4.7.25", "iprev-temperror",
                           "The name of your address cannot be looked up now");
    return barid_reject(txn, 550, "5.7.25", "iprev-failed",
                        "Your address has no name that leads back to it");
}

static const BaridHook hooks[] = {
    BARID_HOOK_CONNECT(iprev_connect, BARID_PHASE_IDENTIFY, .observes = TRUE),
    BARID_HOOK_MAIL(iprev_mail, BARID_PHASE_AUTHORISE),
    BARID_HOOK_END,
};

static const gchar *const findings[] = {"iprev", "iprev.name", "iprev.names", NULL};

BARID_MODULE_DEFINE(iprev) = {
    BARID_MODULE_HEADER,
    .name = "iprev",
    .version = PACKAGE_VERSION,
    .summary = N_("Confirms the reverse names of clients"),
    .needs = BARID_MAY_DEFER | BARID_MAY_REJECT | BARID_USES_NETWORK,
    .settings = settings,
    .settings_size = sizeof(IprevSettings),
    .hooks = hooks,
    .findings = findings,
};
