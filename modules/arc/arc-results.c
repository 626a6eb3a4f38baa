/* SPDX-License-Identifier: Apache-2.0 */
#include "arc-results.h"

static gboolean
is_blank(guint8 byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static BaridSlice
trim(BaridSlice text)
{
    while (text.len > 0 && is_blank(text.data[0]))
        text = barid_slice(text.data + 1, text.len - 1);
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

static BaridSlice
skip(BaridSlice text, gsize len)
{
    return barid_slice(text.data + len, text.len - len);
}

/* Length of the quoted string or comment at the start; of anything else 1. What is not closed
 * reaches to the end; comments nest. */
static gsize
get_piece_len(BaridSlice text)
{
    guint8 open = text.data[0];
    guint8 close = open == '(' ? ')' : '"';
    guint depth = 1;

    if (open != '"' && open != '(')
        return 1;
    for (gsize i = 1; i < text.len; i++) {
        guint8 byte = text.data[i];

        if (byte == '\\')
            i++;
        else if (byte == close && --depth == 0)
            return i + 1;
        else if (byte == open)
            depth++;
    }
    return text.len;
}

gboolean
arc_results_next(BaridSlice *rest, BaridSlice *out_item)
{
    gsize len = 0;

    if (rest->len == 0)
        return FALSE;
    while (len < rest->len && rest->data[len] != ';')
        len += get_piece_len(skip(*rest, len));
    *out_item = trim(barid_slice(rest->data, len));
    *rest = skip(*rest, MIN(len + 1, rest->len));
    return TRUE;
}

/* Takes the next word: what blanks and comments separate. Quoted strings are part of it. */
static gboolean
next_word(BaridSlice *rest, BaridSlice *out_word)
{
    gsize len = 0;

    while (rest->len > 0 && (is_blank(rest->data[0]) || rest->data[0] == '('))
        *rest = skip(*rest, get_piece_len(*rest));
    while (len < rest->len && !is_blank(rest->data[len]) && rest->data[len] != '(')
        len += get_piece_len(skip(*rest, len));
    *out_word = barid_slice(rest->data, len);
    *rest = skip(*rest, len);
    return len > 0;
}

/* What stands behind "name=" in a word; FALSE when it is another one. */
static gboolean
match_word(BaridSlice word, const gchar *name, BaridSlice *out_value)
{
    gsize len = strlen(name);

    if (word.len <= len || word.data[len] != '=' ||
        !barid_slice_equal_nocase(barid_slice(word.data, len), barid_slice_from_text(name)))
        return FALSE;
    *out_value = skip(word, len + 1);
    if (out_value->len >= 2 && out_value->data[0] == '"' &&
        out_value->data[out_value->len - 1] == '"')
        *out_value = barid_slice(out_value->data + 1, out_value->len - 2);
    return TRUE;
}

BaridSlice
arc_result_get(BaridSlice item, const gchar *method)
{
    BaridSlice word, value;

    return next_word(&item, &word) && match_word(word, method, &value) ? value
                                                                       : BARID_SLICE_EMPTY;
}

BaridSlice
arc_result_get_property(BaridSlice item, const gchar *name)
{
    BaridSlice word, value;

    while (next_word(&item, &word)) {
        if (match_word(word, name, &value))
            return value;
    }
    return BARID_SLICE_EMPTY;
}

gboolean
arc_results_is_id(BaridSlice item, const gchar *id)
{
    BaridSlice word;

    if (!next_word(&item, &word))
        return FALSE;
    if (word.len >= 2 && word.data[0] == '"' && word.data[word.len - 1] == '"')
        word = barid_slice(word.data + 1, word.len - 2);
    return barid_slice_equal_nocase(word, barid_slice_from_text(id));
}
