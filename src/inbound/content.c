/* SPDX-License-Identifier: Apache-2.0 */
/* DATA (RFC 5321 section 4.1.1.4) and BDAT (RFC 3030): getting the content in. */
#include "inbound/commands.h"

#include "host/message-stream.h"
#include "smtp/data-decoder.h"

/* What is not kept, since it is too much or the disk is full, is of no interest to anybody. */
static gboolean
content_emit(BaridSlice run, gpointer data)
{
    Session *self = data;

    if (!arrival_append(&self->txn.arrival, run))
        return FALSE;
    if (self->txn.facts.stream != NULL)
        message_stream_feed(self->txn.facts.stream, run);
    return TRUE;
}

static void
content_open(Session *self)
{
    arrival_init(&self->txn.arrival, self->inbound->services.queue,
                 (gsize)self->inbound->data.memory_bytes, (gsize)self->txn.max_size);
    self->txn.has_arrival = TRUE;
    queue_id_format(queue_id_new(), self->txn.facts.queue_id);
    self->txn.facts.stream =
        message_stream_begin(self->inbound->services.host, &self->txn.facts);
}

/* Nothing may follow a bare CR or LF to somebody who might take it for a line end. */
static const gchar *
content_get_problem(const DataDecoder *decoder)
{
    if (decoder->saw_bare_lf)
        return "bare LF in the message";
    return decoder->saw_bare_cr ? "bare CR in the message" : NULL;
}

static SessionStep
content_lost(Session *self, const GError *error)
{
    self->end_reason = "peer";
    if (g_error_matches(error, FIBER_ERROR, BARID_ERROR_TIMEOUT))
        return session_close(self, "4.4.2", "timeout", "timeout, closing");
    if (g_error_matches(error, FIBER_ERROR, BARID_ERROR_CANCELLED))
        return session_close(self, "4.3.2", "shutdown", "shutting down, please come back");
    return SESSION_BREAKS;
}

static gboolean
content_over_transfer_limit(Session *self)
{
    return stream_get_n_received(self->stream) > (guint64)self->transfer_limit;
}

static gboolean
content_fill(Session *self, GError **error)
{
    gint64 deadline = fiber_deadline_push(self->timeout_ms);
    gboolean ok = stream_fill(self->stream, error);

    fiber_deadline_restore(deadline);
    return ok;
}

/* --- DATA --- */

static gboolean
data_receive(Session *self, DataDecoder *decoder, GError **error)
{
    for (;;) {
        BaridSlice input = stream_get_input(self->stream);
        gsize used;
        gboolean end;

        if (input.len > 0) {
            end = data_decoder_feed(decoder, input, content_emit, self, &used);
            stream_consume(self->stream, used);
            if (end)
                return TRUE;
        }
        if (!content_fill(self, error))
            return FALSE;
    }
}

SessionStep
cmd_data(Session *self, const SmtpCommand *command G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    DataDecoder decoder;
    HostOutcome outcome;

    if (!self->txn.open || self->txn.in_bdat)
        return session_reply(self, 503, "5.5.1", self->txn.open ? "BDAT has begun already"
                                                                 : "say MAIL first");
    if (self->txn.facts.recipients->len == 0)
        return session_reply(self, 503, "5.5.1", "there is no valid recipient");
    /* RFC 3030 section 3: binary content cannot come by DATA. */
    if (self->txn.mail.body == SMTP_BODY_BINARYMIME)
        return session_reply(self, 503, "5.5.1", "BINARYMIME needs BDAT");
    host_run(self->inbound->services.host, BARID_STAGE_DATA, &self->txn.facts.scope, NULL,
             &outcome);
    if (outcome.verdict >= BARID_DEFER)
        return session_reply_outcome(self, &outcome);
    content_open(self);
    if (session_reply(self, 354, NULL, "end with a dot on a line of its own") != SESSION_GOES_ON ||
        !stream_flush(self->stream, NULL))
        return SESSION_BREAKS;
    line_reader_release(&self->reader);
    data_decoder_init(&decoder);
    if (!data_receive(self, &decoder, &error))
        return content_lost(self, error);
    if (content_over_transfer_limit(self))
        return session_close_over_transfer_limit(self);
    return transaction_finish(self, content_get_problem(&decoder));
}

/* --- BDAT --- */

/* Takes the chunk's bytes, whether they are wanted or not. */
static gboolean
bdat_receive(Session *self, guint64 left, gboolean wanted, DataDecoder *decoder, GError **error)
{
    while (left > 0) {
        BaridSlice input = stream_get_input(self->stream);

        if (input.len == 0) {
            if (!content_fill(self, error))
                return FALSE;
            continue;
        }
        input.len = (gsize)MIN((guint64)input.len, left);
        if (wanted) {
            data_decoder_inspect(decoder, input);
            content_emit(input, self);
        }
        stream_consume(self->stream, input.len);
        left -= input.len;
    }
    return TRUE;
}

static SessionStep
bdat_fail(Session *self, guint code, const gchar *enhanced, const gchar *text)
{
    self->txn.bdat_failed = TRUE;
    return session_reply(self, code, enhanced, "%s", text);
}

static SessionStep
bdat_judge_chunk(Session *self, gboolean last, gboolean refused_before)
{
    if (refused_before)
        return bdat_fail(self, 503, "5.5.1", "an earlier chunk failed; say RSET");
    if (!self->txn.open)
        return session_reply(self, 503, "5.5.1", "say MAIL first");
    if (self->txn.facts.recipients->len == 0)
        return bdat_fail(self, 503, "5.5.1", "there is no valid recipient");
    if (last)
        return SESSION_GOES_ON;
    if (self->txn.arrival.too_large)
        return bdat_fail(self, 552, "5.3.4", "the message is too large");
    return session_reply(self, 250, "2.6.0", "chunk received");
}

/* RFC 3030 section 2: after a failed chunk all that follow fail, until RSET. */
SessionStep
cmd_bdat(Session *self, const SmtpCommand *command)
{
    g_autoptr(GError) error = NULL;
    gboolean refused = self->txn.bdat_failed;
    gboolean wanted = self->txn.open && !refused && self->txn.facts.recipients->len > 0;
    gboolean first = wanted && !self->txn.in_bdat;
    HostOutcome outcome = {.verdict = BARID_CONTINUE};
    guint errors = self->n_errors;
    SessionStep step;

    if (first) {
        host_run(self->inbound->services.host, BARID_STAGE_DATA, &self->txn.facts.scope, NULL,
                 &outcome);
        wanted = outcome.verdict < BARID_DEFER;
        if (wanted) {
            content_open(self);
            data_decoder_init(&self->txn.decoder);
            self->txn.in_bdat = TRUE;
        }
    }
    line_reader_release(&self->reader);
    if (!bdat_receive(self, command->as.bdat.size_bytes, wanted, &self->txn.decoder, &error))
        return content_lost(self, error);
    if (content_over_transfer_limit(self))
        return session_close_over_transfer_limit(self);
    if (outcome.verdict >= BARID_DEFER) {
        self->txn.bdat_failed = TRUE;
        return session_reply_outcome(self, &outcome);
    }
    step = bdat_judge_chunk(self, command->as.bdat.last, refused);
    if (step != SESSION_GOES_ON || self->n_errors != errors || !command->as.bdat.last || !wanted)
        return step;
    data_decoder_finish(&self->txn.decoder);
    /* Binary content may hold anything; other content keeps to lines. */
    return transaction_finish(self, self->txn.mail.body == SMTP_BODY_BINARYMIME
                                        ? NULL
                                        : content_get_problem(&self->txn.decoder));
}
