/* SPDX-License-Identifier: Apache-2.0 */
/* RuleSet: what stands behind "in": texts, numbers, networks or patterns. Filled while
 * compiling, sealed, and from then on only read, by all threads. Look-ups allocate nothing. */
#ifndef RULE_SET_H
#define RULE_SET_H

#include "base/address.h"
#include "conf/rule-regex.h"

typedef enum {
    RULE_SET_TEXTS,
    RULE_SET_NUMBERS,
    RULE_SET_NETWORKS,
    RULE_SET_PATTERNS,
    RULE_SET_GLOBS, /* and patterns */
} RuleSetKind;

typedef struct RuleSet RuleSet;

RuleSet *rule_set_new(RuleSetKind kind);
void rule_set_free(RuleSet *self);
RuleSetKind rule_set_get_kind(const RuleSet *self);
void rule_set_add_text(RuleSet *self, BaridSlice text);
/* Both ends included. */
void rule_set_add_range(RuleSet *self, gint64 low, gint64 high);
void rule_set_add_network(RuleSet *self, const Network *network);
/* Takes (regex). */
void rule_set_add_pattern(RuleSet *self, RuleRegex *regex);
/* "*" stands for any text, "?" for one byte. */
void rule_set_add_glob(RuleSet *self, BaridSlice glob);
/* Sorts; nothing is added after. */
void rule_set_seal(RuleSet *self);

gboolean rule_set_has_text(const RuleSet *self, BaridSlice text);
gboolean rule_set_has_number(const RuleSet *self, gint64 number);
gboolean rule_set_has_address(const RuleSet *self, const Address *address);
/* (out_captures) are those of the pattern that matched; may be NULL. */
gboolean rule_set_has_match(const RuleSet *self, BaridSlice text, RuleCaptures *out_captures);
gboolean rule_set_has_glob(const RuleSet *self, BaridSlice text);
/* Entries; of networks without those that lie in others, once sealed. */
guint rule_set_get_count(const RuleSet *self);
/* Most groups of a pattern. */
guint rule_set_get_groups(const RuleSet *self);

#endif
