/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule language: "if COND then VALUE else VALUE" in settings, compiled and typed when
 * the configuration is loaded. The public evaluation calls are in <barid/rule.h>.
 *
 *   RULE  = VALUE | "if" COND "then" VALUE {"else" "if" COND "then" VALUE} "else" VALUE
 *   COND  = AND {"or" AND};  AND = NOT {"and" NOT};
 *   NOT   = ["not"] TEST | "(" COND ")" | "rule" "NAME"
 *   TEST  = EXPR OP EXPR | EXPR "in" SET | EXPR "matches" REGEX | BOOL
 *   OP    = == != < <= > >= starts-with ends-with contains
 *   SET   = "{" item {"," item} "}" | list "NAME" | store "NAME" | CIDR | range LOW..HIGH
 *   REGEX = "/" ... "/" ["i"];  EXPR = variable | "text" | number | duration | function(...)
 *
 * Two registries are filled by higher floors: variables (what a scope knows) and
 * functions. Regular expressions are PCRE2 with match limits.
 */
#ifndef RULE_LANGUAGE_H
#define RULE_LANGUAGE_H

#include <barid/setting.h>
#include <barid/slice.h>

#include "base/address.h"
#include "conf/config-tree.h"

typedef enum {
    RULE_BOOL,
    RULE_INTEGER,  /* also sizes (bytes) */
    RULE_DURATION, /* milliseconds */
    RULE_TEXT,
    RULE_ADDRESS,  /* network address without port */
} RuleType;

typedef struct {
    RuleType type;
    union {
        gboolean boolean;
        gint64 integer;
        BaridSlice text; /* lives in the scratch arena, or in the scope */
        Address address;
    } as;
} RuleValue;

/* Reads one variable. (scratch) is for results that must be made. A variable that is not
 * known yet is the empty text, 0, FALSE or 0.0.0.0. (argument) is the part behind the dot
 * for open families ("finding.NAME"), else empty. */
typedef void (*RuleGetter)(BaridScope *scope, BaridSlice argument, Arena *scratch,
                           RuleValue *out_value);
/* Registers (name); a name that ends in "." opens a family. Before any compile. */
void rule_variable_register(const gchar *name, RuleType type, BaridKnown known,
                            RuleGetter getter);
typedef void (*RuleFunction)(BaridScope *scope, const RuleValue *args, Arena *scratch,
                             RuleValue *out_value);
void rule_function_register(const gchar *name, RuleType result, const RuleType *args,
                            guint n_args, RuleFunction function);
/* Answers of named stores, for "in store". A failed look-up makes the whole branch false,
 * whatever the condition says about it. */
typedef enum {
    RULE_STORE_ABSENT,
    RULE_STORE_FOUND,
    RULE_STORE_FAILED,
} RuleStoreAnswer;
/* (resolve) finds the store while compiling, borrowed for the generation's life; (lookup)
 * may suspend. Without this call, "in store" is a problem of the configuration. */
typedef gpointer (*RuleStoreResolve)(const gchar *name, gpointer data, GError **error);
typedef RuleStoreAnswer (*RuleStoreLookup)(BaridScope *scope, gpointer store, BaridSlice key);
void rule_store_register(RuleStoreResolve resolve, RuleStoreLookup lookup, gpointer data);
/* Names of all variables, NULL-terminated; caller owns the array only. For the manual. */
const gchar **rule_variable_names(void);
gboolean rule_variable_get_info(const gchar *name, RuleType *out_type, BaridKnown *out_known);

/* Named lists of the configuration, needed while compiling. "[list NAME]" has the keys
 * type = text|networks|patterns, entries = A, B, ... and file = PATH, one entry a line. */
typedef struct RuleLists RuleLists;
RuleLists *rule_lists_new(ConfigTree *tree, ConfigProblems *problems, const gchar *state_dir);
void rule_lists_free(RuleLists *self);
/* "[rule NAME]" has the key condition = COND, for "rule "NAME"" in others. Checks those that
 * nothing has used, when all settings are bound. */
void rule_lists_check_rules(const RuleLists *self, ConfigProblems *problems);

/* What the numbers of a setting may be; both 0: not negative, as in BaridSetting. */
typedef struct {
    gint64 minimum, maximum;
    const gchar *const *words; /* that a list may hold; NULL any */
    gboolean needs_entry;      /* of a list */
} RuleBounds;
/* NULL when (number), of a setting of (type), is within (bounds), else the reason; caller
 * owns it. */
gchar *rule_bounds_check(const RuleBounds *bounds, BaridSettingType type, gint64 number);

/* Compiles a setting's value of the given BARID_TYPE_RULE_* or BARID_TYPE_CONDITION.
 * NULL after reporting every problem found in it. The rule holds references to what it
 * needs but the lists, which must outlive it. */
BaridRule *rule_compile(ConfigValue *value, BaridSettingType type, BaridKnown known,
                        const RuleLists *lists, ConfigProblems *problems);
/* The same; the number of every branch is checked against (bounds), which may be NULL. */
BaridRule *rule_compile_bounded(ConfigValue *value, BaridSettingType type, BaridKnown known,
                                const RuleBounds *bounds, const RuleLists *lists,
                                ConfigProblems *problems);
/* The same from plain text (defaults, tests); positions are in "default". */
BaridRule *rule_compile_text(const gchar *text, BaridSettingType type, BaridKnown known,
                             const RuleLists *lists, ConfigProblems *problems);
void rule_free(BaridRule *self);
/* TRUE when it asks a store, which may suspend: such a rule belongs to a fiber. */
gboolean rule_reads_store(const BaridRule *self);
/* Which branch the last evaluation on this thread took: the position of the rule that
 * won, for the decision record. (*out_branch) counts from 0; the else branch is the last.
 * When another rule was evaluated since, the branch is G_MAXUINT and the position the
 * rule's own. */
void rule_get_last_branch(const BaridRule *self, ConfigPosition *out_position,
                          guint *out_branch);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BaridRule, rule_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RuleLists, rule_lists_free)

#endif
