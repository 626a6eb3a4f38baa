/* SPDX-License-Identifier: Apache-2.0 */
#include "dmarc-author.h"

/* The domain of "local@domain"; empty when it is not clear: a reader must not see another
 * address in it. Local parts in quotes may hold anything. */
static BaridSlice
get_domain(BaridSlice address)
{
    gboolean is_quoted = FALSE;
    gsize behind = 0;

    for (gsize i = 0; i < address.len; i++) {
        guint8 byte = address.data[i];

        if (byte == '\\' && is_quoted)
            i++;
        else if (byte == '"')
            is_quoted = !is_quoted;
        else if (byte == '@' && !is_quoted && behind > 0 && address.data[0] != '@')
            return BARID_SLICE_EMPTY;
        else if (byte == '@' && !is_quoted)
            behind = i + 1;
        else if (!is_quoted && (byte <= ' ' || byte == '<' || byte == '>' || byte == '('))
            return BARID_SLICE_EMPTY;
    }
    return is_quoted || behind <= 1 ? BARID_SLICE_EMPTY
                                    : barid_slice(address.data + behind, address.len - behind);
}

static BaridSlice
trim(BaridSlice text)
{
    while (text.len > 0 && text.data[0] <= ' ')
        text = barid_slice(text.data + 1, text.len - 1);
    while (text.len > 0 && text.data[text.len - 1] <= ' ')
        text.len--;
    return text;
}

static gchar *
dup_domain(BaridSlice address)
{
    g_autofree gchar *text = barid_slice_dup_text(get_domain(trim(address)), NULL);
    g_autofree gchar *domain = NULL;

    if (text == NULL || *text == '\0' || *text == '[')
        return NULL;
    domain = barid_dns_dup_name(text, NULL);
    return domain == NULL || *domain == '\0' ? NULL : g_steal_pointer(&domain);
}

gchar *
dmarc_author_dup_domain(const BaridSlice *values, guint n_values, const gchar **out_problem)
{
    g_autofree gchar *found = NULL;
    guint n_addresses = 0;

    *out_problem = "there is no address in From";
    for (guint i = 0; i < n_values; i++) {
        BaridSlice rest = values[i], address;

        while (barid_address_list_next(&rest, &address)) {
            g_autofree gchar *domain = dup_domain(address);

            if (domain == NULL || ++n_addresses > DMARC_AUTHORS_MAX) {
                *out_problem = domain == NULL ? "an address in From has no clear domain"
                                              : "there are too many addresses in From";
                return NULL;
            }
            if (found != NULL && strcmp(found, domain) != 0) {
                *out_problem = "From holds addresses of several domains";
                return NULL;
            }
            if (found == NULL)
                found = g_steal_pointer(&domain);
        }
    }
    if (found != NULL)
        *out_problem = NULL;
    return g_steal_pointer(&found);
}
