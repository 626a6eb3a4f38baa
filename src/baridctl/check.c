/* SPDX-License-Identifier: Apache-2.0 */
#include "baridctl/check.h"

#include "base/error-domain.h"
#include "base/log.h"
#include "base/paths.h"
#include "dns/dns-settings.h"

/* The configuration that a check makes up. Silent name servers must not hold it up. */
static gchar *
check_dup_config(const Options *options, const gchar *config, GError **error)
{
    const gchar *server = options_get(options, "dns");
    Address address;

    if (server == NULL)
        return g_strconcat("[resolver]\ntimeout = 3s\n", config, NULL);
    if (!address_parse(barid_slice_from_text(server), &address) &&
        !address_parse_ip(barid_slice_from_text(server), &address)) {
        g_set_error(error, OPTIONS_ERROR, BARID_ERROR_INVALID,
                    _("--dns takes an address such as 127.0.0.1:53, not \"%s\""), server);
        return NULL;
    }
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

/* --- iprev --- */

typedef struct {
    Host *host;
    Arena *arena;
    BaridSession session;
} CheckSession;

static void
check_iprev_run(gpointer data)
{
    CheckSession *self = data;
    HostOutcome outcome;

    host_run(self->host, BARID_STAGE_CONNECT, &self->session.scope, NULL, &outcome);
}

static CtlStatus
check_iprev_answer(const Options *options, BaridScope *scope)
{
    const gchar *result = scope_peek_finding(scope, "iprev");
    const gchar *names = scope_peek_finding(scope, "iprev.names");
    g_auto(GStrv) list = g_strsplit(names == NULL ? "" : names, " ", -1);
    g_autoptr(GString) out = g_string_new(NULL);
    JsonWriter writer;

    if (result == NULL)
        result = "temperror";
    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    json_writer_text(&writer, "result", result);
    json_writer_text(&writer, "name", scope_peek_finding(scope, "iprev.name"));
    json_writer_begin_array(&writer, "names");
    for (guint i = 0; list[i] != NULL; i++) {
        if (*list[i] != '\0')
            json_writer_text(&writer, NULL, list[i]);
    }
    json_writer_end_array(&writer);
    json_writer_end_object(&writer);
    ctl_answer(options, "check iprev", out->str);
    return strcmp(result, "pass") == 0 ? CTL_DONE : CTL_NO;
}

CtlStatus
check_iprev(const Options *options, const gchar *const *args G_GNUC_UNUSED)
{
    g_auto(CheckRuntime) runtime = {.files = NULL};
    g_autoptr(Arena) arena = arena_new(1024);
    g_autoptr(GError) error = NULL;
    const gchar *ip = options_get(options, "ip");
    CheckSession session = {.arena = arena};

    if (ip == NULL) {
        ctl_complain(_("--ip is missing: baridctl check iprev --ip IP [--dns HOST:PORT]"));
        return CTL_USAGE;
    }
    if (!address_parse_ip(barid_slice_from_text(ip), &session.session.remote))
        return ctl_fail(options, CTL_NO, "invalid", _("--ip takes an IPv4 or IPv6 address"));
    scope_init(&session.session.scope, SCOPE_SESSION, arena, NULL, NULL);
    session.session.listener = "check";
    if (!check_runtime_init(&runtime, options, "[module iprev]\nenabled = yes\n", &error))
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    session.host = runtime.host;
    if (!check_runtime_run(&runtime, check_iprev_run, &session, &error))
        return ctl_fail(options, CTL_INTERNAL, "failed", error->message);
    return check_iprev_answer(options, &session.session.scope);
}
