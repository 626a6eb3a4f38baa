/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffer: growable bytes with a fixed upper limit, used for what peers send and for
 * what is about to be sent. Growth past the limit is refused, never an abort.
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <barid/slice.h>

typedef struct {
    guint8 *data;
    gsize len;
    gsize capacity;
    gsize limit; /* bytes that (len) may reach */
} Buffer;

/* Makes an empty buffer; allocates nothing. */
void buffer_init(Buffer *self, gsize limit);
/* Frees the bytes; the buffer is empty and may be used again. */
void buffer_clear(Buffer *self);
/* Makes room for (extra) more bytes; returns where they go, or NULL past the limit or
 * when memory is short. */
guint8 *buffer_reserve(Buffer *self, gsize extra);
/* FALSE, with nothing appended, past the limit. */
gboolean buffer_append(Buffer *self, const void *data, gsize len);
gboolean buffer_append_text(Buffer *self, const gchar *text);
gboolean buffer_printf(Buffer *self, const gchar *format, ...) G_GNUC_PRINTF(2, 3);
/* Drops the first (count) bytes, moving the rest to the front. */
void buffer_consume(Buffer *self, gsize count);
static inline BaridSlice
buffer_get_slice(const Buffer *self)
{
    return barid_slice(self->data, self->len);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Buffer, buffer_clear)

#endif
