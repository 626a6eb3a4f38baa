/* SPDX-License-Identifier: Apache-2.0 */
#include "outbound/relay.h"

#include "base/chance.h"
#include "base/counter.h"
#include "base/text.h"
#include "outbound/candidates.h"
#include "outbound/relay-content.h"
#include "outbound/smtp-client-private.h"

enum { RELAY_SOURCES_MAX = 64 };

typedef struct {
    Outbound *outbound;
    ConnectionPool *pool;
    DeliveryAttempt *attempt;
    const Route *route;
    const OutboundSettings *settings;
    Transcript transcript;
    Candidates candidates;
    RelayContent content;
    SmtpClientMessage message;
    guint transaction_limit; /* recipients */
    GPtrArray *pending;      /* of SmtpClientRecipient *: without a final result */
    /* Of the candidate at hand. */
    Candidate candidate;
    const gchar *endpoint;   /* as text */
    SmtpClientOptions options;
    Address source;
    gchar *key;
} Relay;

/* --- results --- */

static QueueResult *
relay_get_result(Relay *self, const SmtpClientRecipient *rcpt)
{
    const DeliveryRecipient *routed = rcpt->owner;

    return &self->attempt->job->results[routed->index];
}

static RecipientManner
relay_get_manner(const Relay *self, const SmtpClient *client)
{
    if (self->options.protocol == HOST_LMTP)
        return RECIPIENT_MANNER_FINAL;
    return smtp_peer_offers(smtp_client_get_peer(client), SMTP_PEER_DSN)
               ? RECIPIENT_MANNER_HANDED_ON
               : RECIPIENT_MANNER_RELAYED;
}

/* What Remote-MTA may say of the peer (RFC 3464 section 2.3.5): its name, or an address
 * literal. */
static const gchar *
relay_get_remote(const Relay *self)
{
    const Candidate *candidate = &self->candidate;
    gchar text[ADDRESS_TEXT_MAX];

    if (*candidate->name != '\0')
        return candidate->name;
    if (candidate->endpoint.unix_path != NULL)
        return "localhost";
    return arena_printf(self->attempt->job->arena, "[%s%s]",
                        candidate->endpoint.address.is_v6 ? "IPv6:" : "",
                        address_format_ip(&candidate->endpoint.address, text));
}

static void
relay_take_outcome(Relay *self, const SmtpClient *client, const SmtpClientRecipient *rcpt)
{
    static const RecipientStatus statuses[] = {
        [SMTP_CLIENT_UNTRIED] = RECIPIENT_PENDING,  [SMTP_CLIENT_DELIVERED] = RECIPIENT_DELIVERED,
        [SMTP_CLIENT_DEFERRED] = RECIPIENT_PENDING, [SMTP_CLIENT_FAILED] = RECIPIENT_FAILED,
        [SMTP_CLIENT_IN_DOUBT] = RECIPIENT_PENDING,
    };
    Arena *arena = self->attempt->job->arena;

    *relay_get_result(self, rcpt) = (QueueResult){
        .done = TRUE,
        .status = statuses[rcpt->outcome],
        .code = arena_dup_text(arena, rcpt->status),
        .text = rcpt->text,
        .remote = rcpt->is_reply ? relay_get_remote(self) : NULL,
        .manner = rcpt->outcome == SMTP_CLIENT_DELIVERED ? relay_get_manner(self, client)
                                                         : RECIPIENT_MANNER_FINAL,
        .peer = rcpt->outcome == SMTP_CLIENT_IN_DOUBT ? self->endpoint : NULL,
    };
}

/* What no candidate said anything about shares the reason why there were no more. */
static void
relay_settle_rest(Relay *self)
{
    const SmtpClientFailure *why = &self->candidates.failure;
    Arena *arena = self->attempt->job->arena;

    for (guint i = 0; i < self->pending->len; i++) {
        QueueResult *result = relay_get_result(self, g_ptr_array_index(self->pending, i));

        if (result->done)
            continue;
        *result = (QueueResult){.done = TRUE, .status = RECIPIENT_PENDING, .code = "4.4.0",
                                .text = "no host could be tried"};
        if (!self->candidates.has_failure)
            continue;
        result->status = why->permanent ? RECIPIENT_FAILED : RECIPIENT_PENDING;
        result->code = arena_dup_text(arena, why->status);
        result->text = arena_dup_text(arena, why->text);
        result->remote = why->is_reply && self->endpoint != NULL ? relay_get_remote(self) : NULL;
    }
}

/* --- options of one connection --- */

/* One of the addresses of the family, by chance; FALSE when there is none. */
static gboolean
relay_pick_source(const BaridRule *rule, BaridAttempt *facts, Address *out_source)
{
    g_autofree gchar *text = barid_rule_dup_text(rule, facts);
    g_auto(GStrv) words = g_strsplit_set(text, ", ", RELAY_SOURCES_MAX);
    Address found[RELAY_SOURCES_MAX];
    guint n = 0;

    for (guint i = 0; words[i] != NULL; i++) {
        if (address_parse_ip(barid_slice_from_text(words[i]), &found[n]))
            n++;
    }
    if (n > 0)
        *out_source = found[chance_below(n)];
    return n > 0;
}

static void
relay_choose_source(Relay *self)
{
    const Endpoint *endpoint = &self->candidate.endpoint;
    const OutboundHost *host = self->route->host;
    gboolean has;

    self->options.source = NULL;
    if (endpoint->unix_path != NULL)
        return;
    if (self->route->kind == ROUTE_HOST && host->has_source) {
        self->source = host->source;
        has = host->source.is_v6 == endpoint->address.is_v6;
    } else {
        has = relay_pick_source(endpoint->address.is_v6 ? self->settings->source_ipv6
                                                        : self->settings->source_ipv4,
                                &self->attempt->facts, &self->source) &&
              self->source.is_v6 == endpoint->address.is_v6;
    }
    if (!has)
        return;
    self->options.source = &self->source;
    self->attempt->facts.local = self->source;
}

static SmtpClientTls
relay_choose_tls(Relay *self)
{
    g_autofree gchar *word = NULL;

    if (self->route->kind == ROUTE_HOST)
        return (SmtpClientTls)self->route->host->tls;
    word = barid_rule_dup_text(self->settings->tls, &self->attempt->facts);
    if (strcmp(word, "none") == 0)
        return SMTP_CLIENT_TLS_NONE;
    return strcmp(word, "required") == 0 ? SMTP_CLIENT_TLS_REQUIRED
                                         : SMTP_CLIENT_TLS_OPPORTUNISTIC;
}

static const gchar *
relay_get_text(const gchar *text)
{
    return text != NULL && *text != '\0' ? text : NULL;
}

static const gchar *
relay_choose_helo_name(Relay *self)
{
    g_autofree gchar *name =
        barid_rule_dup_text(self->settings->helo_name, &self->attempt->facts);

    return *name != '\0' && mail_domain_is_valid(barid_slice_from_text(name))
               ? arena_dup_text(self->attempt->job->arena, name)
               : outbound_get_services(self->outbound)->hostname;
}

static void
relay_fill_options(Relay *self)
{
    BaridAttempt *facts = &self->attempt->facts;
    const OutboundHost *host = self->route->kind == ROUTE_HOST ? self->route->host : NULL;
    gchar text[ENDPOINT_TEXT_MAX];

    self->endpoint = arena_dup_text(self->attempt->job->arena,
                                    endpoint_format(&self->candidate.endpoint, text));
    facts->mx = self->candidate.name;
    facts->remote = self->candidate.endpoint.address;
    memset(&facts->local, 0, sizeof facts->local);
    self->options = (SmtpClientOptions){
        .endpoint = self->candidate.endpoint,
        .host_name = self->candidate.name,
        .protocol = host != NULL ? (HostProtocol)host->protocol : HOST_SMTP,
        .user = host != NULL ? relay_get_text(host->user) : NULL,
        .password = host != NULL ? relay_get_text(host->password) : NULL,
        .trust = host != NULL ? host->trust : NULL,
    };
    relay_choose_source(self);
    self->options.helo_name = relay_choose_helo_name(self);
    self->options.tls = relay_choose_tls(self);
    self->options.pipelining = barid_rule_get_bool(self->settings->pipelining, facts);
    self->options.chunking = barid_rule_get_bool(self->settings->chunking, facts);
    for (guint i = 0; i < OUTBOUND_N_TIMEOUTS; i++)
        self->options.timeouts_ms[i] =
            barid_rule_get_duration(self->settings->timeouts[i], facts);
}

/* --- connections --- */

static SmtpClient *
relay_open(Relay *self, SmtpClientFailure *failure)
{
    SmtpClient *client = smtp_client_open(&self->options, &self->transcript, failure);
    SmtpClientOptions plain = self->options;

    if (client != NULL || !failure->tls_failed || failure->is_cancelled ||
        self->options.tls != SMTP_CLIENT_TLS_OPPORTUNISTIC || self->options.trust != NULL ||
        !barid_rule_get_bool(self->settings->tls_fallback, &self->attempt->facts))
        return client;
    transcript_note(&self->transcript, "(again, without TLS)");
    plain.tls = SMTP_CLIENT_TLS_NONE;
    /* The password does not follow into the clear. */
    if (plain.user != NULL)
        return NULL;
    return smtp_client_open(&plain, &self->transcript, failure);
}

static SmtpClient *
relay_take_connection(Relay *self)
{
    SmtpClient *client = connection_pool_take(self->pool, self->key);

    if (client == NULL)
        return NULL;
    smtp_client_set_transcript(client, &self->transcript);
    transcript_note(&self->transcript, "again over the connection to %s%s%s",
                    self->candidate.name, *self->candidate.name != '\0' ? " at " : "",
                    self->endpoint);
    return client;
}

/* --- transactions --- */

/* Those that this candidate was not asked about yet, at most a transaction's worth. */
static guint
relay_pick(Relay *self, const SmtpClient *client, SmtpClientRecipient **out)
{
    guint limit = self->transaction_limit;
    guint peer_limit = smtp_client_get_peer(client)->rcpt_limit;
    guint n = 0;

    if (peer_limit != 0)
        limit = MIN(limit, peer_limit);
    for (guint i = 0; i < self->pending->len && n < limit; i++) {
        SmtpClientRecipient *rcpt = g_ptr_array_index(self->pending, i);

        if (rcpt->outcome == SMTP_CLIENT_UNTRIED)
            out[n++] = rcpt;
    }
    return n;
}

/* Final results leave the list; what may have arrived is not offered to anybody else. */
static void
relay_take_results(Relay *self, const SmtpClient *client, SmtpClientRecipient **sent, guint n)
{
    for (guint i = 0; i < n; i++) {
        if (sent[i]->outcome == SMTP_CLIENT_UNTRIED)
            continue;
        relay_take_outcome(self, client, sent[i]);
        if (sent[i]->outcome != SMTP_CLIENT_DEFERRED)
            g_ptr_array_remove(self->pending, sent[i]);
    }
}

/* All transactions that are due over (client). */
static SmtpClientState
relay_converse(Relay *self, SmtpClient *client)
{
    SmtpClientRecipient **sent =
        arena_alloc(self->attempt->job->arena, sizeof(gpointer) * (self->pending->len + 1));
    SmtpClientFailure failure;
    guint n;

    if (!relay_content_prepare(&self->content, smtp_client_get_peer(client), &self->message,
                               &failure)) {
        transcript_note(&self->transcript, "(%s)", failure.text);
        candidates_note_failure(&self->candidates, &failure);
        return SMTP_CLIENT_USABLE;
    }
    while ((n = relay_pick(self, client, sent)) > 0) {
        SmtpClientState state =
            smtp_client_send(client, &self->message, sent, n, self->attempt->job->arena);

        if (state == SMTP_CLIENT_STALE)
            return state;
        relay_take_results(self, client, sent, n);
        if (state == SMTP_CLIENT_CLOSED)
            return state;
    }
    return SMTP_CLIENT_USABLE;
}

static void
relay_forget_outcomes(Relay *self)
{
    for (guint i = 0; i < self->pending->len; i++)
        ((SmtpClientRecipient *)g_ptr_array_index(self->pending, i))->outcome =
            SMTP_CLIENT_UNTRIED;
}

/* FALSE when the connection was a kept one that turned out to be dead. */
static gboolean
relay_use(Relay *self, SmtpClient *client)
{
    SmtpClientState state;

    self->attempt->facts.local = *smtp_client_get_local(client);
    state = relay_converse(self, client);
    if (state != SMTP_CLIENT_STALE)
        self->attempt->job->reach = DESTINATION_REACHED;
    if (state == SMTP_CLIENT_USABLE)
        connection_pool_give(self->pool, self->key, client);
    else
        smtp_client_free(client);
    return state != SMTP_CLIENT_STALE;
}

static void
relay_try(Relay *self)
{
    SmtpClientFailure failure;
    SmtpClient *client;

    relay_fill_options(self);
    relay_forget_outcomes(self);
    g_free(self->key);
    self->key = connection_pool_make_key(&self->options);
    client = relay_take_connection(self);
    if (client != NULL && relay_use(self, client))
        return;
    client = relay_open(self, &failure);
    if (client != NULL)
        relay_use(self, client);
    else
        candidates_note_failure(&self->candidates, &failure);
}

static gboolean
relay_is_cancelled(const Relay *self)
{
    return self->candidates.has_failure && self->candidates.failure.is_cancelled;
}

/* When no candidate was ready for mail, others need not find out the same. */
static void
relay_note_reach(Relay *self)
{
    const SmtpClientFailure *why = &self->candidates.failure;
    QueueJob *job = self->attempt->job;

    if (job->reach == DESTINATION_UNKNOWN && self->candidates.has_failure && !why->permanent &&
        !why->is_cancelled)
        job->reach = DESTINATION_UNREACHED;
}

/* --- the attempt --- */

static void
relay_mark(gpointer data)
{
    const Relay *self = data;

    queue_job_mark(self->attempt->job, self->endpoint);
}

static void
relay_fill_message(Relay *self)
{
    const Envelope *envelope = &self->attempt->job->envelope;
    gint64 limit =
        barid_rule_get_integer(self->settings->recipients, &self->attempt->facts);

    self->message = (SmtpClientMessage){
        .sender = envelope->sender,
        .envid = envelope->envid,
        .ret_full = (envelope->flags & ENVELOPE_RET_FULL) != 0,
        .ret_hdrs = (envelope->flags & ENVELOPE_RET_HDRS) != 0,
        .is_careful = self->attempt->job->prefer != NULL,
        .before_end = relay_mark,
        .before_end_data = self,
    };
    self->transaction_limit = (guint)CLAMP(limit, 1, ENVELOPE_RECIPIENTS_MAX);
}

/* Stored addresses were checked when they came; a damaged one must not become a command. */
static gboolean
relay_is_sendable(BaridSlice address)
{
    for (gsize i = 0; i < address.len; i++) {
        if (address.data[i] < 0x20 || address.data[i] == 0x7f)
            return FALSE;
    }
    return address.len <= 2 * MAIL_ADDRESS_PATH_MAX;
}

static void
relay_fill_recipients(Relay *self)
{
    DeliveryAttempt *attempt = self->attempt;
    SmtpClientRecipient *rows =
        arena_alloc(attempt->job->arena, sizeof(SmtpClientRecipient) * attempt->n_recipients);

    for (guint i = 0; i < attempt->n_recipients; i++) {
        const DeliveryRecipient *routed = attempt->recipients[i];
        const EnvelopeRecipient *rcpt =
            &attempt->job->envelope.recipients[attempt->job->recipients[routed->index]];

        if (!relay_is_sendable(rcpt->address) || !relay_is_sendable(self->message.sender)) {
            attempt->job->results[routed->index] = (QueueResult){
                .done = TRUE, .status = RECIPIENT_FAILED, .code = "5.1.3",
                .text = "the address cannot be sent"};
            continue;
        }
        rows[i] = (SmtpClientRecipient){
            .address = rcpt->address,
            .orcpt_type = rcpt->orcpt_type,
            .orcpt_address = rcpt->orcpt_address,
            .notify = rcpt->notify,
            .owner = (gpointer)(guintptr)routed,
        };
        g_ptr_array_add(self->pending, &rows[i]);
    }
}

void
relay_deliver(Outbound *outbound, ConnectionPool *pool, DeliveryAttempt *attempt,
              const Route *route)
{
    Relay self = {
        .outbound = outbound,
        .pool = pool,
        .attempt = attempt,
        .route = route,
        .settings = outbound_get_services(outbound)->settings,
        .transcript = {.text = attempt->job->transcript, .started_us = attempt->started_us},
        .pending = g_ptr_array_new(),
    };

    relay_fill_message(&self);
    relay_fill_recipients(&self);
    relay_content_init(&self.content, attempt->job);
    candidates_init(&self.candidates, outbound, &attempt->facts, route, attempt->facts.domain,
                    attempt->job->prefer, &self.transcript);
    while (self.pending->len > 0 && !relay_is_cancelled(&self) &&
           candidates_next(&self.candidates, &self.candidate))
        relay_try(&self);
    relay_settle_rest(&self);
    relay_note_reach(&self);
    candidates_clear(&self.candidates);
    relay_content_clear(&self.content);
    g_ptr_array_free(self.pending, TRUE);
    g_free(self.key);
}
