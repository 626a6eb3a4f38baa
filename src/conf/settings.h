/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binding settings tables (<barid/setting.h>) to sections: one declaration gives
 * parsing, checking, defaults, "config show" and the freeing of what was made.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <barid/setting.h>

#include "conf/rule-language.h"

/* One effective setting, for "config show", Landlock and the manual's test. */
typedef struct {
    gchar *section;    /* "queue", "listener main" */
    gchar *key;
    gchar *value;      /* as written, or the default; "(secret)" for secrets */
    ConfigPosition position; /* file NULL when it is the default */
    const BaridSetting *setting;
    const BaridRule *rule;   /* of a setting that takes one; borrowed from its struct */
    gchar *shadow;           /* what stands in KEY.shadow, or NULL */
    ConfigPosition shadow_position;
} EffectiveSetting;

/* Gives the bytes of a file that the configuration names (keys, certificates) in setting (key)
 * of (section): what the worker may not open itself is opened by the supervisor. */
typedef GBytes *(*SettingsOpenFile)(const gchar *section, const gchar *key, const gchar *path,
                                    gpointer data, GError **error);

/* Why (text), which a rule of setting (key) gives, is none of its values, caller owns it; NULL when
 * it is one. */
typedef gchar *(*SettingsCheckText)(const gchar *key, const gchar *text, gpointer data);

/* What is bound in one generation: the tree, the problems, and all effective settings. */
typedef struct {
    ConfigTree *tree;
    ConfigProblems *problems;
    GPtrArray *effective; /* of EffectiveSetting *, owned */
    const gchar *state_dir; /* relative paths are below it; NULL leaves them as they are */
    /* Of a simulation: paths that would be written are below it instead, absolute ones, too;
     * NULL otherwise. */
    const gchar *scratch_dir;
    RuleLists *lists;       /* of the tree's [list NAME] sections; rules point into it */
    SettingsCheckText check_text; /* of texts that rules give; NULL without */
    gpointer check_text_data;
    SettingsOpenFile open_file; /* NULL reads files directly */
    gpointer open_file_data;
} SettingsContext;

/* Reads the named lists of the tree at once. All three are borrowed. */
void settings_context_init(SettingsContext *self, ConfigTree *tree, ConfigProblems *problems,
                           const gchar *state_dir);
void settings_context_clear(SettingsContext *self);
/* The content of the file that (key) of (section), its label, names with (path): a key or a
 * certificate that only the supervisor may read. At start only. */
GBytes *settings_open_file(const SettingsContext *self, const gchar *section, const gchar *key,
                           const gchar *path, GError **error);

/* Fills (target), zeroed and as large as the table's struct, from (section), which may be
 * NULL (all defaults; (label) names it then, e.g. "module greylist"). (setting_size) is
 * the size of one table row in the caller's build. Problems are added; FALSE when there
 * were any, and (target) then still is safe to give to settings_clear(). */
gboolean settings_bind(SettingsContext *context, ConfigSection *section, const gchar *label,
                       const BaridSetting *table, gsize setting_size, gpointer target);
/* Frees what binding allocated and zeroes the members. */
void settings_clear(const BaridSetting *table, gsize setting_size, gpointer target);

/* Writes "settings": [{section, key, value, file, line, type, summary}] into an open object,
 * file and line null for a default. */
void settings_effective_to_json(const SettingsContext *context, JsonWriter *writer);

/* Higher floors add the meaning of a type, e.g. BARID_TYPE_STORE. (resolve) makes the
 * member's pointer from the checked text, borrowed for the generation's life. */
typedef gpointer (*SettingsResolve)(const gchar *text, gpointer data, GError **error);
void settings_set_resolver(BaridSettingType type, SettingsResolve resolve, gpointer data);

/* The words of the setting's type for people: "duration", "rule of size", ... */
const gchar *settings_type_describe(const BaridSetting *setting);
gboolean settings_type_is_rule(BaridSettingType type);

#endif
