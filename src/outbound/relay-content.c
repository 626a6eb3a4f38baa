/* SPDX-License-Identifier: Apache-2.0 */
#include "outbound/relay-content.h"

#include "base/text.h"
#include "mime/downgrade.h"
#include "mime/header.h"
#include "outbound/smtp-client-private.h"
#include "smtp/data-decoder.h"

/* Converted content is at most three times as long, and a little. */
enum { CONVERTED_FACTOR = 3, CONVERTED_EXTRA = 64 * 1024, OFFLOAD_BYTES = 128 * 1024 };

static gboolean
content_has_utf8_header(const RelayContent *self)
{
    for (guint i = 0; i < 2; i++) {
        gsize len = header_get_length(self->pieces[i]);

        if (!text_is_ascii(barid_slice(self->pieces[i].data, len)))
            return TRUE;
        /* The prefix may hold a part of the header, or all of it. */
        if (i == 0 && len < self->pieces[0].len)
            break;
    }
    return FALSE;
}

static gboolean
content_has_utf8_address(const QueueJob *job)
{
    if (!text_is_ascii(job->envelope.sender))
        return TRUE;
    for (guint i = 0; i < job->n_recipients; i++) {
        if (!text_is_ascii(job->envelope.recipients[job->recipients[i]].address))
            return TRUE;
    }
    return FALSE;
}

void
relay_content_init(RelayContent *self, const QueueJob *job)
{
    DataDecoder decoder;

    *self = (RelayContent){.job = job};
    self->pieces[0] = job->pieces[0];
    self->pieces[1] = job->pieces[1];
    data_decoder_init(&decoder);
    data_decoder_inspect(&decoder, self->pieces[0]);
    data_decoder_inspect(&decoder, self->pieces[1]);
    data_decoder_finish(&decoder);
    self->has_8bit = decoder.saw_8bit;
    self->has_controls = decoder.saw_bare_cr || decoder.saw_bare_lf || decoder.saw_nul;
    self->has_utf8_address = content_has_utf8_address(job);
    if ((job->envelope.flags & ENVELOPE_UTF8) != 0 && self->has_8bit)
        self->has_utf8_header = content_has_utf8_header(self);
}

void
relay_content_clear(RelayContent *self)
{
    buffer_clear(&self->converted);
}

typedef struct {
    RelayContent *content;
    DowngradeResult result;
} ConvertWork;

static void
content_convert(gpointer data)
{
    ConvertWork *work = data;
    RelayContent *self = work->content;
    gsize len = self->pieces[0].len + self->pieces[1].len;
    g_autofree guint8 *joined = NULL;

    buffer_init(&self->converted, len * CONVERTED_FACTOR + CONVERTED_EXTRA);
    if (self->pieces[0].len == 0) {
        work->result = downgrade_message(self->pieces[1], &self->converted);
        return;
    }
    joined = g_try_malloc(len);
    work->result = DOWNGRADE_TOO_LARGE;
    if (joined == NULL)
        return;
    memcpy(joined, self->pieces[0].data, self->pieces[0].len);
    if (self->pieces[1].len > 0)
        memcpy(joined + self->pieces[0].len, self->pieces[1].data, self->pieces[1].len);
    work->result = downgrade_message(barid_slice(joined, len), &self->converted);
}

static gboolean
content_fail_conversion(DowngradeResult result, SmtpClientFailure *out_failure)
{
    if (result == DOWNGRADE_HEADER_8BIT)
        smtp_client_failure_set(out_failure, TRUE, "5.6.9",
                                "the header needs 8 bits, which the host does not take");
    else if (result == DOWNGRADE_SEALED)
        smtp_client_failure_set(out_failure, TRUE, "5.6.3",
                                "the host takes 7 bits only, and the message is signed or "
                                "encrypted");
    else
        smtp_client_failure_set(out_failure, result != DOWNGRADE_TOO_LARGE,
                                result != DOWNGRADE_TOO_LARGE ? "5.6.3" : "4.3.1",
                                "the message cannot be converted for the host");
    return FALSE;
}

static gboolean
content_convert_once(RelayContent *self, SmtpClientFailure *out_failure)
{
    ConvertWork work = {.content = self};

    if (self->is_converted)
        return TRUE;
    buffer_clear(&self->converted);
    if (self->pieces[0].len + self->pieces[1].len < OFFLOAD_BYTES)
        content_convert(&work);
    else if (!barid_offload(content_convert, &work, NULL))
        work.result = DOWNGRADE_TOO_LARGE;
    if (work.result != DOWNGRADE_OK)
        return content_fail_conversion(work.result, out_failure);
    self->is_converted = TRUE;
    return TRUE;
}

static gboolean
content_check_size(const SmtpPeer *peer, const SmtpClientMessage *message,
                   SmtpClientFailure *out_failure)
{
    gsize size = message->pieces[0].len + message->pieces[1].len;

    if (peer->size_limit == 0 || size <= peer->size_limit)
        return TRUE;
    smtp_client_failure_set(out_failure, TRUE, "5.3.4",
                            "the message has %" G_GSIZE_FORMAT " bytes, the host takes %"
                            G_GUINT64_FORMAT, size, peer->size_limit);
    return FALSE;
}

gboolean
relay_content_prepare(RelayContent *self, const SmtpPeer *peer, SmtpClientMessage *out_message,
                      SmtpClientFailure *out_failure)
{
    gboolean takes_binary = smtp_peer_offers(peer, SMTP_PEER_BINARYMIME) &&
                            smtp_peer_offers(peer, SMTP_PEER_CHUNKING);
    gboolean needs_utf8 = self->has_utf8_address || self->has_utf8_header;

    if (needs_utf8 && !smtp_peer_offers(peer, SMTP_PEER_SMTPUTF8)) {
        /* RFC 6531 section 3.5 has a code for each. */
        smtp_client_failure_set(out_failure, TRUE, self->has_utf8_address ? "5.6.7" : "5.6.9",
                                "the host does not take internationalised mail (SMTPUTF8)");
        return FALSE;
    }
    out_message->is_utf8 = needs_utf8;
    out_message->is_binary = FALSE;
    out_message->is_8bit = FALSE;
    if ((self->has_controls && !takes_binary) ||
        (self->has_8bit && !takes_binary && !smtp_peer_offers(peer, SMTP_PEER_8BITMIME))) {
        if (!content_convert_once(self, out_failure))
            return FALSE;
        out_message->pieces[0] = buffer_get_slice(&self->converted);
        out_message->pieces[1] = BARID_SLICE_EMPTY;
        return content_check_size(peer, out_message, out_failure);
    }
    out_message->pieces[0] = self->pieces[0];
    out_message->pieces[1] = self->pieces[1];
    out_message->is_binary =
        self->has_controls || (self->has_8bit && !smtp_peer_offers(peer, SMTP_PEER_8BITMIME));
    out_message->is_8bit =
        self->has_8bit || (self->job->envelope.flags & (ENVELOPE_8BIT | ENVELOPE_BINARY)) != 0;
    return content_check_size(peer, out_message, out_failure);
}
