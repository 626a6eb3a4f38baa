/* SPDX-License-Identifier: Apache-2.0 */
/* Texts with ${variable}, ${1} and ${function(...)}: the value of a rule of text. "$${" stands
 * for "${". */
#ifndef RULE_TEMPLATE_H
#define RULE_TEMPLATE_H

#include "conf/rule-registry.h"
#include "conf/rule-regex.h"

typedef enum {
    RULE_PIECE_TEXT,
    RULE_PIECE_VARIABLE,
    RULE_PIECE_CAPTURE,
    RULE_PIECE_REGISTER, /* a text that was computed before */
} RulePieceKind;

typedef struct {
    RulePieceKind kind;
    BaridSlice text; /* or the variable's argument */
    const RuleVariable *variable;
    guint index; /* of the capture or the register */
} RulePiece;

typedef struct {
    guint n_pieces;
    gboolean is_constant;
    RulePiece *pieces;
} RuleTemplate;

/* A value as text, in the scratch arena or borrowed. */
BaridSlice rule_value_to_text(const RuleValue *value, Arena *scratch);
/* Reads a variable; its type is always the declared one. */
void rule_variable_read(const RuleVariable *self, BaridSlice argument, BaridScope *scope,
                        Arena *scratch, RuleValue *out_value);
/* Caller owns the text. What a peer sent is made text: NUL bytes become "?", bytes that are
 * not UTF-8 become U+FFFD. */
gchar *rule_template_expand(const RuleTemplate *self, BaridScope *scope,
                            const RuleCaptures *captures, const RuleValue *registers,
                            Arena *scratch);

#endif
