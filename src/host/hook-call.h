/* SPDX-License-Identifier: Apache-2.0 */
/* The running hook: known to the fiber, so that the public functions can check what the
 * module declared and keep its changes until it has succeeded. */
#ifndef HOOK_CALL_H
#define HOOK_CALL_H

#include "host/host.h"

typedef struct HookCall {
    Host *host;
    HostModule *module;
    const BaridHook *hook;
    BaridScope *scope;
    const BaridRecipient *recipient;
    /* What the verdict functions leave. */
    guint code;
    const gchar *enhanced, *reason, *text;
    DecisionInput *inputs;
    guint n_inputs, n_inputs_dropped;
    const RuleReasons *reasons; /* of the rules that it asked; linked */
    guint n_reasons;
    gint64 waited_us;
    guint n_dns_questions;
    const gchar *refused; /* what it tried without declaring it */
    HeaderEdit *edits, **edits_tail;
    SavedValue *saved;
    gboolean was_run;     /* its "when" held */
    BaridVerdict verdict; /* what it came to, applied or not */
} HookCall;

enum {
    HOOK_INPUTS_MAX = 32,
    HOOK_INPUT_BYTES_MAX = 512,
    HOOK_EDITS_MAX = 100,
    HOOK_REASONS_MAX = 8, /* rules whose reasons one call keeps */
};

/* Around a function of the module: the fiber knows the call, who is to blame and how long it
 * may take. */
typedef struct {
    gpointer call;
    gint64 deadline;
    guint32 label;
} HookCallOuter;

HookCallOuter hook_call_enter(HookCall *self);
void hook_call_leave(const HookCallOuter *outer);

/* Of this fiber, or NULL outside of hooks (the core itself is never refused). */
HookCall *hook_call_get_current(void);
/* Whether the call may do it; records the refusal when not. */
gboolean hook_call_may(HookCall *self, BaridNeeds need, const gchar *what);
void hook_call_refuse(HookCall *self, const gchar *what);
gboolean hook_call_declares_finding(const HookCall *self, const gchar *name);
/* Keeps why the rules that hooks ask gave what they gave; once. */
void hook_call_register_reasons(void);
gboolean hook_observer_produces(const ScopeObserver *observer, const gchar *finding);

#endif
