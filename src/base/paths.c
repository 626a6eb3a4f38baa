/* SPDX-License-Identifier: Apache-2.0 */
#include "base/paths.h"

#include <unistd.h>

enum { PATHS_LEVELS_MAX = 5 };

gchar *
paths_dup_build_root(void)
{
    g_autofree gchar *exe = g_file_read_link("/proc/self/exe", NULL);
    g_autofree gchar *folder = exe == NULL ? NULL : g_path_get_dirname(exe);

    for (guint i = 0; folder != NULL && i < PATHS_LEVELS_MAX; i++) {
        g_autofree gchar *status = g_build_filename(folder, "config.status", NULL);
        g_autofree gchar *library = g_build_filename(folder, "libbarid.la", NULL);
        gchar *parent;

        if (g_file_test(status, G_FILE_TEST_EXISTS) && g_file_test(library, G_FILE_TEST_EXISTS))
            return g_steal_pointer(&folder);
        parent = g_path_get_dirname(folder);
        g_free(folder);
        folder = parent;
    }
    return NULL;
}

gchar *
paths_dup_module_dir(void)
{
    g_autofree gchar *root = paths_dup_build_root();

    return root == NULL ? g_strdup(MODULEDIR) : g_build_filename(root, "modules", NULL);
}

gchar *
paths_find_module(const gchar *folder, const gchar *name)
{
    g_autofree gchar *installed = g_strdup_printf("%s/%s.so", folder, name);
    g_autofree gchar *built = g_strdup_printf("%s/%s/%s.la", folder, name, name);

    if (g_file_test(installed, G_FILE_TEST_IS_REGULAR))
        return g_steal_pointer(&installed);
    return g_file_test(built, G_FILE_TEST_IS_REGULAR) ? g_steal_pointer(&built) : NULL;
}

gchar *
paths_dup_program(const gchar *name, const gchar *in_tree)
{
    g_autofree gchar *root = paths_dup_build_root();

    return root == NULL ? g_build_filename(LIBEXECDIR, name, NULL)
                        : g_build_filename(root, in_tree, NULL);
}

gchar *
paths_dup_state_dir(void)
{
    if (geteuid() == 0 && g_getenv("XDG_STATE_HOME") == NULL)
        return g_strdup("/var/lib/barid");
    return g_build_filename(g_get_user_state_dir(), "barid", NULL);
}

gchar *
paths_dup_runtime_dir(const gchar *state_dir)
{
    const gchar *runtime = g_getenv("XDG_RUNTIME_DIR");

    if (state_dir != NULL)
        return g_build_filename(state_dir, "run", NULL);
    if (geteuid() == 0)
        return g_strdup(PATHS_SYSTEM_RUN);
    if (runtime != NULL)
        return g_build_filename(runtime, "barid", NULL);
    return g_build_filename(g_get_user_state_dir(), "barid", "run", NULL);
}

gchar *
paths_dup_config_file(void)
{
    g_autofree gchar *path = g_build_filename(SYSCONFDIR, "barid.conf", NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS) ? g_steal_pointer(&path) : NULL;
}
