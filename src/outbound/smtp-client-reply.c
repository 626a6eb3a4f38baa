/* SPDX-License-Identifier: Apache-2.0 */
/* Commands out, replies in. */
#include <stdarg.h>

#include "base/text.h"
#include "outbound/smtp-client-private.h"
#include "smtp/reply.h"

/* More than any command needs whose address and parameters keep to their limits. */
enum { COMMAND_LEN_MAX = 2047 };

/* --- failures --- */

void
smtp_client_failure_set(SmtpClientFailure *out_failure, gboolean permanent, const gchar *status,
                        const gchar *format, ...)
{
    va_list args;

    *out_failure = (SmtpClientFailure){.permanent = permanent};
    g_strlcpy(out_failure->status, status, sizeof out_failure->status);
    va_start(args, format);
    g_vsnprintf(out_failure->text, sizeof out_failure->text, format, args);
    va_end(args);
}

void
smtp_client_reply_format_status(const SmtpClientReply *reply, gchar *out_status,
                                gsize status_size)
{
    if (reply->enhanced_class != 0)
        g_snprintf(out_status, status_size, "%u.%u.%u", reply->enhanced_class,
                   reply->enhanced_subject, reply->enhanced_detail);
    else
        g_snprintf(out_status, status_size, "%u.0.0",
                   reply->code < 300 ? 2 : reply->code < 500 ? 4 : 5);
}

/* A reply that should not be there, such as 3xx, is a temporary matter. */
void
smtp_client_failure_set_reply(SmtpClientFailure *out_failure, const SmtpClientReply *reply)
{
    *out_failure = (SmtpClientFailure){.permanent = reply->code >= 500, .is_reply = TRUE};
    if (reply->code >= 400)
        smtp_client_reply_format_status(reply, out_failure->status, sizeof out_failure->status);
    else
        g_strlcpy(out_failure->status, "4.5.0", sizeof out_failure->status);
    g_strlcpy(out_failure->text, reply->text, sizeof out_failure->text);
}

void
smtp_client_failure_set_error(SmtpClientFailure *out_failure, const gchar *what,
                              const GError *error)
{
    const gchar *status = "4.4.2";

    if (error->code == BARID_ERROR_CANCELLED)
        status = "4.3.2";
    smtp_client_failure_set(out_failure, FALSE, status, "%s: %s", what, error->message);
    out_failure->is_cancelled = error->code == BARID_ERROR_CANCELLED;
}

/* --- sending --- */

static gboolean
client_send_line(SmtpClient *self, BaridSlice line, SmtpClientFailure *out_failure)
{
    g_autoptr(GError) error = NULL;

    if (stream_put(self->stream, line, &error) &&
        stream_put(self->stream, BARID_SLICE_LITERAL("\r\n"), &error))
        return TRUE;
    self->is_closing = TRUE;
    smtp_client_failure_set_error(out_failure, "sending a command", error);
    return FALSE;
}

gboolean
smtp_client_put_line(SmtpClient *self, SmtpClientFailure *out_failure, BaridSlice line)
{
    /* Nothing that stands in it becomes a command of its own. */
    if (line.len > COMMAND_LEN_MAX || text_find(line, '\n') >= 0) {
        self->is_closing = TRUE;
        smtp_client_failure_set(out_failure, TRUE, "5.6.0",
                                line.len > COMMAND_LEN_MAX ? "a command would be too long"
                                                           : "a command would be two lines");
        return FALSE;
    }
    transcript_quote(self->transcript, "C: ", line);
    return client_send_line(self, line, out_failure);
}

gboolean
smtp_client_put(SmtpClient *self, SmtpClientFailure *out_failure, const gchar *format, ...)
{
    gchar line[COMMAND_LEN_MAX + 2]; /* one more shows that there is too much */
    va_list args;
    gint len;

    va_start(args, format);
    len = g_vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return smtp_client_put_line(self, out_failure,
                                barid_slice(line, MIN((gsize)MAX(len, 0), sizeof line - 1)));
}

gboolean
smtp_client_put_secret(SmtpClient *self, const gchar *shown, const gchar *text,
                       SmtpClientFailure *out_failure)
{
    transcript_quote(self->transcript, "C: ", barid_slice_from_text(shown));
    return client_send_line(self, barid_slice_from_text(text), out_failure);
}

gboolean
smtp_client_flush(SmtpClient *self, OutboundTimeout timeout, SmtpClientFailure *out_failure)
{
    g_autoptr(GError) error = NULL;
    gint64 deadline = fiber_deadline_push(self->options.timeouts_ms[timeout]);
    gboolean ok = stream_flush(self->stream, &error);

    fiber_deadline_restore(deadline);
    if (ok)
        return TRUE;
    self->is_closing = TRUE;
    smtp_client_failure_set_error(out_failure, "sending", error);
    return FALSE;
}

/* --- replies --- */

typedef struct {
    SmtpClient *client;
    const gchar *what;
    SmtpClientLineFunc on_line;
    gpointer data;
    SmtpClientReply *reply;
    gsize text_len;
    guint n_lines;
} ReplyRun;

/* The text of all lines, printable and cut at the limit. */
static void
reply_append_text(ReplyRun *run, BaridSlice text)
{
    gchar *to = run->reply->text;

    for (gsize i = 0; i < text.len && run->text_len + 1 < SMTP_CLIENT_TEXT_MAX; i++) {
        guint8 byte = text.data[i];

        to[run->text_len++] = byte >= 0x20 && byte < 0x7f ? (gchar)byte : '?';
    }
    to[run->text_len] = '\0';
}

static SmtpReplyStep
reply_take_line(ReplyRun *run, BaridSlice line)
{
    SmtpReply parsed;
    SmtpReplyStep step = smtp_reply_parse_line(line, &parsed);

    transcript_quote(run->client->transcript, "S: ", line);
    if (step == SMTP_REPLY_BAD)
        return step;
    if (run->n_lines == 0) {
        reply_append_text(run, line);
        if (run->text_len > 3)
            run->reply->text[3] = ' ';
    } else if (parsed.text.len > 0) {
        reply_append_text(run, BARID_SLICE_LITERAL(" "));
        reply_append_text(run, parsed.text);
    }
    if (run->on_line != NULL && line.len > 4)
        run->on_line(run->n_lines, barid_slice(line.data + 4, line.len - 4), run->data);
    run->reply->code = parsed.code;
    run->reply->enhanced_class = parsed.enhanced_class;
    run->reply->enhanced_subject = parsed.enhanced_subject;
    run->reply->enhanced_detail = parsed.enhanced_detail;
    run->n_lines++;
    return step;
}

static gboolean
reply_refuse(ReplyRun *run, const gchar *why, SmtpClientFailure *out_failure)
{
    transcript_note(run->client->transcript, "(%s)", why);
    smtp_client_failure_set(out_failure, FALSE, "4.5.0", "answer to %s: %s", run->what, why);
    return FALSE;
}

/* Takes what has arrived. TRUE when the reply is complete, or FALSE with (*out_again): more
 * input is needed. */
static gboolean
reply_take_input(ReplyRun *run, gboolean *out_again, SmtpClientFailure *out_failure)
{
    Stream *stream = run->client->stream;

    *out_again = FALSE;
    for (;;) {
        BaridSlice input = stream_get_input(stream);
        gssize end = text_find(barid_slice(input.data, MIN(input.len, SMTP_CLIENT_LINE_MAX)), '\n');
        SmtpReplyStep step;
        gsize len;

        if (end < 0 && input.len >= SMTP_CLIENT_LINE_MAX)
            return reply_refuse(run, "a line is too long", out_failure);
        if (end < 0) {
            *out_again = TRUE;
            return FALSE;
        }
        if (run->n_lines == SMTP_CLIENT_LINES_MAX)
            return reply_refuse(run, "too many lines", out_failure);
        len = (gsize)end;
        if (len > 0 && input.data[len - 1] == '\r')
            len--;
        step = reply_take_line(run, barid_slice(input.data, len));
        stream_consume(stream, (gsize)end + 1);
        if (step == SMTP_REPLY_BAD)
            return reply_refuse(run, "this is no reply", out_failure);
        if (step == SMTP_REPLY_DONE)
            return TRUE;
    }
}

static gboolean
reply_run(ReplyRun *run, SmtpClientFailure *out_failure)
{
    g_autoptr(GError) error = NULL;
    gboolean again;

    while (!reply_take_input(run, &again, out_failure)) {
        g_autofree gchar *what = NULL;

        if (!again)
            return FALSE;
        if (stream_fill(run->client->stream, &error))
            continue;
        what = g_strdup_printf("waiting for the answer to %s", run->what);
        transcript_note(run->client->transcript, "(%s)", error->message);
        smtp_client_failure_set_error(out_failure, what, error);
        return FALSE;
    }
    return TRUE;
}

gboolean
smtp_client_read_lines(SmtpClient *self, OutboundTimeout timeout, const gchar *what,
                       SmtpClientLineFunc on_line, gpointer data, SmtpClientReply *out_reply,
                       SmtpClientFailure *out_failure)
{
    ReplyRun run = {
        .client = self, .what = what, .on_line = on_line, .data = data, .reply = out_reply};
    gint64 deadline = fiber_deadline_push(self->options.timeouts_ms[timeout]);
    gboolean ok;

    out_reply->text[0] = '\0';
    ok = reply_run(&run, out_failure);
    fiber_deadline_restore(deadline);
    /* RFC 5321 section 3.8: 421 closes, whatever was asked. */
    if (!ok || out_reply->code == 421)
        self->is_closing = TRUE;
    return ok;
}

gboolean
smtp_client_read(SmtpClient *self, OutboundTimeout timeout, const gchar *what,
                 SmtpClientReply *out_reply, SmtpClientFailure *out_failure)
{
    return smtp_client_read_lines(self, timeout, what, NULL, NULL, out_reply, out_failure);
}
