/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/spool/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int
system_open(SpoolDisk *self, int dir_fd, const gchar *name, int flags)
{
    int fd;

    (void)self;
    do {
        fd = openat(dir_fd, name, flags | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static gssize
system_pwritev(SpoolDisk *self, int fd, const struct iovec *pieces, int n_pieces, goffset offset)
{
    gssize written;

    (void)self;
    do {
        written = pwritev(fd, pieces, n_pieces, offset);
    } while (written < 0 && errno == EINTR);
    return written;
}

static gssize
system_pread(SpoolDisk *self, int fd, void *buffer, gsize len, goffset offset)
{
    gssize got;

    (void)self;
    do {
        got = pread(fd, buffer, len, offset);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* Not repeated after EINTR: what a failed flush has forgotten, a second one does not
 * bring back, and no local file system interrupts it. */
static int
system_fdatasync(SpoolDisk *self, int fd)
{
    (void)self;
    return fdatasync(fd);
}

static int
system_sync_folder(SpoolDisk *self, int dir_fd)
{
    (void)self;
    return fsync(dir_fd);
}

/* A file system without fallocate(2) gives a file with holes: slower and able to run
 * full later, but correct. */
static int
system_allocate(SpoolDisk *self, int fd, goffset len)
{
    int result;

    (void)self;
    do {
        result = fallocate(fd, 0, 0, len);
    } while (result < 0 && errno == EINTR);
    if (result < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
        result = ftruncate(fd, len);
    return result;
}

static int
system_truncate(SpoolDisk *self, int fd, goffset len)
{
    (void)self;
    return ftruncate(fd, len);
}

static int
system_unlink(SpoolDisk *self, int dir_fd, const gchar *name)
{
    (void)self;
    return unlinkat(dir_fd, name, 0);
}

static int
system_rename(SpoolDisk *self, int dir_fd, const gchar *from, const gchar *to)
{
    (void)self;
    return renameat(dir_fd, from, dir_fd, to);
}

/* Through /proc, because AT_EMPTY_PATH needs a capability that the worker does not keep. */
static int
system_link(SpoolDisk *self, int fd, int dir_fd, const gchar *name)
{
    gchar path[40];

    (void)self;
    g_snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, path, dir_fd, name, AT_SYMLINK_FOLLOW);
}

SpoolDisk *
spool_disk_get_system(void)
{
    static SpoolDisk disk = {
        .open = system_open,
        .pwritev = system_pwritev,
        .pread = system_pread,
        .fdatasync = system_fdatasync,
        .sync_folder = system_sync_folder,
        .allocate = system_allocate,
        .truncate = system_truncate,
        .unlink = system_unlink,
        .rename = system_rename,
        .link = system_link,
    };

    return &disk;
}
