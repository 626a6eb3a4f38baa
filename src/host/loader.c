/* SPDX-License-Identifier: Apache-2.0 */
/* Opening modules: libltdl, and the checks before anything of a module is believed. */
#include <errno.h>
#include <ltdl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error-domain.h"
#include "base/i18n.h"
#include "base/paths.h"
#include "host/host-private.h"
#include "host/older-module.h"

ERROR_DOMAIN_DEFINE(host_error_quark, "barid-host-error")

gboolean
host_is_module_name(const gchar *name)
{
    if (!g_ascii_islower(name[0]))
        return FALSE;
    for (; *name != '\0'; name++) {
        if (!g_ascii_islower(*name) && !g_ascii_isdigit(*name))
            return FALSE;
    }
    return TRUE;
}

/* Code is only taken from places that nobody but root and ourselves can write to. */
static gboolean
loader_check_owner(const gchar *path, GError **error)
{
    struct stat info;

    if (stat(path, &info) != 0) {
        error_set_errno(error, HOST_ERROR, errno, "%s", path);
        return FALSE;
    }
    if ((info.st_uid != 0 && info.st_uid != geteuid()) || (info.st_mode & S_IWOTH) != 0) {
        g_set_error(error, HOST_ERROR, BARID_ERROR_DENIED,
                    _("%s must belong to root or the calling user and not be writable by others"),
                    path);
        return FALSE;
    }
    return TRUE;
}

static gchar *
loader_find(const Host *host, const gchar *name)
{
    gchar *found = NULL;

    for (guint i = 0; found == NULL && host->folders != NULL && host->folders[i] != NULL; i++)
        found = paths_find_module(host->folders[i], name);
    return found;
}

/* What is wrong with a hook, or NULL. */
static const gchar *
loader_check_hook(const BaridModule *module, const BaridHook *hook)
{
    const BaridStreamHook *stream = hook->stream;

    if (stream == NULL)
        return NULL;
    if (hook->stage != BARID_STAGE_MESSAGE)
        return _("only a MESSAGE hook can have a stream");
    if (stream->struct_size < sizeof(BaridStreamHook) || stream->begin == NULL)
        return _("its stream is not complete");
    if (stream->field != NULL && (module->needs & BARID_READS_HEADERS) == 0)
        return _("its stream sees the header, which was not declared");
    if (stream->body != NULL && (module->needs & BARID_READS_BODY) == 0)
        return _("its stream sees the body, which was not declared");
    return NULL;
}

static const gchar *
loader_check_hooks(const BaridModule *module)
{
    const BaridHook *hook;
    const gchar *problem = NULL;

    for (guint i = 0; problem == NULL && (hook = host_module_get_hook(module, i)) != NULL; i++)
        problem = loader_check_hook(module, hook);
    return problem;
}

/* Rows and drivers may be shorter than ours in a module of an older minor version only. */
static gboolean
loader_is_cut_off(const BaridModule *module)
{
    return module->api_minor == BARID_API_MINOR &&
           (module->struct_size < sizeof(BaridModule) || module->hook_size < sizeof(BaridHook));
}

/* What is wrong with the description before its tables are looked at; the caller owns it. */
static gchar *
loader_dup_problem(const BaridModule *module, const gchar *name)
{
    if (module->magic != BARID_MODULE_MAGIC)
        return g_strdup(_("it is no module description"));
    if (module->api_major != BARID_API_MAJOR)
        return g_strdup_printf(_("it was built for version %u.%u of the interface, and this server "
                                 "has %u.%u: it has to be built anew"),
                               module->api_major, module->api_minor, BARID_API_MAJOR,
                               BARID_API_MINOR);
    if (module->api_minor > BARID_API_MINOR)
        return g_strdup_printf(_("it needs version %u.%u of the interface, and this server has "
                                 "%u.%u: the server is too old for it"),
                               module->api_major, module->api_minor, BARID_API_MAJOR,
                               BARID_API_MINOR);
    if (loader_is_cut_off(module))
        return g_strdup(_("its description is too short"));
    if (module->name == NULL || strcmp(module->name, name) != 0)
        return g_strdup(_("its name differs from the file's"));
    if (module->summary == NULL)
        return g_strdup(_("it has no summary"));
    return NULL;
}

static gboolean
loader_refuse(const gchar *name, const gchar *problem, GError **error)
{
    if (problem != NULL)
        g_set_error(error, HOST_ERROR, BARID_ERROR_INVALID, _("module %s: %s"), name, problem);
    return problem == NULL;
}

/* The module of (description), when that is as it should be. (handle) is closed otherwise. */
static HostModule *
loader_new(const BaridModule *description, const gchar *name, lt_dlhandle handle, GError **error)
{
    g_autofree gchar *problem = loader_dup_problem(description, name);
    HostModule *self;

    if (!loader_refuse(name, problem, error)) {
        if (handle != NULL)
            lt_dlclose(handle);
        return NULL;
    }
    self = g_new0(HostModule, 1);
    self->handle = handle;
    self->module = &self->description;
    self->sections = g_array_new(FALSE, TRUE, sizeof(HostSection));
    self->widened = g_ptr_array_new_with_free_func(g_free);
    older_module_widen(description, &self->description, self->widened);
    if (loader_refuse(name, loader_check_hooks(self->module), error))
        return self;
    host_module_free(self);
    return NULL;
}

HostModule *
host_module_new_linked(const BaridModule *module, GError **error)
{
    return loader_new(module, module->name, NULL, error);
}

static lt_dlhandle
loader_dlopen(const gchar *path, GError **error)
{
    lt_dladvise advise;
    lt_dlhandle handle;

    lt_dladvise_init(&advise);
    lt_dladvise_local(&advise);
    handle = lt_dlopenadvise(path, advise);
    lt_dladvise_destroy(&advise);
    if (handle == NULL)
        g_set_error(error, HOST_ERROR, BARID_ERROR_FAILED, "%s: %s", path, lt_dlerror());
    return handle;
}

/* The package that a module is part of, told by NAME.pkg beside it; NULL without one. */
static gchar *
loader_read_package(const gchar *folder, const gchar *name)
{
    static const gchar field[] = "Package:";
    g_autofree gchar *path = g_strdup_printf("%s/%s.pkg", folder, name);
    g_autofree gchar *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !g_utf8_validate(text, -1, NULL))
        return NULL;
    lines = g_strsplit(text, "\n", -1);
    for (gchar **line = lines; *line != NULL; line++) {
        if (g_str_has_prefix(*line, field))
            return g_strdup(g_strstrip(*line + strlen(field)));
    }
    return NULL;
}

HostModule *
host_module_open(const Host *host, const gchar *name, GError **error)
{
    g_autofree gchar *path = NULL;
    g_autofree gchar *folder = NULL;
    lt_dlhandle handle;
    const BaridModule *module;
    HostModule *self;

    if (!host_is_module_name(name)) {
        g_set_error(error, HOST_ERROR, BARID_ERROR_INVALID,
                    _("\"%s\" is no module name (lower-case letters and digits)"), name);
        return NULL;
    }
    path = loader_find(host, name);
    if (path == NULL) {
        g_set_error(error, HOST_ERROR, BARID_ERROR_NOT_FOUND,
                    _("module %s is enabled but not installed"), name);
        return NULL;
    }
    folder = g_path_get_dirname(path);
    if (!loader_check_owner(folder, error) || !loader_check_owner(path, error))
        return NULL;
    handle = loader_dlopen(path, error);
    if (handle == NULL)
        return NULL;
    module = lt_dlsym(handle, "barid_module");
    if (module == NULL) {
        g_set_error(error, HOST_ERROR, BARID_ERROR_INVALID, _("%s exports no module description"),
                    path);
        lt_dlclose(handle);
        return NULL;
    }
    self = loader_new(module, name, handle, error);
    if (self == NULL)
        return NULL;
    self->path = g_steal_pointer(&path);
    self->package = loader_read_package(folder, name);
    return self;
}

void
host_module_stop(HostModule *self)
{
    if (self->started && self->module->stop != NULL)
        self->module->stop(self->state);
    self->started = FALSE;
}

void
host_module_free(HostModule *self)
{
    const BaridModule *module = self->module;

    host_module_stop(self);
    for (guint i = 0; i < self->sections->len; i++) {
        HostSection *section = &g_array_index(self->sections, HostSection, i);

        settings_clear(section->section->settings, module->setting_size, section->settings);
        g_free(section->settings);
    }
    g_array_free(self->sections, TRUE);
    if (self->settings != NULL)
        settings_clear(module->settings, module->setting_size, self->settings);
    g_free(self->settings);
    rule_free(self->common.when);
    tally_free(self->shadow);
    g_strfreev(self->common.order);
    g_ptr_array_free(self->widened, TRUE);
    if (self->handle != NULL)
        lt_dlclose(self->handle);
    g_free(self->path);
    g_free(self->package);
    g_free(self);
}

/* Rows are stepped over with the size that the module was built with. */
const BaridHook *
host_module_get_hook(const BaridModule *module, guint index)
{
    const BaridHook *hook = module->hooks;

    if (hook == NULL)
        return NULL;
    hook =
        (const BaridHook *)(const void *)((const guint8 *)hook + (gsize)index * module->hook_size);
    return hook->stage < BARID_N_STAGES ? hook : NULL;
}

const BaridProvider *
host_module_get_provider(const BaridModule *module, guint index)
{
    const BaridProvider *provider = module->providers;

    if (provider == NULL)
        return NULL;
    provider = (const BaridProvider *)(const void *)((const guint8 *)provider +
                                                     (gsize)index * module->provider_size);
    return provider->kind != BARID_PROVIDER_END ? provider : NULL;
}

const BaridSection *
host_module_get_section(const BaridModule *module, guint index)
{
    const BaridSection *section = module->sections;

    if (section == NULL)
        return NULL;
    section = (const BaridSection *)(const void *)((const guint8 *)section +
                                                   (gsize)index * module->section_size);
    return section->kind != NULL ? section : NULL;
}

const BaridCommand *
host_module_get_command(const BaridModule *module, guint index)
{
    const BaridCommand *command = module->commands;

    if (command == NULL)
        return NULL;
    command = (const BaridCommand *)(const void *)((const guint8 *)command +
                                                   (gsize)index * module->command_size);
    return command->name != NULL ? command : NULL;
}

const BaridSavedArea *
host_module_get_saved_area(const BaridModule *module, guint index)
{
    const BaridSavedArea *area = module->saved;

    if (area == NULL)
        return NULL;
    area = (const BaridSavedArea *)(const void *)((const guint8 *)area +
                                                  (gsize)index * module->saved_size);
    return area->name != NULL ? area : NULL;
}
