/* SPDX-License-Identifier: Apache-2.0 */
#include "mime/header.h"

#include <barid/session.h>

#include "base/text.h"

enum {
    FOLD_COLUMN = 78, /* RFC 5322 section 2.1.1: lines should be no longer */
    LINE_MAX_LEN = 998, /* and must be no longer */
};

static gboolean
is_blank(guint8 byte)
{
    return byte == ' ' || byte == '\t';
}

static gboolean
is_name_byte(guint8 byte)
{
    return byte > 0x20 && byte < 0x7f && byte != ':';
}

void
header_iter_init(HeaderIter *self, BaridSlice message)
{
    *self = (HeaderIter){.message = message};
}

/* Offset behind the line that begins at (pos). A bare LF ends a line as well: content with
 * one is refused or marked before anybody looks for fields, and a reader that is stricter
 * than the next one would let fields hide. */
static gsize
find_line_end(BaridSlice message, gsize pos)
{
    const guint8 *newline = memchr(message.data + pos, '\n', message.len - pos);

    return newline == NULL ? message.len : (gsize)(newline - message.data) + 1;
}

/* (from) to (to) without the line end. */
static BaridSlice
slice_without_line_end(BaridSlice message, gsize from, gsize to)
{
    if (to > from && message.data[to - 1] == '\n') {
        to--;
        if (to > from && message.data[to - 1] == '\r')
            to--;
    }
    return barid_slice(message.data + from, to - from);
}

/* Length of "name:", blanks before the colon included (RFC 5322 section 4.5.8); 0 when the
 * line is no field. */
static gsize
parse_name(BaridSlice line, BaridSlice *out_name)
{
    gsize len = 0;
    gsize colon;

    while (len < line.len && len <= HEADER_NAME_MAX && is_name_byte(line.data[len]))
        len++;
    colon = len;
    while (colon < line.len && is_blank(line.data[colon]))
        colon++;
    if (len == 0 || len > HEADER_NAME_MAX || colon == line.len || line.data[colon] != ':')
        return 0;
    *out_name = barid_slice(line.data, len);
    return colon + 1;
}

static gboolean
is_empty_line(BaridSlice rest)
{
    return rest.data[0] == '\n' || (rest.len >= 2 && rest.data[0] == '\r' && rest.data[1] == '\n');
}

HeaderStep
header_iter_next(HeaderIter *self, HeaderField *out_field)
{
    BaridSlice message = self->message;
    BaridSlice rest;
    HeaderField field;
    gsize prefix;
    gsize end;

    /* An empty slice may point nowhere. */
    if (self->pos == message.len || self->has_ended)
        return HEADER_END;
    rest = barid_slice(message.data + self->pos, message.len - self->pos);
    if (is_empty_line(rest)) {
        self->pos += rest.data[0] == '\n' ? 1 : 2;
        self->has_ended = TRUE;
        return HEADER_END;
    }
    prefix = parse_name(rest, &field.name);
    if (prefix == 0 || self->n_fields == HEADER_FIELDS_MAX)
        return HEADER_BAD;
    end = find_line_end(message, self->pos + prefix);
    while (end <= HEADER_BYTES_MAX && end < message.len && is_blank(message.data[end]))
        end = find_line_end(message, end);
    if (end > HEADER_BYTES_MAX)
        return HEADER_BAD;
    field.value = slice_without_line_end(message, self->pos + prefix, end);
    field.whole = barid_slice(rest.data, end - self->pos);
    self->pos = end;
    self->n_fields++;
    *out_field = field;
    return HEADER_FIELD;
}

gsize
header_iter_get_body_offset(const HeaderIter *self)
{
    return self->pos;
}

gboolean
header_find(BaridSlice message, const gchar *name, guint n, HeaderField *out_field)
{
    BaridSlice wanted = barid_slice_from_text(name);
    HeaderIter iter;
    HeaderField field;

    header_iter_init(&iter, message);
    while (header_iter_next(&iter, &field) == HEADER_FIELD) {
        if (!barid_slice_equal_nocase(field.name, wanted))
            continue;
        if (n-- == 0) {
            *out_field = field;
            return TRUE;
        }
    }
    return FALSE;
}

gboolean
barid_header_next_field(BaridSlice *rest, const gchar *name, BaridSlice *out_value)
{
    BaridSlice wanted = barid_slice_from_text(name);
    HeaderIter iter;
    HeaderField field;

    header_iter_init(&iter, *rest);
    while (header_iter_next(&iter, &field) == HEADER_FIELD) {
        if (!barid_slice_equal_nocase(field.name, wanted))
            continue;
        *out_value = field.value;
        *rest = barid_slice(rest->data + iter.pos, rest->len - iter.pos);
        return TRUE;
    }
    *rest = BARID_SLICE_EMPTY;
    return FALSE;
}

guint
header_count(BaridSlice message, const gchar *name)
{
    BaridSlice wanted = barid_slice_from_text(name);
    HeaderIter iter;
    HeaderField field;
    guint count = 0;

    header_iter_init(&iter, message);
    while (header_iter_next(&iter, &field) == HEADER_FIELD)
        count += barid_slice_equal_nocase(field.name, wanted) ? 1 : 0;
    return count;
}

gsize
header_get_length(BaridSlice message)
{
    HeaderIter iter;
    HeaderField field;

    header_iter_init(&iter, message);
    while (header_iter_next(&iter, &field) == HEADER_FIELD)
        continue;
    return header_iter_get_body_offset(&iter);
}

/* RFC 5322 section 2.2.3. Line ends that no blank follows cannot be folding; they are
 * dropped as well, so that the result is always one line. */
BaridSlice
header_dup_unfolded(BaridSlice value, Arena *arena)
{
    guint8 *out = arena_alloc(arena, value.len);
    gsize len = 0;

    for (gsize i = 0; i < value.len; i++) {
        if (value.data[i] != '\r' && value.data[i] != '\n')
            out[len++] = value.data[i];
    }
    return text_trim(barid_slice(out, len));
}

gboolean
header_name_is_valid(BaridSlice name)
{
    if (name.len == 0 || name.len > HEADER_NAME_MAX)
        return FALSE;
    for (gsize i = 0; i < name.len; i++) {
        if (!is_name_byte(name.data[i]))
            return FALSE;
    }
    return TRUE;
}

gboolean
header_value_is_valid(BaridSlice value)
{
    if (value.len == 0)
        return TRUE;
    /* g_utf8_validate() refuses NUL when a length is given. */
    return text_find(value, '\r') < 0 && text_find(value, '\n') < 0 &&
           g_utf8_validate((const gchar *)value.data, (gssize)value.len, NULL);
}

/* Length of the blanks at the start of (rest) with the word behind them. */
static gsize
get_chunk_len(BaridSlice rest)
{
    gsize len = 0;

    while (len < rest.len && is_blank(rest.data[len]))
        len++;
    while (len < rest.len && !is_blank(rest.data[len]))
        len++;
    return len;
}

/* Appends the value's words, (column) bytes of the line being taken already. */
static gboolean
append_folded(Buffer *out, gsize column, BaridSlice value)
{
    gboolean is_first = TRUE;

    while (value.len > 0) {
        gsize len = get_chunk_len(value);
        gsize longest = is_first ? LINE_MAX_LEN : FOLD_COLUMN;

        if (column + len > longest) {
            /* The first word has no blank of its own before it to fold at. */
            if (!buffer_append_text(out, is_first ? "\r\n " : "\r\n"))
                return FALSE;
            column = is_first ? 1 : 0;
        }
        if (column + len > LINE_MAX_LEN || !buffer_append(out, value.data, len))
            return FALSE;
        column += len;
        value = barid_slice(value.data + len, value.len - len);
        is_first = FALSE;
    }
    return TRUE;
}

gboolean
header_append(Buffer *out, const gchar *name, BaridSlice value)
{
    gsize start = out->len;

    if (!header_name_is_valid(barid_slice_from_text(name)) || !header_value_is_valid(value))
        return FALSE;
    value = text_trim(value);
    if (buffer_append_text(out, name) && buffer_append_text(out, value.len > 0 ? ": " : ":") &&
        append_folded(out, out->len - start, value) && buffer_append_text(out, "\r\n"))
        return TRUE;
    out->len = start;
    return FALSE;
}
