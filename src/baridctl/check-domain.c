/* SPDX-License-Identifier: Apache-2.0 */
/* "check domain": what a server that has mail for a domain would find out, and do. */
#include <barid/report-uris.h>
#include <barid/tag-list.h>

#include "base/json-writer.h"
#include "baridctl/check.h"
#include "dns/dns-name.h"
#include "outbound/mx.h"

enum { CHECK_HOSTS_MAX = 20 };

typedef struct {
    DnsResolver *resolver;
    const gchar *domain;
    const gchar *selectors; /* of DKIM keys, with commas between them; or NULL */
    JsonWriter writer;
    const gchar *result; /* "ok" when mail can be delivered */
    gboolean has_address;
    gboolean is_undecided; /* a name server failed on the way */
} CheckDomain;

/* The addresses of one host, of both families. */
static void
check_domain_put_addresses(CheckDomain *self, const gchar *host)
{
    static const DnsType types[] = {DNS_TYPE_A, DNS_TYPE_AAAA};
    gchar text[ADDRESS_TEXT_MAX];
    g_autofree gchar *problem = NULL;

    json_writer_begin_array(&self->writer, "addresses");
    for (guint n = 0; n < G_N_ELEMENTS(types); n++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(DnsAnswer) answer = dns_lookup(self->resolver, host, types[n], &error);

        if (answer == NULL) {
            self->is_undecided = self->is_undecided || barid_error_is_temporary(error);
            g_free(problem);
            problem = g_strdup(error->message);
            continue;
        }
        for (guint i = 0; i < answer->n_records; i++) {
            /* To loopback and the like nobody sends. */
            self->has_address = self->has_address ||
                                !mx_address_is_refused(&answer->records[i].as.address);
            json_writer_text(&self->writer, NULL,
                             address_format_ip(&answer->records[i].as.address, text));
        }
    }
    json_writer_end_array(&self->writer);
    if (problem != NULL)
        json_writer_text(&self->writer, "error", problem);
}

/* Whether TLSA records stand for the host's port 25 (RFC 7672). */
static void
check_domain_put_tlsa(CheckDomain *self, const gchar *host)
{
    g_autofree gchar *name = g_strconcat("_25._tcp.", host, NULL);
    g_autoptr(DnsAnswer) answer = dns_lookup(self->resolver, name, DNS_TYPE_TLSA, NULL);

    json_writer_integer(&self->writer, "tlsa_records", answer == NULL ? 0 : answer->n_records);
    json_writer_bool(&self->writer, "tlsa_secure",
                     answer != NULL && answer->n_records > 0 && answer->security == DNS_SECURE);
}

static void
check_domain_put_host(CheckDomain *self, guint preference, const gchar *host)
{
    json_writer_begin_object(&self->writer, NULL);
    json_writer_integer(&self->writer, "preference", preference);
    json_writer_text(&self->writer, "host", host);
    check_domain_put_addresses(self, host);
    check_domain_put_tlsa(self, host);
    json_writer_end_object(&self->writer);
}

static gint
check_domain_compare(gconstpointer a, gconstpointer b)
{
    const DnsRecord *const *left = a, *const *right = b;

    return (*left)->as.mx.preference - (*right)->as.mx.preference;
}

static void
check_domain_put_mx(CheckDomain *self, const DnsAnswer *answer)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();

    for (guint i = 0; i < answer->n_records; i++)
        g_ptr_array_add(sorted, (gpointer)(guintptr)&answer->records[i]);
    g_ptr_array_sort(sorted, check_domain_compare);
    for (guint i = 0; i < sorted->len && i < CHECK_HOSTS_MAX; i++) {
        const DnsRecord *record = g_ptr_array_index(sorted, i);

        /* The root beside other hosts is a mistake of theirs, and no host. */
        if (*record->as.mx.exchange != '\0')
            check_domain_put_host(self, record->as.mx.preference, record->as.mx.exchange);
    }
}

static gboolean
check_domain_is_null_mx(const DnsAnswer *answer)
{
    return answer->n_records == 1 && *answer->records[0].as.mx.exchange == '\0';
}

/* RFC 5321 section 5.1: the hosts by preference; without any, the domain itself. */
static void
check_domain_put_hosts(CheckDomain *self)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DnsAnswer) answer = dns_lookup(self->resolver, self->domain, DNS_TYPE_MX, &error);
    gboolean is_implicit = answer != NULL && answer->status == DNS_NO_DATA;
    gboolean is_null = answer != NULL && check_domain_is_null_mx(answer);

    json_writer_bool(&self->writer, "implicit_mx", is_implicit);
    json_writer_bool(&self->writer, "null_mx", is_null);
    json_writer_bool(&self->writer, "secure", answer != NULL && answer->security == DNS_SECURE);
    json_writer_begin_array(&self->writer, "mx");
    if (is_implicit)
        check_domain_put_host(self, 0, answer->canonical);
    else if (answer != NULL && !is_null)
        check_domain_put_mx(self, answer);
    json_writer_end_array(&self->writer);
    if (answer == NULL)
        json_writer_text(&self->writer, "error", error->message);
    self->result = answer == NULL ? barid_error_is_temporary(error) ? "temperror" : "no-domain"
                   : is_null                      ? "null-mx"
                   : answer->status == DNS_NO_NAME ? "no-domain"
                   : self->has_address             ? "ok"
                   : self->is_undecided            ? "temperror"
                                                   : "no-address";
}

/* Index of the first TXT record of (answer), or NULL, that begins with (prefix); -1 without one. */
static gint
check_domain_find_text(const DnsAnswer *answer, const gchar *prefix)
{
    for (guint i = 0; answer != NULL && i < answer->n_records; i++) {
        BaridSlice text = answer->records[i].as.text;

        if (text.len >= strlen(prefix) && memcmp(text.data, prefix, strlen(prefix)) == 0)
            return (gint)i;
    }
    return -1;
}

static DnsAnswer *
check_domain_look_up_text(CheckDomain *self, const gchar *below, const gchar *domain,
                          GError **error)
{
    g_autofree gchar *name = g_strconcat(below, domain, NULL);

    return dns_lookup(self->resolver, name, DNS_TYPE_TXT, error);
}

/* The record (found) of (answer), or null where there is none. */
static void
check_domain_put_text(CheckDomain *self, const gchar *key, const DnsAnswer *answer, gint found)
{
    if (found >= 0)
        json_writer_slice(&self->writer, key, answer->records[found].as.text);
    else
        json_writer_text(&self->writer, key, NULL);
}

/* The policy below the domain, or null. */
static void
check_domain_put_policy(CheckDomain *self, const gchar *key, const gchar *below,
                        const gchar *prefix)
{
    g_autoptr(DnsAnswer) answer = check_domain_look_up_text(self, below, self->domain, NULL);

    check_domain_put_text(self, key, answer, check_domain_find_text(answer, prefix));
}

/* Whether the (destination) of reports about the domain wants them (RFC 7489 section 7.1): one
 * outside of it says so with a record of its own. */
static const gchar *
check_domain_judge_destination(CheckDomain *self, const gchar *destination)
{
    g_autofree gchar *below = NULL;
    g_autoptr(DnsAnswer) answer = NULL;
    gchar own[DNS_NAME_MAX + 1];
    gchar other[DNS_NAME_MAX + 1];

    if (!dns_name_normalise(self->domain, own, NULL) ||
        !dns_name_normalise(destination, other, NULL))
        return "no";
    if (dns_name_is_below(other, own) || dns_name_is_below(own, other))
        return "yes";
    below = g_strconcat(own, "._report._dmarc.", NULL);
    answer = check_domain_look_up_text(self, below, other, NULL);
    if (answer == NULL)
        return "unknown";
    return check_domain_find_text(answer, "v=DMARC1") >= 0 ? "yes" : "no";
}

static void
check_domain_put_destinations(CheckDomain *self, BaridSlice uris)
{
    g_autoptr(GString) address = g_string_new(NULL);

    for (guint i = 0; i < CHECK_HOSTS_MAX && barid_report_uris_next(&uris, address); i++) {
        json_writer_begin_object(&self->writer, NULL);
        json_writer_text(&self->writer, "address", address->str);
        json_writer_text(&self->writer, "accepted",
                         check_domain_judge_destination(self, strrchr(address->str, '@') + 1));
        json_writer_end_object(&self->writer);
    }
}

/* The policy, and where reports by it would be mailed to. */
static void
check_domain_put_dmarc(CheckDomain *self)
{
    g_autoptr(DnsAnswer) answer = check_domain_look_up_text(self, "_dmarc.", self->domain, NULL);
    gint found = check_domain_find_text(answer, "v=DMARC1");
    BaridTagList tags;

    check_domain_put_text(self, "dmarc", answer, found);
    json_writer_begin_array(&self->writer, "dmarc_reports");
    if (found >= 0 &&
        barid_tag_list_parse(answer->records[found].as.text, &tags) == BARID_TAG_LIST_OK) {
        check_domain_put_destinations(self, barid_tag_list_get(&tags, "rua"));
        check_domain_put_destinations(self, barid_tag_list_get(&tags, "ruf"));
    }
    json_writer_end_array(&self->writer);
}

/* The keys that are asked for; nobody can list the others. */
static void
check_domain_put_dkim(CheckDomain *self)
{
    g_auto(GStrv) selectors = g_strsplit(self->selectors, ",", CHECK_HOSTS_MAX);

    json_writer_begin_array(&self->writer, "dkim");
    for (guint i = 0; selectors[i] != NULL; i++) {
        g_autofree gchar *below = g_strconcat(g_strstrip(selectors[i]), "._domainkey.", NULL);
        g_autoptr(DnsAnswer) answer =
            check_domain_look_up_text(self, below, self->domain, NULL);

        json_writer_begin_object(&self->writer, NULL);
        json_writer_text(&self->writer, "selector", selectors[i]);
        /* RFC 6376 section 3.6.1: the version may be left out. */
        check_domain_put_text(self, "record", answer, check_domain_find_text(answer, ""));
        json_writer_end_object(&self->writer);
    }
    json_writer_end_array(&self->writer);
}

static const struct {
    const gchar *result, *action;
} check_domain_actions[] = {
    {"ok", N_("deliver to the hosts in this order, those of equal preference in any")},
    {"null-mx", N_("return the mail: the domain takes none (RFC 7505)")},
    {"no-domain", N_("return the mail: there is no such domain")},
    {"no-address", N_("return the mail: no host has an address")},
    {"temperror", N_("keep the mail and try again later")},
};

static void
check_domain_run(gpointer data)
{
    CheckDomain *self = data;

    json_writer_begin_object(&self->writer, NULL);
    json_writer_text(&self->writer, "domain", self->domain);
    check_domain_put_hosts(self);
    check_domain_put_policy(self, "spf", "", "v=spf1");
    if (self->selectors != NULL)
        check_domain_put_dkim(self);
    check_domain_put_dmarc(self);
    check_domain_put_policy(self, "mta_sts", "_mta-sts.", "v=STSv1");
    check_domain_put_policy(self, "tls_rpt", "_smtp._tls.", "v=TLSRPTv1");
    json_writer_text(&self->writer, "result", self->result);
    for (guint i = 0; i < G_N_ELEMENTS(check_domain_actions); i++) {
        if (strcmp(check_domain_actions[i].result, self->result) == 0)
            json_writer_text(&self->writer, "action", _(check_domain_actions[i].action));
    }
    json_writer_end_object(&self->writer);
}

CtlStatus
check_domain(const Options *options, const gchar *const *args)
{
    g_auto(CheckRuntime) runtime = {.files = NULL};
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    CheckDomain check = {.domain = args[0], .selectors = options_get(options, "selector")};

    if (!check_runtime_init(&runtime, options, "", &error))
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    check.resolver = runtime.resolver;
    json_writer_init(&check.writer, out);
    if (!check_runtime_run(&runtime, check_domain_run, &check, &error))
        return ctl_fail(options, CTL_INTERNAL, "failed", error->message);
    ctl_answer(options, "check domain", out->str);
    return strcmp(check.result, "ok") == 0 ? CTL_DONE : CTL_NO;
}
