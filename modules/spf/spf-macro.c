/* SPDX-License-Identifier: Apache-2.0 */
#include "spf-macro.h"

#include <arpa/inet.h>

enum { SPF_NAME_MAX = 253, SPF_PARTS_MAX = 256 };

/* One "%{...}". */
typedef struct {
    gchar letter; /* in lower case */
    gboolean escapes;
    guint count;  /* parts that are kept; 0: all */
    gboolean is_reversed;
    gchar delimiters[8];
} SpfMacro;

/* Dotted as it is, or its nibbles (section 7.3 %{i}). */
gchar *
spf_macro_format_ip(const gchar *ip)
{
    static const gchar digits[] = "0123456789abcdef";
    guint8 bytes[16];
    GString *out;

    if (inet_pton(AF_INET6, ip, bytes) != 1)
        return g_strdup(ip);
    out = g_string_new(NULL);
    for (guint i = 0; i < 16; i++)
        g_string_append_printf(out, "%s%c.%c", i == 0 ? "" : ".", digits[bytes[i] >> 4],
                               digits[bytes[i] & 15]);
    return g_string_free(out, FALSE);
}

/* A sender without local part is postmaster (section 4.3). */
static gchar *
macro_dup_local(const gchar *sender)
{
    const gchar *at = strrchr(sender, '@');

    return at == NULL || at == sender ? g_strdup("postmaster")
                                      : g_strndup(sender, (gsize)(at - sender));
}

static const gchar *
macro_get_sender_domain(const gchar *sender)
{
    const gchar *at = strrchr(sender, '@');

    return at == NULL ? sender : at + 1;
}

static gchar *
macro_dup_value(gchar letter, const SpfMacroValues *values)
{
    g_autofree gchar *local = macro_dup_local(values->sender);

    switch (letter) {
    case 's':
        return g_strconcat(local, "@", macro_get_sender_domain(values->sender), NULL);
    case 'l':
        return g_steal_pointer(&local);
    case 'o':
        return g_strdup(macro_get_sender_domain(values->sender));
    case 'd':
        return g_strdup(values->domain);
    case 'i':
        return spf_macro_format_ip(values->ip);
    case 'p':
        return g_strdup(values->validated == NULL ? "unknown" : values->validated);
    case 'v':
        return g_strdup(strchr(values->ip, ':') != NULL ? "ip6" : "in-addr");
    case 'h':
        return g_strdup(values->helo);
    case 'c':
        return g_strdup(values->ip);
    case 'r':
        return g_strdup(values->receiver == NULL ? "unknown" : values->receiver);
    case 't':
        return g_strdup_printf("%" G_GINT64_FORMAT, values->now_s);
    default:
        g_assert_not_reached();
    }
}

/* Behind "%{"; returns the length with "}". */
static gsize
macro_read(BaridSlice text, SpfMacro *out)
{
    gsize pos = 0;
    gsize n_delimiters = 0;

    *out = (SpfMacro){.letter = g_ascii_tolower((gchar)text.data[0]),
                      .escapes = g_ascii_isupper(text.data[0])};
    for (pos = 1; g_ascii_isdigit(text.data[pos]); pos++)
        out->count = MIN(out->count * 10 + (guint)(text.data[pos] - '0'), SPF_PARTS_MAX);
    if (g_ascii_tolower((gchar)text.data[pos]) == 'r') {
        out->is_reversed = TRUE;
        pos++;
    }
    for (; text.data[pos] != '}'; pos++) {
        if (strchr(out->delimiters, text.data[pos]) == NULL)
            out->delimiters[n_delimiters++] = (gchar)text.data[pos];
    }
    if (n_delimiters == 0)
        out->delimiters[0] = '.';
    return pos + 1;
}

static void
macro_append_escaped(GString *out, const gchar *text)
{
    for (; *text != '\0'; text++) {
        guchar byte = (guchar)*text;

        if (g_ascii_isalnum(byte) || strchr("-._~", byte) != NULL)
            g_string_append_c(out, *text);
        else
            g_string_append_printf(out, "%%%02X", byte);
    }
}

/* Split at any delimiter, reversed, the last parts kept, joined with dots. */
static void
macro_append(GString *out, const SpfMacro *macro, const SpfMacroValues *values)
{
    g_autofree gchar *value = macro_dup_value(macro->letter, values);
    g_auto(GStrv) parts = g_strsplit_set(value, macro->delimiters, -1);
    g_autofree gchar *joined = NULL;
    guint n_parts = g_strv_length(parts);
    guint skipped;

    if (macro->is_reversed) {
        for (guint i = 0; i < n_parts / 2; i++) {
            gchar *swapped = parts[i];

            parts[i] = parts[n_parts - 1 - i];
            parts[n_parts - 1 - i] = swapped;
        }
    }
    skipped = macro->count == 0 || macro->count >= n_parts ? 0 : n_parts - macro->count;
    joined = g_strjoinv(".", parts + skipped);
    if (macro->escapes)
        macro_append_escaped(out, joined);
    else
        g_string_append(out, joined);
}

gboolean
spf_macro_uses(BaridSlice text, gchar letter)
{
    for (gsize pos = 0; pos + 2 < text.len; pos++) {
        if (text.data[pos] != '%')
            continue;
        if (text.data[pos + 1] == '{' && g_ascii_tolower((gchar)text.data[pos + 2]) == letter)
            return TRUE;
        pos++;
    }
    return FALSE;
}

gchar *
spf_macro_expand(BaridSlice text, const SpfMacroValues *values)
{
    GString *out = g_string_new(NULL);

    for (gsize pos = 0; pos < text.len; pos++) {
        SpfMacro macro;

        if (text.data[pos] != '%') {
            g_string_append_c(out, (gchar)text.data[pos]);
            continue;
        }
        switch (text.data[++pos]) {
        case '%':
            g_string_append_c(out, '%');
            break;
        case '_':
            g_string_append_c(out, ' ');
            break;
        case '-':
            g_string_append(out, "%20");
            break;
        default:
            pos += macro_read(barid_slice(text.data + pos + 1, text.len - pos - 1), &macro);
            macro_append(out, &macro, values);
            break;
        }
    }
    return g_string_free(out, FALSE);
}

gchar *
spf_macro_expand_domain(BaridSlice text, const SpfMacroValues *values)
{
    g_autofree gchar *name = spf_macro_expand(text, values);
    gsize len = strlen(name);
    const gchar *start = name;

    if (len > 0 && name[len - 1] == '.')
        name[--len] = '\0';
    while (len > SPF_NAME_MAX) {
        const gchar *dot = strchr(start, '.');

        if (dot == NULL)
            break;
        len -= (gsize)(dot + 1 - start);
        start = dot + 1;
    }
    return g_strdup(start);
}
