/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim-disk.h"

#include <errno.h>
#include <stdatomic.h>

struct SimDisk {
    SpoolDisk disk; /* first: the functions get a pointer to it */
    SpoolDisk *real;
    _Atomic(SimDiskFault) fault;
};

static SimDisk *
sim_disk_get_self(SpoolDisk *disk)
{
    return (SimDisk *)(void *)disk;
}

/* 0, or the errno that a write fails with. */
static int
sim_disk_get_write_error(SimDisk *self)
{
    switch (atomic_load(&self->fault)) {
    case SIM_DISK_FULL:
        return ENOSPC;
    case SIM_DISK_FAILS:
        return EIO;
    default:
        return 0;
    }
}

static gboolean
sim_disk_refuses(SimDisk *self)
{
    int why = sim_disk_get_write_error(self);

    errno = why;
    return why != 0;
}

static int
sim_disk_open(SpoolDisk *disk, int dir_fd, const gchar *name, int flags)
{
    SimDisk *self = sim_disk_get_self(disk);

    return self->real->open(self->real, dir_fd, name, flags);
}

static gssize
sim_disk_pwritev(SpoolDisk *disk, int fd, const struct iovec *pieces, int n_pieces,
                 goffset offset)
{
    SimDisk *self = sim_disk_get_self(disk);

    return sim_disk_refuses(self) ? -1
                                  : self->real->pwritev(self->real, fd, pieces, n_pieces, offset);
}

static gssize
sim_disk_pread(SpoolDisk *disk, int fd, void *buffer, gsize len, goffset offset)
{
    SimDisk *self = sim_disk_get_self(disk);

    return self->real->pread(self->real, fd, buffer, len, offset);
}

static int
sim_disk_fdatasync(SpoolDisk *disk, int fd)
{
    SimDisk *self = sim_disk_get_self(disk);

    if (atomic_load(&self->fault) != SIM_DISK_SYNC_FAILS)
        return self->real->fdatasync(self->real, fd);
    errno = EIO;
    return -1;
}

static int
sim_disk_sync_folder(SpoolDisk *disk, int dir_fd)
{
    SimDisk *self = sim_disk_get_self(disk);

    return sim_disk_refuses(self) ? -1 : self->real->sync_folder(self->real, dir_fd);
}

static int
sim_disk_allocate(SpoolDisk *disk, int fd, goffset len)
{
    SimDisk *self = sim_disk_get_self(disk);

    return sim_disk_refuses(self) ? -1 : self->real->allocate(self->real, fd, len);
}

static int
sim_disk_truncate(SpoolDisk *disk, int fd, goffset len)
{
    SimDisk *self = sim_disk_get_self(disk);

    return self->real->truncate(self->real, fd, len);
}

static int
sim_disk_unlink(SpoolDisk *disk, int dir_fd, const gchar *name)
{
    SimDisk *self = sim_disk_get_self(disk);

    return self->real->unlink(self->real, dir_fd, name);
}

static int
sim_disk_rename(SpoolDisk *disk, int dir_fd, const gchar *from, const gchar *to)
{
    SimDisk *self = sim_disk_get_self(disk);

    return self->real->rename(self->real, dir_fd, from, to);
}

static int
sim_disk_link(SpoolDisk *disk, int fd, int dir_fd, const gchar *name)
{
    SimDisk *self = sim_disk_get_self(disk);

    return sim_disk_refuses(self) ? -1 : self->real->link(self->real, fd, dir_fd, name);
}

SimDisk *
sim_disk_new(void)
{
    SimDisk *self = g_new0(SimDisk, 1);

    self->disk = (SpoolDisk){
        .open = sim_disk_open,
        .pwritev = sim_disk_pwritev,
        .pread = sim_disk_pread,
        .fdatasync = sim_disk_fdatasync,
        .sync_folder = sim_disk_sync_folder,
        .allocate = sim_disk_allocate,
        .truncate = sim_disk_truncate,
        .unlink = sim_disk_unlink,
        .rename = sim_disk_rename,
        .link = sim_disk_link,
    };
    self->real = spool_disk_get_system();
    return self;
}

void
sim_disk_free(SimDisk *self)
{
    g_free(self);
}

SpoolDisk *
sim_disk_get_disk(SimDisk *self)
{
    return &self->disk;
}

void
sim_disk_set_fault(SimDisk *self, SimDiskFault fault)
{
    atomic_store(&self->fault, fault);
}

gboolean
sim_disk_parse_fault(const gchar *word, SimDiskFault *out_fault)
{
    static const gchar *const words[] = {
        [SIM_DISK_WORKS] = "works",
        [SIM_DISK_FULL] = "full",
        [SIM_DISK_FAILS] = "fails",
        [SIM_DISK_SYNC_FAILS] = "sync-fails",
    };

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcmp(words[i], word) == 0) {
            *out_fault = (SimDiskFault)i;
            return TRUE;
        }
    }
    return FALSE;
}
