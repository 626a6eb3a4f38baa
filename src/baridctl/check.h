/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What "baridctl check" runs on: modules loaded into this process, a resolver, made-up
 * sessions. No configuration, state folder or server is needed.
 */
#ifndef CHECK_H
#define CHECK_H

#include "baridctl/ctl.h"
#include "conf/config-file.h"
#include "host/host.h"

/* A check's look-ups end after this time, whatever the name servers do. */
#define CHECK_TIMEOUT_MS 20000

typedef struct {
    ConfigFiles *files;
    ConfigProblems *problems;
    ConfigTree *tree;
    SettingsContext context;
    DnsResolver *resolver;
    Host *host;
} CheckRuntime;

/* What --dns names, or NULL without it; an error when that is no address. */
const gchar *check_get_name_server(const Options *options, GError **error);
/* (config) enables modules, beside what the command line says. --dns names the only name server. On
 * failure the runtime is to be cleared all the same. */
gboolean check_runtime_init(CheckRuntime *self, const Options *options, const gchar *config,
                            GError **error);
void check_runtime_clear(CheckRuntime *self);
/* Calls (func) in a fiber that has CHECK_TIMEOUT_MS. */
gboolean check_runtime_run(const CheckRuntime *self, FiberFunc func, gpointer data,
                           GError **error);

CtlStatus check_iprev(const Options *options, const gchar *const *args);
CtlStatus check_spf(const Options *options, const gchar *const *args);
CtlStatus check_dmarc(const Options *options, const gchar *const *args);
CtlStatus check_message(const Options *options, const gchar *const *args);
CtlStatus check_dkim(const Options *options, const gchar *const *args);
CtlStatus check_arc(const Options *options, const gchar *const *args);
CtlStatus sign_arc(const Options *options, const gchar *const *args);
CtlStatus sign_dkim(const Options *options, const gchar *const *args);
CtlStatus check_dsn(const Options *options, const gchar *const *args);
CtlStatus check_domain(const Options *options, const gchar *const *args);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CheckRuntime, check_runtime_clear)

#endif
