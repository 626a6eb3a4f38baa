/* SPDX-License-Identifier: Apache-2.0 */
#include <barid/tag-list.h>

#include "base/cursor.h"

enum { TAG_NUMBER_DIGITS = 12 };

static gboolean
is_blank(gint byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static BaridSlice
trim(BaridSlice text)
{
    while (text.len > 0 && is_blank(text.data[0]))
        text = barid_slice(text.data + 1, text.len - 1);
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

static void
skip_blanks(Cursor *cursor)
{
    while (is_blank(cursor_peek(cursor)))
        cursor_next(cursor);
}

/* --- the list --- */

/* tag-name = ALPHA *( ALPHA / DIGIT / "_" ) */
static BaridSlice
take_name(Cursor *cursor)
{
    gsize start = cursor_get_offset(cursor);

    if (g_ascii_isalpha(cursor_peek(cursor))) {
        do
            cursor_next(cursor);
        while (g_ascii_isalnum(cursor_peek(cursor)) || cursor_peek(cursor) == '_');
    }
    return barid_slice(cursor->all.data + start, cursor_get_offset(cursor) - start);
}

/* Up to ";" or the end; FALSE at a control character. */
static gboolean
take_value(Cursor *cursor, BaridTag *tag)
{
    gsize start = cursor_get_offset(cursor);
    gint byte;

    while ((byte = cursor_peek(cursor)) >= 0 && byte != ';') {
        if ((byte < 0x20 && !is_blank(byte)) || byte == 0x7f)
            return FALSE;
        cursor_next(cursor);
    }
    tag->around = barid_slice(cursor->all.data + start, cursor_get_offset(cursor) - start);
    tag->value = trim(tag->around);
    return TRUE;
}

static gboolean
has_tag(const BaridTagList *self, BaridSlice name)
{
    for (guint i = 0; i < self->n_tags; i++) {
        if (barid_slice_equal(self->tags[i].name, name))
            return TRUE;
    }
    return FALSE;
}

/* One tag-spec; the cursor is at its name. */
static BaridTagListResult
take_tag(Cursor *cursor, BaridTagList *out)
{
    BaridTag tag = {.name = take_name(cursor)};

    if (tag.name.len == 0)
        return BARID_TAG_LIST_BAD_NAME;
    if (has_tag(out, tag.name))
        return BARID_TAG_LIST_DUPLICATE;
    skip_blanks(cursor);
    if (cursor_peek(cursor) != '=')
        return BARID_TAG_LIST_NO_EQUALS;
    cursor_next(cursor);
    if (!take_value(cursor, &tag))
        return BARID_TAG_LIST_BAD_VALUE;
    if (out->n_tags == BARID_TAG_LIST_MAX)
        return BARID_TAG_LIST_TOO_MANY;
    out->tags[out->n_tags++] = tag;
    return BARID_TAG_LIST_OK;
}

BaridTagListResult
barid_tag_list_parse(BaridSlice text, BaridTagList *out)
{
    Cursor cursor = cursor_new(text);

    out->n_tags = 0;
    out->error_offset = 0;
    for (;;) {
        BaridTagListResult result;

        skip_blanks(&cursor);
        if (cursor_is_end(&cursor))
            return BARID_TAG_LIST_OK;
        result = take_tag(&cursor, out);
        if (result != BARID_TAG_LIST_OK) {
            out->error_offset = cursor_get_offset(&cursor);
            return result;
        }
        cursor_next(&cursor); /* ";" or the end */
    }
}

const gchar *
barid_tag_list_result_describe(BaridTagListResult result)
{
    static const gchar *const texts[] = {
        [BARID_TAG_LIST_OK] = "a good tag list",
        [BARID_TAG_LIST_BAD_NAME] = "a tag's name is expected",
        [BARID_TAG_LIST_NO_EQUALS] = "\"=\" is expected behind a tag's name",
        [BARID_TAG_LIST_BAD_VALUE] = "a control character in a tag's value",
        [BARID_TAG_LIST_DUPLICATE] = "a tag that was there already",
        [BARID_TAG_LIST_TOO_MANY] = "too many tags",
    };

    return texts[result];
}

const BaridTag *
barid_tag_list_find(const BaridTagList *self, const gchar *name)
{
    for (guint i = 0; i < self->n_tags; i++) {
        if (barid_slice_equal_text(self->tags[i].name, name))
            return &self->tags[i];
    }
    return NULL;
}

BaridSlice
barid_tag_list_get(const BaridTagList *self, const gchar *name)
{
    const BaridTag *tag = barid_tag_list_find(self, name);

    return tag == NULL ? BARID_SLICE_EMPTY : tag->value;
}

/* --- values --- */

BaridTagItems
barid_tag_items(BaridSlice value)
{
    return (BaridTagItems){.rest = value, .has_ended = value.len == 0};
}

gboolean
barid_tag_items_next(BaridTagItems *self, guint8 separator, BaridSlice *out_item)
{
    const guint8 *end;
    gsize len;

    if (self->has_ended)
        return FALSE;
    end = self->rest.len == 0 ? NULL : memchr(self->rest.data, separator, self->rest.len);
    len = end == NULL ? self->rest.len : (gsize)(end - self->rest.data);
    *out_item = trim(barid_slice(self->rest.data, len));
    self->has_ended = end == NULL;
    if (end != NULL)
        self->rest = barid_slice(end + 1, self->rest.len - len - 1);
    return TRUE;
}

gboolean
barid_tag_value_parse_number(BaridSlice value, guint64 *out_number)
{
    guint64 number = 0;

    if (value.len == 0 || value.len > TAG_NUMBER_DIGITS)
        return FALSE;
    for (gsize i = 0; i < value.len; i++) {
        if (!g_ascii_isdigit(value.data[i]))
            return FALSE;
        number = number * 10 + (guint64)(value.data[i] - '0');
    }
    *out_number = number;
    return TRUE;
}

static gint
base64_digit(guint8 byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return byte - 'A';
    if (byte >= 'a' && byte <= 'z')
        return byte - 'a' + 26;
    if (byte >= '0' && byte <= '9')
        return byte - '0' + 52;
    return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

/* Four digits at a time; "=" may only fill up the last four. */
gboolean
barid_tag_value_decode_base64(BaridSlice value, guint8 *out, gsize size, gsize *out_len)
{
    guint32 bits = 0;
    guint n_digits = 0, n_fill = 0;
    gsize len = 0;

    for (gsize i = 0; i < value.len; i++) {
        gint digit = base64_digit(value.data[i]);

        if (is_blank(value.data[i]))
            continue;
        if (value.data[i] == '=')
            n_fill++;
        else if (digit < 0 || n_fill > 0)
            return FALSE;
        if (n_fill > 2 || (n_fill > 0 && n_digits < 2))
            return FALSE;
        bits = bits << 6 | (digit < 0 ? 0 : (guint32)digit);
        if (++n_digits < 4)
            continue;
        if (3 - n_fill > size - len)
            return FALSE;
        for (guint byte = 0; byte < 3 - n_fill; byte++)
            out[len++] = (guint8)(bits >> (16 - 8 * byte));
        bits = 0;
        n_digits = 0;
        /* Behind what was filled up nothing may follow: a further digit finds (n_fill). */
    }
    *out_len = len;
    return n_digits == 0;
}
