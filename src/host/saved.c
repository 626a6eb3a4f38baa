/* SPDX-License-Identifier: Apache-2.0 */
#include "host/saved.h"

#include "base/buffer.h"
#include "base/text.h"
#include "base/wire.h"
#include "host/host-private.h"

enum { SAVED_EXTRA = 1 + 4 + 4 };

/* --- lists --- */

const SavedValue *
saved_find(const SavedValue *list, const gchar *name)
{
    for (; list != NULL; list = list->next) {
        if (strcmp(list->name, name) == 0)
            return list;
    }
    return NULL;
}

void
saved_put(SavedValue **list, SavedValue *value)
{
    SavedValue **at = list;

    while (*at != NULL && strcmp((*at)->name, value->name) != 0)
        at = &(*at)->next;
    value->next = *at == NULL ? NULL : (*at)->next;
    *at = value;
}

gsize
saved_get_size(const SavedValue *value)
{
    return SAVED_EXTRA + strlen(value->name) + value->value.len;
}

gsize
saved_get_total(const SavedValue *list)
{
    gsize total = 0;

    for (; list != NULL; list = list->next)
        total += saved_get_size(list);
    return total;
}

/* --- the stored form --- */

BaridSlice
saved_write(const SavedValue *list, Arena *arena)
{
    gsize total = saved_get_total(list);
    guint8 *bytes = total == 0 ? NULL : arena_alloc(arena, total);
    Buffer out = {.data = bytes, .capacity = total, .limit = total};

    for (; list != NULL; list = list->next) {
        gboolean fits = wire_put_u8(&out, (guint8)list->type) &&
                        wire_put_counted(&out, barid_slice_from_text(list->name)) &&
                        wire_put_counted(&out, list->value);

        g_assert(fits);
    }
    return buffer_get_slice(&out);
}

/* --- what modules call --- */

static const BaridSavedArea *
saved_find_area(const BaridModule *module, const gchar *name)
{
    const BaridSavedArea *area;

    for (guint i = 0; (area = host_module_get_saved_area(module, i)) != NULL; i++) {
        if (strcmp(area->name, name) == 0)
            return area;
    }
    return NULL;
}

static gboolean
saved_refuse(BaridErrorCode code, const gchar *name, const gchar *why, GError **error)
{
    g_set_error(error, BARID_ERROR, code, "%s: %s", name, why);
    return FALSE;
}

static gboolean
saved_is_text(BaridSlice value)
{
    if (!g_utf8_validate_len((const gchar *)value.data, value.len, NULL))
        return FALSE;
    for (gsize i = 0; i < value.len; i++) {
        if (value.data[i] < ' ' || value.data[i] == 0x7f)
            return FALSE;
    }
    return TRUE;
}

/* Both lists are small: what is there already, and what this call has saved so far. */
static gboolean
saved_fits(const BaridTransaction *txn, const HookCall *call, const SavedValue *value)
{
    gsize total = saved_get_total(txn->saved) + saved_get_size(value);

    return total + (call == NULL ? 0 : saved_get_total(call->saved)) <= BARID_SAVED_BYTES_MAX;
}

static gboolean
saved_check(BaridTransaction *txn, const SavedValue *value, GError **error)
{
    HookCall *call = hook_call_get_current();
    const BaridSavedArea *area =
        call == NULL ? NULL : saved_find_area(call->module->module, value->name);

    if (call != NULL && call->hook->stage > BARID_STAGE_SEAL)
        return saved_refuse(BARID_ERROR_DENIED, value->name, "the message is queued already",
                            error);
    if (call != NULL && area == NULL) {
        hook_call_refuse(call, "saves an area that it does not declare");
        return saved_refuse(BARID_ERROR_DENIED, value->name, "the module does not declare it",
                            error);
    }
    if (area != NULL && area->type != value->type)
        return saved_refuse(BARID_ERROR_INVALID, value->name, "it is declared with another type",
                            error);
    if (value->type == BARID_SAVED_TEXT && !saved_is_text(value->value))
        return saved_refuse(BARID_ERROR_INVALID, value->name, "the value is no printable text",
                            error);
    if (area != NULL && value->type != BARID_SAVED_INTEGER && value->value.len > area->max_bytes)
        return saved_refuse(BARID_ERROR_TOO_LARGE, value->name,
                            "the value is longer than declared", error);
    if (!saved_fits(txn, call, value))
        return saved_refuse(BARID_ERROR_TOO_LARGE, value->name,
                            "the message has no room for more", error);
    return TRUE;
}

static gboolean
saved_add(BaridTransaction *txn, const gchar *name, BaridSavedType type, BaridSlice bytes,
          GError **error)
{
    HookCall *call = hook_call_get_current();
    SavedValue value = {.type = type, .name = name, .value = bytes};
    SavedValue *copy;

    if (!saved_check(txn, &value, error))
        return FALSE;
    copy = arena_new0(txn->scope.arena, SavedValue);
    copy->type = type;
    copy->name = arena_dup_text(txn->scope.arena, name);
    copy->value = arena_dup_slice(txn->scope.arena, bytes);
    saved_put(call == NULL ? &txn->saved : &call->saved, copy);
    return TRUE;
}

gboolean
barid_transaction_save(BaridTransaction *txn, const gchar *name, BaridSlice value, GError **error)
{
    HookCall *call = hook_call_get_current();
    const BaridSavedArea *area =
        call == NULL ? NULL : saved_find_area(call->module->module, name);
    BaridSavedType type =
        area != NULL && area->type == BARID_SAVED_TEXT ? BARID_SAVED_TEXT : BARID_SAVED_BYTES;

    return saved_add(txn, name, type, value, error);
}

gboolean
barid_transaction_save_integer(BaridTransaction *txn, const gchar *name, gint64 value,
                               GError **error)
{
    guint8 bytes[SAVED_INTEGER_BYTES];
    Buffer out = {.data = bytes, .capacity = sizeof bytes, .limit = sizeof bytes};

    wire_put_u64(&out, (guint64)value);
    return saved_add(txn, name, BARID_SAVED_INTEGER, buffer_get_slice(&out), error);
}

static gboolean
saved_find_stored(BaridSlice stored, const gchar *name, SavedItem *out_item)
{
    Cursor cursor = cursor_new(stored);

    while (saved_next(&cursor, out_item)) {
        if (barid_slice_equal_text(out_item->name, name))
            return TRUE;
    }
    return FALSE;
}

static gboolean
saved_look_up(BaridScope *scope, const gchar *name, SavedItem *out_item)
{
    const HookCall *call = hook_call_get_current();
    BaridTransaction *txn = scope_get_transaction(scope);
    BaridAttempt *attempt = scope_get_attempt(scope);
    const SavedValue *value = NULL;

    if (attempt != NULL)
        return saved_find_stored(attempt->saved, name, out_item);
    if (txn == NULL)
        return FALSE;
    if (call != NULL)
        value = saved_find(call->saved, name);
    if (value == NULL)
        value = saved_find(txn->saved, name);
    if (value == NULL)
        return FALSE;
    *out_item = (SavedItem){.type = value->type, .value = value->value};
    return TRUE;
}

gboolean
barid_scope_saved_get(BaridScope *scope, const gchar *name, BaridSlice *out_value)
{
    SavedItem item;

    if (!saved_look_up(scope, name, &item) || item.type == BARID_SAVED_INTEGER)
        return FALSE;
    *out_value = item.value;
    return TRUE;
}

gboolean
barid_scope_saved_get_integer(BaridScope *scope, const gchar *name, gint64 *out_value)
{
    SavedItem item;

    return saved_look_up(scope, name, &item) &&
           saved_item_get_integer(item.type, item.value, out_value);
}
