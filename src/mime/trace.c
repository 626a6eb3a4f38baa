/* SPDX-License-Identifier: Apache-2.0 */
#include "mime/trace.h"

#include "base/text.h"
#include "mime/header.h"
#include "mime/mail-address.h"
#include "mime/mail-date.h"

const gchar *
trace_get_with_keyword(guint protocol)
{
    /* Rows: plain, UTF8. Columns: A is bit 0, S is bit 1. */
    static const gchar *const smtp[2][4] = {
        {"ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA"},
        {"UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA"},
    };
    static const gchar *const lmtp[2][4] = {
        {"LMTP", "LMTPA", "LMTPS", "LMTPSA"},
        {"UTF8LMTP", "UTF8LMTPA", "UTF8LMTPS", "UTF8LMTPSA"},
    };
    guint row = (protocol & TRACE_UTF8) != 0 ? 1 : 0;
    guint column =
        ((protocol & TRACE_AUTH) != 0 ? 1u : 0u) + ((protocol & TRACE_TLS) != 0 ? 2u : 0u);

    /* No keyword says HELO over TLS; the letters for TLS exist with the "E" only. */
    if (protocol == 0)
        return "SMTP";
    return (protocol & TRACE_LMTP) != 0 ? lmtp[row][column] : smtp[row][column];
}

static gboolean
is_atext_or_dot(guint8 byte)
{
    static const gchar specials[] = "!#$%&'*+-./=^_`{|}~";

    return g_ascii_isalnum(byte) || (byte != 0 && memchr(specials, byte, sizeof specials - 1));
}

/* A name that is neither domain nor literal keeps its look, but cannot leave its word: no
 * blank, bracket, comment, quote or line end passes. */
static gboolean
append_helo(Buffer *out, BaridSlice helo)
{
    Address literal;
    guint8 *to;

    helo.len = MIN(helo.len, (gsize)MAIL_ADDRESS_DOMAIN_MAX);
    if (helo.len == 0)
        return buffer_append_text(out, "unknown");
    if (mail_literal_parse(helo, &literal))
        return buffer_append(out, helo.data, helo.len);
    to = buffer_reserve(out, helo.len);
    if (to == NULL)
        return FALSE;
    for (gsize i = 0; i < helo.len; i++)
        to[i] = is_atext_or_dot(helo.data[i]) ? helo.data[i] : '?';
    out->len += helo.len;
    return TRUE;
}

/* RFC 5321 section 4.4 From-domain with its TCP-info. */
static gboolean
append_from(Buffer *out, const TraceReceived *received)
{
    gchar ip[ADDRESS_TEXT_MAX];

    if (received->client == NULL)
        return TRUE;
    address_format_ip(received->client, ip);
    return buffer_append_text(out, "from ") && append_helo(out, received->helo) &&
           buffer_printf(out, " (%s [%s%s])\r\n ",
                         received->client_name == NULL ? "unknown" : received->client_name,
                         received->client->is_v6 ? "IPv6:" : "", ip);
}

/* RFC 8314 section 4.3 asks for the TLS parameters; a comment can carry the version too. */
static gboolean
append_tls_note(Buffer *out, const TraceReceived *received)
{
    if ((received->protocol & TRACE_TLS) == 0 || received->tls_version == NULL ||
        received->tls_cipher == NULL)
        return TRUE;
    if (!buffer_printf(out, "\r\n (tls %s %s", received->tls_version, received->tls_cipher))
        return FALSE;
    if (received->tls_bits > 0 && !buffer_printf(out, " %u bits", received->tls_bits))
        return FALSE;
    return buffer_append_text(out, ")");
}

static gboolean
append_for(Buffer *out, const TraceReceived *received)
{
    BaridSlice recipient = received->recipient;

    if (recipient.len == 0 || !header_value_is_valid(recipient))
        return TRUE;
    /* RFC 6531 section 3.7.3: UTF-8 only in a message that is internationalised anyway. */
    if ((received->protocol & TRACE_UTF8) == 0 && !text_is_ascii(recipient))
        return TRUE;
    return buffer_append_text(out, "\r\n for <") &&
           buffer_append(out, recipient.data, recipient.len) && buffer_append_text(out, ">");
}

gboolean
trace_append_received(Buffer *out, const TraceReceived *received)
{
    gsize start = out->len;
    gchar date[MAIL_DATE_TEXT_MAX];

    mail_date_format(received->date_ms, date);
    if (buffer_append_text(out, "Received: ") && append_from(out, received) &&
        buffer_printf(out, "by %s with %s", received->by,
                      trace_get_with_keyword(received->protocol)) &&
        append_tls_note(out, received) && buffer_printf(out, "\r\n id %s", received->queue_id) &&
        append_for(out, received) && buffer_printf(out, ";\r\n %s\r\n", date))
        return TRUE;
    out->len = start;
    return FALSE;
}

gboolean
trace_append_return_path(Buffer *out, BaridSlice sender)
{
    gsize start = out->len;

    if (!header_value_is_valid(sender))
        return FALSE;
    if (buffer_append_text(out, "Return-Path: <") && buffer_append(out, sender.data, sender.len) &&
        buffer_append_text(out, ">\r\n"))
        return TRUE;
    out->len = start;
    return FALSE;
}
