/* SPDX-License-Identifier: Apache-2.0 */
/* Providers that the core has built in stand in the same registry as modules' ones. */
#ifndef PROVIDER_H
#define PROVIDER_H

#include <barid/module.h>

/* Registers a built-in driver, before any lookup. (name) and (driver) are static. */
void provider_register(BaridProviderKind kind, const gchar *name, const void *driver);
const void *provider_find_builtin(BaridProviderKind kind, const gchar *name);

#endif
