/* SPDX-License-Identifier: Apache-2.0 */
/* Values of rules that are lists: the branches' lists are read and checked when the rule is
 * compiled; "none" is the empty one. */
#ifndef RULE_ITEMS_H
#define RULE_ITEMS_H

#include "conf/rule-parser.h"

typedef struct RuleItems {
    guint count;
    const gint64 *numbers;     /* of durations: milliseconds */
    const gchar *const *texts; /* of a list: NULL-terminated */
} RuleItems;

gboolean rule_items_is_type(BaridSettingType type);
/* Of the value (token), in the rule's arena. NULL after a report. (bounds) may be NULL. */
const RuleItems *rule_items_take(RuleParser *parser, const RuleToken *token,
                                 BaridSettingType type, const RuleBounds *bounds);
gboolean rule_items_equal(const RuleItems *a, const RuleItems *b);
/* As they are written; caller owns it. */
gchar *rule_items_format(const RuleItems *self);

#endif
