/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rule-registry.h"

#include "base/text.h"

/* Registered once by the floors above; see the header. */
static GPtrArray *rule_variables; /* of RuleVariable * */
static GPtrArray *rule_functions; /* of RuleFunctionInfo * */
static struct {
    RuleStoreResolve resolve;
    RuleStoreLookup lookup;
    gpointer data;
} rule_stores;

void
rule_variable_register(const gchar *name, RuleType type, BaridKnown known, RuleGetter getter)
{
    RuleVariable *variable = g_new0(RuleVariable, 1);

    *variable = (RuleVariable){g_intern_string(name), type, known, getter};
    if (rule_variables == NULL)
        rule_variables = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < rule_variables->len; i++) {
        const RuleVariable *other = g_ptr_array_index(rule_variables, i);

        g_assert(strcmp(other->name, name) != 0);
    }
    g_ptr_array_add(rule_variables, variable);
}

void
rule_function_register(const gchar *name, RuleType result, const RuleType *args, guint n_args,
                       RuleFunction function)
{
    RuleFunctionInfo *info = g_new0(RuleFunctionInfo, 1);

    g_assert(n_args <= RULE_ARGS_MAX);
    info->name = g_intern_string(name);
    info->result = result;
    info->n_args = n_args;
    info->function = function;
    for (guint i = 0; i < n_args; i++)
        info->args[i] = args[i];
    if (rule_functions == NULL)
        rule_functions = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(rule_functions, info);
}

void
rule_store_register(RuleStoreResolve resolve, RuleStoreLookup lookup, gpointer data)
{
    rule_stores.resolve = resolve;
    rule_stores.lookup = lookup;
    rule_stores.data = data;
}

gboolean
rule_registry_has_stores(void)
{
    return rule_stores.resolve != NULL;
}

gpointer
rule_registry_resolve_store(const gchar *name, GError **error)
{
    return rule_stores.resolve(name, rule_stores.data, error);
}

RuleStoreAnswer
rule_registry_lookup_store(BaridScope *scope, gpointer store, BaridSlice key)
{
    return rule_stores.lookup(scope, store, key);
}

const RuleVariable *
rule_registry_find_variable(BaridSlice name, BaridSlice *out_argument)
{
    for (guint i = 0; rule_variables != NULL && i < rule_variables->len; i++) {
        const RuleVariable *variable = g_ptr_array_index(rule_variables, i);
        BaridSlice known = barid_slice_from_text(variable->name);
        gboolean is_family = known.len > 0 && known.data[known.len - 1] == '.';

        if (is_family && name.len > known.len && text_starts_with(name, known)) {
            *out_argument = barid_slice(name.data + known.len, name.len - known.len);
            return variable;
        }
        if (!is_family && barid_slice_equal(name, known)) {
            *out_argument = BARID_SLICE_EMPTY;
            return variable;
        }
    }
    return NULL;
}

const RuleFunctionInfo *
rule_registry_find_function(BaridSlice name)
{
    for (const RuleFunctionInfo *info = rule_builtin_functions; info->name != NULL; info++) {
        if (barid_slice_equal_text(name, info->name))
            return info;
    }
    for (guint i = 0; rule_functions != NULL && i < rule_functions->len; i++) {
        const RuleFunctionInfo *info = g_ptr_array_index(rule_functions, i);

        if (barid_slice_equal_text(name, info->name))
            return info;
    }
    return NULL;
}

const gchar **
rule_variable_names(void)
{
    guint count = rule_variables == NULL ? 0 : rule_variables->len;
    const gchar **names = g_new0(const gchar *, count + 1);

    for (guint i = 0; i < count; i++)
        names[i] = ((const RuleVariable *)g_ptr_array_index(rule_variables, i))->name;
    return names;
}

gboolean
rule_variable_get_info(const gchar *name, RuleType *out_type, BaridKnown *out_known)
{
    for (guint i = 0; rule_variables != NULL && i < rule_variables->len; i++) {
        const RuleVariable *variable = g_ptr_array_index(rule_variables, i);

        if (strcmp(variable->name, name) == 0) {
            *out_type = variable->type;
            *out_known = variable->known;
            return TRUE;
        }
    }
    return FALSE;
}

const gchar *
rule_registry_nearest_variable(BaridSlice name)
{
    g_autofree const gchar **names = rule_variable_names();
    g_autofree gchar *text = g_strndup((const gchar *)name.data, name.len);

    return text_nearest(text, names);
}

const gchar *
rule_registry_nearest_function(BaridSlice name)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree gchar *text = g_strndup((const gchar *)name.data, name.len);

    for (const RuleFunctionInfo *info = rule_builtin_functions; info->name != NULL; info++)
        g_ptr_array_add(names, (gpointer)info->name);
    for (guint i = 0; rule_functions != NULL && i < rule_functions->len; i++) {
        const RuleFunctionInfo *info = g_ptr_array_index(rule_functions, i);

        g_ptr_array_add(names, (gpointer)info->name);
    }
    g_ptr_array_add(names, NULL);
    return text_nearest(text, (const gchar *const *)names->pdata);
}
