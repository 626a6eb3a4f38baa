/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery status notifications: who is told what (RFC 3461 section 5), as new messages in
 * the same commit as what they tell about. */
#include <stdio.h>

#include <barid/runtime.h>

#include "base/clock.h"
#include "mime/dsn.h"
#include "mime/dsn-language.h"
#include "mime/mail-address.h"
#include "queue/attempt-facts.h"
#include "queue/queue-notify.h"
#include "smtp/command.h"

enum { NOTIFY_TRANSCRIPT_LINES = 8, NOTIFY_AGAIN_MS = 60000 };

/* FEATURES QU18: without NOTIFY, failures and delays are told. */
static guint
notify_get_wishes(const EnvelopeRecipient *rcpt)
{
    return rcpt->notify != 0 ? rcpt->notify : SMTP_NOTIFY_FAILURE | SMTP_NOTIFY_DELAY;
}

static gboolean
notify_choose(const Envelope *envelope, const DeliveryState *state, guint index, guint what,
              DsnAction *out_action)
{
    const RecipientState *rcpt = &state->recipients[index];
    const DomainState *domain = &state->domains[envelope->recipients[index].domain];
    guint wishes = notify_get_wishes(&envelope->recipients[index]);

    if ((wishes & SMTP_NOTIFY_NEVER) != 0)
        return FALSE;
    if (rcpt->status == RECIPIENT_PENDING) {
        *out_action = DSN_DELAYED;
        return (what & NOTIFY_LATE) != 0 && (wishes & SMTP_NOTIFY_DELAY) != 0 &&
               domain->notify_ms != 0 && domain->notify_ms <= clock_wall_ms();
    }
    if ((what & NOTIFY_FINAL) == 0 || rcpt->dsn_sent)
        return FALSE;
    /* RFC 3461 section 5.2.1: a host that knows DSN tells of success in our place; of one
     * that does not, only the relaying can be told (5.2.2). */
    if (rcpt->status == RECIPIENT_DELIVERED && rcpt->manner == RECIPIENT_MANNER_HANDED_ON)
        return FALSE;
    *out_action = rcpt->status == RECIPIENT_FAILED            ? DSN_FAILED
                  : rcpt->manner == RECIPIENT_MANNER_RELAYED  ? DSN_RELAYED
                  : rcpt->manner == RECIPIENT_MANNER_EXPANDED ? DSN_EXPANDED
                                                              : DSN_DELIVERED;
    return (wishes & (*out_action == DSN_FAILED ? SMTP_NOTIFY_FAILURE : SMTP_NOTIFY_SUCCESS)) != 0;
}

static void
notify_set_status(BaridSlice code, DsnAction action, DsnRecipient *row)
{
    gchar text[16] = "";
    guint class, subject, detail;

    if (code.len < sizeof text)
        memcpy(text, code.data, code.len);
    if (sscanf(text, "%1u.%3u.%3u", &class, &subject, &detail) != 3) {
        class = action == DSN_FAILED ? 5 : action == DSN_DELAYED ? 4 : 2;
        subject = 0;
        detail = 0;
    }
    row->status_class = (guint8)class;
    row->status_subject = (guint16)subject;
    row->status_detail = (guint16)detail;
}

static void
notify_fill_row(const Envelope *envelope, const DeliveryState *state, guint index,
                DsnAction action, DsnRecipient *row)
{
    const EnvelopeRecipient *rcpt = &envelope->recipients[index];
    const RecipientState *said = &state->recipients[index];

    *row = (DsnRecipient){
        .original_type = rcpt->orcpt_type,
        .original_address = rcpt->orcpt_address,
        .final_address = rcpt->address,
        .action = action,
        .last_attempt_ms = said->last_ms,
        .remote_mta = said->remote,
        .explanation = said->text,
    };
    notify_set_status(said->code, action, row);
    if (said->remote.len > 0) {
        row->diagnostic_type = "smtp";
        row->diagnostic_text = said->text;
    } else if (said->text.len > 0 && action != DSN_DELIVERED && action != DSN_RELAYED) {
        row->diagnostic_type = "x-barid";
        row->diagnostic_text = said->text;
    }
    if (action == DSN_DELAYED)
        row->will_retry_until_ms = state->domains[rcpt->domain].expires_ms;
}

/* The last lines of what was said in the attempt that ended now; the sender learns there
 * what the host objected to. */
static BaridSlice
notify_get_transcript(const Queue *self)
{
    const GString *text = self->settling->transcript;
    gsize start = text->len;
    guint n_lines = 0;

    while (start > 0 && n_lines < NOTIFY_TRANSCRIPT_LINES) {
        start--;
        while (start > 0 && text->str[start - 1] != '\n')
            start--;
        n_lines++;
    }
    return barid_slice(text->str + start, text->len - start);
}

/* A message over the limit goes back as its header only. */
static DsnReturn
notify_get_return(const Queue *self, const Envelope *envelope, BaridAttempt *facts)
{
    if ((envelope->flags & ENVELOPE_RET_HDRS) != 0 ||
        envelope->size_bytes > (guint64)barid_rule_get_size(self->options.dsn_return, facts))
        return DSN_RETURN_HEADERS;
    return DSN_RETURN_FULL;
}

static BaridSlice
notify_get_content(Queue *self, const SpoolContent *content)
{
    BaridSlice prefix = spool_content_get_prefix(content);
    BaridSlice body = spool_content_get_body(content);
    guint8 *joined;

    if (prefix.len == 0)
        return body;
    joined = arena_alloc(self->turn, prefix.len + body.len);
    memcpy(joined, prefix.data, prefix.len);
    if (body.len > 0)
        memcpy(joined + prefix.len, body.data, body.len);
    return barid_slice(joined, prefix.len + body.len);
}

const SpoolChange *
queue_get_notice(const Queue *self, const QueueEntry *entry)
{
    for (guint i = self->born->len; i > 0; i--) {
        const QueueNotice *notice = g_ptr_array_index(self->born, i - 1);

        if (notice->about == entry)
            return notice->change;
    }
    return NULL;
}

static QueueNotice *
notify_submit(Queue *self, const Envelope *about, BaridSlice message, gboolean global)
{
    QueueNotice *notice = arena_new0(self->turn, QueueNotice);
    EnvelopeRecipient *rcpt = arena_new0(self->turn, EnvelopeRecipient);
    Envelope envelope = {
        .id = queue_id_new(),
        .created_ms = clock_wall_ms(),
        .source = ENVELOPE_DSN,
        .flags = global ? ENVELOPE_UTF8 | ENVELOPE_8BIT : ENVELOPE_8BIT,
        .size_bytes = message.len,
        .decisions = BARID_SLICE_LITERAL("[]"),
        .n_recipients = 1,
        .recipients = rcpt,
    };
    QueueEntry *entry = queue_entry_new(envelope.id);
    SpoolChange *change = queue_add_change(self, SPOOL_ADD, entry);
    DeliveryState state;
    g_auto(Buffer) bytes = {0};

    *notice = (QueueNotice){
        .entry = entry, .about = queue_find(self, about->id), .change = change};
    rcpt->address = about->sender;
    rcpt->notify = SMTP_NOTIFY_NEVER;
    envelope_group_domains(&envelope, self->turn);
    queue_state_init(self, &envelope, self->turn, FALSE, NULL, &state);
    buffer_init(&bytes, SPOOL_ENVELOPE_MAX);
    envelope_write(&envelope, &bytes);
    change->envelope = arena_dup_slice(self->turn, buffer_get_slice(&bytes));
    bytes.len = 0;
    delivery_state_write(&state, &envelope, &bytes);
    change->state = arena_dup_slice(self->turn, buffer_get_slice(&bytes));
    queue_entry_set_state(entry, buffer_get_slice(&bytes));
    change->body = message;
    change->takes_reserve = TRUE;
    change->after = queue_get_notice(self, notice->about);
    g_ptr_array_add(self->born, notice);
    return notice;
}

/* (domain) is that of the first recipient, which rules see. NULL when it cannot be made. */
static QueueNotice *
notify_build(Queue *self, const Envelope *envelope, guint domain, const SpoolContent *content,
             const DsnRecipient *rows, guint n_rows)
{
    guint64 random[2];
    g_auto(Buffer) message = {0};
    g_autofree gchar *usual_from = g_strdup_printf("MAILER-DAEMON@%s", self->options.hostname);
    g_autofree gchar *language = NULL;
    g_autofree gchar *name = NULL;
    g_autofree gchar *from = NULL;
    gchar id[QUEUE_ID_TEXT_LEN + 1];
    MailAddress parsed;
    BaridAttempt facts;
    Dsn dsn = {
        .reporting_mta = self->options.hostname,
        .from_address = usual_from,
        .to = envelope->sender,
        .envelope_id = envelope->envid,
        .arrival_ms = envelope->created_ms,
        .date_ms = clock_wall_ms(),
        .recipients = rows,
        .n_recipients = n_rows,
        .content = notify_get_content(self, content),
        .smtputf8 = (envelope->flags & ENVELOPE_UTF8) != 0,
    };

    attempt_facts_fill(&facts, envelope, domain, self->turn);
    dsn.returned = notify_get_return(self, envelope, &facts);
    name = barid_rule_dup_text(self->options.dsn_from_name, &facts);
    language = barid_rule_dup_text(self->options.dsn_language, &facts);
    dsn.language = dsn_language_find(language);
    from = barid_rule_dup_text(self->options.dsn_from_address, &facts);
    if (*name != '\0')
        dsn.from_name = name;
    /* What a rule makes of it may be none. */
    if (mail_address_parse(barid_slice_from_text(from), &parsed) == MAIL_ADDRESS_OK)
        dsn.from_address = from;
    barid_random(random, sizeof random);
    dsn.boundary = arena_printf(self->turn, "barid%016" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER
                                "x", random[0], random[1]);
    dsn.message_id = arena_printf(self->turn, "%016" G_GINT64_MODIFIER "x.dsn@%s",
                                  random[0] ^ random[1], self->options.hostname);
    buffer_init(&message, SPOOL_RECORD_MAX / 2);
    if (!dsn_build(&dsn, &message)) {
        dsn.returned = DSN_RETURN_HEADERS;
        if (!dsn_build(&dsn, &message)) {
            barid_log(BARID_LOG_ERROR, "dsn.too-large", "about",
                      queue_id_format(envelope->id, id), NULL);
            return NULL;
        }
    }
    return notify_submit(self, envelope, arena_dup_slice(self->turn, buffer_get_slice(&message)),
                         dsn_is_global(&dsn));
}

/* RFC 5321 section 6.1: about a notification nobody is told, whatever was wished. */
static void
notify_double_bounce(const Envelope *envelope, DeliveryState *state)
{
    gchar id[QUEUE_ID_TEXT_LEN + 1];
    gchar count[12];
    guint n_failed = 0;

    for (guint i = 0; i < envelope->n_recipients; i++) {
        RecipientState *rcpt = &state->recipients[i];

        if (rcpt->status == RECIPIENT_FAILED && !rcpt->dsn_sent) {
            rcpt->dsn_sent = TRUE;
            n_failed++;
        }
    }
    if (n_failed == 0)
        return;
    g_snprintf(count, sizeof count, "%u", n_failed);
    barid_log(BARID_LOG_INFO, "queue.double-bounce", "queue-id",
              queue_id_format(envelope->id, id), "recipients", count, NULL);
}

void
queue_notify(Queue *self, const Envelope *envelope, DeliveryState *state,
             const SpoolContent *content, guint what)
{
    QueueNotice *notice;
    DsnRecipient *rows;
    guint *told;
    guint n_rows = 0, n_told = 0;
    guint n_failed = 0;
    guint domain = 0;

    if (what == 0)
        return;
    if (envelope->sender.len == 0) {
        notify_double_bounce(envelope, state);
        return;
    }
    rows = arena_alloc(self->turn, sizeof(DsnRecipient) * MAX(envelope->n_recipients, 1));
    told = arena_alloc(self->turn, sizeof(guint) * MAX(envelope->n_recipients, 1));
    for (guint i = 0; i < envelope->n_recipients; i++) {
        DsnAction action;

        if (!notify_choose(envelope, state, i, what, &action))
            continue;
        if (n_rows == 0)
            domain = envelope->recipients[i].domain;
        notify_fill_row(envelope, state, i, action, &rows[n_rows++]);
        /* Once is enough for all that shared the attempt. */
        if (action == DSN_FAILED && n_failed == 0 && self->settling != NULL &&
            self->settling->domain == envelope->recipients[i].domain)
            rows[n_rows - 1].transcript = notify_get_transcript(self);
        n_failed += action == DSN_FAILED ? 1 : 0;
        if (action == DSN_DELAYED)
            continue;
        state->recipients[i].dsn_sent = TRUE;
        told[n_told++] = i;
    }
    if (n_rows == 0)
        return;
    notice = notify_build(self, envelope, domain, content, rows, n_rows);
    if (notice != NULL) {
        notice->told = told;
        notice->n_told = n_told;
    }
}

/* --- after the commit --- */

static gboolean
notify_read(Queue *self, QueueEntry *entry, Envelope *envelope, DeliveryState *state,
            SpoolContent **out_content)
{
    *out_content = queue_entry_read(self, entry, NULL);
    return *out_content != NULL &&
           envelope_parse(spool_content_get_envelope(*out_content), self->turn, envelope) &&
           delivery_state_parse(barid_slice(entry->state, entry->state_len), envelope, self->turn,
                                state);
}

/* Such as on a full disk. The message stays with all that is known of it, but for that its
 * sender was told, and is looked at again soon. */
static void
notify_keep_untold(Queue *self, const QueueNotice *notice)
{
    QueueEntry *about = notice->about;
    g_autoptr(SpoolContent) content = NULL;
    g_auto(Buffer) bytes = {0};
    gchar id[QUEUE_ID_TEXT_LEN + 1];
    DeliveryState state;
    Envelope envelope;

    barid_log(BARID_LOG_ERROR, "dsn.failed", "about", queue_id_format(about->ref.id, id), "error",
              notice->change->error->message, NULL);
    buffer_init(&bytes, SPOOL_ENVELOPE_MAX);
    if (!notify_read(self, about, &envelope, &state, &content))
        return;
    for (guint i = 0; i < notice->n_told; i++)
        state.recipients[notice->told[i]].dsn_sent = FALSE;
    if (!delivery_state_write(&state, &envelope, &bytes))
        return;
    queue_entry_set_state(about, buffer_get_slice(&bytes));
    queue_add_change(self, SPOOL_STATE, about)->state =
        arena_dup_slice(self->turn, buffer_get_slice(&bytes));
    if (g_ptr_array_remove_fast(self->gone, about)) {
        about->held = 0; /* it is counted again */
        queue_entry_insert(self, about, &envelope, &state);
    }
    about->is_untold = 1;
    schedule_remove(&self->schedule, &about->item);
    /* The end of an attempt under way brings the notice, or the release of what is held. */
    if (about->n_jobs > 0 || state.held)
        return;
    schedule_put(&self->schedule, &about->item, clock_wall_ms() + NOTIFY_AGAIN_MS,
                 about->priority);
}

static void
notify_schedule(Queue *self, const QueueNotice *notice)
{
    gchar id[QUEUE_ID_TEXT_LEN + 1];
    gchar about_id[QUEUE_ID_TEXT_LEN + 1];
    g_autoptr(SpoolContent) content = NULL;
    DeliveryState state;
    Envelope envelope;

    if (!notify_read(self, notice->entry, &envelope, &state, &content)) {
        queue_entry_free(notice->entry);
        return;
    }
    counter_add(self->n_dsns, 1);
    barid_log(BARID_LOG_INFO, "dsn.queued", "queue-id",
              queue_id_format(notice->entry->ref.id, id), "about",
              queue_id_format(notice->about->ref.id, about_id), NULL);
    queue_entry_insert(self, notice->entry, &envelope, &state);
}

void
queue_settle_notices(Queue *self)
{
    for (guint i = 0; i < self->born->len; i++) {
        QueueNotice *notice = g_ptr_array_index(self->born, i);

        if (notice->change->error == NULL) {
            notify_schedule(self, notice);
            continue;
        }
        notify_keep_untold(self, notice);
        queue_entry_free(notice->entry);
        g_clear_error(&notice->change->error);
    }
    g_ptr_array_set_size(self->born, 0);
}
