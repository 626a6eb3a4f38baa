/* SPDX-License-Identifier: Apache-2.0 */
/* Log records taken apart, and which of them a trace shows. */
#include "base/cursor.h"
#include "control/live-trace.h"

/* Sessions and messages that one trace follows. */
enum { TRACE_FOLLOWED_MAX = 10000 };

static gboolean
trace_is_word_byte(guint8 byte)
{
    return byte > ' ';
}

static gboolean
trace_is_key_byte(guint8 byte)
{
    return byte > ' ' && byte != '=';
}

static gchar *
trace_take_word(Cursor *cursor)
{
    BaridSlice word = cursor_take_while(cursor, trace_is_word_byte);

    cursor_accept(cursor, ' ');
    return word.len == 0 ? NULL : g_strndup((const gchar *)word.data, word.len);
}

/* -1 when the next byte is no such digit. */
static gint
trace_take_digit(Cursor *cursor)
{
    gint byte = cursor_next(cursor);

    return byte < 0 ? -1 : g_ascii_xdigit_value((gchar)byte);
}

static gchar
trace_take_escaped(Cursor *cursor)
{
    gint byte = cursor_next(cursor);
    gint high, low;

    if (byte != 'x')
        return (gchar)MAX(byte, 0);
    high = trace_take_digit(cursor);
    low = trace_take_digit(cursor);
    return high < 0 || low < 0 ? '?' : (gchar)(high * 16 + low);
}

/* The inverse of what the log does to values. */
static gchar *
trace_take_value(Cursor *cursor)
{
    g_autoptr(GString) value = NULL;

    if (!cursor_accept(cursor, '"')) {
        BaridSlice plain = cursor_take_while(cursor, trace_is_word_byte);

        return g_strndup((const gchar *)plain.data, plain.len);
    }
    value = g_string_new(NULL);
    while (!cursor_is_end(cursor) && cursor_peek(cursor) != '"') {
        gint byte = cursor_next(cursor);

        g_string_append_c(value, byte == '\\' ? trace_take_escaped(cursor) : (gchar)byte);
    }
    cursor_accept(cursor, '"');
    return g_string_free(g_steal_pointer(&value), FALSE);
}

gboolean
trace_record_parse(TraceRecord *self, BaridSlice line)
{
    Cursor cursor = cursor_new(line);

    self->time = trace_take_word(&cursor);
    self->level = trace_take_word(&cursor);
    self->event = trace_take_word(&cursor);
    self->pairs = g_ptr_array_new_with_free_func(g_free);
    while (!cursor_is_end(&cursor)) {
        BaridSlice key = cursor_take_while(&cursor, trace_is_key_byte);

        if (key.len == 0 || !cursor_accept(&cursor, '='))
            break;
        g_ptr_array_add(self->pairs, g_strndup((const gchar *)key.data, key.len));
        g_ptr_array_add(self->pairs, trace_take_value(&cursor));
        cursor_accept(&cursor, ' ');
    }
    return self->event != NULL;
}

void
trace_record_clear(TraceRecord *self)
{
    g_clear_pointer(&self->time, g_free);
    g_clear_pointer(&self->level, g_free);
    g_clear_pointer(&self->event, g_free);
    g_clear_pointer(&self->pairs, g_ptr_array_unref);
}

const gchar *
trace_record_get(const TraceRecord *self, const gchar *key)
{
    for (guint i = 0; i + 1 < self->pairs->len; i += 2) {
        if (strcmp(g_ptr_array_index(self->pairs, i), key) == 0)
            return g_ptr_array_index(self->pairs, i + 1);
    }
    return NULL;
}

/* --- filters --- */

void
trace_filter_init(TraceFilter *self)
{
    *self = (TraceFilter){
        .followed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };
}

void
trace_filter_clear(TraceFilter *self)
{
    g_clear_pointer(&self->followed, g_hash_table_unref);
}

static gboolean
trace_matches(const TraceRecord *record, const gchar *const *keys, const gchar *wanted)
{
    for (; *keys != NULL; keys++) {
        const gchar *value = trace_record_get(record, *keys);
        g_autofree gchar *folded = value == NULL ? NULL : g_ascii_strdown(value, -1);
        g_autofree gchar *part = g_ascii_strdown(wanted, -1);

        if (folded != NULL && strstr(folded, part) != NULL)
            return TRUE;
    }
    return FALSE;
}

static gboolean
trace_filter_names(const TraceFilter *self, const TraceRecord *record)
{
    static const gchar *const senders[] = {"from", "sender", NULL};
    static const gchar *const recipients[] = {"rcpt", "recipient", "to", NULL};

    if (self->session == NULL && self->id == NULL && self->sender == NULL &&
        self->recipient == NULL)
        return TRUE;
    return (self->session != NULL &&
            g_strcmp0(trace_record_get(record, "session"), self->session) == 0) ||
           (self->id != NULL && g_strcmp0(trace_record_get(record, "queue-id"), self->id) == 0) ||
           (self->sender != NULL && trace_matches(record, senders, self->sender)) ||
           (self->recipient != NULL && trace_matches(record, recipients, self->recipient));
}

gboolean
trace_filter_picks(TraceFilter *self, const TraceRecord *record)
{
    static const gchar *const keys[] = {"session", "queue-id"};
    gboolean is_picked = trace_filter_names(self, record);
    gchar *marks[G_N_ELEMENTS(keys)] = {NULL};

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        const gchar *value = trace_record_get(record, keys[i]);

        if (value == NULL)
            continue;
        marks[i] = g_strconcat(keys[i], "=", value, NULL);
        is_picked = is_picked || g_hash_table_contains(self->followed, marks[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (is_picked && marks[i] != NULL &&
            g_hash_table_size(self->followed) < TRACE_FOLLOWED_MAX)
            g_hash_table_add(self->followed, marks[i]);
        else
            g_free(marks[i]);
    }
    return is_picked;
}
