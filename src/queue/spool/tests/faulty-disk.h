/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FaultyDisk: the system's disk with faults on request, that remembers what was synced.
 * It can lose power: then of everything that was not synced an arbitrary part remains,
 * chosen sector by sector, and of the unsynced changes to the folder either a first part
 * or an arbitrary one.
 */
#ifndef FAULTY_DISK_H
#define FAULTY_DISK_H

#include "queue/spool/disk.h"

#define FAULTY_SECTOR 512

typedef struct FaultyDisk FaultyDisk;

FaultyDisk *faulty_disk_new(const gchar *folder);
void faulty_disk_free(FaultyDisk *self);
SpoolDisk *faulty_disk_get_disk(FaultyDisk *self);

/* Each counts down and fires once at zero; -1 is never. */
void faulty_disk_fail_write(FaultyDisk *self, gint after, gsize torn_bytes);
void faulty_disk_fail_sync(FaultyDisk *self, gint after);
void faulty_disk_fail_folder_sync(FaultyDisk *self, gint after);
void faulty_disk_fail_read(FaultyDisk *self, gint after);
/* No write takes more than (len) bytes; 0 ends that. */
void faulty_disk_shorten_writes(FaultyDisk *self, gsize len);
/* The disk is full after so many allocated bytes; -1 is never. */
void faulty_disk_limit_space(FaultyDisk *self, gint64 bytes);
/* After so many operations nothing works any more. */
void faulty_disk_stop_after(FaultyDisk *self, gint operations);
gboolean faulty_disk_has_stopped(const FaultyDisk *self);
/* Turns the folder into what a machine finds that comes back; the spool must be closed. */
void faulty_disk_lose_power(FaultyDisk *self, GRand *rand);

#endif
