/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up the named lists while compiling. */
#ifndef RULE_LIST_H
#define RULE_LIST_H

#include "conf/rule-language.h"
#include "conf/rule-set.h"

/* NULL when there is no such list, or no lists at all. */
const RuleSet *rule_lists_find(const RuleLists *self, const gchar *name);
/* The nearest list's name for "did you mean", or NULL. */
const gchar *rule_lists_nearest(const RuleLists *self, const gchar *name);

#endif
