/* SPDX-License-Identifier: Apache-2.0 */
/* A rule on its way from its text (rule-compile.c) to its program (rule-code.c). */
#ifndef RULE_COMPILER_H
#define RULE_COMPILER_H

#include "conf/rule-parser.h"

typedef struct {
    const RuleNode *condition; /* NULL for the last branch */
    const RuleNode *yes_when;  /* the value of a rule of yes or no */
    const RuleExpr *number;    /* the value of a rule of numbers that is computed, or NULL */
    GPtrArray *texts;          /* of RuleExpr *, computed for the registers of the text; or NULL */
    gboolean reads_captures;
    gboolean keeps_text; /* ${0} is the text of the last test that was true */
    RuleResult result;
    RuleShown shown;
    ConfigPosition position;
} RuleBranch;

/* A rule while it is compiled. */
typedef struct {
    RuleParser parser;
    BaridSettingType type;
    const RuleBounds *bounds; /* or NULL */
    GArray *branches; /* of RuleBranch */
    GArray *program;
    GArray *constants;
    GArray *results;
    guint32 on_failure;
    guint branch; /* whose code is made */
    gboolean has_failure_branch; /* the last one */
    gboolean keeps_text;
    gboolean is_too_large;
} RuleCompiler;

/* Fills (program), (constants) and (results) from the branches; (on_failure) is then where the
 * program begins. Reports a rule that is too large. */
void rule_code_make_program(RuleCompiler *self);

#endif
