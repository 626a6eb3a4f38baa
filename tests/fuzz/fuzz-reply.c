/* SPDX-License-Identifier: Apache-2.0 */
/* Replies: any text becomes lines within the limit that parse again; a peer's line of any
 * bytes is parsed without harm. */
#include "smtp/reply.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
check_written(const gchar *text)
{
    g_auto(Buffer) out;
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

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autofree gchar *text = g_strndup(size > 0 ? (const gchar *)data : "", size);
    SmtpReply reply;

    if (smtp_reply_parse_line(barid_slice(data, size), &reply) != SMTP_REPLY_BAD)
        g_assert(reply.code >= 200 && reply.code < 600 && reply.text.len <= size);
    check_written(text);
    return 0;
}
