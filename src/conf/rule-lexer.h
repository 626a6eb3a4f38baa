/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of the rule language, read from a setting's raw text with their offsets. A
 * pattern and a branch's value follow rules of their own; the parser asks for them where
 * the grammar has them.
 */
#ifndef RULE_LEXER_H
#define RULE_LEXER_H

#include "base/arena.h"

typedef enum {
    RULE_TOKEN_END,
    RULE_TOKEN_WORD,    /* variable, function or keyword */
    RULE_TOKEN_LITERAL, /* number, size, duration, address, network, range */
    RULE_TOKEN_TEXT,    /* quoted; (text) is resolved */
    RULE_TOKEN_OPEN,
    RULE_TOKEN_CLOSE,
    RULE_TOKEN_BRACE_OPEN,
    RULE_TOKEN_BRACE_CLOSE,
    RULE_TOKEN_COMMA,
    RULE_TOKEN_EQUAL,
    RULE_TOKEN_NOT_EQUAL,
    RULE_TOKEN_LESS,
    RULE_TOKEN_LESS_EQUAL,
    RULE_TOKEN_GREATER,
    RULE_TOKEN_GREATER_EQUAL,
    RULE_TOKEN_PLUS,
    RULE_TOKEN_MINUS,
    RULE_TOKEN_TIMES,
    RULE_TOKEN_DIVIDE,
    RULE_TOKEN_REMAINDER,
    RULE_TOKEN_BAD, /* (reason) says why */
} RuleTokenKind;

typedef struct {
    RuleTokenKind kind;
    gsize offset; /* in the raw text */
    gsize width;
    BaridSlice text;
    const gchar *reason;
} RuleToken;

typedef struct {
    BaridSlice raw;
    gsize pos;       /* behind (token) */
    Arena *arena;
    RuleToken token; /* the current one */
} RuleLexer;

/* (token) is not read yet: call rule_lexer_next(). */
void rule_lexer_init(RuleLexer *self, BaridSlice raw, Arena *arena);
void rule_lexer_next(RuleLexer *self);
gboolean rule_lexer_is_word(const RuleLexer *self, const gchar *word);
/* Reads "/.../flags" behind the current token, which it becomes; (text) is the pattern
 * and (*out_flags) the letters. FALSE when there is none; the token says why. */
gboolean rule_lexer_take_regex(RuleLexer *self, BaridSlice *out_flags);
/* Takes the value behind the current token, up to the word "else" or "on-failure" outside
 * quotes or the end, trimmed; the current token is then what follows. */
RuleToken rule_lexer_take_value(RuleLexer *self);
/* Skips from the current token on to a word "then" or "else" outside quotes, or to the end;
 * stays when it is one. */
void rule_lexer_recover(RuleLexer *self);

#endif
