/* SPDX-License-Identifier: Apache-2.0 */
#include "arc-chain.h"

static const gchar *const field_names[] = {"ARC-Authentication-Results",
                                           "ARC-Message-Signature", "ARC-Seal"};

const gchar *
arc_field_get_name(ArcField field)
{
    return field_names[field];
}

ArcChain *
arc_chain_new(void)
{
    ArcChain *self = g_new0(ArcChain, 1);

    self->copies = g_ptr_array_new_with_free_func(g_free);
    return self;
}

void
arc_chain_free(ArcChain *self)
{
    if (self == NULL)
        return;
    g_ptr_array_unref(self->copies);
    g_free(self);
}

/* The first one is told: the others may follow from it. */
static void
chain_fail(ArcChain *self, const gchar *problem)
{
    if (self->problem == NULL)
        self->problem = problem;
}

static BaridSlice
chain_copy(ArcChain *self, BaridSlice whole)
{
    guint8 *copy = g_memdup2(whole.data, whole.len);

    g_ptr_array_add(self->copies, copy);
    return barid_slice(copy, whole.len);
}

static BaridSlice
get_value(BaridSlice whole)
{
    const guint8 *colon = memchr(whole.data, ':', whole.len);
    gsize skipped = colon == NULL ? whole.len : (gsize)(colon - whole.data) + 1;

    return barid_slice(whole.data + skipped, whole.len - skipped);
}

/* --- instances --- */

static gboolean
parse_instance(BaridSlice text, guint *out_instance)
{
    guint64 number;

    if (!barid_tag_value_parse_number(text, &number) || number == 0 || number > ARC_INSTANCE_MAX)
        return FALSE;
    *out_instance = (guint)number;
    return TRUE;
}

/* "i=N;" before the results (section 4.1.1). */
static gboolean
split_results(BaridSlice value, guint *out_instance, BaridSlice *out_payload)
{
    BaridTagItems items = barid_tag_items(value);
    BaridTagItems parts;
    BaridSlice item, name, number;

    if (!barid_tag_items_next(&items, ';', &item) || items.has_ended)
        return FALSE;
    parts = barid_tag_items(item);
    *out_payload = items.rest;
    return barid_tag_items_next(&parts, '=', &name) &&
           barid_slice_equal_nocase(name, BARID_SLICE_LITERAL("i")) &&
           barid_tag_items_next(&parts, '=', &number) && parts.has_ended &&
           parse_instance(number, out_instance);
}

/* --- seals (section 4.1.3) --- */

static gboolean
parse_validation(BaridSlice word, ArcValidation *out)
{
    static const gchar *const words[] = {"none", "pass", "fail"};

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (barid_slice_equal_nocase(word, barid_slice_from_text(words[i]))) {
            *out = (ArcValidation)i;
            return TRUE;
        }
    }
    return FALSE;
}

/* A seal with "h=" or "bh=" claims to sign what it does not. */
static gboolean
parse_seal(const BaridTagList *tags, ArcSet *set)
{
    const BaridTag *bytes = barid_tag_list_find(tags, "b");

    if (bytes == NULL || barid_tag_list_find(tags, "h") != NULL ||
        barid_tag_list_find(tags, "bh") != NULL)
        return FALSE;
    set->algorithm = barid_tag_list_get(tags, "a");
    set->domain = barid_tag_list_get(tags, "d");
    set->selector = barid_tag_list_get(tags, "s");
    set->bytes = bytes->value;
    set->hole = bytes->around;
    return set->algorithm.len > 0 && set->domain.len > 0 && set->selector.len > 0 &&
           parse_validation(barid_tag_list_get(tags, "cv"), &set->validation);
}

/* --- fields --- */

static gboolean
take_tags(ArcField field, BaridSlice value, ArcSet *set, guint *out_instance)
{
    g_autofree BaridTagList *tags = g_new(BaridTagList, 1);

    return barid_tag_list_parse(value, tags) == BARID_TAG_LIST_OK &&
           parse_instance(barid_tag_list_get(tags, "i"), out_instance) &&
           (field != ARC_SEAL || parse_seal(tags, set));
}

static void
chain_take(ArcChain *self, ArcField field, BaridSlice whole)
{
    ArcSet read = {.validation = ARC_CV_NONE};
    BaridSlice payload = BARID_SLICE_EMPTY;
    guint instance;
    ArcSet *set;
    gboolean ok = field == ARC_RESULTS ? split_results(get_value(whole), &instance, &payload)
                                       : take_tags(field, get_value(whole), &read, &instance);

    if (!ok) {
        chain_fail(self, field == ARC_RESULTS   ? "an ARC-Authentication-Results is malformed"
                         : field == ARC_MESSAGE ? "an ARC-Message-Signature is malformed"
                                                : "an ARC-Seal is malformed");
        return;
    }
    self->n_sets = MAX(self->n_sets, instance);
    set = &self->sets[instance - 1];
    if (set->whole[field].data != NULL) {
        chain_fail(self, "a set has two fields of a kind");
        return;
    }
    if (field == ARC_SEAL) {
        memcpy(read.whole, set->whole, sizeof read.whole);
        read.payload = set->payload;
        *set = read;
    } else if (field == ARC_RESULTS) {
        set->payload = payload;
    }
    set->whole[field] = whole;
}

void
arc_chain_add(ArcChain *self, BaridSlice name, BaridSlice whole)
{
    for (guint i = 0; i < ARC_N_FIELDS; i++) {
        if (!barid_slice_equal_nocase(name, barid_slice_from_text(field_names[i])))
            continue;
        self->n_bytes += whole.len;
        if (self->n_bytes > ARC_BYTES_MAX)
            chain_fail(self, "the sets are too large");
        else
            chain_take(self, (ArcField)i, chain_copy(self, whole));
        return;
    }
}

/* Sections 4.2.2 and 5.2, steps 2 and 3. */
void
arc_chain_end(ArcChain *self)
{
    const ArcSet *newest = self->n_sets == 0 ? NULL : &self->sets[self->n_sets - 1];

    self->has_failed = newest != NULL && newest->whole[ARC_SEAL].data != NULL &&
                       newest->validation == ARC_CV_FAIL;
    if (self->has_failed)
        chain_fail(self, "the newest seal says that the chain had failed");
    for (guint i = 0; i < self->n_sets; i++) {
        const ArcSet *set = &self->sets[i];

        for (guint field = 0; field < ARC_N_FIELDS; field++) {
            if (set->whole[field].data == NULL)
                chain_fail(self, "a set is not complete");
        }
        if (set->validation != (i == 0 ? ARC_CV_NONE : ARC_CV_PASS))
            chain_fail(self, "a seal's \"cv\" is wrong for its place");
    }
}
