/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BaridSlice: bytes that came from outside.
 *
 * A slice is a borrowed (pointer, length) pair, passed by value. It is never
 * NUL-terminated and never given to a str* function: the type is the mark of
 * untrusted data. A plain "const gchar *" is the project's own, checked text.
 * Nothing here allocates but barid_slice_dup_text().
 */
#ifndef BARID_SLICE_H
#define BARID_SLICE_H

#include <string.h>

#include <barid/macros.h>

typedef struct {
    const guint8 *data;
    gsize len;
} BaridSlice;

/* A slice over a string literal. */
#define BARID_SLICE_LITERAL(text) ((BaridSlice){(const guint8 *)("" text), sizeof(text) - 1})

#define BARID_SLICE_EMPTY ((BaridSlice){NULL, 0})

static inline BaridSlice
barid_slice(const void *data, gsize len)
{
    return (BaridSlice){(const guint8 *)data, len};
}

/* Borrows checked text; NULL gives the empty slice. */
static inline BaridSlice
barid_slice_from_text(const gchar *text)
{
    return text == NULL ? BARID_SLICE_EMPTY : barid_slice(text, strlen(text));
}

static inline gboolean
barid_slice_equal(BaridSlice a, BaridSlice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline gboolean
barid_slice_equal_text(BaridSlice slice, const gchar *text)
{
    return barid_slice_equal(slice, barid_slice_from_text(text));
}

/* Compares ignoring ASCII case only; other bytes must be equal. */
gboolean barid_slice_equal_nocase(BaridSlice a, BaridSlice b);

/* Makes a C string. Caller owns the result. Returns NULL, with BARID_ERROR_INVALID,
 * when the slice holds a NUL byte or is not UTF-8. */
gchar *barid_slice_dup_text(BaridSlice slice, GError **error);

#endif
