/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp/reply.h"

#include "base/cursor.h"
#include "base/text.h"

enum {
    CODE_MIN = 200,
    CODE_MAX = 599,
    LINE_END_LEN = 2,
    STATUS_DIGITS_MAX = 3, /* RFC 3463 section 2 */
};

/* RFC 5321 section 4.2 textstring: HT and printable ASCII. */
static guint8
printable(guint8 byte)
{
    return byte == '\t' || (byte >= 0x20 && byte < 0x7f) ? byte : '?';
}

static gboolean
append_text(Buffer *out, BaridSlice text)
{
    guint8 *to = buffer_reserve(out, text.len);

    if (to == NULL)
        return FALSE;
    for (gsize i = 0; i < text.len; i++)
        to[i] = printable(text.data[i]);
    out->len += text.len;
    return TRUE;
}

/* How much of (text) goes on a line with (room) bytes: up to the last blank when it must
 * be cut. The blank stays at the end of the earlier line, so that nothing is lost. */
static gsize
get_cut(BaridSlice text, gsize room)
{
    gssize blank;

    if (text.len <= room)
        return text.len;
    blank = text_find_last(barid_slice(text.data, room), ' ');
    return blank <= 0 ? room : (gsize)blank + 1;
}

/* The first line of (text), which is shortened by it; a CR before the LF is dropped. */
static BaridSlice
take_text_line(BaridSlice *text)
{
    gssize newline = text_find(*text, '\n');
    gsize len = newline < 0 ? text->len : (gsize)newline;
    gsize used = len + (newline >= 0);
    BaridSlice line = barid_slice(text->data, len);

    if (newline > 0 && line.data[len - 1] == '\r')
        line.len--;
    *text = barid_slice(text->data + used, text->len - used);
    return line;
}

/* RFC 2034 section 4: the enhanced code stands on every line of a reply. */
static gboolean
append_reply_line(Buffer *out, const gchar *prefix, BaridSlice text)
{
    return buffer_append_text(out, prefix) && append_text(out, text) &&
           buffer_append(out, "\r\n", LINE_END_LEN);
}

/* Every reply begins so: three digits are not worth a format. */
static void
set_code(gchar *prefix, guint code, gchar separator)
{
    prefix[0] = (gchar)('0' + code / 100);
    prefix[1] = (gchar)('0' + code / 10 % 10);
    prefix[2] = (gchar)('0' + code % 10);
    prefix[3] = separator;
    prefix[4] = '\0';
}

static gboolean
append_wrapped(Buffer *out, guint code, const gchar *enhanced, BaridSlice text)
{
    gchar prefix[32];
    gsize prefix_len;

    set_code(prefix, code, '-');
    if (enhanced != NULL)
        g_strlcat(prefix, enhanced, sizeof prefix - 1);
    if (enhanced != NULL && text.len > 0)
        g_strlcat(prefix, " ", sizeof prefix);
    prefix_len = strlen(prefix);
    do {
        BaridSlice line = take_text_line(&text);

        do {
            gsize cut = get_cut(line, SMTP_REPLY_LINE_MAX - LINE_END_LEN - prefix_len);

            if (text.len == 0 && cut == line.len)
                prefix[3] = ' ';
            if (!append_reply_line(out, prefix, barid_slice(line.data, cut)))
                return FALSE;
            line = barid_slice(line.data + cut, line.len - cut);
        } while (line.len > 0);
    } while (text.len > 0);
    return TRUE;
}

gboolean
smtp_reply_append(Buffer *out, guint code, const gchar *enhanced, const gchar *text)
{
    gsize start = out->len;

    g_assert(code >= CODE_MIN && code <= CODE_MAX);
    if (append_wrapped(out, code, enhanced, barid_slice_from_text(text == NULL ? "" : text)))
        return TRUE;
    out->len = start;
    return FALSE;
}

gboolean
smtp_reply_append_lines(Buffer *out, guint code, const gchar *const *lines, guint n_lines)
{
    gsize start = out->len;
    gchar prefix[8];

    g_assert(code >= CODE_MIN && code <= CODE_MAX && n_lines > 0);
    for (guint i = 0; i < n_lines; i++) {
        BaridSlice line = barid_slice_from_text(lines[i]);

        set_code(prefix, code, i + 1 < n_lines ? '-' : ' ');
        /* A keyword line cannot be continued on the next: cutting is the lesser harm. */
        line.len = MIN(line.len, SMTP_REPLY_LINE_MAX - LINE_END_LEN - 4);
        if (!append_reply_line(out, prefix, line)) {
            out->len = start;
            return FALSE;
        }
    }
    return TRUE;
}

/* One to three digits (RFC 3463 section 2), without a leading zero. */
static gboolean
take_status_number(Cursor *cursor, guint16 *out_number)
{
    guint number = 0;
    guint n_digits = 0;
    gboolean leads_with_zero = cursor_peek(cursor) == '0';

    while (n_digits <= STATUS_DIGITS_MAX && cursor_peek(cursor) >= '0' &&
           cursor_peek(cursor) <= '9') {
        number = number * 10 + (guint)(cursor_next(cursor) - '0');
        n_digits++;
    }
    if (n_digits == 0 || n_digits > STATUS_DIGITS_MAX || (leads_with_zero && n_digits > 1))
        return FALSE;
    *out_number = (guint16)number;
    return TRUE;
}

/* An enhanced code whose class agrees with the reply's (RFC 2034 section 4); anything else
 * is text. */
static void
take_enhanced(Cursor *cursor, SmtpReply *reply)
{
    Cursor ahead = *cursor;
    guint class = reply->code / 100;
    guint16 subject;
    guint16 detail;

    if (cursor_next(&ahead) != (gint)('0' + class) || !cursor_accept(&ahead, '.') || class == 3)
        return;
    if (!take_status_number(&ahead, &subject) || !cursor_accept(&ahead, '.') ||
        !take_status_number(&ahead, &detail))
        return;
    if (!cursor_is_end(&ahead) && !cursor_accept(&ahead, ' '))
        return;
    reply->enhanced_class = (guint8)class;
    reply->enhanced_subject = subject;
    reply->enhanced_detail = detail;
    *cursor = ahead;
}

/* RFC 5321 section 4.2. Any second and third digit is taken: section 4.3.2 wants clients to
 * act on the first one when they do not know the rest. */
SmtpReplyStep
smtp_reply_parse_line(BaridSlice line, SmtpReply *out_reply)
{
    Cursor cursor = cursor_new(line);
    SmtpReply reply = {0};
    SmtpReplyStep step = SMTP_REPLY_DONE;

    for (guint i = 0; i < 3; i++) {
        gint byte = cursor_next(&cursor);

        if (byte < '0' || byte > '9')
            return SMTP_REPLY_BAD;
        reply.code = reply.code * 10 + (guint)(byte - '0');
    }
    if (reply.code < CODE_MIN || reply.code > CODE_MAX)
        return SMTP_REPLY_BAD;
    if (cursor_accept(&cursor, '-'))
        step = SMTP_REPLY_MORE;
    else if (!cursor_is_end(&cursor) && !cursor_accept(&cursor, ' '))
        return SMTP_REPLY_BAD;
    take_enhanced(&cursor, &reply);
    reply.text = cursor_get_rest(&cursor);
    *out_reply = reply;
    return step;
}
