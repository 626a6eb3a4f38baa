/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host.h"

#include <ltdl.h>

#include "base/blame.h"
#include "base/clock.h"
#include "base/error-domain.h"
#include "base/i18n.h"
#include "host/host-private.h"
#include "host/rule-lookups.h"

static const gchar *const host_on_error_words[] = {"continue", "defer", "reject", NULL};
static const gchar *const host_mode_words[] = {"enforce", "shadow", NULL};

static const BaridSetting host_common_settings[] = {
    BARID_SETTING_BOOL("enabled", HostCommon, enabled, "no", N_("Whether the module is loaded.")),
    BARID_SETTING_CONDITION("when", HostCommon, when, "",
                            N_("For which sessions it applies; empty means all."),
                            BARID_KNOWN_ATTEMPT, .on_failure = "yes"),
    BARID_SETTING_ENUM("mode", HostCommon, mode, "enforce",
                       N_("In shadow, verdicts are recorded and not applied."), host_mode_words),
    BARID_SETTING_ENUM("on-error", HostCommon, on_error, "defer",
                       N_("What happens when the module cannot decide."), host_on_error_words),
    BARID_SETTING_DURATION("timeout", HostCommon, timeout_ms, "30s",
                           N_("How long one of its hooks may take.")),
    BARID_SETTING_LIST("order", HostCommon, order, "",
                       N_("Where its hooks stand: first, last, after NAME, before NAME.")),
    BARID_SETTING_END,
};

/* What can be read before rules can be compiled. */
typedef struct {
    gboolean enabled;
} HostSwitch;

static const BaridSetting host_switch_settings[] = {
    BARID_SETTING_BOOL("enabled", HostSwitch, enabled, "no", N_("Whether the module is loaded.")),
    BARID_SETTING_END,
};

Host *
host_new(const gchar *const *folders)
{
    Host *self = g_new0(Host, 1);

    scope_register_variables();
    scope_register_shadows();
    hook_call_register_reasons();
    self->folders = g_strdupv((gchar **)(guintptr)folders);
    self->modules = g_ptr_array_new();
    self->offered = g_ptr_array_new();
    for (guint i = 0; i < BARID_N_STAGES; i++)
        self->stages[i] = g_array_new(FALSE, FALSE, sizeof(HostHook));
    self->ltdl = lt_dlinit() == 0;
    return self;
}

void
host_set_resolver(Host *self, DnsResolver *resolver)
{
    self->resolver = resolver;
    rule_lookups_register_dns(resolver);
}

DnsResolver *
host_get_resolver(const Host *self)
{
    return self->resolver;
}

void
host_stop(Host *self)
{
    for (guint i = self->modules->len; i > 0; i--)
        host_module_stop(g_ptr_array_index(self->modules, i - 1));
}

void
host_free(Host *self)
{
    if (self == NULL)
        return;
    host_stop(self);
    host_clear_hooks(self);
    for (guint i = self->modules->len; i > 0; i--)
        host_module_free(g_ptr_array_index(self->modules, i - 1));
    g_ptr_array_free(self->modules, TRUE);
    g_ptr_array_free(self->offered, TRUE);
    for (guint i = 0; i < BARID_N_STAGES; i++)
        g_array_free(self->stages[i], TRUE);
    g_strfreev(self->folders);
    if (self->ltdl)
        lt_dlexit();
    g_free(self);
}

/* --- loading --- */

/* The keys of a module that is not loaded mean nothing to us. */
static void
host_use_all_keys(ConfigSection *section)
{
    config_section_claim(section);
    for (guint i = 0; i < config_section_get_n_keys(section); i++)
        config_section_use(section, config_section_get_key(section, i));
}

static gboolean
host_section_is_enabled(SettingsContext *context, ConfigSection *section)
{
    SettingsContext quiet;
    HostSwitch read = {FALSE};

    settings_context_init(&quiet, context->tree, context->problems, context->state_dir);
    settings_bind(&quiet, section, config_section_get_label(section), host_switch_settings,
                  sizeof(BaridSetting), &read);
    settings_context_clear(&quiet);
    return read.enabled;
}

static HostModule *
host_open_module(const Host *self, const gchar *name, GError **error)
{
    for (guint i = 0; i < self->offered->len; i++) {
        const BaridModule *module = g_ptr_array_index(self->offered, i);

        if (strcmp(module->name, name) == 0)
            return host_module_new_linked(module, error);
    }
    return host_module_open(self, name, error);
}

static gboolean
host_load_section(Host *self, SettingsContext *context, ConfigSection *section)
{
    const gchar *name = config_section_get_name(section);
    g_autoptr(GError) error = NULL;
    HostModule *module;

    if (name == NULL || !host_section_is_enabled(context, section)) {
        host_use_all_keys(section);
        return name != NULL;
    }
    module = host_open_module(self, name, &error);
    if (module == NULL) {
        config_section_report(section, context->problems, NULL, "%s", error->message);
        host_use_all_keys(section);
        return FALSE;
    }
    module->position = config_section_get_position(section);
    g_ptr_array_add(self->modules, module);
    return TRUE;
}

gboolean
host_load(Host *self, SettingsContext *context)
{
    ConfigSection *section;
    gboolean ok = TRUE;

    for (guint i = 0; (section = config_tree_get_nth(context->tree, "module", i)) != NULL; i++)
        ok = host_load_section(self, context, section) && ok;
    return ok;
}

/* --- binding --- */

static gboolean
host_bind_sections(HostModule *module, SettingsContext *context)
{
    const BaridSection *kind;
    gboolean ok = TRUE;

    for (guint n = 0; (kind = host_module_get_section(module->module, n)) != NULL; n++) {
        ConfigSection *section;

        config_tree_declare(context->tree, kind->kind, NULL);
        for (guint i = 0; (section = config_tree_get_nth(context->tree, kind->kind, i)) != NULL;
             i++) {
            HostSection bound = {
                .kind = kind->kind,
                .name = config_section_get_name(section),
                .section = kind,
                .settings = g_malloc0(kind->settings_size),
            };

            ok = settings_bind(context, section, config_section_get_label(section), kind->settings,
                               module->module->setting_size, bound.settings) && ok;
            g_array_append_val(module->sections, bound);
        }
    }
    return ok;
}

static gboolean
host_bind_module(HostModule *self, SettingsContext *context)
{
    const BaridModule *module = self->module;
    ConfigSection *section = config_tree_find(context->tree, "module", module->name);
    g_autofree gchar *label = g_strdup_printf("module %s", module->name);
    gboolean ok = settings_bind(context, section, label, host_common_settings,
                                sizeof(BaridSetting), &self->common);

    if (self->common.mode == HOST_MODE_SHADOW && self->shadow == NULL)
        self->shadow = tally_new();
    if (module->settings != NULL && self->settings == NULL) {
        self->settings = g_malloc0(module->settings_size);
        ok = settings_bind(context, section, label, module->settings, module->setting_size,
                           self->settings) && ok;
    }
    return host_bind_sections(self, context) && ok;
}

gboolean
host_bind(Host *self, SettingsContext *context)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = TRUE;

    for (guint i = 0; i < self->modules->len; i++)
        ok = host_bind_module(g_ptr_array_index(self->modules, i), context) && ok;
    if (!host_order_hooks(self, &error)) {
        config_problems_add(context->problems, (ConfigPosition){"modules", 0, 0}, NULL, "order",
                            NULL, 0, "%s", error->message);
        return FALSE;
    }
    return ok;
}

/* --- starting --- */

struct BaridStart {
    HostModule *module;
};

static const HostSection *
start_get_nth(BaridStart *start, const gchar *kind, guint index)
{
    for (guint i = 0; i < start->module->sections->len; i++) {
        const HostSection *section = &g_array_index(start->module->sections, HostSection, i);

        if (strcmp(section->kind, kind) == 0 && index-- == 0)
            return section;
    }
    return NULL;
}

guint
barid_start_get_n_sections(BaridStart *start, const gchar *kind)
{
    guint count = 0;

    while (start_get_nth(start, kind, count) != NULL)
        count++;
    return count;
}

const void *
barid_start_get_section(BaridStart *start, const gchar *kind, guint index, const gchar **out_name)
{
    const HostSection *section = start_get_nth(start, kind, index);

    g_return_val_if_fail(section != NULL, NULL);
    *out_name = section->name;
    return section->settings;
}

static void
host_register_key_counters(HostModule *self)
{
    const BaridProvider *provider;

    for (guint n = 0; (provider = host_module_get_provider(self->module, n)) != NULL; n++)
        self->offers_keys = self->offers_keys || provider->kind == BARID_PROVIDER_KEYS;
    if (self->offers_keys)
        host_module_register_key_counters(self);
}

gboolean
host_start_module(HostModule *self, GError **error)
{
    BaridStart start = {self};
    gboolean ok = TRUE;
    guint32 outer;

    self->label = blame_label(self->module->name);
    self->state = self->settings;
    host_register_key_counters(self);
    if (self->contained)
        return TRUE;
    outer = host_module_enter(self);
    if (self->module->start != NULL)
        ok = self->module->start(&start, self->settings, &self->state, error);
    host_module_leave(outer);
    self->started = ok;
    return ok;
}

guint32
host_module_enter(const HostModule *module)
{
    return fiber_set_label(module == NULL ? 0 : module->label);
}

void
host_module_leave(guint32 outer)
{
    fiber_set_label(outer);
}

gboolean
host_module_is_contained(const HostModule *module)
{
    return module->contained;
}

const gchar *
host_module_why_out(const HostModule *self)
{
    if (self->contained)
        return "contained: it has brought the server down repeatedly";
    if (clock_monotonic_ms() < atomic_load_explicit(&self->open_until_ms, memory_order_relaxed))
        return "suspended after repeated failures";
    return NULL;
}

gboolean
host_contain(Host *self, const gchar *name)
{
    for (guint i = 0; i < self->modules->len; i++) {
        HostModule *module = g_ptr_array_index(self->modules, i);

        if (strcmp(module->module->name, name) == 0) {
            module->contained = TRUE;
            return TRUE;
        }
    }
    return FALSE;
}

gboolean
host_start(Host *self, GError **error)
{
    for (guint i = 0; i < self->modules->len; i++) {
        HostModule *module = g_ptr_array_index(self->modules, i);

        if (!host_start_module(module, error)) {
            g_prefix_error(error, _("module %s: "), module->module->name);
            return FALSE;
        }
    }
    self->started = TRUE;
    return TRUE;
}

void
host_offer_module(Host *self, const BaridModule *module)
{
    g_ptr_array_add(self->offered, (gpointer)(guintptr)module);
}

gboolean
host_add_module(Host *self, const BaridModule *module, GError **error)
{
    HostModule *added = host_module_new_linked(module, error);

    if (added == NULL)
        return FALSE;
    g_ptr_array_add(self->modules, added);
    return TRUE;
}

/* --- looking in --- */

guint
host_get_n_modules(const Host *self)
{
    return self->modules->len;
}

const void *
host_find_provider(const Host *self, BaridProviderKind kind, const gchar *name,
                   HostModule **out_module)
{
    *out_module = NULL;
    for (guint i = 0; i < self->modules->len; i++) {
        HostModule *module = g_ptr_array_index(self->modules, i);
        const BaridProvider *provider;

        for (guint n = 0; (provider = host_module_get_provider(module->module, n)) != NULL; n++) {
            if (provider->kind == kind && strcmp(provider->name, name) == 0) {
                *out_module = module;
                return provider->driver;
            }
        }
    }
    return provider_find_builtin(kind, name);
}

gboolean
host_foreach_provider(const Host *self, BaridProviderKind kind, HostProviderVisitor visit,
                      gpointer data, GError **error)
{
    for (guint i = 0; i < self->modules->len; i++) {
        HostModule *module = g_ptr_array_index(self->modules, i);
        const BaridProvider *provider;

        if (module->contained)
            continue;
        for (guint n = 0; (provider = host_module_get_provider(module->module, n)) != NULL; n++) {
            if (provider->kind == kind && !visit(provider, module, data, error))
                return FALSE;
        }
    }
    return TRUE;
}

const gchar *
host_module_get_name(const HostModule *module)
{
    return module->module->name;
}

const void *
host_module_get_settings(const HostModule *module)
{
    return module->settings;
}

gsize
host_module_get_setting_size(const HostModule *module)
{
    return module->module->setting_size;
}

static const BaridCommand *
host_find_command_named(const Host *self, const gchar *name, HostModule **out_module)
{
    for (guint i = 0; i < self->modules->len; i++) {
        HostModule *module = g_ptr_array_index(self->modules, i);
        const BaridCommand *command;

        if (module->contained)
            continue;
        for (guint n = 0; (command = host_module_get_command(module->module, n)) != NULL; n++) {
            if (strcmp(command->name, name) == 0) {
                *out_module = module;
                return command;
            }
        }
    }
    return NULL;
}

const BaridCommand *
host_find_command(const Host *self, const gchar *const *words, guint *out_n_words,
                  HostModule **out_module)
{
    const BaridCommand *command = NULL;

    *out_n_words = 2;
    if (words[0] != NULL && words[1] != NULL) {
        g_autofree gchar *both = g_strconcat(words[0], " ", words[1], NULL);

        command = host_find_command_named(self, both, out_module);
    }
    if (command != NULL || words[0] == NULL)
        return command;
    *out_n_words = 1;
    return host_find_command_named(self, words[0], out_module);
}

static void
host_write_needs(const BaridModule *module, JsonWriter *writer)
{
    static const gchar *const names[] = {
        "reads-envelope", "reads-headers", "reads-body",   "changes-envelope", "changes-headers",
        "changes-body",   "may-defer",     "may-reject",   "may-discard",      "may-hold",
        "uses-store",     "uses-network",  "uses-files",   "runs-programs",    "uses-secrets",
    };

    json_writer_begin_array(writer, "needs");
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if ((module->needs & (1u << i)) != 0)
            json_writer_text(writer, NULL, names[i]);
    }
    json_writer_end_array(writer);
}

/* What is neither waited for nor somebody else's turn; the two counters are read one after
 * the other, so that a call that ends in between must not make it negative. */
static gint64
host_get_computing_us(const HostHook *hook)
{
    gint64 waiting = (gint64)counter_get(hook->counters[HOOK_COUNT_WAITING_US]);
    gint64 wall = (gint64)counter_get(hook->counters[HOOK_COUNT_WALL_US]);

    return MAX(wall - waiting, 0);
}

static void
host_write_hook(const HostHook *hook, JsonWriter *writer)
{
    static const gchar *const counts[HOOK_N_COUNTS] = {
        "calls",          "errors",  "defers",     "rejects",
        "other_verdicts", "wall_us", "waiting_us", "dns_questions",
    };

    json_writer_begin_object(writer, NULL);
    json_writer_text(writer, "module", hook->module->module->name);
    json_writer_text(writer, "stage", decision_stage_name(hook->hook->stage));
    json_writer_text(writer, "phase", order_phase_name(hook->hook->phase));
    json_writer_bool(writer, "observes", hook->hook->observes);
    json_writer_text(writer, "why", hook->why);
    for (guint i = 0; i < HOOK_N_COUNTS; i++)
        json_writer_integer(writer, counts[i], (gint64)counter_get(hook->counters[i]));
    json_writer_integer(writer, "computing_us", host_get_computing_us(hook));
    json_writer_integer(writer, "stack_bytes", (gint64)atomic_load(&hook->stack->total_bytes));
    json_writer_integer(writer, "stack_own_bytes", (gint64)atomic_load(&hook->stack->own_bytes));
    json_writer_end_object(writer);
}

static void
host_write_hooks(const Host *self, const HostModule *only, JsonWriter *writer, const gchar *key)
{
    json_writer_begin_array(writer, key);
    for (guint stage = 0; stage < BARID_N_STAGES; stage++) {
        for (guint i = 0; i < self->stages[stage]->len; i++) {
            const HostHook *hook = &g_array_index(self->stages[stage], HostHook, i);

            if (only == NULL || hook->module == only)
                host_write_hook(hook, writer);
        }
    }
    json_writer_end_array(writer);
}

void
host_write_order(const Host *self, JsonWriter *writer, const gchar *key)
{
    host_write_hooks(self, NULL, writer, key);
}

static void
host_write_interface(const BaridModule *module, JsonWriter *writer)
{
    gchar text[16];

    g_snprintf(text, sizeof text, "%u.%u", module->api_major, module->api_minor);
    json_writer_text(writer, "interface", text);
}

void
host_write_modules(const Host *self, JsonWriter *writer, const gchar *key)
{
    json_writer_begin_array(writer, key);
    for (guint i = 0; i < self->modules->len; i++) {
        HostModule *module = g_ptr_array_index(self->modules, i);
        gboolean open = clock_monotonic_ms() <
                        atomic_load_explicit(&module->open_until_ms, memory_order_relaxed);

        json_writer_begin_object(writer, NULL);
        json_writer_text(writer, "name", module->module->name);
        json_writer_text(writer, "summary", module->module->summary);
        json_writer_text(writer, "version", module->module->version);
        host_write_interface(module->module, writer);
        json_writer_text(writer, "path", module->path);
        json_writer_text(writer, "package", module->package);
        json_writer_text(writer, "state",
                         module->contained ? "contained" : open ? "suspended" : "running");
        json_writer_text(writer, "mode", host_mode_words[module->common.mode]);
        json_writer_text(writer, "on_error", host_on_error_words[module->common.on_error]);
        host_write_needs(module->module, writer);
        host_write_hooks(self, module, writer, "hooks");
        if (module->offers_keys)
            host_module_write_key_counters(module, writer);
        json_writer_end_object(writer);
    }
    json_writer_end_array(writer);
}

Tally *
host_get_shadow(const Host *self, guint index, const gchar **out_name,
                ConfigPosition *out_position)
{
    const HostModule *module = g_ptr_array_index(self->modules, index);

    *out_name = module->module->name;
    *out_position = module->position;
    return module->shadow;
}
