/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schedule: which message is due when. A pure structure: it is told the time. Entries wait
 * in a heap by due time; what is due stands in line by priority (RFC 6710), first come
 * first served within one.
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <glib.h>

#define SCHEDULE_PRIORITY_MIN (-9)
#define SCHEDULE_PRIORITY_MAX 9
#define SCHEDULE_NEVER G_MAXINT64

/* Embedded in the owner's entry; zeroed at first. */
typedef struct ScheduleItem {
    gint64 due_ms;
    guint32 heap_index; /* 0: not in the heap */
    gint8 priority;
    guint8 in_line;
    struct ScheduleItem *next, *previous; /* while in line */
} ScheduleItem;

typedef struct {
    GPtrArray *heap; /* index 0 unused */
    ScheduleItem *first[SCHEDULE_PRIORITY_MAX - SCHEDULE_PRIORITY_MIN + 1];
    ScheduleItem *last[SCHEDULE_PRIORITY_MAX - SCHEDULE_PRIORITY_MIN + 1];
    guint n_in_line;
} Schedule;

void schedule_init(Schedule *self);
void schedule_clear(Schedule *self);
/* Puts (item) at (due_ms), moving it when it is there already; SCHEDULE_NEVER takes it out. */
void schedule_put(Schedule *self, ScheduleItem *item, gint64 due_ms, gint priority);
void schedule_remove(Schedule *self, ScheduleItem *item);
/* Moves what is due at (now_ms) into the line. */
void schedule_advance(Schedule *self, gint64 now_ms);
/* Takes the next of the line, highest priority first; NULL when it is empty. */
ScheduleItem *schedule_pop(Schedule *self);
/* When the next one becomes due; SCHEDULE_NEVER without one. */
gint64 schedule_get_next_ms(const Schedule *self);

#endif
