/* SPDX-License-Identifier: Apache-2.0 */
#include <barid/report-uris.h>

#include <barid/tag-list.h>

enum { ADDRESS_BYTES_MAX = 320 };

/* Takes the next item of a list with commas. */
static gboolean
next_uri(BaridSlice *rest, BaridSlice *out_uri)
{
    BaridTagItems items = barid_tag_items(*rest);

    if (!barid_tag_items_next(&items, ',', out_uri))
        return FALSE;
    *rest = items.has_ended ? BARID_SLICE_EMPTY : items.rest;
    return TRUE;
}

/* Length of the scheme with its colon (RFC 3986 section 3.1); 0 when there is none. */
static gsize
get_scheme_len(BaridSlice uri)
{
    for (gsize i = 0; i < uri.len; i++) {
        gchar byte = (gchar)uri.data[i];

        if (byte == ':')
            return i == 0 ? 0 : i + 1;
        if (!(g_ascii_isalpha(byte) ||
              (i > 0 && (g_ascii_isdigit(byte) || byte == '+' || byte == '-' || byte == '.'))))
            return 0;
    }
    return 0;
}

gboolean
barid_report_uris_has_any(BaridSlice uris)
{
    BaridSlice uri;

    while (next_uri(&uris, &uri)) {
        gsize len = get_scheme_len(uri);

        if (len > 0 && uri.len > len)
            return TRUE;
    }
    return FALSE;
}

/* The address of "mailto:address" (RFC 6068), without what may follow: header fields, and the
 * greatest size "!10m", which RFC 9989 has reporters ignore. */
static gboolean
decode_address(BaridSlice text, GString *out)
{
    gsize at = 0;

    g_string_truncate(out, 0);
    for (gsize i = 0; i < text.len && text.data[i] != '!' && text.data[i] != '?'; i++) {
        gint byte = text.data[i];

        if (byte == '%') {
            gint high = i + 2 < text.len ? g_ascii_xdigit_value((gchar)text.data[i + 1]) : -1;
            gint low = i + 2 < text.len ? g_ascii_xdigit_value((gchar)text.data[i + 2]) : -1;

            if (high < 0 || low < 0)
                return FALSE;
            byte = high * 16 + low;
            i += 2;
        }
        if (byte <= ' ' || byte >= 0x7f || strchr("<>,;\"", byte) != NULL ||
            out->len == ADDRESS_BYTES_MAX)
            return FALSE;
        g_string_append_c(out, (gchar)byte);
        if (byte == '@')
            at = out->len;
    }
    return at > 1 && at < out->len;
}

gboolean
barid_report_uris_next(BaridSlice *rest, GString *out_address)
{
    BaridSlice uri;

    while (next_uri(rest, &uri)) {
        gsize len = get_scheme_len(uri);

        if (len > 0 &&
            barid_slice_equal_nocase(barid_slice(uri.data, len), BARID_SLICE_LITERAL("mailto:")) &&
            decode_address(barid_slice(uri.data + len, uri.len - len), out_address))
            return TRUE;
    }
    return FALSE;
}
