/* SPDX-License-Identifier: Apache-2.0 */
/* The driver "inline": users and aliases that stand in the configuration itself. */
#include "store/directory-private.h"

static gboolean
inline_find_address(gpointer self, BaridSlice key, Arena *arena, DirectoryEntry *out_entry,
                    GError **error G_GNUC_UNUSED)
{
    directory_table_find_address(self, key, arena, out_entry);
    return TRUE;
}

static gboolean
inline_find_user(gpointer self, BaridSlice name, Arena *arena, DirectoryUser *out_user,
                 GError **error G_GNUC_UNUSED)
{
    directory_table_find_user(self, name, arena, out_user);
    return TRUE;
}

static gboolean
inline_find_mapped(gpointer self, BaridSlice key, Arena *arena, DirectoryEntry *out_entry,
                   GError **error G_GNUC_UNUSED)
{
    directory_table_find_mapped(self, key, arena, out_entry);
    return TRUE;
}

static void
inline_close(gpointer self)
{
    directory_table_unref(self);
}

const DirectoryDriver directory_inline_driver = {
    .find_address = inline_find_address,
    .find_user = inline_find_user,
    .find_mapped = inline_find_mapped,
    .close = inline_close,
};
