/* SPDX-License-Identifier: Apache-2.0 */
#include "host/provider.h"

enum { PROVIDERS_BUILTIN_MAX = 16 };

/* Filled by the start-up list before any other thread runs. */
static BaridProvider provider_builtins[PROVIDERS_BUILTIN_MAX];
static guint provider_n_builtins;

const void *
provider_find_builtin(BaridProviderKind kind, const gchar *name)
{
    for (guint i = 0; i < provider_n_builtins; i++) {
        if (provider_builtins[i].kind == kind && strcmp(provider_builtins[i].name, name) == 0)
            return provider_builtins[i].driver;
    }
    return NULL;
}

void
provider_register(BaridProviderKind kind, const gchar *name, const void *driver)
{
    if (provider_find_builtin(kind, name) != NULL)
        return;
    g_assert(provider_n_builtins < PROVIDERS_BUILTIN_MAX);
    provider_builtins[provider_n_builtins++] =
        (BaridProvider){.kind = kind, .name = name, .driver = driver};
}
