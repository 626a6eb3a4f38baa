/* SPDX-License-Identifier: Apache-2.0 */
/* From what a client says to the names that are asked for. */
#include <arpa/inet.h>

#include "dnsbl.h"

gboolean
dnsbl_check_parse(const gchar *word, DnsblCheck *out_check)
{
    static const struct {
        const gchar *word;
        DnsblCheck check;
    } words[] = {
        {"ip", DNSBL_IP},         {"iprev", DNSBL_IPREV},        {"ehlo", DNSBL_EHLO},
        {"helo", DNSBL_EHLO},     {"sender", DNSBL_SENDER},      {"mail-from", DNSBL_SENDER},
        {"from", DNSBL_FROM},     {"return-path", DNSBL_SENDER},
    };

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcmp(words[i].word, word) == 0) {
            *out_check = words[i].check;
            return TRUE;
        }
    }
    return FALSE;
}

static gchar *
dnsbl_reverse_nibbles(const guint8 *bytes, const gchar *zone)
{
    GString *name = g_string_new(NULL);

    for (guint i = 16; i-- > 0;)
        g_string_append_printf(name, "%x.%x.", bytes[i] & 15u, bytes[i] >> 4);
    g_string_append(name, zone);
    return g_string_free(name, FALSE);
}

gchar *
dnsbl_dup_ip_name(const gchar *ip, const gchar *zone)
{
    guint8 bytes[16];

    if (inet_pton(AF_INET, ip, bytes) == 1)
        return g_strdup_printf("%u.%u.%u.%u.%s", bytes[3], bytes[2], bytes[1], bytes[0], zone);
    return inet_pton(AF_INET6, ip, bytes) == 1 ? dnsbl_reverse_nibbles(bytes, zone) : NULL;
}

gchar *
dnsbl_dup_domain_name(BaridSlice domain, const gchar *zone)
{
    g_autofree gchar *text = barid_slice_dup_text(domain, NULL);
    g_autofree gchar *lower = NULL;

    /* "[192.0.2.1]" is no name, and a name without a dot is nobody's on the Internet. */
    if (text == NULL || domain.len > DNSBL_NAME_MAX || strpbrk(text, "[] \t\\") != NULL ||
        strchr(text, '.') == NULL)
        return NULL;
    lower = g_ascii_strdown(text, -1);
    if (g_str_has_suffix(lower, "."))
        lower[strlen(lower) - 1] = '\0';
    return g_strdup_printf("%s.%s", lower, zone);
}

/* --- the From field --- */

/* The offset behind a quoted string or a comment that begins at (at). */
static gsize
from_skip(BaridSlice field, gsize at)
{
    guint8 end = field.data[at] == '"' ? '"' : ')';
    guint depth = 1;

    for (at++; at < field.len && depth > 0; at++) {
        if (field.data[at] == '\\')
            at++;
        else if (field.data[at] == end)
            depth--;
        else if (field.data[at] == '(' && end == ')')
            depth++;
    }
    return MIN(at, field.len);
}

static gboolean
from_ends_domain(guint8 byte)
{
    return byte <= ' ' || strchr("<>(),;:\"@", byte) != NULL;
}

static void
from_add(GPtrArray *domains, BaridSlice domain)
{
    g_autofree gchar *text = barid_slice_dup_text(domain, NULL);
    g_autofree gchar *lower = text == NULL ? NULL : g_ascii_strdown(text, -1);

    if (lower == NULL || *lower == '\0' || domains->len >= DNSBL_SUBJECTS_MAX ||
        g_ptr_array_find_with_equal_func(domains, lower, g_str_equal, NULL))
        return;
    g_ptr_array_add(domains, g_steal_pointer(&lower));
}

GPtrArray *
dnsbl_take_domains(BaridSlice field)
{
    GPtrArray *domains = g_ptr_array_new_with_free_func(g_free);

    for (gsize at = 0; at < field.len;) {
        gsize start;

        if (field.data[at] == '"' || field.data[at] == '(') {
            at = from_skip(field, at);
            continue;
        }
        if (field.data[at++] != '@')
            continue;
        while (at < field.len && field.data[at] <= ' ')
            at++;
        start = at;
        while (at < field.len && !from_ends_domain(field.data[at]))
            at++;
        from_add(domains, barid_slice(field.data + start, at - start));
    }
    return domains;
}
