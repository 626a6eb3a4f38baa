/* SPDX-License-Identifier: Apache-2.0 */
#include "mime/entity.h"

#include "base/text.h"
#include "mime/header.h"

/* --- the header --- */

static gboolean
field_is(const HeaderField *field, const gchar *name)
{
    return barid_slice_equal_nocase(field->name, barid_slice_from_text(name));
}

void
entity_read(BaridSlice content, Entity *out)
{
    HeaderIter iter;
    HeaderField field;
    gsize header_len;

    *out = (Entity){.whole = content};
    if (content.len == 0)
        return; /* and it may point nowhere */
    header_iter_init(&iter, content);
    while (header_iter_next(&iter, &field) == HEADER_FIELD) {
        if (field_is(&field, "Content-Type"))
            out->type = text_trim(field.value);
        else if (field_is(&field, "Content-Transfer-Encoding"))
            out->encoding = text_trim(field.value);
        else if (field_is(&field, "MIME-Version"))
            out->has_mime_version = TRUE;
    }
    header_len = header_iter_get_body_offset(&iter);
    out->header = barid_slice(content.data, header_len);
    out->body = barid_slice(content.data + header_len, content.len - header_len);
}

/* --- parameters (RFC 2045 section 5.1) --- */

static gboolean
is_blank(guint8 byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* What ends a type, or a word of one. */
static gboolean
ends_word(guint8 byte)
{
    return byte == ';' || byte == '(' || is_blank(byte);
}

static gsize
skip_blanks(BaridSlice text, gsize pos)
{
    while (pos < text.len && is_blank(text.data[pos]))
        pos++;
    return pos;
}

/* The value at (pos), quoted or a token, into (out_value), which has room for ENTITY_BOUNDARY_MAX
 * bytes; returns the offset behind it, or 0 when it is too long or not closed. */
static gsize
take_parameter_value(BaridSlice text, gsize pos, guint8 *out_value, gsize *out_len)
{
    gboolean quoted = pos < text.len && text.data[pos] == '"';

    *out_len = 0;
    pos += quoted ? 1 : 0;
    for (; pos < text.len; pos++) {
        guint8 byte = text.data[pos];

        if (quoted ? byte == '"' : ends_word(byte))
            return pos + (quoted ? 1 : 0);
        if (quoted && byte == '\\' && pos + 1 < text.len)
            byte = text.data[++pos];
        if (*out_len == ENTITY_BOUNDARY_MAX)
            return 0;
        out_value[(*out_len)++] = byte;
    }
    return quoted ? 0 : pos;
}

/* Whether (value) begins with the word (name), or with (name) that ends with "/". */
static gboolean
value_is(BaridSlice value, const gchar *name)
{
    gsize len = strlen(name);

    return value.len >= len &&
           barid_slice_equal_nocase(barid_slice(value.data, len), barid_slice(name, len)) &&
           (name[len - 1] == '/' || value.len == len || ends_word(value.data[len]));
}

gboolean
entity_is(const Entity *self, const gchar *name)
{
    return value_is(self->type, name);
}

gboolean
entity_is_encoded(const Entity *self, const gchar *name)
{
    return value_is(self->encoding, name);
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

/* --- parts --- */

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

gboolean
entity_parts_init(EntityParts *self, const Entity *entity)
{
    gsize start;

    self->body = entity->body;
    return type_get_boundary(entity->type, self->boundary, &self->boundary_len) &&
           find_delimiter(self->body, barid_slice(self->boundary, self->boundary_len), 0, &start,
                          &self->pos, &self->is_last);
}

/* The CRLF before a delimiter belongs to it (RFC 2046 section 5.1.1). */
gboolean
entity_parts_next(EntityParts *self, BaridSlice *out_part, BaridSlice *out_delimiter)
{
    gsize begin = self->pos, start, end;

    if (self->is_last ||
        !find_delimiter(self->body, barid_slice(self->boundary, self->boundary_len), begin, &start,
                        &end, &self->is_last))
        return FALSE;
    if (start >= begin + 2 && self->body.data[start - 2] == '\r')
        start -= 2;
    *out_part = barid_slice(self->body.data + begin, start - begin);
    *out_delimiter = barid_slice(self->body.data + start, end - start);
    self->pos = end;
    return TRUE;
}

/* --- transfer encodings --- */

static gboolean
decode_base64(BaridSlice text, Buffer *out)
{
    guint8 *to = buffer_reserve(out, text.len / 4 * 3 + 3);
    gint state = 0;
    guint save = 0;

    if (to == NULL)
        return FALSE;
    out->len += g_base64_decode_step((const gchar *)text.data, text.len, to, &state, &save);
    return state == 0;
}

/* RFC 2045 section 6.7: blanks at a line's end came on the way. */
static BaridSlice
take_quoted_line(BaridSlice *text, gboolean *out_has_end)
{
    gssize newline = text_find(*text, '\n');
    gsize len = newline < 0 ? text->len : (gsize)newline + 1;
    BaridSlice line = barid_slice(text->data, len);

    *out_has_end = newline >= 0;
    *text = barid_slice(text->data + len, text->len - len);
    while (line.len > 0 && is_blank(line.data[line.len - 1]))
        line.len--;
    return line;
}

static gboolean
decode_quoted_line(BaridSlice line, Buffer *out)
{
    for (gsize i = 0; i < line.len; i++) {
        guint8 byte = line.data[i];

        if (byte == '=') {
            gint high = i + 2 < line.len ? g_ascii_xdigit_value((gchar)line.data[i + 1]) : -1;
            gint low = i + 2 < line.len ? g_ascii_xdigit_value((gchar)line.data[i + 2]) : -1;

            if (high < 0 || low < 0)
                return FALSE;
            byte = (guint8)(high << 4 | low);
            i += 2;
        }
        if (!buffer_append(out, &byte, 1))
            return FALSE;
    }
    return TRUE;
}

static gboolean
decode_quoted_printable(BaridSlice text, Buffer *out)
{
    while (text.len > 0) {
        gboolean has_end;
        BaridSlice line = take_quoted_line(&text, &has_end);
        gboolean is_soft = line.len > 0 && line.data[line.len - 1] == '=';

        if (!decode_quoted_line(barid_slice(line.data, line.len - (is_soft ? 1 : 0)), out) ||
            (has_end && !is_soft && !buffer_append(out, "\r\n", 2)))
            return FALSE;
    }
    return TRUE;
}

gboolean
entity_decode(const Entity *self, Buffer *out)
{
    if (entity_is_encoded(self, "base64"))
        return decode_base64(self->body, out);
    if (entity_is_encoded(self, "quoted-printable"))
        return decode_quoted_printable(self->body, out);
    return (self->encoding.len == 0 || entity_is_encoded(self, "7bit") ||
            entity_is_encoded(self, "8bit") || entity_is_encoded(self, "binary")) &&
           buffer_append(out, self->body.data, self->body.len);
}
