/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up the named lists and rules while compiling. */
#ifndef RULE_LIST_H
#define RULE_LIST_H

#include "conf/rule-language.h"
#include "conf/rule-list-file.h"

/* NULL without lists. */
ConfigTree *rule_lists_get_tree(const RuleLists *self);
/* Reads it when it is asked for first. NULL when there is no such list, or no lists at all. */
RuleList *rule_lists_find(RuleLists *self, const gchar *name);
/* The nearest list's name for "did you mean", or NULL. */
const gchar *rule_lists_nearest(const RuleLists *self, const gchar *name);

/* [rule NAME]: a condition that is parsed where it is used, with what is known there. */
typedef struct {
    ConfigValue *value; /* of "condition" */
    gboolean is_used;
    gboolean is_open; /* it is being parsed */
} RuleNamed;

/* The same for rules. */
RuleNamed *rule_lists_find_rule(const RuleLists *self, const gchar *name);
const gchar *rule_lists_nearest_rule(const RuleLists *self, const gchar *name);

#endif
