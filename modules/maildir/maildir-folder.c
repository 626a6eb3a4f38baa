/* SPDX-License-Identifier: Apache-2.0 */
/* Names and folders: nothing that a peer chose leaves the root. */
#include "maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <libintl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Told in the language of who calls baridctl. */
#define _(text) dgettext(GETTEXT_PACKAGE, text)

/* --- templates --- */

gboolean
maildir_name_is_safe(const gchar *name, gsize len)
{
    if (len == 0 || len > MAILDIR_NAME_MAX || (name[0] == '.' && (len == 1 || name[1] == '.')))
        return FALSE;
    for (gsize i = 0; i < len; i++) {
        if ((guchar)name[i] < ' ' || name[i] == 0x7f || name[i] == '/')
            return FALSE;
    }
    return TRUE;
}

static gboolean
expand_find(const gchar *variable, gsize len, const MaildirNames *names, BaridSlice *out_value)
{
    const struct {
        const gchar *name;
        BaridSlice value;
    } rows[] = {
        {"user", names->user},
        {"domain", names->domain},
        {"local", names->local},
        {"detail", names->detail},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (barid_slice_equal_text(barid_slice(variable, len), rows[i].name)) {
            *out_value = rows[i].value;
            return TRUE;
        }
    }
    return FALSE;
}

/* A value is part of one name: it must not end it, hide it or leave the folder. */
static gboolean
expand_value_is_safe(BaridSlice value)
{
    return value.len > 0 && value.data[0] != '.' &&
           maildir_name_is_safe((const gchar *)value.data, value.len);
}

static gboolean
expand_all_names_safe(const gchar *path)
{
    guint depth = 0;

    for (;; depth++) {
        const gchar *end = strchrnul(path, '/');

        if (!maildir_name_is_safe(path, (gsize)(end - path)) || depth >= MAILDIR_DEPTH_MAX)
            return FALSE;
        if (*end == '\0')
            return TRUE;
        path = end + 1;
    }
}

gchar *
maildir_expand(const gchar *template, const MaildirNames *names, gboolean *out_safe,
               GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const gchar *at = template;

    *out_safe = TRUE;
    while (*at != '\0') {
        const gchar *start = strstr(at, "%{");
        const gchar *end = start == NULL ? NULL : strchr(start, '}');
        BaridSlice value;

        if (start == NULL) {
            g_string_append(text, at);
            break;
        }
        if (end == NULL ||
            !expand_find(start + 2, (gsize)(end - start - 2), names, &value)) {
            g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID,
                        _("\"%s\": the variables are %%{user}, %%{domain}, %%{local}, %%{detail}"),
                        template);
            return NULL;
        }
        g_string_append_len(text, at, start - at);
        if (!expand_value_is_safe(value)) {
            *out_safe = FALSE;
            return NULL;
        }
        g_string_append_len(text, (const gchar *)value.data, (gssize)value.len);
        at = end + 1;
    }
    *out_safe = expand_all_names_safe(text->str);
    return *out_safe ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

/* --- folders --- */

int
maildir_open_folder(int parent_fd, const gchar *name)
{
    return openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A folder that was made is durable before a message in it can be. */
static int
folder_open_or_make(int parent_fd, const gchar *name)
{
    int fd = maildir_open_folder(parent_fd, name);

    if (fd >= 0 || errno != ENOENT)
        return fd;
    if (mkdirat(parent_fd, name, 0700) == 0) {
        if (fsync(parent_fd) != 0)
            return -1;
    } else if (errno != EEXIST) {
        return -1;
    }
    return maildir_open_folder(parent_fd, name);
}

int
maildir_open_folders(int root_fd, const gchar *path)
{
    g_auto(GStrv) names = g_strsplit(path, "/", MAILDIR_DEPTH_MAX);
    int fd = -1;

    for (guint i = 0; names[i] != NULL; i++) {
        int next = folder_open_or_make(i == 0 ? root_fd : fd, names[i]);
        int saved = errno;

        if (fd >= 0)
            close(fd);
        if (next < 0) {
            errno = saved;
            return -1;
        }
        fd = next;
    }
    return fd;
}

gboolean
maildir_make(int fd)
{
    static const gchar *const names[] = {"cur", "tmp", "new"};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        int made = folder_open_or_make(fd, names[i]);

        if (made < 0)
            return FALSE;
        close(made);
    }
    return TRUE;
}
