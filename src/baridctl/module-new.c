/* SPDX-License-Identifier: Apache-2.0 */
#include "baridctl/module-new.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "baridctl/module-template.h"
#include "base/civil.h"
#include "base/clock.h"
#include "base/error-domain.h"
#include "base/json-writer.h"
#include "base/paths.h"
#include "host/host.h"

/* Names stand in lines that should not become too long. */
enum { MODULE_NAME_MAX = 24 };

typedef struct {
    const gchar *name, *template;
    gchar *folder;
    gchar *capital, *upper; /* "Example", "EXAMPLE" */
    gchar *date;            /* "November 29, 2026" */
    GPtrArray *files;       /* of gchar *: below the folder */
} ModuleNew;

static void
module_new_clear(ModuleNew *self)
{
    g_free(self->folder);
    g_free(self->capital);
    g_free(self->upper);
    g_free(self->date);
    g_clear_pointer(&self->files, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ModuleNew, module_new_clear)

/* --- what is asked for --- */

static gboolean
module_new_refuse(GError **error, const gchar *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean
module_new_refuse(GError **error, const gchar *format, ...)
{
    g_autofree gchar *message = NULL;
    va_list args;

    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, OPTIONS_ERROR, BARID_ERROR_INVALID, message);
    return FALSE;
}

static gboolean
module_new_check_name(const gchar *name, GError **error)
{
    if (!host_is_module_name(name))
        return module_new_refuse(error,
                                 _("\"%s\" is no name of a module: it has lower-case letters and "
                                   "digits, and begins with a letter"),
                                 name);
    if (strlen(name) > MODULE_NAME_MAX)
        return module_new_refuse(error, _("the name \"%s\" has more than %d letters"), name,
                                 MODULE_NAME_MAX);
    return TRUE;
}

/* Another module of that name would never be loaded beside it. */
static gboolean
module_new_check_taken(const gchar *name, GError **error)
{
    g_autofree gchar *folder = paths_dup_module_dir();
    g_autofree gchar *installed = g_strdup_printf("%s/%s.so", folder, name);
    g_autofree gchar *built = g_strdup_printf("%s/%s/%s.la", folder, name, name);

    /* "judge" is the one of policy tests. */
    if (strcmp(name, "judge") == 0 || g_file_test(installed, G_FILE_TEST_EXISTS) ||
        g_file_test(built, G_FILE_TEST_EXISTS))
        return module_new_refuse(error, _("there is a module \"%s\" already: choose another name"),
                                 name);
    return TRUE;
}

static gboolean
module_new_is_mine(const ModuleNew *self, const ModuleTemplateFile *file)
{
    return strcmp(file->template, "any") == 0 || strcmp(file->template, self->template) == 0;
}

static gboolean
module_new_check_template(const gchar *name, GError **error)
{
    for (const ModuleTemplateFile *file = module_template_files; file->template != NULL; file++) {
        if (strcmp(file->template, name) == 0 && strcmp(name, "any") != 0)
            return TRUE;
    }
    return module_new_refuse(error, _("there is no template \"%s\"; there are policy and content"),
                             name);
}

static gchar *
module_new_dup_date(void)
{
    static const gchar *const months[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
    CivilDate date = civil_date_from_days(clock_wall_ms() / (24 * 3600 * 1000));

    return g_strdup_printf("%s %u, %d", months[date.month - 1], (guint)date.day, (gint)date.year);
}

static gboolean
module_new_choose(ModuleNew *self, const Options *options, const gchar *name, GError **error)
{
    const gchar *folder = options_get(options, "directory");
    const gchar *template = options_get(options, "template");

    self->name = name;
    self->template = template == NULL ? "policy" : template;
    if (!module_new_check_name(name, error) || !module_new_check_taken(name, error) ||
        !module_new_check_template(self->template, error))
        return FALSE;
    self->folder = g_strdup(folder == NULL ? name : folder);
    self->upper = g_ascii_strup(name, -1);
    self->capital = g_strdup(name);
    self->capital[0] = g_ascii_toupper(name[0]);
    self->date = module_new_dup_date();
    return TRUE;
}

/* --- writing --- */

static gchar *
module_new_replace(gchar *text_taken, const gchar *word, const gchar *value)
{
    g_autofree gchar *text = text_taken;
    g_auto(GStrv) parts = g_strsplit(text, word, -1);

    return g_strjoinv(value, parts);
}

static gchar *
module_new_dup_text(const ModuleNew *self, const gchar *text)
{
    gchar *out = module_new_replace(g_strdup(text), "@name@", self->name);

    out = module_new_replace(out, "@Name@", self->capital);
    out = module_new_replace(out, "@NAME@", self->upper);
    out = module_new_replace(out, "@date@", self->date);
    return module_new_replace(out, "@confdir@", SYSCONFDIR "/conf.d");
}

static gchar *
module_new_dup_path(const ModuleNew *self, const gchar *name)
{
    gchar *path = module_new_replace(g_strdup(name), "NAME", self->name);

    if (g_str_has_suffix(path, ".in"))
        path[strlen(path) - strlen(".in")] = '\0';
    return path;
}

/* Nothing is written before all is free. */
static gboolean
module_new_check_free(ModuleNew *self, GError **error)
{
    struct stat info;

    self->files = g_ptr_array_new_with_free_func(g_free);
    for (const ModuleTemplateFile *file = module_template_files; file->template != NULL; file++) {
        g_autofree gchar *full = NULL;
        gchar *path;

        if (!module_new_is_mine(self, file))
            continue;
        path = module_new_dup_path(self, file->name);
        g_ptr_array_add(self->files, path);
        full = g_build_filename(self->folder, path, NULL);
        if (lstat(full, &info) == 0)
            return module_new_refuse(
                error, _("%s is there already, and no file is written over: name another folder "
                         "with --directory"),
                full);
    }
    return TRUE;
}

static gboolean
module_new_write_file(const gchar *path, const gchar *text, GError **error)
{
    mode_t mode = g_str_has_prefix(text, "#!") ? 0777 : 0666;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    gboolean ok = file != NULL && fputs(text, file) >= 0;

    if (file != NULL)
        ok = fclose(file) == 0 && ok;
    if (!ok)
        error_set_errno(error, OPTIONS_ERROR, errno, "%s", path);
    return ok;
}

static gboolean
module_new_write(ModuleNew *self, GError **error)
{
    guint index = 0;

    for (const ModuleTemplateFile *file = module_template_files; file->template != NULL; file++) {
        g_autofree gchar *path = NULL;
        g_autofree gchar *folder = NULL;
        g_autofree gchar *text = NULL;

        if (!module_new_is_mine(self, file))
            continue;
        path = g_build_filename(self->folder, g_ptr_array_index(self->files, index++), NULL);
        folder = g_path_get_dirname(path);
        if (g_mkdir_with_parents(folder, 0777) != 0) {
            error_set_errno(error, OPTIONS_ERROR, errno, "%s", folder);
            return FALSE;
        }
        text = module_new_dup_text(self, file->text);
        if (!module_new_write_file(path, text, error))
            return FALSE;
    }
    return TRUE;
}

/* --- telling it --- */

static void
module_new_put_json(const ModuleNew *self)
{
    g_autoptr(GString) out = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    json_writer_text(&writer, "name", self->name);
    json_writer_text(&writer, "template", self->template);
    json_writer_text(&writer, "directory", self->folder);
    json_writer_begin_array(&writer, "files");
    for (guint i = 0; i < self->files->len; i++)
        json_writer_text(&writer, NULL, g_ptr_array_index(self->files, i));
    json_writer_end_array(&writer);
    json_writer_end_object(&writer);
    puts(out->str);
}

CtlStatus
module_new(const Options *options, const gchar *const *args)
{
    g_auto(ModuleNew) module = {.name = NULL};
    g_autoptr(GError) error = NULL;

    if (!module_new_choose(&module, options, args[0], &error) ||
        !module_new_check_free(&module, &error) || !module_new_write(&module, &error))
        return ctl_fail(options, CTL_NO,
                        error->code == BARID_ERROR_INVALID ? "invalid" : "failed",
                        error->message);
    if (options_has(options, "json"))
        module_new_put_json(&module);
    else
        printf(_("%s has the sources of the module %s. Next: make -C %s check\n"), module.folder,
               module.name, module.folder);
    return fflush(stdout) == 0 ? CTL_DONE : CTL_INTERNAL;
}
