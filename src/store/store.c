/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <barid/runtime.h>

#include "base/clock.h"
#include "base/error-domain.h"
#include "base/i18n.h"
#include "conf/rule-language.h"
#include "host/hook-call.h"
#include "store/store-memory.h"

ERROR_DOMAIN_DEFINE(store_error_quark, "barid-store-error")

struct BaridStore {
    gchar *name;
    const BaridStoreDriver *driver;
    const HostModule *module; /* that offers the driver; NULL for the core's own */
    gpointer impl; /* NULL while it is not open, and of a contained module */
    ConfigPosition position;
    const BaridSetting *table; /* of the settings */
    gpointer settings; /* bound; NULL when they are the caller's */
    gsize setting_size;
    gint used;      /* atomic: somebody has asked it */
    gchar *failure; /* why a simulation has no copy of it, or NULL */
    gboolean copied;
};

struct StoreSet {
    GPtrArray *stores; /* of BaridStore * */
};

/* The store that is there without any section. */
#define STORE_BUILTIN "memory"

static const StoreMemorySettings store_plain_memory = {.max_size_bytes = 64 * 1024 * 1024};

/* --- calls --- */

static gboolean
store_refuse(GError **error, BaridErrorCode code, const gchar *reason)
{
    g_set_error_literal(error, STORE_ERROR, (gint)code, reason);
    return FALSE;
}

static void
store_note_use(BaridStore *self)
{
    /* Read first: all threads use it, and the line of memory need not go from one to another. */
    if (g_atomic_int_get(&self->used) == 0)
        g_atomic_int_set(&self->used, 1);
}

/* Checks a call, and says whose code runs from now on; (*out_outer) is for
 * host_module_leave(). */
static gboolean
store_enter(BaridStore *self, BaridSlice key, gint64 lifetime_ms, guint32 *out_outer,
            GError **error)
{
    HookCall *call = hook_call_get_current();

    if (call != NULL && !hook_call_may(call, BARID_USES_STORE, "the use of stores"))
        return store_refuse(error, BARID_ERROR_DENIED,
                            "the module did not declare that it uses stores");
    if (self == NULL)
        return store_refuse(error, BARID_ERROR_INVALID, "no store is configured");
    if (key.len > BARID_STORE_KEY_MAX)
        return store_refuse(error, BARID_ERROR_TOO_LARGE, "the key is longer than 1024 bytes");
    if (lifetime_ms < 0)
        return store_refuse(error, BARID_ERROR_INVALID, "the lifetime is negative");
    if (self->impl == NULL)
        return store_refuse(error, BARID_ERROR_FAILED, "the store's module is contained");
    store_note_use(self);
    *out_outer = host_module_enter(self->module);
    return TRUE;
}

static gint64
store_expiry(gint64 now_ms, gint64 lifetime_ms)
{
    gint64 expires_ms;

    if (lifetime_ms == 0 || __builtin_add_overflow(now_ms, lifetime_ms, &expires_ms))
        return 0;
    return expires_ms;
}

gboolean
barid_store_get(BaridStore *store, BaridSlice key, GBytes **out_value, GError **error)
{
    gboolean ok;
    guint32 outer;

    if (!store_enter(store, key, 0, &outer, error))
        return FALSE;
    ok = store->driver->get(store->impl, key, clock_wall_ms(), out_value, error);
    host_module_leave(outer);
    return ok;
}

gboolean
barid_store_set(BaridStore *store, BaridSlice key, BaridSlice value, gint64 lifetime_ms,
                GError **error)
{
    gint64 now_ms = clock_wall_ms();
    gboolean ok;
    guint32 outer;

    if (value.len > BARID_STORE_VALUE_MAX)
        return store_refuse(error, BARID_ERROR_TOO_LARGE, "the value is larger than 1M");
    if (!store_enter(store, key, lifetime_ms, &outer, error))
        return FALSE;
    ok = store->driver->set(store->impl, key, value, now_ms, store_expiry(now_ms, lifetime_ms),
                            error);
    host_module_leave(outer);
    return ok;
}

gboolean
barid_store_remove(BaridStore *store, BaridSlice key, GError **error)
{
    gboolean ok;
    guint32 outer;

    if (!store_enter(store, key, 0, &outer, error))
        return FALSE;
    ok = store->driver->remove(store->impl, key, error);
    host_module_leave(outer);
    return ok;
}

gboolean
barid_store_touch(BaridStore *store, BaridSlice key, gint64 lifetime_ms, gint64 *out_age_ms,
                  GError **error)
{
    gint64 now_ms = clock_wall_ms();
    gint64 first_ms;
    gboolean ok;
    guint32 outer;

    if (!store_enter(store, key, lifetime_ms, &outer, error))
        return FALSE;
    ok = store->driver->touch(store->impl, key, now_ms, store_expiry(now_ms, lifetime_ms),
                              &first_ms, error);
    host_module_leave(outer);
    /* The wall clock may have been set back meanwhile. */
    if (ok)
        *out_age_ms = MAX(now_ms - first_ms, 0);
    return ok;
}

gboolean
barid_store_add(BaridStore *store, BaridSlice key, gint64 delta, gint64 lifetime_ms,
                gint64 *out_value, GError **error)
{
    gint64 now_ms = clock_wall_ms();
    gboolean ok;
    guint32 outer;

    if (!store_enter(store, key, lifetime_ms, &outer, error))
        return FALSE;
    ok = store->driver->add(store->impl, key, delta, now_ms, store_expiry(now_ms, lifetime_ms),
                            out_value, error);
    host_module_leave(outer);
    return ok;
}

const gchar *
store_get_name(const BaridStore *store)
{
    return store->name;
}

/* --- one store --- */

BaridStore *
store_new(const gchar *name, const BaridStoreDriver *driver, const void *settings, GError **error)
{
    gpointer impl = driver->open(name, settings, error);

    return impl == NULL ? NULL : store_new_opened(name, driver, impl);
}

BaridStore *
store_new_opened(const gchar *name, const BaridStoreDriver *driver, gpointer impl)
{
    BaridStore *self = g_new0(BaridStore, 1);

    self->name = g_strdup(name);
    self->driver = driver;
    self->impl = impl;
    return self;
}

BaridStore *
store_new_memory(const gchar *name)
{
    return store_new(name, &store_memory_driver, &store_plain_memory, NULL);
}

void
store_free(BaridStore *store)
{
    if (store == NULL)
        return;
    if (store->impl != NULL)
        store->driver->close(store->impl);
    if (store->settings != NULL)
        settings_clear(store->table, store->setting_size, store->settings);
    g_free(store->settings);
    g_free(store->failure);
    g_free(store->name);
    g_free(store);
}

/* --- the configuration's stores --- */

typedef struct {
    gchar *driver;
} StoreSection;

static const BaridSetting store_section_settings[] = {
    BARID_SETTING_TEXT("driver", StoreSection, driver, "memory",
                       N_("What keeps the entries: memory, or the name of a store module.")),
    BARID_SETTING_END,
};

static void
store_report(SettingsContext *context, ConfigSection *section, const gchar *key,
             const gchar *message)
{
    config_section_report(section, context->problems, key, "%s", message);
}

static const BaridStoreDriver *
store_find_driver(const Host *host, const gchar *name, HostModule **out_module)
{
    const BaridStoreDriver *driver = NULL;

    *out_module = NULL;
    if (host != NULL)
        driver = host_find_provider(host, BARID_PROVIDER_STORE, name, out_module);
    if (driver == NULL && strcmp(name, "memory") == 0)
        driver = &store_memory_driver;
    return driver;
}

/* The store with its settings, not open yet. */
static BaridStore *
store_bind_section(SettingsContext *context, ConfigSection *section,
                   const BaridStoreDriver *driver, const HostModule *module)
{
    gsize setting_size =
        module == NULL ? sizeof(BaridSetting) : host_module_get_setting_size(module);
    gpointer settings = g_malloc0(MAX(driver->settings_size, 1));
    BaridStore *store;

    if (driver->settings != NULL &&
        !settings_bind(context, section, NULL, driver->settings, setting_size, settings)) {
        settings_clear(driver->settings, setting_size, settings);
        g_free(settings);
        return NULL;
    }
    store = g_new0(BaridStore, 1);
    store->name = g_strdup(config_section_get_name(section));
    store->driver = driver;
    store->module = module;
    store->position = config_section_get_position(section);
    store->table = driver->settings;
    store->settings = settings;
    store->setting_size = setting_size;
    return store;
}

static void
store_set_add_section(StoreSet *self, SettingsContext *context, ConfigSection *section,
                      const Host *host)
{
    StoreSection read = {0};
    const BaridStoreDriver *driver = NULL;
    HostModule *module = NULL;
    BaridStore *store;

    if (config_section_get_name(section) == NULL)
        store_report(context, section, NULL, _("write [store NAME]"));
    else if (settings_bind(context, section, NULL, store_section_settings, sizeof(BaridSetting),
                           &read)) {
        driver = store_find_driver(host, read.driver, &module);
        if (driver == NULL)
            store_report(context, section, "driver", _("no enabled module offers that driver"));
    }
    settings_clear(store_section_settings, sizeof(BaridSetting), &read);
    if (driver == NULL)
        return;
    store = store_bind_section(context, section, driver, module);
    if (store != NULL)
        g_ptr_array_add(self->stores, store);
}

static gpointer
store_set_resolve(const gchar *text, gpointer data, GError **error)
{
    BaridStore *store = store_set_find(data, text);

    if (store == NULL)
        g_set_error(error, STORE_ERROR, BARID_ERROR_NOT_FOUND, _("there is no [store %s]"), text);
    return store;
}

static void
store_rule_explain(const BaridStore *store, const gchar *why, Arena *scratch, BaridSlice *out_text)
{
    *out_text = barid_slice_from_text(arena_printf(scratch, "store %s: %s", store->name, why));
}

/* A rule is the administrator's word: what the module that asks has declared does not
 * matter. */
static RuleAnswer
store_rule_lookup(BaridScope *scope G_GNUC_UNUSED, gpointer data, BaridSlice key, Arena *scratch,
                  BaridSlice *out_text)
{
    BaridStore *store = data;
    g_autoptr(GBytes) value = NULL;
    g_autoptr(GError) error = NULL;
    gboolean ok;
    guint32 outer;

    if (key.len > BARID_STORE_KEY_MAX)
        return RULE_ANSWER_ABSENT;
    if (store->impl == NULL) {
        /* Its module is contained, which was said. */
        store_rule_explain(store, "its module is out of service", scratch, out_text);
        return RULE_ANSWER_FAILED;
    }
    store_note_use(store);
    outer = host_module_enter(store->module);
    ok = store->driver->get(store->impl, key, clock_wall_ms(), &value, &error);
    host_module_leave(outer);
    if (ok && value != NULL)
        *out_text = arena_dup_slice(
            scratch, barid_slice(g_bytes_get_data(value, NULL), g_bytes_get_size(value)));
    if (ok)
        return value == NULL ? RULE_ANSWER_ABSENT : RULE_ANSWER_FOUND;
    store_rule_explain(store, error->message, scratch, out_text);
    barid_log(BARID_LOG_WARNING, "store.failed", "store", store->name, "error", error->message,
              NULL);
    return RULE_ANSWER_FAILED;
}

static void
store_free_data(gpointer data)
{
    store_free(data);
}

StoreSet *
store_set_new(SettingsContext *context, const Host *host)
{
    StoreSet *self = g_new0(StoreSet, 1);
    ConfigSection *section;

    self->stores = g_ptr_array_new_with_free_func(store_free_data);
    config_tree_declare(context->tree, "store", NULL);
    for (guint i = 0; (section = config_tree_get_nth(context->tree, "store", i)) != NULL; i++)
        store_set_add_section(self, context, section, host);
    if (store_set_find(self, STORE_BUILTIN) == NULL)
        g_ptr_array_add(self->stores, store_new_memory(STORE_BUILTIN));
    settings_set_resolver(BARID_TYPE_STORE, store_set_resolve, self);
    rule_store_register(store_set_resolve, store_rule_lookup, self);
    return self;
}

gboolean
store_set_open(StoreSet *self, GError **error)
{
    for (guint i = 0; i < self->stores->len; i++) {
        BaridStore *store = g_ptr_array_index(self->stores, i);
        guint32 outer;

        if (store->impl != NULL ||
            (store->module != NULL && host_module_is_contained(store->module)))
            continue;
        outer = host_module_enter(store->module);
        store->impl = store->driver->open(store->name, store->settings, error);
        host_module_leave(outer);
        if (store->impl == NULL) {
            g_prefix_error(error, "%s:%u: [store %s]: ", store->position.file,
                           store->position.line, store->name);
            return FALSE;
        }
    }
    return TRUE;
}

void
store_set_open_in_memory(StoreSet *self)
{
    store_set_open_instead(self, &store_memory_driver, &store_plain_memory);
}

static void
store_open_instead(BaridStore *self, const BaridStoreDriver *driver, const void *settings)
{
    if (self->impl != NULL)
        self->driver->close(self->impl);
    self->driver = driver;
    self->module = NULL;
    self->impl = driver->open(self->name, settings, NULL);
}

void
store_set_open_instead(StoreSet *self, const BaridStoreDriver *driver, const void *settings)
{
    for (guint i = 0; i < self->stores->len; i++)
        store_open_instead(g_ptr_array_index(self->stores, i), driver, settings);
}

/* FALSE leaves it closed. */
static gboolean
store_open_copy(BaridStore *self, const gchar *folder)
{
    g_autoptr(GError) error = NULL;
    guint32 outer;

    if (self->driver->open_copy == NULL || self->settings == NULL ||
        (self->module != NULL && host_module_is_contained(self->module)))
        return FALSE;
    outer = host_module_enter(self->module);
    self->impl = self->driver->open_copy(self->name, self->settings, folder, &error);
    host_module_leave(outer);
    self->copied = self->impl != NULL;
    if (!self->copied)
        self->failure = g_strdup(error->message);
    return self->copied;
}

void
store_set_open_copies(StoreSet *self, const gchar *folder)
{
    for (guint i = 0; i < self->stores->len; i++) {
        BaridStore *store = g_ptr_array_index(self->stores, i);

        if (!store_open_copy(store, folder))
            store_open_instead(store, &store_memory_driver, &store_plain_memory);
    }
}

void
store_set_visit_used(StoreSet *self, StoreVisitor visit, gpointer data)
{
    for (guint i = 0; i < self->stores->len; i++) {
        BaridStore *store = g_ptr_array_index(self->stores, i);

        if (g_atomic_int_get(&store->used) != 0)
            visit(store->name,
                  store->copied            ? STORE_COPIED
                  : store->failure != NULL ? STORE_FAILED
                                           : STORE_EMPTY,
                  store->failure, data);
    }
}

BaridStore *
store_set_find(StoreSet *self, const gchar *name)
{
    for (guint i = 0; i < self->stores->len; i++) {
        BaridStore *store = g_ptr_array_index(self->stores, i);

        if (strcmp(store->name, name) == 0)
            return store;
    }
    return NULL;
}

void
store_set_free(StoreSet *self)
{
    if (self == NULL)
        return;
    g_ptr_array_unref(self->stores);
    g_free(self);
}
