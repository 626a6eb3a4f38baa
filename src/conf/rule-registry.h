/* SPDX-License-Identifier: Apache-2.0 */
/* The variables, functions and the store look-up that rules may name. Filled while the
 * floors above start, on one thread, before any rule is compiled; read-only after. */
#ifndef RULE_REGISTRY_H
#define RULE_REGISTRY_H

#include "conf/rule-language.h"

/* Arguments of one function. */
#define RULE_ARGS_MAX 4

typedef struct {
    const gchar *name;
    RuleType type;
    BaridKnown known;
    RuleGetter getter;
} RuleVariable;

typedef struct {
    const gchar *name;
    RuleType result;
    RuleType args[RULE_ARGS_MAX];
    guint n_args;
    RuleFunction function;
} RuleFunctionInfo;

/* NULL when unknown. (*out_argument) is the part behind a family's dot, else empty. */
const RuleVariable *rule_registry_find_variable(BaridSlice name, BaridSlice *out_argument);
const RuleFunctionInfo *rule_registry_find_function(BaridSlice name);
/* The nearest known name for "did you mean", or NULL. */
const gchar *rule_registry_nearest_variable(BaridSlice name);
const gchar *rule_registry_nearest_function(BaridSlice name);

gboolean rule_registry_has_stores(void);
gpointer rule_registry_resolve_store(const gchar *name, GError **error);
RuleStoreAnswer rule_registry_lookup_store(BaridScope *scope, gpointer store, BaridSlice key);

/* Ends the table with a NULL name. */
extern const RuleFunctionInfo rule_builtin_functions[];

#endif
