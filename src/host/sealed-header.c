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

static gboolean
is_removed(const BaridTransaction *txn, const HeaderField *field, guint nth)
{
    for (const HeaderEdit *edit = txn->edits; edit != NULL; edit = edit->next) {
        if (edit->removes && edit->n == nth &&
            barid_slice_equal_nocase(field->name, barid_slice_from_text(edit->name)))
            return TRUE;
    }
    return FALSE;
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

/* How many fields of the same name stand above. */
static guint
count_above(BaridSlice message, const HeaderField *field)
{
    BaridSlice above = barid_slice(message.data, (gsize)(field->whole.data - message.data));
    gchar name[HEADER_NAME_MAX + 1];

    if (field->name.len > HEADER_NAME_MAX)
        return 0;
    memcpy(name, field->name.data, field->name.len);
    name[field->name.len] = '\0';
    return header_count(above, name);
}

BaridSlice
sealed_header_append_kept(const BaridTransaction *txn, Buffer *out)
{
    HeaderIter iter;
    HeaderField field;
    gsize end;

    header_iter_init(&iter, txn->message);
    while (header_iter_next(&iter, &field) == HEADER_FIELD) {
        if (!is_removed(txn, &field, count_above(txn->message, &field)))
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
