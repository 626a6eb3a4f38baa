/* SPDX-License-Identifier: Apache-2.0 */
/* One transaction: MAIL, RCPT, and the content by DATA or BDAT. */
#include "base/text.h"
#include "outbound/smtp-client-private.h"
#include "smtp/command.h"
#include "smtp/dot-stuffer.h"

/* Content up to this size goes out together with the envelope when the peer takes chunks;
 * what is larger waits until it is known that somebody wants it. */
enum { SEND_AHEAD_BYTES = 32 * 1024 };

/* Commands that go out before answers are read: with more, each side could wait for the other to
 * read (RFC 2920 section 3.1). */
enum { PIPELINE_WINDOW = 100 };

enum { RCPT_UNKNOWN, RCPT_ACCEPTED, RCPT_REFUSED, RCPT_PUT_OFF };

typedef struct {
    SmtpClient *client;
    const SmtpClientMessage *message;
    SmtpClientRecipient **recipients;
    guint n_recipients;
    Arena *arena;
    guint n_accepted;       /* by RCPT */
    guint8 *answers;        /* to each RCPT: RCPT_... */
    gboolean has_reset;     /* RSET was sent first, and its answer is to be read */
    gboolean is_first_read; /* nothing has been read yet */
    gboolean is_sent;       /* the end of the content may have reached the peer */
    SmtpClientFailure failure;
} Transaction;

/* --- results --- */

static void
transaction_settle(Transaction *self, SmtpClientRecipient *rcpt, SmtpClientOutcome outcome,
                   const SmtpClientFailure *why)
{
    rcpt->outcome = outcome;
    rcpt->is_reply = why->is_reply;
    g_strlcpy(rcpt->status, why->status, sizeof rcpt->status);
    rcpt->text = arena_dup_text(self->arena, why->text);
}

static void
transaction_settle_reply(Transaction *self, SmtpClientRecipient *rcpt,
                         const SmtpClientReply *reply)
{
    SmtpClientFailure said;

    smtp_client_failure_set_reply(&said, reply);
    if (reply->code >= 200 && reply->code < 300) {
        smtp_client_reply_format_status(reply, said.status, sizeof said.status);
        transaction_settle(self, rcpt, SMTP_CLIENT_DELIVERED, &said);
    } else {
        transaction_settle(self, rcpt, said.permanent ? SMTP_CLIENT_FAILED : SMTP_CLIENT_DEFERRED,
                           &said);
    }
}

/* All that have no outcome yet share one. Who was put off to another transaction is not
 * concerned by what became of the content. */
static void
transaction_settle_rest(Transaction *self, const SmtpClientFailure *why)
{
    for (guint i = 0; i < self->n_recipients; i++) {
        SmtpClientOutcome outcome = why->permanent ? SMTP_CLIENT_FAILED : SMTP_CLIENT_DEFERRED;

        if (self->recipients[i]->outcome != SMTP_CLIENT_UNTRIED)
            continue;
        if (self->answers[i] == RCPT_PUT_OFF)
            outcome = SMTP_CLIENT_DEFERRED;
        else if (self->is_sent)
            outcome = SMTP_CLIENT_IN_DOUBT;
        transaction_settle(self, self->recipients[i], outcome, why);
    }
}

static gboolean
transaction_read(Transaction *self, OutboundTimeout timeout, const gchar *what,
                 SmtpClientReply *reply)
{
    if (!smtp_client_read(self->client, timeout, what, reply, &self->failure))
        return FALSE;
    self->is_first_read = FALSE;
    return TRUE;
}

/* --- the envelope --- */

static void
mail_add_dsn(const Transaction *self, GString *line)
{
    const SmtpClientMessage *message = self->message;

    if (!smtp_peer_offers(&self->client->peer, SMTP_PEER_DSN))
        return;
    if (message->ret_full || message->ret_hdrs)
        g_string_append(line, message->ret_full ? " RET=FULL" : " RET=HDRS");
    if (message->envid.len > 0) {
        BaridSlice encoded = smtp_xtext_encode(message->envid, self->arena);

        g_string_append_printf(line, " ENVID=%.*s", (int)encoded.len,
                               (const gchar *)encoded.data);
    }
}

static gboolean
transaction_put_mail(Transaction *self)
{
    const SmtpClientMessage *message = self->message;
    const SmtpPeer *peer = &self->client->peer;
    g_autoptr(GString) line = g_string_new("MAIL FROM:<");

    g_string_append_len(line, (const gchar *)message->sender.data, (gssize)message->sender.len);
    g_string_append_c(line, '>');
    if (smtp_peer_offers(peer, SMTP_PEER_SIZE))
        g_string_append_printf(line, " SIZE=%" G_GSIZE_FORMAT,
                               message->pieces[0].len + message->pieces[1].len);
    if (message->is_binary)
        g_string_append(line, " BODY=BINARYMIME");
    else if (message->is_8bit && smtp_peer_offers(peer, SMTP_PEER_8BITMIME))
        g_string_append(line, " BODY=8BITMIME");
    if (message->is_utf8)
        g_string_append(line, " SMTPUTF8");
    /* RFC 4954 section 5: who speaks with authority for others says nothing about whom. */
    if (self->client->options.user != NULL && smtp_peer_offers(peer, SMTP_PEER_AUTH))
        g_string_append(line, " AUTH=<>");
    mail_add_dsn(self, line);
    return smtp_client_put_line(self->client, &self->failure, barid_slice(line->str, line->len));
}

static void
rcpt_add_notify(GString *line, guint notify)
{
    static const struct {
        guint bit;
        const gchar *word;
    } words[] = {{SMTP_NOTIFY_NEVER, "NEVER"},
                 {SMTP_NOTIFY_SUCCESS, "SUCCESS"},
                 {SMTP_NOTIFY_FAILURE, "FAILURE"},
                 {SMTP_NOTIFY_DELAY, "DELAY"}};
    const gchar *before = " NOTIFY=";

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if ((notify & words[i].bit) == 0)
            continue;
        g_string_append(line, before);
        g_string_append(line, words[i].word);
        before = ",";
    }
}

/* RFC 3461 section 4.2: an original recipient longer than a peer must take stays behind. */
static void
rcpt_add_orcpt(const Transaction *self, const SmtpClientRecipient *rcpt, GString *line)
{
    SmtpOrcptForm form = self->message->is_utf8 ? SMTP_ORCPT_UNICODE : SMTP_ORCPT_ASCII;
    BaridSlice type = rcpt->orcpt_type;
    BaridSlice encoded;

    if (rcpt->orcpt_address.len == 0)
        return;
    encoded = smtp_orcpt_encode(type, rcpt->orcpt_address, form, self->arena);
    if (type.len + 1 + encoded.len > SMTP_ORCPT_LEN_MAX)
        return;
    g_string_append_printf(line, " ORCPT=%.*s;%.*s", (int)type.len, (const gchar *)type.data,
                           (int)encoded.len, (const gchar *)encoded.data);
}

static gboolean
transaction_put_rcpt(Transaction *self, const SmtpClientRecipient *rcpt)
{
    g_autoptr(GString) line = g_string_new("RCPT TO:<");

    g_string_append_len(line, (const gchar *)rcpt->address.data, (gssize)rcpt->address.len);
    g_string_append_c(line, '>');
    if (smtp_peer_offers(&self->client->peer, SMTP_PEER_DSN)) {
        rcpt_add_notify(line, rcpt->notify);
        rcpt_add_orcpt(self, rcpt, line);
    }
    return smtp_client_put_line(self->client, &self->failure, barid_slice(line->str, line->len));
}

/* RFC 5321 section 4.5.3.1.10: the peer takes no more recipients at a time, and has some. */
static gboolean
reply_means_too_many(const SmtpClientReply *reply)
{
    gboolean says_so = reply->enhanced_subject == 5 && reply->enhanced_detail == 3;

    if (reply->enhanced_class != 0)
        return says_so && (reply->code == 452 || reply->code == 451 || reply->code == 552);
    return reply->code == 452;
}

static gboolean
transaction_read_rcpt(Transaction *self, guint index)
{
    SmtpClientRecipient *rcpt = self->recipients[index];
    SmtpClientReply reply;

    if (!transaction_read(self, OUTBOUND_TIMEOUT_RCPT, "RCPT", &reply))
        return FALSE;
    if (reply.code >= 200 && reply.code < 300) {
        self->answers[index] = RCPT_ACCEPTED;
        self->n_accepted++;
        return TRUE;
    }
    if (self->n_accepted > 0 && !self->client->is_closing && reply_means_too_many(&reply)) {
        self->answers[index] = RCPT_PUT_OFF;
        return TRUE;
    }
    self->answers[index] = RCPT_REFUSED;
    transaction_settle_reply(self, rcpt, &reply);
    return TRUE;
}

static gboolean
transaction_read_mail(Transaction *self, SmtpClientReply *reply)
{
    if (self->has_reset && !transaction_read(self, OUTBOUND_TIMEOUT_MAIL, "RSET", reply))
        return FALSE;
    if (!transaction_read(self, OUTBOUND_TIMEOUT_MAIL, "MAIL", reply))
        return FALSE;
    if (reply->code < 200 || reply->code >= 300)
        smtp_client_failure_set_reply(&self->failure, reply);
    return TRUE;
}

/* --- the content --- */

static gboolean
content_put(BaridSlice run, gpointer data)
{
    Transaction *self = data;
    g_autoptr(GError) error = NULL;
    gint64 deadline =
        fiber_deadline_push(self->client->options.timeouts_ms[OUTBOUND_TIMEOUT_DATA]);
    gboolean ok = stream_put(self->client->stream, run, &error);

    fiber_deadline_restore(deadline);
    if (ok)
        return TRUE;
    self->client->is_closing = TRUE;
    smtp_client_failure_set_error(&self->failure, "sending the content", error);
    return FALSE;
}

static gsize
content_get_size(const Transaction *self)
{
    return self->message->pieces[0].len + self->message->pieces[1].len;
}

/* A peer that has seen enough may have said why before it closed. */
static void
content_read_last_words(Transaction *self)
{
    SmtpClientFailure ignored;
    SmtpClientReply reply;
    gint64 deadline = fiber_deadline_push(1000);

    if (smtp_client_read(self->client, OUTBOUND_TIMEOUT_DATA, "the content", &reply, &ignored) &&
        reply.code >= 400)
        smtp_client_failure_set_reply(&self->failure, &reply);
    self->client->is_closing = TRUE;
    fiber_deadline_restore(deadline);
}

/* From here on the peer may have the whole message. */
static void
content_announce_end(const Transaction *self)
{
    if (self->message->before_end != NULL)
        self->message->before_end(self->message->before_end_data);
}

static gboolean
content_send_stuffed(Transaction *self)
{
    DotStuffer stuffer;

    dot_stuffer_init(&stuffer);
    for (guint i = 0; i < 2; i++) {
        if (self->message->pieces[i].len > 0 &&
            !dot_stuffer_feed(&stuffer, self->message->pieces[i], content_put, self)) {
            content_read_last_words(self);
            return FALSE;
        }
    }
    content_announce_end(self);
    self->is_sent = TRUE;
    transcript_note(self->client->transcript, "C: (%" G_GSIZE_FORMAT " bytes of content)",
                    content_get_size(self));
    return content_put(dot_stuffer_get_end(&stuffer), self) &&
           smtp_client_flush(self->client, OUTBOUND_TIMEOUT_DATA, &self->failure);
}

static gboolean
content_put_chunk(Transaction *self)
{
    content_announce_end(self);
    if (!smtp_client_put(self->client, &self->failure, "BDAT %" G_GSIZE_FORMAT " LAST",
                         content_get_size(self)))
        return FALSE;
    transcript_note(self->client->transcript, "C: (%" G_GSIZE_FORMAT " bytes of content)",
                    content_get_size(self));
    return content_put(self->message->pieces[0], self) &&
           content_put(self->message->pieces[1], self);
}

static gboolean
content_send_chunk(Transaction *self)
{
    if (!content_put_chunk(self)) {
        content_read_last_words(self);
        return FALSE;
    }
    self->is_sent = TRUE;
    return smtp_client_flush(self->client, OUTBOUND_TIMEOUT_DATA, &self->failure);
}

/* All who were accepted share one answer. */
static void
transaction_settle_accepted(Transaction *self, const SmtpClientReply *reply)
{
    SmtpClientRecipient *first = NULL;

    for (guint i = 0; i < self->n_recipients; i++) {
        SmtpClientRecipient *rcpt = self->recipients[i];

        if (self->answers[i] != RCPT_ACCEPTED)
            continue;
        if (first == NULL) {
            transaction_settle_reply(self, rcpt, reply);
            first = rcpt;
            continue;
        }
        rcpt->outcome = first->outcome;
        rcpt->is_reply = first->is_reply;
        memcpy(rcpt->status, first->status, sizeof rcpt->status);
        rcpt->text = first->text;
    }
}

/* The answer to the content: one for all, or one for each with LMTP (RFC 2033 section 4.2). */
static gboolean
content_read_answers(Transaction *self)
{
    gboolean each = self->client->options.protocol == HOST_LMTP;
    SmtpClientReply reply;

    if (!each) {
        if (!transaction_read(self, OUTBOUND_TIMEOUT_DATA, "the content", &reply))
            return FALSE;
        transaction_settle_accepted(self, &reply);
    }
    for (guint i = 0; i < self->n_recipients && each; i++) {
        if (self->answers[i] != RCPT_ACCEPTED)
            continue;
        if (!transaction_read(self, OUTBOUND_TIMEOUT_DATA, "the content", &reply))
            return FALSE;
        transaction_settle_reply(self, self->recipients[i], &reply);
    }
    self->client->needs_reset = FALSE;
    return TRUE;
}

/* The answer to DATA: nobody may be waiting for the content any more, yet a peer that says
 * 354 must be given its end (RFC 2920 section 3.1). */
static gboolean
content_after_data(Transaction *self)
{
    SmtpClientReply reply;

    if (!transaction_read(self, OUTBOUND_TIMEOUT_DATA, "DATA", &reply))
        return FALSE;
    if (reply.code != 354) {
        smtp_client_failure_set_reply(&self->failure, &reply);
        return FALSE;
    }
    if (self->n_accepted > 0)
        return content_send_stuffed(self) && content_read_answers(self);
    return smtp_client_put(self->client, &self->failure, ".") &&
           smtp_client_flush(self->client, OUTBOUND_TIMEOUT_DATA, &self->failure) &&
           transaction_read(self, OUTBOUND_TIMEOUT_DATA, "an empty message", &reply);
}

/* --- the course of it --- */

static gboolean
transaction_uses_chunks(const Transaction *self)
{
    return self->message->is_binary || (self->client->options.chunking &&
                                        smtp_peer_offers(&self->client->peer, SMTP_PEER_CHUNKING));
}

/* With LMTP the number of answers to a chunk that nobody wanted is not defined. */
static gboolean
transaction_sends_ahead(const Transaction *self)
{
    return transaction_uses_chunks(self) && !self->message->is_careful &&
           self->client->options.protocol == HOST_SMTP &&
           content_get_size(self) <= SEND_AHEAD_BYTES;
}

static gboolean
pipeline_put_mail(Transaction *self)
{
    return (!self->has_reset || smtp_client_put(self->client, &self->failure, "RSET")) &&
           transaction_put_mail(self);
}

/* What asks for the content, or brings it. */
static gboolean
pipeline_put_content(Transaction *self, gboolean ahead)
{
    if (!ahead)
        return transaction_uses_chunks(self) ||
               smtp_client_put(self->client, &self->failure, "DATA");
    if (!content_put_chunk(self))
        return FALSE;
    self->is_sent = TRUE;
    return TRUE;
}

/* The recipients from (start) up to (end), and behind the last of all what follows them. */
static gboolean
pipeline_put(Transaction *self, guint start, guint end, gboolean ahead)
{
    if (start == 0 && !pipeline_put_mail(self))
        return FALSE;
    for (guint i = start; i < end; i++) {
        if (!transaction_put_rcpt(self, self->recipients[i]))
            return FALSE;
    }
    if (end == self->n_recipients && !pipeline_put_content(self, ahead))
        return FALSE;
    return smtp_client_flush(self->client, OUTBOUND_TIMEOUT_MAIL, &self->failure);
}

/* A refused MAIL makes all that was sent behind it void; the answers come nevertheless. */
static gboolean
pipeline_skip(Transaction *self, guint n_sent, gboolean has_content_answer)
{
    SmtpClientFailure why = self->failure;
    SmtpClientReply reply;

    self->is_sent = FALSE;
    transaction_settle_rest(self, &why);
    for (guint i = 0; i < n_sent && !self->client->is_closing; i++) {
        if (!smtp_client_read(self->client, OUTBOUND_TIMEOUT_RCPT, "RCPT", &reply, &self->failure))
            return FALSE;
    }
    if (!has_content_answer || self->client->is_closing)
        return !self->client->is_closing;
    if (transaction_uses_chunks(self))
        return smtp_client_read(self->client, OUTBOUND_TIMEOUT_DATA, "BDAT", &reply,
                                &self->failure);
    self->n_accepted = 0;
    return content_after_data(self) || !self->client->is_closing;
}

static gboolean
pipeline_finish(Transaction *self, gboolean ahead)
{
    SmtpClientReply reply;

    if (!transaction_uses_chunks(self))
        return content_after_data(self);
    if (ahead && self->n_accepted == 0) {
        self->is_sent = FALSE;
        return transaction_read(self, OUTBOUND_TIMEOUT_DATA, "BDAT", &reply);
    }
    if (self->n_accepted == 0)
        return TRUE;
    return (ahead || content_send_chunk(self)) && content_read_answers(self);
}

static gboolean
transaction_run_pipelined(Transaction *self)
{
    gboolean ahead = transaction_sends_ahead(self);
    gboolean has_content_answer = ahead || !transaction_uses_chunks(self);
    SmtpClientReply reply;

    for (guint start = 0, end; start < self->n_recipients; start = end) {
        end = MIN(start + PIPELINE_WINDOW, self->n_recipients);
        if (!pipeline_put(self, start, end, ahead) ||
            (start == 0 && !transaction_read_mail(self, &reply)))
            return FALSE;
        if (start == 0 && (reply.code < 200 || reply.code >= 300))
            return pipeline_skip(self, end, has_content_answer && end == self->n_recipients);
        for (guint i = start; i < end; i++) {
            if (!transaction_read_rcpt(self, i))
                return FALSE;
        }
        /* A peer that goes away at RCPT does not look at what was sent behind it. */
        if (self->client->is_closing) {
            self->is_sent = FALSE;
            return FALSE;
        }
    }
    return pipeline_finish(self, ahead);
}

static gboolean
transaction_run_plainly(Transaction *self)
{
    SmtpClient *client = self->client;
    SmtpClientReply reply;

    if (self->has_reset && (!smtp_client_put(client, &self->failure, "RSET") ||
                            !smtp_client_flush(client, OUTBOUND_TIMEOUT_MAIL, &self->failure)))
        return FALSE;
    if (self->has_reset && !transaction_read(self, OUTBOUND_TIMEOUT_MAIL, "RSET", &reply))
        return FALSE;
    self->has_reset = FALSE;
    if (!transaction_put_mail(self) ||
        !smtp_client_flush(client, OUTBOUND_TIMEOUT_MAIL, &self->failure) ||
        !transaction_read_mail(self, &reply))
        return FALSE;
    if (reply.code < 200 || reply.code >= 300)
        return FALSE;
    for (guint i = 0; i < self->n_recipients && !client->is_closing; i++) {
        if (!transaction_put_rcpt(self, self->recipients[i]) ||
            !smtp_client_flush(client, OUTBOUND_TIMEOUT_RCPT, &self->failure) ||
            !transaction_read_rcpt(self, i))
            return FALSE;
    }
    if (self->n_accepted == 0 || client->is_closing)
        return !client->is_closing;
    if (transaction_uses_chunks(self))
        return content_send_chunk(self) && content_read_answers(self);
    return smtp_client_put(client, &self->failure, "DATA") &&
           smtp_client_flush(client, OUTBOUND_TIMEOUT_DATA, &self->failure) &&
           content_after_data(self);
}

static SmtpClientState
transaction_end(Transaction *self, gboolean is_kept, gboolean ok)
{
    /* Nothing was read from a connection that had been idle: it was dead before. What was
     * sent ahead may nevertheless have arrived. */
    if (!ok && is_kept && self->is_first_read && !self->is_sent)
        return SMTP_CLIENT_STALE;
    if (self->client->is_closing && self->failure.text[0] == '\0')
        smtp_client_failure_set(&self->failure, FALSE, "4.4.2", "the host closed the connection");
    if (!ok)
        transaction_settle_rest(self, &self->failure);
    if (self->client->is_closing) {
        self->is_sent = FALSE;
        transaction_settle_rest(self, &self->failure);
        return SMTP_CLIENT_CLOSED;
    }
    return SMTP_CLIENT_USABLE;
}

SmtpClientState
smtp_client_send(SmtpClient *self, const SmtpClientMessage *message,
                 SmtpClientRecipient **recipients, guint n_recipients, Arena *arena)
{
    Transaction transaction = {
        .client = self,
        .message = message,
        .recipients = recipients,
        .n_recipients = n_recipients,
        .arena = arena,
        .answers = arena_alloc(arena, MAX(n_recipients, 1)),
        .has_reset = self->needs_reset,
        .is_first_read = TRUE,
    };
    gboolean is_kept = self->n_transactions > 0;
    gboolean ok;

    self->n_transactions++;
    self->needs_reset = TRUE;
    if (self->options.pipelining && smtp_peer_offers(&self->peer, SMTP_PEER_PIPELINING))
        ok = transaction_run_pipelined(&transaction);
    else
        ok = transaction_run_plainly(&transaction);
    return transaction_end(&transaction, is_kept, ok);
}
