/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cursor: the one place where untrusted bytes are indexed. Every read is checked
 * against the end; a failed read leaves the cursor where it was. Parsers report
 * cursor_get_offset() with their error.
 */
#ifndef CURSOR_H
#define CURSOR_H

#include <barid/slice.h>

typedef struct {
    BaridSlice all;
    gsize pos;
} Cursor;

static inline Cursor
cursor_new(BaridSlice slice)
{
    return (Cursor){.all = slice, .pos = 0};
}

static inline gsize
cursor_get_offset(const Cursor *self)
{
    return self->pos;
}

static inline gsize
cursor_get_left(const Cursor *self)
{
    return self->all.len - self->pos;
}

static inline gboolean
cursor_is_end(const Cursor *self)
{
    return self->pos == self->all.len;
}

/* The next byte, or -1 at the end. */
static inline gint
cursor_peek(const Cursor *self)
{
    return cursor_is_end(self) ? -1 : self->all.data[self->pos];
}

static inline gint
cursor_peek_at(const Cursor *self, gsize ahead)
{
    return ahead < cursor_get_left(self) ? self->all.data[self->pos + ahead] : -1;
}

static inline gint
cursor_next(Cursor *self)
{
    return cursor_is_end(self) ? -1 : self->all.data[self->pos++];
}

/* Takes (byte) when it is next. */
static inline gboolean
cursor_accept(Cursor *self, guint8 byte)
{
    if (cursor_peek(self) != byte)
        return FALSE;
    self->pos++;
    return TRUE;
}

/* Takes (count) bytes into (*out_slice), or nothing. */
static inline gboolean
cursor_take(Cursor *self, gsize count, BaridSlice *out_slice)
{
    if (count > cursor_get_left(self))
        return FALSE;
    *out_slice = barid_slice(self->all.data + self->pos, count);
    self->pos += count;
    return TRUE;
}

/* Takes the longest run of bytes for which (belongs) is TRUE; may be empty. */
static inline BaridSlice
cursor_take_while(Cursor *self, gboolean (*belongs)(guint8 byte))
{
    gsize start = self->pos;

    while (self->pos < self->all.len && belongs(self->all.data[self->pos]))
        self->pos++;
    return barid_slice(self->all.data + start, self->pos - start);
}

static inline BaridSlice
cursor_get_rest(const Cursor *self)
{
    return barid_slice(self->all.data + self->pos, cursor_get_left(self));
}

/* The bytes between an earlier offset and here. */
static inline BaridSlice
cursor_get_since(const Cursor *self, gsize offset)
{
    return barid_slice(self->all.data + offset, self->pos - offset);
}

/* Little-endian integers of the project's own binary formats. */
gboolean cursor_take_u8(Cursor *self, guint8 *out_value);
gboolean cursor_take_u16(Cursor *self, guint16 *out_value);
gboolean cursor_take_u32(Cursor *self, guint32 *out_value);
gboolean cursor_take_u64(Cursor *self, guint64 *out_value);
/* A u32 length, then that many bytes. */
gboolean cursor_take_counted(Cursor *self, BaridSlice *out_slice);

#endif
