/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever removes a package keeps its configuration, and a server that does not start for that
 * would be worse than one without the module. Only the module's own file is passed over: what an
 * administrator wrote elsewhere still has to hold. */
#include "base/paths.h"
#include "conf/config-file.h"
#include "conf/config-tree.h"

/* The NAME of a file that may be a module's: conf.d/NAME.conf, or default:NAME.conf. */
static gchar *
absent_dup_stem(const gchar *file)
{
    g_autofree gchar *parent = g_path_get_dirname(file);
    g_autofree gchar *base = g_path_get_basename(file);
    const gchar *start = g_str_has_prefix(base, "default:") ? base + strlen("default:") : base;

    if (!g_str_has_suffix(start, ".conf") ||
        (start == base && !g_str_has_suffix(parent, "/conf.d")))
        return NULL;
    return g_strndup(start, strlen(start) - strlen(".conf"));
}

static gboolean
absent_is(const ConfigFile *file, const gchar *module_dir)
{
    g_autofree gchar *name = absent_dup_stem(file->name);
    g_autofree gchar *module = name == NULL ? NULL : paths_find_module(module_dir, name);
    g_autoptr(ConfigFiles) alone = NULL;
    g_autoptr(ConfigProblems) ignored = NULL;
    g_autoptr(ConfigTree) tree = NULL;

    if (name == NULL || module != NULL)
        return FALSE;
    alone = config_files_new_text(file->name, file->text);
    ignored = config_problems_new();
    tree = config_tree_parse(alone, ignored);
    return config_tree_find(tree, "module", name) != NULL;
}

GPtrArray *
config_files_drop_absent(ConfigFiles *self, const gchar *kept)
{
    g_autofree gchar *module_dir = paths_dup_module_dir();
    GPtrArray *dropped = g_ptr_array_new();

    for (guint i = 0; i < self->files->len;) {
        const ConfigFile *file = &g_array_index(self->files, ConfigFile, i);

        if (g_strcmp0(file->name, kept) == 0 || !absent_is(file, module_dir)) {
            i++;
            continue;
        }
        g_ptr_array_add(dropped, (gpointer)(guintptr)file->name);
        g_array_remove_index(self->files, i);
    }
    return dropped;
}
