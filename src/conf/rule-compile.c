/* SPDX-License-Identifier: Apache-2.0 */
/* From a setting's text to a program: branches and values here, conditions in the parser. */
#include "base/text.h"
#include "base/units.h"
#include "conf/config-value.h"
#include "conf/rule-items.h"
#include "conf/rule-parser.h"
#include "conf/rule-shadow.h"

typedef struct {
    const RuleNode *condition; /* NULL for the last branch */
    const RuleNode *yes_when;  /* the value of a rule of yes or no */
    RuleResult result;
    ConfigPosition position;
} RuleBranch;

typedef struct {
    RuleParser parser;
    BaridSettingType type;
    const RuleBounds *bounds; /* or NULL */
    GArray *branches; /* of RuleBranch */
    GArray *program;
    GArray *constants;
    GArray *results;
    guint32 on_failure;
    gboolean is_too_large;
} RuleCompiler;

/* Code. Continuations are made before what leads to them, so each jump is known at once. */

static guint32
rule_code_add(RuleCompiler *self, RuleInstruction instruction)
{
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
        instruction.with.function = expr->function;
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
rule_code_value(RuleCompiler *self, const RuleBranch *branch)
{
    RuleResult result = branch->result;
    guint32 on_true;
    guint32 on_false;

    if (branch->yes_when == NULL)
        return rule_code_add_result(self, result);
    result.number = TRUE;
    on_true = rule_code_add_result(self, result);
    result.number = FALSE;
    on_false = rule_code_add_result(self, result);
    self->on_failure = on_false;
    return rule_code_condition(self, branch->yes_when, on_true, on_false);
}

static guint32
rule_code_branch(RuleCompiler *self, const RuleBranch *branch, guint32 next)
{
    guint32 value = rule_code_value(self, branch);
    guint32 start;

    self->on_failure = next;
    start = rule_code_condition(self, branch->condition, value, next);
    if (branch->result.text == NULL || !branch->result.text->has_captures || start == value ||
        start == next)
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

/* Values. */

static gboolean
rule_template_add(RuleCompiler *self, GArray *pieces, RulePiece piece)
{
    piece.text = arena_dup_slice(self->parser.arena, piece.text);
    if (piece.kind != RULE_PIECE_TEXT || piece.text.len > 0)
        g_array_append_val(pieces, piece);
    return TRUE;
}

/* The inside of "${...}". */
static gboolean
rule_template_add_reference(RuleCompiler *self, GArray *pieces, BaridSlice name,
                            const RuleToken *token)
{
    RuleParser *parser = &self->parser;
    RulePiece piece = {.kind = RULE_PIECE_VARIABLE};

    if (name.len == 1 && g_ascii_isdigit(name.data[0])) {
        piece.kind = RULE_PIECE_CAPTURE;
        piece.capture = (guint)(name.data[0] - '0');
        if (piece.capture < parser->groups)
            return rule_template_add(self, pieces, piece);
        rule_parser_report(parser, token->offset, token->width,
                           parser->groups == 0
                               ? "${%u} stands for nothing: this branch's condition has no "
                                 "\"matches\""
                               : "${%u} stands for nothing: no pattern of this branch has so many "
                                 "groups",
                           piece.capture);
        return FALSE;
    }
    piece.variable = rule_parser_find_variable(parser, name, token->offset, token->width,
                                               &piece.text);
    return piece.variable != NULL && rule_template_add(self, pieces, piece);
}

static gboolean
rule_template_split(RuleCompiler *self, BaridSlice rest, const RuleToken *token, GArray *pieces)
{
    gboolean is_valid = TRUE;

    while (rest.len > 0) {
        const guint8 *dollar = memmem(rest.data, rest.len, "${", 2);
        gsize len = dollar == NULL ? rest.len : (gsize)(dollar - rest.data);
        gboolean is_literal = dollar != NULL && len > 0 && dollar[-1] == '$';
        RulePiece piece = {.kind = RULE_PIECE_TEXT, .text = barid_slice(rest.data, len)};
        gssize end;

        if (is_literal) {
            /* "$${" is "${": the first dollar goes. */
            piece.text.len = len - 1;
            rule_template_add(self, pieces, piece);
            piece.text = BARID_SLICE_LITERAL("${");
        }
        rule_template_add(self, pieces, piece);
        if (dollar == NULL)
            break;
        rest = barid_slice(dollar + 2, rest.len - len - 2);
        if (is_literal)
            continue;
        end = text_find(rest, '}');
        if (end < 0) {
            rule_parser_report(&self->parser, token->offset, token->width,
                               "the closing } of ${ is missing");
            return FALSE;
        }
        if (!rule_template_add_reference(self, pieces, barid_slice(rest.data, (gsize)end), token))
            is_valid = FALSE;
        rest = barid_slice(rest.data + end + 1, rest.len - (gsize)end - 1);
    }
    return is_valid;
}

static const RuleTemplate *
rule_template_new(RuleCompiler *self, BaridSlice text, const RuleToken *token)
{
    g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(RulePiece));
    RuleTemplate *template = arena_new0(self->parser.arena, RuleTemplate);
    gsize size;

    if (!rule_template_split(self, text, token, pieces))
        return NULL;
    template->is_constant = TRUE;
    for (guint i = 0; i < pieces->len; i++) {
        RulePieceKind kind = g_array_index(pieces, RulePiece, i).kind;

        template->is_constant = template->is_constant && kind == RULE_PIECE_TEXT;
        template->has_captures = template->has_captures || kind == RULE_PIECE_CAPTURE;
    }
    size = pieces->len * sizeof(RulePiece);
    template->n_pieces = pieces->len;
    template->pieces = arena_alloc(self->parser.arena, size);
    if (size > 0)
        memcpy(template->pieces, pieces->data, size);
    return template;
}

static void
rule_value_take_text(RuleCompiler *self, const RuleToken *token, RuleBranch *branch)
{
    RuleParser *parser = &self->parser;
    BaridSlice text = token->text;
    gsize offset = 0;
    ConfigQuoteResult result;

    if (text.len > 0 && text.data[0] == '"') {
        result = config_quote_parse(text, &offset, parser->lexer.arena, &text);
        if (result != CONFIG_QUOTE_OK) {
            rule_parser_report(parser, token->offset + offset, 1, "%s",
                               config_quote_describe(result));
            return;
        }
        if (offset != token->text.len) {
            rule_parser_report(parser, token->offset + offset, token->text.len - offset,
                               "text after the closing quote");
            return;
        }
    } else if (text_find(text, '"') >= 0) {
        rule_parser_report(parser, token->offset + (gsize)text_find(text, '"'), 1,
                           "a quote inside a text: put the whole text in quotes and write \\\" "
                           "for each one in it");
        return;
    }
    branch->result.text = rule_template_new(self, text, token);
}

static void
rule_value_take_number(RuleCompiler *self, const RuleToken *token, RuleBranch *branch)
{
    g_autofree gchar *reason = NULL;
    UnitsResult result;
    const gchar *example;

    switch (self->type) {
    case BARID_TYPE_RULE_SIZE:
        result = units_parse_size(token->text, &branch->result.number);
        example = "a size such as 512K, 25M or 1G";
        break;
    case BARID_TYPE_RULE_DURATION:
        result = units_parse_duration(token->text, &branch->result.number);
        example = "a duration such as 30s, 5min, 2h or 7d";
        break;
    default:
        result = units_parse_integer(token->text, &branch->result.number);
        example = "a whole number such as 25";
        break;
    }
    if (result != UNITS_OK)
        rule_parser_report(&self->parser, token->offset, token->width, "%s: write %s",
                           units_result_describe(result), example);
    else if (self->bounds != NULL)
        reason = rule_bounds_check(self->bounds, self->type, branch->result.number);
    if (reason != NULL)
        rule_parser_report(&self->parser, token->offset, token->width, "%s", reason);
}

/* VALUE behind the current token; the current token is then what follows. */
static void
rule_compiler_take_value(RuleCompiler *self, RuleBranch *branch)
{
    RuleParser *parser = &self->parser;
    RuleToken token;

    if (self->type == BARID_TYPE_RULE_BOOL) {
        rule_lexer_next(&parser->lexer);
        branch->yes_when = rule_parser_take_condition(parser);
        return;
    }
    token = rule_lexer_take_value(&parser->lexer);
    if (token.width == 0)
        rule_parser_report(parser, token.offset, 1,
                           "a value is expected here; the empty text is written \"\"");
    else if (rule_items_is_type(self->type))
        branch->result.items = rule_items_take(parser, &token, self->type, self->bounds);
    else if (self->type == BARID_TYPE_RULE_TEXT)
        rule_value_take_text(self, &token, branch);
    else
        rule_value_take_number(self, &token, branch);
}

/* Branches. */

static void
rule_compiler_add_branch(RuleCompiler *self, RuleBranch *branch)
{
    branch->result.branch = self->branches->len;
    g_array_append_vals(self->branches, branch, 1);
}

/* After a syntax problem, the next "then" or "else" is a place to go on from. */
static void
rule_compiler_recover(RuleCompiler *self)
{
    if (!self->parser.is_lost)
        return;
    rule_lexer_recover(&self->parser.lexer);
    self->parser.is_lost = FALSE;
}

/* COND then VALUE, behind "if". FALSE when the rule ends here, after a report. */
static gboolean
rule_compiler_take_branch(RuleCompiler *self, RuleBranch *branch)
{
    RuleParser *parser = &self->parser;

    rule_lexer_next(&parser->lexer);
    branch->condition = rule_parser_take_condition(parser);
    if (branch->condition != NULL && !rule_lexer_is_word(&parser->lexer, "then"))
        rule_parser_report_token(parser, "then is expected here, or and, or or");
    rule_compiler_recover(self);
    if (rule_lexer_is_word(&parser->lexer, "then"))
        rule_compiler_take_value(self, branch);
    rule_compiler_recover(self);
    /* The text may be at another "then" after a problem. */
    while (rule_lexer_is_word(&parser->lexer, "then") && parser->n_problems > 0) {
        rule_lexer_next(&parser->lexer);
        rule_lexer_recover(&parser->lexer);
    }
    if (rule_lexer_is_word(&parser->lexer, "else"))
        return TRUE;
    rule_parser_report_token(parser, parser->lexer.token.kind == RULE_TOKEN_END
                                         ? "the rule has no else: every rule ends with "
                                           "\"else VALUE\""
                                         : "else is expected here");
    return FALSE;
}

/* Whether "if" stands behind the current token. */
static gboolean
rule_compiler_is_conditional(const RuleCompiler *self)
{
    const RuleLexer *lexer = &self->parser.lexer;
    BaridSlice rest = barid_slice(lexer->raw.data + lexer->pos, lexer->raw.len - lexer->pos);
    guint8 after;

    rest = text_trim(rest);
    if (!text_starts_with(rest, BARID_SLICE_LITERAL("if")))
        return FALSE;
    after = rest.len > 2 ? rest.data[2] : ' ';
    return after == ' ' || after == '\t' || after == '(';
}

/* Where the text behind the current token begins. */
static ConfigPosition
rule_compiler_locate_next(const RuleCompiler *self)
{
    const RuleLexer *lexer = &self->parser.lexer;
    gsize offset = lexer->pos;

    while (offset < lexer->raw.len && lexer->raw.data[offset] == ' ')
        offset++;
    return config_value_locate(self->parser.value, offset);
}

static void
rule_compiler_take_last(RuleCompiler *self, RuleBranch *branch)
{
    RuleParser *parser = &self->parser;

    rule_compiler_take_value(self, branch);
    rule_compiler_add_branch(self, branch);
    if (!parser->is_lost && parser->lexer.token.kind != RULE_TOKEN_END)
        rule_parser_report_token(parser, self->branches->len == 1
                                             ? "nothing may follow here; a rule begins with if"
                                             : "nothing may follow the last else");
}

static void
rule_compiler_take_rule(RuleCompiler *self)
{
    RuleParser *parser = &self->parser;
    gboolean goes_on = TRUE;

    while (goes_on) {
        RuleBranch branch = {0};

        parser->groups = 0;
        branch.position = rule_compiler_locate_next(self);
        if (!rule_compiler_is_conditional(self)) {
            rule_compiler_take_last(self, &branch);
            return;
        }
        rule_lexer_next(&parser->lexer);
        goes_on = rule_compiler_take_branch(self, &branch);
        rule_compiler_add_branch(self, &branch);
    }
}

/* A bare condition is a rule with two branches. */
static void
rule_compiler_take_bare_condition(RuleCompiler *self)
{
    RuleParser *parser = &self->parser;
    RuleBranch yes = {.result.number = TRUE, .position = config_value_locate(parser->value, 0)};
    RuleBranch no = {.position = yes.position};

    if (rule_compiler_is_conditional(self)) {
        rule_parser_report(parser, 0, 2, "a bare condition is expected here, without if");
        return;
    }
    rule_lexer_next(&parser->lexer);
    yes.condition = rule_parser_take_condition(parser);
    if (yes.condition != NULL && parser->lexer.token.kind != RULE_TOKEN_END)
        rule_parser_report_token(parser, "and, or or the end is expected here");
    rule_compiler_add_branch(self, &yes);
    rule_compiler_add_branch(self, &no);
}

static gpointer
rule_compiler_keep(RuleCompiler *self, const GArray *array)
{
    gsize size = array->len * g_array_get_element_size((GArray *)array);
    gpointer kept = arena_alloc(self->parser.arena, size);

    if (size > 0)
        memcpy(kept, array->data, size);
    return kept;
}

static void
rule_compiler_make_program(RuleCompiler *self)
{
    guint32 next = 0;

    for (guint i = self->branches->len; i > 0; i--) {
        const RuleBranch *branch = &g_array_index(self->branches, RuleBranch, i - 1);

        if (branch->condition == NULL)
            next = rule_code_value(self, branch);
        else
            next = rule_code_branch(self, branch, next);
    }
    self->on_failure = next; /* now the start */
    if (self->is_too_large)
        rule_parser_report(&self->parser, 0, self->parser.lexer.raw.len,
                           "the rule is too large: use a list, or fewer nested calls");
}

static BaridRule *
rule_compiler_make_rule(RuleCompiler *self)
{
    BaridRule *rule = arena_new0(self->parser.arena, BaridRule);
    ConfigPosition *positions =
        arena_alloc(self->parser.arena, self->branches->len * sizeof(ConfigPosition));
    const RuleInstruction *start;

    for (guint i = 0; i < self->branches->len; i++)
        positions[i] = g_array_index(self->branches, RuleBranch, i).position;
    rule->arena = self->parser.arena;
    rule->branches = positions;
    rule->n_branches = self->branches->len;
    rule->start = self->on_failure;
    rule->program = rule_compiler_keep(self, self->program);
    rule->constants = rule_compiler_keep(self, self->constants);
    rule->results = rule_compiler_keep(self, self->results);
    rule->known = self->parser.used;
    rule->uses = self->parser.uses;
    start = &rule->program[rule->start];
    if (start->op == RULE_OP_RESULT) {
        const RuleTemplate *text = rule->results[start->on_true].text;

        rule->is_constant = text == NULL || text->is_constant;
    }
    return rule;
}

static BaridRule *
rule_compiler_run(RuleCompiler *self)
{
    RuleParser *parser = &self->parser;
    guint before = config_problems_get_count(parser->problems);

    if (parser->value->is_broken)
        return NULL;
    if (self->type == BARID_TYPE_CONDITION)
        rule_compiler_take_bare_condition(self);
    else
        rule_compiler_take_rule(self);
    if (parser->n_problems == 0)
        rule_compiler_make_program(self);
    if (parser->n_problems > 0 || config_problems_get_count(parser->problems) != before)
        return NULL;
    return rule_compiler_make_rule(self);
}

BaridRule *
rule_compile(ConfigValue *value, BaridSettingType type, BaridKnown known, const RuleLists *lists,
             ConfigProblems *problems)
{
    return rule_compile_bounded(value, type, known, NULL, lists, problems);
}

BaridRule *
rule_compile_bounded(ConfigValue *value, BaridSettingType type, BaridKnown known,
                     const RuleBounds *bounds, const RuleLists *lists, ConfigProblems *problems)
{
    g_autoptr(Arena) scratch = arena_new(1024);
    RuleCompiler compiler = {
        .parser = {.value = value, .problems = problems, .lists = lists, .known = known},
        .type = type,
        .bounds = bounds,
        .branches = g_array_new(FALSE, FALSE, sizeof(RuleBranch)),
        .program = g_array_new(FALSE, FALSE, sizeof(RuleInstruction)),
        .constants = g_array_new(FALSE, FALSE, sizeof(RuleValue)),
        .results = g_array_new(FALSE, FALSE, sizeof(RuleResult)),
    };
    BaridRule *rule;

    compiler.parser.arena = arena_new(512);
    rule_lexer_init(&compiler.parser.lexer, config_value_get_raw(value), scratch);
    rule = rule_compiler_run(&compiler);
    if (rule == NULL)
        arena_free(compiler.parser.arena);
    g_array_unref(compiler.branches);
    g_array_unref(compiler.program);
    g_array_unref(compiler.constants);
    g_array_unref(compiler.results);
    return rule;
}

BaridRule *
rule_compile_text(const gchar *text, BaridSettingType type, BaridKnown known,
                  const RuleLists *lists, ConfigProblems *problems)
{
    g_autoptr(Arena) arena = arena_new(256);
    ConfigValue *value = config_value_new_text(arena, NULL, NULL, text);

    return rule_compile(value, type, known, lists, problems);
}

void
rule_free(BaridRule *self)
{
    if (self == NULL)
        return;
    rule_shadow_free(self->shadow);
    arena_free(self->arena);
}

gboolean
barid_rule_is_constant(const BaridRule *self)
{
    return self->is_constant;
}
