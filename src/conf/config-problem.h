/* SPDX-License-Identifier: Apache-2.0 */
/* Problems found in a configuration, all of them collected before anything is refused. */
#ifndef CONFIG_PROBLEM_H
#define CONFIG_PROBLEM_H

#include <barid/error.h>

#include "base/json-writer.h"

#define CONFIG_ERROR (config_error_quark())
GQuark config_error_quark(void);

/* Where something stands. (file) is interned; line and column count from 1. */
typedef struct {
    const gchar *file;
    guint line;
    guint column;
} ConfigPosition;

typedef struct {
    ConfigPosition position;
    gchar *section; /* "listener main", or NULL */
    gchar *key;     /* or NULL */
    gchar *message; /* what is wrong and what would be right */
    gchar *source_line; /* the offending line's text, or NULL */
    guint width;    /* bytes to underline from (column), 0 for none */
} ConfigProblem;

typedef struct ConfigProblems ConfigProblems;

ConfigProblems *config_problems_new(void);
void config_problems_free(ConfigProblems *self);
guint config_problems_get_count(const ConfigProblems *self);
const ConfigProblem *config_problems_get(const ConfigProblems *self, guint index);
/* Adds one; texts are copied. (section), (key), (source_line) may be NULL. At most
 * CONFIG_PROBLEMS_MAX are kept; more are counted. */
#define CONFIG_PROBLEMS_MAX 200
void config_problems_add(ConfigProblems *self, ConfigPosition position, const gchar *section,
                         const gchar *key, const gchar *source_line, guint width,
                         const gchar *format, ...) G_GNUC_PRINTF(7, 8);
/* "FILE:LINE:COLUMN: [section] key: message", the line and an underline; in the order of
 * files and lines. Caller owns it. */
gchar *config_problems_to_text(ConfigProblems *self);
/* "; did you mean X?" to end a message with, where X is (nearest) between (before) and (after), or
 * "" when (nearest) is NULL. Caller owns it. */
gchar *config_problem_dup_hint(const gchar *before, const gchar *nearest, const gchar *after);
/* Writes "problems": [{file, line, column, section, key, message}] into an open object. */
void config_problems_to_json(ConfigProblems *self, JsonWriter *writer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConfigProblems, config_problems_free)

#endif
