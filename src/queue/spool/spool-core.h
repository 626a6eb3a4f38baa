/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the spool share: the open spool, its segments, the log's writing end.
 *
 * The order of the log is the order of generations, and of offsets within a segment. The
 * invariant on which everything rests: a segment leaves the log only when nothing in it
 * lives, and whatever ends a message leaves after every copy of the message, so that a
 * removed message can never come back. A STATE or REMOVE is always younger than the ADD it
 * speaks about, and compaction copies a message to the young end while it lives: the oldest
 * segment may always leave. So that messages that stay long do not keep all the log behind them,
 * others may leave before it: what in them ends a message of an older segment (SpoolGuard), or is
 * the newest state of one, is written again first, while it is little. A segment with a copy or a
 * VOID is bound to stay longer than what it replaces.
 */
#ifndef SPOOL_CORE_H
#define SPOOL_CORE_H

#include <stdatomic.h>

#include "queue/spool/record.h"
#include "queue/spool/scan.h"
#include "queue/spool/spool.h"

typedef struct SpoolReplay SpoolReplay;
typedef struct SpoolMarks SpoolMarks;

/* A REMOVE of a message whose ADD is in another segment. */
typedef struct {
    guint64 id;
    guint32 generation; /* of the ADD */
} SpoolGuard;

typedef struct {
    guint32 generation;
    guint64 key;
    int fd;
    goffset size;      /* of the file */
    goffset end;       /* where the next batch begins; acknowledged records are before it */
    guint64 live_bytes;
    SpoolRef *refs;    /* the messages whose newest ADD is here */
    gboolean is_void;  /* records from (end) on were reported as failed */
    GArray *guards;    /* of SpoolGuard; NULL when there never was one */
    guint32 guards_seen; /* Spool.n_left when (guards) were looked through last */
    GPtrArray *states; /* of SpoolRef *: whose newest state is here; NULL without, or with many */
    gboolean has_many_states;
    guint32 bound_to;  /* leaves after all segments up to this generation; 0: none */
} SpoolSegment;

/* A record on its way into the log. */
typedef struct {
    SpoolRecordHeader header;
    SpoolRef *ref;         /* NULL for SEAL, VOID, and a REMOVE that is written again */
    guint32 guarded;       /* of the last: generation of the ADD */
    BaridSlice parts[4];   /* envelope, state, prefix, body */
    GError **error;        /* where to report, or NULL */
    GError *const *after;  /* or NULL: another's, which must not have failed */
    goffset offset;        /* given when it is written */
    guint8 bytes[SPOOL_RECORD_HEADER];
} SpoolDraft;

/* The end of a segment that was reported as failed, to be told to the next one. */
typedef struct {
    guint64 key;
    goffset offset;
} SpoolVoid;

struct Spool {
    SpoolDisk *disk;
    SpoolOptions options;
    gchar *folder;
    int folder_fd, lock_fd;
    GPtrArray *segments;   /* SpoolSegment, oldest first */
    SpoolSegment *active;  /* the last of them, or NULL before the first commit */
    GPtrArray *spares;     /* names of files to recycle */
    guint32 last_generation;
    guint32 n_left;        /* segments that left the log */
    gboolean folder_is_dirty; /* a reclaimed segment's leaving is not durable yet */
    GArray *drafts;        /* SpoolDraft: the batch being built */
    guint64 batch_bytes;
    GArray *pieces;        /* struct iovec */
    GArray *voids;         /* SpoolVoid: not yet in the log */
    SpoolReplay *replay;   /* NULL when finished */
    SpoolMarks *marks;     /* the file of ours, or NULL */
    GPtrArray *old_marks;  /* names of files that others left */
    GPtrArray *orphans;    /* SpoolRef: messages that the visitor did not want */
    GString *damage;
    guint n_damages;
    guint64 damaged_bytes;
    guint64 live_bytes;
    guint64 n_syncs, n_changes;
    _Atomic guint64 free_bytes;
};

/* segment.c */
SpoolSegment *spool_find_segment(const Spool *self, guint32 generation);
/* Reads the names in the folder: segments, spares. */
gboolean spool_list_folder(Spool *self, GError **error);
/* Begins a new active segment with room for (need) bytes of records. */
gboolean spool_begin_segment(Spool *self, guint64 need, GError **error);
/* The same; where the disk has no room for a segment of the usual size, a small one, so that
 * a full disk can still be told what may be forgotten. */
#define SPOOL_SMALL_SEGMENT (64 * 1024)
gboolean spool_begin_any_segment(Spool *self, guint64 need, GError **error);
/* Takes a segment, which must hold nothing live and guard nothing, out of the log. FALSE when
 * the folder could not be synced: nothing may be reclaimed or recycled until it is. */
gboolean spool_reclaim(Spool *self, guint index);
/* Notes that a REMOVE in (segment) ends a message of (generation). */
void spool_segment_guard(SpoolSegment *segment, guint64 id, guint32 generation);
/* Lets it stay until all segments up to (generation) have left. */
void spool_segment_bind(SpoolSegment *segment, guint32 generation);
/* Keeps at most the wanted number of spare segments. */
void spool_trim_spares(Spool *self);
/* Makes a spare ahead of its time; FALSE when none is needed or possible. */
gboolean spool_prepare_spare(Spool *self);
void spool_segment_free(SpoolSegment *segment);
guint64 spool_look_at_space(Spool *self); /* of the file system, again */

/* ref.c: where messages are, and what of the log is alive. */
void spool_attach(Spool *self, SpoolRef *ref, SpoolSegment *segment, goffset offset, guint64 size);
void spool_detach(Spool *self, SpoolRef *ref);
void spool_set_state(Spool *self, SpoolRef *ref, SpoolSegment *segment, goffset offset,
                     guint64 size);
void spool_clear_state(Spool *self, SpoolRef *ref);

/* log.c: the writing end. */
/* Adds a draft to the batch; writes the batch first when it would not fit. On failure the
 * draft's own error is set. */
void spool_log_append(Spool *self, SpoolDraft *draft);
/* Makes the batch durable and applies it. FALSE when it failed; errors are set. */
gboolean spool_log_flush(Spool *self);
/* Begins a segment only to say which ends of failed segments do not count. */
gboolean spool_log_void(Spool *self);
/* Marks the end of the active segment and leaves it. */
void spool_log_seal(Spool *self);

/* marks.c */
gboolean spool_marks_is_name(const gchar *name);
/* Removes the file of ours: nothing is being done any more. */
void spool_marks_leave(Spool *spool);

/* content.c */
/* Reads and verifies one record; the caller owns (*out_bytes), which the slices of
 * (*out_record) point into. Place and size are in units of 8 bytes. INVALID when damaged. */
gboolean spool_read_record(Spool *self, guint32 generation, guint32 offset, guint32 size,
                           guint8 **out_bytes, SpoolRecord *out_record, GError **error);
/* CRC-32C of the first (len) bytes of (fd). */
gboolean spool_file_checksum(SpoolDisk *disk, int fd, guint64 len, guint32 *out_crc,
                             GError **error);

/* damage.c */
/* Notes damage of (len) bytes and copies them to "damaged/". */
void spool_set_aside(Spool *self, const SpoolSegment *segment, goffset start, guint64 len,
                     const gchar *why);
void spool_note_damage(Spool *self, guint64 len, const gchar *format, ...) G_GNUC_PRINTF(3, 4);

/* replay.c */
gboolean spool_replay_new(Spool *self, GError **error);
void spool_replay_free(SpoolReplay *self);

#endif
