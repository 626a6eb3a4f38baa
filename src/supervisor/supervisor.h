/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Supervisor: reads configuration text, binds sockets, starts the worker, watches it and
 * starts another when it dies. Parses no byte from the network.
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "conf/config-file.h"

typedef struct {
    const gchar *config_path; /* NULL: the installed file, else the compiled-in text */
    const gchar *state_dir;   /* NULL: the default */
    const gchar *socket_path; /* NULL: barid.sock in the runtime folder */
    gboolean only_check;
} SupervisorOptions;

/* Runs until stopped. Returns the exit status; what went wrong was said on stderr. */
int supervisor_run(const SupervisorOptions *options);

#endif
