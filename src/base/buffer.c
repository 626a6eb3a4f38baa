/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include <stdarg.h>

enum { BUFFER_CAPACITY_MIN = 256 };

void
buffer_init(Buffer *self, gsize limit)
{
    *self = (Buffer){.limit = limit};
}

void
buffer_clear(Buffer *self)
{
    g_free(self->data);
    self->data = NULL;
    self->len = 0;
    self->capacity = 0;
}

guint8 *
buffer_reserve(Buffer *self, gsize extra)
{
    gsize wanted;
    gsize capacity;
    guint8 *data;

    if (extra > self->limit - self->len)
        return NULL;
    wanted = self->len + extra;
    if (wanted <= self->capacity)
        return self->data + self->len;
    capacity = MAX(self->capacity * 2, BUFFER_CAPACITY_MIN);
    capacity = MIN(MAX(capacity, wanted), self->limit);
    data = g_try_realloc(self->data, capacity);
    if (data == NULL)
        return NULL;
    self->data = data;
    self->capacity = capacity;
    return data + self->len;
}

gboolean
buffer_append(Buffer *self, const void *data, gsize len)
{
    guint8 *end;

    if (len == 0)
        return TRUE;
    end = buffer_reserve(self, len);
    if (end == NULL)
        return FALSE;
    memcpy(end, data, len);
    self->len += len;
    return TRUE;
}

gboolean
buffer_append_text(Buffer *self, const gchar *text)
{
    return buffer_append(self, text, strlen(text));
}

/* Formatting costs more than everything else here, so what fits is formatted once. */
gboolean
buffer_printf(Buffer *self, const gchar *format, ...)
{
    gsize room = self->capacity - self->len;
    va_list args;
    va_list again;
    gint len;
    guint8 *end;

    va_start(args, format);
    va_copy(again, args);
    len = g_vsnprintf(room == 0 ? NULL : (gchar *)self->data + self->len, room, format, args);
    va_end(args);
    end = len < 0 ? NULL : buffer_reserve(self, (gsize)len + 1);
    if (end != NULL && (gsize)len >= room)
        g_vsnprintf((gchar *)end, (gulong)len + 1, format, again);
    if (end != NULL)
        self->len += (gsize)len;
    va_end(again);
    return end != NULL;
}

void
buffer_consume(Buffer *self, gsize count)
{
    g_assert(count <= self->len);
    self->len -= count;
    if (self->len > 0 && count > 0)
        memmove(self->data, self->data + count, self->len);
}
