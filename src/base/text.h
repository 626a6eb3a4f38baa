/* SPDX-License-Identifier: Apache-2.0 */
/* Small operations on text and byte classes that several floors need. Locale never
 * matters: all classes are ASCII's. */
#ifndef TEXT_H
#define TEXT_H

#include <barid/slice.h>

/* Position of (byte) in (slice), or -1. */
gssize text_find(BaridSlice slice, guint8 byte);
gssize text_find_last(BaridSlice slice, guint8 byte);
gboolean text_starts_with(BaridSlice slice, BaridSlice prefix);
gboolean text_ends_with(BaridSlice slice, BaridSlice suffix);
gboolean text_contains(BaridSlice slice, BaridSlice part);
/* The same for ASCII letters of any case. */
gboolean text_contains_nocase(BaridSlice slice, BaridSlice part);
/* Without blanks and tabs at both ends. */
BaridSlice text_trim(BaridSlice slice);
/* Only bytes 0..127. */
gboolean text_is_ascii(BaridSlice slice);

/* In decimal, as "%d" would; for what is written so often that a format costs too much. */
void text_append_integer(GString *out, gint64 value);

/* Printable ASCII of at most (limit) bytes: other bytes become "\xNN", an overlong text
 * ends with "...". Caller owns it. For logs, replies and people. */
gchar *text_escape(BaridSlice slice, gsize limit);

/* For hash tables whose keys are BaridSlice *. Who chooses the texts can make hashes equal: the
 * number of keys must be bounded. */
guint text_slice_hash(gconstpointer slice);
gboolean text_slice_equal(gconstpointer a, gconstpointer b);

/* Number of edits between two texts (Damerau-Levenshtein, adjacent swaps count one), or
 * G_MAXUINT past 64 bytes; for "did you mean". */
guint text_distance(const gchar *a, const gchar *b);
/* The nearest of (candidates) within a third of the length, or NULL. */
const gchar *text_nearest(const gchar *text, const gchar *const *candidates);

#endif
