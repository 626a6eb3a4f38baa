/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error-domain.h"
#include "ipc/ipc.h"

static gboolean
folder_fail(const Folder *self, GError **error)
{
    if (errno == ELOOP || errno == ENOTDIR)
        g_set_error(error, IPC_ERROR, BARID_ERROR_DENIED,
                    "%s: not a folder; a symbolic link is not followed here", self->path);
    else
        error_set_errno(error, IPC_ERROR, errno, "%s", self->path);
    return FALSE;
}

gboolean
folder_open(Folder *self, const gchar *path, guint mode, GError **error)
{
    g_autofree gchar *parent = g_path_get_dirname(path);
    gboolean is_new;

    self->path = g_strdup(path);
    if (g_mkdir_with_parents(parent, (int)mode) != 0)
        return folder_fail(self, error);
    is_new = mkdir(path, mode) == 0;
    if (!is_new && errno != EEXIST)
        return folder_fail(self, error);
    self->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* The caller's umask has taken from it. */
    if (self->fd < 0 || (is_new && fchmod(self->fd, mode) != 0))
        return folder_fail(self, error);
    return TRUE;
}

void
folder_close(Folder *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
    g_free(self->path);
    self->path = NULL;
}

gboolean
folder_give(const Folder *self, uid_t uid, gid_t gid, GError **error)
{
    return fchown(self->fd, uid, gid) == 0 || folder_fail(self, error);
}

gboolean
folder_keep(const Folder *self, GError **error)
{
    struct stat info;

    /* An ordinary user can be led to nothing but its own. */
    if (geteuid() != 0)
        return TRUE;
    if (fstat(self->fd, &info) != 0)
        return folder_fail(self, error);
    if (info.st_uid != geteuid() && fchown(self->fd, geteuid(), getegid()) != 0)
        return folder_fail(self, error);
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
        fchmod(self->fd, info.st_mode & 07777 & ~(mode_t)(S_IWGRP | S_IWOTH)) != 0)
        return folder_fail(self, error);
    return TRUE;
}

int
folder_open_parent(const Folder *self, const gchar *path, GError **error)
{
    g_autofree gchar *parent = g_path_get_dirname(path);
    int fd = openat(self->fd, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        error_set_errno(error, IPC_ERROR, errno, "cannot open the folder of %s", path);
    return fd;
}

static int
folder_check_file(int fd)
{
    struct stat info;

    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1)
        return fd;
    if (fd >= 0) {
        close(fd);
        errno = EPERM;
    }
    return -1;
}

int
folder_open_file(const Folder *self, const gchar *path)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    int folder_fd = self->fd, fd = -1;

    for (gchar **name = names; *name != NULL; name++) {
        fd = openat(folder_fd, *name,
                    O_NOFOLLOW | O_CLOEXEC |
                        (name[1] != NULL ? O_PATH | O_DIRECTORY
                                         : O_RDONLY | O_NOCTTY | O_NONBLOCK));
        if (folder_fd != self->fd) {
            int saved = errno;

            close(folder_fd);
            errno = saved;
        }
        if (fd < 0)
            return -1;
        folder_fd = fd;
    }
    return folder_check_file(fd);
}

const gchar *
folder_get_relative(const Folder *self, const gchar *path)
{
    gsize len = strlen(self->path);

    return strncmp(path, self->path, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}
