/* SPDX-License-Identifier: Apache-2.0 */
#include "mime/downgrade.h"

#include "base/text.h"
#include "mime/header.h"

enum {
    LINE_MAX_BYTES = 998, /* RFC 5322 section 2.1.1 */
    ENCODED_LINE_MAX = 76, /* RFC 2045 section 6.7 and 6.8 */
    BOUNDARY_MAX = 200,
};

typedef struct {
    gboolean has_8bit;
    gboolean has_controls; /* NUL, bare CR, bare LF */
    gboolean has_long_lines;
} ContentTraits;

typedef struct {
    BaridSlice type;         /* value of Content-Type; empty without one */
    BaridSlice encoding;     /* of Content-Transfer-Encoding, trimmed */
    gsize header_len;        /* with the empty line, when there is one */
    gboolean has_mime_version;
} EntityHeader;

static DowngradeResult downgrade_entity(BaridSlice entity, guint depth, Buffer *out);

/* --- looking --- */

static ContentTraits
content_look(BaridSlice content)
{
    ContentTraits traits = {FALSE, FALSE, FALSE};
    gsize line_start = 0;

    for (gsize i = 0; i < content.len; i++) {
        guint8 byte = content.data[i];

        if (byte >= 0x80) {
            traits.has_8bit = TRUE;
        } else if (byte == '\n') {
            if (i == line_start || content.data[i - 1] != '\r')
                traits.has_controls = TRUE;
            if (i - line_start > LINE_MAX_BYTES + 1)
                traits.has_long_lines = TRUE;
            line_start = i + 1;
        } else if (byte == '\0') {
            traits.has_controls = TRUE;
        } else if (byte == '\r' && (i + 1 == content.len || content.data[i + 1] != '\n')) {
            traits.has_controls = TRUE;
        }
    }
    if (content.len - line_start > LINE_MAX_BYTES)
        traits.has_long_lines = TRUE;
    return traits;
}

static gboolean
traits_are_plain(ContentTraits traits)
{
    return !traits.has_8bit && !traits.has_controls && !traits.has_long_lines;
}

gboolean
downgrade_is_needless(BaridSlice content)
{
    return traits_are_plain(content_look(content));
}

static gboolean
field_is(const HeaderField *field, const gchar *name)
{
    return barid_slice_equal_nocase(field->name, barid_slice_from_text(name));
}

static void
entity_read_header(BaridSlice entity, EntityHeader *out)
{
    HeaderIter iter;
    HeaderField field;

    *out = (EntityHeader){0};
    header_iter_init(&iter, entity);
    while (header_iter_next(&iter, &field) == HEADER_FIELD) {
        if (field_is(&field, "Content-Type"))
            out->type = text_trim(field.value);
        else if (field_is(&field, "Content-Transfer-Encoding"))
            out->encoding = text_trim(field.value);
        else if (field_is(&field, "MIME-Version"))
            out->has_mime_version = TRUE;
    }
    out->header_len = header_iter_get_body_offset(&iter);
}

static gboolean
type_starts_with(BaridSlice type, const gchar *prefix)
{
    gsize len = strlen(prefix);

    return type.len >= len &&
           barid_slice_equal_nocase(barid_slice(type.data, len), barid_slice(prefix, len));
}

/* --- parameters (RFC 2045 section 5.1) --- */

static gboolean
is_blank(guint8 byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static gsize
skip_blanks(BaridSlice text, gsize pos)
{
    while (pos < text.len && is_blank(text.data[pos]))
        pos++;
    return pos;
}

/* The value at (pos), quoted or a token, into (out_value), which has room for BOUNDARY_MAX
 * bytes; returns the offset behind it, or 0 when it is too long or not closed. */
static gsize
take_parameter_value(BaridSlice text, gsize pos, guint8 *out_value, gsize *out_len)
{
    gboolean quoted = pos < text.len && text.data[pos] == '"';

    *out_len = 0;
    pos += quoted ? 1 : 0;
    for (; pos < text.len; pos++) {
        guint8 byte = text.data[pos];

        if (quoted ? byte == '"' : byte == ';' || is_blank(byte) || byte == '(')
            return pos + (quoted ? 1 : 0);
        if (quoted && byte == '\\' && pos + 1 < text.len)
            byte = text.data[++pos];
        if (*out_len == BOUNDARY_MAX)
            return 0;
        out_value[(*out_len)++] = byte;
    }
    return quoted ? 0 : pos;
}

static gboolean
type_get_boundary(BaridSlice type, guint8 *out_boundary, gsize *out_len)
{
    gssize semicolon = text_find(type, ';');
    gsize pos = semicolon < 0 ? type.len : (gsize)semicolon;

    while (pos < type.len && type.data[pos] == ';') {
        gsize start = skip_blanks(type, pos + 1);
        gsize end = start;
        gsize behind;

        while (end < type.len && type.data[end] != '=' && type.data[end] != ';')
            end++;
        if (end == type.len || type.data[end] == ';') {
            pos = end;
            continue;
        }
        behind = take_parameter_value(type, skip_blanks(type, end + 1), out_boundary, out_len);
        if (behind == 0)
            return FALSE;
        if (barid_slice_equal_nocase(text_trim(barid_slice(type.data + start, end - start)),
                                     BARID_SLICE_LITERAL("boundary")))
            return *out_len > 0;
        pos = skip_blanks(type, behind);
    }
    return FALSE;
}

/* --- encodings --- */

static gboolean
encode_base64(BaridSlice content, Buffer *out)
{
    enum { LINE_INPUT = ENCODED_LINE_MAX / 4 * 3 };

    for (gsize pos = 0; pos < content.len; pos += LINE_INPUT) {
        gsize part = MIN((gsize)LINE_INPUT, content.len - pos);
        gint state = 0, save = 0;
        guint8 *to = buffer_reserve(out, ENCODED_LINE_MAX + 8);
        gsize len;

        if (to == NULL)
            return FALSE;
        len = g_base64_encode_step(content.data + pos, part, FALSE, (gchar *)to, &state, &save);
        len += g_base64_encode_close(FALSE, (gchar *)to + len, &state, &save);
        out->len += len;
        if (!buffer_append(out, "\r\n", 2))
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_line_end(BaridSlice content, gsize pos)
{
    return pos + 1 < content.len && content.data[pos] == '\r' && content.data[pos + 1] == '\n';
}

/* Whether the byte may stand for itself: blanks may, except at the end of a line. */
static gboolean
is_quotable_plain(BaridSlice content, gsize pos)
{
    guint8 byte = content.data[pos];

    if (byte == ' ' || byte == '\t')
        return pos + 1 < content.len && !is_line_end(content, pos + 1);
    return byte > ' ' && byte < 0x7f && byte != '=';
}

/* RFC 2045 section 6.7. A CRLF is a line end; every other CR or LF is encoded. */
static gboolean
encode_quoted_printable(BaridSlice content, Buffer *out)
{
    static const gchar digits[] = "0123456789ABCDEF";
    gsize column = 0;

    for (gsize pos = 0; pos < content.len; pos++) {
        guint8 byte = content.data[pos];
        gboolean plain;
        gsize width;

        if (is_line_end(content, pos)) {
            if (!buffer_append(out, "\r\n", 2))
                return FALSE;
            column = 0;
            pos++;
            continue;
        }
        plain = is_quotable_plain(content, pos);
        width = plain ? 1 : 3;
        if (column + width > ENCODED_LINE_MAX - 1) {
            if (!buffer_append(out, "=\r\n", 3))
                return FALSE;
            column = 0;
        }
        if (plain ? !buffer_append(out, &byte, 1)
                  : !buffer_printf(out, "=%c%c", digits[byte >> 4], digits[byte & 15]))
            return FALSE;
        column += width;
    }
    return TRUE;
}

/* --- entities --- */

/* The header without Content-Transfer-Encoding, then (encoding) in its place, and the empty
 * line. */
static gboolean
entity_copy_header(BaridSlice entity, const gchar *encoding, Buffer *out)
{
    HeaderIter iter;
    HeaderField field;

    header_iter_init(&iter, entity);
    while (header_iter_next(&iter, &field) == HEADER_FIELD) {
        if (!field_is(&field, "Content-Transfer-Encoding") &&
            !buffer_append(out, field.whole.data, field.whole.len))
            return FALSE;
    }
    return (encoding == NULL ||
            buffer_printf(out, "Content-Transfer-Encoding: %s\r\n", encoding)) &&
           buffer_append(out, "\r\n", 2);
}

static DowngradeResult
downgrade_leaf(BaridSlice entity, const EntityHeader *header, ContentTraits traits, guint depth,
               Buffer *out)
{
    BaridSlice body =
        barid_slice(entity.data + header->header_len, entity.len - header->header_len);
    gboolean is_text = header->type.len == 0 || type_starts_with(header->type, "text/");
    gboolean quoted = is_text && !traits.has_controls;
    HeaderIter iter;
    HeaderField field;

    /* A label that does not fit its content cannot be replaced by a true one. */
    if (type_starts_with(header->encoding, "base64") ||
        type_starts_with(header->encoding, "quoted-printable"))
        return DOWNGRADE_BROKEN;
    header_iter_init(&iter, entity);
    while (header_iter_next(&iter, &field) == HEADER_FIELD) {
        if (!field_is(&field, "Content-Transfer-Encoding") &&
            !buffer_append(out, field.whole.data, field.whole.len))
            return DOWNGRADE_TOO_LARGE;
    }
    /* RFC 1428 section 3: nothing is known of 8-bit text without MIME. */
    if ((depth == 0 && !header->has_mime_version &&
         !buffer_append_text(out, "MIME-Version: 1.0\r\n")) ||
        (header->type.len == 0 &&
         !buffer_append_text(out, "Content-Type: text/plain; charset=unknown-8bit\r\n")) ||
        !buffer_printf(out, "Content-Transfer-Encoding: %s\r\n\r\n",
                       quoted ? "quoted-printable" : "base64"))
        return DOWNGRADE_TOO_LARGE;
    return (quoted ? encode_quoted_printable(body, out) : encode_base64(body, out))
               ? DOWNGRADE_OK
               : DOWNGRADE_TOO_LARGE;
}

/* Whether (line), with its end, is a delimiter: "--boundary", "--" for the closing one, then
 * nothing but blanks before CRLF or the end of input. */
static gboolean
line_is_delimiter(BaridSlice line, BaridSlice boundary, gboolean *out_is_last)
{
    if (line.len > 0 && line.data[line.len - 1] == '\n') {
        if (line.len < 2 || line.data[line.len - 2] != '\r')
            return FALSE;
        line.len -= 2;
    }
    if (line.len < boundary.len + 2 || memcmp(line.data, "--", 2) != 0 ||
        memcmp(line.data + 2, boundary.data, boundary.len) != 0)
        return FALSE;
    line = barid_slice(line.data + 2 + boundary.len, line.len - 2 - boundary.len);
    *out_is_last = line.len >= 2 && memcmp(line.data, "--", 2) == 0;
    if (*out_is_last)
        line = barid_slice(line.data + 2, line.len - 2);
    return text_trim(line).len == 0;
}

/* Where the next delimiter line begins at or after (pos), and what is behind it. */
static gboolean
find_delimiter(BaridSlice body, BaridSlice boundary, gsize pos, gsize *out_start, gsize *out_end,
               gboolean *out_is_last)
{
    while (pos < body.len) {
        gssize newline = text_find(barid_slice(body.data + pos, body.len - pos), '\n');
        gsize end = newline < 0 ? body.len : pos + (gsize)newline + 1;

        if (line_is_delimiter(barid_slice(body.data + pos, end - pos), boundary, out_is_last)) {
            *out_start = pos;
            *out_end = end;
            return TRUE;
        }
        pos = end;
    }
    return FALSE;
}

/* The part between two delimiters; the CRLF before the second one belongs to it (RFC 2046
 * section 5.1.1). */
static DowngradeResult
downgrade_part(BaridSlice part, guint depth, Buffer *out)
{
    gboolean has_end = part.len >= 2 && part.data[part.len - 2] == '\r';
    BaridSlice inner = barid_slice(part.data, part.len - (has_end ? 2 : 0));
    DowngradeResult result = downgrade_entity(inner, depth, out);

    if (result != DOWNGRADE_OK || !has_end)
        return result;
    return buffer_append(out, "\r\n", 2) ? DOWNGRADE_OK : DOWNGRADE_TOO_LARGE;
}

static DowngradeResult
downgrade_multipart(BaridSlice entity, const EntityHeader *header, guint depth, Buffer *out)
{
    BaridSlice body =
        barid_slice(entity.data + header->header_len, entity.len - header->header_len);
    guint8 text[BOUNDARY_MAX];
    BaridSlice boundary = barid_slice(text, 0);
    gsize start, end;
    gboolean is_last;

    if (type_starts_with(header->type, "multipart/signed") ||
        type_starts_with(header->type, "multipart/encrypted"))
        return DOWNGRADE_SEALED;
    if (!type_get_boundary(header->type, text, &boundary.len) ||
        !find_delimiter(body, boundary, 0, &start, &end, &is_last) ||
        !traits_are_plain(content_look(barid_slice(body.data, start))))
        return DOWNGRADE_BROKEN;
    if (!entity_copy_header(entity, header->encoding.len > 0 ? "7bit" : NULL, out) ||
        !buffer_append(out, body.data, end))
        return DOWNGRADE_TOO_LARGE;
    while (!is_last) {
        gsize part = end;
        DowngradeResult result;

        if (!find_delimiter(body, boundary, part, &start, &end, &is_last))
            return DOWNGRADE_BROKEN;
        result = downgrade_part(barid_slice(body.data + part, start - part), depth + 1, out);
        if (result != DOWNGRADE_OK)
            return result;
        if (!buffer_append(out, body.data + start, end - start))
            return DOWNGRADE_TOO_LARGE;
    }
    if (!traits_are_plain(content_look(barid_slice(body.data + end, body.len - end))))
        return DOWNGRADE_BROKEN;
    return buffer_append(out, body.data + end, body.len - end) ? DOWNGRADE_OK : DOWNGRADE_TOO_LARGE;
}

static DowngradeResult
downgrade_enclosed(BaridSlice entity, const EntityHeader *header, guint depth, Buffer *out)
{
    if (!entity_copy_header(entity, header->encoding.len > 0 ? "7bit" : NULL, out))
        return DOWNGRADE_TOO_LARGE;
    return downgrade_entity(barid_slice(entity.data + header->header_len,
                                        entity.len - header->header_len),
                            depth + 1, out);
}

static DowngradeResult
downgrade_entity(BaridSlice entity, guint depth, Buffer *out)
{
    EntityHeader header;
    ContentTraits traits;

    if (traits_are_plain(content_look(entity)))
        return buffer_append(out, entity.data, entity.len) ? DOWNGRADE_OK : DOWNGRADE_TOO_LARGE;
    if (depth >= DOWNGRADE_DEPTH_MAX)
        return DOWNGRADE_BROKEN;
    entity_read_header(entity, &header);
    traits = content_look(barid_slice(entity.data, header.header_len));
    if (traits.has_8bit)
        return DOWNGRADE_HEADER_8BIT;
    if (!traits_are_plain(traits))
        return DOWNGRADE_BROKEN;
    if (type_starts_with(header.type, "multipart/"))
        return downgrade_multipart(entity, &header, depth, out);
    if (type_starts_with(header.type, "message/rfc822") ||
        type_starts_with(header.type, "message/global;") ||
        barid_slice_equal_nocase(header.type, BARID_SLICE_LITERAL("message/global")))
        return downgrade_enclosed(entity, &header, depth, out);
    /* RFC 2046 section 5.2: no other message type may be encoded. */
    if (type_starts_with(header.type, "message/"))
        return DOWNGRADE_SEALED;
    return downgrade_leaf(entity, &header,
                          content_look(barid_slice(entity.data + header.header_len,
                                                   entity.len - header.header_len)),
                          depth, out);
}

DowngradeResult
downgrade_message(BaridSlice message, Buffer *out)
{
    gsize start = out->len;
    DowngradeResult result = downgrade_entity(message, 0, out);

    /* Nothing may have been written, and there may be no buffer then. */
    if (result != DOWNGRADE_OK || out->len == start)
        return result;
    return downgrade_is_needless(barid_slice(out->data + start, out->len - start))
               ? DOWNGRADE_OK
               : DOWNGRADE_BROKEN;
}
