/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks: a few bytes about a message, for the process that comes after this one.
 *
 * Any thread writes one, without waiting for the disk. It outlives the end of the process,
 * whatever ended it, but not a loss of power. A mark is replaced by the next one in the same
 * SpoolMark, and never cleared: who reads it must tell whether it still means anything.
 */
#ifndef MARKS_H
#define MARKS_H

#include "queue/spool/spool.h"

#define SPOOL_MARK_MAX 240

typedef struct SpoolMark SpoolMark;

/* Owner thread; NULL when there can be none. Freed only when its mark means nothing any
 * more, which may be after the spool was closed. */
SpoolMark *spool_mark_new(Spool *spool);
void spool_mark_free(SpoolMark *self);
/* One thread at a time; nothing happens without a mark, or on a disk that is full. */
void spool_mark_write(const SpoolMark *self, QueueId id, BaridSlice data);
/* The marks that earlier processes left when they ended without spool_close(). */
typedef void (*SpoolMarkVisitor)(QueueId id, BaridSlice data, gpointer user_data);
void spool_marks_visit(const Spool *spool, SpoolMarkVisitor visitor, gpointer data);
/* Removes them. */
void spool_marks_forget(Spool *spool);

#endif
