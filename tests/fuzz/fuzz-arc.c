/* SPDX-License-Identifier: Apache-2.0 */
/* ARC: a header's sets are a chain or have a problem, and all that is told of them lies within
 * their fields; results are taken apart without loss. */
#include "modules/arc/arc-chain.h"
#include "modules/arc/arc-results.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
check_within(BaridSlice part, BaridSlice whole)
{
    g_assert(part.len == 0 ||
             (part.data >= whole.data && part.data + part.len <= whole.data + whole.len));
}

static void
check_results(BaridSlice text)
{
    BaridSlice rest = text, item;
    gsize total = 0;

    while (arc_results_next(&rest, &item)) {
        check_within(item, text);
        check_within(arc_result_get(item, "dmarc"), item);
        check_within(arc_result_get_property(item, "header.from"), item);
        arc_results_is_id(item, "mx.example");
        total += item.len;
    }
    g_assert(rest.len == 0 && total <= text.len);
}

static void
check_set(const ArcChain *chain, guint index)
{
    const ArcSet *set = &chain->sets[index];

    check_within(set->payload, set->whole[ARC_RESULTS]);
    check_within(set->domain, set->whole[ARC_SEAL]);
    check_within(set->bytes, set->whole[ARC_SEAL]);
    check_within(set->hole, set->whole[ARC_SEAL]);
    check_within(set->bytes, set->hole);
    check_results(set->payload);
    if (chain->problem != NULL)
        return;
    for (guint field = 0; field < ARC_N_FIELDS; field++)
        g_assert(set->whole[field].len > 0);
    g_assert(set->domain.len > 0 && set->selector.len > 0);
    g_assert(set->validation == (index == 0 ? ARC_CV_NONE : ARC_CV_PASS));
}

/* The length of a field with the lines that are folded into it. */
static gsize
get_field_len(BaridSlice text)
{
    for (gsize i = 0; i < text.len; i++) {
        if (text.data[i] == '\n' &&
            (i + 1 == text.len || (text.data[i + 1] != ' ' && text.data[i + 1] != '\t')))
            return i + 1;
    }
    return text.len;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(ArcChain) chain = arc_chain_new();
    BaridSlice rest = barid_slice(data, size);

    check_results(rest);
    while (rest.len > 0) {
        BaridSlice field = barid_slice(rest.data, get_field_len(rest));
        const guint8 *colon = memchr(field.data, ':', field.len);

        if (colon != NULL)
            arc_chain_add(chain, barid_slice(field.data, (gsize)(colon - field.data)), field);
        rest = barid_slice(rest.data + field.len, rest.len - field.len);
    }
    arc_chain_end(chain);
    g_assert(chain->n_sets <= ARC_INSTANCE_MAX);
    for (guint i = 0; i < chain->n_sets; i++)
        check_set(chain, i);
    return 0;
}
