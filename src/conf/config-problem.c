/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/config-problem.h"

#include <stdarg.h>

#include "base/error-domain.h"
#include "base/i18n.h"

/* A source line is shown whole up to this many bytes. */
enum { CONFIG_SOURCE_LINE_MAX = 400 };

struct ConfigProblems {
    GPtrArray *kept; /* of ConfigProblem * */
    guint count;     /* also those that were not kept */
    gboolean sorted;
};

ERROR_DOMAIN_DEFINE(config_error_quark, "barid-config")

static void
config_problem_free(gpointer data)
{
    ConfigProblem *problem = data;

    g_free(problem->section);
    g_free(problem->key);
    g_free(problem->message);
    g_free(problem->source_line);
    g_free(problem);
}

ConfigProblems *
config_problems_new(void)
{
    ConfigProblems *self = g_new0(ConfigProblems, 1);

    self->kept = g_ptr_array_new_with_free_func(config_problem_free);
    self->sorted = TRUE;
    return self;
}

void
config_problems_free(ConfigProblems *self)
{
    if (self == NULL)
        return;
    g_ptr_array_unref(self->kept);
    g_free(self);
}

guint
config_problems_get_count(const ConfigProblems *self)
{
    return self->count;
}

const ConfigProblem *
config_problems_get(const ConfigProblems *self, guint index)
{
    return index < self->kept->len ? g_ptr_array_index(self->kept, index) : NULL;
}

void
config_problems_add(ConfigProblems *self, ConfigPosition position, const gchar *section,
                    const gchar *key, const gchar *source_line, guint width,
                    const gchar *format, ...)
{
    ConfigProblem *problem;
    va_list args;

    self->count++;
    if (self->kept->len >= CONFIG_PROBLEMS_MAX)
        return;
    problem = g_new0(ConfigProblem, 1);
    problem->position = position;
    problem->section = g_strdup(section);
    problem->key = g_strdup(key);
    problem->source_line = g_strdup(source_line);
    problem->width = width;
    va_start(args, format);
    problem->message = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(self->kept, problem);
    self->sorted = FALSE;
}

gchar *
config_problem_dup_hint(const gchar *before, const gchar *nearest, const gchar *after)
{
    g_autofree gchar *shown = NULL;

    if (nearest == NULL)
        return g_strdup("");
    shown = g_strconcat(before, nearest, after, NULL);
    return g_strdup_printf(_("; did you mean %s?"), shown);
}

static gint
config_problem_compare(gconstpointer a, gconstpointer b)
{
    const ConfigProblem *left = *(const ConfigProblem *const *)a;
    const ConfigProblem *right = *(const ConfigProblem *const *)b;
    gint order = g_strcmp0(left->position.file, right->position.file);

    if (order != 0)
        return order;
    if (left->position.line != right->position.line)
        return left->position.line < right->position.line ? -1 : 1;
    if (left->position.column != right->position.column)
        return left->position.column < right->position.column ? -1 : 1;
    return 0;
}

static void
config_problems_sort(ConfigProblems *self)
{
    if (!self->sorted)
        g_ptr_array_sort(self->kept, config_problem_compare);
    self->sorted = TRUE;
}

/* Bytes that continue a UTF-8 character take no column on the screen. */
static gboolean
config_problem_starts_character(gchar byte)
{
    return ((guchar)byte & 0xc0) != 0x80;
}

static void
config_problem_append_underline(GString *out, const ConfigProblem *problem)
{
    const gchar *line = problem->source_line;
    gsize len = strlen(line);
    gsize start = problem->position.column > 0 ? problem->position.column - 1 : 0;
    gsize end;

    if (start > len)
        start = len;
    end = MIN(start + problem->width, len);
    for (gsize i = 0; i < start; i++) {
        /* A tab stays a tab, so that the mark stands below its text. */
        if (line[i] == '\t' || config_problem_starts_character(line[i]))
            g_string_append_c(out, line[i] == '\t' ? '\t' : ' ');
    }
    g_string_append_c(out, '^');
    for (gsize i = start + 1; i < end; i++) {
        if (config_problem_starts_character(line[i]))
            g_string_append_c(out, '~');
    }
    g_string_append_c(out, '\n');
}

static void
config_problem_append(GString *out, const ConfigProblem *problem)
{
    const ConfigPosition *position = &problem->position;

    /* What is wrong with a whole file has no line, and often begins with its name. */
    if (position->file != NULL && position->line == 0) {
        if (!g_str_has_prefix(problem->message, position->file))
            g_string_append_printf(out, "%s: ", position->file);
    } else if (position->file != NULL)
        g_string_append_printf(out, "%s:%u:%u: ", position->file, position->line,
                               position->column);
    if (problem->section != NULL)
        g_string_append_printf(out, "[%s] ", problem->section);
    if (problem->key != NULL)
        g_string_append_printf(out, "%s: ", problem->key);
    g_string_append_printf(out, "%s\n", problem->message);
    if (problem->source_line == NULL || strlen(problem->source_line) > CONFIG_SOURCE_LINE_MAX)
        return;
    g_string_append_printf(out, "    %s\n", problem->source_line);
    if (problem->width > 0) {
        g_string_append(out, "    ");
        config_problem_append_underline(out, problem);
    }
}

gchar *
config_problems_to_text(ConfigProblems *self)
{
    GString *out = g_string_new(NULL);
    guint more = self->count - self->kept->len;

    config_problems_sort(self);
    for (guint i = 0; i < self->kept->len; i++)
        config_problem_append(out, g_ptr_array_index(self->kept, i));
    if (more > 0)
        g_string_append_printf(
            out,
            dngettext(GETTEXT_PACKAGE, "and %u more problem\n", "and %u more problems\n", more),
            more);
    return g_string_free(out, FALSE);
}

void
config_problems_to_json(ConfigProblems *self, JsonWriter *writer)
{
    config_problems_sort(self);
    json_writer_begin_array(writer, "problems");
    for (guint i = 0; i < self->kept->len; i++) {
        const ConfigProblem *problem = g_ptr_array_index(self->kept, i);

        json_writer_begin_object(writer, NULL);
        json_writer_text(writer, "file", problem->position.file);
        json_writer_integer(writer, "line", problem->position.line);
        json_writer_integer(writer, "column", problem->position.column);
        json_writer_text(writer, "section", problem->section);
        json_writer_text(writer, "key", problem->key);
        json_writer_text(writer, "message", problem->message);
        json_writer_end_object(writer);
    }
    json_writer_end_array(writer);
}
