/* SPDX-License-Identifier: Apache-2.0 */
#include "outbound/own-message.h"

#include "host/message-stream.h"
#include "host/sealed-header.h"
#include "mime/mail-address.h"
#include "outbound/delivery.h"

/* The session that it would have come in, and the transaction. */
typedef struct {
    BaridSession session;
    BaridTransaction txn;
} OwnMessage;

static void
own_message_add_recipient(OwnMessage *self, const Envelope *envelope, guint index)
{
    const EnvelopeRecipient *from = &envelope->recipients[index];
    Arena *arena = self->txn.scope.arena;
    BaridRecipient *rcpt = arena_new0(arena, BaridRecipient);
    MailAddress parsed;

    rcpt->address = from->address;
    rcpt->canonical = from->address;
    rcpt->domain = envelope->domains[from->domain];
    if (mail_address_parse(from->address, &parsed) == MAIL_ADDRESS_OK)
        rcpt->canonical = mail_address_dup_lower(&parsed, arena);
    g_ptr_array_add(self->txn.recipients, rcpt);
}

static void
own_message_init(OwnMessage *self, const gchar *hostname, const QueueJob *job, Arena *arena)
{
    gchar id[QUEUE_ID_TEXT_LEN + 1];

    *self = (OwnMessage){.session = {.listener = "", .hostname = hostname}};
    scope_init_made_up(&self->session, &self->txn, arena);
    self->session.source = scope_source_words[job->envelope.source];
    self->txn.priority = job->envelope.priority;
    g_strlcpy(self->txn.queue_id, queue_id_format(job->envelope.id, id),
              sizeof self->txn.queue_id);
    for (guint i = 0; i < job->n_recipients; i++)
        own_message_add_recipient(self, &job->envelope, job->recipients[i]);
    self->txn.message = job->pieces[1];
}

static void
own_message_replace(const OwnMessage *self, QueueJob *job)
{
    g_auto(Buffer) prefix = {0};

    buffer_init(&prefix, SEALED_HEADER_MAX);
    sealed_header_append_new(&self->txn, &prefix);
    if (sealed_header_has_removals(&self->txn))
        job->pieces[1] = sealed_header_append_kept(&self->txn, &prefix);
    job->pieces[0] = arena_dup_slice(job->arena, buffer_get_slice(&prefix));
}

gboolean
own_message_seal(Host *host, const gchar *hostname, QueueJob *job, const gchar **out_why)
{
    g_autoptr(Arena) arena = NULL;
    HostOutcome outcome;
    OwnMessage self;

    if (job->envelope.source < ENVELOPE_DSN || !host_has_hooks(host, BARID_STAGE_SEAL))
        return TRUE;
    /* What modules keep for the message goes before they can. */
    arena = arena_new(4096);
    own_message_init(&self, hostname, job, arena);
    message_stream_run(host, &self.txn);
    host_run(host, BARID_STAGE_SEAL, &self.txn.scope, NULL, &outcome);
    delivery_keep_decisions(job, &self.txn.scope);
    if (outcome.verdict < BARID_DEFER)
        own_message_replace(&self, job);
    else
        *out_why = arena_dup_text(job->arena, outcome.text);
    g_ptr_array_free(self.txn.recipients, TRUE);
    return outcome.verdict < BARID_DEFER;
}
