/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled rule: one array of instructions. A test goes on at one of two earlier
 * instructions, what a named rule came to at one, all others at the next; as these only lead
 * backwards, every run ends. The array therefore reads from the results at its start to the first
 * test near its end.
 */
#ifndef RULE_PROGRAM_H
#define RULE_PROGRAM_H

#include "conf/rule-list-file.h"
#include "conf/rule-reasons.h"
#include "conf/rule-registry.h"
#include "conf/rule-set.h"
#include "conf/rule-template.h"

/* Values that one test may need at a time. */
#define RULE_REGISTERS_MAX 16
/* An operand with this bit is one of the constants, else a register. */
#define RULE_OPERAND_CONSTANT 0x8000u
#define RULE_CONSTANTS_MAX 0x7fffu

typedef enum {
    RULE_OP_RESULT,         /* ends with results[on_true] */
    RULE_OP_CLEAR_CAPTURES,
    RULE_OP_LOAD,           /* register (target) = variable, its argument in (left) */
    RULE_OP_COPY,           /* register (target) = (left) */
    RULE_OP_CALL,           /* register (target) = function of the registers from (left) on; its
                               data is in (right) */
    RULE_OP_TO_TEXT,        /* register (target) = the text form of (left) */
    RULE_OP_CAPTURE,        /* register (target) = the capture (left) */
    RULE_OP_NAMED,          /* a [rule NAME] held if (target) is not 0; goes on at (on_true) */
    /* Tests. */
    RULE_OP_IS_TRUE,
    RULE_OP_EQUAL_NUMBER, /* also durations and yes/no */
    RULE_OP_EQUAL_TEXT,
    RULE_OP_EQUAL_ADDRESS,
    RULE_OP_LESS,
    RULE_OP_LESS_EQUAL,
    RULE_OP_STARTS_WITH,
    RULE_OP_ENDS_WITH,
    RULE_OP_CONTAINS,
    RULE_OP_IN_TEXTS,
    RULE_OP_IN_NUMBERS,
    RULE_OP_IN_NETWORKS,
    RULE_OP_IN_LIST,
    RULE_OP_IN_STORE,
    RULE_OP_IN_DNS,
    RULE_OP_MATCHES,
} RuleOp;

/* What stands behind "in dns". */
typedef struct {
    BaridSlice zone;
    guint type;
    const gchar *type_name; /* in capitals */
    RuleDnsLookup lookup;
    gpointer data;
    const RuleSet *answers; /* or NULL: any will do */
} RuleDnsQuestion;

/* A [rule NAME] that is used in a condition, for the record of decisions. */
typedef struct RuleNamedShown {
    const gchar *name;
    const gchar *condition; /* as written, cut */
    ConfigPosition position;
} RuleNamedShown;

typedef union {
    const RuleVariable *variable;
    const RuleFunctionInfo *function;
    const RuleSet *set;
    RuleList *list;
    const RuleRegex *regex;
    gpointer store;
    const RuleDnsQuestion *dns;
    const RuleNamedShown *named;
} RuleTarget;

typedef struct {
    guint8 op;
    guint8 target;
    guint16 left;
    guint16 right;
    guint16 branch;
    guint32 on_true;
    guint32 on_false;
    guint32 on_failure; /* of a look-up */
    RuleTarget with;
} RuleInstruction;

typedef struct {
    gint64 number;
    const RuleTemplate *text; /* or NULL */
    guint branch;
    gboolean is_computed; /* the number is in register 0, and moved into the bounds */
    gint64 minimum, maximum;
    const struct RuleItems *items; /* of a list, or NULL */
} RuleResult;

/* A variable that the rule reads, with its argument ("finding.spf"). */
typedef struct RuleUse {
    const struct RuleUse *next;
    BaridSlice name;
} RuleUse;

/* What of a branch is shown to people; NULL where it has none. */
typedef struct {
    const gchar *condition;
    const gchar *value; /* of a rule of yes or no, when it is a condition, too */
} RuleShown;

struct BaridRule {
    Arena *arena;
    BaridSettingType type;
    const gchar *setting; /* "rcpt relay"; "rule" for one from plain text */
    const RuleShown *shown; /* of each branch */
    const RuleUse *uses;
    const RuleInstruction *program;
    guint32 n_instructions;
    guint32 start;
    const RuleValue *constants;
    const RuleResult *results;
    const ConfigPosition *branches; /* where each begins */
    guint n_branches; /* with that of a failure */
    gboolean has_failure_branch;
    const RuleReasons *fixed; /* of a constant, which has no others */
    BaridKnown known;
    gboolean is_constant;
    struct RuleShadow *shadow; /* conf/rule-shadow.h; NULL without one */
};

#endif
