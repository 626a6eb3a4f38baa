/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tally.h"

#include <stdatomic.h>
#include <string.h>

typedef struct {
    gchar *where; /* or NULL */
    gchar *from, *to;
    guint64 count;
} TallyChange;

struct Tally {
    _Atomic guint64 n_noted;
    GMutex mutex; /* of all below; changes are rare */
    guint64 n_changes, n_other;
    guint n_kinds;
    TallyChange kinds[TALLY_CHANGES_MAX];
};

Tally *
tally_new(void)
{
    Tally *self = g_new0(Tally, 1);

    g_mutex_init(&self->mutex);
    return self;
}

static void
tally_clear_kinds(Tally *self)
{
    for (guint i = 0; i < self->n_kinds; i++) {
        g_free(self->kinds[i].where);
        g_free(self->kinds[i].from);
        g_free(self->kinds[i].to);
    }
    self->n_kinds = 0;
}

void
tally_free(Tally *self)
{
    if (self == NULL)
        return;
    tally_clear_kinds(self);
    g_mutex_clear(&self->mutex);
    g_free(self);
}

void
tally_note(Tally *self)
{
    tally_add(self, 1);
}

void
tally_add(Tally *self, guint64 n_noted)
{
    atomic_fetch_add_explicit(&self->n_noted, n_noted, memory_order_relaxed);
}

/* Long values that differ only near their end are one kind. */
static gboolean
tally_is_same(const gchar *kept, const gchar *value)
{
    return strncmp(kept, value, TALLY_VALUE_BYTES_MAX) == 0;
}

static TallyChange *
tally_find(Tally *self, const gchar *where, const gchar *from, const gchar *to)
{
    for (guint i = 0; i < self->n_kinds; i++) {
        TallyChange *kind = &self->kinds[i];

        if (g_strcmp0(kind->where, where) == 0 && tally_is_same(kind->from, from) &&
            tally_is_same(kind->to, to))
            return kind;
    }
    return NULL;
}

static gchar *
tally_dup(const gchar *value)
{
    return g_strndup(value, TALLY_VALUE_BYTES_MAX);
}

static TallyChange *
tally_add_kind(Tally *self, const gchar *where, const gchar *from, const gchar *to)
{
    TallyChange *kind;

    if (self->n_kinds == TALLY_CHANGES_MAX)
        return NULL;
    kind = &self->kinds[self->n_kinds++];
    *kind = (TallyChange){.where = g_strdup(where), .from = tally_dup(from), .to = tally_dup(to)};
    return kind;
}

void
tally_note_change(Tally *self, const gchar *where, const gchar *from, const gchar *to)
{
    tally_add_changes(self, where, from, to, 1);
}

void
tally_add_changes(Tally *self, const gchar *where, const gchar *from, const gchar *to,
                  guint64 count)
{
    TallyChange *kind;

    g_mutex_lock(&self->mutex);
    self->n_changes += count;
    kind = tally_find(self, where, from, to);
    if (kind == NULL)
        kind = tally_add_kind(self, where, from, to);
    if (kind != NULL)
        kind->count += count;
    else
        self->n_other += count;
    g_mutex_unlock(&self->mutex);
}

void
tally_add_other(Tally *self, guint64 count)
{
    g_mutex_lock(&self->mutex);
    self->n_changes += count;
    self->n_other += count;
    g_mutex_unlock(&self->mutex);
}

/* Of (self), whose mutex is held. */
static void
tally_add_all(const Tally *self, guint64 n_noted, Tally *target)
{
    tally_add(target, n_noted);
    for (guint i = 0; i < self->n_kinds; i++)
        tally_add_changes(target, self->kinds[i].where, self->kinds[i].from, self->kinds[i].to,
                          self->kinds[i].count);
    tally_add_other(target, self->n_other);
}

void
tally_copy(Tally *self, Tally *target)
{
    g_mutex_lock(&self->mutex);
    tally_add_all(self, atomic_load(&self->n_noted), target);
    g_mutex_unlock(&self->mutex);
}

void
tally_move(Tally *self, Tally *target)
{
    g_mutex_lock(&self->mutex);
    tally_add_all(self, atomic_exchange(&self->n_noted, 0), target);
    tally_clear_kinds(self);
    self->n_changes = self->n_other = 0;
    g_mutex_unlock(&self->mutex);
}

gboolean
tally_is_empty(Tally *self)
{
    gboolean is_empty;

    g_mutex_lock(&self->mutex);
    is_empty = atomic_load(&self->n_noted) == 0 && self->n_changes == 0;
    g_mutex_unlock(&self->mutex);
    return is_empty;
}

void
tally_write(Tally *self, JsonWriter *writer)
{
    g_mutex_lock(&self->mutex);
    json_writer_integer(writer, "evaluated", (gint64)atomic_load(&self->n_noted));
    json_writer_integer(writer, "different", (gint64)self->n_changes);
    json_writer_begin_array(writer, "changes");
    for (guint i = 0; i < self->n_kinds; i++) {
        const TallyChange *kind = &self->kinds[i];

        json_writer_begin_object(writer, NULL);
        if (kind->where != NULL)
            json_writer_text(writer, "where", kind->where);
        json_writer_text(writer, "from", kind->from);
        json_writer_text(writer, "to", kind->to);
        json_writer_integer(writer, "count", (gint64)kind->count);
        json_writer_end_object(writer);
    }
    json_writer_end_array(writer);
    json_writer_integer(writer, "other_changes", (gint64)self->n_other);
    g_mutex_unlock(&self->mutex);
}
