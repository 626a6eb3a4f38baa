/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rule-parser.h"

#include "base/i18n.h"
#include "base/text.h"
#include "conf/rule-list.h"
#include "conf/rule-literal.h"
#include "conf/rule-words.h"

static RuleNode *rule_parser_take_or(RuleParser *self);

static void G_GNUC_PRINTF(4, 0)
rule_parser_report_va(RuleParser *self, gsize offset, gsize width, const gchar *format,
                      va_list args)
{
    g_autofree gchar *message = g_strdup_vprintf(format, args);

    self->n_problems++;
    config_value_report(self->value, self->problems, self->base + offset, width, "%s", message);
}

void
rule_parser_report(RuleParser *self, gsize offset, gsize width, const gchar *format, ...)
{
    va_list args;

    va_start(args, format);
    rule_parser_report_va(self, offset, width, format, args);
    va_end(args);
}

void
rule_parser_report_token(RuleParser *self, const gchar *format, ...)
{
    const RuleToken *token = &self->lexer.token;
    va_list args;

    if (self->is_lost)
        return;
    self->is_lost = TRUE;
    if (token->kind == RULE_TOKEN_BAD) {
        rule_parser_report(self, token->offset, token->width, "%s", token->reason);
        return;
    }
    va_start(args, format);
    rule_parser_report_va(self, token->offset, token->width, format, args);
    va_end(args);
}

static const gchar *
rule_known_describe(BaridKnown known)
{
    static const gchar *const stages[] = {
        N_("always"),
        N_("at the connection"),
        N_("at EHLO"),
        N_("at MAIL"),
        N_("at RCPT"),
        N_("at the message"),
        N_("at a delivery attempt"),
    };

    return _(stages[MIN((guint)known, G_N_ELEMENTS(stages) - 1)]);
}

gboolean
rule_parser_enter(RuleParser *self)
{
    if (self->depth++ < RULE_DEPTH_MAX)
        return FALSE;
    rule_parser_report_token(self, _("the condition is nested more than %d deep"), RULE_DEPTH_MAX);
    return TRUE;
}

void
rule_parser_leave(RuleParser *self)
{
    self->depth--;
}

gboolean
rule_parser_accept_word(RuleParser *self, const gchar *word)
{
    if (self->is_lost || !rule_lexer_is_word(&self->lexer, word))
        return FALSE;
    rule_lexer_next(&self->lexer);
    return TRUE;
}

gboolean
rule_parser_expect(RuleParser *self, RuleTokenKind kind, const gchar *what)
{
    if (self->is_lost)
        return FALSE;
    if (self->lexer.token.kind != kind) {
        rule_parser_report_token(self, _("%s is expected here"), what);
        return FALSE;
    }
    rule_lexer_next(&self->lexer);
    return TRUE;
}

static RuleNode *
rule_parser_new_node(RuleParser *self, RuleNodeKind kind, RuleNode *first)
{
    RuleNode *node = arena_new0(self->lexer.arena, RuleNode);

    node->kind = kind;
    node->first = first;
    return node;
}

static void
rule_parser_note_use(RuleParser *self, BaridSlice name)
{
    RuleUse *use = arena_new0(self->arena, RuleUse);

    use->next = self->uses;
    use->name = arena_dup_slice(self->arena, name);
    self->uses = use;
}

static gboolean
rule_parser_is_operand(BaridSlice word)
{
    BaridSlice argument;
    RuleValue value;

    return rule_registry_find_variable(word, &argument) != NULL ||
           rule_literal_parse(word, &value);
}

/* The offset of a "-" or "/" between what could be computed with, or 0. */
static gsize
rule_parser_find_sign(BaridSlice word)
{
    for (gsize i = 1; i + 1 < word.len; i++) {
        if ((word.data[i] == '-' || word.data[i] == '/') &&
            rule_parser_is_operand(barid_slice(word.data, i)) &&
            rule_parser_is_operand(barid_slice(word.data + i + 1, word.len - i - 1)))
            return i;
    }
    return 0;
}

gboolean
rule_parser_report_sign(RuleParser *self, BaridSlice word, gsize offset, gsize width)
{
    gsize sign = rule_parser_find_sign(word);

    if (sign == 0)
        return FALSE;
    rule_parser_report(self, offset, width,
                       _("there is no %.*s; to compute, write blanks around %c: %.*s %c %.*s"),
                       (gint)word.len, word.data, word.data[sign], (gint)sign, word.data,
                       word.data[sign], (gint)(word.len - sign - 1), word.data + sign + 1);
    return TRUE;
}

static void
rule_parser_report_unknown(RuleParser *self, BaridSlice name, gsize offset, gsize width)
{
    const gchar *nearest = rule_registry_nearest_variable(name);
    g_autofree gchar *hint = config_problem_dup_hint("", nearest, "");

    if (rule_parser_report_sign(self, name, offset, width))
        return;
    if (nearest == NULL && rule_registry_nth_function(name, 0) != NULL)
        rule_parser_report(self, offset, width,
                           _("%.*s is a function: its arguments stand in parentheses"),
                           (gint)name.len, name.data);
    else
        rule_parser_report(self, offset, width, _("there is no variable %.*s%s"), (gint)name.len,
                           name.data, nearest == NULL ? _("; texts stand in quotes") : hint);
}

const RuleVariable *
rule_parser_find_variable(RuleParser *self, BaridSlice name, gsize offset, gsize width,
                          BaridSlice *out_argument)
{
    const RuleVariable *variable = rule_registry_find_variable(name, out_argument);

    if (variable == NULL) {
        rule_parser_report_unknown(self, name, offset, width);
        return NULL;
    }
    if (variable->known > self->known) {
        rule_parser_report(self, offset, width,
                           _("%.*s is not known yet here: it is known %s, and this setting is "
                             "read %s"),
                           (gint)name.len, name.data, rule_known_describe(variable->known),
                           self->known == BARID_KNOWN_ALWAYS ? _("before any session")
                                                             : rule_known_describe(self->known));
        return NULL;
    }
    if (self->is_of_attempt && variable->last < BARID_KNOWN_ATTEMPT) {
        rule_parser_report(self, offset, width,
                           _("%.*s is not known here any more: it ends with the session, and this "
                             "setting is read %s"),
                           (gint)name.len, name.data, rule_known_describe(self->known));
        return NULL;
    }
    self->used = MAX(self->used, variable->known);
    rule_parser_note_use(self, name);
    *out_argument = arena_dup_slice(self->arena, *out_argument);
    return variable;
}

/* Comparisons. */

typedef enum {
    RULE_COMPARE_EQUAL,
    RULE_COMPARE_ORDER,
    RULE_COMPARE_TEXT,
} RuleCompareKind;

typedef struct {
    const gchar *word;   /* NULL for a sign */
    RuleTokenKind token; /* of a sign */
    RuleCompareKind kind;
    RuleOp op; /* the number form, for equality */
    gboolean is_swapped;
    gboolean is_negated;
} RuleOperator;

static const RuleOperator rule_operators[] = {
    {NULL, RULE_TOKEN_EQUAL, RULE_COMPARE_EQUAL, RULE_OP_EQUAL_NUMBER, FALSE, FALSE},
    {NULL, RULE_TOKEN_NOT_EQUAL, RULE_COMPARE_EQUAL, RULE_OP_EQUAL_NUMBER, FALSE, TRUE},
    {NULL, RULE_TOKEN_LESS, RULE_COMPARE_ORDER, RULE_OP_LESS, FALSE, FALSE},
    {NULL, RULE_TOKEN_LESS_EQUAL, RULE_COMPARE_ORDER, RULE_OP_LESS_EQUAL, FALSE, FALSE},
    {NULL, RULE_TOKEN_GREATER, RULE_COMPARE_ORDER, RULE_OP_LESS, TRUE, FALSE},
    {NULL, RULE_TOKEN_GREATER_EQUAL, RULE_COMPARE_ORDER, RULE_OP_LESS_EQUAL, TRUE, FALSE},
    {"starts-with", RULE_TOKEN_WORD, RULE_COMPARE_TEXT, RULE_OP_STARTS_WITH, FALSE, FALSE},
    {"ends-with", RULE_TOKEN_WORD, RULE_COMPARE_TEXT, RULE_OP_ENDS_WITH, FALSE, FALSE},
    {"contains", RULE_TOKEN_WORD, RULE_COMPARE_TEXT, RULE_OP_CONTAINS, FALSE, FALSE},
};

static const RuleOperator *
rule_parser_peek_operator(const RuleParser *self)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rule_operators); i++) {
        const RuleOperator *operator = &rule_operators[i];

        if (operator->word != NULL ? rule_lexer_is_word(&self->lexer, operator->word)
                                   : self->lexer.token.kind == operator->token)
            return operator;
    }
    return NULL;
}

RuleNode *
rule_parser_new_constant(RuleParser *self, gboolean constant)
{
    RuleNode *node = rule_parser_new_node(self, RULE_NODE_CONSTANT, NULL);

    node->constant = constant;
    return node;
}

RuleNode *
rule_parser_new_test(RuleParser *self, RuleOp op, RuleExpr *left, RuleExpr *right)
{
    RuleNode *node = rule_parser_new_node(self, RULE_NODE_TEST, NULL);

    self->n_tests++;
    node->op = op;
    node->left = left;
    node->right = right;
    return node;
}

static RuleOp
rule_equal_op(RuleType type)
{
    switch (type) {
    case RULE_TEXT:
        return RULE_OP_EQUAL_TEXT;
    case RULE_ADDRESS:
        return RULE_OP_EQUAL_ADDRESS;
    default:
        return RULE_OP_EQUAL_NUMBER;
    }
}

static void
rule_parser_report_types(RuleParser *self, const RuleExpr *left, const RuleExpr *right)
{
    gboolean is_number = (left->type == RULE_INTEGER && right->type == RULE_DURATION) ||
                         (left->type == RULE_DURATION && right->type == RULE_INTEGER);

    rule_parser_report(self, right->offset, right->width, _("%s cannot be compared with %s%s%s"),
                       rule_type_describe(left->type), rule_type_describe(right->type),
                       right->type == RULE_TEXT && left->type == RULE_ADDRESS
                           ? _(": write an address such as 192.0.2.1")
                           : "",
                       is_number ? _(": durations have a unit, numbers and sizes none of ms s min "
                                     "h d w")
                                 : "");
}

static void
rule_parser_check_words(RuleParser *self, const RuleExpr *variable, const RuleExpr *constant)
{
    if (constant->kind == RULE_EXPR_CONSTANT && constant->type == RULE_TEXT)
        rule_words_check_against(self, variable, constant->value.as.text, constant->offset,
                                 constant->width);
}

static RuleNode *
rule_parser_compare(RuleParser *self, const RuleOperator *operator, RuleExpr *left,
                    RuleExpr *right)
{
    RuleOp op = operator->op;
    RuleNode *node;

    if (left->kind == RULE_EXPR_BAD || right->kind == RULE_EXPR_BAD)
        return rule_parser_new_constant(self, FALSE);
    left = rule_expr_convert(left, right->type);
    right = rule_expr_convert(right, left->type);
    if (operator->kind == RULE_COMPARE_TEXT) {
        left = rule_parser_new_text_form(self, left);
        right = rule_parser_new_text_form(self, right);
    }
    if (left->type != right->type) {
        rule_parser_report_types(self, left, right);
        return rule_parser_new_constant(self, FALSE);
    }
    if (operator->kind == RULE_COMPARE_ORDER && left->type != RULE_INTEGER &&
        left->type != RULE_DURATION && left->type != RULE_DATE) {
        rule_parser_report(self, left->offset, left->width,
                           _("only numbers, sizes, durations and dates have an order; this is %s"),
                           rule_type_describe(left->type));
        return rule_parser_new_constant(self, FALSE);
    }
    if (operator->kind == RULE_COMPARE_EQUAL) {
        op = rule_equal_op(left->type);
        rule_parser_check_words(self, left, right);
        rule_parser_check_words(self, right, left);
    }
    node = operator->is_swapped ? rule_parser_new_test(self, op, right, left)
                                : rule_parser_new_test(self, op, left, right);
    return operator->is_negated ? rule_parser_new_node(self, RULE_NODE_NOT, node) : node;
}

/* Conditions. */

/* Something stands where an operator should. */
static void
rule_parser_refuse_operator(RuleParser *self)
{
    static const gchar *const words[] = {"starts-with", "ends-with", "contains", "in",
                                         "matches",     "and",       "or",       "then",
                                         "else",        "on-failure", NULL};
    BaridSlice text = self->lexer.token.text;
    g_autofree gchar *word = g_strndup((const gchar *)text.data, text.len);
    const gchar *nearest = NULL;

    if (self->lexer.token.kind == RULE_TOKEN_WORD)
        nearest = text_nearest(word, words);
    if (text.len > 1 && (text.data[0] == '-' || text.data[0] == '/') && nearest == NULL)
        rule_parser_report_token(self,
                                 _("an operator is expected here; to compute, write a blank "
                                   "behind the %c too"),
                                 text.data[0]);
    else if (strcmp(word, "not") == 0)
        rule_parser_report_token(self, _("not stands before the test: not sender contains \"x\""));
    else if (nearest != NULL)
        rule_parser_report_token(self, _("an operator is expected here; did you mean %s?"),
                                 nearest);
    else
        rule_parser_report_token(self,
                                 _("an operator is expected here: == != < <= > >= starts-with "
                                   "ends-with contains in matches, or + - * / %%"));
}

/* The test of an expression on its own. */
static RuleNode *
rule_parser_settle(RuleParser *self, RuleNode *node)
{
    const RuleExpr *expr;

    if (node == NULL || node->kind != RULE_NODE_EXPR)
        return node;
    expr = node->left;
    if (expr->kind == RULE_EXPR_BAD)
        return rule_parser_new_constant(self, FALSE);
    if (expr->type != RULE_BOOL) {
        rule_parser_report(self, expr->offset, expr->width,
                           _("this is %s, not yes or no: compare it with something"),
                           rule_type_describe(expr->type));
        return rule_parser_new_constant(self, FALSE);
    }
    if (expr->kind == RULE_EXPR_CONSTANT)
        return rule_parser_new_constant(self, expr->value.as.boolean);
    node->kind = RULE_NODE_TEST;
    node->op = RULE_OP_IS_TRUE;
    return node;
}

/* What follows the expression on the left of a test. */
static RuleNode *
rule_parser_take_rest(RuleParser *self, RuleExpr *left)
{
    const RuleOperator *operator;
    RuleExpr *right;
    RuleNode *node;

    if (left == NULL || self->is_lost)
        return NULL;
    if (rule_lexer_is_word(&self->lexer, "matches"))
        return rule_parser_take_matches(self, left);
    if (rule_parser_accept_word(self, "in"))
        return rule_parser_take_in(self, left);
    operator = rule_parser_peek_operator(self);
    if (operator == NULL && !rule_parser_is_at_end_of_test(self)) {
        rule_parser_refuse_operator(self);
        return NULL;
    }
    if (operator == NULL) {
        node = rule_parser_new_test(self, RULE_OP_IS_TRUE, left, NULL);
        node->kind = RULE_NODE_EXPR;
        return node;
    }
    rule_lexer_next(&self->lexer);
    right = operator->kind == RULE_COMPARE_EQUAL ? rule_words_take(self, left) : NULL;
    if (right == NULL)
        right = rule_parser_take_expr(self);
    if (right == NULL || self->is_lost)
        return NULL;
    if (rule_parser_peek_operator(self) != NULL) {
        rule_parser_report_token(self,
                                 _("two comparisons are joined with and: 1K < size and size < "
                                   "1M"));
        return NULL;
    }
    return rule_parser_compare(self, operator, left, right);
}

/* Named rules: their text is parsed in place of the name, so that what is wrong in it is
 * found where it stands, and what it reads must be known where it is used. */

static RuleNode *
rule_parser_take_whole(RuleParser *self)
{
    RuleNode *node;

    rule_lexer_next(&self->lexer);
    node = rule_parser_settle(self, rule_parser_take_or(self));
    if (node != NULL && self->lexer.token.kind != RULE_TOKEN_END)
        rule_parser_report_token(self, _("and, or or the end is expected here"));
    return node;
}

/* A constant has nothing that could hold or not. */
static RuleNode *
rule_parser_new_named(RuleParser *self, const RuleNamed *rule, const RuleToken *name,
                      RuleNode *inner)
{
    g_autofree gchar *text = NULL;
    RuleNamedShown *shown;
    RuleNode *node;

    if (inner->kind == RULE_NODE_CONSTANT)
        return inner;
    text = text_escape(text_trim(config_value_get_raw(rule->value)), RULE_REASONS_TEXT_MAX);
    shown = arena_new0(self->arena, RuleNamedShown);
    shown->name = arena_dup_slice_text(self->arena, name->text);
    shown->condition = arena_dup_text(self->arena, text);
    shown->position = config_value_locate(rule->value, 0);
    node = rule_parser_new_node(self, RULE_NODE_NAMED, inner);
    node->with.named = shown;
    return node;
}

static RuleNode *
rule_parser_expand(RuleParser *self, RuleNamed *rule, const RuleToken *name)
{
    RuleLexer outer = self->lexer;
    ConfigValue *value = self->value;
    guint n_problems = self->n_problems;
    gsize base = self->base;
    RuleNode *node;

    self->base = 0;
    self->value = rule->value;
    rule_lexer_init(&self->lexer, config_value_get_raw(rule->value), outer.arena);
    rule->is_used = rule->is_open = TRUE;
    node = rule_parser_take_whole(self);
    rule->is_open = FALSE;
    self->value = value;
    self->base = base;
    self->lexer = outer;
    self->is_lost = FALSE;
    if (self->n_problems == n_problems && node != NULL)
        return rule_parser_new_named(self, rule, name, node);
    rule_parser_report(self, name->offset, name->width, _("[rule %.*s] cannot be used here"),
                       (int)name->text.len, (const gchar *)name->text.data);
    return rule_parser_new_constant(self, FALSE);
}

static RuleNode *
rule_parser_take_named(RuleParser *self)
{
    RuleToken name = self->lexer.token;
    g_autofree gchar *text = NULL;
    g_autofree gchar *hint = NULL;
    RuleNamed *rule;

    if (name.kind != RULE_TOKEN_TEXT) {
        rule_parser_report_token(self, _("the name of a [rule NAME] in quotes is expected here"));
        return NULL;
    }
    rule_lexer_next(&self->lexer);
    text = g_strndup((const gchar *)name.text.data, name.text.len);
    rule = rule_lists_find_rule(self->lists, text);
    if (rule == NULL) {
        hint = config_problem_dup_hint("\"", rule_lists_nearest_rule(self->lists, text), "\"");
        rule_parser_report(self, name.offset, name.width, _("there is no [rule %s]%s"), text, hint);
    } else if (rule->is_open) {
        rule_parser_report(self, name.offset, name.width, _("[rule %s] leads back to itself"),
                           text);
    } else if (++self->n_named > RULE_NAMED_MAX) {
        rule_parser_report(self, name.offset, name.width,
                           _("more than %d named rules are used in one"), RULE_NAMED_MAX);
    } else {
        return rule_parser_expand(self, rule, &name);
    }
    return rule_parser_new_constant(self, FALSE);
}

static RuleNode *
rule_parser_take_not_inner(RuleParser *self);

static RuleNode *
rule_parser_take_not(RuleParser *self)
{
    RuleNode *node = rule_parser_enter(self) ? NULL : rule_parser_take_not_inner(self);

    rule_parser_leave(self);
    return node;
}

static RuleNode *
rule_parser_take_not_inner(RuleParser *self)
{
    RuleNode *node;

    if (rule_parser_accept_word(self, "not")) {
        node = rule_parser_settle(self, rule_parser_take_not(self));
        return node == NULL ? NULL : rule_parser_new_node(self, RULE_NODE_NOT, node);
    }
    if (rule_parser_accept_word(self, "rule"))
        return rule_parser_take_named(self);
    if (self->lexer.token.kind != RULE_TOKEN_OPEN)
        return rule_parser_take_rest(self, rule_parser_take_expr(self));
    rule_lexer_next(&self->lexer);
    node = rule_parser_take_or(self);
    if (!rule_parser_expect(self, RULE_TOKEN_CLOSE, _("a closing parenthesis")))
        return NULL;
    /* "(a + 1) * 2 > b" and "(a or b) and c" begin alike. */
    if (node != NULL && node->kind == RULE_NODE_EXPR)
        return rule_parser_take_rest(self, rule_parser_take_expr_behind(self, node->left));
    return node;
}

/* ITEM {"word" ITEM}; a single item stays itself. NULL when lost. */
static RuleNode *
rule_parser_take_chain(RuleParser *self, RuleNode *(*take)(RuleParser *parser), const gchar *word,
                       RuleNodeKind kind)
{
    RuleNode *first = take(self);
    RuleNode *last = first;

    if (rule_lexer_is_word(&self->lexer, word))
        first = last = rule_parser_settle(self, first);
    while (last != NULL && rule_parser_accept_word(self, word)) {
        last->next = rule_parser_settle(self, take(self));
        last = last->next;
    }
    if (self->is_lost || first == NULL)
        return NULL;
    return first->next == NULL ? first : rule_parser_new_node(self, kind, first);
}

static RuleNode *
rule_parser_take_and(RuleParser *self)
{
    return rule_parser_take_chain(self, rule_parser_take_not, "and", RULE_NODE_AND);
}

static RuleNode *
rule_parser_take_or(RuleParser *self)
{
    return rule_parser_take_chain(self, rule_parser_take_and, "or", RULE_NODE_OR);
}

RuleNode *
rule_parser_take_condition(RuleParser *self)
{
    return self->is_lost ? NULL : rule_parser_settle(self, rule_parser_take_or(self));
}
