/* SPDX-License-Identifier: Apache-2.0 */
#include "outbound/delivery.h"

#include <stdarg.h>

#include "base/clock.h"
#include "base/text.h"

enum { DELIVERY_TRANSCRIPT_MAX = 8 * 1024, DELIVERY_TEXT_MAX = 500 };

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
    const SpoolContent *content = attempt_get(attempt)->job->content;

    out_pieces[0] = spool_content_get_prefix(content);
    out_pieces[1] = spool_content_get_body(content);
    return 2;
}

static const gchar *
attempt_dup_text(QueueJob *job, const gchar *text)
{
    return text == NULL ? "" : arena_printf(job->arena, "%.*s", DELIVERY_TEXT_MAX, text);
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
    GString *transcript = self->job->transcript;
    va_list args;

    if (transcript->len > DELIVERY_TRANSCRIPT_MAX)
        return;
    g_string_append_printf(transcript, "%s+%" G_GINT64_FORMAT "ms ",
                           transcript->len > 0 ? "\n" : "",
                           (clock_monotonic_us() - self->started_us) / 1000);
    va_start(args, format);
    g_string_append_vprintf(transcript, format, args);
    va_end(args);
}

/* --- routing --- */

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

static gboolean
delivery_route(Outbound *outbound, QueueJob *job, guint index, DeliveryRecipient *out)
{
    DirectoryResult result;

    if (!delivery_lookup(outbound, job, index, &result))
        return FALSE;
    if (result.answer == DIRECTORY_UNKNOWN) {
        delivery_settle(job, index, RECIPIENT_FAILED, "5.1.1", "no such user here");
        return FALSE;
    }
    if (result.answer == DIRECTORY_NOT_LOCAL) {
        delivery_settle(job, index, RECIPIENT_PENDING, "4.4.0",
                        "no transport leads to other domains");
        return FALSE;
    }
    *out = (DeliveryRecipient){
        .index = index,
        .mailbox = result.user,
        .detail = result.detail,
        .transport = outbound_find_transport(outbound, result.transport),
    };
    if (out->transport == NULL) {
        delivery_settle(job, index, RECIPIENT_PENDING, "4.3.5",
                        arena_printf(job->arena, "the transport \"%s\" is not available",
                                     result.transport));
        return FALSE;
    }
    return TRUE;
}

/* --- one call of a transport --- */

static void
delivery_run_result_hooks(Outbound *outbound, DeliveryAttempt *attempt)
{
    Host *host = outbound_get_services(outbound)->host;
    HostOutcome outcome;

    if (host_has_hooks(host, BARID_STAGE_RESULT))
        host_run(host, BARID_STAGE_RESULT, &attempt->facts.scope, NULL, &outcome);
}

static void
delivery_call(Outbound *outbound, QueueJob *job, const OutboundTransport *transport,
              const DeliveryRecipient **recipients, guint n_recipients)
{
    DeliveryAttempt attempt = {
        .facts = {.sender = job->envelope.sender,
                  .domain = job->envelope.domains[job->domain],
                  .priority = job->envelope.priority,
                  .n_retries = job->n_attempts,
                  .saved = job->envelope.saved},
        .job = job,
        .recipients = recipients,
        .n_recipients = n_recipients,
        .started_us = clock_monotonic_us(),
    };
    gint64 deadline =
        fiber_deadline_push(outbound_get_services(outbound)->attempt_timeout_ms);
    gssize at = text_find_last(job->envelope.sender, '@');

    scope_init(&attempt.facts.scope, SCOPE_ATTEMPT, job->arena, NULL, NULL);
    if (at >= 0)
        attempt.facts.sender_domain =
            arena_dup_lower(job->arena, barid_slice(job->envelope.sender.data + at + 1,
                                                    job->envelope.sender.len - (gsize)at - 1));
    attempt.facts.queue_id = queue_id_format(job->envelope.id, attempt.id);
    barid_attempt_note(&attempt.facts, "transport %s, %u recipient(s)", transport->name,
                       n_recipients);
    transport->driver->deliver(transport->self, &attempt.facts);
    fiber_deadline_restore(deadline);
    delivery_run_result_hooks(outbound, &attempt);
}

/* Recipients of the same transport go together. */
void
delivery_run(Outbound *outbound, QueueJob *job)
{
    DeliveryRecipient *routed =
        arena_alloc(job->arena, sizeof(DeliveryRecipient) * job->n_recipients);
    const DeliveryRecipient **together =
        arena_alloc(job->arena, sizeof(DeliveryRecipient *) * job->n_recipients);
    guint n_routed = 0;

    for (guint i = 0; i < job->n_recipients; i++) {
        if (delivery_route(outbound, job, i, &routed[n_routed]))
            n_routed++;
    }
    for (guint i = 0; i < n_routed; i++) {
        const OutboundTransport *transport = routed[i].transport;
        guint n_together = 0;

        if (transport == NULL)
            continue; /* went with an earlier one */
        for (guint n = i; n < n_routed; n++) {
            if (routed[n].transport != transport)
                continue;
            together[n_together++] = &routed[n];
            routed[n].transport = NULL;
        }
        delivery_call(outbound, job, transport, together, n_together);
    }
}
