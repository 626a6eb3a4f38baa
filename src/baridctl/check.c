/* SPDX-License-Identifier: Apache-2.0 */
#include "baridctl/check.h"

#include "base/error-domain.h"
#include "base/log.h"
#include "base/paths.h"
#include "dns/dns-settings.h"

const gchar *
check_get_name_server(const Options *options, GError **error)
{
    const gchar *server = options_get(options, "dns");
    Address address;

    if (server == NULL || address_parse(barid_slice_from_text(server), &address) ||
        address_parse_ip(barid_slice_from_text(server), &address))
        return server;
    g_set_error(error, OPTIONS_ERROR, BARID_ERROR_INVALID,
                _("--dns takes an address such as 127.0.0.1:53, not \"%s\""), server);
    return NULL;
}

/* The configuration that a check makes up. Silent name servers must not hold it up. */
static gchar *
check_dup_config(const Options *options, const gchar *config, GError **error)
{
    g_autoptr(GError) cause = NULL;
    const gchar *server = check_get_name_server(options, &cause);

    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    if (server == NULL)
        return g_strconcat("[resolver]\ntimeout = 3s\n", config, NULL);
    return g_strdup_printf("[resolver]\ntimeout = 3s\nservers = %s\n"
                           "local-names = localhost, invalid\n%s", server, config);
}

static gboolean
check_runtime_start(CheckRuntime *self, GError **error)
{
    g_autofree gchar *text = NULL;

    if (config_problems_get_count(self->problems) == 0)
        return host_start(self->host, error);
    text = config_problems_to_text(self->problems);
    g_set_error(error, OPTIONS_ERROR, BARID_ERROR_FAILED, "%s", g_strchomp(text));
    return FALSE;
}

gboolean
check_runtime_init(CheckRuntime *self, const Options *options, const gchar *given,
                   GError **error)
{
    g_autofree gchar *config = check_dup_config(options, given, error);
    g_autofree gchar *module_dir = paths_dup_module_dir();
    const gchar *const folders[] = {module_dir, NULL};

    *self = (CheckRuntime){.files = NULL};
    if (config == NULL)
        return FALSE;
    /* The answer tells all; a log line beside it would only confuse. */
    log_set_level(BARID_LOG_ERROR);
    self->files = config_files_new_text("check", config);
    self->problems = config_problems_new();
    self->tree = config_tree_parse(self->files, self->problems);
    self->host = host_new(folders);
    settings_context_init(&self->context, self->tree, self->problems, NULL);
    self->resolver = dns_resolver_new_from_settings(&self->context);
    host_set_resolver(self->host, self->resolver);
    host_load(self->host, &self->context);
    host_bind(self->host, &self->context);
    return check_runtime_start(self, error);
}

void
check_runtime_clear(CheckRuntime *self)
{
    if (self->files == NULL)
        return;
    host_free(self->host);
    dns_resolver_free(self->resolver);
    settings_context_clear(&self->context);
    config_tree_free(self->tree);
    config_problems_free(self->problems);
    config_files_free(self->files);
}

typedef struct {
    FiberFunc func;
    gpointer data;
} CheckRun;

static void
check_run(gpointer data)
{
    CheckRun *run = data;

    fiber_deadline_push(CHECK_TIMEOUT_MS);
    run->func(run->data);
}

gboolean
check_runtime_run(const CheckRuntime *self G_GNUC_UNUSED, FiberFunc func, gpointer data,
                  GError **error)
{
    CheckRun run = {func, data};
    Scheduler *scheduler = scheduler_new(error);
    FiberGroup group;
    gboolean ok;

    if (scheduler == NULL)
        return FALSE;
    fiber_group_init(&group, scheduler);
    ok = fiber_group_spawn(&group, check_run, &run, error);
    scheduler_stop(scheduler);
    scheduler_run(scheduler);
    scheduler_free(scheduler);
    return ok;
}
