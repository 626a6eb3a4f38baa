/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rule-shadow.h"

#include "conf/rule-items.h"
#include "conf/rule-program.h"
#include "conf/rule-reasons.h"

struct RuleShadow {
    BaridRule *rule;
    gchar *area, *key;
    BaridSettingType type;
    BaridKnown known;
    Tally *tally;
};

/* Filled once while the floors above start, before any configuration is bound. */
static struct {
    RuleShadowAllowed allowed;
    RuleShadowNote note;
} rule_shadow_keeper;

void
rule_shadow_register(RuleShadowAllowed allowed, RuleShadowNote note)
{
    rule_shadow_keeper.allowed = allowed;
    rule_shadow_keeper.note = note;
}

void
rule_set_shadow(BaridRule *self, BaridRule *shadow_taken, const RuleShadowOwner *owner)
{
    struct RuleShadow *shadow = g_new0(struct RuleShadow, 1);

    g_assert(self->shadow == NULL);
    shadow->rule = shadow_taken;
    shadow->area = g_strdup(owner->area);
    shadow->key = g_strdup(owner->key);
    shadow->type = owner->type;
    shadow->known = owner->known;
    shadow->tally = tally_new();
    self->shadow = shadow;
}

void
rule_shadow_free(struct RuleShadow *self)
{
    if (self == NULL)
        return;
    rule_free(self->rule);
    tally_free(self->tally);
    g_free(self->area);
    g_free(self->key);
    g_free(self);
}

const BaridRule *
rule_get_shadow(const BaridRule *self)
{
    return self == NULL || self->shadow == NULL ? NULL : self->shadow->rule;
}

Tally *
rule_get_shadow_tally(const BaridRule *self)
{
    return self == NULL || self->shadow == NULL ? NULL : self->shadow->tally;
}

/* --- comparing --- */

static gboolean
shadow_is_same(const struct RuleShadow *self, const RuleOutcome *a, const RuleOutcome *b)
{
    if (self->type == BARID_TYPE_RULE_TEXT)
        return g_strcmp0(a->text, b->text) == 0;
    if (rule_items_is_type(self->type))
        return rule_items_equal(a->items, b->items);
    return a->number == b->number;
}

static void
shadow_tell(const BaridRule *rule, BaridScope *scope, const RuleOutcome *outcome,
            const RuleOutcome *other)
{
    const struct RuleShadow *self = rule->shadow;
    g_autofree gchar *value = rule_outcome_format(self->type, outcome);
    g_autofree gchar *shadow_value = rule_outcome_format(self->type, other);
    RuleShadowDifference difference = {
        .area = self->area,
        .key = self->key,
        .known = self->known,
        .value = value,
        .shadow_value = shadow_value,
        .rule = rule->branches[outcome->branch],
        .shadow_rule = self->rule->branches[other->branch],
    };

    tally_note_change(self->tally, NULL, value, shadow_value);
    if (rule_shadow_keeper.note != NULL)
        rule_shadow_keeper.note(scope, &difference);
}

void
rule_shadow_compare(const BaridRule *self, BaridScope *scope, const RuleOutcome *outcome)
{
    RuleOutcome other;

    if (rule_shadow_keeper.allowed != NULL && !rule_shadow_keeper.allowed(scope))
        return;
    rule_run(self->shadow->rule, scope, NULL, &other);
    tally_note(self->shadow->tally);
    if (!shadow_is_same(self->shadow, outcome, &other))
        shadow_tell(self, scope, outcome, &other);
    g_free(other.text);
}
