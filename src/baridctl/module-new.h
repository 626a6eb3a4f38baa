/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODULE_NEW_H
#define MODULE_NEW_H

#include "baridctl/ctl.h"

/* "module new": writes the sources of a module, for people who have no sources of this server. */
CtlStatus module_new(const Options *options, const gchar *const *args);

#endif
