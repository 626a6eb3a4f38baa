/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transcript: what was said in an attempt, one timed line each: commands and replies, never
 * content, never credentials. Bounded: what is past the limit is not kept, and one line
 * says so.
 */
#ifndef TRANSCRIPT_H
#define TRANSCRIPT_H

#include <barid/slice.h>

#define TRANSCRIPT_BYTES_MAX (8 * 1024)
#define TRANSCRIPT_LINE_MAX 300

typedef struct {
    GString *text; /* borrowed */
    gint64 started_us;
} Transcript;

/* Adds "+Nms TEXT". */
void transcript_note(Transcript *self, const gchar *format, ...) G_GNUC_PRINTF(2, 3);
void transcript_note_va(Transcript *self, const gchar *format, va_list args);
/* Adds "+Nms PREFIX TEXT"; (text) may be whatever a peer said. NULL (self) is nowhere. */
void transcript_quote(Transcript *self, const gchar *prefix, BaridSlice text);

#endif
