/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json-writer.h"

void
json_writer_init(JsonWriter *self, GString *out)
{
    self->out = out;
    self->needs_comma = FALSE;
}

static void
json_writer_escape(GString *out, BaridSlice value)
{
    gsize pos = 0;

    g_string_append_c(out, '"');
    while (pos < value.len) {
        const gchar *start = (const gchar *)value.data + pos;
        const gchar *end;

        g_utf8_validate_len(start, value.len - pos, &end);
        for (const gchar *p = start; p < end; p++) {
            guchar byte = (guchar)*p;

            if (byte == '"' || byte == '\\')
                g_string_append_c(out, '\\');
            if (byte >= 0x20)
                g_string_append_c(out, *p);
            else
                g_string_append_printf(out, "\\u%04x", byte);
        }
        pos += (gsize)(end - start);
        if (pos < value.len) {
            /* A NUL is valid text for JSON but not for GLib; others are not UTF-8. */
            g_string_append(out, value.data[pos] == 0 ? "\\u0000" : "\\ufffd");
            pos++;
        }
    }
    g_string_append_c(out, '"');
}

static void
json_writer_lead(JsonWriter *self, const gchar *key)
{
    if (self->needs_comma)
        g_string_append_c(self->out, ',');
    self->needs_comma = TRUE;
    if (key != NULL) {
        json_writer_escape(self->out, barid_slice_from_text(key));
        g_string_append_c(self->out, ':');
    }
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
    g_string_append_printf(self->out, "%" G_GINT64_FORMAT, value);
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
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(wall_ms / 1000);
    g_autofree gchar *seconds = NULL;

    json_writer_lead(self, key);
    if (wall_ms == 0 || time == NULL) {
        g_string_append(self->out, "null");
        return;
    }
    seconds = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");
    g_string_append_printf(self->out, "\"%s.%03dZ\"", seconds, (gint)(wall_ms % 1000));
}

void
json_writer_raw(JsonWriter *self, const gchar *key, const gchar *document)
{
    json_writer_lead(self, key);
    g_string_append(self->out, document);
}
