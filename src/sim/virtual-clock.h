/* SPDX-License-Identifier: Apache-2.0 */
/* A clock that stands still until somebody moves it: the process's clock while it is
 * installed. */
#ifndef VIRTUAL_CLOCK_H
#define VIRTUAL_CLOCK_H

#include "fiber/scheduler.h"

/* Starts at (wall_ms); monotonic time starts at an hour. */
void virtual_clock_install(gint64 wall_ms);
void virtual_clock_remove(void);
/* Sets the wall clock alone: what is waited for takes as long as before. From a fiber. */
void virtual_clock_set_wall(gint64 wall_ms);
/* Lets (scheduler) jump to its next timer instead of sleeping. */
void virtual_clock_drive(Scheduler *scheduler);
/* Moves the clock on. */
void virtual_clock_advance(gint64 ms);

#endif
