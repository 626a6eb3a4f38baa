/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/folder.h"

#include <ftw.h>
#include <stdio.h>

static int
folder_remove_one(const char *path, const struct stat *info G_GNUC_UNUSED, int kind G_GNUC_UNUSED,
                  struct FTW *walk G_GNUC_UNUSED)
{
    return remove(path);
}

void
sim_remove_folder(const gchar *path)
{
    if (path != NULL)
        nftw(path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
