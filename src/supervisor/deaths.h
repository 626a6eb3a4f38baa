/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deaths: the modules that have brought workers down. One that did so repeatedly is contained:
 * the workers to come do not call it.
 */
#ifndef DEATHS_H
#define DEATHS_H

#include "supervisor/worker-process.h"

typedef struct Deaths Deaths;

Deaths *deaths_new(void);
void deaths_free(Deaths *self);
/* Says how a worker ended, and whose fault it was as far as that is known, and counts it. */
void deaths_note(Deaths *self, const WorkerProcess *worker, const gchar *how);
/* Of gchar *: modules. */
const GPtrArray *deaths_get_contained(const Deaths *self);
/* What was to blame may have been mended. */
void deaths_forget(Deaths *self);

/* How and why a worker ended before it served, in one line for whoever wanted it; the
 * caller's. */
gchar *deaths_describe_failed_start(const WorkerProcess *worker, const gchar *how);

#endif
