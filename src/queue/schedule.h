/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schedule: which message is due when. A pure structure: it is told the time. Entries wait
 * in a heap by due time; what is due stands in line by priority (RFC 6710), and within one
 * what is tried for the first time goes before retries, first come first served. Now and
 * then a retry goes first, so that a steady stream of fresh mail does not keep it for ever.
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <glib.h>

#define SCHEDULE_PRIORITY_MIN (-9)
#define SCHEDULE_PRIORITY_MAX 9
#define SCHEDULE_NEVER G_MAXINT64
#define SCHEDULE_N_LINES (2 * (SCHEDULE_PRIORITY_MAX - SCHEDULE_PRIORITY_MIN + 1))
#define SCHEDULE_FRESH_RUN 8 /* fresh ones that go before the retry that waits */

typedef enum { SCHEDULE_ANY, SCHEDULE_FRESH_ONLY } ScheduleWho;

/* Embedded in the owner's entry; zeroed at first. */
typedef struct ScheduleItem {
    gint64 due_ms;
    guint32 heap_index; /* 0: not in the heap */
    gint8 priority;
    guint8 in_line;
    guint8 is_retry; /* set by the owner while it is not in line */
    struct ScheduleItem *next, *previous; /* while in line */
} ScheduleItem;

typedef struct {
    GPtrArray *heap; /* index 0 unused */
    ScheduleItem *first[SCHEDULE_N_LINES]; /* by priority; of each first the fresh ones */
    ScheduleItem *last[SCHEDULE_N_LINES];
    guint n_fresh, n_retries; /* in line */
    guint n_passed;           /* fresh ones that went since a retry did */
} Schedule;

void schedule_init(Schedule *self);
void schedule_clear(Schedule *self);
/* Puts (item) at (due_ms), moving it when it is there already; SCHEDULE_NEVER takes it out. */
void schedule_put(Schedule *self, ScheduleItem *item, gint64 due_ms, gint priority);
/* The same of what is due already: it goes into the line at once, past all that waits. */
void schedule_put_due(Schedule *self, ScheduleItem *item, gint64 due_ms, gint priority);
void schedule_remove(Schedule *self, ScheduleItem *item);
/* Moves what is due at (now_ms) into the line. */
void schedule_advance(Schedule *self, gint64 now_ms);
/* Takes the next of the line, highest priority first; NULL when there is none. */
ScheduleItem *schedule_pop(Schedule *self, ScheduleWho who);
/* Whether there is one. */
gboolean schedule_has_due(const Schedule *self, ScheduleWho who);
/* When the next one becomes due; SCHEDULE_NEVER without one. */
gint64 schedule_get_next_ms(const Schedule *self);

#endif
