/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spool in a temporary folder, beside a model of what it must hold. Every change is
 * made in both; reopening compares them.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "queue/spool/spool.h"

typedef struct {
    SpoolRef ref;
    QueueId id;
    GBytes *envelope, *state, *content;
    GPtrArray *other_states; /* GBytes, of STATEs that were reported as failed: may hold */
    gboolean may_be_there;  /* an ADD was reported as failed */
    gboolean may_be_gone;   /* a REMOVE was reported as failed */
    gboolean was_given;     /* by the last replay */
} FixtureEntry;

typedef struct {
    gchar *folder;
    SpoolDisk *disk;
    SpoolOptions options;
    Spool *spool;
    GHashTable *entries; /* id -> FixtureEntry */
    guint n_given;
    guint64 damaged_bytes; /* met by the last probe */
} Fixture;

/* Small segments of 16 KiB; makes the folder and opens the spool on (disk). */
Fixture *fixture_new(SpoolDisk *disk);
/* Closes, and removes the folder. */
void fixture_free(Fixture *self);
void fixture_open(Fixture *self);
/* Closes the spool and forgets where everything is; the model stays. */
void fixture_close(Fixture *self);
/* Replays to the end. Asserts that each message is given at most once, is expected, and
 * has the right bytes; not that nothing is missing. */
void fixture_replay(Fixture *self);
/* Asserts that nothing is missing, and that all contents are right. */
void fixture_check(Fixture *self);
/* Opens, replays, checks the contents of what is given, and closes; the model stays as it
 * is. Returns how many messages were given. The spool must be closed. */
guint fixture_probe(Fixture *self);
/* Close, open, replay, check. */
void fixture_reopen(Fixture *self);
void fixture_remove_folder(const gchar *folder);

/* Bytes that follow from (seed). */
GBytes *fixture_bytes(guint32 seed, gsize len);
/* Builds a change; the model is brought up to date by fixture_commit(). */
SpoolChange *fixture_make_add(Fixture *self, gsize envelope_len, gsize state_len,
                              gsize content_len);
SpoolChange *fixture_make_large(Fixture *self, gsize content_len);
SpoolChange *fixture_make_state(FixtureEntry *entry, gsize state_len);
SpoolChange *fixture_make_remove(FixtureEntry *entry);
/* Commits the (n) changes as one batch, updates the model by their results, frees them.
 * Returns how many were done. */
guint fixture_commit(Fixture *self, SpoolChange **changes, guint n);
/* One change, which must be done. */
void fixture_do(Fixture *self, SpoolChange *change);
FixtureEntry *fixture_get_any(Fixture *self, guint32 chance);
/* The name of the only (or youngest) segment; caller owns it. */
gchar *fixture_get_segment_path(Fixture *self);

#endif
