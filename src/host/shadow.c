/* SPDX-License-Identifier: Apache-2.0 */
/* What shadows would have done, in the record of decisions. */
#include "conf/rule-shadow.h"
#include "host/host-private.h"

/* Where something was evaluated, by what was known there. */
static const BaridStage shadow_stages[] = {
    [BARID_KNOWN_ALWAYS] = BARID_STAGE_CONNECT,  [BARID_KNOWN_CONNECT] = BARID_STAGE_CONNECT,
    [BARID_KNOWN_EHLO] = BARID_STAGE_EHLO,       [BARID_KNOWN_MAIL] = BARID_STAGE_MAIL,
    [BARID_KNOWN_RCPT] = BARID_STAGE_RCPT,       [BARID_KNOWN_MESSAGE] = BARID_STAGE_MESSAGE,
    [BARID_KNOWN_ATTEMPT] = BARID_STAGE_ROUTE,
};

static gboolean
shadow_is_allowed(const BaridScope *scope)
{
    return scope != NULL && !scope->without_shadows;
}

static const gchar *
shadow_get_input(const Decision *entry, const gchar *key)
{
    for (const DecisionInput *input = entry->inputs; input != NULL; input = input->next) {
        if (strcmp(input->key, key) == 0)
            return input->value;
    }
    return NULL;
}

/* Some settings are evaluated again and again in one scope: one entry says it all. */
static gboolean
shadow_is_noted(const BaridScope *scope, const RuleShadowDifference *difference,
                const gchar *subject)
{
    for (const Decision *entry = scope->decisions.first; entry != NULL; entry = entry->next) {
        if (entry->differs && g_strcmp0(entry->reason, difference->key) == 0 &&
            strcmp(entry->source, difference->area) == 0 &&
            g_strcmp0(entry->subject, subject) == 0 &&
            g_strcmp0(shadow_get_input(entry, "value"), difference->value) == 0 &&
            g_strcmp0(shadow_get_input(entry, "shadow-value"), difference->shadow_value) == 0)
            return TRUE;
    }
    return FALSE;
}

static const gchar *
shadow_dup_subject(BaridScope *scope)
{
    BaridTransaction *txn = scope_get_transaction(scope);

    return txn == NULL || txn->current == NULL
               ? NULL
               : arena_dup_slice_text(scope->arena, txn->current->address);
}

static void
shadow_add_rule(Decision *entry, Arena *arena, const gchar *key, const ConfigPosition *rule)
{
    gboolean is_default = strcmp(rule->file, "default") == 0;

    decision_add_input(entry, arena, key,
                       is_default ? rule->file
                                  : arena_printf(arena, "%s:%u", rule->file, rule->line));
}

static void
shadow_note(BaridScope *scope, const RuleShadowDifference *difference)
{
    const HookCall *call = hook_call_get_current();
    const gchar *subject;
    Decision *entry;

    if (scope == NULL)
        return;
    subject = difference->known == BARID_KNOWN_RCPT ? shadow_dup_subject(scope) : NULL;
    if (shadow_is_noted(scope, difference, subject))
        return;
    entry = decision_record_add(&scope->decisions, scope->arena,
                                arena_dup_text(scope->arena, difference->area),
                                call != NULL ? call->hook->stage
                                             : shadow_stages[difference->known]);
    if (entry == NULL)
        return;
    entry->reason = arena_dup_text(scope->arena, difference->key);
    entry->subject = subject;
    entry->shadow = TRUE;
    entry->rule = difference->shadow_rule;
    decision_record_mark(&scope->decisions, entry);
    decision_add_input(entry, scope->arena, "value", difference->value);
    decision_add_input(entry, scope->arena, "shadow-value", difference->shadow_value);
    shadow_add_rule(entry, scope->arena, "rule", &difference->rule);
    shadow_add_rule(entry, scope->arena, "shadow-rule", &difference->shadow_rule);
}

void
scope_register_shadows(void)
{
    rule_shadow_register(shadow_is_allowed, shadow_note);
}
