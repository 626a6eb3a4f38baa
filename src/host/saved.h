/* SPDX-License-Identifier: Apache-2.0 */
/* Saved areas (<barid/saved.h>): their list on a transaction and their stored form, which
 * is part of the envelope: for each a byte of type, then name and value, counted. */
#ifndef SAVED_H
#define SAVED_H

#include <barid/saved.h>

#include "base/arena.h"
#include "base/cursor.h"

typedef struct SavedValue {
    struct SavedValue *next;
    BaridSavedType type;
    const gchar *name;
    BaridSlice value;
} SavedValue;

enum { SAVED_INTEGER_BYTES = 8 };

/* The value called (name), or NULL. */
const SavedValue *saved_find(const SavedValue *list, const gchar *name);
/* Puts (value) into (*list), in the place of the one of that name. */
void saved_put(SavedValue **list, SavedValue *value);
/* Stored size of one, and of all. */
gsize saved_get_size(const SavedValue *value);
gsize saved_get_total(const SavedValue *list);
/* The stored form, in (arena); empty for none. */
BaridSlice saved_write(const SavedValue *list, Arena *arena);
/* Reads one of the stored form; FALSE at its end or where it is damaged. */
typedef struct {
    BaridSavedType type;
    BaridSlice name, value;
} SavedItem;
gboolean saved_next(Cursor *cursor, SavedItem *out_item);
/* The number of an INTEGER. */
gboolean saved_item_get_integer(BaridSavedType type, BaridSlice value, gint64 *out_value);

#endif
