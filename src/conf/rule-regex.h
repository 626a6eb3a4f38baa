/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions of rules. Peers choose the text that is searched, so each match has
 * limits on steps and memory; a match that passes them counts as none and is logged.
 */
#ifndef RULE_REGEX_H
#define RULE_REGEX_H

#include "base/arena.h"

/* ${0}, the whole match, to ${9}. */
#define RULE_CAPTURES_MAX 10
/* Steps of one match; a few milliseconds. */
#define RULE_REGEX_STEPS_MAX 100000
/* Kibibytes of one match. */
#define RULE_REGEX_MEMORY_MAX 4096

typedef enum {
    RULE_REGEX_PLAIN = 0,
    RULE_REGEX_CASELESS = 1 << 0,
} RuleRegexFlags;

typedef struct RuleRegex RuleRegex;

typedef struct {
    guint count;
    BaridSlice text[RULE_CAPTURES_MAX];
} RuleCaptures;

/* NULL with the reason (caller owns it) and its offset in (pattern). */
RuleRegex *rule_regex_new(BaridSlice pattern, RuleRegexFlags flags, gsize *out_offset,
                          gchar **out_reason);
void rule_regex_free(RuleRegex *self);
/* Groups in the pattern. */
guint rule_regex_get_groups(const RuleRegex *self);
/* Searches (text). (out_captures) may be NULL; its slices point into (text). */
gboolean rule_regex_match(const RuleRegex *self, BaridSlice text, RuleCaptures *out_captures);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(RuleRegex, rule_regex_free)

#endif
