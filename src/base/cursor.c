/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cursor.h"

static gboolean
cursor_take_copy(Cursor *self, void *out, gsize size)
{
    BaridSlice bytes;

    if (!cursor_take(self, size, &bytes))
        return FALSE;
    memcpy(out, bytes.data, size);
    return TRUE;
}

gboolean
cursor_take_u8(Cursor *self, guint8 *out_value)
{
    return cursor_take_copy(self, out_value, sizeof *out_value);
}

gboolean
cursor_take_u16(Cursor *self, guint16 *out_value)
{
    guint16 raw;

    if (!cursor_take_copy(self, &raw, sizeof raw))
        return FALSE;
    *out_value = GUINT16_FROM_LE(raw);
    return TRUE;
}

gboolean
cursor_take_u32(Cursor *self, guint32 *out_value)
{
    guint32 raw;

    if (!cursor_take_copy(self, &raw, sizeof raw))
        return FALSE;
    *out_value = GUINT32_FROM_LE(raw);
    return TRUE;
}

gboolean
cursor_take_u64(Cursor *self, guint64 *out_value)
{
    guint64 raw;

    if (!cursor_take_copy(self, &raw, sizeof raw))
        return FALSE;
    *out_value = GUINT64_FROM_LE(raw);
    return TRUE;
}

gboolean
cursor_take_counted(Cursor *self, BaridSlice *out_slice)
{
    gsize start = self->pos;
    guint32 len;

    if (cursor_take_u32(self, &len) && cursor_take(self, len, out_slice))
        return TRUE;
    self->pos = start;
    return FALSE;
}
