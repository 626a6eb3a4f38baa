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
static struct {
    RuleDnsParseType parse_type;
    RuleDnsLookup lookup;
    gpointer data;
} rule_dns;
static RuleFailureNote rule_failure_note;

void
rule_variable_register(const gchar *name, RuleType type, BaridKnown known, RuleGetter getter)
{
    RuleVariable *variable = g_new0(RuleVariable, 1);

    *variable = (RuleVariable){.name = g_intern_string(name), .type = type, .known = known,
                               .getter = getter, .last = BARID_KNOWN_ATTEMPT};
    if (rule_variables == NULL)
        rule_variables = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < rule_variables->len; i++) {
        const RuleVariable *other = g_ptr_array_index(rule_variables, i);

        g_assert(strcmp(other->name, name) != 0);
    }
    g_ptr_array_add(rule_variables, variable);
}

/* The registered one of that name and arguments, or NULL. */
static RuleFunctionInfo *
rule_registry_find_same(const gchar *name, const RuleType *args, guint n_args)
{
    for (guint i = 0; rule_functions != NULL && i < rule_functions->len; i++) {
        RuleFunctionInfo *info = g_ptr_array_index(rule_functions, i);

        if (strcmp(info->name, name) == 0 && info->n_args == n_args &&
            memcmp(info->args, args, n_args * sizeof *args) == 0)
            return info;
    }
    return NULL;
}

static RuleVariable *
rule_registry_get_variable(const gchar *name)
{
    for (guint i = 0; rule_variables != NULL && i < rule_variables->len; i++) {
        RuleVariable *variable = g_ptr_array_index(rule_variables, i);

        if (strcmp(variable->name, name) == 0)
            return variable;
    }
    g_assert_not_reached();
}

void
rule_variable_set_last(const gchar *name, BaridKnown last)
{
    rule_registry_get_variable(name)->last = last;
}

void
rule_variable_set_words(const gchar *name, const gchar *const *words)
{
    rule_registry_get_variable(name)->words = words;
}

void
rule_variable_set_section(const gchar *name, const gchar *kind)
{
    rule_registry_get_variable(name)->section = g_intern_string(kind);
}

static void
rule_registry_add_function(const RuleFunctionInfo *function)
{
    if (rule_functions == NULL)
        rule_functions = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(rule_functions, g_memdup2(function, sizeof *function));
}

void
rule_function_register(const gchar *name, RuleType result, const RuleType *args, guint n_args,
                       RuleFunction function)
{
    RuleFunctionInfo info = {.name = g_intern_string(name), .result = result, .n_args = n_args,
                             .function = function, .kind = RULE_FUNCTION_PURE};

    g_assert(n_args <= RULE_ARGS_MAX);
    memcpy(info.args, args, n_args * sizeof *args);
    rule_registry_add_function(&info);
}

void
rule_lookup_register(const gchar *name, RuleType result, const RuleType *args, guint n_args,
                     RuleFunction function, gpointer data)
{
    RuleFunctionInfo info = {.name = g_intern_string(name), .result = result, .n_args = n_args,
                             .function = function, .kind = RULE_FUNCTION_ASKS, .data = data};
    RuleFunctionInfo *same = rule_registry_find_same(name, args, n_args);

    g_assert(n_args <= RULE_ARGS_MAX);
    memcpy(info.args, args, n_args * sizeof *args);
    if (same != NULL)
        *same = info;
    else
        rule_registry_add_function(&info);
}

void
rule_dns_register(RuleDnsParseType parse_type, RuleDnsLookup lookup, gpointer data)
{
    rule_dns.parse_type = parse_type;
    rule_dns.lookup = lookup;
    rule_dns.data = data;
}

RuleDnsLookup
rule_registry_get_dns(gpointer *out_data)
{
    *out_data = rule_dns.data;
    return rule_dns.lookup;
}

gboolean
rule_registry_parse_dns_type(BaridSlice word, guint *out_type, gboolean *out_is_address)
{
    return rule_dns.parse_type != NULL && rule_dns.parse_type(word, out_type, out_is_address);
}

void
rule_failure_register(RuleFailureNote note)
{
    rule_failure_note = note;
}

void
rule_registry_note_failure(BaridScope *scope, const ConfigPosition *position, BaridSlice text)
{
    if (rule_failure_note != NULL && scope != NULL)
        rule_failure_note(scope, position, text);
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

RuleAnswer
rule_registry_lookup_store(BaridScope *scope, gpointer store, BaridSlice key, Arena *scratch,
                           BaridSlice *out_text)
{
    return rule_stores.lookup(scope, store, key, scratch, out_text);
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

static const RuleFunctionInfo *
rule_registry_nth_in(const RuleFunctionInfo *table, BaridSlice name, guint *index)
{
    for (const RuleFunctionInfo *info = table; info->name != NULL; info++) {
        if (barid_slice_equal_text(name, info->name) && (*index)-- == 0)
            return info;
    }
    return NULL;
}

const RuleFunctionInfo *
rule_registry_nth_function(BaridSlice name, guint index)
{
    const RuleFunctionInfo *found = rule_registry_nth_in(rule_builtin_functions, name, &index);

    if (found == NULL)
        found = rule_registry_nth_in(rule_arithmetic_functions, name, &index);
    for (guint i = 0; found == NULL && rule_functions != NULL && i < rule_functions->len; i++) {
        const RuleFunctionInfo *info = g_ptr_array_index(rule_functions, i);

        if (barid_slice_equal_text(name, info->name) && index-- == 0)
            found = info;
    }
    return found;
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
    const gchar *nearest;

    for (const RuleFunctionInfo *info = rule_builtin_functions; info->name != NULL; info++)
        g_ptr_array_add(names, (gpointer)info->name);
    for (guint i = 0; rule_functions != NULL && i < rule_functions->len; i++) {
        const RuleFunctionInfo *info = g_ptr_array_index(rule_functions, i);

        g_ptr_array_add(names, (gpointer)info->name);
    }
    g_ptr_array_add(names, NULL);
    nearest = text_nearest(text, (const gchar *const *)names->pdata);
    /* "substr" and "strip" are far from any name, and a part of one. */
    for (guint i = 0; nearest == NULL && i + 1 < names->len && name.len > 2; i++) {
        if (g_str_has_prefix(g_ptr_array_index(names, i), text))
            nearest = g_ptr_array_index(names, i);
    }
    return nearest;
}
