/* SPDX-License-Identifier: Apache-2.0 */
#include "host/sealed-header.h"

#include "host/hook-call.h"
#include "mime/header.h"

/* Prepended fields stand above each other in the order of the hooks: the last on top. */
static void
append_edits(const HeaderEdit *edit, Buffer *out)
{
    if (edit == NULL)
        return;
    append_edits(edit->next, out);
    if (!edit->removes)
        header_append(out, edit->name, barid_slice_from_text(edit->value));
}

void
sealed_header_append_new(const BaridTransaction *txn, Buffer *out)
{
    buffer_append(out, txn->own_fields.data, txn->own_fields.len);
    append_edits(txn->edits, out);
}

gboolean
sealed_header_has_removals(const BaridTransaction *txn)
{
    for (const HeaderEdit *edit = txn->edits; edit != NULL; edit = edit->next) {
        if (edit->removes)
            return TRUE;
    }
    return FALSE;
}

/* Names of removed fields, in lower case, with the numbers of those that go, and how many of the
 * name were seen. A client may send thousands of a name that is removed: nothing is counted
 * twice. */
typedef struct {
    GHashTable *numbers; /* set of guint */
    guint n_seen;
} Removal;

static void
removal_free(gpointer data)
{
    Removal *self = data;

    g_hash_table_destroy(self->numbers);
    g_free(self);
}

static GHashTable *
removals_new(const BaridTransaction *txn)
{
    GHashTable *removals = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, removal_free);

    for (const HeaderEdit *edit = txn->edits; edit != NULL; edit = edit->next) {
        g_autofree gchar *name = edit->removes ? g_ascii_strdown(edit->name, -1) : NULL;
        Removal *removal;

        if (name == NULL)
            continue;
        removal = g_hash_table_lookup(removals, name);
        if (removal == NULL) {
            removal = g_new0(Removal, 1);
            removal->numbers = g_hash_table_new(NULL, NULL);
            g_hash_table_insert(removals, g_steal_pointer(&name), removal);
        }
        g_hash_table_add(removal->numbers, GUINT_TO_POINTER(edit->n));
    }
    return removals;
}

/* To be asked about each field once, from the top. */
static gboolean
removals_have(GHashTable *removals, const HeaderField *field)
{
    gchar name[HEADER_NAME_MAX + 1];
    Removal *removal;

    if (field->name.len > HEADER_NAME_MAX)
        return FALSE;
    for (gsize i = 0; i < field->name.len; i++)
        name[i] = g_ascii_tolower((gchar)field->name.data[i]);
    name[field->name.len] = '\0';
    removal = g_hash_table_lookup(removals, name);
    return removal != NULL &&
           g_hash_table_contains(removal->numbers, GUINT_TO_POINTER(removal->n_seen++));
}

BaridSlice
sealed_header_append_kept(const BaridTransaction *txn, Buffer *out)
{
    g_autoptr(GHashTable) removals = removals_new(txn);
    HeaderIter iter;
    HeaderField field;
    gsize end;

    header_iter_init(&iter, txn->message);
    while (header_iter_next(&iter, &field) == HEADER_FIELD) {
        if (!removals_have(removals, &field))
            buffer_append(out, field.whole.data, field.whole.len);
    }
    end = header_iter_get_body_offset(&iter);
    if (end >= 2 && txn->message.data[end - 1] == '\n')
        buffer_append_text(out, "\r\n");
    return barid_slice(txn->message.data + end, txn->message.len - end);
}

/* Each hook that asks renders it anew: few do, and what they see is what they get. */
BaridSlice
barid_transaction_get_sealed_header(BaridTransaction *txn)
{
    HookCall *call = hook_call_get_current();
    g_auto(Buffer) out = {0};

    if (call != NULL && !hook_call_may(call, BARID_READS_HEADERS, "reading the header"))
        return BARID_SLICE_EMPTY;
    buffer_init(&out, SEALED_HEADER_MAX);
    sealed_header_append_new(txn, &out);
    sealed_header_append_kept(txn, &out);
    return arena_dup_slice(txn->scope.arena, buffer_get_slice(&out));
}
