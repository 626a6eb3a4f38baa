/* SPDX-License-Identifier: Apache-2.0 */
/* The variables, functions and the store look-up that rules may name. Filled while the
 * floors above start, on one thread, before any rule is compiled; read-only after. */
#ifndef RULE_REGISTRY_H
#define RULE_REGISTRY_H

#include "conf/rule-language.h"

/* Arguments of one function. */
#define RULE_ARGS_MAX 4

typedef enum {
    RULE_FUNCTION_PURE,
    RULE_FUNCTION_ASKS, /* may suspend */
} RuleFunctionKind;

typedef struct {
    const gchar *name;
    RuleType type;
    BaridKnown known;
    RuleGetter getter;
    BaridKnown last;
    const gchar *const *words; /* that it may be; NULL any */
    const gchar *section;      /* kind of the sections whose names it may be; NULL any */
} RuleVariable;

typedef struct {
    const gchar *name;
    RuleType result;
    RuleType args[RULE_ARGS_MAX];
    guint n_args;
    RuleFunction function;
    RuleFunctionKind kind;
    gpointer data;
} RuleFunctionInfo;

/* NULL when unknown. (*out_argument) is the part behind a family's dot, else empty. */
const RuleVariable *rule_registry_find_variable(BaridSlice name, BaridSlice *out_argument);
/* The functions of that name, one for each kind of arguments; NULL past the last. */
const RuleFunctionInfo *rule_registry_nth_function(BaridSlice name, guint index);
/* The nearest known name for "did you mean", or NULL. */
const gchar *rule_registry_nearest_variable(BaridSlice name);
const gchar *rule_registry_nearest_function(BaridSlice name);

gboolean rule_registry_has_stores(void);
gpointer rule_registry_resolve_store(const gchar *name, GError **error);
RuleAnswer rule_registry_lookup_store(BaridScope *scope, gpointer store, BaridSlice key,
                                      Arena *scratch, BaridSlice *out_text);
/* NULL without the DNS. */
RuleDnsLookup rule_registry_get_dns(gpointer *out_data);
gboolean rule_registry_parse_dns_type(BaridSlice word, guint *out_type, gboolean *out_is_address);
void rule_registry_note_failure(BaridScope *scope, const ConfigPosition *position,
                                BaridSlice text);

/* End the table with a NULL name. The names of the second are "+", "-", "*", "/" and "%". */
extern const RuleFunctionInfo rule_builtin_functions[];
extern const RuleFunctionInfo rule_arithmetic_functions[];

#endif
