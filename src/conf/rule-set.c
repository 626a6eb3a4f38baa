/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rule-set.h"

#include "base/text.h"

typedef struct {
    gint64 low, high;
} RuleRange;

/* Ends of texts, found by hashing the text's own end once for each length that there is. */
typedef struct {
    GHashTable *texts; /* of BaridSlice * */
    GArray *lengths;   /* of gsize */
} RuleAffixes;

struct RuleSet {
    RuleSetKind kind;
    Arena *arena;
    GHashTable *texts;   /* of BaridSlice * */
    GArray *ranges;      /* sorted and disjoint once sealed */
    GArray *networks;    /* sorted and disjoint once sealed */
    GPtrArray *patterns; /* of RuleRegex * */
    RuleAffixes heads, tails; /* of "head*" and "*tail" */
    GPtrArray *globs;         /* of BaridSlice *: the others */
};

static void
rule_affixes_init(RuleAffixes *self)
{
    self->texts = g_hash_table_new(text_slice_hash, text_slice_equal);
    self->lengths = g_array_new(FALSE, FALSE, sizeof(gsize));
}

static void
rule_affixes_clear(RuleAffixes *self)
{
    g_hash_table_unref(self->texts);
    g_array_unref(self->lengths);
}

RuleSet *
rule_set_new(RuleSetKind kind)
{
    RuleSet *self = g_new0(RuleSet, 1);

    self->kind = kind;
    self->arena = arena_new(256);
    self->texts = g_hash_table_new(text_slice_hash, text_slice_equal);
    self->ranges = g_array_new(FALSE, FALSE, sizeof(RuleRange));
    self->networks = g_array_new(FALSE, FALSE, sizeof(Network));
    self->patterns = g_ptr_array_new_with_free_func((GDestroyNotify)rule_regex_free);
    rule_affixes_init(&self->heads);
    rule_affixes_init(&self->tails);
    self->globs = g_ptr_array_new();
    return self;
}

void
rule_set_free(RuleSet *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->texts);
    g_array_unref(self->ranges);
    g_array_unref(self->networks);
    g_ptr_array_unref(self->patterns);
    rule_affixes_clear(&self->heads);
    rule_affixes_clear(&self->tails);
    g_ptr_array_unref(self->globs);
    arena_free(self->arena);
    g_free(self);
}

RuleSetKind
rule_set_get_kind(const RuleSet *self)
{
    return self->kind;
}

void
rule_set_add_text(RuleSet *self, BaridSlice text)
{
    BaridSlice *copy = arena_new0(self->arena, BaridSlice);

    *copy = arena_dup_slice(self->arena, text);
    g_hash_table_add(self->texts, copy);
}

void
rule_set_add_range(RuleSet *self, gint64 low, gint64 high)
{
    RuleRange range = {low, high};

    g_array_append_val(self->ranges, range);
}

void
rule_set_add_network(RuleSet *self, const Network *network)
{
    g_array_append_vals(self->networks, network, 1);
}

void
rule_set_add_pattern(RuleSet *self, RuleRegex *regex)
{
    g_ptr_array_add(self->patterns, regex);
}

static gint
rule_range_compare(gconstpointer a, gconstpointer b)
{
    const RuleRange *left = a;
    const RuleRange *right = b;

    return left->low < right->low ? -1 : left->low > right->low;
}

static void
rule_set_seal_ranges(RuleSet *self)
{
    guint kept = 0;

    g_array_sort(self->ranges, rule_range_compare);
    for (guint i = 1; i < self->ranges->len; i++) {
        RuleRange *last = &g_array_index(self->ranges, RuleRange, kept);
        const RuleRange *range = &g_array_index(self->ranges, RuleRange, i);

        if (range->low <= last->high)
            last->high = MAX(last->high, range->high);
        else
            g_array_index(self->ranges, RuleRange, ++kept) = *range;
    }
    if (self->ranges->len > 0)
        g_array_set_size(self->ranges, kept + 1);
}

static gint
rule_network_compare_address(const Network *network, gboolean is_v6, const guint8 *bytes)
{
    if (network->is_v6 != is_v6)
        return network->is_v6 ? 1 : -1;
    return memcmp(network->bytes, bytes, is_v6 ? 16 : 4);
}

static gint
rule_network_compare(gconstpointer a, gconstpointer b)
{
    const Network *left = a;
    const Network *right = b;
    gint order = rule_network_compare_address(left, right->is_v6, right->bytes);

    return order != 0 ? order : (gint)left->prefix - (gint)right->prefix;
}

static gboolean
rule_network_covers(const Network *outer, const Network *inner)
{
    Address address = {.is_v6 = inner->is_v6};

    memcpy(address.bytes, inner->bytes, sizeof address.bytes);
    return outer->prefix <= inner->prefix && network_contains(outer, &address);
}

/* Two networks are either disjoint or one holds the other, so dropping those that lie inside
 * an earlier one leaves a list where one binary search finds the only candidate. */
static void
rule_set_seal_networks(RuleSet *self)
{
    guint kept = 0;

    g_array_sort(self->networks, rule_network_compare);
    for (guint i = 1; i < self->networks->len; i++) {
        const Network *network = &g_array_index(self->networks, Network, i);

        if (!rule_network_covers(&g_array_index(self->networks, Network, kept), network))
            g_array_index(self->networks, Network, ++kept) = *network;
    }
    if (self->networks->len > 0)
        g_array_set_size(self->networks, kept + 1);
}

void
rule_set_seal(RuleSet *self)
{
    rule_set_seal_ranges(self);
    rule_set_seal_networks(self);
}

gboolean
rule_set_has_text(const RuleSet *self, BaridSlice text)
{
    return g_hash_table_contains(self->texts, &text);
}

gboolean
rule_set_has_number(const RuleSet *self, gint64 number)
{
    const RuleRange *ranges = (const RuleRange *)(gconstpointer)self->ranges->data;
    guint low = 0;
    guint high = self->ranges->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (ranges[middle].high < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < self->ranges->len && ranges[low].low <= number;
}

gboolean
rule_set_has_address(const RuleSet *self, const Address *address)
{
    const Network *networks = (const Network *)(gconstpointer)self->networks->data;
    guint low = 0;
    guint high = self->networks->len;

    /* Finds the first network that begins past the address. */
    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (rule_network_compare_address(&networks[middle], address->is_v6, address->bytes) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && network_contains(&networks[low - 1], address);
}

gboolean
rule_set_has_match(const RuleSet *self, BaridSlice text, RuleCaptures *out_captures)
{
    for (guint i = 0; i < self->patterns->len; i++) {
        if (rule_regex_match(g_ptr_array_index(self->patterns, i), text, out_captures))
            return TRUE;
    }
    return FALSE;
}

guint
rule_set_get_groups(const RuleSet *self)
{
    guint groups = 0;

    for (guint i = 0; i < self->patterns->len; i++)
        groups = MAX(groups, rule_regex_get_groups(g_ptr_array_index(self->patterns, i)));
    return groups;
}

guint
rule_set_get_count(const RuleSet *self)
{
    return g_hash_table_size(self->texts) + g_hash_table_size(self->heads.texts) +
           g_hash_table_size(self->tails.texts) + self->ranges->len + self->networks->len +
           self->patterns->len + self->globs->len;
}

/* --- globs --- */

static void
rule_affixes_add(RuleAffixes *self, BaridSlice *affix)
{
    g_hash_table_add(self->texts, affix);
    for (guint i = 0; i < self->lengths->len; i++) {
        if (g_array_index(self->lengths, gsize, i) == affix->len)
            return;
    }
    g_array_append_val(self->lengths, affix->len);
}

/* Most globs have one star at an end, which needs no search. */
void
rule_set_add_glob(RuleSet *self, BaridSlice glob)
{
    BaridSlice *copy = arena_new0(self->arena, BaridSlice);
    gssize star = text_find(glob, '*');
    gsize last = glob.len == 0 ? 0 : glob.len - 1;

    *copy = arena_dup_slice(self->arena, glob);
    if (text_find(glob, '?') >= 0 || (star >= 0 && text_find_last(glob, '*') != star)) {
        g_ptr_array_add(self->globs, copy);
    } else if (star < 0) {
        g_hash_table_add(self->texts, copy);
    } else if (star == 0) {
        *copy = barid_slice(copy->data + 1, last);
        rule_affixes_add(&self->tails, copy);
    } else if ((gsize)star == last) {
        copy->len = last;
        rule_affixes_add(&self->heads, copy);
    } else {
        g_ptr_array_add(self->globs, copy);
    }
}

/* When a later star fails, an earlier one need not be tried again: it suffices to remember
 * the last. */
static gboolean
rule_glob_match(BaridSlice glob, BaridSlice text)
{
    gsize at = 0;
    gsize pos = 0;
    gsize star = G_MAXSIZE;
    gsize resume = 0;

    while (pos < text.len) {
        if (at < glob.len && glob.data[at] == '*') {
            star = at++;
            resume = pos;
        } else if (at < glob.len && (glob.data[at] == '?' || glob.data[at] == text.data[pos])) {
            at++;
            pos++;
        } else if (star != G_MAXSIZE) {
            at = star + 1;
            pos = ++resume;
        } else {
            return FALSE;
        }
    }
    while (at < glob.len && glob.data[at] == '*')
        at++;
    return at == glob.len;
}

static gboolean
rule_set_has_affix(const RuleSet *self, BaridSlice text)
{
    for (guint i = 0; i < self->tails.lengths->len; i++) {
        gsize len = g_array_index(self->tails.lengths, gsize, i);
        BaridSlice tail = barid_slice(text.data + text.len - MIN(len, text.len), len);

        if (len <= text.len && g_hash_table_contains(self->tails.texts, &tail))
            return TRUE;
    }
    for (guint i = 0; i < self->heads.lengths->len; i++) {
        gsize len = g_array_index(self->heads.lengths, gsize, i);
        BaridSlice head = barid_slice(text.data, len);

        if (len <= text.len && g_hash_table_contains(self->heads.texts, &head))
            return TRUE;
    }
    return FALSE;
}

gboolean
rule_set_has_glob(const RuleSet *self, BaridSlice text)
{
    if (rule_set_has_text(self, text) || rule_set_has_affix(self, text))
        return TRUE;
    for (guint i = 0; i < self->globs->len; i++) {
        if (rule_glob_match(*(const BaridSlice *)g_ptr_array_index(self->globs, i), text))
            return TRUE;
    }
    return rule_set_has_match(self, text, NULL);
}
