/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Confinement: what a worker gives up before it serves. No capabilities, no new privileges,
 * no core dumps; system calls only of a list, so no program is ever executed; TCP connections
 * only to ports that the settings point at; with Landlock, where the kernel has it, only the
 * files that they name. Where Landlock cannot tell ports, connect() asks the supervisor.
 */
#ifndef CONFINE_H
#define CONFINE_H

#include "conf/settings.h"

#define CONFINE_ERROR (confine_error_quark())
GQuark confine_error_quark(void);

typedef enum {
    CONFINE_NONE,
    CONFINE_CALLS, /* without Landlock */
    CONFINE_FULL,
} ConfineLevel;

typedef struct {
    ConfineLevel level;
    const gchar *state_dir;
    const SettingsContext *settings; /* every path and address that is in use */
    const gchar *const *connect_ports; /* besides those of the settings; NULL-terminated */
    gboolean has_gate; /* the supervisor can answer for connect() */
} ConfineOptions;

/* For the whole process, which must have one thread only: threads made later inherit it.
 * What the kernel does not offer is logged and done without. The texts of the ports, with a
 * NUL behind each, go into (out_ports); (*out_gate_fd), unless -1, is where connect() asks
 * from now on, and belongs to the supervisor. */
gboolean confine_process(const ConfineOptions *options, GByteArray *out_ports, int *out_gate_fd,
                         GError **error);

#endif
