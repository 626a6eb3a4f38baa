/* SPDX-License-Identifier: Apache-2.0 */
/* Where messages are, and how much of each segment is alive. */
#include "queue/spool/spool-core.h"

static guint32
to_units(guint64 bytes)
{
    return (guint32)(spool_align(bytes, SPOOL_ALIGN) / SPOOL_ALIGN);
}

static void
count_live(Spool *self, SpoolSegment *segment, gint64 change)
{
    segment->live_bytes += (guint64)change;
    self->live_bytes += (guint64)change;
}

void
spool_attach(Spool *self, SpoolRef *ref, SpoolSegment *segment, goffset offset, guint64 size)
{
    g_assert(ref->segment == 0);
    ref->segment = segment->generation;
    ref->offset = to_units((guint64)offset);
    ref->size = to_units(size);
    ref->prev = NULL;
    ref->next = segment->refs;
    if (ref->next != NULL)
        ref->next->prev = ref;
    segment->refs = ref;
    count_live(self, segment, (gint64)ref->size * SPOOL_ALIGN);
}

void
spool_detach(Spool *self, SpoolRef *ref)
{
    SpoolSegment *segment = spool_find_segment(self, ref->segment);

    spool_clear_state(self, ref);
    g_assert(segment != NULL);
    if (ref->prev != NULL)
        ref->prev->next = ref->next;
    else
        segment->refs = ref->next;
    if (ref->next != NULL)
        ref->next->prev = ref->prev;
    count_live(self, segment, -(gint64)ref->size * SPOOL_ALIGN);
    ref->next = ref->prev = NULL;
    ref->segment = ref->offset = ref->size = 0;
}

/* With more states than these a segment waits until they are replaced, as each retry does. */
enum { STATES_FEW = 256 };

static void
note_state(SpoolSegment *segment, SpoolRef *ref)
{
    if (segment->has_many_states)
        return;
    if (segment->states == NULL)
        segment->states = g_ptr_array_new();
    g_ptr_array_add(segment->states, ref);
    if (segment->states->len <= STATES_FEW)
        return;
    g_clear_pointer(&segment->states, g_ptr_array_unref);
    segment->has_many_states = TRUE;
}

void
spool_clear_state(Spool *self, SpoolRef *ref)
{
    SpoolSegment *segment;

    if (ref->state_segment == 0)
        return;
    segment = spool_find_segment(self, ref->state_segment);
    g_assert(segment != NULL);
    count_live(self, segment, -(gint64)ref->state_size * SPOOL_ALIGN);
    if (segment->states != NULL)
        g_ptr_array_remove_fast(segment->states, ref);
    ref->state_segment = ref->state_offset = ref->state_size = 0;
}

void
spool_set_state(Spool *self, SpoolRef *ref, SpoolSegment *segment, goffset offset, guint64 size)
{
    spool_clear_state(self, ref);
    ref->state_segment = segment->generation;
    ref->state_offset = to_units((guint64)offset);
    ref->state_size = to_units(size) & G_MAXINT32;
    count_live(self, segment, (gint64)ref->state_size * SPOOL_ALIGN);
    note_state(segment, ref);
}

void
spool_list_refs(const Spool *self, guint max, GPtrArray *out_refs)
{
    guint count = 0;

    for (guint i = 0; i < self->segments->len; i++) {
        const SpoolSegment *segment = g_ptr_array_index(self->segments, i);

        for (SpoolRef *ref = segment->refs; ref != NULL && count < max; ref = ref->next, count++)
            g_ptr_array_add(out_refs, ref);
    }
}
