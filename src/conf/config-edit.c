/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/config-edit.h"

#include <string.h>

/* Offsets in the text. */
typedef struct {
    gboolean has_head, has_value;
    gsize behind_head;            /* where the line behind the section's head begins */
    gsize value_start, value_end; /* without blanks and comments; continued lines included */
} EditPlace;

static gboolean
edit_is_blank(gchar byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static gsize
edit_trim(const gchar *text, gsize start, gsize end)
{
    while (end > start && edit_is_blank(text[end - 1]))
        end--;
    return end;
}

/* "[kind name]" with whatever blanks between. */
static gboolean
edit_is_head(const gchar *text, gsize start, gsize end, const gchar *label)
{
    const gchar *close = memchr(text + start, ']', end - start);
    g_autofree gchar *inside = NULL;
    g_auto(GStrv) words = NULL;
    g_autoptr(GString) found = g_string_new(NULL);

    if (close == NULL)
        return FALSE;
    inside = g_strndup(text + start + 1, (gsize)(close - text) - start - 1);
    words = g_strsplit_set(inside, " \t", -1);
    for (guint i = 0; words[i] != NULL; i++) {
        if (*words[i] != '\0')
            g_string_append_printf(found, "%s%s", found->len > 0 ? " " : "", words[i]);
    }
    return strcmp(found->str, label) == 0;
}

/* Where a comment begins, or the end; one stands behind white space and outside of quotes. */
static gsize
edit_find_comment(const gchar *text, gsize start, gsize end)
{
    gboolean is_quoted = FALSE;

    for (gsize at = start; at < end; at++) {
        if (text[at] == '\\' && is_quoted)
            at++;
        else if (text[at] == '"')
            is_quoted = !is_quoted;
        else if ((text[at] == '#' || text[at] == ';') && !is_quoted &&
                 (at == start || edit_is_blank(text[at - 1])))
            return at;
    }
    return end;
}

static gboolean
edit_is_key(const gchar *text, gsize start, gsize end, const gchar *key, gsize *out_behind)
{
    const gchar *equals = memchr(text + start, '=', end - start);
    gsize key_end;

    if (equals == NULL)
        return FALSE;
    key_end = edit_trim(text, start, (gsize)(equals - text));
    *out_behind = (gsize)(equals - text) + 1;
    return key_end - start == strlen(key) && strncmp(text + start, key, key_end - start) == 0;
}

static void
edit_take_value(const gchar *text, gsize start, gsize end, EditPlace *place)
{
    while (start < end && edit_is_blank(text[start]))
        start++;
    place->has_value = TRUE;
    place->value_start = start;
    place->value_end = edit_trim(text, start, edit_find_comment(text, start, end));
}

/* What follows the value on lines of its own belongs to it. */
static void
edit_take_continuation(const gchar *text, gsize start, gsize end, EditPlace *place)
{
    gsize from = start;

    while (from < end && edit_is_blank(text[from]))
        from++;
    if (from < end && text[from] != '#' && text[from] != ';')
        place->value_end = edit_trim(text, from, edit_find_comment(text, from, end));
}

static void
edit_find(const gchar *text, const gchar *label, const gchar *key, EditPlace *place)
{
    gsize len = strlen(text);
    gboolean is_inside = FALSE, continues = FALSE;
    gsize next;

    for (gsize start = 0; start < len; start = next) {
        const gchar *newline = strchr(text + start, '\n');
        gsize end = newline == NULL ? len : (gsize)(newline - text);
        gsize behind;

        next = MIN(end + 1, len);
        if (text[start] == '#' || text[start] == ';' || edit_trim(text, start, end) == start)
            continue;
        if (edit_is_blank(text[start])) {
            if (continues)
                edit_take_continuation(text, start, end, place);
            continue;
        }
        continues = FALSE;
        if (text[start] == '[') {
            is_inside = edit_is_head(text, start, end, label);
            if (is_inside && !place->has_head)
                place->behind_head = next;
            place->has_head |= is_inside;
        } else if (is_inside && edit_is_key(text, start, end, key, &behind)) {
            edit_take_value(text, behind, end, place);
            continues = TRUE;
        }
    }
}

gchar *
config_edit_set(const gchar *text, const gchar *label, const gchar *key, const gchar *value)
{
    EditPlace place = {.has_head = FALSE};
    GString *out = g_string_new(text);

    edit_find(text, label, key, &place);
    if (place.has_value) {
        g_string_erase(out, (gssize)place.value_start,
                       (gssize)(place.value_end - place.value_start));
        g_string_insert(out, (gssize)place.value_start, value);
        if (place.value_start > 0 && text[place.value_start - 1] == '=')
            g_string_insert_c(out, (gssize)place.value_start, ' ');
        return g_string_free(out, FALSE);
    }
    if (out->len > 0 && out->str[out->len - 1] != '\n')
        g_string_append_c(out, '\n');
    if (place.has_head) {
        g_autofree gchar *line = g_strdup_printf("%s = %s\n", key, value);
        gboolean is_last = place.behind_head == strlen(text);

        g_string_insert(out, is_last ? (gssize)out->len : (gssize)place.behind_head, line);
        return g_string_free(out, FALSE);
    }
    g_string_append_printf(out, "%s[%s]\n%s = %s\n", out->len > 0 ? "\n" : "", label, key, value);
    return g_string_free(out, FALSE);
}
