/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generation: all that one configuration makes: modules, stores, directories, listeners,
 * queue settings. Making one is the complete check: "barid --check", "baridctl config
 * check" and a worker's start are the same code that stops at different points.
 */
#ifndef GENERATION_H
#define GENERATION_H

#include "inbound/inbound.h"
#include "outbound/outbound.h"
#include "queue/queue-settings.h"
#include "store/store.h"

#define CONTROL_ERROR (control_error_quark())
GQuark control_error_quark(void);

typedef struct {
    const ConfigFiles *files;
    const gchar *state_dir;
    SettingsOpenFile open_file; /* NULL reads files directly */
    gpointer open_file_data;
    const BaridModule *const *linked; /* modules that need no file, NULL-ended, or NULL */
    DnsResolver *resolver; /* borrowed, used instead of [resolver] where not NULL */
    /* NULL, or the folder of a simulation: what the settings would write is there, stores are
     * in memory, and certificates are made up, their files not even read. */
    const gchar *scratch_dir;
    /* With a scratch_dir: what keeps the stores instead of memory, or NULL; with its settings. */
    const BaridStoreDriver *store_driver;
    const void *store_settings;
    gboolean copies_stores; /* with a scratch_dir: they hold what they hold now */
    const gchar *module_dir; /* where modules are looked for first, or NULL */
    gboolean tries_modules; /* for a check: they are started, too, in a process of their own */
} GenerationOptions;

/* [server] and [log]. */
typedef struct {
    gchar *hostname;
    gint64 threads;
    gint64 grace_ms;
    gint64 drain_ms;
    gint64 watchdog_ms;
    gint confine; /* ConfineLevel */
    gchar **connect_ports;
    gboolean require_policy_tests;
    gchar *user;
    gint log_level;
} ServerSettings;

typedef struct {
    SettingsContext context;
    ServerSettings server;
    gchar *state_dir;
    gchar *scratch_dir; /* or NULL */
    const BaridStoreDriver *store_driver;
    const void *store_settings;
    gboolean copies_stores;
    DnsResolver *resolver;
    DnsResolver *own_resolver; /* the same, when it was made here */
    Host *host;
    StoreSet *stores;
    Directories *directories;
    Inbound *inbound;
    QueueSettings *queue_settings;
    OutboundSettings *outbound_settings;
} Generation;

/* Builds and checks everything but starts nothing: no module's start is called, no store or
 * spool is opened, no certificate made; no file is written. NULL when there are problems,
 * which are all in (problems). Main thread. */
Generation *generation_new(const GenerationOptions *options, ConfigProblems *problems);
/* Opens the stores, makes the server's own certificate where one is needed, and starts the
 * modules. */
gboolean generation_start(Generation *self, GError **error);
/* Fills in the queue's options; texts borrow from (self), folders are the caller's. */
void generation_get_queue_options(const Generation *self, QueueOptions *out_options);
/* Fills in all but the queue; borrowed from (self). */
void generation_fill_outbound(const Generation *self, OutboundServices *out_services);
/* Tells (outbound) the server's name and the addresses of its listeners. */
void generation_tell_own(const Generation *self, Outbound *outbound);
void generation_free(Generation *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Generation, generation_free)

#endif
