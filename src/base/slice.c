/* SPDX-License-Identifier: Apache-2.0 */
#include <barid/slice.h>

#include <barid/error.h>

gboolean
barid_slice_equal_nocase(BaridSlice a, BaridSlice b)
{
    if (a.len != b.len)
        return FALSE;
    return a.len == 0 ||
           g_ascii_strncasecmp((const gchar *)a.data, (const gchar *)b.data, a.len) == 0;
}

gchar *
barid_slice_dup_text(BaridSlice slice, GError **error)
{
    if (slice.len > 0 && !g_utf8_validate((const gchar *)slice.data, (gssize)slice.len, NULL)) {
        /* g_utf8_validate() also refuses NUL when a length is given. */
        g_set_error_literal(error, BARID_ERROR, BARID_ERROR_INVALID,
                            "the text holds a NUL byte or is not UTF-8");
        return NULL;
    }
    return g_strndup(slice.len > 0 ? (const gchar *)slice.data : "", slice.len);
}
