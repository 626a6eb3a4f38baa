/* SPDX-License-Identifier: Apache-2.0 */
/* Watchdog: names the module that never comes back, and the one that crashes. */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include <glib.h>

/* From now on a fatal signal is blamed on the module that runs on the thread. */
void watchdog_catch_crashes(void);
/* Gives the calling thread a stack for signals: a fiber's may be what overflowed. Each
 * thread that serves calls it. */
void watchdog_prepare_thread(void);
/* While modules start, on this thread and before the main loop runs: one that does not return
 * within (limit_ms) is to blame, and the process is aborted. */
void watchdog_begin_start(gint64 limit_ms);
void watchdog_end_start(void);
/* Looks once a second, in the default main loop; past (limit_ms) the process is aborted. */
void watchdog_start(gint64 limit_ms);

#endif
