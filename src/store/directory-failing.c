/* SPDX-License-Identifier: Apache-2.0 */
/* A directory that cannot answer, for simulations. */
#include "store/directory-private.h"

static gboolean
failing_refuse(GError **error)
{
    g_set_error_literal(error, DIRECTORY_ERROR, BARID_ERROR_TEMPORARY,
                        "the directory does not answer");
    return FALSE;
}

static gboolean
failing_find_address(gpointer self G_GNUC_UNUSED, BaridSlice key G_GNUC_UNUSED,
                     Arena *arena G_GNUC_UNUSED, DirectoryEntry *out_entry G_GNUC_UNUSED,
                     GError **error)
{
    return failing_refuse(error);
}

static gboolean
failing_find_user(gpointer self G_GNUC_UNUSED, BaridSlice name G_GNUC_UNUSED,
                  Arena *arena G_GNUC_UNUSED, DirectoryUser *out_user G_GNUC_UNUSED,
                  GError **error)
{
    return failing_refuse(error);
}

const DirectoryDriver directory_failing_driver = {
    .find_address = failing_find_address,
    .find_user = failing_find_user,
    .find_mapped = failing_find_address,
};

gboolean
directories_set_failing(Directories *self, const gchar *name, gboolean failing)
{
    Directory *directory = directories_find_directory(self, name);

    if (directory == NULL)
        return FALSE;
    if (failing && directory->working == NULL) {
        directory->working = directory->driver;
        directory->driver = &directory_failing_driver;
    } else if (!failing && directory->working != NULL) {
        directory->driver = directory->working;
        directory->working = NULL;
    }
    return TRUE;
}
