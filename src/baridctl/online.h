/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that the server answers. */
#ifndef ONLINE_H
#define ONLINE_H

#include "baridctl/ctl.h"

/* Asks, prints, and says how it went. */
CtlStatus online_run(const Options *options);
/* The name of the verb that the words begin with, as the core's table has it, or the first
 * word: it may be a module's command. */
gchar *online_dup_verb(const Options *options);

#endif
