/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, sizes, durations, times of day and addresses as they stand in conditions. */
#ifndef RULE_LITERAL_H
#define RULE_LITERAL_H

#include "conf/rule-language.h"

/* The day 1970-01-01 as GDate counts. */
#define RULE_DATE_EPOCH_JULIAN 719163
/* "a text", "a number", ... for messages. */
const gchar *rule_type_describe(RuleType type);
/* "08:30" or "8:30", the time since midnight. */
gboolean rule_literal_parse_time(BaridSlice text, gint64 *out_ms);
/* A number, size, duration, time of day, date or address. */
gboolean rule_literal_parse(BaridSlice text, RuleValue *out_value);

#endif
