/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ConfigTree: the parsed configuration: sections of keys with their positions, before
 * anybody knows what they mean. Loading is parse, then declare, then bind: each owner of
 * settings binds its sections (conf/settings.h), and what nobody asked for is reported
 * as unknown with the nearest known name.
 *
 * Lexis (doc: barid.conf(5)): "[kind]" or "[kind name]" on a line; "key = value"; "#" or
 * ";" begins a comment at the start of a line or after white space outside quotes; a
 * line that begins with white space continues the value; "..." quotes with
 * \" \\ \n \t.
 */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include "base/arena.h"
#include "conf/config-file.h"

typedef struct ConfigTree ConfigTree;
typedef struct ConfigSection ConfigSection;
typedef struct ConfigValue ConfigValue;

/* Parses all files; later files override single keys of the same section. Never NULL;
 * what cannot be parsed is reported and left out. */
ConfigTree *config_tree_parse(const ConfigFiles *files, ConfigProblems *problems);
void config_tree_free(ConfigTree *self);
/* For what shall live as long as the tree. */
Arena *config_tree_get_arena(ConfigTree *self);

/* The section [kind] or [kind name]; (name) NULL for none. NULL when there is none. */
ConfigSection *config_tree_find(ConfigTree *self, const gchar *kind, const gchar *name);
/* The (index)-th section of (kind) in order of appearance, or NULL past the last. */
ConfigSection *config_tree_get_nth(ConfigTree *self, const gchar *kind, guint index);
const gchar *config_section_get_kind(const ConfigSection *self);
const gchar *config_section_get_name(const ConfigSection *self); /* or NULL */
ConfigPosition config_section_get_position(const ConfigSection *self);
const gchar *config_section_get_source_line(const ConfigSection *self);
/* "kind" or "kind name", for messages. */
const gchar *config_section_get_label(const ConfigSection *self);
/* Marks it as known, so that it is not reported as unknown even when empty. */
void config_section_claim(ConfigSection *self);

/* The key's value and marks it as used; NULL when absent. */
ConfigValue *config_section_use(ConfigSection *self, const gchar *key);
/* Adds a problem with the value of (key), all of it underlined; with the section's head where the
 * key is absent or NULL. */
void config_section_report(ConfigSection *self, ConfigProblems *problems, const gchar *key,
                           const gchar *format, ...) G_GNUC_PRINTF(4, 5);
/* The keys present, in order; for sections whose keys are free (e.g. aliases). */
guint config_section_get_n_keys(const ConfigSection *self);
const gchar *config_section_get_key(const ConfigSection *self, guint index);

/* The value with comments removed and continuation lines joined by one blank, quotes
 * still in place. */
BaridSlice config_value_get_raw(const ConfigValue *self);
/* The file position of byte (offset) of the raw text. */
ConfigPosition config_value_locate(const ConfigValue *self, gsize offset);
const gchar *config_value_get_source_line(const ConfigValue *self, gsize offset);
/* The value as one text, quotes and escapes resolved. NULL after reporting a problem
 * (bad escape, text after a closing quote). Lives as long as the tree. */
const gchar *config_value_get_text(ConfigValue *self, ConfigProblems *problems);
/* Split at top-level commas, each item trimmed and unquoted; NULL-terminated; an empty
 * value gives an empty list. Lives as long as the tree. NULL after a problem. */
const gchar *const *config_value_get_list(ConfigValue *self, ConfigProblems *problems);
/* Adds a problem at byte (offset) of the raw text, underlining (width) bytes. */
void config_value_report(const ConfigValue *self, ConfigProblems *problems, gsize offset,
                         gsize width, const gchar *format, ...) G_GNUC_PRINTF(5, 6);
/* The same for entry (index) of the list, once config_value_get_list() has given it. */
void config_value_report_item(const ConfigValue *self, ConfigProblems *problems, guint index,
                              const gchar *format, ...) G_GNUC_PRINTF(4, 5);
/* The key, or NULL. */
const gchar *config_value_get_key(const ConfigValue *self);
/* A value that stands in no file: defaults and tests. Its positions are in "default".
 * (section) and (key) may be NULL. It lives as long as the arena. */
ConfigValue *config_value_new_text(Arena *arena, const gchar *section, const gchar *key,
                                   const gchar *text);

/* Tells which kinds and keys exist, for "did you mean". (kind) may also be a whole label such
 * as "module greylist", whose keys then belong to that section alone. (key) may be NULL. */
void config_tree_declare(ConfigTree *self, const gchar *kind, const gchar *key);
/* Reports every section and key that nobody used. */
void config_tree_report_unknown(ConfigTree *self, ConfigProblems *problems);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConfigTree, config_tree_free)

#endif
