/* SPDX-License-Identifier: Apache-2.0 */
#include "host/older-module.h"

#include "host/host-private.h"

static gpointer
older_copy(gconstpointer data, gsize size, gsize full_size, GPtrArray *owned)
{
    gpointer copy = g_malloc0(full_size);

    memcpy(copy, data, MIN(size, full_size));
    g_ptr_array_add(owned, copy);
    return copy;
}

/* (n) rows and the one that ends the table. */
static gpointer
older_copy_rows(gconstpointer rows, guint n, gsize size, gsize full_size, GPtrArray *owned)
{
    guint8 *copy = g_malloc0_n((gsize)n + 1, full_size);

    for (guint i = 0; i <= n; i++)
        memcpy(copy + i * full_size, (const guint8 *)rows + i * size, MIN(size, full_size));
    g_ptr_array_add(owned, copy);
    return copy;
}

/* --- hooks, with their streams --- */

static void
older_widen_hooks(BaridModule *self, GPtrArray *owned)
{
    BaridHook *hooks;
    guint n = 0;

    while (host_module_get_hook(self, n) != NULL)
        n++;
    hooks = older_copy_rows(self->hooks, n, self->hook_size, sizeof(BaridHook), owned);
    for (guint i = 0; i < n; i++) {
        const BaridStreamHook *stream = hooks[i].stream;
        BaridStreamHook *copy;

        if (stream == NULL || stream->struct_size >= sizeof *stream)
            continue;
        copy = older_copy(stream, stream->struct_size, sizeof *stream, owned);
        copy->struct_size = sizeof *copy;
        hooks[i].stream = copy;
    }
    self->hooks = hooks;
    self->hook_size = sizeof(BaridHook);
}

/* --- providers, with their drivers --- */

static gsize
older_get_driver_size(BaridProviderKind kind)
{
    switch (kind) {
    case BARID_PROVIDER_STORE:
        return sizeof(BaridStoreDriver);
    case BARID_PROVIDER_TRANSPORT:
        return sizeof(BaridTransportDriver);
    case BARID_PROVIDER_KEYS:
        return sizeof(BaridKeysDriver);
    default:
        return 0;
    }
}

static void
older_widen_providers(BaridModule *self, GPtrArray *owned)
{
    BaridProvider *providers;
    guint n = 0;

    while (host_module_get_provider(self, n) != NULL)
        n++;
    providers = older_copy_rows(self->providers, n, self->provider_size, sizeof(BaridProvider),
                                owned);
    for (guint i = 0; i < n; i++) {
        /* Every driver begins with its size. */
        const gsize *size = providers[i].driver;
        gsize full_size = older_get_driver_size(providers[i].kind);
        gsize *copy;

        if (size == NULL || *size >= full_size)
            continue;
        copy = older_copy(size, *size, full_size, owned);
        *copy = full_size;
        providers[i].driver = copy;
    }
    self->providers = providers;
    self->provider_size = sizeof(BaridProvider);
}

/* --- commands, with their options --- */

static const BaridCommandOption *
older_widen_options(const BaridModule *self, const BaridCommandOption *options, GPtrArray *owned)
{
    const BaridCommandOption *option = options;
    guint n = 0;

    while (option->name != NULL) {
        n++;
        option = (const BaridCommandOption *)(const void *)((const guint8 *)options +
                                                            (gsize)n * self->option_size);
    }
    return older_copy_rows(options, n, self->option_size, sizeof(BaridCommandOption), owned);
}

static void
older_widen_commands(BaridModule *self, GPtrArray *owned)
{
    BaridCommand *commands;
    guint n = 0;

    while (host_module_get_command(self, n) != NULL)
        n++;
    commands = older_copy_rows(self->commands, n, self->command_size, sizeof(BaridCommand), owned);
    for (guint i = 0; i < n; i++) {
        if (commands[i].options != NULL)
            commands[i].options = older_widen_options(self, commands[i].options, owned);
    }
    self->commands = commands;
    self->command_size = sizeof(BaridCommand);
    self->option_size = sizeof(BaridCommandOption);
}

/* --- the others --- */

static void
older_widen_sections(BaridModule *self, GPtrArray *owned)
{
    guint n = 0;

    while (host_module_get_section(self, n) != NULL)
        n++;
    self->sections =
        older_copy_rows(self->sections, n, self->section_size, sizeof(BaridSection), owned);
    self->section_size = sizeof(BaridSection);
}

static void
older_widen_saved(BaridModule *self, GPtrArray *owned)
{
    guint n = 0;

    while (host_module_get_saved_area(self, n) != NULL)
        n++;
    self->saved =
        older_copy_rows(self->saved, n, self->saved_size, sizeof(BaridSavedArea), owned);
    self->saved_size = sizeof(BaridSavedArea);
}

void
older_module_widen(const BaridModule *module, BaridModule *out, GPtrArray *owned)
{
    memset(out, 0, sizeof *out);
    memcpy(out, module, MIN(module->struct_size, sizeof *out));
    if (module->api_minor == BARID_API_MINOR)
        return;
    if (out->hooks != NULL)
        older_widen_hooks(out, owned);
    if (out->providers != NULL)
        older_widen_providers(out, owned);
    if (out->commands != NULL)
        older_widen_commands(out, owned);
    if (out->sections != NULL)
        older_widen_sections(out, owned);
    if (out->saved != NULL)
        older_widen_saved(out, owned);
}
