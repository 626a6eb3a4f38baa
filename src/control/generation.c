/* SPDX-License-Identifier: Apache-2.0 */
#include "control/generation.h"

#include <unistd.h>

#include "base/error-domain.h"
#include "base/paths.h"
#include "dns/dns-settings.h"

ERROR_DOMAIN_DEFINE(control_error_quark, "barid-control-error")

static const gchar *const log_words[] = {"error", "warning", "notice", "info",
                                         "debug", "trace",   NULL};

/* As ConfineLevel. */
static const gchar *const confine_words[] = {"no", "calls", "full", NULL};

static const BaridSetting server_settings[] = {
    BARID_SETTING_TEXT("hostname", ServerSettings, hostname, "",
                       N_("The server's name; empty means the system's.")),
    BARID_SETTING_INTEGER("threads", ServerSettings, threads, "0",
                          N_("Worker threads; 0 means one for each processor."), 0, 256),
    BARID_SETTING_DURATION("drain", ServerSettings, drain_ms, "10min",
                           N_("How long sessions may go on after a reload.")),
    BARID_SETTING_DURATION("grace", ServerSettings, grace_ms, "30s",
                           N_("How long sessions may go on when the server stops.")),
    BARID_SETTING_DURATION("watchdog", ServerSettings, watchdog_ms, "30s",
                           N_("How long a module may compute without a pause.")),
    BARID_SETTING_ENUM("confine", ServerSettings, confine, "full",
                       N_("How much the worker gives up before it serves."), confine_words),
    BARID_SETTING_LIST("connect-ports", ServerSettings, connect_ports, "24, 25, 53, 465, 587, 853",
                       N_("TCP ports the worker may connect to besides those in settings.")),
    BARID_SETTING_BOOL("require-policy-tests", ServerSettings, require_policy_tests, "no",
                       N_("Whether a reload runs the policy tests first.")),
    BARID_SETTING_TEXT("user", ServerSettings, user, "barid",
                       N_("The user that the worker becomes when started by root.")),
    BARID_SETTING_END,
};

static const BaridSetting log_settings[] = {
    BARID_SETTING_ENUM("level", ServerSettings, log_level, "info", N_("What is logged."),
                       log_words),
    BARID_SETTING_END,
};

static gchar *
generation_dup_system_hostname(void)
{
    gchar name[256] = "";

    if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0')
        return g_strdup("localhost");
    return g_ascii_strdown(name, -1);
}

static void
generation_bind_server(Generation *self)
{
    settings_bind(&self->context, config_tree_find(self->context.tree, "server", NULL), "server",
                  server_settings, sizeof(BaridSetting), &self->server);
    settings_bind(&self->context, config_tree_find(self->context.tree, "log", NULL), "log",
                  log_settings, sizeof(BaridSetting), &self->server);
    if (self->server.hostname == NULL || *self->server.hostname == '\0') {
        g_free(self->server.hostname);
        self->server.hostname = generation_dup_system_hostname();
    }
}

static void
generation_bind_all(Generation *self, const GenerationOptions *options)
{
    g_autofree gchar *module_dir = paths_dup_module_dir();
    const gchar *first_dir = options->module_dir != NULL ? options->module_dir : module_dir;
    const gchar *const folders[] = {first_dir, module_dir, NULL};
    InboundServices services;

    generation_bind_server(self);
    self->own_resolver = dns_resolver_new_from_settings(&self->context);
    self->resolver = options->resolver != NULL ? options->resolver : self->own_resolver;
    self->host = host_new(folders);
    for (guint i = 0; options->linked != NULL && options->linked[i] != NULL; i++)
        host_offer_module(self->host, options->linked[i]);
    host_set_resolver(self->host, self->resolver);
    host_load(self->host, &self->context);
    /* Copies are made of what is really there. */
    self->context.scratch_dir = self->copies_stores ? NULL : self->scratch_dir;
    self->stores = store_set_new(&self->context, self->host);
    self->context.scratch_dir = self->scratch_dir;
    /* Before the modules' own settings, whose rules may ask it. */
    self->directories = directories_new(&self->context, self->host);
    host_bind(self->host, &self->context);
    self->queue_settings = queue_settings_new(&self->context);
    self->outbound_settings = outbound_settings_new(&self->context);
    services = (InboundServices){
        .host = self->host,
        .directories = self->directories,
        .hostname = self->server.hostname,
        .state_dir = self->scratch_dir != NULL ? self->scratch_dir : self->state_dir,
    };
    self->inbound = inbound_new(&self->context, &services);
    rule_lists_check_rules(self->context.lists, self->context.problems);
}

Generation *
generation_new(const GenerationOptions *options, ConfigProblems *problems)
{
    g_autoptr(Generation) self = g_new0(Generation, 1);
    ConfigTree *tree = config_tree_parse(options->files, problems);

    scope_register_variables();
    scope_register_shadows();
    self->state_dir = g_strdup(options->state_dir);
    self->scratch_dir = g_strdup(options->scratch_dir);
    self->store_driver = options->store_driver;
    self->store_settings = options->store_settings;
    self->copies_stores = options->copies_stores;
    settings_context_init(&self->context, tree, problems, self->state_dir);
    self->context.scratch_dir = self->scratch_dir;
    self->context.open_file = options->open_file;
    self->context.open_file_data = options->open_file_data;
    generation_bind_all(self, options);
    config_tree_report_unknown(tree, problems);
    if (options->tries_modules && config_problems_get_count(problems) == 0)
        host_try_start(self->host, &self->context, self->server.watchdog_ms);
    if (config_problems_get_count(problems) > 0)
        return NULL;
    return g_steal_pointer(&self);
}

gboolean
generation_start(Generation *self, GError **error)
{
    if (self->scratch_dir != NULL && self->store_driver != NULL)
        store_set_open_instead(self->stores, self->store_driver, self->store_settings);
    else if (self->scratch_dir != NULL && self->copies_stores)
        store_set_open_copies(self->stores, self->scratch_dir);
    else if (self->scratch_dir != NULL)
        store_set_open_in_memory(self->stores);
    return store_set_open(self->stores, error) && inbound_start(self->inbound, error) &&
           host_start(self->host, error);
}

void
generation_fill_outbound(const Generation *self, OutboundServices *out_services)
{
    out_services->resolver = self->resolver;
    out_services->host = self->host;
    out_services->directories = self->directories;
    out_services->settings = self->outbound_settings;
    out_services->hostname = self->server.hostname;
    out_services->attempt_timeout = queue_settings_get_attempt_timeout(self->queue_settings);
}

void
generation_tell_own(const Generation *self, Outbound *outbound)
{
    outbound_add_own_name(outbound, self->server.hostname);
    for (guint i = 0; i < inbound_get_n_listeners(self->inbound); i++) {
        InboundListener *listener = inbound_get_listener(self->inbound, i);
        const gchar *const *text = inbound_listener_get_addresses(listener);

        for (; *text != NULL; text++) {
            Address address;

            if (address_parse(barid_slice_from_text(*text), &address))
                outbound_add_own_address(outbound, &address);
        }
    }
}

void
generation_get_queue_options(const Generation *self, QueueOptions *out_options)
{
    *out_options = (QueueOptions){.hostname = self->server.hostname};
    queue_settings_apply(self->queue_settings, out_options);
}

void
generation_free(Generation *self)
{
    ConfigTree *tree;

    if (self == NULL)
        return;
    inbound_free(self->inbound);
    queue_settings_free(self->queue_settings);
    outbound_settings_free(self->outbound_settings);
    directories_free(self->directories);
    /* Modules use stores until they are stopped, and stores the code of modules. */
    host_stop(self->host);
    store_set_free(self->stores);
    host_free(self->host);
    dns_resolver_free(self->own_resolver);
    settings_clear(server_settings, sizeof(BaridSetting), &self->server);
    tree = self->context.tree;
    settings_context_clear(&self->context);
    config_tree_free(tree);
    g_free(self->state_dir);
    g_free(self->scratch_dir);
    g_free(self);
}
