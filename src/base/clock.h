/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock seam: all code asks the time here, so that tests, replay and forecast can
 * run on a clock of their own. A thread that runs a loop calls clock_turn() once per
 * turn; its readings are the same until the next turn.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <glib.h>

typedef struct {
    gint64 (*monotonic_us)(gpointer data);
    gint64 (*wall_us)(gpointer data);
    gpointer data;
} ClockSource;

/* Replaces the process's clock; NULL restores the system's. Not while threads run. */
void clock_set_source(const ClockSource *source);
/* Sets the process's wall clock, which goes on from there. Not while threads run. */
void clock_set_wall(gint64 wall_ms);
/* Reads the clock for this thread; later readings give this one. Returns it as
 * clock_monotonic_us() would. */
gint64 clock_turn(void);

/* Of this turn, or live in threads that never call clock_turn(). */
gint64 clock_monotonic_ms(void);
gint64 clock_wall_ms(void);
/* Always live: for measuring durations. Microseconds. */
gint64 clock_monotonic_us(void);

#endif
