/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rule-words.h"

#include "base/i18n.h"
#include "base/text.h"
#include "conf/rule-list.h"

/* Longer lists are not told whole. */
enum { RULE_WORDS_TOLD_MAX = 12 };

static gboolean
rule_words_have(const gchar *const *words, const gchar *text)
{
    return g_strv_contains(words, text);
}

gchar *
rule_words_check(const gchar *const *words, BaridSlice text)
{
    g_autofree gchar *word = barid_slice_dup_text(text, NULL);
    g_autofree gchar *shown = NULL;
    g_autofree gchar *all = NULL;
    const gchar *nearest;

    if (word != NULL && rule_words_have(words, word))
        return NULL;
    shown = text_escape(text, 80);
    nearest = word == NULL ? NULL : text_nearest(word, words);
    if (nearest != NULL)
        return g_strdup_printf(_("there is no \"%s\" here; did you mean %s?"), shown, nearest);
    if (g_strv_length((gchar **)(guintptr)words) > RULE_WORDS_TOLD_MAX)
        return g_strdup_printf(_("there is no \"%s\" here"), shown);
    all = g_strjoinv(", ", (gchar **)(guintptr)words);
    return g_strdup_printf(_("there is no \"%s\" here; write one of: %s"), shown, all);
}

static const gchar *const *
rule_words_list_sections(const RuleParser *self, const gchar *kind)
{
    ConfigTree *tree = rule_lists_get_tree(self->lists);
    ConfigSection *section;
    const gchar **words;
    guint n = 0;

    if (tree == NULL || config_tree_get_nth(tree, kind, 0) == NULL)
        return NULL;
    while (config_tree_get_nth(tree, kind, n) != NULL)
        n++;
    words = arena_alloc(self->lexer.arena, (n + 1) * sizeof *words);
    n = 0;
    for (guint i = 0; (section = config_tree_get_nth(tree, kind, i)) != NULL; i++) {
        if (config_section_get_name(section) != NULL)
            words[n++] = config_section_get_name(section);
    }
    words[n] = NULL;
    return words;
}

const gchar *const *
rule_words_get(const RuleParser *self, const RuleExpr *expr)
{
    const RuleVariable *variable = expr->variable;

    if (expr->kind != RULE_EXPR_VARIABLE || variable == NULL)
        return NULL;
    if (variable->section != NULL)
        return rule_words_list_sections(self, variable->section);
    return variable->words;
}

/* The empty text is what a variable is that is not known yet. */
void
rule_words_check_against(RuleParser *self, const RuleExpr *expr, BaridSlice text, gsize offset,
                         gsize width)
{
    const gchar *const *words = rule_words_get(self, expr);
    g_autofree gchar *reason =
        words == NULL || text.len == 0 ? NULL : rule_words_check(words, text);

    if (reason != NULL)
        rule_parser_report(self, offset, width, "%s: %s", expr->variable->name, reason);
}

RuleExpr *
rule_words_take(RuleParser *self, const RuleExpr *left)
{
    RuleToken token = self->lexer.token;
    BaridSlice argument;
    RuleExpr *expr;

    if (token.kind != RULE_TOKEN_WORD || rule_words_get(self, left) == NULL ||
        rule_parser_is_at_end_of_test(self) ||
        rule_registry_find_variable(token.text, &argument) != NULL ||
        rule_registry_nth_function(token.text, 0) != NULL)
        return NULL;
    rule_lexer_next(&self->lexer);
    expr = arena_new0(self->lexer.arena, RuleExpr);
    *expr = (RuleExpr){
        .kind = RULE_EXPR_CONSTANT,
        .type = RULE_TEXT,
        .offset = token.offset,
        .width = token.width,
        .value = {.type = RULE_TEXT, .as.text = arena_dup_slice(self->arena, token.text)},
    };
    return expr;
}
