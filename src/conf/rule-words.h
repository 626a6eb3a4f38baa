/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of which only some words make sense: values of settings, and what variables with a fixed
 * set of words are compared with. What is misspelt is found when the configuration is loaded. */
#ifndef RULE_WORDS_H
#define RULE_WORDS_H

#include "conf/rule-parser.h"

/* Why (text) is none of (words), with the nearest; caller owns it. NULL when it is one. */
gchar *rule_words_check(const gchar *const *words, BaridSlice text);
/* The words that (expr) may be; NULL when there is no such list. In the lexer's arena. */
const gchar *const *rule_words_get(const RuleParser *self, const RuleExpr *expr);
/* Reports what stands at (offset) when it is none of the words of (expr). */
void rule_words_check_against(RuleParser *self, const RuleExpr *expr, BaridSlice text,
                              gsize offset, gsize width);
/* The current token as a text, where it is a word that stands for itself: there it is compared
 * with (left). NULL otherwise. */
RuleExpr *rule_words_take(RuleParser *self, const RuleExpr *left);

#endif
