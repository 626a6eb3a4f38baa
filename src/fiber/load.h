/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load: how busy a thread has been lately, told by the thread itself before and after each
 * wait, and read by others that have work to hand out. The time is an input.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdatomic.h>

#include <glib.h>

/* What "lately" means: a load is that of the last period that has ended. */
#define LOAD_PERIOD_US 50000

typedef struct {
    gint64 start_us, idle_us; /* of the period that runs; the thread's own */
    _Atomic gint64 since_us;  /* of the last turn; negative: asleep since then */
    _Atomic guint permille;
} Load;

/* The thread is going to sleep. */
void load_sleep(Load *self, gint64 now_us);
/* It has come to a new turn, after a sleep or without. */
void load_turn(Load *self, gint64 now_us);
/* 0 to 1000. A thread that has slept for a period has no load, one that has come to no new turn
 * for as long has all of it. Any thread. */
guint load_get(const Load *self, gint64 now_us);

#endif
