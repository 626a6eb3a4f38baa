/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing and typing of conditions. The result is a tree in the compile's arena, correct
 * in its types; what is wrong was reported, and the parser goes on where it can.
 */
#ifndef RULE_PARSER_H
#define RULE_PARSER_H

#include "conf/rule-lexer.h"
#include "conf/rule-program.h"
#include "conf/rule-registry.h"

/* Parentheses, "not" and function calls may be nested this deep, and as many signs of
 * arithmetic follow one another. */
#define RULE_DEPTH_MAX 100
/* Named rules in one, each counted as often as it is used. */
#define RULE_NAMED_MAX 1000

typedef enum {
    RULE_EXPR_BAD, /* reported already: no further problem comes of it */
    RULE_EXPR_CONSTANT,
    RULE_EXPR_VARIABLE,
    RULE_EXPR_CALL,
    RULE_EXPR_TO_TEXT, /* of args[0] */
    RULE_EXPR_CAPTURE, /* (value) is its number */
} RuleExprKind;

typedef struct RuleExpr {
    RuleExprKind kind;
    RuleType type;
    gsize offset; /* where it stands */
    gsize width;
    RuleValue value;
    const RuleVariable *variable;
    BaridSlice argument; /* of a variable of a family */
    const RuleFunctionInfo *function;
    struct RuleExpr *args[RULE_ARGS_MAX];
} RuleExpr;

typedef enum {
    RULE_NODE_CONSTANT,
    RULE_NODE_AND,
    RULE_NODE_OR,
    RULE_NODE_NOT,
    RULE_NODE_NAMED, /* (first) stands in a [rule NAME] */
    RULE_NODE_TEST,
    RULE_NODE_EXPR, /* (left) alone: no test yet, nor known to be yes or no */
} RuleNodeKind;

typedef struct RuleNode {
    RuleNodeKind kind;
    gboolean constant;
    struct RuleNode *first; /* children, in order */
    struct RuleNode *next;
    RuleOp op; /* of a test */
    RuleExpr *left;
    RuleExpr *right; /* or NULL */
    RuleTarget with;
} RuleNode;

typedef struct {
    RuleLexer lexer;
    ConfigValue *value;
    ConfigProblems *problems;
    RuleLists *lists;
    Arena *arena;       /* the rule's: what the program needs; (lexer.arena) dies earlier */
    BaridKnown known;   /* the setting's stage */
    BaridKnown used;    /* the latest of the variables' */
    gboolean is_of_attempt; /* the setting is read there and nowhere else */
    const RuleUse *uses;
    gsize base; /* of the lexer's text in the value */
    guint depth;
    guint n_named;      /* rules that were put in by name */
    guint groups;       /* most groups of a pattern in this branch; + 1, 0 for no pattern */
    guint n_tests;      /* in this branch */
    gboolean reads_captures; /* this branch */
    guint n_problems;
    gboolean is_lost;   /* a syntax problem: skip to the next branch */
} RuleParser;

/* EXPR. NULL when lost. */
RuleExpr *rule_parser_take_expr(RuleParser *self);
/* COND. NULL when lost. */
RuleNode *rule_parser_take_condition(RuleParser *self);
/* Reports at the current token and is lost. */
void rule_parser_report_token(RuleParser *self, const gchar *format, ...) G_GNUC_PRINTF(2, 3);
void rule_parser_report(RuleParser *self, gsize offset, gsize width, const gchar *format, ...)
    G_GNUC_PRINTF(4, 5);
/* Finds the variable (name) that stands at (offset), checks that it is known at the setting's
 * stage and notes its use. NULL after a report. */
const RuleVariable *rule_parser_find_variable(RuleParser *self, BaridSlice name, gsize offset,
                                              gsize width, BaridSlice *out_argument);

/* For the parser's own parts. */

/* TRUE, after a report, when (depth) is too deep: hostile text must not end the stack. */
gboolean rule_parser_enter(RuleParser *self);
void rule_parser_leave(RuleParser *self);
/* Whether a test ends before the current token. */
gboolean rule_parser_is_at_end_of_test(const RuleParser *self);
/* Reports (word) as arithmetic without blanks, when it is; else FALSE. */
gboolean rule_parser_report_sign(RuleParser *self, BaridSlice word, gsize offset, gsize width);
/* The rest of the expression that begins with (left), which stood in parentheses. */
RuleExpr *rule_parser_take_expr_behind(RuleParser *self, RuleExpr *left);
/* Notes a pattern's groups for capture() and ${1}; (groups) without the whole match. */
void rule_parser_note_groups(RuleParser *self, guint groups);
/* Whether the branch can have captured (number); FALSE after a report. */
gboolean rule_parser_check_capture(RuleParser *self, guint number, gsize offset, gsize width);
/* The store called (name), which stands at (offset); NULL after a report. */
gpointer rule_parser_find_store(RuleParser *self, BaridSlice name, gsize offset, gsize width);
gboolean rule_parser_accept_word(RuleParser *self, const gchar *word);
/* Takes the token or reports that (what) is expected. */
gboolean rule_parser_expect(RuleParser *self, RuleTokenKind kind, const gchar *what);
RuleNode *rule_parser_new_constant(RuleParser *self, gboolean constant);
/* (right) may be NULL. */
RuleNode *rule_parser_new_test(RuleParser *self, RuleOp op, RuleExpr *left, RuleExpr *right);
/* The expression as text; itself when it is one or is bad. */
RuleExpr *rule_parser_new_text_form(RuleParser *self, RuleExpr *inner);
/* Makes (expr) one of (type) where a literal allows it: an address in quotes, a bare 0. */
RuleExpr *rule_expr_convert(RuleExpr *expr, RuleType type);
/* SET, behind "in". NULL when lost. */
RuleNode *rule_parser_take_in(RuleParser *self, RuleExpr *left);
/* REGEX; the current token is "matches". NULL when lost. */
RuleNode *rule_parser_take_matches(RuleParser *self, RuleExpr *left);

#endif
