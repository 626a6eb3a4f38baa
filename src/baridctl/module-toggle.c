/* SPDX-License-Identifier: Apache-2.0 */
/* "modules enable" and "modules disable": conf.d/NAME.conf is changed, comments and all else
 * stay. Nothing is written that does not hold together, and what the server does not take is
 * taken back. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "baridctl/client.h"
#include "baridctl/offline.h"
#include "baridctl/show.h"
#include "base/paths.h"
#include "conf/config-edit.h"
#include "conf/config-tree.h"
#include "host/host.h"

enum { TOGGLE_NEW_MODE = 0644 };

typedef struct {
    const Options *options;
    const gchar *name;
    gboolean enabled;
    gchar *label;       /* "module NAME" */
    gchar *file;        /* of conf.d */
    gchar *before, *after; /* its text; NULL before when there is none */
    gboolean changed, reloaded;
    gint64 generation;
    ConfigFiles *files;
    ConfigProblems *problems;
} Toggle;

static void
toggle_clear(Toggle *self)
{
    config_files_free(self->files);
    config_problems_free(self->problems);
    g_free(self->label);
    g_free(self->file);
    g_free(self->before);
    g_free(self->after);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Toggle, toggle_clear)

static gboolean
toggle_init(Toggle *self, const Options *options, const gchar *name, gboolean enabled,
            GError **error)
{
    const gchar *named = options_get(options, "config");
    g_autofree gchar *path = named != NULL ? g_strdup(named) : paths_dup_config_file();
    g_autofree gchar *folder = NULL;
    g_autofree gchar *base = g_strconcat(name, ".conf", NULL);

    *self = (Toggle){.options = options, .name = name, .enabled = enabled};
    self->problems = config_problems_new();
    if (!host_is_module_name(name)) {
        g_set_error(error, OPTIONS_ERROR, BARID_ERROR_INVALID, _("\"%s\" is no name of a module"),
                    name);
        return FALSE;
    }
    if (path == NULL) {
        g_set_error_literal(error, OPTIONS_ERROR, BARID_ERROR_NOT_FOUND,
                            _("no configuration is installed; name one with --config"));
        return FALSE;
    }
    folder = g_path_get_dirname(path);
    self->label = g_strconcat("module ", name, NULL);
    self->file = g_build_filename(folder, "conf.d", base, NULL);
    self->files = config_read(options, self->problems);
    return TRUE;
}

/* --- what the files say --- */

/* Whether it is enabled as the server reads it, and where that stands. */
static gboolean
toggle_read(const Toggle *self, ConfigPosition *out_position)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(ConfigTree) tree = config_tree_parse(self->files, problems);
    ConfigSection *section = config_tree_find(tree, "module", self->name);
    ConfigValue *value = section == NULL ? NULL : config_section_use(section, "enabled");

    *out_position = value == NULL ? (ConfigPosition){.file = NULL} : config_value_locate(value, 0);
    return value != NULL && barid_slice_equal_text(config_value_get_raw(value), "yes");
}

/* Changes the text in memory, and looks at what would be. FALSE with a problem. */
static gboolean
toggle_plan(Toggle *self)
{
    ConfigPosition position;

    if (self->files == NULL)
        return FALSE;
    if (toggle_read(self, &position) == self->enabled)
        return TRUE;
    /* What is no text would not come back as it was. */
    if (!config_files_is_text(self->files, self->file)) {
        config_check_files(self->options, self->files, self->problems);
        return FALSE;
    }
    self->changed = TRUE;
    self->before = g_strdup(config_files_get_text(self->files, self->file));
    self->after = config_edit_set(self->before == NULL ? "" : self->before, self->label, "enabled",
                                  self->enabled ? "yes" : "no");
    config_files_replace(self->files, self->file, self->after);
    if (toggle_read(self, &position) != self->enabled)
        config_problems_add(self->problems, position, self->label, "enabled", NULL, 0,
                            _("this file is read after %s, and what it says holds"), self->file);
    /* One that is not installed cannot be enabled, but disabled. */
    config_drop_absent(self->files, self->enabled ? self->file : NULL);
    config_check_files(self->options, self->files, self->problems);
    return config_problems_get_count(self->problems) == 0;
}

/* --- what is done --- */

/* At once or not at all. A link stays one: what it leads to is written. */
static gboolean
toggle_write(const Toggle *self, const gchar *text, GError **error)
{
    g_autofree gchar *real = realpath(self->file, NULL);
    const gchar *path = real == NULL ? self->file : real;
    struct stat info;
    gint mode = stat(path, &info) == 0 ? (gint)(info.st_mode & 07777) : TOGGLE_NEW_MODE;

    if (text == NULL)
        return unlink(path) == 0;
    return g_file_set_contents_full(path, text, -1,
                                    G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                    mode, error);
}

/* FALSE with what the server says against it. */
static gboolean
toggle_reload(Toggle *self, GError **error)
{
    static const gchar *const words[] = {"reload", NULL};
    g_autofree gchar *line = client_ask(self->options, words, error);
    g_autoptr(JsonParser) parser = json_parser_new();
    JsonObject *answer;

    if (line == NULL || !json_parser_load_from_data(parser, line, -1, error))
        return FALSE;
    answer = json_node_get_object(json_parser_get_root(parser));
    if (show_get_text(answer, "error") != NULL) {
        g_set_error_literal(error, OPTIONS_ERROR, BARID_ERROR_FAILED,
                            show_get_text(answer, "error"));
        return FALSE;
    }
    self->generation = show_get_integer(answer, "generation");
    self->reloaded = TRUE;
    return TRUE;
}

static gboolean
toggle_apply(Toggle *self, GError **error)
{
    if (!self->changed)
        return TRUE;
    if (!toggle_write(self, self->after, error))
        return FALSE;
    if (!client_has_server(self->options) || toggle_reload(self, error))
        return TRUE;
    if (!toggle_write(self, self->before, NULL))
        ctl_complain(_("%s could not be taken back"), self->file);
    return FALSE;
}

static void
toggle_answer(const Toggle *self)
{
    g_autofree gchar *verb = g_strconcat("modules ", self->enabled ? "enable" : "disable", NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    json_writer_text(&writer, "module", self->name);
    json_writer_bool(&writer, "enabled", self->enabled);
    json_writer_text(&writer, "file", self->file);
    json_writer_bool(&writer, "changed", self->changed);
    json_writer_bool(&writer, "reloaded", self->reloaded);
    if (self->reloaded)
        json_writer_integer(&writer, "generation", self->generation);
    json_writer_end_object(&writer);
    ctl_answer(self->options, verb, out->str);
}

static CtlStatus
toggle_run(const Options *options, const gchar *name, gboolean enabled)
{
    g_auto(Toggle) toggle = {.options = NULL};
    g_autoptr(GError) error = NULL;

    if (!toggle_init(&toggle, options, name, enabled, &error))
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    if (!toggle_plan(&toggle))
        return config_report(options, toggle.problems);
    if (!toggle_apply(&toggle, &error))
        return ctl_fail(options, CTL_NO, "failed",
                        error == NULL ? _("the file cannot be written") : error->message);
    toggle_answer(&toggle);
    return CTL_DONE;
}

CtlStatus
module_enable(const Options *options, const gchar *const *args)
{
    return toggle_run(options, args[0], TRUE);
}

CtlStatus
module_disable(const Options *options, const gchar *const *args)
{
    return toggle_run(options, args[0], FALSE);
}
