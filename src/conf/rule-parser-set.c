/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind "in" and "matches". */
#include "base/i18n.h"
#include "conf/rule-literal.h"
#include "conf/rule-list.h"
#include "conf/rule-words.h"

/* Sets. */

static void
rule_set_free_data(gpointer data)
{
    rule_set_free(data);
}

static RuleSetKind
rule_parser_set_kind(RuleType type)
{
    switch (type) {
    case RULE_TEXT:
        return RULE_SET_TEXTS;
    case RULE_ADDRESS:
        return RULE_SET_NETWORKS;
    default:
        return RULE_SET_NUMBERS;
    }
}

/* A word where a set of texts is expected. */
static void
rule_parser_refuse_word(RuleParser *self, const RuleToken *token)
{
    const gchar *name = arena_dup_slice_text(self->lexer.arena, token->text);

    rule_parser_report(self, token->offset, token->width,
                       rule_lists_find(self->lists, name) != NULL
                           ? _("the list of that name is written list \"%s\"")
                           : _("texts stand in quotes: \"%s\""),
                       name);
}

static void
rule_parser_refuse_item(RuleParser *self, const RuleExpr *left, const RuleToken *token)
{
    static const gchar *const expected[] = {
        [RULE_BOOL] = N_("yes or no has no sets"),
        [RULE_INTEGER] = N_("a number or size, or a range such as 1..5, is expected here"),
        [RULE_DURATION] =
            N_("a duration, or a range such as 1h..2h or 08:00..18:00, is expected here"),
        [RULE_DATE] = N_("a date such as 2026-12-24, or a range such as 2026-12-24..2027-01-01, is "
                         "expected here"),
        [RULE_TEXT] = N_("a text in quotes is expected here"),
        [RULE_ADDRESS] =
            N_("an address or a network such as 192.0.2.0/24 is expected here, without "
               "bits past the prefix"),
    };

    if (left->type == RULE_TEXT && token->kind == RULE_TOKEN_WORD)
        rule_parser_refuse_word(self, token);
    else
        rule_parser_report(self, token->offset, token->width, "%s", _(expected[left->type]));
}

/* "LOW..HIGH" or one value. A range of times of day may go over midnight. */
static gboolean
rule_parser_add_range(const RuleExpr *left, BaridSlice text, RuleSet *set)
{
    const guint8 *dots = text.len == 0 ? NULL : memmem(text.data, text.len, "..", 2);
    BaridSlice low_text = text;
    BaridSlice high_text = text;
    RuleExpr low = {.kind = RULE_EXPR_CONSTANT};
    RuleExpr high = {.kind = RULE_EXPR_CONSTANT};
    gint64 ignored;

    if (dots != NULL) {
        low_text.len = (gsize)(dots - text.data);
        high_text = barid_slice(dots + 2, text.len - low_text.len - 2);
    }
    if (!rule_literal_parse(low_text, &low.value) || !rule_literal_parse(high_text, &high.value))
        return FALSE;
    low.type = low.value.type;
    high.type = high.value.type;
    if (rule_expr_convert(&low, left->type)->type != left->type ||
        rule_expr_convert(&high, left->type)->type != left->type)
        return FALSE;
    if (low.value.as.integer <= high.value.as.integer) {
        rule_set_add_range(set, low.value.as.integer, high.value.as.integer);
        return TRUE;
    }
    if (!rule_literal_parse_time(low_text, &ignored) ||
        !rule_literal_parse_time(high_text, &ignored))
        return FALSE;
    rule_set_add_range(set, low.value.as.integer, G_MAXINT64);
    rule_set_add_range(set, G_MININT64, high.value.as.integer);
    return TRUE;
}

/* Adds the current token to (set). */
static void
rule_parser_take_item(RuleParser *self, const RuleExpr *left, RuleSet *set)
{
    RuleToken token = self->lexer.token;
    gboolean is_value = token.kind == RULE_TOKEN_LITERAL || token.kind == RULE_TOKEN_TEXT;
    gboolean is_valid = FALSE;
    Network network;

    if (!is_value && token.kind != RULE_TOKEN_WORD) {
        rule_parser_report_token(self, _("an entry of the set is expected here"));
        return;
    }
    rule_lexer_next(&self->lexer);
    if (left->kind == RULE_EXPR_BAD)
        return;
    if (left->type == RULE_TEXT &&
        (token.kind == RULE_TOKEN_TEXT ||
         (token.kind == RULE_TOKEN_WORD && rule_words_get(self, left) != NULL))) {
        rule_words_check_against(self, left, token.text, token.offset, token.width);
        rule_set_add_text(set, token.text);
        is_valid = TRUE;
    } else if (left->type == RULE_ADDRESS && is_value && network_parse(token.text, &network)) {
        rule_set_add_network(set, &network);
        is_valid = TRUE;
    } else if ((left->type == RULE_INTEGER || left->type == RULE_DURATION ||
                left->type == RULE_DATE) &&
               token.kind == RULE_TOKEN_LITERAL) {
        is_valid = rule_parser_add_range(left, token.text, set);
    }
    if (!is_valid)
        rule_parser_refuse_item(self, left, &token);
}

static void
rule_parser_take_items(RuleParser *self, const RuleExpr *left, RuleSet *set)
{
    if (self->lexer.token.kind != RULE_TOKEN_BRACE_OPEN) {
        rule_parser_take_item(self, left, set);
        return;
    }
    rule_lexer_next(&self->lexer);
    while (!self->is_lost) {
        rule_parser_take_item(self, left, set);
        if (self->is_lost || self->lexer.token.kind != RULE_TOKEN_COMMA)
            break;
        rule_lexer_next(&self->lexer);
    }
    rule_parser_expect(self, RULE_TOKEN_BRACE_CLOSE, _("a comma or a closing }"));
}

static RuleOp
rule_in_op(RuleSetKind kind)
{
    static const RuleOp ops[] = {
        [RULE_SET_TEXTS] = RULE_OP_IN_TEXTS,
        [RULE_SET_NUMBERS] = RULE_OP_IN_NUMBERS,
        [RULE_SET_NETWORKS] = RULE_OP_IN_NETWORKS,
    };

    return ops[kind];
}

static RuleNode *
rule_parser_take_literal_set(RuleParser *self, RuleExpr *left)
{
    RuleSet *set = rule_set_new(rule_parser_set_kind(left->type));
    RuleNode *node;

    arena_on_reset(self->arena, rule_set_free_data, set);
    rule_parser_take_items(self, left, set);
    rule_set_seal(set);
    if (self->is_lost)
        return NULL;
    if (left->kind == RULE_EXPR_BAD)
        return rule_parser_new_constant(self, FALSE);
    node = rule_parser_new_test(self, rule_in_op(rule_set_get_kind(set)), left, NULL);
    node->with.set = set;
    return node;
}

/* The quoted name behind "list" or "store"; NULL after a report. */
static const gchar *
rule_parser_take_name(RuleParser *self, const gchar *what, RuleToken *out_token)
{
    RuleToken token = self->lexer.token;

    if (token.kind != RULE_TOKEN_TEXT) {
        rule_parser_report_token(self, _("the %s's name in quotes is expected here"), what);
        return NULL;
    }
    rule_lexer_next(&self->lexer);
    *out_token = token;
    return arena_dup_slice_text(self->lexer.arena, token.text);
}

static RuleNode *
rule_parser_take_list(RuleParser *self, RuleExpr *left)
{
    RuleToken token;
    const gchar *name = rule_parser_take_name(self, "list", &token);
    RuleList *list;
    RuleNode *node;

    if (name == NULL)
        return NULL;
    list = rule_lists_find(self->lists, name);
    if (list == NULL) {
        g_autofree gchar *hint =
            config_problem_dup_hint("", rule_lists_nearest(self->lists, name), "");

        rule_parser_report(self, token.offset, token.width, _("there is no [list %s]%s"), name,
                           hint);
        return rule_parser_new_constant(self, FALSE);
    }
    if (left->kind == RULE_EXPR_BAD)
        return rule_parser_new_constant(self, FALSE);
    if (rule_list_get_kind(list) == RULE_SET_NETWORKS && left->type != RULE_ADDRESS) {
        rule_parser_report(self, left->offset, left->width,
                           _("[list %s] holds networks, and this is %s"), name,
                           rule_type_describe(left->type));
        return rule_parser_new_constant(self, FALSE);
    }
    if (rule_list_get_kind(list) == RULE_SET_TEXTS && left->type == RULE_ADDRESS) {
        rule_parser_report(self, token.offset, token.width,
                           _("[list %s] holds texts: write type = networks in it to look for "
                             "addresses"),
                           name);
        return rule_parser_new_constant(self, FALSE);
    }
    if (rule_list_get_kind(list) == RULE_SET_PATTERNS)
        rule_parser_note_groups(self, rule_list_get_groups(list));
    if (rule_list_get_kind(list) != RULE_SET_NETWORKS)
        left = rule_parser_new_text_form(self, left);
    node = rule_parser_new_test(self, RULE_OP_IN_LIST, left, NULL);
    node->with.list = list;
    return node;
}

gpointer
rule_parser_find_store(RuleParser *self, BaridSlice name, gsize offset, gsize width)
{
    const gchar *text = arena_dup_slice_text(self->lexer.arena, name);
    g_autoptr(GError) error = NULL;
    gpointer store;

    if (!rule_registry_has_stores()) {
        rule_parser_report(self, offset, width,
                           _("look-ups in stores are not available in this version"));
        return NULL;
    }
    store = rule_registry_resolve_store(text, &error);
    if (store == NULL)
        rule_parser_report(self, offset, width, "%s",
                           error == NULL ? _("there is no such store") : error->message);
    return store;
}

static RuleNode *
rule_parser_take_store(RuleParser *self, RuleExpr *left)
{
    RuleToken token;
    RuleNode *node;
    gpointer store;

    if (rule_parser_take_name(self, "store", &token) == NULL)
        return NULL;
    store = rule_parser_find_store(self, token.text, token.offset, token.width);
    if (store == NULL || left->kind == RULE_EXPR_BAD)
        return rule_parser_new_constant(self, FALSE);
    node = rule_parser_new_test(self, RULE_OP_IN_STORE, rule_parser_new_text_form(self, left),
                                NULL);
    node->with.store = store;
    return node;
}

/* The DNS. */

/* The type's word, when there is one. */
static void
rule_parser_take_dns_type(RuleParser *self, RuleDnsQuestion *question, gboolean *out_is_address)
{
    RuleToken token = self->lexer.token;
    BaridSlice word = BARID_SLICE_LITERAL("A");
    g_autofree gchar *upper = NULL;
    gboolean is_given = token.kind == RULE_TOKEN_WORD && !rule_parser_is_at_end_of_test(self);

    if (is_given) {
        word = token.text;
        rule_lexer_next(&self->lexer);
    }
    upper = g_ascii_strup((const gchar *)word.data, (gssize)word.len);
    question->type_name = arena_dup_text(self->arena, upper);
    if (!rule_registry_parse_dns_type(word, &question->type, out_is_address))
        rule_parser_report(self, token.offset, token.width,
                           _("%.*s is no type of DNS records that can be asked for: write A, AAAA, "
                             "MX, TXT, NS, PTR or CNAME"),
                           (gint)word.len, word.data);
}

/* Answers as an item of a set is checked: as addresses or as texts. */
static const RuleSet *
rule_parser_take_answers(RuleParser *self, gboolean is_address)
{
    RuleExpr answer = {.kind = RULE_EXPR_VARIABLE, .type = is_address ? RULE_ADDRESS : RULE_TEXT};
    RuleSet *set = rule_set_new(rule_parser_set_kind(answer.type));

    arena_on_reset(self->arena, rule_set_free_data, set);
    rule_parser_take_items(self, &answer, set);
    rule_set_seal(set);
    return set;
}

static RuleNode *
rule_parser_take_dns(RuleParser *self, RuleExpr *left)
{
    RuleDnsQuestion *question = arena_new0(self->arena, RuleDnsQuestion);
    gboolean is_address = TRUE;
    RuleToken token;
    RuleNode *node;

    if (rule_parser_take_name(self, "zone", &token) == NULL)
        return NULL;
    question->lookup = rule_registry_get_dns(&question->data);
    if (question->lookup == NULL) {
        rule_parser_report(self, token.offset, token.width,
                           _("questions to the DNS are not available here"));
        return NULL;
    }
    question->zone = arena_dup_slice(self->arena, token.text);
    if (token.text.len == 0)
        rule_parser_report(self, token.offset, token.width,
                           _("a zone is expected, such as \"zen.example.org\"; for a name as it "
                             "stands there is dns-exists()"));
    rule_parser_take_dns_type(self, question, &is_address);
    if (self->lexer.token.kind == RULE_TOKEN_BRACE_OPEN)
        question->answers = rule_parser_take_answers(self, is_address);
    if (self->is_lost)
        return NULL;
    if (left->kind == RULE_EXPR_BAD)
        return rule_parser_new_constant(self, FALSE);
    if (left->type != RULE_ADDRESS)
        left = rule_parser_new_text_form(self, left);
    node = rule_parser_new_test(self, RULE_OP_IN_DNS, left, NULL);
    node->with.dns = question;
    return node;
}

RuleNode *
rule_parser_take_in(RuleParser *self, RuleExpr *left)
{
    if (left->kind != RULE_EXPR_BAD && left->type == RULE_BOOL) {
        rule_parser_report(self, left->offset, left->width,
                           _("in takes a text, number, duration or address, not yes or no"));
        left->kind = RULE_EXPR_BAD;
    }
    if (rule_parser_accept_word(self, "list"))
        return rule_parser_take_list(self, left);
    if (rule_parser_accept_word(self, "store"))
        return rule_parser_take_store(self, left);
    if (rule_parser_accept_word(self, "dns"))
        return rule_parser_take_dns(self, left);
    return rule_parser_take_literal_set(self, left);
}

/* Patterns. */

static void
rule_regex_free_data(gpointer data)
{
    rule_regex_free(data);
}

RuleNode *
rule_parser_take_matches(RuleParser *self, RuleExpr *left)
{
    RuleRegexFlags flags = RULE_REGEX_PLAIN;
    g_autofree gchar *reason = NULL;
    BaridSlice letters;
    RuleToken token;
    RuleRegex *regex;
    RuleNode *node;
    gsize offset;

    if (!rule_lexer_take_regex(&self->lexer, &letters)) {
        rule_parser_report_token(self, _("a pattern is expected here"));
        return NULL;
    }
    token = self->lexer.token;
    rule_lexer_next(&self->lexer);
    if (barid_slice_equal_text(letters, "i"))
        flags |= RULE_REGEX_CASELESS;
    else if (letters.len > 0)
        rule_parser_report(self, token.offset + token.width - letters.len, letters.len,
                           _("after a pattern only i may follow, to ignore case"));
    regex = rule_regex_new(token.text, flags, &offset, &reason);
    if (regex == NULL) {
        rule_parser_report(self, token.offset + 1 + offset, 1, _("the pattern is wrong here: %s"),
                           reason);
        return rule_parser_new_constant(self, FALSE);
    }
    arena_on_reset(self->arena, rule_regex_free_data, regex);
    rule_parser_note_groups(self, rule_regex_get_groups(regex));
    if (left->kind == RULE_EXPR_BAD)
        return rule_parser_new_constant(self, FALSE);
    node = rule_parser_new_test(self, RULE_OP_MATCHES, rule_parser_new_text_form(self, left), NULL);
    node->with.regex = regex;
    return node;
}
