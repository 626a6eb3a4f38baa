/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/config-file.h"

#include <errno.h>

#include "base/cursor.h"
#include "base/error-domain.h"
#include "base/i18n.h"
#include "base/wire.h"
#include "conf/default-files.h"

/* The first bytes of the packed form; the digit counts its versions. */
#define CONFIG_FILES_MAGIC "baridcf1"
/* Files of one configuration. */
enum { CONFIG_FILES_MAX = 1000 };

static void
config_file_clear(gpointer data)
{
    ConfigFile *file = data;

    g_free(file->text);
}

static ConfigFiles *
config_files_new(void)
{
    ConfigFiles *self = g_new0(ConfigFiles, 1);

    self->files = g_array_new(FALSE, FALSE, sizeof(ConfigFile));
    g_array_set_clear_func(self->files, config_file_clear);
    return self;
}

void
config_files_free(ConfigFiles *self)
{
    if (self == NULL)
        return;
    g_array_unref(self->files);
    g_free(self);
}

void
config_files_append(ConfigFiles *self, const gchar *name, BaridSlice text)
{
    ConfigFile file = {.name = g_intern_string(name), .len = text.len};

    file.text = g_malloc(text.len + 1);
    if (text.len > 0)
        memcpy(file.text, text.data, text.len);
    file.text[text.len] = '\0';
    g_array_append_val(self->files, file);
}

ConfigFiles *
config_files_new_text(const gchar *name, const gchar *text)
{
    ConfigFiles *self = config_files_new();

    config_files_append(self, name, barid_slice_from_text(text));
    return self;
}

ConfigFiles *
config_files_copy(const ConfigFiles *self)
{
    ConfigFiles *copy = config_files_new();

    for (guint i = 0; i < self->files->len; i++) {
        const ConfigFile *file = &g_array_index(self->files, ConfigFile, i);

        config_files_append(copy, file->name, barid_slice(file->text, file->len));
    }
    return copy;
}

ConfigFiles *
config_files_new_default(void)
{
    ConfigFiles *self = config_files_new();

    for (const DefaultFile *file = default_files; file->name != NULL; file++)
        config_files_append(self, file->name, barid_slice(file->data, file->len));
    return self;
}

static ConfigFile *
config_files_find(const ConfigFiles *self, const gchar *name)
{
    for (guint i = 0; i < self->files->len; i++) {
        ConfigFile *file = &g_array_index(self->files, ConfigFile, i);

        if (strcmp(file->name, name) == 0)
            return file;
    }
    return NULL;
}

const gchar *
config_files_get_text(const ConfigFiles *self, const gchar *name)
{
    const ConfigFile *file = config_files_find(self, name);

    return file == NULL ? NULL : file->text;
}

void
config_files_replace(ConfigFiles *self, const gchar *name, const gchar *text)
{
    ConfigFile *file = config_files_find(self, name);
    ConfigFile added;
    guint at;

    if (file != NULL) {
        g_free(file->text);
        file->text = g_strdup(text);
        file->len = strlen(text);
        return;
    }
    config_files_append(self, name, barid_slice_from_text(text));
    added = g_array_index(self->files, ConfigFile, self->files->len - 1);
    /* The first file is not one of conf.d. */
    for (at = self->files->len - 1; at > 1; at--) {
        const ConfigFile *before = &g_array_index(self->files, ConfigFile, at - 1);

        if (strcmp(before->name, name) < 0)
            break;
        g_array_index(self->files, ConfigFile, at) = *before;
    }
    g_array_index(self->files, ConfigFile, at) = added;
}

gboolean
config_files_is_text(const ConfigFiles *self, const gchar *name)
{
    const ConfigFile *file = config_files_find(self, name);

    return file == NULL || g_utf8_validate_len(file->text, file->len, NULL);
}

static gboolean
config_files_check_size(const ConfigFiles *self, const gchar *name, gsize more, GError **error)
{
    gsize total = more;

    for (guint i = 0; i < self->files->len; i++)
        total += g_array_index(self->files, ConfigFile, i).len;
    if (total <= CONFIG_BYTES_MAX && self->files->len < CONFIG_FILES_MAX)
        return TRUE;
    g_set_error(error, CONFIG_ERROR, BARID_ERROR_TOO_LARGE,
                _("%s: the configuration is larger than %d MiB or %d files"), name,
                CONFIG_BYTES_MAX / 1048576, CONFIG_FILES_MAX);
    return FALSE;
}

static gboolean
config_files_add_checked(ConfigFiles *self, const gchar *name, BaridSlice text, GError **error)
{
    if (!config_files_check_size(self, name, text.len, error))
        return FALSE;
    config_files_append(self, name, text);
    return TRUE;
}

static gboolean
config_files_read_one(ConfigFiles *self, const gchar *path, GError **error)
{
    g_autofree gchar *text = NULL;
    g_autoptr(GError) cause = NULL;
    gsize len;

    if (!g_file_get_contents(path, &text, &len, &cause)) {
        gboolean is_absent = g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT);

        g_set_error_literal(error, CONFIG_ERROR,
                            is_absent ? BARID_ERROR_NOT_FOUND : BARID_ERROR_FAILED,
                            cause->message);
        return FALSE;
    }
    return config_files_add_checked(self, path, barid_slice(text, len), error);
}

static gint
config_files_compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const gchar *const *)a, *(const gchar *const *)b);
}

/* Hidden files are skipped: they are what editors and package managers leave. */
static GPtrArray *
config_files_list_folder(const gchar *folder, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &cause);
    const gchar *name;

    if (dir == NULL && g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return g_steal_pointer(&names);
    if (dir == NULL) {
        g_set_error_literal(error, CONFIG_ERROR, BARID_ERROR_FAILED, cause->message);
        return NULL;
    }
    while ((name = g_dir_read_name(dir)) != NULL) {
        if (name[0] != '.' && g_str_has_suffix(name, ".conf"))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, config_files_compare_names);
    return g_steal_pointer(&names);
}

ConfigFiles *
config_files_read(const gchar *path, GError **error)
{
    g_autoptr(ConfigFiles) self = config_files_new();
    g_autofree gchar *parent = g_path_get_dirname(path);
    g_autofree gchar *folder = g_build_filename(parent, "conf.d", NULL);
    g_autoptr(GPtrArray) names = NULL;

    if (!config_files_read_one(self, path, error))
        return NULL;
    names = config_files_list_folder(folder, error);
    if (names == NULL)
        return NULL;
    for (guint i = 0; i < names->len; i++) {
        g_autofree gchar *file =
            g_build_filename(folder, (const gchar *)g_ptr_array_index(names, i), NULL);

        if (!config_files_read_one(self, file, error))
            return NULL;
    }
    return g_steal_pointer(&self);
}

gboolean
config_files_pack(const ConfigFiles *self, Buffer *out)
{
    if (!buffer_append_text(out, CONFIG_FILES_MAGIC) || !wire_put_u32(out, self->files->len))
        return FALSE;
    for (guint i = 0; i < self->files->len; i++) {
        const ConfigFile *file = &g_array_index(self->files, ConfigFile, i);

        if (!wire_put_counted(out, barid_slice_from_text(file->name)) ||
            !wire_put_counted(out, barid_slice(file->text, file->len)))
            return FALSE;
    }
    return TRUE;
}

static gboolean
config_files_unpack_one(ConfigFiles *self, Cursor *cursor, GError **error)
{
    BaridSlice name;
    BaridSlice text;
    g_autofree gchar *checked = NULL;

    if (!cursor_take_counted(cursor, &name) || !cursor_take_counted(cursor, &text)) {
        g_set_error_literal(error, CONFIG_ERROR, BARID_ERROR_INVALID,
                            "the packed configuration is cut short");
        return FALSE;
    }
    checked = barid_slice_dup_text(name, error);
    return checked != NULL && config_files_add_checked(self, checked, text, error);
}

ConfigFiles *
config_files_unpack(BaridSlice packed, GError **error)
{
    g_autoptr(ConfigFiles) self = config_files_new();
    Cursor cursor = cursor_new(packed);
    BaridSlice magic;
    guint32 count;

    if (!cursor_take(&cursor, strlen(CONFIG_FILES_MAGIC), &magic) ||
        !barid_slice_equal_text(magic, CONFIG_FILES_MAGIC) ||
        !cursor_take_u32(&cursor, &count)) {
        g_set_error_literal(error, CONFIG_ERROR, BARID_ERROR_INVALID,
                            "this is no packed configuration of this version");
        return NULL;
    }
    for (guint32 i = 0; i < count; i++) {
        if (!config_files_unpack_one(self, &cursor, error))
            return NULL;
    }
    if (!cursor_is_end(&cursor)) {
        g_set_error_literal(error, CONFIG_ERROR, BARID_ERROR_INVALID,
                            "the packed configuration has bytes after its end");
        return NULL;
    }
    return g_steal_pointer(&self);
}
