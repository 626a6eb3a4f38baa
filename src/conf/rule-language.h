/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule language: "if COND then VALUE else VALUE" in settings, compiled and typed when
 * the configuration is loaded. The public evaluation calls are in <barid/rule.h>.
 *
 *   RULE  = VALUE | "if" COND "then" VALUE {"else" "if" COND "then" VALUE} "else" VALUE
 *           ["on-failure" VALUE]
 *   COND  = AND {"or" AND};  AND = NOT {"and" NOT};
 *   NOT   = ["not"] TEST | "(" COND ")" | "rule" "NAME"
 *   TEST  = EXPR OP EXPR | EXPR "in" SET | EXPR "matches" REGEX | BOOL
 *   OP    = == != < <= > >= starts-with ends-with contains
 *   SET   = "{" item {"," item} "}" | list "NAME" | store "NAME" | CIDR | range LOW..HIGH
 *           | dns "ZONE" [TYPE] ["{" item {"," item} "}"]
 *   REGEX = "/" ... "/" ["i"];  EXPR = TERM {("+" | "-") TERM};
 *   TERM  = FACTOR {("*" | "/" | "%") FACTOR};  FACTOR = "(" EXPR ")" | variable | "text"
 *           | number | duration | address | function(...)
 *
 * What higher floors give is in rule-provide.h: variables (what a scope knows), functions, and
 * the look-ups in stores and the DNS. Regular expressions are PCRE2 with match limits.
 *
 * A look-up that fails, and a division by zero, give the rule's "on-failure" value, else that
 * of the setting's declaration; without either the branch counts as false.
 */
#ifndef RULE_LANGUAGE_H
#define RULE_LANGUAGE_H

#include "conf/config-tree.h"
#include "conf/rule-provide.h"

/* Names of all variables, NULL-terminated; caller owns the array only. For the manual. */
const gchar **rule_variable_names(void);
gboolean rule_variable_get_info(const gchar *name, RuleType *out_type, BaridKnown *out_known);

/* Named lists of the configuration, needed while compiling. "[list NAME]" has the keys
 * type = text|networks|patterns|globs, entries = A, B, ... and file = PATH, one entry a line,
 * which is read again when it is another one (conf/rule-list-file.h). */
typedef struct RuleLists RuleLists;
RuleLists *rule_lists_new(ConfigTree *tree, ConfigProblems *problems, const gchar *state_dir);
void rule_lists_free(RuleLists *self);
/* Reads those that nothing has used, so that what is wrong in them is known. */
void rule_lists_load_all(RuleLists *self);
/* The files of the lists that were read; NULL-terminated. */
gchar **rule_lists_dup_paths(const RuleLists *self);
/* Until no file is being read any more. */
void rule_lists_wait(RuleLists *self);
/* "[rule NAME]" has the key condition = COND, for "rule "NAME"" in others. Checks those that
 * nothing has used, and reads the lists, when all settings are bound. */
void rule_lists_check_rules(RuleLists *self, ConfigProblems *problems);

/* Why (text) is no value for the setting, caller owns it; NULL when it is one. */
typedef gchar *(*RuleTextCheck)(const gchar *text, gpointer data);

/* What the numbers of a setting may be; both 0: not negative, as in BaridSetting. A number that
 * is computed is moved to the nearest end. */
typedef struct {
    gint64 minimum, maximum;
    const gchar *on_failure; /* the value where the rule has no "on-failure"; NULL for none */
    const gchar *const *words; /* that a list may hold, or a text may be; NULL any */
    RuleTextCheck check_text;  /* of texts that are not computed; NULL without */
    gpointer check_data;
    gboolean needs_entry;      /* of a list */
} RuleBounds;
/* NULL when (number), of a setting of (type), is within (bounds), else the reason; caller
 * owns it. */
gchar *rule_bounds_check(const RuleBounds *bounds, BaridSettingType type, gint64 number);

/* Compiles a setting's value of the given BARID_TYPE_RULE_* or BARID_TYPE_CONDITION.
 * NULL after reporting every problem found in it. The rule holds references to what it
 * needs but the lists, which must outlive it. */
BaridRule *rule_compile(ConfigValue *value, BaridSettingType type, BaridKnown known,
                        RuleLists *lists, ConfigProblems *problems);
/* The same; the number of every branch is checked against (bounds), which may be NULL. */
BaridRule *rule_compile_bounded(ConfigValue *value, BaridSettingType type, BaridKnown known,
                                const RuleBounds *bounds, RuleLists *lists,
                                ConfigProblems *problems);
/* The same from plain text (defaults, tests); positions are in "default". */
BaridRule *rule_compile_text(const gchar *text, BaridSettingType type, BaridKnown known,
                             RuleLists *lists, ConfigProblems *problems);
void rule_free(BaridRule *self);
/* Section and key of its setting, "rule" for one from plain text. Borrowed. */
const gchar *rule_get_setting(const BaridRule *self);
/* TRUE when it asks a store, the DNS or the like: such a rule belongs to a fiber. */
gboolean rule_reads_store(const BaridRule *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BaridRule, rule_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RuleLists, rule_lists_free)

#endif
