/* SPDX-License-Identifier: Apache-2.0 */
/* Running the hooks of a stage, and merging what they say. */
#include "base/clock.h"
#include "host/host-private.h"

/* After this many failures in a row a module is left alone for a while: on-error applies
 * at once, so that a dead database does not cost every session its timeout. */
enum { BREAKER_FAILURES = 5, BREAKER_OPEN_MS = 30000 };

HookCall *
hook_call_get_current(void)
{
    return fiber_get_local();
}

const gchar *
host_get_running_module(void)
{
    const HookCall *call = hook_call_get_current();

    return call == NULL ? NULL : call->module->module->name;
}

void
hook_call_refuse(HookCall *self, const gchar *what)
{
    if (self->refused == NULL)
        self->refused = arena_printf(self->scope->arena, "%s was not declared", what);
}

gboolean
hook_call_may(HookCall *self, BaridNeeds need, const gchar *what)
{
    if ((self->module->module->needs & (guint)need) == (guint)need)
        return TRUE;
    hook_call_refuse(self, what);
    return FALSE;
}

static gboolean
run_module_declares(const BaridModule *module, const gchar *finding)
{
    return module->findings != NULL && g_strv_contains(module->findings, finding);
}

gboolean
hook_call_declares_finding(const HookCall *self, const gchar *name)
{
    return run_module_declares(self->module->module, name);
}

/* --- why rules gave what they gave --- */

static Arena *
hook_call_wants_reasons(void)
{
    const HookCall *call = hook_call_get_current();

    return call == NULL || call->n_reasons >= HOOK_REASONS_MAX ? NULL : call->scope->arena;
}

/* The same rule with the same outcome is told once. */
static void
hook_call_keep_reasons(RuleReasons *reasons)
{
    HookCall *call = hook_call_get_current();

    for (const RuleReasons *at = call->reasons; at != NULL; at = at->next) {
        if (at->setting == reasons->setting && at->branch == reasons->branch &&
            strcmp(at->value, reasons->value) == 0)
            return;
    }
    reasons->next = call->reasons;
    call->reasons = reasons;
    call->n_reasons++;
}

void
hook_call_register_reasons(void)
{
    rule_reasons_register(hook_call_wants_reasons, hook_call_keep_reasons);
}

HookCallOuter
hook_call_enter(HookCall *self)
{
    HookCallOuter outer = {
        .call = fiber_get_local(),
        .deadline = fiber_deadline_push(self->module->common.timeout_ms),
        .label = host_module_enter(self->module),
    };

    fiber_set_local(self);
    return outer;
}

void
hook_call_leave(const HookCallOuter *outer)
{
    fiber_set_local(outer->call);
    host_module_leave(outer->label);
    fiber_deadline_restore(outer->deadline);
}

/* --- one call --- */

typedef struct {
    ScopeObserver observer;
    Host *host;
    const HostHook *hook;
    BaridScope *scope;
    const BaridRecipient *recipient;
} ObserverRun;

gboolean
hook_observer_produces(const ScopeObserver *observer, const gchar *finding)
{
    const ObserverRun *run = (const ObserverRun *)(const void *)observer;
    const HookCall *call = hook_call_get_current();

    /* Nobody waits for themselves: what an observer has told so far is there for its rules. */
    if (call != NULL && call->hook == run->hook->hook && call->scope == run->scope)
        return FALSE;
    return run_module_declares(run->hook->module->module, finding);
}

static BaridVerdict
run_function(const HookCall *call)
{
    const BaridHook *hook = call->hook;
    gpointer state = call->module->state;

    switch (hook->stage) {
    case BARID_STAGE_CONNECT:
    case BARID_STAGE_TLS:
    case BARID_STAGE_EHLO:
    case BARID_STAGE_AUTH:
    case BARID_STAGE_CLOSE:
        return hook->function.session(scope_get_session(call->scope), state);
    case BARID_STAGE_RCPT:
    case BARID_STAGE_RECIPIENT:
        return hook->function.recipient(scope_get_transaction(call->scope), call->recipient, state);
    case BARID_STAGE_ROUTE:
    case BARID_STAGE_POLICY:
    case BARID_STAGE_RESULT:
    case BARID_STAGE_NOTIFY:
        return hook->function.attempt(scope_get_attempt(call->scope), state);
    default:
        return hook->function.transaction(scope_get_transaction(call->scope), state);
    }
}

static void
run_breaker_note(HostModule *module, gboolean failed)
{
    if (!failed) {
        atomic_store_explicit(&module->n_failures, 0, memory_order_relaxed);
        return;
    }
    if (atomic_fetch_add(&module->n_failures, 1) + 1 < BREAKER_FAILURES)
        return;
    atomic_store(&module->n_failures, 0);
    atomic_store(&module->open_until_ms, clock_monotonic_ms() + BREAKER_OPEN_MS);
    barid_log(BARID_LOG_WARNING, "module.suspended", "module", module->module->name, "reason",
              "it failed repeatedly; its on-error applies for half a minute", NULL);
}

/* --- the stack --- */

static void
run_keep_larger(_Atomic gsize *kept, gsize value)
{
    gsize old = atomic_load_explicit(kept, memory_order_relaxed);

    while (old < value && !atomic_compare_exchange_weak(kept, &old, value))
        ;
}

static gboolean
run_measures_stack(const HostHook *hook)
{
    static _Thread_local guint calls;

    if (++calls % HOOK_STACK_SAMPLE != 0 &&
        atomic_load_explicit(&hook->stack->total_bytes, memory_order_relaxed) != 0)
        return FALSE;
    return fiber_stack_measure_begin();
}

static void
run_note_stack(const HostHook *hook)
{
    FiberStackUse use = fiber_stack_measure_end();

    run_keep_larger(&hook->stack->own_bytes, use.own_bytes);
    run_keep_larger(&hook->stack->total_bytes, use.total_bytes);
}

static BaridVerdict
run_guarded(const HostHook *hook, HookCall *call)
{
    gboolean measures = run_measures_stack(hook);
    gint64 waited_us = fiber_get_waited_us();
    HookCallOuter outer = hook_call_enter(call);
    BaridVerdict verdict = run_function(call);

    hook_call_leave(&outer);
    if (measures)
        run_note_stack(hook);
    call->waited_us = fiber_get_waited_us() - waited_us;
    if (call->refused != NULL) {
        call->text = call->refused;
        verdict = BARID_FAIL;
    }
    if ((guint)verdict > BARID_FAIL)
        verdict = BARID_FAIL;
    return verdict;
}

static void
run_count(const HostHook *hook, const HookCall *call, BaridVerdict verdict, gint64 duration_us)
{
    counter_add(hook->counters[HOOK_COUNT_CALLS], 1);
    counter_add(hook->counters[HOOK_COUNT_WALL_US], (guint64)duration_us);
    counter_add(hook->counters[HOOK_COUNT_WAITING_US], (guint64)call->waited_us);
    counter_add(hook->counters[HOOK_COUNT_DNS_QUESTIONS], call->n_dns_questions);
    if (verdict == BARID_FAIL)
        counter_add(hook->counters[HOOK_COUNT_ERRORS], 1);
    else if (verdict == BARID_DEFER)
        counter_add(hook->counters[HOOK_COUNT_DEFERS], 1);
    else if (verdict == BARID_REJECT || verdict == BARID_DROP)
        counter_add(hook->counters[HOOK_COUNT_REJECTS], 1);
    else if (verdict != BARID_CONTINUE)
        counter_add(hook->counters[HOOK_COUNT_OTHER_VERDICTS], 1);
}

/* What a failure means is the administrator's word, not the module's. */
static BaridVerdict
run_apply_on_error(HookCall *call)
{
    const gchar *what = call->text == NULL ? "failed" : call->text;

    barid_log(BARID_LOG_WARNING, "module.failed", "module", call->module->module->name, "stage",
              decision_stage_name(call->hook->stage), "error", what, NULL);
    call->reason = "module-failed";
    switch (call->module->common.on_error) {
    case HOST_ON_ERROR_CONTINUE:
        return BARID_CONTINUE;
    case HOST_ON_ERROR_REJECT:
        call->code = 554;
        call->enhanced = "5.3.0";
        break;
    default:
        call->code = 451;
        call->enhanced = "4.3.0";
        break;
    }
    return call->code >= 500 ? BARID_REJECT : BARID_DEFER;
}

static void
run_keep_changes(HookCall *call, BaridVerdict verdict)
{
    BaridTransaction *txn = scope_get_transaction(call->scope);

    if (txn == NULL || verdict == BARID_FAIL)
        return;
    for (SavedValue *value = call->saved, *next; value != NULL; value = next) {
        next = value->next;
        saved_put(&txn->saved, value);
    }
    /* Shadow changes nothing that anybody else sees. */
    if (call->edits == NULL || call->module->common.mode == HOST_MODE_SHADOW)
        return;
    *txn->edits_tail = call->edits;
    txn->edits_tail = call->edits_tail;
}

static const gchar *
run_dup_subject(const HookCall *call)
{
    return arena_dup_slice_text(call->scope->arena, call->recipient->address);
}

static Decision *
run_record(const HookCall *call, BaridVerdict verdict, gint64 duration_us)
{
    BaridScope *scope = call->scope;
    Decision *entry = decision_record_add(&scope->decisions, scope->arena,
                                          call->module->module->name, call->hook->stage);

    if (entry == NULL)
        return NULL;
    entry->verdict = verdict;
    entry->code = call->code;
    entry->enhanced = call->enhanced;
    entry->reason = call->reason;
    entry->text = call->text;
    entry->inputs = call->inputs;
    entry->reasons = call->reasons;
    entry->duration_us = duration_us;
    entry->rule = call->module->position;
    entry->shadow = call->module->common.mode == HOST_MODE_SHADOW;
    if (call->recipient != NULL)
        entry->subject = run_dup_subject(call);
    return entry;
}

/* What "when" says. A module that it leaves out is in the record, with the reason. */
static gboolean
run_is_wanted(HookCall *call)
{
    const BaridRule *when = call->module->common.when;
    const RuleReasons *reasons;
    Decision *entry;

    if (when == NULL)
        return TRUE;
    if (rule_eval_explained(when, call->scope, call->scope->arena, &reasons) != 0) {
        if (!barid_rule_is_constant(when))
            call->reasons = reasons;
        return TRUE;
    }
    entry = decision_record_add(&call->scope->decisions, call->scope->arena,
                                call->module->module->name, call->hook->stage);
    if (entry == NULL)
        return FALSE;
    entry->reason = "not-wanted";
    decision_set_reasons(entry, call->scope->arena, reasons);
    if (call->recipient != NULL)
        entry->subject = run_dup_subject(call);
    return FALSE;
}

/* Calls one hook and says what its verdict amounts to. */
static BaridVerdict
run_hook(Host *host, const HostHook *hook, BaridScope *scope, const BaridRecipient *recipient,
         HookCall *out_call, Decision **out_entry)
{
    gint64 start_us = clock_monotonic_us();
    gint64 duration_us;
    BaridVerdict verdict;
    BaridVerdict applied;

    *out_call = (HookCall){.host = host, .module = hook->module, .hook = hook->hook,
                           .scope = scope, .recipient = recipient};
    out_call->edits_tail = &out_call->edits;
    *out_entry = NULL;
    if (!run_is_wanted(out_call))
        return BARID_CONTINUE;
    out_call->text = host_module_why_out(hook->module);
    if (out_call->text != NULL) {
        verdict = BARID_FAIL;
    } else {
        verdict = run_guarded(hook, out_call);
        run_breaker_note(hook->module, verdict == BARID_FAIL);
    }
    duration_us = clock_monotonic_us() - start_us;
    run_count(hook, out_call, verdict, duration_us);
    run_keep_changes(out_call, verdict);
    applied = verdict == BARID_FAIL ? run_apply_on_error(out_call) : verdict;
    out_call->was_run = TRUE;
    out_call->verdict = applied;
    *out_entry = run_record(out_call, verdict == BARID_FAIL && applied == BARID_CONTINUE
                                          ? BARID_FAIL
                                          : applied,
                            duration_us);
    if (hook->hook->observes || hook->module->common.mode == HOST_MODE_SHADOW)
        return BARID_CONTINUE;
    return applied;
}

/* --- observers --- */

static void
observer_unlink(ObserverRun *run)
{
    ScopeObserver **at = &run->scope->observers;

    while (*at != &run->observer)
        at = &(*at)->next;
    *at = run->observer.next;
    if (run->observer.waiters == NULL)
        return;
    for (guint i = 0; i < run->observer.waiters->len; i++)
        fiber_wake(g_ptr_array_index(run->observer.waiters, i));
    g_ptr_array_free(g_steal_pointer(&run->observer.waiters), TRUE);
}

static void
observer_run(gpointer data)
{
    ObserverRun *run = data;
    HookCall call;
    Decision *entry;

    run_hook(run->host, run->hook, run->scope, run->recipient, &call, &entry);
    observer_unlink(run);
}

static gboolean
observer_spawn(Host *host, const HostHook *hook, BaridScope *scope, const BaridRecipient *recipient)
{
    ObserverRun *run;

    if (scope->group == NULL)
        return FALSE;
    run = arena_new0(scope->arena, ObserverRun);
    run->host = host;
    run->hook = hook;
    run->scope = scope;
    run->recipient = recipient;
    run->observer.module = hook->module->module->name;
    run->observer.next = scope->observers;
    scope->observers = &run->observer;
    if (fiber_group_spawn(scope->group, observer_run, run, NULL))
        return TRUE;
    scope->observers = run->observer.next;
    return FALSE;
}

/* --- a stage --- */

static void
run_merge(HostOutcome *outcome, const HookCall *call, BaridVerdict verdict, Decision *entry)
{
    if (verdict <= outcome->verdict || verdict == BARID_ACCEPT) {
        if (entry != NULL && verdict != BARID_CONTINUE && verdict != BARID_ACCEPT)
            entry->overruled = TRUE;
        return;
    }
    outcome->verdict = verdict;
    outcome->code = call->code;
    outcome->enhanced = call->enhanced;
    outcome->text = call->text;
    outcome->reason = call->reason;
    outcome->module = call->module->module->name;
}

/* What hooks in shadow mode said in a stage, until it is known what the others did. */
enum { RUN_SHADOWS_MAX = 16 };

typedef struct {
    guint count;
    struct {
        HostModule *module;
        BaridVerdict verdict;
        Decision *entry; /* or NULL */
    } said[RUN_SHADOWS_MAX];
} RunShadows;

static void
run_note_shadow(RunShadows *shadows, const HookCall *call, BaridVerdict verdict, Decision *entry)
{
    if (call->module->shadow == NULL || !call->was_run)
        return;
    tally_note(call->module->shadow);
    if (shadows->count == RUN_SHADOWS_MAX || verdict <= BARID_ACCEPT)
        return;
    shadows->said[shadows->count].module = call->module;
    shadows->said[shadows->count].verdict = verdict;
    shadows->said[shadows->count++].entry = entry;
}

/* Only a stricter verdict than the stage's would have changed anything. */
static void
run_judge_shadows(const RunShadows *shadows, BaridStage stage, BaridScope *scope,
                  const HostOutcome *outcome)
{
    for (guint i = 0; i < shadows->count; i++) {
        BaridVerdict verdict = shadows->said[i].verdict;

        if (verdict <= outcome->verdict)
            continue;
        tally_note_change(shadows->said[i].module->shadow, decision_stage_name(stage),
                          decision_verdict_name(outcome->verdict),
                          decision_verdict_name(verdict));
        if (shadows->said[i].entry != NULL)
            decision_record_mark(&scope->decisions, shadows->said[i].entry);
    }
}

/* Runs the hooks of one phase, from (index); returns the index behind them. */
static guint
run_phase(Host *self, GArray *hooks, guint index, BaridScope *scope,
          const BaridRecipient *recipient, HostOutcome *outcome, RunShadows *shadows)
{
    BaridPhase phase = g_array_index(hooks, HostHook, index).hook->phase;
    gboolean decided = FALSE;

    for (; index < hooks->len; index++) {
        const HostHook *hook = &g_array_index(hooks, HostHook, index);
        HookCall call;
        Decision *entry;
        BaridVerdict verdict;

        if (hook->hook->phase != phase)
            break;
        if (hook->hook->observes && observer_spawn(self, hook, scope, recipient))
            continue;
        if (decided)
            continue;
        verdict = run_hook(self, hook, scope, recipient, &call, &entry);
        if (!hook->hook->observes)
            run_note_shadow(shadows, &call, call.verdict, entry);
        decided = verdict != BARID_CONTINUE;
        run_merge(outcome, &call, verdict, entry);
    }
    return index;
}

void
host_run(Host *self, BaridStage stage, BaridScope *scope, const BaridRecipient *recipient,
         HostOutcome *out_outcome)
{
    GArray *hooks = self->stages[stage];
    BaridTransaction *txn = scope_get_transaction(scope);
    RunShadows shadows = {.count = 0};

    memset(out_outcome, 0, sizeof *out_outcome);
    if (hooks->len == 0)
        return;
    if (txn != NULL && recipient != NULL)
        txn->current = recipient;
    for (guint index = 0; index < hooks->len;)
        index = run_phase(self, hooks, index, scope, recipient, out_outcome, &shadows);
    run_judge_shadows(&shadows, stage, scope, out_outcome);
    if (out_outcome->verdict >= BARID_DEFER && out_outcome->text == NULL)
        out_outcome->text = "refused by policy";
}

gboolean
host_has_hooks(const Host *self, BaridStage stage)
{
    return self->stages[stage]->len > 0;
}
