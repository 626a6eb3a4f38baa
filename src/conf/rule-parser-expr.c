/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions: literals, variables, calls and arithmetic. */
#include "base/i18n.h"
#include "base/text.h"
#include "conf/rule-literal.h"
#include "conf/rule-parser.h"

static RuleExpr *
rule_parser_new_expr(RuleParser *self, RuleExprKind kind, const RuleToken *token)
{
    RuleExpr *expr = arena_new0(self->lexer.arena, RuleExpr);

    expr->kind = kind;
    expr->offset = token->offset;
    expr->width = token->width;
    return expr;
}

/* Literals. */

static RuleExpr *
rule_parser_take_literal(RuleParser *self)
{
    RuleToken token = self->lexer.token;
    RuleExpr *expr = rule_parser_new_expr(self, RULE_EXPR_CONSTANT, &token);
    Network network;

    rule_lexer_next(&self->lexer);
    if (rule_literal_parse(token.text, &expr->value)) {
        expr->type = expr->value.type;
        return expr;
    }
    if (network_parse(token.text, &network))
        rule_parser_report(self, token.offset, token.width,
                           _("a network is tested with in: remote-ip in %.*s"),
                           (gint)token.text.len, token.text.data);
    else if (!rule_parser_report_sign(self, token.text, token.offset, token.width))
        rule_parser_report(self, token.offset, token.width,
                           _("%.*s is no number, size, duration, date or address"),
                           (gint)token.text.len, token.text.data);
    expr->kind = RULE_EXPR_BAD;
    return expr;
}

static RuleExpr *
rule_parser_new_bool(RuleParser *self, gboolean constant)
{
    RuleExpr *expr = rule_parser_new_expr(self, RULE_EXPR_CONSTANT, &self->lexer.token);

    expr->type = RULE_BOOL;
    expr->value.type = RULE_BOOL;
    expr->value.as.boolean = constant;
    rule_lexer_next(&self->lexer);
    return expr;
}

RuleExpr *
rule_parser_new_text_form(RuleParser *self, RuleExpr *inner)
{
    RuleExpr *expr;

    if (inner->kind == RULE_EXPR_BAD || inner->type == RULE_TEXT)
        return inner;
    expr = arena_new0(self->lexer.arena, RuleExpr);
    *expr = (RuleExpr){.kind = RULE_EXPR_TO_TEXT, .type = RULE_TEXT, .offset = inner->offset,
                       .width = inner->width};
    expr->args[0] = inner;
    return expr;
}

RuleExpr *
rule_expr_convert(RuleExpr *expr, RuleType type)
{
    Address address;

    if (expr->kind != RULE_EXPR_CONSTANT || expr->type == type)
        return expr;
    if (type == RULE_ADDRESS && expr->type == RULE_TEXT &&
        address_parse_ip(expr->value.as.text, &address)) {
        expr->type = expr->value.type = RULE_ADDRESS;
        expr->value.as.address = address;
    } else if (type == RULE_DURATION && expr->type == RULE_INTEGER &&
               expr->value.as.integer == 0) {
        expr->type = expr->value.type = RULE_DURATION;
    }
    return expr;
}

/* Calls. */

/* Whether (expr) is, or can be made, one of (type). */
static gboolean
rule_expr_fits(const RuleExpr *expr, RuleType type)
{
    RuleExpr copy = *expr;

    if (expr->kind == RULE_EXPR_BAD || expr->type == type || type == RULE_TEXT)
        return TRUE;
    if (type == RULE_STORE || type == RULE_DNS_TYPE)
        return expr->kind == RULE_EXPR_CONSTANT && expr->type == RULE_TEXT;
    return rule_expr_convert(&copy, type)->type == type;
}

/* How many arguments need no conversion; -1 when they do not fit. */
static gint
rule_parser_rate_call(const RuleFunctionInfo *function, RuleExpr *const *args, guint n_args)
{
    gint exact = 0;

    if (n_args != function->n_args)
        return -1;
    for (guint i = 0; i < n_args; i++) {
        if (!rule_expr_fits(args[i], function->args[i]))
            return -1;
        exact += args[i]->type == function->args[i];
    }
    return exact;
}

/* The function of that name that suits the arguments best; NULL when none does. */
static const RuleFunctionInfo *
rule_parser_pick_function(BaridSlice name, RuleExpr *const *args, guint n_args)
{
    const RuleFunctionInfo *best = NULL;
    const RuleFunctionInfo *function;
    gint best_rate = -1;

    for (guint i = 0; (function = rule_registry_nth_function(name, i)) != NULL; i++) {
        gint rate = rule_parser_rate_call(function, args, n_args);

        if (rate > best_rate) {
            best_rate = rate;
            best = function;
        }
    }
    return best;
}

static gboolean
rule_parser_has_bad_arg(RuleExpr *const *args, guint n_args)
{
    for (guint i = 0; i < MIN(n_args, RULE_ARGS_MAX); i++) {
        if (args[i]->kind == RULE_EXPR_BAD)
            return TRUE;
    }
    return FALSE;
}

/* "2" or "2 to 4". */
static void
rule_parser_report_count(RuleParser *self, const RuleExpr *call, BaridSlice name, guint n_args)
{
    const RuleFunctionInfo *function = rule_registry_nth_function(name, 0);
    guint least = function->n_args;
    guint most = function->n_args;

    for (guint i = 1; (function = rule_registry_nth_function(name, i)) != NULL; i++) {
        least = MIN(least, function->n_args);
        most = MAX(most, function->n_args);
    }
    if (least == most)
        rule_parser_report(self, call->offset, call->width,
                           dngettext(GETTEXT_PACKAGE, "%.*s() takes %u argument, not %u",
                                     "%.*s() takes %u arguments, not %u", least),
                           (gint)name.len, name.data, least, n_args);
    else
        rule_parser_report(self, call->offset, call->width,
                           _("%.*s() takes %u to %u arguments, "
                             "not %u"),
                           (gint)name.len, name.data, least, most, n_args);
}

/* Says what is wrong with the arguments of a call that no function suits. */
static void
rule_parser_report_args(RuleParser *self, RuleExpr *call, BaridSlice name, guint n_args)
{
    const RuleFunctionInfo *nearest = NULL;
    const RuleFunctionInfo *function;

    call->kind = RULE_EXPR_BAD;
    for (guint i = 0; (function = rule_registry_nth_function(name, i)) != NULL; i++) {
        if (function->n_args == n_args && nearest == NULL)
            nearest = function;
    }
    if (nearest == NULL) {
        rule_parser_report_count(self, call, name, n_args);
        return;
    }
    for (guint i = 0; i < n_args; i++) {
        const RuleExpr *arg = call->args[i];

        if (!rule_expr_fits(arg, nearest->args[i])) {
            rule_parser_report(self, arg->offset, arg->width, _("%s() takes %s here, not %s"),
                               nearest->name, rule_type_describe(nearest->args[i]),
                               rule_type_describe(arg->type));
            return;
        }
    }
}

/* Finds what a text in quotes names; FALSE after a report. */
static gboolean
rule_parser_resolve(RuleParser *self, RuleExpr *expr, RuleType type)
{
    BaridSlice text = expr->value.as.text;
    gboolean is_address;

    if (type == RULE_STORE) {
        expr->value.as.store =
            rule_parser_find_store(self, text, expr->offset, expr->width);
        expr->type = expr->value.type = type;
        return expr->value.as.store != NULL;
    }
    expr->type = expr->value.type = type;
    if (rule_registry_parse_dns_type(text, &expr->value.as.dns_type, &is_address))
        return TRUE;
    rule_parser_report(self, expr->offset, expr->width,
                       _("%.*s is no type of DNS records that can "
                         "be asked for"),
                       (gint)text.len, text.data);
    return FALSE;
}

static void
rule_parser_convert_args(RuleParser *self, RuleExpr *call)
{
    const RuleFunctionInfo *function = call->function;

    for (guint i = 0; i < function->n_args; i++) {
        RuleType type = function->args[i];

        if (type == RULE_STORE || type == RULE_DNS_TYPE) {
            if (call->args[i]->kind != RULE_EXPR_BAD &&
                !rule_parser_resolve(self, call->args[i], type))
                call->kind = RULE_EXPR_BAD;
            continue;
        }
        call->args[i] = rule_expr_convert(call->args[i], type);
        if (type == RULE_TEXT)
            call->args[i] = rule_parser_new_text_form(self, call->args[i]);
    }
}

void
rule_parser_note_groups(RuleParser *self, guint groups)
{
    self->groups = MAX(self->groups, groups + 1);
}

gboolean
rule_parser_check_capture(RuleParser *self, guint number, gsize offset, gsize width)
{
    self->reads_captures = TRUE;
    if (number < self->groups || (number == 0 && self->n_tests > 0))
        return TRUE;
    rule_parser_report(
        self, offset, width,
        self->groups == 0
            ? _("${%u} stands for nothing: this branch's condition has no \"matches\"")
            : _("${%u} stands for nothing: no pattern of this branch has so many "
                "groups"),
        number);
    return FALSE;
}

/* capture(N), what ${N} is in a text. */
static void
rule_parser_make_capture(RuleParser *self, RuleExpr *call, guint n_args)
{
    const RuleExpr *number = call->args[0];

    call->kind = RULE_EXPR_BAD;
    call->type = RULE_TEXT;
    if (n_args != 1 || number->kind != RULE_EXPR_CONSTANT || number->type != RULE_INTEGER ||
        number->value.as.integer < 0 || number->value.as.integer >= RULE_CAPTURES_MAX) {
        rule_parser_report(self, call->offset, call->width,
                           _("capture() takes the number of a group, 0 to %d"),
                           RULE_CAPTURES_MAX - 1);
        return;
    }
    if (!rule_parser_check_capture(self, (guint)number->value.as.integer, call->offset,
                                   call->width))
        return;
    call->kind = RULE_EXPR_CAPTURE;
    call->value = number->value;
}

static void
rule_parser_make_call(RuleParser *self, RuleExpr *call, BaridSlice name, guint n_args)
{
    if (rule_registry_nth_function(name, 0) == NULL) {
        g_autofree gchar *hint =
            config_problem_dup_hint("", rule_registry_nearest_function(name), "()");

        rule_parser_report(self, call->offset, call->width, _("there is no function %.*s()%s"),
                           (gint)name.len, name.data, hint);
        call->kind = RULE_EXPR_BAD;
        return;
    }
    call->function = rule_parser_pick_function(name, call->args, n_args);
    if (call->function == NULL)
        rule_parser_report_args(self, call, name, n_args);
    else
        rule_parser_convert_args(self, call);
    if (call->function != NULL)
        call->type = call->function->result;
    if (rule_parser_has_bad_arg(call->args, n_args))
        call->kind = RULE_EXPR_BAD;
}

/* Behind the name and the opening parenthesis. */
static RuleExpr *
rule_parser_take_call(RuleParser *self, const RuleToken *name)
{
    RuleExpr *call = rule_parser_new_expr(self, RULE_EXPR_CALL, name);
    guint n_args = 0;

    while (!self->is_lost && self->lexer.token.kind != RULE_TOKEN_CLOSE) {
        RuleExpr *arg = rule_parser_take_expr(self);

        if (n_args < RULE_ARGS_MAX)
            call->args[n_args] = arg;
        n_args++;
        if (self->lexer.token.kind != RULE_TOKEN_COMMA)
            break;
        rule_lexer_next(&self->lexer);
    }
    if (!rule_parser_expect(self, RULE_TOKEN_CLOSE, _("a comma or a closing parenthesis")))
        return NULL;
    if (barid_slice_equal_text(name->text, "capture"))
        rule_parser_make_capture(self, call, n_args);
    else
        rule_parser_make_call(self, call, name->text, n_args);
    return call;
}

gboolean
rule_parser_is_at_end_of_test(const RuleParser *self)
{
    static const gchar *const words[] = {"and", "or", "then", "else", "on-failure"};

    if (self->lexer.token.kind == RULE_TOKEN_END || self->lexer.token.kind == RULE_TOKEN_CLOSE)
        return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        if (rule_lexer_is_word(&self->lexer, words[i]))
            return TRUE;
    }
    return FALSE;
}

static RuleExpr *
rule_parser_take_word(RuleParser *self)
{
    RuleToken token = self->lexer.token;
    RuleExpr *expr;

    if (rule_parser_is_at_end_of_test(self)) {
        rule_parser_report_token(self, _("a test is expected before this word"));
        return NULL;
    }
    if (rule_lexer_is_word(&self->lexer, "yes") || rule_lexer_is_word(&self->lexer, "no"))
        return rule_parser_new_bool(self, barid_slice_equal_text(token.text, "yes"));
    rule_lexer_next(&self->lexer);
    if (self->lexer.token.kind == RULE_TOKEN_OPEN) {
        rule_lexer_next(&self->lexer);
        return rule_parser_take_call(self, &token);
    }
    expr = rule_parser_new_expr(self, RULE_EXPR_VARIABLE, &token);
    expr->variable = rule_parser_find_variable(self, token.text, token.offset, token.width,
                                               &expr->argument);
    if (expr->variable == NULL)
        expr->kind = RULE_EXPR_BAD;
    else
        expr->type = expr->variable->type;
    return expr;
}

static RuleExpr *
rule_parser_take_quoted(RuleParser *self)
{
    RuleExpr *expr = rule_parser_new_expr(self, RULE_EXPR_CONSTANT, &self->lexer.token);

    expr->type = expr->value.type = RULE_TEXT;
    expr->value.as.text = arena_dup_slice(self->arena, self->lexer.token.text);
    rule_lexer_next(&self->lexer);
    return expr;
}

static RuleExpr *
rule_parser_take_factor_inner(RuleParser *self)
{
    RuleExpr *expr;

    switch (self->lexer.token.kind) {
    case RULE_TOKEN_WORD:
        return rule_parser_take_word(self);
    case RULE_TOKEN_LITERAL:
        return rule_parser_take_literal(self);
    case RULE_TOKEN_TEXT:
        return rule_parser_take_quoted(self);
    case RULE_TOKEN_OPEN:
        rule_lexer_next(&self->lexer);
        expr = rule_parser_take_expr(self);
        return rule_parser_expect(self, RULE_TOKEN_CLOSE, _("a closing parenthesis")) ? expr : NULL;
    default:
        rule_parser_report_token(self,
                                 _("a variable, a text in quotes or a number is expected here"));
        return NULL;
    }
}

static RuleExpr *
rule_parser_take_factor(RuleParser *self)
{
    RuleExpr *expr = NULL;

    if (self->is_lost)
        return NULL;
    if (!rule_parser_enter(self))
        expr = rule_parser_take_factor_inner(self);
    rule_parser_leave(self);
    return self->is_lost ? NULL : expr;
}

/* Arithmetic. */

static const gchar *
rule_parser_peek_sign(const RuleParser *self, guint precedence)
{
    static const struct {
        RuleTokenKind token;
        guint precedence;
        const gchar *name;
    } signs[] = {
        {RULE_TOKEN_PLUS, 1, "+"},   {RULE_TOKEN_MINUS, 1, "-"},     {RULE_TOKEN_TIMES, 2, "*"},
        {RULE_TOKEN_DIVIDE, 2, "/"}, {RULE_TOKEN_REMAINDER, 2, "%"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(signs); i++) {
        if (signs[i].token == self->lexer.token.kind && signs[i].precedence == precedence)
            return signs[i].name;
    }
    return NULL;
}

static RuleExpr *
rule_parser_compute(RuleParser *self, const gchar *sign, RuleExpr *left, RuleExpr *right)
{
    RuleToken token = {.offset = left->offset,
                       .width = right->offset + right->width - left->offset};
    RuleExpr *call = rule_parser_new_expr(self, RULE_EXPR_CALL, &token);

    call->args[0] = left;
    call->args[1] = right;
    if (rule_parser_has_bad_arg(call->args, 2)) {
        call->kind = RULE_EXPR_BAD;
        return call;
    }
    call->function = rule_parser_pick_function(barid_slice_from_text(sign), call->args, 2);
    if (call->function == NULL) {
        call->kind = RULE_EXPR_BAD;
        rule_parser_report(self, call->offset, call->width, _("%s %s %s has no meaning%s"),
                           rule_type_describe(left->type), sign, rule_type_describe(right->type),
                           left->type == RULE_TEXT || right->type == RULE_TEXT
                               ? _(": to-number() makes a number of a text")
                               : "");
        return call;
    }
    rule_parser_convert_args(self, call);
    call->type = call->function->result;
    return call;
}

/* Computes on with the signs of (precedence) that follow (left). */
static RuleExpr *
rule_parser_take_operands(RuleParser *self, RuleExpr *left, guint precedence,
                          RuleExpr *(*take)(RuleParser *parser))
{
    const gchar *sign;
    guint count = 0;

    while (left != NULL && (sign = rule_parser_peek_sign(self, precedence)) != NULL) {
        RuleExpr *right;

        /* Each operation holds the one before, so that a long row is a deep nest. */
        if (++count > RULE_DEPTH_MAX) {
            rule_parser_report_token(self, _("more than %d operations stand in a row"),
                                     RULE_DEPTH_MAX);
            return NULL;
        }
        rule_lexer_next(&self->lexer);
        right = take(self);
        left = right == NULL ? NULL : rule_parser_compute(self, sign, left, right);
    }
    return self->is_lost ? NULL : left;
}

static RuleExpr *
rule_parser_take_term(RuleParser *self)
{
    return rule_parser_take_operands(self, rule_parser_take_factor(self), 2,
                                     rule_parser_take_factor);
}

RuleExpr *
rule_parser_take_expr(RuleParser *self)
{
    return rule_parser_take_operands(self, rule_parser_take_term(self), 1, rule_parser_take_term);
}

RuleExpr *
rule_parser_take_expr_behind(RuleParser *self, RuleExpr *left)
{
    left = rule_parser_take_operands(self, left, 2, rule_parser_take_factor);
    return rule_parser_take_operands(self, left, 1, rule_parser_take_term);
}
