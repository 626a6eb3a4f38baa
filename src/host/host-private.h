/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the host share. */
#ifndef HOST_PRIVATE_H
#define HOST_PRIVATE_H

#include <stdatomic.h>

#include "base/counter.h"
#include "base/tally.h"
#include "host/hook-call.h"

/* The keys that every module has. */
typedef struct {
    gboolean enabled;
    BaridRule *when;
    gint mode;
    gint on_error;
    gint64 timeout_ms;
    gchar **order;
} HostCommon;

typedef struct {
    const gchar *kind;
    const gchar *name;
    const BaridSection *section;
    gpointer settings;
} HostSection;

/* What a module did with private keys. */
typedef enum {
    KEY_COUNT_OPENED,
    KEY_COUNT_SIGNATURES,
    KEY_COUNT_FAILURES,
    KEY_N_COUNTS,
} KeyCount;

struct HostModule {
    BaridModule description;
    const BaridModule *module; /* (description) */
    gpointer handle; /* lt_dlhandle; NULL when linked in */
    gchar *path;
    gchar *package; /* of the distribution; NULL when nothing tells */
    HostCommon common;
    gpointer settings;
    gpointer state;
    gboolean started;
    gboolean contained; /* it has crashed the server: on-error applies at once */
    guint32 label;      /* of base/blame.h */
    GArray *sections; /* of HostSection */
    GPtrArray *widened; /* tables and drivers that are longer here than in the module */
    ConfigPosition position;
    /* Circuit breaker: consecutive failures, and until when on-error applies at once. */
    _Atomic guint n_failures;
    _Atomic gint64 open_until_ms;
    Tally *shadow; /* in shadow mode: what it would have done; else NULL */
    gboolean offers_keys;
    CounterId key_counters[KEY_N_COUNTS]; /* when it does */
};

typedef enum {
    HOOK_COUNT_CALLS,
    HOOK_COUNT_ERRORS,
    HOOK_COUNT_DEFERS,
    HOOK_COUNT_REJECTS,
    HOOK_COUNT_OTHER_VERDICTS,
    HOOK_COUNT_WALL_US,
    HOOK_COUNT_WAITING_US,
    HOOK_COUNT_DNS_QUESTIONS,
    HOOK_N_COUNTS,
} HookCount;

/* The deepest stack of the calls that were measured; 0 before the first. Only the first call
 * of a hook and then one in HOOK_STACK_SAMPLE of a thread's calls is: it costs microseconds. */
typedef struct {
    _Atomic gsize total_bytes; /* of the whole fiber while the hook ran */
    _Atomic gsize own_bytes;   /* of the hook alone */
} HookStack;

enum { HOOK_STACK_SAMPLE = 61 }; /* a prime, so that no hook of a steady cycle is left out */

typedef struct {
    HostModule *module;
    const BaridHook *hook;
    HookStack *stack; /* owned */
    const gchar *why; /* why it stands where it stands; owned */
    CounterId counters[HOOK_N_COUNTS];
} HostHook;

struct Host {
    gchar **folders;
    GPtrArray *modules; /* of HostModule * */
    GPtrArray *offered; /* of const BaridModule *: linked in */
    GArray *stages[BARID_N_STAGES]; /* of HostHook, in order */
    gboolean ltdl;
    gboolean started;
    DnsResolver *resolver;
};

/* loader.c: opens NAME and checks its description; NULL with the reason. */
HostModule *host_module_open(const Host *host, const gchar *name, GError **error);
HostModule *host_module_new_linked(const BaridModule *module, GError **error);
void host_module_stop(HostModule *self);
void host_module_free(HostModule *self);

gboolean host_start_module(HostModule *self, GError **error);

/* order.c: fills the stages from the modules. */
gboolean host_order_hooks(Host *self, GError **error);
void host_clear_hooks(Host *self);
const gchar *order_phase_name(BaridPhase phase);

/* Why its functions are not to be called now, or NULL. */
const gchar *host_module_why_out(const HostModule *self);

/* private-key.c: of a module that offers a driver for keys. */
void host_module_register_key_counters(HostModule *self);
void host_module_write_key_counters(const HostModule *self, JsonWriter *writer);

/* One hook of a table whose rows may be of another size than ours. */
const BaridHook *host_module_get_hook(const BaridModule *module, guint index);
const BaridProvider *host_module_get_provider(const BaridModule *module, guint index);
const BaridSection *host_module_get_section(const BaridModule *module, guint index);
const BaridCommand *host_module_get_command(const BaridModule *module, guint index);
const BaridSavedArea *host_module_get_saved_area(const BaridModule *module, guint index);

#endif
