/* SPDX-License-Identifier: Apache-2.0 */
#include "outbound/candidates.h"

#include "mime/mail-address.h"
#include "outbound/delivery.h"
#include "outbound/smtp-client-private.h"

void
candidates_note_failure(Candidates *self, const SmtpClientFailure *failure)
{
    if (self->has_failure && failure->permanent && !self->failure.permanent)
        return;
    self->failure = *failure;
    self->has_failure = TRUE;
}

static void
candidates_fail(Candidates *self, gboolean permanent, const gchar *status, const gchar *format,
                const gchar *what, const gchar *why)
{
    g_autofree gchar *text = g_strdup_printf("%s%s%s%s", format, what, why != NULL ? ": " : "",
                                             why != NULL ? why : "");
    SmtpClientFailure failure;

    transcript_note(self->transcript, "(%s)", text);
    smtp_client_failure_set(&failure, permanent, status, "%s", text);
    candidates_note_failure(self, &failure);
}

static DnsAnswer *
candidates_ask(Candidates *self, const gchar *name, DnsType type)
{
    DnsResolver *resolver = outbound_get_services(self->outbound)->resolver;
    g_autoptr(GError) error = NULL;
    DnsAnswer *answer;

    if (resolver == NULL) {
        candidates_fail(self, FALSE, "4.4.3", "no name server is configured to look up ", name,
                        NULL);
        return NULL;
    }
    answer = dns_lookup(resolver, name, type, &error);
    if (answer == NULL)
        candidates_fail(self, error->code == BARID_ERROR_INVALID,
                        error->code == BARID_ERROR_INVALID ? "5.1.2" : "4.4.3", "looking up ",
                        name, error->message);
    return answer;
}

/* --- addresses of a host --- */

/* FALSE when the look-up failed; no addresses is an answer. */
static gboolean
candidates_ask_addresses(Candidates *self, const gchar *name, DnsType type, Address *out,
                         guint *out_n)
{
    g_autoptr(DnsAnswer) answer = candidates_ask(self, name, type);

    *out_n = 0;
    if (answer == NULL)
        return FALSE;
    for (guint i = 0; i < answer->n_records && *out_n < MX_ADDRESSES_MAX; i++)
        out[(*out_n)++] = answer->records[i].as.address;
    return TRUE;
}

static gboolean
candidates_is_refused(const Candidates *self, const Address *address)
{
    return !self->is_configured && mx_address_is_refused(address) &&
           !(self->settings->allow_loopback && address_is_loopback(address));
}

/* Adds the addresses of (name). FALSE when one of them is our own. */
static gboolean
candidates_add_host(Candidates *self, const gchar *name)
{
    Address *ipv4 = arena_alloc(self->arena, sizeof(Address) * MX_ADDRESSES_MAX);
    Address *ipv6 = arena_alloc(self->arena, sizeof(Address) * MX_ADDRESSES_MAX);
    Address *ordered = arena_alloc(self->arena, sizeof(Address) * MAX(self->address_limit, 1));
    guint n_ipv4 = 0, n_ipv6 = 0, n, n_refused = 0;
    gboolean ok = TRUE;

    if (self->family != MX_IPV6_ONLY)
        ok = candidates_ask_addresses(self, name, DNS_TYPE_A, ipv4, &n_ipv4);
    if (self->family != MX_IPV4_ONLY)
        ok = candidates_ask_addresses(self, name, DNS_TYPE_AAAA, ipv6, &n_ipv6) && ok;
    for (guint i = 0; !self->is_configured && i < n_ipv4 + n_ipv6; i++) {
        if (outbound_is_own_address(self->outbound, i < n_ipv4 ? &ipv4[i] : &ipv6[i - n_ipv4]))
            return FALSE;
    }
    n = mx_order_addresses(ipv4, n_ipv4, ipv6, n_ipv6, self->family, self->address_limit, ordered);
    for (guint i = 0; i < n; i++) {
        Candidate candidate = {.name = name, .endpoint.address = ordered[i]};

        candidate.endpoint.address.port = self->port;
        if (candidates_is_refused(self, &ordered[i]))
            n_refused++;
        else
            g_array_append_val(self->ready, candidate);
    }
    if (n_refused > 0 && n_refused == n)
        candidates_fail(self, TRUE, "5.4.4", "no mail is sent to the address of ", name, NULL);
    else if (n == 0 && ok)
        candidates_fail(self, TRUE, "5.4.4", "there is no address for ", name, NULL);
    return TRUE;
}

/* The next group of equal preference. FALSE when there is none. */
static gboolean
candidates_fill(Candidates *self)
{
    guint first = self->next_host;
    guint len = mx_get_group_len(self->hosts + first, self->n_hosts - first);
    guint n_ready = self->ready->len;

    if (len == 0)
        return FALSE;
    self->next_host += len;
    for (guint i = first; i < first + len; i++) {
        if (candidates_add_host(self, self->hosts[i].name))
            continue;
        g_array_set_size(self->ready, n_ready);
        self->n_hosts = self->next_host;
        candidates_fail(self, TRUE, "5.4.6", "this host is the best mail exchanger: ",
                        self->hosts[i].name, NULL);
        return FALSE;
    }
    return TRUE;
}

gboolean
candidates_next(Candidates *self, Candidate *out_candidate)
{
    while (self->next_ready == self->ready->len) {
        if (!candidates_fill(self))
            return FALSE;
    }
    *out_candidate = g_array_index(self->ready, Candidate, self->next_ready++);
    return TRUE;
}

/* --- hosts of a domain --- */

static void
candidates_add_literal(Candidates *self, const Address *address, const gchar *text)
{
    Candidate candidate = {.name = "", .endpoint.address = *address};

    candidate.endpoint.address.port = self->port;
    if (outbound_is_own_address(self->outbound, address))
        candidates_fail(self, TRUE, "5.4.6", "this host has the address ", text, NULL);
    else if (candidates_is_refused(self, address))
        candidates_fail(self, TRUE, "5.4.4", "no mail is sent to ", text, NULL);
    else
        g_array_append_val(self->ready, candidate);
}

/* RFC 7505: one record with an empty exchange says that the domain takes no mail. Beside
 * others such a record means nothing. */
static gboolean
candidates_take_records(Candidates *self, const gchar *domain, const DnsAnswer *answer)
{
    guint n = MIN(answer->n_records, MX_RECORDS_MAX);

    self->hosts = arena_alloc(self->arena, sizeof(MxHost) * MAX(n, 1));
    for (guint i = 0; i < n; i++) {
        const DnsRecord *record = &answer->records[i];

        if (record->as.mx.exchange[0] != '\0')
            self->hosts[self->n_hosts++] =
                (MxHost){record->as.mx.preference,
                         arena_dup_text(self->arena, record->as.mx.exchange)};
    }
    if (self->n_hosts > 0)
        return TRUE;
    candidates_fail(self, TRUE, "5.1.10", "the domain accepts no mail: ", domain, NULL);
    return FALSE;
}

/* RFC 5321 section 5.1: who finds itself goes no further than what is preferred to it. */
static void
candidates_cut_self(Candidates *self)
{
    guint start = 0;

    for (guint i = 0; i < self->n_hosts; i++) {
        if (self->hosts[i].preference != self->hosts[start].preference)
            start = i;
        if (!outbound_is_own_name(self->outbound, self->hosts[i].name))
            continue;
        if (start == 0)
            candidates_fail(self, TRUE, "5.4.6", "this host is the best mail exchanger: ",
                            self->hosts[i].name, NULL);
        self->n_hosts = start;
        return;
    }
}

static void
candidates_find_mx(Candidates *self, const gchar *domain, guint limit)
{
    g_autoptr(DnsAnswer) answer = candidates_ask(self, domain, DNS_TYPE_MX);

    if (answer == NULL)
        return;
    if (answer->status == DNS_NO_NAME) {
        candidates_fail(self, TRUE, "5.1.2", "there is no such domain: ", domain, NULL);
        return;
    }
    if (answer->status == DNS_NO_DATA) {
        self->hosts = arena_new0(self->arena, MxHost);
        *self->hosts = (MxHost){0, domain};
        self->n_hosts = 1;
    } else {
        if (!candidates_take_records(self, domain, answer))
            return;
        mx_sort(self->hosts, self->n_hosts);
    }
    candidates_cut_self(self);
    self->n_hosts = MIN(self->n_hosts, MAX(limit, 1));
}

static void
candidates_find_domain(Candidates *self, BaridSlice domain)
{
    gint64 limit = barid_rule_get_integer(self->settings->mx_limit, self->attempt);
    const gchar *text = arena_dup_slice_text(self->arena, domain);
    Address literal;

    if (domain.len > 0 && domain.data[0] == '[') {
        if (mail_literal_parse(domain, &literal))
            candidates_add_literal(self, &literal, text);
        else
            candidates_fail(self, TRUE, "5.1.2", "this is no address: ", text, NULL);
        return;
    }
    candidates_find_mx(self, text, (guint)CLAMP(limit, 1, MX_RECORDS_MAX));
}

/* --- a [host NAME] --- */

static void
candidates_add_targets(Candidates *self, const OutboundHost *host)
{
    for (guint i = 0; i < host->targets->len; i++) {
        const HostTarget *target = &g_array_index(host->targets, HostTarget, i);

        self->port = target->endpoint.address.port;
        if (target->name == NULL) {
            Candidate candidate = {.name = "", .endpoint = target->endpoint};

            g_array_append_val(self->ready, candidate);
        } else if (host->lookup_mx) {
            self->n_hosts = 0;
            self->next_host = 0;
            candidates_find_domain(self, barid_slice_from_text(target->name));
            while (candidates_fill(self))
                ;
        } else {
            candidates_add_host(self, target->name);
        }
    }
}

/* --- in doubt --- */

/* The peer that may have the message already is asked first. */
static void
candidates_prefer(Candidates *self, const gchar *endpoint)
{
    while (candidates_fill(self))
        ;
    for (guint i = 0; i < self->ready->len; i++) {
        Candidate candidate = g_array_index(self->ready, Candidate, i);
        gchar text[ENDPOINT_TEXT_MAX];

        if (strcmp(endpoint_format(&candidate.endpoint, text), endpoint) != 0)
            continue;
        g_array_remove_index(self->ready, i);
        g_array_prepend_val(self->ready, candidate);
        return;
    }
}

void
candidates_init(Candidates *self, Outbound *outbound, BaridAttempt *attempt, const Route *route,
                BaridSlice domain, const gchar *prefer, Transcript *transcript)
{
    const OutboundSettings *settings = outbound_get_services(outbound)->settings;
    g_autofree gchar *family = barid_rule_dup_text(settings->address_family, attempt);
    gint64 limit = barid_rule_get_integer(settings->address_limit, attempt);

    *self = (Candidates){
        .outbound = outbound,
        .attempt = attempt,
        .transcript = transcript,
        .arena = attempt->scope.arena,
        .settings = settings,
        .family = MX_IPV4_THEN_IPV6,
        .address_limit = (guint)CLAMP(limit, 1, MX_ADDRESSES_MAX),
        .is_configured = route->kind == ROUTE_HOST,
        .port = (guint16)settings->port,
        .ready = g_array_new(FALSE, FALSE, sizeof(Candidate)),
    };
    mx_family_parse(family, &self->family);
    if (route->kind == ROUTE_HOST)
        candidates_add_targets(self, route->host);
    else
        candidates_find_domain(self, domain);
    if (prefer != NULL)
        candidates_prefer(self, prefer);
}

void
candidates_clear(Candidates *self)
{
    g_array_free(self->ready, TRUE);
}
