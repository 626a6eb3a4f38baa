/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules of an older minor version of the interface: their description, the rows of its tables
 * and their drivers end earlier than ours. They are copied once, with zeros for what was not
 * there yet, so that nobody else has to ask how long something is.
 */
#ifndef OLDER_MODULE_H
#define OLDER_MODULE_H

#include <barid/module.h>

/* Fills (*out), whose tables are those of (module) or copies, which are added to (owned).
 * Settings keep the size of their rows: settings_bind() copies them itself. */
void older_module_widen(const BaridModule *module, BaridModule *out, GPtrArray *owned);

#endif
