/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

enum { TEXT_DISTANCE_MAX = 64 };

gssize
text_find(BaridSlice slice, guint8 byte)
{
    const guint8 *found = slice.len > 0 ? memchr(slice.data, byte, slice.len) : NULL;

    return found == NULL ? -1 : found - slice.data;
}

gssize
text_find_last(BaridSlice slice, guint8 byte)
{
    const guint8 *found = slice.len > 0 ? memrchr(slice.data, byte, slice.len) : NULL;

    return found == NULL ? -1 : found - slice.data;
}

gboolean
text_starts_with(BaridSlice slice, BaridSlice prefix)
{
    return slice.len >= prefix.len &&
           barid_slice_equal(barid_slice(slice.data, prefix.len), prefix);
}

gboolean
text_ends_with(BaridSlice slice, BaridSlice suffix)
{
    return slice.len >= suffix.len &&
           barid_slice_equal(barid_slice(slice.data + slice.len - suffix.len, suffix.len), suffix);
}

gboolean
text_contains(BaridSlice slice, BaridSlice part)
{
    if (part.len == 0)
        return TRUE;
    return slice.len >= part.len && memmem(slice.data, slice.len, part.data, part.len) != NULL;
}

gboolean
text_contains_nocase(BaridSlice slice, BaridSlice part)
{
    for (gsize i = 0; i + part.len <= slice.len; i++) {
        if (barid_slice_equal_nocase(barid_slice(slice.data + i, part.len), part))
            return TRUE;
    }
    return FALSE;
}

static gboolean
text_is_blank(guint8 byte)
{
    return byte == ' ' || byte == '\t';
}

BaridSlice
text_trim(BaridSlice slice)
{
    while (slice.len > 0 && text_is_blank(slice.data[0])) {
        slice.data++;
        slice.len--;
    }
    while (slice.len > 0 && text_is_blank(slice.data[slice.len - 1]))
        slice.len--;
    return slice;
}

gboolean
text_is_ascii(BaridSlice slice)
{
    guint8 all = 0;

    for (gsize i = 0; i < slice.len; i++)
        all |= slice.data[i];
    return all < 0x80;
}

/* How many bytes at the beginning need no escape: for most texts all. */
static gsize
text_count_plain(BaridSlice slice, gsize limit)
{
    gsize count = 0;

    while (count < slice.len && count < limit && slice.data[count] >= 0x20 &&
           slice.data[count] < 0x7f && slice.data[count] != '\\')
        count++;
    return count;
}

gchar *
text_escape(BaridSlice slice, gsize limit)
{
    GString *out = g_string_sized_new(MIN(slice.len, limit) + 4);
    gsize plain = text_count_plain(slice, limit);

    g_string_append_len(out, (const gchar *)slice.data, (gssize)plain);
    for (gsize i = plain; i < slice.len; i++) {
        guint8 byte = slice.data[i];

        if (out->len >= limit) {
            g_string_append(out, "...");
            break;
        }
        if (byte == '\\')
            g_string_append(out, "\\\\");
        else if (byte >= 0x20 && byte < 0x7f)
            g_string_append_c(out, (gchar)byte);
        else
            g_string_append_printf(out, "\\x%02x", byte);
    }
    return g_string_free(out, FALSE);
}

guint
text_distance(const gchar *a, const gchar *b)
{
    gsize n = strlen(a);
    gsize m = strlen(b);
    guint8 rows[3][TEXT_DISTANCE_MAX + 1];

    if (n > TEXT_DISTANCE_MAX || m > TEXT_DISTANCE_MAX)
        return G_MAXUINT;
    for (gsize j = 0; j <= m; j++)
        rows[0][j] = (guint8)j;
    for (gsize i = 1; i <= n; i++) {
        guint8 *row = rows[i % 3];
        const guint8 *above = rows[(i + 2) % 3];
        const guint8 *above2 = rows[(i + 1) % 3];

        row[0] = (guint8)i;
        for (gsize j = 1; j <= m; j++) {
            guint best = above[j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u);

            best = MIN(best, above[j] + 1u);
            best = MIN(best, row[j - 1] + 1u);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = MIN(best, above2[j - 2] + 1u);
            row[j] = (guint8)best;
        }
    }
    return rows[n % 3][m];
}

const gchar *
text_nearest(const gchar *text, const gchar *const *candidates)
{
    const gchar *nearest = NULL;
    guint best = (guint)(strlen(text) + 2) / 3 + 1;

    for (; *candidates != NULL; candidates++) {
        guint distance = text_distance(text, *candidates);

        if (distance < best) {
            best = distance;
            nearest = *candidates;
        }
    }
    return nearest;
}

/* FNV-1a. */
guint
text_slice_hash(gconstpointer slice)
{
    const BaridSlice *text = slice;
    guint32 hash = 2166136261u;

    for (gsize i = 0; i < text->len; i++)
        hash = (hash ^ text->data[i]) * 16777619u;
    return hash;
}

gboolean
text_slice_equal(gconstpointer a, gconstpointer b)
{
    return barid_slice_equal(*(const BaridSlice *)a, *(const BaridSlice *)b);
}

void
text_append_integer(GString *out, gint64 value)
{
    gchar digits[20];
    gsize start = sizeof digits;
    guint64 rest = value < 0 ? -(guint64)value : (guint64)value;

    do
        digits[--start] = (gchar)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (value < 0)
        digits[--start] = '-';
    g_string_append_len(out, digits + start, (gssize)(sizeof digits - start));
}
