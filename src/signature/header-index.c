/* SPDX-License-Identifier: Apache-2.0 */
/* Which fields a signature means, and what they hash to. */
#include "signature/signature-private.h"

#include <barid/tag-list.h>

typedef struct {
    HeaderField field;
    guint group; /* of the fields with this name */
    guint above; /* the next one of the group, or NONE */
} IndexField;

#define INDEX_NONE G_MAXUINT

struct BaridHeaderIndex {
    GArray *fields;     /* of IndexField, from the top */
    GArray *groups;     /* of guint: the lowest field of each */
    GHashTable *names;  /* of BaridSlice * to group */
};

static guint
index_hash_name(gconstpointer key)
{
    const BaridSlice *name = key;
    guint hash = 5381;

    for (gsize i = 0; i < name->len; i++)
        hash = hash * 33 + (guint8)g_ascii_tolower((gchar)name->data[i]);
    return hash;
}

static gboolean
index_equal_names(gconstpointer a, gconstpointer b)
{
    return barid_slice_equal_nocase(*(const BaridSlice *)a, *(const BaridSlice *)b);
}

/* FALSE when no field has the name. */
static gboolean
index_find_group(const BaridHeaderIndex *self, BaridSlice name, guint *out_group)
{
    gpointer group;

    if (!g_hash_table_lookup_extended(self->names, &name, NULL, &group))
        return FALSE;
    *out_group = GPOINTER_TO_UINT(group);
    return TRUE;
}

static void
index_add(BaridHeaderIndex *self, const HeaderField *field)
{
    IndexField entry = {.field = *field, .above = INDEX_NONE};
    guint position = self->fields->len;

    if (index_find_group(self, field->name, &entry.group)) {
        entry.above = g_array_index(self->groups, guint, entry.group);
        g_array_index(self->groups, guint, entry.group) = position;
    } else {
        entry.group = self->groups->len;
        g_array_append_val(self->groups, position);
        g_hash_table_insert(self->names, g_memdup2(&field->name, sizeof field->name),
                            GUINT_TO_POINTER(entry.group));
    }
    g_array_append_val(self->fields, entry);
}

BaridHeaderIndex *
barid_header_index_new(BaridSlice header)
{
    BaridHeaderIndex *self = g_new0(BaridHeaderIndex, 1);
    HeaderIter iter;
    HeaderField field;

    self->fields = g_array_new(FALSE, FALSE, sizeof(IndexField));
    self->groups = g_array_new(FALSE, FALSE, sizeof(guint));
    self->names = g_hash_table_new_full(index_hash_name, index_equal_names, g_free, NULL);
    header_iter_init(&iter, header);
    while (header_iter_next(&iter, &field) == HEADER_FIELD)
        index_add(self, &field);
    return self;
}

void
barid_header_index_free(BaridHeaderIndex *self)
{
    if (self == NULL)
        return;
    g_hash_table_destroy(self->names);
    g_array_free(self->groups, TRUE);
    g_array_free(self->fields, TRUE);
    g_free(self);
}

guint
header_index_count(const BaridHeaderIndex *self, BaridSlice name)
{
    guint group, count = 0;

    if (!index_find_group(self, name, &group))
        return 0;
    for (guint at = g_array_index(self->groups, guint, group); at != INDEX_NONE;
         at = g_array_index(self->fields, IndexField, at).above)
        count++;
    return count;
}

/* --- hashes --- */

gnutls_hash_hd_t
signature_hash_new(void)
{
    gnutls_hash_hd_t hash;

    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0)
        g_error("no SHA-256: GnuTLS cannot work"); /* as an allocation that fails */
    return hash;
}

void
signature_hash_sink(BaridSlice piece, gpointer hash)
{
    gnutls_hash(hash, piece.data, piece.len);
}

/* A name that stands there again means the field above; past the top it adds nothing
 * (section 5.4.2). */
void
header_index_hash(const BaridHeaderIndex *self, BaridCanonicalForm form, BaridSlice names,
                  const HeaderField *own, BaridSlice hole, guint8 *out_digest)
{
    g_autofree guint *lowest = g_memdup2(self->groups->data, self->groups->len * sizeof(guint));
    gnutls_hash_hd_t hash = signature_hash_new();
    BaridTagItems items = barid_tag_items(names);
    BaridSlice name;

    while (barid_tag_items_next(&items, ':', &name)) {
        const IndexField *entry;
        guint group;

        if (!index_find_group(self, name, &group) || lowest[group] == INDEX_NONE)
            continue;
        entry = &g_array_index(self->fields, IndexField, lowest[group]);
        lowest[group] = entry->above;
        canonical_field(form, &entry->field, signature_hash_sink, hash);
    }
    canonical_signature_field(form, own, hole, signature_hash_sink, hash);
    gnutls_hash_deinit(hash, out_digest);
}

struct BaridFieldHash {
    BaridCanonicalForm form;
    gnutls_hash_hd_t hash; /* NULL once it was ended */
};

BaridFieldHash *
barid_field_hash_new(BaridCanonicalForm form)
{
    BaridFieldHash *self = g_new0(BaridFieldHash, 1);

    self->form = form;
    self->hash = signature_hash_new();
    return self;
}

void
barid_field_hash_free(BaridFieldHash *self)
{
    if (self == NULL)
        return;
    if (self->hash != NULL)
        gnutls_hash_deinit(self->hash, NULL);
    g_free(self);
}

static gboolean
field_read(BaridSlice whole, HeaderField *out)
{
    HeaderIter iter;

    header_iter_init(&iter, whole);
    return header_iter_next(&iter, out) == HEADER_FIELD;
}

void
barid_field_hash_add(BaridFieldHash *self, BaridSlice whole)
{
    HeaderField field;

    g_return_if_fail(self->hash != NULL);
    if (field_read(whole, &field))
        canonical_field(self->form, &field, signature_hash_sink, self->hash);
}

void
barid_field_hash_end(BaridFieldHash *self, BaridSlice whole, BaridSlice hole, guint8 *out_digest)
{
    HeaderField field;

    g_return_if_fail(self->hash != NULL);
    if (field_read(whole, &field))
        canonical_signature_field(self->form, &field, hole, signature_hash_sink, self->hash);
    gnutls_hash_deinit(self->hash, out_digest);
    self->hash = NULL;
}
