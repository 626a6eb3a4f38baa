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
    g_string_append_printf(self->text, "%s+%" G_GINT64_FORMAT "ms ",
                           self->text->len > 0 ? "\n" : "",
                           (clock_monotonic_us() - self->started_us) / 1000);
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

    if (!transcript_begin_line(self))
        return;
    g_string_append(self->text, prefix);
    for (gsize i = 0; i < shown; i++) {
        guint8 byte = text.data[i];

        g_string_append_c(self->text, byte >= 0x20 && byte < 0x7f ? (gchar)byte : '?');
    }
    if (shown < text.len)
        g_string_append(self->text, "...");
}
