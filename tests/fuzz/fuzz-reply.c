/* SPDX-License-Identifier: Apache-2.0 */
/* Replies: any text becomes lines within the limit that parse again; a peer's line of any
 * bytes, and any offer of its EHLO, is parsed without harm; what is stuffed has no line that
 * ends the data but the last. */
#include "smtp/dot-stuffer.h"
#include "smtp/peer.h"
#include "smtp/reply.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
check_written(const gchar *text)
{
    g_auto(Buffer) out = {0};
    SmtpReplyStep step = SMTP_REPLY_MORE;
    gsize start = 0;

    buffer_init(&out, 1 << 20);
    if (!smtp_reply_append(&out, 550, "5.1.1", text))
        return;
    for (gsize i = 0; i < out.len; i++) {
        SmtpReply reply;

        if (out.data[i] != '\n')
            continue;
        g_assert(step == SMTP_REPLY_MORE && i + 1 - start <= SMTP_REPLY_LINE_MAX);
        g_assert(i > start && out.data[i - 1] == '\r');
        step = smtp_reply_parse_line(barid_slice(out.data + start, i - 1 - start), &reply);
        g_assert(reply.code == 550 && reply.enhanced_class == 5);
        start = i + 1;
    }
    g_assert(step == SMTP_REPLY_DONE && start == out.len);
}

static gboolean
stuffed_take(BaridSlice run, gpointer data)
{
    g_string_append_len(data, (const gchar *)run.data, (gssize)run.len);
    return TRUE;
}

static void
check_stuffed(BaridSlice content)
{
    g_autoptr(GString) wire = g_string_new("\r\n");
    DotStuffer stuffer;
    gsize half = content.len / 2;

    dot_stuffer_init(&stuffer);
    dot_stuffer_feed(&stuffer, barid_slice(content.data, half), stuffed_take, wire);
    dot_stuffer_feed(&stuffer, barid_slice(content.data + half, content.len - half), stuffed_take,
                     wire);
    stuffed_take(dot_stuffer_get_end(&stuffer), wire);
    for (gsize i = 0; i + 5 < wire->len; i++)
        g_assert(memcmp(wire->str + i, "\r\n.\r\n", 5) != 0);
    g_assert(g_str_has_suffix(wire->str, "\r\n.\r\n") || content.len > 0);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    SmtpPeer peer = {0};
    g_autofree gchar *text = g_strndup(size > 0 ? (const gchar *)data : "", size);
    SmtpReply reply;

    if (smtp_reply_parse_line(barid_slice(data, size), &reply) != SMTP_REPLY_BAD)
        g_assert(reply.code >= 200 && reply.code < 600 && reply.text.len <= size);
    check_written(text);
    smtp_peer_take_line(&peer, barid_slice(data, size));
    g_assert(peer.rcpt_limit <= 1000000);
    check_stuffed(barid_slice(data, size));
    return 0;
}
