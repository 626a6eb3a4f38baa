/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tally: how often something was looked at, and how often another way of doing it would
 * have come out differently, from what to what. Bounded: of kinds of change the first
 * TALLY_CHANGES_MAX are told apart, the others are counted together. Any thread.
 */
#ifndef TALLY_H
#define TALLY_H

#include "base/json-writer.h"

enum { TALLY_CHANGES_MAX = 32, TALLY_VALUE_BYTES_MAX = 200 };

typedef struct Tally Tally;

Tally *tally_new(void);
void tally_free(Tally *self);
/* Looked at once more. */
void tally_note(Tally *self);
/* It came out as (from) and would have as (to), at (where), which may be NULL. */
void tally_note_change(Tally *self, const gchar *where, const gchar *from, const gchar *to);
/* The same for what was counted elsewhere: (count) changes of one kind, or of kinds that were not
 * told apart. */
void tally_add(Tally *self, guint64 n_noted);
void tally_add_changes(Tally *self, const gchar *where, const gchar *from, const gchar *to,
                       guint64 count);
void tally_add_other(Tally *self, guint64 count);
/* Adds all of (self) to (target). */
void tally_copy(Tally *self, Tally *target);
/* The same; (self) then begins anew. */
void tally_move(Tally *self, Tally *target);
gboolean tally_is_empty(Tally *self);
/* Writes "evaluated", "different", "changes": [{where, from, to, count}] and "other_changes"
 * into an open object. */
void tally_write(Tally *self, JsonWriter *writer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tally, tally_free)

#endif
