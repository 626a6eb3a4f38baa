/* SPDX-License-Identifier: Apache-2.0 */
#include "outbound/transcript.h"

#include <stdarg.h>

#include "base/clock.h"
#include "base/text.h"

static gboolean
transcript_begin_line(Transcript *self)
{
    static const gchar mark[] = "\n(the rest is not kept)";

    if (self == NULL)
        return FALSE;
    if (self->text->len > TRANSCRIPT_BYTES_MAX - TRANSCRIPT_LINE_MAX - 64) {
        if (!g_str_has_suffix(self->text->str, mark))
            g_string_append(self->text, mark);
        return FALSE;
    }
    if (self->text->len > 0)
        g_string_append_c(self->text, '\n');
    g_string_append_c(self->text, '+');
    text_append_integer(self->text, (clock_monotonic_us() - self->started_us) / 1000);
    g_string_append_len(self->text, "ms ", 3);
    return TRUE;
}

void
transcript_note_va(Transcript *self, const gchar *format, va_list args)
{
    gchar line[TRANSCRIPT_LINE_MAX];

    if (!transcript_begin_line(self))
        return;
    g_vsnprintf(line, sizeof line, format, args);
    g_string_append(self->text, line);
}

void
transcript_note(Transcript *self, const gchar *format, ...)
{
    va_list args;

    va_start(args, format);
    transcript_note_va(self, format, args);
    va_end(args);
}

void
transcript_quote(Transcript *self, const gchar *prefix, BaridSlice text)
{
    gsize shown = MIN(text.len, TRANSCRIPT_LINE_MAX);
    gsize start;

    if (!transcript_begin_line(self))
        return;
    g_string_append(self->text, prefix);
    start = self->text->len;
    g_string_append_len(self->text, shown > 0 ? (const gchar *)text.data : "", (gssize)shown);
    for (gsize i = start; i < self->text->len; i++) {
        guint8 byte = (guint8)self->text->str[i];

        if (byte < 0x20 || byte >= 0x7f)
            self->text->str[i] = '?';
    }
    if (shown < text.len)
        g_string_append(self->text, "...");
}
