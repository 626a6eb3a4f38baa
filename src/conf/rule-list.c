/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rule-list.h"

#include "base/text.h"

/* A list's file may hold this much. */
enum { RULE_LIST_FILE_MAX = 64 * 1024 * 1024 };

struct RuleLists {
    GHashTable *by_name; /* of RuleSet *, owned */
    GHashTable *rules;   /* of RuleNamed *, owned */
    ConfigProblems *problems;
    const gchar *state_dir;
};

static const gchar *const rule_list_types[] = {"text", "networks", "patterns", NULL};
static const RuleSetKind rule_list_kinds[] = {RULE_SET_TEXTS, RULE_SET_NETWORKS,
                                              RULE_SET_PATTERNS};

/* An entry is /PATTERN/ or /PATTERN/i. NULL, or the reason; caller owns it. */
static gchar *
rule_list_add_pattern(RuleSet *set, BaridSlice entry)
{
    RuleRegexFlags flags = RULE_REGEX_PLAIN;
    gchar *reason = NULL;
    RuleRegex *regex;
    gsize offset;

    if (text_ends_with(entry, BARID_SLICE_LITERAL("/i"))) {
        flags |= RULE_REGEX_CASELESS;
        entry.len--;
    }
    if (entry.len < 2 || entry.data[0] != '/' || entry.data[entry.len - 1] != '/')
        return g_strdup("a pattern is written /.../ or /.../i");
    regex = rule_regex_new(barid_slice(entry.data + 1, entry.len - 2), flags, &offset, &reason);
    if (regex != NULL)
        rule_set_add_pattern(set, regex);
    return reason;
}

static gchar *
rule_list_add(RuleSet *set, BaridSlice entry)
{
    Network network;

    switch (rule_set_get_kind(set)) {
    case RULE_SET_PATTERNS:
        return rule_list_add_pattern(set, entry);
    case RULE_SET_NETWORKS:
        if (!network_parse(entry, &network))
            return g_strdup("an address or a network such as 192.0.2.0/24 is expected, without "
                            "bits past the prefix");
        rule_set_add_network(set, &network);
        return NULL;
    case RULE_SET_TEXTS:
    case RULE_SET_NUMBERS:
        break;
    }
    rule_set_add_text(set, entry);
    return NULL;
}

static void
rule_list_take_entries(RuleLists *self, ConfigSection *section, RuleSet *set)
{
    ConfigValue *value = config_section_use(section, "entries");
    const gchar *const *entries =
        value == NULL ? NULL : config_value_get_list(value, self->problems);

    for (guint i = 0; entries != NULL && entries[i] != NULL; i++) {
        g_autofree gchar *reason = rule_list_add(set, barid_slice_from_text(entries[i]));

        if (reason != NULL)
            config_value_report_item(value, self->problems, i, "%s", reason);
    }
}

/* One entry a line; empty lines and those that begin with # are skipped. */
static void
rule_list_take_lines(RuleLists *self, const gchar *path, BaridSlice rest, RuleSet *set)
{
    ConfigPosition position = {g_intern_string(path), 0, 1};

    while (rest.len > 0) {
        gssize end = text_find(rest, '\n');
        gsize len = end < 0 ? rest.len : (gsize)end;
        BaridSlice line = barid_slice(rest.data, len);
        g_autofree gchar *reason = NULL;

        position.line++;
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        line = text_trim(line);
        if (line.len > 0 && line.data[0] != '#')
            reason = rule_list_add(set, line);
        if (reason != NULL) {
            g_autofree gchar *text = text_escape(line, 200);

            config_problems_add(self->problems, position, NULL, NULL, text, 0, "%s", reason);
        }
        len = MIN(len + 1, rest.len);
        rest = barid_slice(rest.data + len, rest.len - len);
    }
}

static void
rule_list_take_file(RuleLists *self, ConfigSection *section, RuleSet *set)
{
    ConfigValue *value = config_section_use(section, "file");
    const gchar *name = value == NULL ? NULL : config_value_get_text(value, self->problems);
    g_autofree gchar *path = NULL;
    g_autofree gchar *text = NULL;
    g_autoptr(GError) error = NULL;
    gsize len;

    if (name == NULL || name[0] == '\0')
        return;
    if (g_path_is_absolute(name) || self->state_dir == NULL)
        path = g_strdup(name);
    else
        path = g_canonicalize_filename(name, self->state_dir);
    if (!g_file_get_contents(path, &text, &len, &error))
        config_value_report(value, self->problems, 0, config_value_get_raw(value).len, "%s",
                            error->message);
    else if (len > RULE_LIST_FILE_MAX)
        config_value_report(value, self->problems, 0, config_value_get_raw(value).len,
                            "the file is larger than %d MiB", RULE_LIST_FILE_MAX / 1048576);
    else
        rule_list_take_lines(self, path, barid_slice(text, len), set);
}

static RuleSetKind
rule_list_get_kind(RuleLists *self, ConfigSection *section)
{
    ConfigValue *value = config_section_use(section, "type");
    const gchar *type = value == NULL ? NULL : config_value_get_text(value, self->problems);

    if (type == NULL)
        return RULE_SET_TEXTS;
    for (gsize i = 0; rule_list_types[i] != NULL; i++) {
        if (strcmp(rule_list_types[i], type) == 0)
            return rule_list_kinds[i];
    }
    config_value_report(value, self->problems, 0, config_value_get_raw(value).len,
                        "write one of: text, networks, patterns");
    return RULE_SET_TEXTS;
}

static void
rule_list_take_section(RuleLists *self, ConfigSection *section)
{
    const gchar *name = config_section_get_name(section);
    RuleSet *set;

    config_section_claim(section);
    if (name == NULL) {
        config_problems_add(self->problems, config_section_get_position(section), NULL, NULL,
                            config_section_get_source_line(section), 0,
                            "a list needs a name: [list NAME]");
        return;
    }
    set = rule_set_new(rule_list_get_kind(self, section));
    rule_list_take_entries(self, section, set);
    rule_list_take_file(self, section, set);
    rule_set_seal(set);
    g_hash_table_insert(self->by_name, g_strdup(name), set);
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
                            name == NULL ? "a rule needs a name: [rule NAME]"
                                         : "a rule needs a condition");
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
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)rule_set_free);
    self->rules = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
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

void
rule_lists_free(RuleLists *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->by_name);
    g_hash_table_unref(self->rules);
    g_free(self);
}

const RuleSet *
rule_lists_find(const RuleLists *self, const gchar *name)
{
    return self == NULL ? NULL : g_hash_table_lookup(self->by_name, name);
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
rule_lists_check_rules(const RuleLists *self, ConfigProblems *problems)
{
    GHashTableIter iter;
    gpointer value;

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
