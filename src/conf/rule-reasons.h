/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RuleReasons: why a rule gave what it gave: the conditions that were tried until one held, and
 * what the variables and look-ups in them came to. Bounded; for the record of decisions.
 */
#ifndef RULE_REASONS_H
#define RULE_REASONS_H

#include "base/json-writer.h"
#include "conf/rule-language.h"
#include "conf/rule-shadow.h"

/* Conditions, named rules and inputs past these are counted, not kept; texts are cut. */
#define RULE_REASONS_CONDITIONS_MAX 8
#define RULE_REASONS_NAMED_MAX 8
#define RULE_REASONS_INPUTS_MAX 8
#define RULE_REASONS_TEXT_MAX 120

typedef struct {
    const gchar *text; /* as written */
    gboolean held;
} RuleReasonCondition;

/* A [rule NAME] in one of the conditions. */
typedef struct {
    const struct RuleNamedShown *rule;
    gboolean held;
} RuleReasonNamed;

/* "remote-ip" and "192.0.2.7"; "store \"x.example\"" and "absent". */
typedef struct {
    const gchar *name, *value;
} RuleReasonInput;

typedef struct RuleReasons {
    const struct RuleReasons *next; /* the owner's */
    Arena *arena;            /* NULL for a constant */
    const gchar *setting;    /* "rcpt relay"; borrowed from the rule, as the conditions are */
    const gchar *value;      /* what came of it; NULL for a constant */
    ConfigPosition position; /* of the branch that won */
    guint branch;            /* counts from 0 */
    gboolean has_failed;     /* a look-up did */
    guint failed_branch;     /* where the last one that failed stands */
    guint n_conditions, n_named, n_inputs, n_dropped;
    RuleReasonCondition *conditions; /* NULL for a constant */
    RuleReasonNamed *named;          /* NULL without any; innermost first */
    RuleReasonInput *inputs;
} RuleReasons;

/* Evaluates like barid_rule_eval_*; the reasons live in (arena) and as long as the rule; those of
 * a constant take no memory. With a rule that is NULL the result is 0, or the empty text, and the
 * reasons are NULL. */
gint64 rule_eval_explained(const BaridRule *rule, BaridScope *scope, Arena *arena,
                           const RuleReasons **out_reasons);
/* The same for a rule of text; caller owns it. */
gchar *rule_eval_text_explained(const BaridRule *rule, BaridScope *scope, Arena *arena,
                                const RuleReasons **out_reasons);
/* For a rule of durations; see barid_rule_eval_durations(). */
guint rule_eval_durations_explained(const BaridRule *rule, BaridScope *scope, Arena *arena,
                                    const gint64 **out_ms, const RuleReasons **out_reasons);
/* In (arena), which may outlive that of (self); itself when it is there already. */
const RuleReasons *rule_reasons_keep_in(const RuleReasons *self, Arena *arena);
/* One object of an array: {setting, value, file, line, conditions: [{text, held}],
 * named: [{name, text, held, file, line}], inputs: {}}; nothing for a constant. */
void rule_reasons_write(const RuleReasons *self, JsonWriter *writer);

/* Who keeps what the rules of modules were decided by. (wants) gives the arena for it, NULL when
 * nobody keeps it; (keep) is then called, in the same fiber. Before any rule is evaluated. */
typedef Arena *(*RuleReasonsWants)(void);
typedef void (*RuleReasonsKeep)(RuleReasons *reasons);
void rule_reasons_register(RuleReasonsWants wants, RuleReasonsKeep keep);

/* --- for rule-eval.c --- */

/* Runs the rule alone, without its shadow; (reasons) may be NULL. */
void rule_run(const BaridRule *self, BaridScope *scope, RuleReasons *reasons,
              RuleOutcome *out_outcome);
/* Of a rule that is no constant. */
RuleReasons *rule_reasons_new(const BaridRule *rule, Arena *arena);
/* The rule came to (outcome). */
void rule_reasons_finish(RuleReasons *self, const BaridRule *rule, const RuleOutcome *outcome);
/* For a rule that is evaluated for its value only; NULL when nobody keeps its reasons. */
RuleReasons *rule_reasons_new_wanted(const BaridRule *rule);
void rule_reasons_keep(RuleReasons *self);
/* A value was read; once for each (name). */
void rule_reasons_add(RuleReasons *self, const gchar *name, const RuleValue *value);
/* A named rule held or did not; once for each. */
void rule_reasons_add_named(RuleReasons *self, const struct RuleNamedShown *rule, gboolean held);
/* (what) was asked for (subject): "store" "x.example". (text) is what was there, whether that was
 * what the condition asks for or not; empty leaves it at "found" or "absent". */
void rule_reasons_add_answer(RuleReasons *self, const gchar *what, BaridSlice subject,
                             RuleAnswer answer, BaridSlice text);

#endif
