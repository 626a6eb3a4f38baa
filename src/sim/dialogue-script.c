/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/dialogue-script.h"

#include <string.h>

#include "sim/dialogue.h"

enum { SCRIPT_BYTES_MAX = 16 * 1024 * 1024 };

/* Words that have a name behind a blank, instead of behind the colon. */
static const gchar *const script_named_words[] = {"store ", "list "};

static void
script_step_free(gpointer data)
{
    DialogueStep *step = data;

    g_free(step->word);
    g_free(step->text);
    g_free(step->block);
    g_free(step->line);
    g_free(step);
}

/* "store NAME:" is the same as "store: NAME". */
static void
script_split_name(DialogueStep *step)
{
    for (guint i = 0; i < G_N_ELEMENTS(script_named_words); i++) {
        gsize len = strlen(script_named_words[i]);

        if (!g_str_has_prefix(step->word, script_named_words[i]) || step->text[0] != '\0')
            continue;
        g_free(step->text);
        step->text = g_strstrip(g_strdup(step->word + len));
        step->word[len - 1] = '\0';
    }
}

static DialogueStep *
script_add_step(DialogueScript *self, guint number, const gchar *line)
{
    const gchar *colon = strchr(line, ':');
    gsize word_len = colon == NULL ? strlen(line) : (gsize)(colon - line);
    DialogueStep *step = g_new0(DialogueStep, 1);

    step->number = number;
    step->line = g_strdup(line);
    step->word = g_strstrip(g_strndup(line, word_len));
    if (colon != NULL && colon[1] == ' ')
        colon++;
    step->text = g_strdup(colon == NULL ? "" : colon + 1);
    script_split_name(step);
    g_ptr_array_add(self->steps, step);
    return step;
}

/* --- blocks --- */

static guint
script_count_lines(const GString *text)
{
    guint count = 1;

    for (gsize i = 0; i < text->len; i++)
        count += text->str[i] == '\n';
    return count;
}

/* The next line that is added has the number (line), as far as that is possible. */
static void
script_advance(GString *text, guint line)
{
    for (guint at = script_count_lines(text); at < line; at++)
        g_string_append_c(text, '\n');
}

static void
script_quote(GString *out, const gchar *text)
{
    g_string_append_c(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *text);
    }
    g_string_append(out, "\"\n");
}

/* Entries are written one a line; those that the configuration has are replaced. */
static void
script_write_list(DialogueScript *self, const DialogueStep *step)
{
    g_auto(GStrv) lines = g_strsplit(step->block == NULL ? "" : step->block, "\n", -1);
    const gchar *before = "entries = ";

    script_advance(self->lists, step->number);
    g_string_append_printf(self->lists, "[list %s]\n", step->text);
    for (guint i = 0; lines[i] != NULL; i++) {
        if (*g_strstrip(lines[i]) == '\0')
            continue;
        g_string_append(self->lists, before);
        script_quote(self->lists, lines[i]);
        before = "  , ";
    }
    if (*before == 'e')
        g_string_append(self->lists, "entries =\n");
    g_string_append(self->lists, "file =\n");
}

/* Blocks that are needed before anything runs. */
static void
script_gather(DialogueScript *self)
{
    for (guint i = 0; i < self->steps->len; i++) {
        const DialogueStep *step = g_ptr_array_index(self->steps, i);
        GString *out = strcmp(step->word, "config") == 0 ? self->config
                       : strcmp(step->word, "dns") == 0  ? self->dns
                                                         : NULL;

        if (strcmp(step->word, "list") == 0)
            script_write_list(self, step);
        if (out == NULL || step->block == NULL)
            continue;
        script_advance(out, step->number + 1);
        g_string_append_printf(out, "%s\n", step->block);
    }
}

static gsize
script_get_indent(const gchar *line)
{
    return strspn(line, " \t");
}

/* Takes the indented lines from (*index) on; blank ones belong to them when more follow. */
static gchar *
script_take_block(gchar **lines, guint *index)
{
    GString *block = NULL;
    gsize indent = script_get_indent(lines[*index]);
    guint n_blank = 0;

    for (guint i = *index; lines[i] != NULL; i++) {
        const gchar *line = lines[i];

        if (line[script_get_indent(line)] == '\0') {
            n_blank++;
            continue;
        }
        if (script_get_indent(line) == 0)
            break;
        if (block == NULL)
            block = g_string_new(NULL);
        else
            g_string_append_c(block, '\n');
        for (; n_blank > 0; n_blank--)
            g_string_append_c(block, '\n');
        g_string_append(block, line + MIN(indent, script_get_indent(line)));
        *index = i + 1;
    }
    return block == NULL ? NULL : g_string_free(block, FALSE);
}

static gboolean
script_refuse(const gchar *path, guint line, const gchar *why, GError **error)
{
    g_set_error(error, DIALOGUE_ERROR, BARID_ERROR_INVALID, "%s:%u: %s", path, line, why);
    return FALSE;
}

static gboolean
script_take_lines(DialogueScript *self, const gchar *path, gchar **lines, GError **error)
{
    DialogueStep *last = NULL;

    for (guint i = 0; lines[i] != NULL;) {
        gchar *line = lines[i];

        if (g_str_has_suffix(line, "\r"))
            line[strlen(line) - 1] = '\0';
        if (line[script_get_indent(line)] == '\0' || line[0] == '#') {
            i++;
            continue;
        }
        if (script_get_indent(line) == 0) {
            last = script_add_step(self, ++i, line);
            continue;
        }
        if (last == NULL || last->block != NULL)
            return script_refuse(path, i + 1, "an indented line belongs to nothing", error);
        last->block = script_take_block(lines, &i);
    }
    return TRUE;
}

gboolean
dialogue_script_read(DialogueScript *self, const gchar *path, GError **error)
{
    g_autofree gchar *text = NULL;
    g_auto(GStrv) lines = NULL;
    gsize len;

    self->steps = g_ptr_array_new_with_free_func(script_step_free);
    self->config = g_string_new(NULL);
    self->lists = g_string_new(NULL);
    self->dns = g_string_new(NULL);
    if (!g_file_get_contents(path, &text, &len, error))
        return FALSE;
    if (len > SCRIPT_BYTES_MAX || strlen(text) != len)
        return script_refuse(path, 1, "this is no text, or too much of it", error);
    lines = g_strsplit(text, "\n", -1);
    if (!script_take_lines(self, path, lines, error))
        return FALSE;
    script_gather(self);
    return self->steps->len > 0 || script_refuse(path, 1, "the script is empty", error);
}

void
dialogue_script_clear(DialogueScript *self)
{
    g_ptr_array_free(self->steps, TRUE);
    g_string_free(self->config, TRUE);
    g_string_free(self->lists, TRUE);
    g_string_free(self->dns, TRUE);
}
