/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire.h"

gboolean
wire_put_u8(Buffer *buffer, guint8 value)
{
    return buffer_append(buffer, &value, sizeof value);
}

gboolean
wire_put_u16(Buffer *buffer, guint16 value)
{
    guint16 raw = GUINT16_TO_LE(value);

    return buffer_append(buffer, &raw, sizeof raw);
}

gboolean
wire_put_u32(Buffer *buffer, guint32 value)
{
    guint32 raw = GUINT32_TO_LE(value);

    return buffer_append(buffer, &raw, sizeof raw);
}

gboolean
wire_put_u64(Buffer *buffer, guint64 value)
{
    guint64 raw = GUINT64_TO_LE(value);

    return buffer_append(buffer, &raw, sizeof raw);
}

gboolean
wire_put_counted(Buffer *buffer, BaridSlice slice)
{
    guint8 *end;
    guint32 raw;

    if (slice.len > G_MAXUINT32)
        return FALSE;
    end = buffer_reserve(buffer, sizeof raw + slice.len);
    if (end == NULL)
        return FALSE;
    raw = GUINT32_TO_LE((guint32)slice.len);
    memcpy(end, &raw, sizeof raw);
    if (slice.len > 0)
        memcpy(end + sizeof raw, slice.data, slice.len);
    buffer->len += sizeof raw + slice.len;
    return TRUE;
}
