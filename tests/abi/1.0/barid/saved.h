/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved areas: what a module keeps with a queued message, from the session to the last
 * attempt, over restarts.
 *
 * Slots end with their object and findings with the transaction; a saved area is stored
 * durably beside the envelope and read at delivery. It is small: a key, a score, a decision,
 * not content. A module declares its areas in BaridModule.saved.
 */
#ifndef BARID_SAVED_H
#define BARID_SAVED_H

#include <barid/slice.h>
#include <barid/verdict.h>

typedef enum {
    BARID_SAVED_BYTES = 0,
    BARID_SAVED_TEXT,    /* UTF-8 without control characters; shown by "explain" */
    BARID_SAVED_INTEGER, /* shown by "explain" */
} BaridSavedType;

/* Bytes of all areas of one message with their names, over all modules. */
#define BARID_SAVED_BYTES_MAX 4096

typedef struct {
    const gchar *name; /* such as "greylist.age"; NULL ends the table */
    BaridSavedType type;
    gsize max_bytes;   /* of the value; an integer has its own size */
    const gchar *summary;
} BaridSavedArea;

/* Keeps a copy of (value) under (name), which the running module declares, in the place of
 * an earlier one. Only before the message is queued: up to SEAL; like an edit it counts when
 * the hook returned successfully. Fails with BARID_ERROR_DENIED for a name that is not
 * declared or too late, BARID_ERROR_INVALID for a value not of its type, and
 * BARID_ERROR_TOO_LARGE. */
gboolean barid_transaction_save(BaridTransaction *txn, const gchar *name, BaridSlice value,
                                GError **error);
gboolean barid_transaction_save_integer(BaridTransaction *txn, const gchar *name, gint64 value,
                                        GError **error);

/* What was saved, by any module; FALSE when there is nothing of that name and type.
 * (object) is a transaction or an attempt; the value is borrowed from it. */
#define barid_saved_get(object, name, out_value) \
    barid_scope_saved_get(BARID_SCOPE(object), name, out_value)
#define barid_saved_get_integer(object, name, out_value) \
    barid_scope_saved_get_integer(BARID_SCOPE(object), name, out_value)

/* A text or bytes. */
gboolean barid_scope_saved_get(BaridScope *scope, const gchar *name, BaridSlice *out_value);
gboolean barid_scope_saved_get_integer(BaridScope *scope, const gchar *name, gint64 *out_value);

#endif
