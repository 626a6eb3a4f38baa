/* SPDX-License-Identifier: Apache-2.0 */
#include "dmarc-record.h"

#include <barid/tag-list.h>

enum { ADDRESS_BYTES_MAX = 320 };

static gboolean
is_word(BaridSlice text, const gchar *word)
{
    return barid_slice_equal_nocase(text, barid_slice_from_text(word));
}

/* --- words --- */

static const gchar *const policy_names[] = {NULL, NULL, "none", "quarantine", "reject"};

const gchar *
dmarc_policy_get_name(DmarcPolicy policy)
{
    return policy_names[policy];
}

DmarcPolicy
dmarc_policy_parse(BaridSlice word)
{
    for (guint i = DMARC_POLICY_NONE; i <= DMARC_POLICY_REJECT; i++) {
        if (is_word(word, policy_names[i]))
            return (DmarcPolicy)i;
    }
    return DMARC_POLICY_INVALID;
}

/* --- tags --- */

/* The name and the value of "name = value"; FALSE when it is not that. */
static gboolean
split_tag(BaridSlice item, BaridSlice *out_name, BaridSlice *out_value)
{
    BaridTagItems parts = barid_tag_items(item);

    if (!barid_tag_items_next(&parts, '=', out_name) || parts.has_ended || out_name->len == 0)
        return FALSE;
    /* All behind the first "=", which may hold others. */
    return barid_tag_items_next(&parts, '\0', out_value);
}

gboolean
dmarc_record_is(BaridSlice text)
{
    BaridTagItems items = barid_tag_items(text);
    BaridSlice item, name, value;

    return text.len > 0 && (text.data[0] == 'v' || text.data[0] == 'V') &&
           barid_tag_items_next(&items, ';', &item) && split_tag(item, &name, &value) &&
           is_word(name, "v") && barid_slice_equal_text(value, "DMARC1");
}

typedef void (*TagReader)(DmarcRecord *self, BaridSlice value);

static void
read_p(DmarcRecord *self, BaridSlice value)
{
    self->p = dmarc_policy_parse(value);
}

static void
read_sp(DmarcRecord *self, BaridSlice value)
{
    self->sp = dmarc_policy_parse(value);
}

static void
read_np(DmarcRecord *self, BaridSlice value)
{
    self->np = dmarc_policy_parse(value);
}

static void
read_adkim(DmarcRecord *self, BaridSlice value)
{
    self->dkim_is_strict = is_word(value, "s");
}

static void
read_aspf(DmarcRecord *self, BaridSlice value)
{
    self->spf_is_strict = is_word(value, "s");
}

static void
read_t(DmarcRecord *self, BaridSlice value)
{
    self->is_testing = is_word(value, "y");
}

static void
read_psd(DmarcRecord *self, BaridSlice value)
{
    self->psd = is_word(value, "y")   ? DMARC_PSD_YES
                : is_word(value, "n") ? DMARC_PSD_NO
                                      : DMARC_PSD_UNKNOWN;
}

static void
read_pct(DmarcRecord *self, BaridSlice value)
{
    guint64 number;

    if (barid_tag_value_parse_number(value, &number) && number <= 100)
        self->percent = (guint)number;
}

static void
read_rua(DmarcRecord *self, BaridSlice value)
{
    self->rua = value;
}

static void
read_ruf(DmarcRecord *self, BaridSlice value)
{
    self->ruf = value;
}

static void
read_fo(DmarcRecord *self, BaridSlice value)
{
    self->fo = value;
}

static const struct {
    const gchar *name;
    TagReader read;
} tags[] = {
    {"p", read_p},         {"sp", read_sp},     {"np", read_np},   {"adkim", read_adkim},
    {"aspf", read_aspf},   {"t", read_t},       {"psd", read_psd}, {"pct", read_pct},
    {"rua", read_rua},     {"ruf", read_ruf},   {"fo", read_fo},
};

void
dmarc_record_parse(BaridSlice text, DmarcRecord *out)
{
    BaridTagItems items = barid_tag_items(text);
    BaridSlice item, name, value;
    guint seen = 0;

    *out = (DmarcRecord){.percent = 100};
    while (barid_tag_items_next(&items, ';', &item)) {
        if (!split_tag(item, &name, &value))
            continue;
        for (guint i = 0; i < G_N_ELEMENTS(tags); i++) {
            if ((seen & 1u << i) != 0 || !is_word(name, tags[i].name))
                continue;
            seen |= 1u << i;
            tags[i].read(out, value);
        }
    }
}

/* --- where reports go (section 4.6) --- */

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
dmarc_uris_has_any(BaridSlice uris)
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
dmarc_uris_next(BaridSlice *rest, GString *out_address)
{
    BaridSlice uri;

    while (next_uri(rest, &uri)) {
        gsize len = get_scheme_len(uri);

        if (len > 0 && is_word(barid_slice(uri.data, len), "mailto:") &&
            decode_address(barid_slice(uri.data + len, uri.len - len), out_address))
            return TRUE;
    }
    return FALSE;
}
