/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module host: loads modules, binds their settings, keeps their hooks in order, runs
 * them, merges their verdicts and keeps account. One Host is one generation; it is made
 * on the main thread before the first session and read-only afterwards.
 */
#ifndef HOST_H
#define HOST_H

#include "base/tally.h"
#include "conf/rule-language.h"
#include "conf/settings.h"
#include "dns/resolver.h"
#include "host/provider.h"
#include "host/scope.h"

#define HOST_ERROR (host_error_quark())
GQuark host_error_quark(void);

typedef struct Host Host;
typedef struct HostModule HostModule;

typedef enum { HOST_ON_ERROR_CONTINUE, HOST_ON_ERROR_DEFER, HOST_ON_ERROR_REJECT } HostOnError;
typedef enum { HOST_MODE_ENFORCE, HOST_MODE_SHADOW } HostMode;

/* Loads every module whose [module NAME] says enabled = yes from (folders) (NULL-ended;
 * each a folder of NAME.so, or the modules folder of a build tree). Problems are added to
 * the context; a module that cannot be loaded is one. Main thread only. */
Host *host_new(const gchar *const *folders);
gboolean host_load(Host *self, SettingsContext *context);
/* Binds the modules' sections and settings; declares rules. After the stores exist. */
gboolean host_bind(Host *self, SettingsContext *context);
/* What modules ask; borrowed. Without one their questions fail. Before host_start(). */
void host_set_resolver(Host *self, DnsResolver *resolver);
DnsResolver *host_get_resolver(const Host *self);
/* Calls every module's start. FALSE with the failing module named. */
gboolean host_start(Host *self, GError **error);
/* For a check: does the same in a process that ends right after, and adds what is wrong as
 * problems of the modules' sections; one that takes longer than (patience_ms) is wrong. The caller
 * has no other threads. */
void host_try_start(Host *self, SettingsContext *context, gint64 patience_ms);
/* Calls stop in reverse order. No hook may be running. What modules provide is still there:
 * stores are closed between this and host_free(). */
void host_stop(Host *self);
/* Stops what was not stopped, and unloads. */
void host_free(Host *self);
/* A module that is linked in: host_load() takes it, when its section enables it, without
 * looking for a file. (module) is static. Before host_load(). */
void host_offer_module(Host *self, const BaridModule *module);
/* For tests: adds a module that is linked in, as if it had been loaded and enabled. */
gboolean host_add_module(Host *self, const BaridModule *module, GError **error);

/* The merged result of one stage. Texts live in the scope's arena. */
typedef struct {
    BaridVerdict verdict; /* CONTINUE, HOLD, QUARANTINE, DISCARD, DEFER, REJECT or DROP */
    guint code;
    const gchar *enhanced;
    const gchar *text;
    const gchar *reason;
    const gchar *module;
} HostOutcome;

/* Runs all hooks of (stage). (recipient) for RCPT and RECIPIENT, else NULL. Runs them in
 * the calling fiber but for observers. Costs nothing where no module has a hook. */
BARID_SUSPENDS void host_run(Host *self, BaridStage stage, BaridScope *scope,
                             const BaridRecipient *recipient, HostOutcome *out_outcome);
gboolean host_has_hooks(const Host *self, BaridStage stage);

/* Drivers offered by modules; NULL when there is none of that name. (*out_state) is the
 * module's state. */
const void *host_find_provider(const Host *self, BaridProviderKind kind, const gchar *name,
                               HostModule **out_module);
/* Calls (visit) for each provider of (kind) that a module offers; stops when it fails. */
typedef gboolean (*HostProviderVisitor)(const BaridProvider *provider, const HostModule *module,
                                        gpointer data, GError **error);
gboolean host_foreach_provider(const Host *self, BaridProviderKind kind,
                               HostProviderVisitor visit, gpointer data, GError **error);
/* A lower-case letter, then such letters and digits: its file's name is made of it. */
gboolean host_is_module_name(const gchar *name);
const gchar *host_module_get_name(const HostModule *module);
const void *host_module_get_settings(const HostModule *module);
/* The size of one settings row in the module's build. */
gsize host_module_get_setting_size(const HostModule *module);

/* The module has brought the server down repeatedly: it is not started, and what would call
 * it gets its on-error at once. Before host_start(). FALSE when there is no such module. */
gboolean host_contain(Host *self, const gchar *name);

/* --- looking in --- */
guint host_get_n_modules(const Host *self);
/* One object per module: name, summary, state, mode, needs, hooks with order and reasons,
 * counters. For "modules list" and "modules order". */
void host_write_modules(const Host *self, JsonWriter *writer, const gchar *key);
/* What the module of that index would have done in shadow mode; NULL when it is in none. Name and
 * position are borrowed. */
Tally *host_get_shadow(const Host *self, guint index, const gchar **out_name,
                       ConfigPosition *out_position);
void host_write_order(const Host *self, JsonWriter *writer, const gchar *key);
/* The command that (words) (NULL-ended) begin with, of one word or two, or NULL; run it with
 * host_run_command(). */
const BaridCommand *host_find_command(const Host *self, const gchar *const *words,
                                      guint *out_n_words, HostModule **out_module);
/* Says that code of (module), or the core's with NULL, runs here from now on, so that a crash
 * is put down to it; the result ran before, for host_module_leave(). Any thread. */
guint32 host_module_enter(const HostModule *module);
void host_module_leave(guint32 outer);
/* It has brought the server down repeatedly, was not started, and is not to be called. */
gboolean host_module_is_contained(const HostModule *module);
/* The hook that runs on this fiber, for blame: module name or NULL. */
const gchar *host_get_running_module(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Host, host_free)

#endif
