/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Confinement: what a worker gives up before it serves. No capabilities, no new privileges,
 * no core dumps; system calls only of a list, so no program is ever executed; with Landlock,
 * where the kernel has it, only the files that the settings name and the ports that they
 * point at.
 */
#ifndef CONFINE_H
#define CONFINE_H

#include "conf/settings.h"

#define CONFINE_ERROR (confine_error_quark())
GQuark confine_error_quark(void);

typedef enum {
    CONFINE_NONE,
    CONFINE_CALLS, /* all but Landlock */
    CONFINE_FULL,
} ConfineLevel;

typedef struct {
    ConfineLevel level;
    const gchar *state_dir;
    const SettingsContext *settings; /* every path and address that is in use */
    const gchar *const *connect_ports; /* besides those of the settings; NULL-terminated */
} ConfineOptions;

/* For the whole process, which must have one thread only: threads made later inherit it.
 * What the kernel does not offer is logged and done without. */
gboolean confine_process(const ConfineOptions *options, GError **error);

#endif
