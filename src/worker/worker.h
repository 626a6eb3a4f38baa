/* SPDX-License-Identifier: Apache-2.0 */
/* Worker: the process that serves. One readable start-up list; everything else is in
 * the floors below. */
#ifndef WORKER_H
#define WORKER_H

#include "control/control.h"

typedef struct Worker Worker;

/* Serves over (ipc_end) until told to stop. Returns the exit status. */
int worker_run(int ipc_end, gboolean only_check);

#endif
