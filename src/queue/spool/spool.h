/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded spool: an append-only log of records in segments, with group commit,
 * replay, reclamation and compaction. doc/spool-format.md describes the bytes.
 *
 * A Spool is synchronous and belongs to one thread at a time (the queue thread); only
 * SpoolContent may travel to other threads. It knows ids, opaque envelope and state
 * bytes, and content; what they mean is the queue's business.
 *
 * Contract: when spool_commit() reports a change as done, it survives kill -9 and loss
 * of power at any instruction. A torn tail is cut, damage in the middle is skipped to
 * the next valid record, kept aside and reported. After a failed fdatasync nothing is
 * tried again on that descriptor: the segment is closed as failed, the batch fails,
 * a new segment begins.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include <barid/error.h>

#include "queue/queue-id.h"
#include "queue/spool/disk.h"

#define SPOOL_ERROR (spool_error_quark())
GQuark spool_error_quark(void);

/* Bounds of what a record may hold; larger is refused before writing. */
#define SPOOL_ENVELOPE_MAX (16 * 1024 * 1024)
#define SPOOL_RECORD_MAX (32 * 1024 * 1024)

/* What an administrator must leave free: results and removals are written, too. */
#define SPOOL_RESERVE_MIN (1024 * 1024)

typedef struct Spool Spool;
typedef struct SpoolContent SpoolContent;

typedef struct {
    gsize segment_bytes; /* size of a segment; 64 MiB by default */
    gsize large_bytes;   /* content above this should be given as a file (body_fd), so that
                          * compaction need not copy it; 256 KiB by default */
    guint spare_segments; /* recycled ones kept */
    guint compact_percent; /* with less live data the oldest segment is emptied */
    gsize reserve_bytes; /* free space that must remain, else NO_SPACE */
} SpoolOptions;

/* Where the records of one queued message are. Kept by the caller inside its own entry
 * (one per message), filled in and updated by the spool only. The spool links refs into
 * lists, so one must be zeroed before its ADD, must not move, and must stay until its
 * REMOVE is done or the spool is closed. 48 bytes. */
typedef struct SpoolRef SpoolRef;
struct SpoolRef {
    QueueId id;
    SpoolRef *next, *prev;  /* of the same segment */
    guint32 segment;        /* generation; 0 while the message is not in the spool */
    guint32 offset, size;   /* of the message record, in units of 8 bytes */
    guint32 state_segment;  /* of the newest state record, or 0 */
    guint32 state_offset;   /* likewise */
    guint32 state_size : 31;
    guint32 has_file : 1;   /* the body is a file of its own */
};

typedef enum {
    SPOOL_ADD,    /* a new message: envelope, state, content */
    SPOOL_STATE,  /* replaces the message's state bytes */
    SPOOL_REMOVE, /* the message is finished */
} SpoolChangeKind;

typedef struct SpoolChange {
    SpoolChangeKind kind;
    SpoolRef *ref;        /* ADD: zeroed but for the id; the spool fills in the rest */
    BaridSlice envelope;  /* ADD: immutable for the message's life */
    BaridSlice state;     /* ADD, STATE: mutable part; may be empty */
    BaridSlice prefix;    /* ADD: header fields added in front */
    BaridSlice body;      /* ADD: the rest; empty when (body_fd) >= 0 */
    int body_fd;          /* ADD: an O_TMPFILE of spool_make_file(), or -1; kept by caller */
    gsize body_fd_bytes;
    gboolean takes_reserve; /* ADD: what tells of mail that is here may use the last space */
    /* NULL, or a change made before, in this commit or another: when it failed, so does this */
    const struct SpoolChange *after;
    GError *error;        /* out: NULL when durable; owned by the caller */
} SpoolChange;

/* Opens or makes the folder and locks it exclusively; BARID_ERROR_BUSY when another
 * process has it. Writes nothing but the lock and folder until the first commit; does
 * not wait for replay. (disk) NULL is the system's. */
Spool *spool_open(SpoolDisk *disk, const gchar *folder, const SpoolOptions *options,
                  GError **error);
void spool_close(Spool *self);
/* Gives up the folder: seals and syncs the log, and lets the lock go. Afterwards only
 * spool_make_file(), spool_get_free_bytes() and spool_close() may be called. */
void spool_leave(Spool *self);
/* As spool_leave(), and removes the folder with all that is in it but what was set aside as
 * damaged. Only when no message lives in it. Power may fail at any moment: what ends a
 * message goes after the message. */
void spool_remove(Spool *self);
void spool_options_set_defaults(SpoolOptions *out_options);

/* Makes the changes durable with as few writes as possible and one fdatasync for all.
 * Each change's (error) tells its own result; one that cannot be written (too large, no
 * space) does not harm the others. Commits may be made while the replay still goes on. */
void spool_commit(Spool *self, SpoolChange *const *changes, guint n_changes);

/* What a replay finds, called in no particular order of kinds, but the state given is
 * the newest, and removed messages are not given. The visitor makes its entry and
 * returns the SpoolRef inside it, which the spool fills in; NULL drops the message from
 * the index (its records stay). */
typedef SpoolRef *(*SpoolVisitor)(QueueId id, BaridSlice envelope, BaridSlice state,
                                  gsize content_bytes, gpointer data);
/* Works for about (max_records) records, then returns; (*out_finished) when all is read.
 * Messages added by this process are not given. */
gboolean spool_replay_step(Spool *self, guint max_records, SpoolVisitor visitor, gpointer data,
                           gboolean *out_finished, GError **error);
/* Damage met so far: number of bytes set aside, and text for people, or NULL. */
guint64 spool_get_damaged_bytes(const Spool *self);
const gchar *spool_get_damage_report(const Spool *self);

/* Does a bounded piece of housekeeping (reclaim, compact, recycle). TRUE when there may
 * be more to do at once. Called by the owner when it is idle, and now and then when it
 * never is: without it the log only grows. Does nothing while the replay goes on. */
gboolean spool_tidy(Spool *self);

/* The messages that live in the spool, oldest segment first, at most (max): appended to
 * (out_refs). */
void spool_list_refs(const Spool *self, guint max, GPtrArray *out_refs);
/* The file of a large message, for linking it into another spool of the same file system;
 * the caller closes it. -1 when the message has none, or with (error) when it cannot be
 * opened. */
int spool_open_body(Spool *self, const SpoolRef *ref, GError **error);

/* The stored content: prefix and body. Owner thread opens; any thread reads and
 * releases. The bytes stay valid until released, even when the message is removed, and
 * are verified: INVALID when they are not what was stored, NOT_FOUND without content. */
SpoolContent *spool_read(Spool *self, const SpoolRef *ref, GError **error);
SpoolContent *spool_content_ref(SpoolContent *self);
void spool_content_unref(SpoolContent *self);
BaridSlice spool_content_get_prefix(const SpoolContent *self);
BaridSlice spool_content_get_body(const SpoolContent *self);
/* The envelope as it was added; borrowed from the content. */
BaridSlice spool_content_get_envelope(const SpoolContent *self);

/* A nameless file in the spool's folder for a message that is still arriving; any
 * thread. The caller closes it. -1 with (error) when there is no space. */
int spool_make_file(Spool *self, GError **error);
/* Free bytes on the spool's file system, as of the last look; any thread. */
guint64 spool_get_free_bytes(Spool *self);

typedef struct {
    guint n_segments, n_spare;
    guint64 live_bytes, total_bytes;
    guint64 n_syncs, n_changes;
} SpoolStats;
void spool_get_stats(const Spool *self, SpoolStats *out_stats);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpoolContent, spool_content_unref)

#endif
