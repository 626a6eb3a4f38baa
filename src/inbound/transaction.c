/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions: from MAIL to the answer that takes responsibility for a message. */
#include "inbound/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "host/message-stream.h"
#include "host/sealed-header.h"
#include "mime/header.h"
#include "mime/mail-date.h"
#include "mime/trace.h"
#include "queue/queue-stats.h"

enum { TRANSACTION_FIRST_CHUNK = 1024, PREFIX_BYTES_MAX = 1024 * 1024 };

void
transaction_begin(Session *self, const SmtpMail *mail)
{
    BaridTransaction *txn = &self->txn.facts;
    Arena *arena;

    if (self->txn.arena == NULL)
        self->txn.arena = arena_new(TRANSACTION_FIRST_CHUNK);
    arena = self->txn.arena;
    self->txn.open = TRUE;
    self->txn.mail = *mail;
    self->txn.mail.envid = arena_dup_slice(arena, mail->envid);
    self->txn.mail.auth = arena_dup_slice(arena, mail->auth);
    fiber_group_init(&self->txn.observers, self->thread->scheduler);
    *txn = (BaridTransaction){.session = &self->facts};
    scope_init(&txn->scope, SCOPE_TRANSACTION, arena, &self->facts.scope, &self->txn.observers);
    txn->sender = arena_dup_slice(arena, mail->address.full);
    if (txn->sender.len > 0) {
        txn->sender_canonical = mail_address_dup_lower(&mail->address, arena);
        txn->sender_domain = arena_dup_lower(arena, mail->address.domain);
    }
    txn->recipients = g_ptr_array_new();
    txn->edits_tail = &txn->edits;
    session_tell(self, INBOUND_TRANSACTION_BEGINS, &txn->scope);
}

static const gchar *
remember_text(Session *self, const gchar *text)
{
    return text == NULL ? NULL : arena_dup_text(self->arena, text);
}

static void
remember_decision(Session *self, const Decision *entry)
{
    Decision *copy = decision_record_add(&self->facts.scope.decisions, self->arena,
                                         remember_text(self, entry->source), entry->stage);

    if (copy == NULL)
        return;
    /* The transaction is gone then: whose mail it was must stand here. */
    decision_add_input(copy, self->arena, "sender",
                       arena_dup_slice_text(self->arena, self->txn.facts.sender));
    copy->verdict = entry->verdict;
    copy->code = entry->code;
    copy->enhanced = remember_text(self, entry->enhanced);
    copy->reason = remember_text(self, entry->reason);
    copy->text = remember_text(self, entry->text);
    copy->subject = remember_text(self, entry->subject);
    copy->wall_ms = entry->wall_ms;
    copy->duration_us = entry->duration_us;
    copy->rule = entry->rule;
    copy->reasons = rule_reasons_keep_in(entry->reasons, self->arena);
    copy->shadow = entry->shadow;
    if (entry->differs) {
        decision_record_mark(&self->facts.scope.decisions, copy);
        self->keeps_differences = TRUE;
    }
    for (const DecisionInput *input = entry->inputs; input != NULL; input = input->next)
        decision_add_input(copy, self->arena, input->key, input->value);
}

/* What a module found before it refused is why it did. */
static gboolean
transaction_led_to_refusal(const Session *self, const Decision *entry)
{
    const Decision *other = self->txn.facts.scope.decisions.first;

    if (entry->inputs == NULL || entry->reason != NULL || entry->shadow)
        return FALSE;
    while (other != NULL && (other->verdict < BARID_DISCARD || other->shadow ||
                             strcmp(other->source, entry->source) != 0))
        other = other->next;
    return other != NULL;
}

/* The session's record outlives the transaction's: refusals go over to it, what led to them, and
 * what could not be looked up, since it may be the reason for one. */
static void
transaction_remember_refusals(Session *self)
{
    for (const Decision *entry = self->txn.facts.scope.decisions.first; entry != NULL;
         entry = entry->next) {
        gboolean is_kept = entry->verdict >= BARID_DISCARD ||
                           g_strcmp0(entry->reason, DECISION_LOOKUP_FAILED) == 0 ||
                           transaction_led_to_refusal(self, entry);

        /* What shadows differ in stands in the message's record, if there is a message. */
        if (entry->shadow ? entry->differs && !self->txn.queued : is_kept)
            remember_decision(self, entry);
    }
}

void
transaction_end(Session *self)
{
    if (!self->txn.open)
        return;
    fiber_group_cancel(&self->txn.observers);
    fiber_group_join(&self->txn.observers);
    session_tell(self, INBOUND_TRANSACTION_ENDS, &self->txn.facts.scope);
    transaction_remember_refusals(self);
    if (self->txn.has_arrival)
        arrival_clear(&self->txn.arrival);
    g_ptr_array_free(self->txn.facts.recipients, TRUE);
    self->txn.facts.recipients = NULL;
    g_clear_pointer(&self->txn.known, g_hash_table_unref);
    arena_reset(self->txn.arena);
    self->txn.open = FALSE;
    self->txn.has_arrival = FALSE;
    self->txn.in_bdat = FALSE;
    self->txn.bdat_failed = FALSE;
    self->txn.queued = FALSE;
}

/* --- judging --- */

typedef struct {
    guint code;
    const gchar *enhanced;
    const gchar *text;
    const gchar *reason;
    const RuleReasons *why; /* of the setting that set the limit, or NULL */
} Refusal;

static gboolean
judge_content(Session *self, const gchar *content_problem, Refusal *out)
{
    BaridTransaction *txn = &self->txn.facts;
    HeaderIter iter;
    HeaderField field;
    const RuleReasons *why;
    gint64 limit = rule_eval_explained(self->inbound->data.max_received, &txn->scope,
                                       self->txn.arena, &why);

    if (content_problem != NULL) {
        *out = (Refusal){550, "5.6.0", content_problem, "bare-line-end", NULL};
        return FALSE;
    }
    header_iter_init(&iter, txn->message);
    if (header_iter_next(&iter, &field) == HEADER_BAD) {
        *out = (Refusal){550, "5.6.0", "the message has no header", "no-header", NULL};
        return FALSE;
    }
    if (limit > 0 && header_count(txn->message, "Received") > (guint)limit) {
        *out = (Refusal){554, "5.4.6", "too many hops, this message loops", "loop", why};
        return FALSE;
    }
    return TRUE;
}

static gboolean
judge_by_hooks(Session *self, HostOutcome *outcome)
{
    Host *host = self->inbound->services.host;
    BaridTransaction *txn = &self->txn.facts;

    if (txn->stream != NULL)
        message_stream_end(txn->stream);
    host_run(host, BARID_STAGE_MESSAGE, &txn->scope, NULL, outcome);
    if (outcome->verdict >= BARID_DEFER)
        return FALSE;
    scope_join_observers(&txn->scope);
    return TRUE;
}

/* Each recipient's own verdict; with LMTP each gets its own answer. */
typedef struct {
    HostOutcome *outcomes; /* one a recipient, or NULL when no module asks */
    guint n_refused;
    HostOutcome strictest;
} RecipientJudgement;

static void
judge_recipients(Session *self, RecipientJudgement *out)
{
    Host *host = self->inbound->services.host;
    BaridTransaction *txn = &self->txn.facts;

    *out = (RecipientJudgement){.outcomes = NULL};
    if (!host_has_hooks(host, BARID_STAGE_RECIPIENT))
        return;
    out->outcomes = arena_alloc(self->txn.arena, sizeof(HostOutcome) * txn->recipients->len);
    for (guint i = 0; i < txn->recipients->len; i++) {
        BaridRecipient *rcpt = g_ptr_array_index(txn->recipients, i);

        host_run(host, BARID_STAGE_RECIPIENT, &txn->scope, rcpt, &out->outcomes[i]);
        if (out->outcomes[i].verdict < BARID_DISCARD)
            continue;
        rcpt->dropped = TRUE;
        if (out->outcomes[i].verdict < BARID_DEFER)
            continue;
        out->n_refused++;
        if (out->outcomes[i].verdict > out->strictest.verdict)
            out->strictest = out->outcomes[i];
    }
}

/* --- sealing: what is put in front of the message, and what is cut out of it --- */

/* Of one recipient alone (RFC 5321 section 4.4). An alias beyond ASCII is left out where its
 * member is not: it would be all that needs SMTPUTF8 from the hosts that come. */
static BaridSlice
seal_get_only_recipient(const BaridTransaction *txn)
{
    const BaridRecipient *only =
        txn->recipients->len == 1 ? g_ptr_array_index(txn->recipients, 0) : NULL;

    if (only == NULL || (!text_is_ascii(only->address) && only->n_targets > 0 &&
                         text_is_ascii(only->targets[0])))
        return BARID_SLICE_EMPTY;
    return only->address;
}

static void
seal_add_received(Session *self, Buffer *prefix)
{
    BaridTransaction *txn = &self->txn.facts;
    const TlsInfo *tls = stream_get_tls(self->stream);
    TraceReceived received = {
        .client = &self->facts.remote,
        .helo = self->facts.helo,
        .client_name = barid_scope_finding_get(&self->facts.scope, "iprev.name"),
        .by = self->hostname,
        .queue_id = txn->queue_id,
        .protocol = (self->extended ? TRACE_ESMTP : 0u) | (self->facts.lmtp ? TRACE_LMTP : 0u) |
                    (tls != NULL ? TRACE_TLS : 0u) | (self->facts.user != NULL ? TRACE_AUTH : 0u) |
                    (self->txn.mail.smtputf8 ? TRACE_UTF8 : 0u),
        .tls_version = tls == NULL ? NULL : tls->version,
        .tls_cipher = tls == NULL ? NULL : tls->cipher,
        .tls_bits = tls == NULL ? 0 : tls->bits,
        .recipient = seal_get_only_recipient(txn),
        .date_ms = clock_wall_ms(),
    };

    trace_append_received(prefix, &received);
}

static void
seal_add_missing(Session *self, Buffer *prefix)
{
    BaridTransaction *txn = &self->txn.facts;
    HeaderField field;
    gchar date[MAIL_DATE_TEXT_MAX];
    gboolean has_id = header_find(txn->message, "Message-ID", 0, &field);

    self->txn.message_id =
        has_id ? header_dup_unfolded(field.value, self->txn.arena) : BARID_SLICE_EMPTY;

    if (barid_rule_get_bool(self->inbound->data.add_date, txn) &&
        !header_find(txn->message, "Date", 0, &field))
        header_append(prefix, "Date",
                      barid_slice_from_text(mail_date_format(clock_wall_ms(), date)));
    if (!has_id && barid_rule_get_bool(self->inbound->data.add_message_id, txn)) {
        self->txn.message_id = barid_slice_from_text(arena_printf(
            self->txn.arena, "<%s@%s>", txn->queue_id, self->hostname));
        header_append(prefix, "Message-ID", self->txn.message_id);
    }
}

/* What this server itself puts on top; SEAL's hooks see it already. */
static void
seal_write_own_fields(Session *self)
{
    BaridTransaction *txn = &self->txn.facts;
    g_auto(Buffer) own = {0};

    buffer_init(&own, PREFIX_BYTES_MAX);
    if (barid_rule_get_bool(self->inbound->data.add_received, txn))
        seal_add_received(self, &own);
    seal_add_missing(self, &own);
    txn->own_fields = arena_dup_slice(self->txn.arena, buffer_get_slice(&own));
}

/* --- queueing --- */

static void
submit_fill_recipient(const BaridRecipient *rcpt, BaridSlice target, EnvelopeRecipient *out)
{
    *out = (EnvelopeRecipient){
        .address = target,
        .orcpt_type = rcpt->orcpt_type,
        .orcpt_address = rcpt->orcpt_address,
        .notify = (guint8)rcpt->notify,
    };
    /* RFC 3461 section 5.2.7: an alias keeps the address that the sender knew; RFC 6533 section 3
     * for its type. */
    if (out->orcpt_type.len == 0 && !barid_slice_equal(target, rcpt->address)) {
        out->orcpt_type = text_is_ascii(rcpt->address) ? BARID_SLICE_LITERAL("rfc822")
                                                       : BARID_SLICE_LITERAL("utf-8");
        out->orcpt_address = rcpt->address;
    }
}

/* RFC 3461 section 5.2.7: who asked to be told of success learns that the message went on to the
 * members of a list; they are not told of one by one. RFC 3464 section 2.3.3: of what fails later,
 * they are. */
static void
submit_add_expanded(const BaridRecipient *rcpt, Envelope *envelope)
{
    EnvelopeRecipient *list = &envelope->recipients[envelope->n_recipients];

    submit_fill_recipient(rcpt, rcpt->address, list);
    list->is_expanded = TRUE;
    for (guint i = 1; i <= rcpt->n_targets; i++) {
        EnvelopeRecipient *member = list - i;

        member->notify &= (guint8)~SMTP_NOTIFY_SUCCESS;
        if (member->notify == 0)
            member->notify = SMTP_NOTIFY_NEVER; /* nothing else was asked for */
    }
    envelope->n_recipients++;
}

static void
submit_fill_recipients(Session *self, Envelope *envelope)
{
    BaridTransaction *txn = &self->txn.facts;
    guint total = 0;

    for (guint i = 0; i < txn->recipients->len; i++)
        total += ((const BaridRecipient *)g_ptr_array_index(txn->recipients, i))->n_targets + 1;
    envelope->recipients =
        arena_alloc(self->txn.arena, sizeof(EnvelopeRecipient) * MAX(total, 1));
    for (guint i = 0; i < txn->recipients->len; i++) {
        const BaridRecipient *rcpt = g_ptr_array_index(txn->recipients, i);

        for (guint n = 0; n < rcpt->n_targets && !rcpt->dropped; n++)
            submit_fill_recipient(rcpt, rcpt->targets[n],
                                  &envelope->recipients[envelope->n_recipients++]);
        if (rcpt->n_targets > 1 && !rcpt->dropped && (rcpt->notify & SMTP_NOTIFY_SUCCESS) != 0)
            submit_add_expanded(rcpt, envelope);
    }
}

/* What was decided about the session before MAIL, then about this message. */
static BaridSlice
submit_write_decisions(Session *self)
{
    g_autoptr(GString) out = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, out);
    json_writer_begin_array(&writer, NULL);
    for (const Decision *at = self->facts.scope.decisions.first; at != NULL; at = at->next) {
        if (at->stage <= BARID_STAGE_AUTH)
            decision_write(at, &writer);
    }
    for (const Decision *at = self->txn.facts.scope.decisions.first; at != NULL; at = at->next)
        decision_write(at, &writer);
    json_writer_end_array(&writer);
    return arena_dup_slice(self->txn.arena, barid_slice(out->str, out->len));
}

static guint
submit_get_flags(const SmtpMail *mail)
{
    return (mail->body == SMTP_BODY_8BITMIME ? ENVELOPE_8BIT : 0u) |
           (mail->body == SMTP_BODY_BINARYMIME ? ENVELOPE_BINARY : 0u) |
           (mail->smtputf8 ? ENVELOPE_UTF8 : 0u) |
           (mail->ret == SMTP_RET_FULL ? ENVELOPE_RET_FULL : 0u) |
           (mail->ret == SMTP_RET_HDRS ? ENVELOPE_RET_HDRS : 0u);
}

static gboolean
submit_message(Session *self, const HostOutcome *outcome, const Buffer *prefix, BaridSlice body,
               GError **error)
{
    BaridTransaction *txn = &self->txn.facts;
    Arrival *arrival = &self->txn.arrival;
    gchar ip[ADDRESS_TEXT_MAX];
    Envelope envelope = {
        .created_ms = clock_wall_ms(),
        .source = self->facts.lmtp ? ENVELOPE_LMTP : ENVELOPE_SMTP,
        .flags = submit_get_flags(&self->txn.mail),
        .priority = (gint)txn->priority,
        .size_bytes = prefix->len + body.len,
        .sender = txn->sender,
        .user = barid_slice_from_text(self->facts.user),
        .helo = self->facts.helo,
        .session_id = barid_slice_from_text(self->facts.id),
        .listener = barid_slice_from_text(self->listener->name),
        .message_id = self->txn.message_id,
        .remote_ip = barid_slice_from_text(address_format_ip(&self->facts.remote, ip)),
    };
    QueueSubmission submission = {
        .envelope = &envelope,
        .held = outcome->verdict == BARID_HOLD || outcome->verdict == BARID_QUARANTINE,
        .prefix = buffer_get_slice(prefix),
        .body = body,
        .body_fd = -1,
    };

    queue_id_parse(barid_slice_from_text(txn->queue_id), &envelope.id);
    if (self->txn.mail.has_envid)
        smtp_xtext_decode(self->txn.mail.envid, self->txn.arena, &envelope.envid);
    submit_fill_recipients(self, &envelope);
    if (envelope.n_recipients == 0)
        return TRUE;
    envelope.decisions = submit_write_decisions(self);
    envelope.saved = saved_write(txn->saved, self->txn.arena);
    /* The file is linked as it is, when the message was not cut. */
    if (arrival->fd >= 0 && body.data == txn->message.data) {
        submission.body_fd = arrival->fd;
        submission.body_fd_bytes = arrival->len;
        submission.body = BARID_SLICE_EMPTY;
    }
    return queue_submit(self->inbound->services.queue, &submission, error);
}

static void
submit_log(Session *self, const HostOutcome *outcome)
{
    BaridTransaction *txn = &self->txn.facts;
    g_autofree gchar *sender = NULL;
    gchar size[24], count[12], ip[ADDRESS_TEXT_MAX];

    if (!log_is_enabled(BARID_LOG_INFO))
        return;
    sender = text_escape(txn->sender, 320);
    g_snprintf(size, sizeof size, "%" G_GSIZE_FORMAT, txn->message.len);
    g_snprintf(count, sizeof count, "%u", txn->recipients->len);
    barid_log(BARID_LOG_INFO,
              outcome->verdict == BARID_DISCARD ? "message.discarded" : "message.accepted",
              "queue-id", txn->queue_id, "session", self->facts.id, "remote-ip",
              address_format_ip(&self->facts.remote, ip), "from", sender, "rcpts", count, "size",
              size, NULL);
}

/* --- the answer --- */

static SessionStep
finish_reply_each(Session *self, const RecipientJudgement *judgement, guint code,
                  const gchar *enhanced, const gchar *text)
{
    SessionStep step = SESSION_GOES_ON;
    guint n = self->facts.lmtp ? self->txn.facts.recipients->len : 1;

    /* RFC 2033 section 4.2: one reply for each recipient that was accepted. */
    for (guint i = 0; i < n && step == SESSION_GOES_ON; i++) {
        const HostOutcome *own =
            judgement != NULL && judgement->outcomes != NULL && self->facts.lmtp
                ? &judgement->outcomes[i]
                : NULL;

        if (own != NULL && own->verdict >= BARID_DEFER && code == 250)
            step = session_reply(self, own->code, own->enhanced, "%s", own->text);
        else
            step = session_reply(self, code, enhanced, "%s", text);
    }
    return step;
}

static SessionStep
finish_refuse_by(Session *self, const RuleReasons *why, guint code, const gchar *enhanced,
                 const gchar *reason, const gchar *text)
{
    BaridScope *scope = &self->txn.facts.scope;

    session_decide_by(session_decide(scope, BARID_STAGE_MESSAGE, "data",
                                     code >= 500 ? BARID_REJECT : BARID_DEFER, code, reason, text),
                      scope, why);
    self->n_refusals++;
    counter_add(self->inbound->n_refused, 1);
    barid_log(BARID_LOG_INFO, "message.refused", "session", self->facts.id, "queue-id",
              self->txn.facts.queue_id, "reason", reason, "text", text, NULL);
    return finish_reply_each(self, NULL, code, enhanced, text);
}

static SessionStep
finish_refuse(Session *self, guint code, const gchar *enhanced, const gchar *reason,
              const gchar *text)
{
    return finish_refuse_by(self, NULL, code, enhanced, reason, text);
}

static SessionStep
finish_by_outcome(Session *self, const HostOutcome *outcome)
{
    self->n_refusals++;
    counter_add(self->inbound->n_refused, 1);
    if (outcome->verdict == BARID_DROP)
        return session_close(self, outcome->enhanced, outcome->reason, outcome->text);
    return finish_reply_each(self, NULL, outcome->code, outcome->enhanced, outcome->text);
}

/* Nothing of the message is kept, the client still has it: a matter of trying again. */
static SessionStep
finish_cannot_store(Session *self, const GError *error)
{
    gboolean over_quota = g_error_matches(error, QUEUE_ERROR, BARID_ERROR_NO_SPACE);
    gboolean full = over_quota || g_error_matches(error, SPOOL_ERROR, BARID_ERROR_NO_SPACE);

    barid_log(over_quota ? BARID_LOG_WARNING : BARID_LOG_ERROR,
              over_quota ? "queue.quota-exceeded" : "queue.failed", "session", self->facts.id,
              "error", error->message, NULL);
    return finish_refuse(self, full ? 452 : 451, full ? "4.3.1" : "4.3.5",
                         over_quota ? "quota" : full ? "no-space" : "queue-failed",
                         "cannot store the message now");
}

static SessionStep
finish_accept(Session *self, HostOutcome *outcome, const RecipientJudgement *judgement)
{
    g_autoptr(GError) error = NULL;
    g_auto(Buffer) prefix = {0};
    BaridTransaction *txn = &self->txn.facts;
    BaridSlice body = txn->message;
    HostOutcome seal;
    gchar text[64];

    seal_write_own_fields(self);
    host_run(self->inbound->services.host, BARID_STAGE_SEAL, &txn->scope, NULL, &seal);
    if (seal.verdict >= BARID_DEFER)
        return finish_by_outcome(self, &seal);
    buffer_init(&prefix, SEALED_HEADER_MAX);
    sealed_header_append_new(txn, &prefix);
    if (sealed_header_has_removals(txn))
        body = sealed_header_append_kept(txn, &prefix);
    if (outcome->verdict != BARID_DISCARD &&
        (!queue_has_room(self->inbound->services.queue, prefix.len + body.len, &error) ||
         !submit_message(self, outcome, &prefix, body, &error)))
        return finish_cannot_store(self, error);
    self->n_messages++;
    self->txn.queued = outcome->verdict != BARID_DISCARD;
    counter_add(self->inbound->n_messages, 1);
    submit_log(self, outcome);
    g_snprintf(text, sizeof text, "queued as %s", txn->queue_id);
    return finish_reply_each(self, judgement, 250, "2.0.0", text);
}

static SessionStep
finish_judge(Session *self, const gchar *content_problem)
{
    BaridTransaction *txn = &self->txn.facts;
    g_autoptr(GError) error = NULL;
    RecipientJudgement judgement;
    HostOutcome outcome;
    Refusal refusal;

    if (self->txn.arrival.too_large)
        return finish_refuse_by(self, self->txn.why_max_size, 552, "5.3.4", "too-large",
                                "the message is too large");
    if (!arrival_finish(&self->txn.arrival, &txn->message, &error))
        return finish_cannot_store(self, error);
    if (!judge_content(self, content_problem, &refusal))
        return finish_refuse_by(self, refusal.why, refusal.code, refusal.enhanced, refusal.reason,
                                refusal.text);
    if (!judge_by_hooks(self, &outcome))
        return finish_by_outcome(self, &outcome);
    judge_recipients(self, &judgement);
    if (judgement.n_refused > 0 && judgement.n_refused == txn->recipients->len && !self->facts.lmtp)
        return finish_by_outcome(self, &judgement.strictest);
    return finish_accept(self, &outcome, &judgement);
}

static void
finish_run_queued(Session *self)
{
    HostOutcome outcome;

    if (!host_has_hooks(self->inbound->services.host, BARID_STAGE_QUEUED))
        return;
    /* A QUEUED observer never delays the answer. */
    stream_flush(self->stream, NULL);
    host_run(self->inbound->services.host, BARID_STAGE_QUEUED, &self->txn.facts.scope, NULL,
             &outcome);
}

SessionStep
transaction_finish(Session *self, const gchar *content_problem)
{
    guint messages = self->n_messages;
    SessionStep step = finish_judge(self, content_problem);

    if (self->n_messages != messages && step == SESSION_GOES_ON)
        finish_run_queued(self);
    transaction_end(self);
    /* While draining, the end of a transaction is the end of the session. */
    if (step == SESSION_GOES_ON && self->thread->draining)
        return session_close(self, "4.3.2", "shutdown", "shutting down, please come back");
    return step;
}
