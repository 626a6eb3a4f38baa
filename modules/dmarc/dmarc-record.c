/* SPDX-License-Identifier: Apache-2.0 */
#include "dmarc-record.h"

#include <barid/tag-list.h>

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
