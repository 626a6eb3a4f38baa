/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json-writer.h"

#include <string.h>

#include "base/civil.h"
#include "base/text.h"

void
json_writer_init(JsonWriter *self, GString *out)
{
    self->out = out;
    self->needs_comma = FALSE;
}

/* A byte that stands for itself, and alone. */
static inline gboolean
json_byte_is_plain(guchar byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* The length of the UTF-8 character of several bytes at (text), or 0. */
static gsize
json_measure_character(const gchar *text, gsize len)
{
    gunichar character = g_utf8_get_char_validated(text, (gssize)len);

    if (character == (gunichar)-1 || character == (gunichar)-2 || character < 0x80)
        return 0;
    return (gsize)(g_utf8_next_char(text) - text);
}

/* Writes what stands at (text) and is not plain; returns how many bytes it took. */
static gsize
json_writer_escape_one(GString *out, const gchar *text, gsize len)
{
    static const gchar digits[] = "0123456789abcdef";
    guchar byte = (guchar)*text;
    gsize width;

    if (byte == '"' || byte == '\\') {
        g_string_append_c(out, '\\');
        g_string_append_c(out, *text);
        return 1;
    }
    if (byte < 0x20) {
        g_string_append_len(out, "\\u00", 4);
        g_string_append_c(out, digits[byte >> 4]);
        g_string_append_c(out, digits[byte & 15]);
        return 1;
    }
    width = json_measure_character(text, len);
    if (width == 0) {
        g_string_append_len(out, "\\ufffd", 6);
        return 1;
    }
    g_string_append_len(out, text, (gssize)width);
    return width;
}

/* Room for (len) bytes more, which the caller fills. */
static gchar *
json_writer_extend(GString *out, gsize len)
{
    gsize at = out->len;

    g_string_set_size(out, at + len);
    return out->str + at;
}

static gsize
json_measure_plain(const gchar *text, gsize len)
{
    gsize pos = 0;

    while (pos < len && json_byte_is_plain((guchar)text[pos]))
        pos++;
    return pos;
}

/* Nearly all texts are plain from end to end: they are written at once. */
static void
json_writer_escape(GString *out, BaridSlice value)
{
    const gchar *text = (const gchar *)value.data;
    gsize pos = json_measure_plain(text, value.len);
    gchar *to = json_writer_extend(out, pos + 1);

    to[0] = '"';
    if (pos > 0)
        memcpy(to + 1, text, pos);
    while (pos < value.len) {
        gsize plain;

        pos += json_writer_escape_one(out, text + pos, value.len - pos);
        plain = json_measure_plain(text + pos, value.len - pos);
        g_string_append_len(out, text + pos, (gssize)plain);
        pos += plain;
    }
    g_string_append_c(out, '"');
}

/* Keys are the code's own words, in which nothing has to be escaped. */
static void
json_writer_lead(JsonWriter *self, const gchar *key)
{
    gsize len = key == NULL ? 0 : strlen(key);
    gchar *to;

    if (self->needs_comma)
        g_string_append_c(self->out, ',');
    self->needs_comma = TRUE;
    if (key == NULL)
        return;
    to = json_writer_extend(self->out, len + 3);
    to[0] = '"';
    memcpy(to + 1, key, len);
    to[len + 1] = '"';
    to[len + 2] = ':';
}

void
json_writer_begin_object(JsonWriter *self, const gchar *key)
{
    json_writer_lead(self, key);
    g_string_append_c(self->out, '{');
    self->needs_comma = FALSE;
}

void
json_writer_end_object(JsonWriter *self)
{
    g_string_append_c(self->out, '}');
    self->needs_comma = TRUE;
}

void
json_writer_begin_array(JsonWriter *self, const gchar *key)
{
    json_writer_lead(self, key);
    g_string_append_c(self->out, '[');
    self->needs_comma = FALSE;
}

void
json_writer_end_array(JsonWriter *self)
{
    g_string_append_c(self->out, ']');
    self->needs_comma = TRUE;
}

void
json_writer_text(JsonWriter *self, const gchar *key, const gchar *value)
{
    json_writer_lead(self, key);
    if (value == NULL)
        g_string_append(self->out, "null");
    else
        json_writer_escape(self->out, barid_slice_from_text(value));
}

void
json_writer_slice(JsonWriter *self, const gchar *key, BaridSlice value)
{
    json_writer_lead(self, key);
    json_writer_escape(self->out, value);
}

void
json_writer_integer(JsonWriter *self, const gchar *key, gint64 value)
{
    json_writer_lead(self, key);
    text_append_integer(self->out, value);
}

void
json_writer_bool(JsonWriter *self, const gchar *key, gboolean value)
{
    json_writer_lead(self, key);
    g_string_append(self->out, value ? "true" : "false");
}

void
json_writer_time(JsonWriter *self, const gchar *key, gint64 wall_ms)
{
    gchar text[CIVIL_TIME_LEN + 1];

    json_writer_lead(self, key);
    if (wall_ms == 0) {
        g_string_append_len(self->out, "null", 4);
        return;
    }
    g_string_append_c(self->out, '"');
    g_string_append_len(self->out, civil_format_time(wall_ms, text), CIVIL_TIME_LEN);
    g_string_append_c(self->out, '"');
}

void
json_writer_raw(JsonWriter *self, const gchar *key, const gchar *document)
{
    json_writer_lead(self, key);
    g_string_append(self->out, document);
}
