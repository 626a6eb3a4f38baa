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

void
tally_free(Tally *self)
{
    if (self == NULL)
        return;
    for (guint i = 0; i < self->n_kinds; i++) {
        g_free(self->kinds[i].where);
        g_free(self->kinds[i].from);
        g_free(self->kinds[i].to);
    }
    g_mutex_clear(&self->mutex);
    g_free(self);
}

void
tally_note(Tally *self)
{
    atomic_fetch_add_explicit(&self->n_noted, 1, memory_order_relaxed);
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
tally_add(Tally *self, const gchar *where, const gchar *from, const gchar *to)
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
    TallyChange *kind;

    g_mutex_lock(&self->mutex);
    self->n_changes++;
    kind = tally_find(self, where, from, to);
    if (kind == NULL)
        kind = tally_add(self, where, from, to);
    if (kind != NULL)
        kind->count++;
    else
        self->n_other++;
    g_mutex_unlock(&self->mutex);
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
