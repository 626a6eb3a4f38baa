/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in pieces have the canonical form of the whole, which is its own canonical form; tag
 * lists are read as slices of their text. The first byte is the size of the pieces. */
#include "mime/canonical.h"
#include <barid/tag-list.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
collect(BaridSlice piece, gpointer data)
{
    g_string_append_len(data, (const gchar *)piece.data, (gssize)piece.len);
}

static GString *
make_form(BaridCanonicalForm form, BaridSlice body, gsize step)
{
    GString *out = g_string_new(NULL);
    CanonicalBody canonical;

    canonical_body_init(&canonical, form, G_MAXUINT64, collect, out);
    for (gsize pos = 0; pos < body.len; pos += step)
        canonical_body_feed(&canonical,
                            barid_slice(body.data + pos, MIN(step, body.len - pos)));
    canonical_body_end(&canonical);
    g_assert(canonical.n_bytes == out->len);
    return out;
}

static void
check_form(BaridCanonicalForm form, BaridSlice body, gsize step)
{
    g_autoptr(GString) whole = make_form(form, body, MAX(body.len, 1));
    g_autoptr(GString) pieces = make_form(form, body, step);
    g_autoptr(GString) again =
        make_form(form, barid_slice(whole->str, whole->len), MAX(whole->len, 1));

    g_assert(g_string_equal(whole, pieces));
    g_assert(g_string_equal(whole, again));
    g_assert(whole->len == 0 || g_str_has_suffix(whole->str, "\r\n") ||
             memchr(whole->str, '\0', whole->len) != NULL);
}

static void
check_fields(BaridSlice message)
{
    HeaderIter iter;
    HeaderField field;

    header_iter_init(&iter, message);
    while (header_iter_next(&iter, &field) == HEADER_FIELD) {
        g_autoptr(GString) relaxed = g_string_new(NULL);

        canonical_field(BARID_CANONICAL_RELAXED, &field, collect, relaxed);
        g_assert(relaxed->len >= 3 && strstr(relaxed->str, " \r\n") == NULL);
    }
}

static void
check_tags(BaridSlice text)
{
    BaridTagList list;

    if (barid_tag_list_parse(text, &list) != BARID_TAG_LIST_OK)
        g_assert(list.error_offset <= text.len);
    for (guint i = 0; i < list.n_tags; i++) {
        const BaridTag *tag = &list.tags[i];
        g_autofree guint8 *out = g_malloc(text.len + 1);
        gsize len = 0;

        g_assert(tag->name.len > 0 && tag->value.len <= tag->around.len);
        barid_tag_value_decode_base64(tag->value, out, text.len, &len);
        g_assert(len <= text.len);
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    BaridSlice rest;

    if (size == 0)
        return 0;
    rest = barid_slice(data + 1, size - 1);
    check_form(BARID_CANONICAL_SIMPLE, rest, (gsize)data[0] + 1);
    check_form(BARID_CANONICAL_RELAXED, rest, (gsize)data[0] + 1);
    check_fields(rest);
    check_tags(rest);
    return 0;
}
