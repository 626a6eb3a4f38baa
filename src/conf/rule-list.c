/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rule-list.h"

#include "base/i18n.h"
#include "base/text.h"

struct RuleLists {
    GHashTable *by_name; /* of RuleListEntry *, owned */
    GHashTable *rules;   /* of RuleNamed *, owned */
    RuleListReader *reader;
    ConfigTree *tree;
    ConfigProblems *problems;
    const gchar *state_dir;
};

/* A list is read when it is used, or checked at the end. */
typedef struct {
    ConfigValue *type, *entries, *file; /* or NULL */
    RuleList *list;                     /* once it was read */
} RuleListEntry;

static const gchar *const rule_list_types[] = {"text", "networks", "patterns", "globs", NULL};
static const RuleSetKind rule_list_kinds[] = {RULE_SET_TEXTS, RULE_SET_NETWORKS,
                                              RULE_SET_PATTERNS, RULE_SET_GLOBS};

static void
rule_list_entry_free(gpointer data)
{
    RuleListEntry *self = data;

    rule_list_free(self->list);
    g_free(self);
}

static void
rule_list_take_entries(RuleLists *self, ConfigValue *value, RuleList *list)
{
    const gchar *const *entries =
        value == NULL ? NULL : config_value_get_list(value, self->problems);

    for (guint i = 0; entries != NULL && entries[i] != NULL; i++) {
        g_autofree gchar *reason = rule_list_add(list, entries[i]);

        if (reason != NULL)
            config_value_report_item(value, self->problems, i, "%s", reason);
    }
}

/* NULL without one. */
static gchar *
rule_list_dup_path(RuleLists *self, ConfigValue *value)
{
    const gchar *name = value == NULL ? NULL : config_value_get_text(value, self->problems);

    if (name == NULL || name[0] == '\0')
        return NULL;
    if (g_path_is_absolute(name) || self->state_dir == NULL)
        return g_strdup(name);
    return g_canonicalize_filename(name, self->state_dir);
}

static RuleSetKind
rule_list_take_kind(RuleLists *self, ConfigValue *value)
{
    const gchar *type = value == NULL ? NULL : config_value_get_text(value, self->problems);

    if (type == NULL)
        return RULE_SET_TEXTS;
    for (gsize i = 0; rule_list_types[i] != NULL; i++) {
        if (strcmp(rule_list_types[i], type) == 0)
            return rule_list_kinds[i];
    }
    config_value_report(value, self->problems, 0, config_value_get_raw(value).len,
                        _("write one of: text, networks, patterns, globs"));
    return RULE_SET_TEXTS;
}

static RuleList *
rule_list_entry_load(RuleListEntry *self, const gchar *name, RuleLists *lists)
{
    g_autofree gchar *path = rule_list_dup_path(lists, self->file);
    g_autoptr(GError) error = NULL;

    self->list = rule_list_new(name, rule_list_take_kind(lists, self->type), path, lists->reader);
    rule_list_take_entries(lists, self->entries, self->list);
    if (!rule_list_load(self->list, lists->problems, &error))
        config_value_report(self->file, lists->problems, 0, config_value_get_raw(self->file).len,
                            "%s", error->message);
    return self->list;
}

static void
rule_list_take_section(RuleLists *self, ConfigSection *section)
{
    const gchar *name = config_section_get_name(section);
    RuleListEntry *entry;

    config_section_claim(section);
    if (name == NULL) {
        config_problems_add(self->problems, config_section_get_position(section), NULL, NULL,
                            config_section_get_source_line(section), 0,
                            _("a list needs a name: [list NAME]"));
        return;
    }
    entry = g_new0(RuleListEntry, 1);
    entry->type = config_section_use(section, "type");
    entry->entries = config_section_use(section, "entries");
    entry->file = config_section_use(section, "file");
    g_hash_table_insert(self->by_name, g_strdup(name), entry);
}

static void
rule_list_take_rule(RuleLists *self, ConfigSection *section)
{
    const gchar *name = config_section_get_name(section);
    ConfigValue *value = config_section_use(section, "condition");
    RuleNamed *rule;

    config_section_claim(section);
    if (name == NULL || value == NULL) {
        config_problems_add(self->problems, config_section_get_position(section), NULL, NULL,
                            config_section_get_source_line(section), 0,
                            name == NULL ? _("a rule needs a name: [rule NAME]")
                                         : _("a rule needs a condition"));
        return;
    }
    rule = g_new0(RuleNamed, 1);
    rule->value = value;
    g_hash_table_insert(self->rules, g_strdup(name), rule);
}

RuleLists *
rule_lists_new(ConfigTree *tree, ConfigProblems *problems, const gchar *state_dir)
{
    static const gchar *const keys[] = {"type", "entries", "file"};
    RuleLists *self = g_new0(RuleLists, 1);
    ConfigSection *section;

    self->by_name =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, rule_list_entry_free);
    self->reader = rule_list_reader_new();
    self->rules = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    self->tree = tree;
    self->problems = problems;
    self->state_dir = state_dir;
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        config_tree_declare(tree, "list", keys[i]);
    for (guint i = 0; (section = config_tree_get_nth(tree, "list", i)) != NULL; i++)
        rule_list_take_section(self, section);
    config_tree_declare(tree, "rule", "condition");
    for (guint i = 0; (section = config_tree_get_nth(tree, "rule", i)) != NULL; i++)
        rule_list_take_rule(self, section);
    return self;
}

ConfigTree *
rule_lists_get_tree(const RuleLists *self)
{
    return self == NULL ? NULL : self->tree;
}

void
rule_lists_free(RuleLists *self)
{
    if (self == NULL)
        return;
    rule_list_reader_free(self->reader);
    g_hash_table_unref(self->by_name);
    g_hash_table_unref(self->rules);
    g_free(self);
}

RuleList *
rule_lists_find(RuleLists *self, const gchar *name)
{
    RuleListEntry *entry = self == NULL ? NULL : g_hash_table_lookup(self->by_name, name);

    if (entry == NULL)
        return NULL;
    return entry->list != NULL ? entry->list : rule_list_entry_load(entry, name, self);
}

void
rule_lists_load_all(RuleLists *self)
{
    g_autoptr(GList) names = g_hash_table_get_keys(self->by_name);

    for (const GList *name = names; name != NULL; name = name->next)
        rule_lists_find(self, name->data);
}

void
rule_lists_wait(RuleLists *self)
{
    rule_list_reader_wait(self->reader);
}

gchar **
rule_lists_dup_paths(const RuleLists *self)
{
    g_autoptr(GStrvBuilder) paths = g_strv_builder_new();
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->by_name);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const RuleListEntry *entry = value;

        if (entry->list != NULL && rule_list_get_path(entry->list) != NULL)
            g_strv_builder_add(paths, rule_list_get_path(entry->list));
    }
    return g_strv_builder_end(paths);
}

static const gchar *
rule_list_nearest_key(GHashTable *table, const gchar *name)
{
    g_autofree const gchar **names =
        (const gchar **)g_hash_table_get_keys_as_array(table, NULL);

    return text_nearest(name, names);
}

const gchar *
rule_lists_nearest(const RuleLists *self, const gchar *name)
{
    return self == NULL ? NULL : rule_list_nearest_key(self->by_name, name);
}

RuleNamed *
rule_lists_find_rule(const RuleLists *self, const gchar *name)
{
    return self == NULL ? NULL : g_hash_table_lookup(self->rules, name);
}

const gchar *
rule_lists_nearest_rule(const RuleLists *self, const gchar *name)
{
    return self == NULL ? NULL : rule_list_nearest_key(self->rules, name);
}

void
rule_lists_check_rules(RuleLists *self, ConfigProblems *problems)
{
    GHashTableIter iter;
    gpointer value;

    rule_lists_load_all(self);
    g_hash_table_iter_init(&iter, self->rules);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        RuleNamed *rule = value;

        if (rule->is_used)
            continue;
        /* So that it is not said twice of one that it uses, nor of itself. */
        rule->is_used = rule->is_open = TRUE;
        rule_free(rule_compile(rule->value, BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, self,
                               problems));
        rule->is_open = FALSE;
    }
}
