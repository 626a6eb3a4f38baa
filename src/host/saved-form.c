/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the stored form, for whoever has an envelope and knows no modules. */
#include "host/saved.h"

gboolean
saved_next(Cursor *cursor, SavedItem *out_item)
{
    SavedItem item;
    guint8 type;

    if (!cursor_take_u8(cursor, &type) || type > BARID_SAVED_INTEGER ||
        !cursor_take_counted(cursor, &item.name) || !cursor_take_counted(cursor, &item.value))
        return FALSE;
    item.type = (BaridSavedType)type;
    *out_item = item;
    return TRUE;
}

gboolean
saved_item_get_integer(BaridSavedType type, BaridSlice value, gint64 *out_value)
{
    Cursor cursor = cursor_new(value);
    guint64 number;

    if (type != BARID_SAVED_INTEGER || value.len != SAVED_INTEGER_BYTES ||
        !cursor_take_u64(&cursor, &number))
        return FALSE;
    *out_value = (gint64)number;
    return TRUE;
}
