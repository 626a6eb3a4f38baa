/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scheduler: one per worker thread. It owns an epoll set, a timer heap and the fibers
 * born on it; nothing of it moves to another thread. Ready fibers run in batches before
 * the next wait, so one wake-up serves many sessions.
 *
 * Only scheduler_post(), scheduler_stop() and scheduler_get_load() may be called from other
 * threads.
 */
#ifndef SCHEDULER_H
#define SCHEDULER_H

#include <barid/runtime.h>

typedef struct Scheduler Scheduler;

/* Opens the epoll set and wake-up descriptor. */
Scheduler *scheduler_new(GError **error);
/* All fibers must have ended. */
void scheduler_free(Scheduler *self);
/* Makes (self) the calling thread's scheduler and runs it until scheduler_stop() was
 * called and every fiber has ended. */
void scheduler_run(Scheduler *self);
/* Lets scheduler_run() return once no fiber is left; cancelling the groups is their
 * owners' affair. Any thread. */
void scheduler_stop(Scheduler *self);
/* The calling thread's, or NULL. */
Scheduler *scheduler_get_current(void);
/* Fibers alive on it. */
guint scheduler_get_n_fibers(const Scheduler *self);
/* How busy its thread has been lately: 0 to 1000. Any thread. */
guint scheduler_get_load(const Scheduler *self);

/* A call to be made on the scheduler's thread, outside any fiber. The node belongs to
 * the caller and is free again when (func) is called. */
typedef struct SchedulerPost {
    struct SchedulerPost *next;
    void (*func)(gpointer data);
    gpointer data;
} SchedulerPost;

/* Hands over a chain linked by (next). Wakes the thread at most once. Any thread. */
void scheduler_post(Scheduler *self, SchedulerPost *chain);

/* For simulation: with a virtual clock the scheduler does not sleep until the next
 * timer; when nothing is ready it calls (advance) with the time to go to. Descriptors
 * and posts that are under way are waited for first while (scheduler_expect) > 0. */
void scheduler_set_virtual(Scheduler *self, void (*advance)(gint64 monotonic_ms, gpointer data),
                           gpointer data);
/* For simulation: runs it until (*done), which one of its fibers sets; the others stay as they
 * are until it runs again. */
void scheduler_run_until(Scheduler *self, const gboolean *done);
/* For simulation: (witness) is called in a fiber that is about to wait, with its local pointer,
 * before anything is looked at that could end the wait. It must not wait itself. */
void scheduler_set_wait_witness(Scheduler *self, void (*witness)(gpointer local, gpointer data),
                                gpointer data);
/* Counts work outside (offloads, commits) that will end in a post. Owner thread. */
void scheduler_expect(Scheduler *self, gint delta);

#endif
