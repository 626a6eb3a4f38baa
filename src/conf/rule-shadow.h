/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shadow of a setting's rule: "KEY.shadow = RULE" beside "KEY = RULE". It is evaluated on
 * live traffic whenever the setting is, and never applied: what differs is counted, and told
 * to the floor above, which keeps the record of decisions.
 */
#ifndef RULE_SHADOW_H
#define RULE_SHADOW_H

#include "base/tally.h"
#include "conf/rule-language.h"

#define RULE_SHADOW_SUFFIX ".shadow"

struct RuleShadow; /* of a BaridRule */

typedef struct {
    const gchar *area, *key; /* "rcpt", "relay" */
    BaridKnown known;        /* the setting's stage */
    const gchar *value, *shadow_value;
    ConfigPosition rule, shadow_rule; /* of the branches that won */
} RuleShadowDifference;

/* Whether shadows are evaluated in (scope): there, what suspends is allowed where the setting's
 * own rule may ask a store. */
typedef gboolean (*RuleShadowAllowed)(const BaridScope *scope);
/* Keeps a difference; texts are borrowed. */
typedef void (*RuleShadowNote)(BaridScope *scope, const RuleShadowDifference *difference);
/* Without this call all shadows are evaluated, and counted only. */
void rule_shadow_register(RuleShadowAllowed allowed, RuleShadowNote note);

typedef struct {
    const gchar *area, *key; /* copied */
    BaridSettingType type;
    BaridKnown known;
} RuleShadowOwner;
/* Takes (shadow), which was compiled for the same setting. */
void rule_set_shadow(BaridRule *self, BaridRule *shadow_taken, const RuleShadowOwner *owner);
/* NULL without one. */
const BaridRule *rule_get_shadow(const BaridRule *self);
Tally *rule_get_shadow_tally(const BaridRule *self);

/* For rule-eval.c: (value) is what the rule itself came to; the text belongs to the caller. */
typedef struct {
    gint64 number;
    gchar *text; /* of a rule of text */
    guint branch;
    const struct RuleItems *items; /* of a rule of a list */
    gboolean has_failed;           /* a look-up did */
} RuleOutcome;
void rule_shadow_compare(const BaridRule *self, BaridScope *scope, const RuleOutcome *outcome);
/* The value for people, of a setting of (type); caller owns it. */
gchar *rule_outcome_format(BaridSettingType type, const RuleOutcome *outcome);
void rule_shadow_free(struct RuleShadow *self);

#endif
