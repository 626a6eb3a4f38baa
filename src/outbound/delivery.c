/* SPDX-License-Identifier: Apache-2.0 */
#include "outbound/delivery.h"

#include <stdarg.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"
#include "outbound/own-message.h"
#include "outbound/relay.h"
#include "queue/attempt-facts.h"

enum { DELIVERY_TEXT_MAX = 500, DELIVERY_DECISIONS_BYTES = 8192 };

/* --- the attempt as modules see it: <barid/transport.h> --- */

static DeliveryAttempt *
attempt_get(BaridAttempt *attempt)
{
    return (DeliveryAttempt *)(void *)attempt;
}

static const EnvelopeRecipient *
attempt_get_recipient(BaridAttempt *attempt, guint index)
{
    DeliveryAttempt *self = attempt_get(attempt);

    g_assert(index < self->n_recipients);
    return &self->job->envelope.recipients[self->job->recipients[self->recipients[index]->index]];
}

guint
barid_attempt_get_n_recipients(BaridAttempt *attempt)
{
    return attempt_get(attempt)->n_recipients;
}

BaridSlice
barid_attempt_get_address(BaridAttempt *attempt, guint index)
{
    return attempt_get_recipient(attempt, index)->address;
}

const gchar *
barid_attempt_get_mailbox(BaridAttempt *attempt, guint index)
{
    g_assert(index < attempt_get(attempt)->n_recipients);
    return attempt_get(attempt)->recipients[index]->mailbox;
}

const gchar *
barid_attempt_get_detail(BaridAttempt *attempt, guint index)
{
    g_assert(index < attempt_get(attempt)->n_recipients);
    return attempt_get(attempt)->recipients[index]->detail;
}

BaridSlice
barid_attempt_get_sender(BaridAttempt *attempt)
{
    return attempt_get(attempt)->job->envelope.sender;
}

const gchar *
barid_attempt_get_queue_id(BaridAttempt *attempt)
{
    return attempt_get(attempt)->id;
}

guint
barid_attempt_get_content(BaridAttempt *attempt, BaridSlice out_pieces[2])
{
    const QueueJob *job = attempt_get(attempt)->job;

    out_pieces[0] = job->pieces[0];
    out_pieces[1] = job->pieces[1];
    return 2;
}

static const gchar *
attempt_dup_text(QueueJob *job, const gchar *text)
{
    return text == NULL ? ""
                        : arena_dup_slice_text(job->arena,
                                               barid_slice(text, strnlen(text, DELIVERY_TEXT_MAX)));
}

void
barid_attempt_set_result(BaridAttempt *attempt, guint index, BaridOutcome outcome,
                         const gchar *status, const gchar *text)
{
    DeliveryAttempt *self = attempt_get(attempt);
    QueueResult *result;

    g_assert(index < self->n_recipients);
    result = &self->job->results[self->recipients[index]->index];
    result->done = TRUE;
    result->status = outcome == BARID_DELIVERED ? RECIPIENT_DELIVERED
                     : outcome == BARID_FAILED  ? RECIPIENT_FAILED
                                                : RECIPIENT_PENDING;
    result->code = attempt_dup_text(self->job, status);
    result->text = attempt_dup_text(self->job, text);
}

void
barid_attempt_note(BaridAttempt *attempt, const gchar *format, ...)
{
    DeliveryAttempt *self = attempt_get(attempt);
    Transcript transcript = {.text = self->job->transcript, .started_us = self->started_us};
    va_list args;

    va_start(args, format);
    transcript_note_va(&transcript, format, args);
    va_end(args);
}

/* --- who lives where --- */

static void
delivery_settle(QueueJob *job, guint index, RecipientStatus status, const gchar *code,
                const gchar *text)
{
    job->results[index] = (QueueResult){.done = TRUE, .status = status, .code = code, .text = text};
}

/* An address that was a mailbox when the message was taken may have become an alias. */
static gboolean
delivery_follow_alias(Outbound *outbound, QueueJob *job, DirectoryResult *result)
{
    MailAddress target;

    if (result->answer != DIRECTORY_ALIAS)
        return TRUE;
    return result->n_targets == 1 &&
           mail_address_parse(result->targets[0], &target) == MAIL_ADDRESS_OK &&
           directories_resolve(outbound_get_services(outbound)->directories, &target, job->arena,
                               result, NULL) &&
           result->answer != DIRECTORY_ALIAS;
}

static gboolean
delivery_lookup(Outbound *outbound, QueueJob *job, guint index, DirectoryResult *result)
{
    const EnvelopeRecipient *rcpt = &job->envelope.recipients[job->recipients[index]];
    g_autoptr(GError) error = NULL;
    MailAddress address = {.full = rcpt->address, .local = rcpt->address, .is_ascii = TRUE};

    /* "postmaster" alone has no domain. */
    if (text_find(rcpt->address, '@') >= 0 &&
        mail_address_parse(rcpt->address, &address) != MAIL_ADDRESS_OK) {
        delivery_settle(job, index, RECIPIENT_FAILED, "5.1.3", "bad address syntax");
        return FALSE;
    }
    if (!directories_resolve(outbound_get_services(outbound)->directories, &address, job->arena,
                             result, &error)) {
        delivery_settle(job, index, RECIPIENT_PENDING, "4.4.3",
                        attempt_dup_text(job, error->message));
        return FALSE;
    }
    if (!delivery_follow_alias(outbound, job, result)) {
        delivery_settle(job, index, RECIPIENT_PENDING, "4.3.5",
                        "the address has become an alias to several");
        return FALSE;
    }
    return TRUE;
}

static void
facts_fill_job(BaridAttempt *facts, const QueueJob *job)
{
    attempt_facts_fill(facts, &job->envelope, job->domain, job->arena);
    facts->n_retries = job->n_attempts;
    facts->n_notices = job->n_notices;
    facts->expires_ms = job->expires_ms;
    facts->last_status = job->last_status;
    facts->last_error = job->last_error;
    facts->n_recipients = job->n_recipients;
}

/* --- limits, for the queue --- */

/* "host NAME" or NULL: who goes there, whatever the domain, shares its limits. */
static const OutboundHost *
describe_find_host(const OutboundServices *services, BaridAttempt *facts, BaridSlice route)
{
    g_autofree gchar *hop = NULL;
    const gchar *transport = directories_get_transport(services->directories, facts->domain);

    if (route.len > 0)
        hop = barid_slice_dup_text(route, NULL);
    else if (transport != NULL || facts->domain.len == 0)
        hop = g_strdup(transport);
    else if (!rule_reads_store(services->settings->next_hop))
        hop = barid_rule_dup_text(services->settings->next_hop, facts);
    return hop == NULL ? NULL : outbound_settings_find_host(services->settings, hop);
}

void
outbound_describe(const Envelope *envelope, guint domain, BaridSlice route, Arena *arena,
                  DestinationLimits *out_limits, gpointer outbound)
{
    const OutboundServices *services = outbound_get_services(outbound);
    g_autofree gchar *rate = NULL;
    const OutboundHost *host;
    BaridAttempt facts;

    attempt_facts_fill(&facts, envelope, domain, arena);
    /* The attempt asks for its next hop again. */
    facts.scope.without_shadows = TRUE;
    host = describe_find_host(services, &facts, route);
    facts.scope.without_shadows = FALSE;
    if (host != NULL) {
        out_limits->key = host->name;
        out_limits->concurrency = (guint)host->concurrency;
        out_limits->rate = host->rate;
        return;
    }
    /* Own mailboxes are limited by what their transports can bear. */
    if (facts.domain.len == 0 || directories_is_local(services->directories, facts.domain))
        return;
    out_limits->concurrency = (guint)CLAMP(
        barid_rule_get_integer(services->settings->concurrency, &facts), 0, 100000);
    rate = barid_rule_dup_text(services->settings->rate, &facts);
    if (units_parse_rate(barid_slice_from_text(rate), &out_limits->rate) != UNITS_OK)
        out_limits->rate = (BaridRate){0, 0};
}

/* --- routing --- */

/* A name that leads somewhere: a [host NAME], or a module's transport. */
static gboolean
delivery_find_by_name(Outbound *outbound, QueueJob *job, guint index, const gchar *name,
                      DeliveryRecipient *out)
{
    const OutboundHost *host =
        outbound_settings_find_host(outbound_get_services(outbound)->settings, name);
    const OutboundTransport *transport = outbound_find_transport(outbound, name);

    if (transport != NULL) {
        out->route = (Route){.kind = ROUTE_TRANSPORT, .transport = transport};
        return TRUE;
    }
    if (host != NULL) {
        out->route = (Route){.kind = ROUTE_HOST, .host = host};
        return TRUE;
    }
    delivery_settle(job, index, RECIPIENT_PENDING, "4.3.5",
                    arena_printf(job->arena, "the transport \"%s\" is not available", name));
    return FALSE;
}

/* Recipients of one attempt have one domain: all go there, and it is told once. Without a reason
 * an administrator has said so. */
static void
delivery_note_route(BaridAttempt *facts, const gchar *hop, const RuleReasons *why)
{
    Arena *arena = facts->scope.arena;
    Decision *entry;

    for (entry = facts->scope.decisions.first; entry != NULL; entry = entry->next) {
        if (entry->stage == BARID_STAGE_ROUTE && strcmp(entry->source, "outbound") == 0)
            return;
    }
    entry = decision_record_add(&facts->scope.decisions, arena, "outbound", BARID_STAGE_ROUTE);
    if (entry == NULL)
        return;
    entry->reason = why == NULL ? "sent-by-hand" : "next-hop";
    decision_add_input(entry, arena, "next-hop", hop);
    decision_set_reasons(entry, arena, why);
}

static gboolean
delivery_route_outside(Outbound *outbound, QueueJob *job, guint index, BaridAttempt *facts,
                       DeliveryRecipient *out)
{
    const OutboundSettings *settings = outbound_get_services(outbound)->settings;
    const RuleReasons *why = NULL;
    g_autofree gchar *hop = job->route != NULL
                                ? g_strdup(job->route)
                                : rule_eval_text_explained(settings->next_hop, &facts->scope,
                                                           job->arena, &why);

    delivery_note_route(facts, hop, why);
    if (strcmp(hop, "mx") == 0) {
        out->route = (Route){.kind = ROUTE_MX};
        return TRUE;
    }
    if (strcmp(hop, "local") != 0)
        return delivery_find_by_name(outbound, job, index, hop, out);
    delivery_settle(job, index, RECIPIENT_FAILED, "5.4.4",
                    "mail for other domains does not leave this server");
    return FALSE;
}

static gboolean
delivery_route(Outbound *outbound, QueueJob *job, guint index, BaridAttempt *facts,
               DeliveryRecipient *out)
{
    DirectoryResult result;

    if (!delivery_lookup(outbound, job, index, &result))
        return FALSE;
    *out = (DeliveryRecipient){.index = index};
    if (result.answer == DIRECTORY_NOT_LOCAL)
        return delivery_route_outside(outbound, job, index, facts, out);
    if (result.answer == DIRECTORY_UNKNOWN) {
        delivery_settle(job, index, RECIPIENT_FAILED, "5.1.1", "no such user here");
        return FALSE;
    }
    out->mailbox = result.user;
    out->detail = result.detail;
    return delivery_find_by_name(outbound, job, index,
                                 job->route != NULL ? job->route : result.transport, out);
}

const gchar *
outbound_find_route(Outbound *self, const Envelope *envelope, guint recipient, Arena *arena)
{
    QueueResult result = {.done = FALSE};
    QueueJob job = {
        .arena = arena,
        .envelope = *envelope,
        .domain = envelope->recipients[recipient].domain,
        .n_recipients = 1,
        .recipients = &recipient,
        .results = &result,
    };
    DeliveryRecipient routed;
    BaridAttempt facts;

    attempt_facts_fill(&facts, envelope, job.domain, arena);
    if (!delivery_route(self, &job, 0, &facts, &routed))
        return arena_printf(arena, "%s %s", result.code, result.text);
    if (routed.route.kind == ROUTE_MX)
        return "mx";
    if (routed.route.kind == ROUTE_HOST)
        return routed.route.host->name;
    return arena_printf(arena, "%s %s", ((const OutboundTransport *)routed.route.transport)->name,
                        routed.mailbox == NULL ? "" : routed.mailbox);
}

/* --- one call of a transport --- */

void
delivery_keep_decisions(QueueJob *job, const BaridScope *scope)
{
    for (const Decision *entry = scope->decisions.first; entry != NULL; entry = entry->next) {
        JsonWriter writer;

        if (job->decisions == NULL)
            job->decisions = g_string_new(NULL);
        if (job->decisions->len > DELIVERY_DECISIONS_BYTES)
            return;
        if (job->decisions->len > 0)
            g_string_append_c(job->decisions, ',');
        json_writer_init(&writer, job->decisions);
        decision_write(entry, &writer);
    }
}

static void
delivery_run_result_hooks(Outbound *outbound, DeliveryAttempt *attempt)
{
    Host *host = outbound_get_services(outbound)->host;
    HostOutcome outcome;

    if (host_has_hooks(host, BARID_STAGE_RESULT))
        host_run(host, BARID_STAGE_RESULT, &attempt->facts.scope, NULL, &outcome);
}

/* What rules could not look up is a line of the transcript, which is kept with the message. */
static void
delivery_note_failures(QueueJob *job, const BaridScope *scope)
{
    Transcript transcript = {.text = job->transcript, .started_us = clock_monotonic_us()};

    for (const Decision *entry = scope->decisions.first; entry != NULL; entry = entry->next) {
        if (g_strcmp0(entry->reason, DECISION_LOOKUP_FAILED) == 0 && entry->inputs != NULL)
            transcript_note(&transcript, "%s: %s", entry->inputs->key, entry->inputs->value);
    }
}

static void
delivery_call(Outbound *outbound, ConnectionPool *pool, QueueJob *job, const Route *route,
              const DeliveryRecipient **recipients, guint n_recipients)
{
    DeliveryAttempt attempt = {
        .job = job,
        .recipients = recipients,
        .n_recipients = n_recipients,
        .started_us = clock_monotonic_us(),
    };
    gint64 deadline;

    facts_fill_job(&attempt.facts, job);
    attempt.facts.n_recipients = n_recipients;
    deadline = fiber_deadline_push(barid_rule_get_duration(
        outbound_get_services(outbound)->attempt_timeout, &attempt.facts));
    attempt.facts.queue_id = queue_id_format(job->envelope.id, attempt.id);
    if (route->kind == ROUTE_TRANSPORT) {
        const OutboundTransport *transport = route->transport;
        guint32 outer;

        barid_attempt_note(&attempt.facts, "transport %s, %u recipient(s)", transport->name,
                           n_recipients);
        outer = host_module_enter(transport->module);
        transport->driver->deliver(transport->self, &attempt.facts);
        host_module_leave(outer);
    } else {
        relay_deliver(outbound, pool, &attempt, route);
    }
    fiber_deadline_restore(deadline);
    job->mx = attempt.facts.mx;
    job->remote = attempt.facts.remote;
    job->local = attempt.facts.local;
    delivery_note_failures(job, &attempt.facts.scope);
    delivery_run_result_hooks(outbound, &attempt);
    delivery_keep_decisions(job, &attempt.facts.scope);
}

/* Nobody goes on without the seal: all are put off. */
static gboolean
delivery_seal_own(Outbound *outbound, QueueJob *job, BaridAttempt *facts)
{
    const OutboundServices *services = outbound_get_services(outbound);
    gint64 deadline =
        fiber_deadline_push(barid_rule_get_duration(services->attempt_timeout, facts));
    const gchar *why = NULL;
    gboolean is_sealed = own_message_seal(services->host, services->hostname, job, &why);

    fiber_deadline_restore(deadline);
    for (guint i = 0; !is_sealed && i < job->n_recipients; i++) {
        if (!job->results[i].done)
            delivery_settle(job, i, RECIPIENT_PENDING, "4.3.0", why);
    }
    return is_sealed;
}

/* Recipients with the same route go together. */
void
delivery_run(Outbound *outbound, ConnectionPool *pool, QueueJob *job)
{
    DeliveryRecipient *routed =
        arena_alloc(job->arena, sizeof(DeliveryRecipient) * job->n_recipients);
    const DeliveryRecipient **together =
        arena_alloc(job->arena, sizeof(DeliveryRecipient *) * job->n_recipients);
    gboolean *is_gone = arena_alloc(job->arena, sizeof(gboolean) * job->n_recipients);
    BaridAttempt facts;
    guint n_routed = 0;

    facts_fill_job(&facts, job);
    for (guint i = 0; i < job->n_recipients; i++) {
        if (delivery_route(outbound, job, i, &facts, &routed[n_routed]))
            n_routed++;
    }
    delivery_note_failures(job, &facts.scope);
    delivery_keep_decisions(job, &facts.scope);
    if (n_routed > 0 && !delivery_seal_own(outbound, job, &facts))
        return;
    for (guint i = 0; i < n_routed; i++) {
        guint n_together = 0;

        if (is_gone[i])
            continue; /* went with an earlier one */
        for (guint n = i; n < n_routed; n++) {
            if (is_gone[n] || !route_equal(&routed[n].route, &routed[i].route))
                continue;
            together[n_together++] = &routed[n];
            is_gone[n] = TRUE;
        }
        delivery_call(outbound, pool, job, &routed[i].route, together, n_together);
    }
}
