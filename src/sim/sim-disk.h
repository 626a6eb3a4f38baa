/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system's disk with faults that a script turns on and off, for a spool that another
 * thread owns. What survives a loss of power is tested elsewhere; this one only fails.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "queue/spool/disk.h"

typedef enum {
    SIM_DISK_WORKS,
    SIM_DISK_FULL,       /* nothing more can be written: ENOSPC */
    SIM_DISK_FAILS,      /* writes fail: EIO */
    SIM_DISK_SYNC_FAILS, /* writes seem to work and the flush fails: EIO */
} SimDiskFault;

typedef struct SimDisk SimDisk;

SimDisk *sim_disk_new(void);
void sim_disk_free(SimDisk *self);
SpoolDisk *sim_disk_get_disk(SimDisk *self);
/* From now on, in any thread. */
void sim_disk_set_fault(SimDisk *self, SimDiskFault fault);
/* "works", "full", "fails", "sync-fails"; FALSE for another word. */
gboolean sim_disk_parse_fault(const gchar *word, SimDiskFault *out_fault);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SimDisk, sim_disk_free)

#endif
