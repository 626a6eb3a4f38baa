/* SPDX-License-Identifier: Apache-2.0 */
/* From a setting's text to a program: branches and values here, conditions in the parser, the
 * program's code in rule-code.c. */
#include "base/i18n.h"
#include "base/text.h"
#include "base/units.h"
#include "conf/config-value.h"
#include "conf/rule-compiler.h"
#include "conf/rule-items.h"
#include "conf/rule-literal.h"
#include "conf/rule-reasons.h"
#include "conf/rule-shadow.h"
#include "conf/rule-words.h"

/* Values. */

static gboolean
rule_template_add(RuleCompiler *self, GArray *pieces, RulePiece piece)
{
    piece.text = arena_dup_slice(self->parser.arena, piece.text);
    if (piece.kind != RULE_PIECE_TEXT || piece.text.len > 0)
        g_array_append_val(pieces, piece);
    return TRUE;
}

/* Where (name), a part of the value's text, stands in the raw text; the value's own place when
 * it is a copy without quotes. */
static gsize
rule_template_locate(const RuleCompiler *self, BaridSlice name, const RuleToken *token)
{
    BaridSlice raw = self->parser.lexer.raw;

    if (name.data >= raw.data && name.data + name.len <= raw.data + raw.len)
        return (gsize)(name.data - raw.data);
    for (gsize i = token->offset; i + name.len <= token->offset + token->width; i++) {
        if (name.len > 0 && memcmp(raw.data + i, name.data, name.len) == 0 && i >= 2 &&
            raw.data[i - 1] == '{' && raw.data[i - 2] == '$')
            return i;
    }
    return token->offset;
}

static gboolean
rule_template_is_computed(BaridSlice name)
{
    return text_find(name, '(') >= 0 || text_find(name, ' ') >= 0;
}

/* An expression, whose text form will stand in a register. Its problems are shown where it
 * stands. */
static gboolean
rule_template_add_computed(RuleCompiler *self, GArray *pieces, BaridSlice text, gsize offset,
                           RuleBranch *branch)
{
    RuleParser *parser = &self->parser;
    RuleLexer outer = parser->lexer;
    guint n_problems = parser->n_problems;
    RulePiece piece = {.kind = RULE_PIECE_REGISTER};
    RuleExpr *expr;

    rule_lexer_init(&parser->lexer, text, outer.arena);
    parser->base = offset;
    rule_lexer_next(&parser->lexer);
    expr = rule_parser_take_expr(parser);
    if (expr != NULL && parser->lexer.token.kind != RULE_TOKEN_END)
        rule_parser_report_token(parser, _("a closing } is expected here"));
    parser->lexer = outer;
    parser->base = 0;
    parser->is_lost = FALSE;
    if (parser->n_problems != n_problems)
        return FALSE;
    if (branch->texts == NULL)
        branch->texts = g_ptr_array_new();
    piece.index = branch->texts->len;
    g_ptr_array_add(branch->texts, rule_parser_new_text_form(parser, expr));
    return rule_template_add(self, pieces, piece);
}

/* The inside of "${...}". */
static gboolean
rule_template_add_reference(RuleCompiler *self, GArray *pieces, BaridSlice name,
                            const RuleToken *token, RuleBranch *branch)
{
    gsize offset = rule_template_locate(self, name, token);
    gsize width = offset == token->offset ? token->width : name.len;
    RuleParser *parser = &self->parser;
    RulePiece piece = {.kind = RULE_PIECE_VARIABLE};

    if (name.len == 1 && g_ascii_isdigit(name.data[0])) {
        piece.kind = RULE_PIECE_CAPTURE;
        piece.index = (guint)(name.data[0] - '0');
        return rule_parser_check_capture(parser, piece.index, offset, width) &&
               rule_template_add(self, pieces, piece);
    }
    if (rule_template_is_computed(name))
        return rule_template_add_computed(self, pieces, name, offset, branch);
    piece.variable = rule_parser_find_variable(parser, name, offset, width, &piece.text);
    return piece.variable != NULL && rule_template_add(self, pieces, piece);
}

static gboolean
rule_template_split(RuleCompiler *self, BaridSlice rest, const RuleToken *token, GArray *pieces,
                    RuleBranch *branch)
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
                               _("the closing } of ${ is missing"));
            return FALSE;
        }
        if (!rule_template_add_reference(self, pieces, barid_slice(rest.data, (gsize)end), token,
                                         branch))
            is_valid = FALSE;
        rest = barid_slice(rest.data + end + 1, rest.len - (gsize)end - 1);
    }
    return is_valid;
}

static const RuleTemplate *
rule_template_new(RuleCompiler *self, BaridSlice text, const RuleToken *token, RuleBranch *branch)
{
    g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(RulePiece));
    RuleTemplate *template = arena_new0(self->parser.arena, RuleTemplate);
    gsize size;

    if (!rule_template_split(self, text, token, pieces, branch))
        return NULL;
    template->is_constant = TRUE;
    for (guint i = 0; i < pieces->len; i++) {
        RulePieceKind kind = g_array_index(pieces, RulePiece, i).kind;

        template->is_constant = template->is_constant && kind == RULE_PIECE_TEXT;
    }
    size = pieces->len * sizeof(RulePiece);
    template->n_pieces = pieces->len;
    template->pieces = arena_alloc(self->parser.arena, size);
    if (size > 0)
        memcpy(template->pieces, pieces->data, size);
    return template;
}

/* A text that is written out is checked at once; a computed one when it is there. */
static void
rule_value_check_text(RuleCompiler *self, const RuleTemplate *template, const RuleToken *token)
{
    const RuleBounds *bounds = self->bounds;
    g_autoptr(GString) text = NULL;
    g_autofree gchar *reason = NULL;

    if (template == NULL || !template->is_constant || bounds == NULL)
        return;
    text = g_string_new(NULL);
    for (guint i = 0; i < template->n_pieces; i++)
        g_string_append_len(text, (const gchar *)template->pieces[i].text.data,
                            (gssize)template->pieces[i].text.len);
    if (bounds->words != NULL)
        reason = rule_words_check(bounds->words, barid_slice(text->str, text->len));
    else if (bounds->check_text != NULL)
        reason = bounds->check_text(text->str, bounds->check_data);
    if (reason != NULL)
        rule_parser_report(&self->parser, token->offset, token->width, "%s", reason);
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
                               _("text after the closing quote"));
            return;
        }
    } else if (text_find(text, '"') >= 0) {
        rule_parser_report(parser, token->offset + (gsize)text_find(text, '"'), 1,
                           _("a quote inside a text: put the whole text in quotes and write \\\" "
                             "for each one in it"));
        return;
    }
    branch->result.text = rule_template_new(self, text, token, branch);
    rule_value_check_text(self, branch->result.text, token);
}

static UnitsResult
rule_value_parse_number(BaridSettingType type, BaridSlice text, gint64 *out_number)
{
    switch (type) {
    case BARID_TYPE_RULE_SIZE:
        return units_parse_size(text, out_number);
    case BARID_TYPE_RULE_DURATION:
        return units_parse_duration(text, out_number);
    default:
        return units_parse_integer(text, out_number);
    }
}

static const gchar *
rule_value_get_example(BaridSettingType type)
{
    switch (type) {
    case BARID_TYPE_RULE_SIZE:
        return _("a size such as 512K, 25M or 1G");
    case BARID_TYPE_RULE_DURATION:
        return _("a duration such as 30s, 5min, 2h or 7d");
    default:
        return _("a whole number such as 25");
    }
}

/* A value of one word that begins as a number is one; all else is computed. */
static gboolean
rule_value_is_literal(BaridSlice text)
{
    return (g_ascii_isdigit(text.data[0]) || text.data[0] == '-' || text.data[0] == '+') &&
           text_find(text, ' ') < 0 && text_find(text, '+') <= 0 &&
           text_find(text, '*') < 0 && text_find(text, '%') < 0;
}

static void
rule_value_compute(RuleCompiler *self, const RuleToken *token, RuleBranch *branch)
{
    RuleParser *parser = &self->parser;
    RuleLexer outer = parser->lexer;
    RuleType type = self->type == BARID_TYPE_RULE_DURATION ? RULE_DURATION : RULE_INTEGER;
    RuleExpr *expr;

    parser->lexer.raw.len = token->offset + token->width;
    parser->lexer.pos = token->offset;
    rule_lexer_next(&parser->lexer);
    expr = rule_parser_take_expr(parser);
    if (expr != NULL && parser->lexer.token.kind != RULE_TOKEN_END)
        rule_parser_report_token(parser, _("+ - * / %% or the end of the value is expected here"));
    parser->lexer = outer;
    parser->is_lost = FALSE;
    if (expr == NULL || expr->kind == RULE_EXPR_BAD)
        return;
    expr = rule_expr_convert(expr, type);
    if (expr->type != type)
        rule_parser_report(parser, token->offset, token->width, _("this is %s: write %s"),
                           rule_type_describe(expr->type), rule_value_get_example(self->type));
    branch->number = expr;
    branch->result.is_computed = TRUE;
    branch->result.minimum = G_MININT64;
    branch->result.maximum = G_MAXINT64;
    if (self->bounds == NULL)
        return;
    branch->result.minimum = self->bounds->minimum;
    if (self->bounds->minimum != 0 || self->bounds->maximum != 0)
        branch->result.maximum = self->bounds->maximum;
}

static void
rule_value_take_number(RuleCompiler *self, const RuleToken *token, RuleBranch *branch)
{
    g_autofree gchar *reason = NULL;
    UnitsResult result =
        rule_value_parse_number(self->type, token->text, &branch->result.number);
    const gchar *example = rule_value_get_example(self->type);

    if (result != UNITS_OK && !rule_value_is_literal(token->text)) {
        rule_value_compute(self, token, branch);
        return;
    }
    if (result != UNITS_OK)
        rule_parser_report(&self->parser, token->offset, token->width, _("%s: write %s"),
                           units_result_describe(result), example);
    else if (self->bounds != NULL)
        reason = rule_bounds_check(self->bounds, self->type, branch->result.number);
    if (reason != NULL)
        rule_parser_report(&self->parser, token->offset, token->width, "%s", reason);
}

/* The text from (start) up to the current token, for the record of decisions. */
static const gchar *
rule_compiler_dup_shown(RuleCompiler *self, gsize start)
{
    const RuleLexer *lexer = &self->parser.lexer;
    gsize end = MAX(start, MIN(lexer->token.offset, lexer->raw.len));
    g_autofree gchar *shown =
        text_escape(text_trim(barid_slice(lexer->raw.data + start, end - start)),
                    RULE_REASONS_TEXT_MAX);

    return arena_dup_text(self->parser.arena, shown);
}

/* VALUE behind the current token; the current token is then what follows. */
static void
rule_compiler_take_value(RuleCompiler *self, RuleBranch *branch)
{
    RuleParser *parser = &self->parser;
    RuleToken token;
    gsize start;

    if (self->type == BARID_TYPE_RULE_BOOL) {
        rule_lexer_next(&parser->lexer);
        start = parser->lexer.token.offset;
        branch->yes_when = rule_parser_take_condition(parser);
        if (branch->yes_when != NULL && branch->yes_when->kind != RULE_NODE_CONSTANT)
            branch->shown.value = rule_compiler_dup_shown(self, start);
        return;
    }
    token = rule_lexer_take_value(&parser->lexer);
    if (token.width == 0)
        rule_parser_report(parser, token.offset, 1,
                           _("a value is expected here; the empty text is written \"\""));
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
    branch->reads_captures = self->parser.reads_captures;
    branch->keeps_text = branch->reads_captures && self->parser.groups == 0;
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
    gsize start;

    rule_lexer_next(&parser->lexer);
    start = parser->lexer.token.offset;
    branch->condition = rule_parser_take_condition(parser);
    branch->shown.condition = rule_compiler_dup_shown(self, start);
    if (branch->condition != NULL && !rule_lexer_is_word(&parser->lexer, "then"))
        rule_parser_report_token(parser, _("then is expected here, or and, or or"));
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
    if (rule_lexer_is_word(&parser->lexer, "on-failure"))
        rule_parser_report_token(parser, _("on-failure stands at the end, behind the last else"));
    rule_parser_report_token(parser, parser->lexer.token.kind == RULE_TOKEN_END
                                         ? _("the rule has no else: every rule ends with "
                                             "\"else VALUE\"")
                                         : _("else is expected here"));
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
rule_compiler_begin_branch(RuleCompiler *self)
{
    self->parser.groups = 0;
    self->parser.n_tests = 0;
    self->parser.reads_captures = FALSE;
}

/* Without "on-failure" the declaration's word counts. */
static void
rule_compiler_declare_failure(RuleCompiler *self)
{
    const gchar *text = self->bounds == NULL ? NULL : self->bounds->on_failure;
    RuleBranch branch = {.position = config_value_locate(self->parser.value, 0)};
    RulePiece piece = {.kind = RULE_PIECE_TEXT};

    if (text == NULL)
        return;
    if (self->type == BARID_TYPE_RULE_TEXT) {
        RuleTemplate *template = arena_new0(self->parser.arena, RuleTemplate);

        piece.text = barid_slice_from_text(arena_dup_text(self->parser.arena, text));
        *template = (RuleTemplate){.n_pieces = 1, .is_constant = TRUE};
        template->pieces = arena_new0(self->parser.arena, RulePiece);
        template->pieces[0] = piece;
        branch.result.text = template;
    } else if (self->type == BARID_TYPE_RULE_BOOL || self->type == BARID_TYPE_CONDITION) {
        branch.result.number = strcmp(text, "yes") == 0;
    } else if (rule_value_parse_number(self->type, barid_slice_from_text(text),
                                       &branch.result.number) != UNITS_OK) {
        g_assert_not_reached();
    }
    rule_compiler_begin_branch(self);
    rule_compiler_add_branch(self, &branch);
    self->has_failure_branch = TRUE;
}

static void
rule_compiler_take_failure_word(RuleCompiler *self, RuleBranch *branch)
{
    RuleParser *parser = &self->parser;

    rule_lexer_next(&parser->lexer);
    if (!rule_lexer_is_word(&parser->lexer, "yes") && !rule_lexer_is_word(&parser->lexer, "no")) {
        rule_parser_report_token(parser, _("yes or no is expected behind on-failure"));
        return;
    }
    branch->result.number = rule_lexer_is_word(&parser->lexer, "yes");
    rule_lexer_next(&parser->lexer);
}

/* "on-failure VALUE", where the rule has it. The value itself must not fail. */
static void
rule_compiler_take_failure(RuleCompiler *self)
{
    RuleParser *parser = &self->parser;
    RuleBranch branch = {.position = rule_compiler_locate_next(self)};
    gsize offset = parser->lexer.token.offset;
    gsize width = parser->lexer.token.width;

    if (parser->is_lost)
        return;
    if (!rule_lexer_is_word(&parser->lexer, "on-failure")) {
        rule_compiler_declare_failure(self);
        return;
    }
    rule_compiler_begin_branch(self);
    if (self->type == BARID_TYPE_RULE_BOOL || self->type == BARID_TYPE_CONDITION)
        rule_compiler_take_failure_word(self, &branch);
    else
        rule_compiler_take_value(self, &branch);
    if (branch.number != NULL || branch.texts != NULL)
        rule_parser_report(parser, offset, width,
                           _("the value behind on-failure must not be computed itself"));
    rule_compiler_add_branch(self, &branch);
    self->has_failure_branch = TRUE;
}

static void
rule_compiler_take_last(RuleCompiler *self, RuleBranch *branch)
{
    RuleParser *parser = &self->parser;
    gboolean had_condition = self->branches->len > 0;

    rule_compiler_take_value(self, branch);
    rule_compiler_add_branch(self, branch);
    rule_compiler_take_failure(self);
    if (!parser->is_lost && parser->lexer.token.kind != RULE_TOKEN_END)
        rule_parser_report_token(parser, !had_condition
                                             ? _("nothing may follow here; a rule begins with if")
                                             : _("nothing may follow the last else"));
}

static void
rule_compiler_take_rule(RuleCompiler *self)
{
    RuleParser *parser = &self->parser;
    gboolean goes_on = TRUE;

    while (goes_on) {
        RuleBranch branch = {0};

        rule_compiler_begin_branch(self);
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
        rule_parser_report(parser, 0, 2, _("a bare condition is expected here, without if"));
        return;
    }
    rule_compiler_begin_branch(self);
    rule_lexer_next(&parser->lexer);
    yes.condition = rule_parser_take_condition(parser);
    yes.shown.condition = rule_compiler_dup_shown(self, 0);
    rule_compiler_add_branch(self, &yes);
    rule_compiler_begin_branch(self);
    rule_compiler_add_branch(self, &no);
    rule_compiler_take_failure(self);
    if (yes.condition != NULL && parser->lexer.token.kind != RULE_TOKEN_END)
        rule_parser_report_token(parser, _("and, or or the end is expected here"));
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

static const RuleReasons *
rule_compiler_fix_reasons(const BaridRule *rule)
{
    RuleReasons *reasons = arena_new0(rule->arena, RuleReasons);

    reasons->setting = rule->setting;
    reasons->branch = rule->results[rule->program[rule->start].on_true].branch;
    reasons->position = rule->branches[reasons->branch];
    return reasons;
}

static BaridRule *
rule_compiler_make_rule(RuleCompiler *self)
{
    BaridRule *rule = arena_new0(self->parser.arena, BaridRule);
    ConfigPosition *positions =
        arena_alloc(self->parser.arena, self->branches->len * sizeof(ConfigPosition));
    RuleShown *shown = arena_alloc(self->parser.arena, self->branches->len * sizeof(RuleShown));
    const ConfigValue *value = self->parser.value;
    const RuleInstruction *start;

    for (guint i = 0; i < self->branches->len; i++) {
        positions[i] = g_array_index(self->branches, RuleBranch, i).position;
        shown[i] = g_array_index(self->branches, RuleBranch, i).shown;
    }
    rule->type = self->type;
    rule->setting = value->section == NULL || value->key == NULL
                        ? "rule"
                        : arena_printf(self->parser.arena, "%s %s", value->section, value->key);
    rule->shown = shown;
    rule->has_failure_branch = self->has_failure_branch;
    rule->arena = self->parser.arena;
    rule->branches = positions;
    rule->n_branches = self->branches->len;
    rule->n_instructions = self->program->len;
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
    if (rule->is_constant)
        rule->fixed = rule_compiler_fix_reasons(rule);
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
        rule_code_make_program(self);
    if (parser->n_problems > 0 || config_problems_get_count(parser->problems) != before)
        return NULL;
    return rule_compiler_make_rule(self);
}

BaridRule *
rule_compile(ConfigValue *value, BaridSettingType type, BaridKnown known, RuleLists *lists,
             ConfigProblems *problems)
{
    return rule_compile_bounded(value, type, known, NULL, lists, problems);
}

BaridRule *
rule_compile_bounded(ConfigValue *value, BaridSettingType type, BaridKnown known,
                     const RuleBounds *bounds, RuleLists *lists, ConfigProblems *problems)
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
    /* A bare condition says for which sessions or attempts something is; it is read at all. */
    compiler.parser.is_of_attempt = known == BARID_KNOWN_ATTEMPT && type != BARID_TYPE_CONDITION;
    rule_lexer_init(&compiler.parser.lexer, config_value_get_raw(value), scratch);
    rule = rule_compiler_run(&compiler);
    if (rule == NULL)
        arena_free(compiler.parser.arena);
    for (guint i = 0; i < compiler.branches->len; i++)
        g_clear_pointer(&g_array_index(compiler.branches, RuleBranch, i).texts, g_ptr_array_unref);
    g_array_unref(compiler.branches);
    g_array_unref(compiler.program);
    g_array_unref(compiler.constants);
    g_array_unref(compiler.results);
    return rule;
}

BaridRule *
rule_compile_text(const gchar *text, BaridSettingType type, BaridKnown known,
                  RuleLists *lists, ConfigProblems *problems)
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

const gchar *
rule_get_setting(const BaridRule *self)
{
    return self->setting;
}

gboolean
barid_rule_is_constant(const BaridRule *self)
{
    return self->is_constant;
}
