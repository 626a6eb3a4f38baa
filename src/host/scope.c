/* SPDX-License-Identifier: Apache-2.0 */
#include "host/scope.h"

#include "base/text.h"
#include "host/hook-call.h"

void
scope_init(BaridScope *self, ScopeKind kind, Arena *arena, BaridScope *parent, FiberGroup *group)
{
    *self = (BaridScope){.kind = kind, .arena = arena, .parent = parent, .group = group};
}

BaridSession *
scope_get_session(BaridScope *self)
{
    for (; self != NULL; self = self->parent) {
        if (self->kind == SCOPE_SESSION)
            return (BaridSession *)self;
    }
    return NULL;
}

BaridTransaction *
scope_get_transaction(BaridScope *self)
{
    return self->kind == SCOPE_TRANSACTION ? (BaridTransaction *)self : NULL;
}

BaridAttempt *
scope_get_attempt(BaridScope *self)
{
    return self->kind == SCOPE_ATTEMPT ? (BaridAttempt *)self : NULL;
}

/* --- findings --- */

static Finding *
scope_find(BaridScope *self, const gchar *name)
{
    for (Finding *finding = self->findings; finding != NULL; finding = finding->next) {
        if (strcmp(finding->name, name) == 0)
            return finding;
    }
    return NULL;
}

const gchar *
scope_peek_finding(BaridScope *self, const gchar *name)
{
    for (; self != NULL; self = self->parent) {
        const Finding *finding = scope_find(self, name);

        if (finding != NULL)
            return finding->value;
    }
    return NULL;
}

gboolean
barid_scope_finding_set(BaridScope *scope, const gchar *name, const gchar *value)
{
    HookCall *call = hook_call_get_current();
    Finding *finding;

    if (call != NULL && !hook_call_declares_finding(call, name)) {
        hook_call_refuse(call, "records a finding that it does not declare");
        return FALSE;
    }
    finding = scope_find(scope, name);
    if (finding == NULL) {
        finding = arena_new0(scope->arena, Finding);
        finding->name = arena_dup_text(scope->arena, name);
        finding->next = scope->findings;
        scope->findings = finding;
    }
    finding->value = arena_dup_text(scope->arena, value);
    return TRUE;
}

/* --- slots --- */

gpointer
barid_scope_slot_get(BaridScope *scope)
{
    const HookCall *call = hook_call_get_current();

    g_return_val_if_fail(call != NULL, NULL);
    for (const ScopeSlot *slot = scope->slots; slot != NULL; slot = slot->next) {
        if (slot->module == call->module)
            return slot->data;
    }
    return NULL;
}

void
barid_scope_slot_set(BaridScope *scope, gpointer data, GDestroyNotify free_func)
{
    const HookCall *call = hook_call_get_current();
    ScopeSlot *slot;

    g_return_if_fail(call != NULL && barid_scope_slot_get(scope) == NULL);
    slot = arena_new0(scope->arena, ScopeSlot);
    slot->module = call->module;
    slot->data = data;
    slot->next = scope->slots;
    scope->slots = slot;
    if (free_func != NULL)
        arena_on_reset(scope->arena, free_func, data);
}

/* FALSE when the waiting fiber is cut short: an observer that it waits for again would not
 * get its turn. */
static gboolean
scope_wait_for(ScopeObserver *observer)
{
    Fiber *self = fiber_get_current();

    if (observer->waiters == NULL)
        observer->waiters = g_ptr_array_new();
    g_ptr_array_add(observer->waiters, self);
    if (fiber_park(NULL))
        return TRUE;
    if (observer->waiters != NULL)
        g_ptr_array_remove_fast(observer->waiters, self);
    return FALSE;
}

static ScopeObserver *
scope_find_observer_of(BaridScope *self, const gchar *finding)
{
    for (ScopeObserver *observer = self->observers; observer != NULL; observer = observer->next) {
        if (hook_observer_produces(observer, finding))
            return observer;
    }
    return NULL;
}

const gchar *
barid_scope_finding_get(BaridScope *scope, const gchar *name)
{
    for (BaridScope *at = scope; at != NULL; at = at->parent) {
        ScopeObserver *observer;

        while (fiber_get_current() != NULL && fiber_deadline_get_left() > 0 &&
               (observer = scope_find_observer_of(at, name)) != NULL && scope_wait_for(observer))
            continue;
    }
    return scope_peek_finding(scope, name);
}

void
scope_init_made_up(BaridSession *session, BaridTransaction *txn, Arena *arena)
{
    scope_init(&session->scope, SCOPE_SESSION, arena, NULL, NULL);
    scope_init(&txn->scope, SCOPE_TRANSACTION, arena, &session->scope, NULL);
    txn->session = session;
    txn->recipients = g_ptr_array_new();
    txn->edits_tail = &txn->edits;
}

void
scope_join_observers(BaridScope *self)
{
    while (self->observers != NULL && fiber_deadline_get_left() > 0 &&
           scope_wait_for(self->observers))
        continue;
}
