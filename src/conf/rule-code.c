/* SPDX-License-Identifier: Apache-2.0 */
#include "base/i18n.h"
#include "conf/rule-compiler.h"

/* Code. Continuations are made before what leads to them, so each jump is known at once. */

static guint32
rule_code_add(RuleCompiler *self, RuleInstruction instruction)
{
    instruction.branch = (guint16)MIN(self->branch, G_MAXUINT16);
    g_array_append_val(self->program, instruction);
    return self->program->len - 1;
}

static guint16
rule_code_add_constant(RuleCompiler *self, RuleValue value)
{
    if (self->constants->len >= RULE_CONSTANTS_MAX) {
        self->is_too_large = TRUE;
        return RULE_OPERAND_CONSTANT;
    }
    g_array_append_val(self->constants, value);
    return (guint16)(RULE_OPERAND_CONSTANT | (self->constants->len - 1));
}

static guint16
rule_code_add_text(RuleCompiler *self, BaridSlice text)
{
    return rule_code_add_constant(self, (RuleValue){.type = RULE_TEXT, .as.text = text});
}

static guint32
rule_code_add_result(RuleCompiler *self, RuleResult result)
{
    g_array_append_val(self->results, result);
    return rule_code_add(self, (RuleInstruction){.op = RULE_OP_RESULT,
                                                 .on_true = self->results->len - 1});
}

/* Code that puts (expr) into register (target). */
static void
rule_code_load(RuleCompiler *self, const RuleExpr *expr, guint8 target)
{
    RuleInstruction instruction = {.op = RULE_OP_COPY, .target = target, .left = target};

    if (target >= RULE_REGISTERS_MAX - RULE_ARGS_MAX) {
        self->is_too_large = TRUE;
        return;
    }
    switch (expr->kind) {
    case RULE_EXPR_BAD:
        g_assert_not_reached();
    case RULE_EXPR_CONSTANT:
        instruction.left = rule_code_add_constant(self, expr->value);
        break;
    case RULE_EXPR_VARIABLE:
        instruction.op = RULE_OP_LOAD;
        instruction.left = rule_code_add_text(self, expr->argument);
        instruction.with.variable = expr->variable;
        break;
    case RULE_EXPR_CALL:
        for (guint8 i = 0; i < expr->function->n_args; i++)
            rule_code_load(self, expr->args[i], (guint8)(target + i));
        instruction.op = RULE_OP_CALL;
        instruction.on_failure = self->on_failure;
        instruction.with.function = expr->function;
        if (expr->function->kind == RULE_FUNCTION_ASKS)
            instruction.right = rule_code_add_constant(
                self, (RuleValue){.type = RULE_STORE, .as.store = expr->function->data});
        break;
    case RULE_EXPR_CAPTURE:
        instruction.op = RULE_OP_CAPTURE;
        instruction.left = (guint16)expr->value.as.integer;
        break;
    case RULE_EXPR_TO_TEXT:
        rule_code_load(self, expr->args[0], target);
        instruction.op = RULE_OP_TO_TEXT;
        break;
    }
    rule_code_add(self, instruction);
}

/* Constants are used where they are; all else goes through a register. */
static guint16
rule_code_operand(RuleCompiler *self, const RuleExpr *expr, guint8 target)
{
    if (expr->kind == RULE_EXPR_CONSTANT)
        return rule_code_add_constant(self, expr->value);
    rule_code_load(self, expr, target);
    return target;
}

static guint32
rule_code_test(RuleCompiler *self, const RuleNode *node, guint32 on_true, guint32 on_false)
{
    guint32 start = self->program->len;
    RuleInstruction test = {
        .op = (guint8)node->op,
        .target = self->keeps_text ? 1 : 0,
        .on_true = on_true,
        .on_false = on_false,
        .on_failure = self->on_failure,
        .with = node->with,
    };

    test.left = rule_code_operand(self, node->left, 0);
    if (node->right != NULL)
        test.right = rule_code_operand(self, node->right, 1);
    rule_code_add(self, test);
    return start;
}

static const RuleNode **
rule_code_list_children(RuleCompiler *self, const RuleNode *node, guint *out_count)
{
    const RuleNode **children;
    guint count = 0;

    for (const RuleNode *child = node->first; child != NULL; child = child->next)
        count++;
    children = arena_alloc(self->parser.lexer.arena, count * sizeof *children);
    *out_count = count;
    count = 0;
    for (const RuleNode *child = node->first; child != NULL; child = child->next)
        children[count++] = child;
    return children;
}

/* Where a [rule NAME] leads that held or did not: by way of a note of it. */
static guint32
rule_code_note(RuleCompiler *self, const RuleNode *node, gboolean held, guint32 next)
{
    return rule_code_add(self, (RuleInstruction){
                                   .op = RULE_OP_NAMED,
                                   .target = held ? 1 : 0,
                                   .on_true = next,
                                   .with = node->with,
                               });
}

/* Returns where the condition begins. The recursion is as deep as the text's nesting, which
 * the parser limits. */
static guint32
rule_code_condition(RuleCompiler *self, const RuleNode *node, guint32 on_true, guint32 on_false)
{
    const RuleNode **children;
    guint32 next;
    guint count;

    switch (node->kind) {
    case RULE_NODE_CONSTANT:
        return node->constant ? on_true : on_false;
    case RULE_NODE_NOT:
        return rule_code_condition(self, node->first, on_false, on_true);
    case RULE_NODE_NAMED:
        on_true = rule_code_note(self, node, TRUE, on_true);
        on_false = rule_code_note(self, node, FALSE, on_false);
        return rule_code_condition(self, node->first, on_true, on_false);
    case RULE_NODE_EXPR:
        break; /* the parser leaves none */
    case RULE_NODE_TEST:
        return rule_code_test(self, node, on_true, on_false);
    case RULE_NODE_AND:
        children = rule_code_list_children(self, node, &count);
        for (next = on_true; count > 0; count--)
            next = rule_code_condition(self, children[count - 1], next, on_false);
        return next;
    case RULE_NODE_OR:
        children = rule_code_list_children(self, node, &count);
        for (next = on_false; count > 0; count--)
            next = rule_code_condition(self, children[count - 1], on_true, next);
        return next;
    }
    g_assert_not_reached();
}

static guint32
rule_code_computed(RuleCompiler *self, const RuleBranch *branch)
{
    guint32 start = self->program->len;

    if (branch->number != NULL)
        rule_code_load(self, branch->number, 0);
    for (guint i = 0; branch->texts != NULL && i < branch->texts->len; i++)
        rule_code_load(self, g_ptr_array_index(branch->texts, i), (guint8)i);
    rule_code_add_result(self, branch->result);
    return start;
}

static guint32
rule_code_value(RuleCompiler *self, const RuleBranch *branch)
{
    RuleResult result = branch->result;
    guint32 on_true;
    guint32 on_false;

    if (branch->number != NULL || branch->texts != NULL)
        return rule_code_computed(self, branch);
    if (branch->yes_when == NULL)
        return rule_code_add_result(self, result);
    result.number = TRUE;
    on_true = rule_code_add_result(self, result);
    result.number = FALSE;
    on_false = rule_code_add_result(self, result);
    if (!self->has_failure_branch)
        self->on_failure = on_false;
    return rule_code_condition(self, branch->yes_when, on_true, on_false);
}

static guint32
rule_code_branch(RuleCompiler *self, const RuleBranch *branch, guint32 next)
{
    guint32 on_failure = self->has_failure_branch ? self->on_failure : next;
    guint32 value;
    guint32 start;

    self->on_failure = on_failure;
    value = rule_code_value(self, branch);
    self->on_failure = on_failure;
    self->keeps_text = branch->keeps_text;
    start = rule_code_condition(self, branch->condition, value, next);
    self->keeps_text = FALSE;
    if (!branch->reads_captures || start == value || start == next)
        return start;
    /* What an earlier branch captured is not this one's. The instruction goes on with the
     * next one, so the way back to the condition is a test that is always true. */
    guint32 clear = rule_code_add(self, (RuleInstruction){.op = RULE_OP_CLEAR_CAPTURES});

    rule_code_add(self, (RuleInstruction){
                            .op = RULE_OP_IS_TRUE,
                            .left = rule_code_add_constant(
                                self, (RuleValue){.type = RULE_BOOL, .as.boolean = TRUE}),
                            .on_true = start,
                            .on_false = start,
                        });
    return clear;
}

/* What a failure leads to where nothing else does: the failure's branch, or, from the last one,
 * nothing at all. */
static void
rule_code_failure(RuleCompiler *self, const RuleBranch *last)
{
    RuleResult result = {.branch = last->result.branch};

    self->on_failure = rule_code_add_result(self, self->has_failure_branch ? last->result : result);
}

void
rule_code_make_program(RuleCompiler *self)
{
    guint32 next = 0;

    for (guint i = self->branches->len; i > 0; i--) {
        const RuleBranch *branch = &g_array_index(self->branches, RuleBranch, i - 1);

        self->branch = i - 1;
        if (next == 0 && i == self->branches->len)
            rule_code_failure(self, branch);
        if (self->has_failure_branch && i == self->branches->len)
            continue;
        if (branch->condition == NULL)
            next = rule_code_value(self, branch);
        else
            next = rule_code_branch(self, branch, next);
    }
    self->on_failure = next; /* now the start */
    if (self->is_too_large)
        rule_parser_report(&self->parser, 0, self->parser.lexer.raw.len,
                           _("the rule is too large: use a list, or fewer nested calls"));
}
