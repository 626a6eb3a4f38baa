/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folder: one that is held open. The supervisor may run as root in folders of the worker's
 * user, who may lay links there and rename what is below: after a folder was opened, paths
 * through it are not used again.
 */
#ifndef FOLDER_H
#define FOLDER_H

#include <sys/types.h>

#include <barid/error.h>

typedef struct {
    gchar *path; /* absolute; for messages */
    int fd;      /* -1 before it is opened */
} Folder;

/* Opens a folder, which is made with permissions (mode) if it is not there. It must not be a
 * link. */
gboolean folder_open(Folder *self, const gchar *path, guint mode, GError **error);
void folder_close(Folder *self);
gboolean folder_give(const Folder *self, uid_t uid, gid_t gid, GError **error);
/* When we are root: makes it ours, and takes the right to write from everybody else. */
gboolean folder_keep(const Folder *self, GError **error);
/* The folder that holds (path), which may be relative to ours: for names alone (O_PATH). -1
 * on failure. */
int folder_open_parent(const Folder *self, const gchar *path, GError **error);
/* Opens a file below us for reading; (path) is relative, without "..". No link is followed,
 * and the file has no other name elsewhere. -1 with errno. */
int folder_open_file(const Folder *self, const gchar *path);
/* What (path) is below us; NULL when it is elsewhere. */
const gchar *folder_get_relative(const Folder *self, const gchar *path);

#endif
