/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_FOLDER_H
#define SIM_FOLDER_H

#include <glib.h>

/* Removes a folder of a test with all that is in it; follows no links. */
void sim_remove_folder(const gchar *path);

#endif
