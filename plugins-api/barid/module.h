/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The description that a module exports: its hooks, settings, providers and needs.
 *
 * A module is a shared object NAME.so with exactly one exported symbol, made by
 * BARID_MODULE_DEFINE(NAME). Nothing runs when it is loaded; "start" is called on the
 * main thread with checked settings before the first session. Table structs carry
 * their size, so that an older module loads into a newer core.
 */
#ifndef BARID_MODULE_H
#define BARID_MODULE_H

#include <barid/command.h>
#include <barid/private-key.h>
#include <barid/saved.h>
#include <barid/session.h>
#include <barid/setting.h>
#include <barid/store.h>
#include <barid/stream.h>
#include <barid/transport.h>

typedef enum {
    BARID_STAGE_CONNECT = 0,
    BARID_STAGE_TLS,
    BARID_STAGE_EHLO,
    BARID_STAGE_AUTH,
    BARID_STAGE_MAIL,
    BARID_STAGE_RCPT,
    BARID_STAGE_DATA,
    BARID_STAGE_MESSAGE,
    BARID_STAGE_RECIPIENT,
    BARID_STAGE_SEAL,
    BARID_STAGE_QUEUED,
    BARID_STAGE_ROUTE,
    BARID_STAGE_POLICY,
    BARID_STAGE_RESULT,
    BARID_STAGE_NOTIFY,
    BARID_STAGE_CLOSE,
    BARID_N_STAGES,
    BARID_STAGE_END = 255, /* ends a table of hooks, also when there are more stages */
} BaridStage;

/* Parts of a stage, one behind the other. A hook that waits for what others find belongs behind
 * BARID_PHASE_IDENTIFY: all who look something up begin there before anybody waits. */
typedef enum {
    BARID_PHASE_EARLY = 0,
    BARID_PHASE_IDENTIFY,
    BARID_PHASE_AUTHORISE,
    BARID_PHASE_INSPECT,
    BARID_PHASE_MODIFY,
    BARID_PHASE_LATE,
    BARID_N_PHASES,
} BaridPhase;

/* What a module may do. A call or verdict outside of it is refused and recorded. */
typedef enum {
    BARID_READS_ENVELOPE = 1 << 0,
    BARID_READS_HEADERS = 1 << 1,
    BARID_READS_BODY = 1 << 2,
    BARID_CHANGES_ENVELOPE = 1 << 3,
    BARID_CHANGES_HEADERS = 1 << 4,
    BARID_CHANGES_BODY = 1 << 5,
    BARID_MAY_DEFER = 1 << 6,
    BARID_MAY_REJECT = 1 << 7, /* also drop */
    BARID_MAY_DISCARD = 1 << 8,
    BARID_MAY_HOLD = 1 << 9,   /* also quarantine */
    BARID_USES_STORE = 1 << 10,
    BARID_USES_NETWORK = 1 << 11,
    BARID_USES_FILES = 1 << 12,
    BARID_RUNS_PROGRAMS = 1 << 13,
    BARID_USES_SECRETS = 1 << 14,
} BaridNeeds;

typedef BaridVerdict (*BaridSessionHook)(BaridSession *session, gpointer state);
typedef BaridVerdict (*BaridTransactionHook)(BaridTransaction *txn, gpointer state);
typedef BaridVerdict (*BaridRecipientHook)(BaridTransaction *txn, const BaridRecipient *rcpt,
                                           gpointer state);
typedef BaridVerdict (*BaridAttemptHook)(BaridAttempt *attempt, gpointer state);

typedef struct {
    BaridStage stage;
    BaridPhase phase;
    union {
        BaridSessionHook session;
        BaridTransactionHook transaction;
        BaridRecipientHook recipient;
        BaridAttemptHook attempt;
    } function;
    const gchar *after;  /* module names, separated by blanks */
    const gchar *before;
    gboolean observes;   /* only records findings; may run beside others */
    const BaridStreamHook *stream; /* of a MESSAGE hook: what sees the content arrive */
} BaridHook;

#define BARID_HOOK_(stage_, kind_, function_, phase_, ...) \
    {.stage = stage_, .phase = phase_, .function.kind_ = function_, __VA_ARGS__}
#define BARID_HOOK_CONNECT(...) BARID_HOOK_(BARID_STAGE_CONNECT, session, __VA_ARGS__)
#define BARID_HOOK_TLS(...) BARID_HOOK_(BARID_STAGE_TLS, session, __VA_ARGS__)
#define BARID_HOOK_EHLO(...) BARID_HOOK_(BARID_STAGE_EHLO, session, __VA_ARGS__)
#define BARID_HOOK_AUTH(...) BARID_HOOK_(BARID_STAGE_AUTH, session, __VA_ARGS__)
#define BARID_HOOK_MAIL(...) BARID_HOOK_(BARID_STAGE_MAIL, transaction, __VA_ARGS__)
#define BARID_HOOK_RCPT(...) BARID_HOOK_(BARID_STAGE_RCPT, recipient, __VA_ARGS__)
#define BARID_HOOK_DATA(...) BARID_HOOK_(BARID_STAGE_DATA, transaction, __VA_ARGS__)
#define BARID_HOOK_MESSAGE(...) BARID_HOOK_(BARID_STAGE_MESSAGE, transaction, __VA_ARGS__)
#define BARID_HOOK_RECIPIENT(...) BARID_HOOK_(BARID_STAGE_RECIPIENT, recipient, __VA_ARGS__)
#define BARID_HOOK_SEAL(...) BARID_HOOK_(BARID_STAGE_SEAL, transaction, __VA_ARGS__)
#define BARID_HOOK_QUEUED(...) BARID_HOOK_(BARID_STAGE_QUEUED, transaction, __VA_ARGS__)
#define BARID_HOOK_RESULT(...) BARID_HOOK_(BARID_STAGE_RESULT, attempt, __VA_ARGS__)
#define BARID_HOOK_CLOSE(...) BARID_HOOK_(BARID_STAGE_CLOSE, session, __VA_ARGS__)
#define BARID_HOOK_END {.stage = BARID_STAGE_END}

/* Named sections that a module reads besides [module NAME]: every [KIND NAME] of the
 * configuration is checked against (settings) and handed to "start". */
typedef struct {
    const gchar *kind; /* NULL ends the table */
    const gchar *summary;
    const BaridSetting *settings;
    gsize settings_size;
} BaridSection;

typedef enum {
    BARID_PROVIDER_END = 0,
    BARID_PROVIDER_STORE,     /* BaridStoreDriver */
    BARID_PROVIDER_TRANSPORT, /* BaridTransportDriver */
    BARID_PROVIDER_KEYS,      /* BaridKeysDriver */
} BaridProviderKind;

typedef struct {
    BaridProviderKind kind;
    const gchar *name; /* what the configuration calls it */
    const void *driver;
} BaridProvider;

/* What "start" may ask: the sections of a kind it declared. */
typedef struct BaridStart BaridStart;
guint barid_start_get_n_sections(BaridStart *start, const gchar *kind);
/* The checked settings struct, borrowed for the module's life; (*out_name) the NAME. */
const void *barid_start_get_section(BaridStart *start, const gchar *kind, guint index,
                                    const gchar **out_name);

#define BARID_MODULE_MAGIC 0x44495242u /* "BRID" */

typedef struct {
    guint32 magic;
    guint16 api_major, api_minor;
    guint32 struct_size, hook_size, setting_size, section_size, provider_size, command_size;
    const gchar *name;
    const gchar *summary;
    guint needs; /* BaridNeeds */
    const BaridSetting *settings;
    gsize settings_size;
    const BaridHook *hooks;
    const BaridSection *sections;
    const BaridProvider *providers;
    const BaridCommand *commands;
    const gchar *const *findings; /* names this module records */
    /* Called once with checked settings. The returned state is given to every hook;
     * a module without "start" gets its settings struct as state. A check of the configuration
     * calls it as well, in a process that ends then, as whoever checks: it leaves no trace. */
    gboolean (*start)(BaridStart *start, const void *settings, gpointer *out_state,
                      GError **error);
    void (*stop)(gpointer state);
    const BaridSavedArea *saved; /* what it keeps with queued messages */
    guint32 saved_size, option_size;
    const gchar *version; /* since 1.1: of the module itself, such as "2.3"; or NULL */
} BaridModule;

#define BARID_MODULE_HEADER                                                                   \
    .magic = BARID_MODULE_MAGIC, .api_major = BARID_API_MAJOR, .api_minor = BARID_API_MINOR,  \
    .struct_size = sizeof(BaridModule), .hook_size = sizeof(BaridHook),                       \
    .setting_size = sizeof(BaridSetting), .section_size = sizeof(BaridSection),               \
    .provider_size = sizeof(BaridProvider), .command_size = sizeof(BaridCommand), \
    .saved_size = sizeof(BaridSavedArea), .option_size = sizeof(BaridCommandOption)

/* Defines the one exported symbol, spelled so that libltdl finds it whether the module
 * is loaded or preloaded. */
#define BARID_MODULE_DEFINE(name)                                        \
    extern const BaridModule name##_LTX_barid_module;                    \
    G_MODULE_EXPORT_ const BaridModule name##_LTX_barid_module
#define G_MODULE_EXPORT_ __attribute__((visibility("default")))

#endif
