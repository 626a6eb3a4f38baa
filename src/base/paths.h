/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things are: installed, or in the tree where the program was built. Results are
 * the caller's.
 */
#ifndef PATHS_H
#define PATHS_H

#include <glib.h>

/* Where the control socket, and that for submission, of a server is that root started. */
#define PATHS_SYSTEM_RUN "/run/barid"

/* The top of the build tree that the running program belongs to, or NULL when it is
 * installed. */
gchar *paths_dup_build_root(void);
/* The folder of the modules. */
gchar *paths_dup_module_dir(void);
/* The file of the module (name) in (folder): NAME.so, or NAME/NAME.la in a build tree. NULL when
 * it is not there. */
gchar *paths_find_module(const gchar *folder, const gchar *name);
/* A program of LIBEXECDIR, or of the tree: (in_tree) is its path below the top. */
gchar *paths_dup_program(const gchar *name, const gchar *in_tree);
/* Default state folder: /var/lib/barid for root, else below XDG_STATE_HOME. */
gchar *paths_dup_state_dir(void);
/* The folder of the control socket: (state_dir)/run when one was named, else /run/barid
 * for root, else below XDG_RUNTIME_DIR. */
gchar *paths_dup_runtime_dir(const gchar *state_dir);
/* SYSCONFDIR/barid.conf when it exists, else NULL: the compiled-in text is used. */
gchar *paths_dup_config_file(void);

#endif
