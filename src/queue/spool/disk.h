/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SpoolDisk: the file layer of the spool, and the only place where it meets the
 * operating system. Tests put in a disk that is full, fails, tears writes or forgets
 * everything that was not synced.
 *
 * Functions return FALSE or -1 with errno set, as the system calls do; no GError here.
 */
#ifndef SPOOL_DISK_H
#define SPOOL_DISK_H

#include <sys/types.h>
#include <sys/uio.h>

#include <barid/slice.h>

typedef struct SpoolDisk SpoolDisk;

struct SpoolDisk {
    /* Names are relative to the folder (dir_fd). (flags) as for open(2). */
    int (*open)(SpoolDisk *self, int dir_fd, const gchar *name, int flags);
    gssize (*pwritev)(SpoolDisk *self, int fd, const struct iovec *pieces, int n_pieces,
                      goffset offset);
    gssize (*pread)(SpoolDisk *self, int fd, void *buffer, gsize len, goffset offset);
    int (*fdatasync)(SpoolDisk *self, int fd);
    int (*sync_folder)(SpoolDisk *self, int dir_fd);
    int (*allocate)(SpoolDisk *self, int fd, goffset len);
    int (*truncate)(SpoolDisk *self, int fd, goffset len);
    int (*unlink)(SpoolDisk *self, int dir_fd, const gchar *name);
    int (*rename)(SpoolDisk *self, int dir_fd, const gchar *from, const gchar *to);
    /* Gives the O_TMPFILE (fd) a name. */
    int (*link)(SpoolDisk *self, int fd, int dir_fd, const gchar *name);
};

/* The real one; static, never freed. */
SpoolDisk *spool_disk_get_system(void);

#endif
