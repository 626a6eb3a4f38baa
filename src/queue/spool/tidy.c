/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Housekeeping. The log is a ring in time: the oldest segment leaves when nothing in it
 * lives, and it is emptied, by copying what lives to the young end, when that is cheap
 * (little lives in it) or when the log as a whole is mostly dead. In the second case each
 * turn of the ring copies all that lives once and frees at least (100 - compact_percent)
 * hundredths of the log, so copying stays a fixed share of writing.
 *
 * Mail that waits for days would keep the log of all mail behind it; so a younger segment in
 * which nothing lives leaves, too, as soon as it guards nothing. The few messages that ended
 * here but began in an older segment are ended once more at the young end, and the few whose
 * newest state is here have it written again there.
 */
#include <errno.h>
#include <string.h>

#include "base/error-domain.h"
#include "queue/spool/spool-core.h"

/* The copying of one call: bounded, because accepting mail waits meanwhile. */
#define TIDY_RECORDS 64
#define TIDY_BYTES (1024 * 1024)
/* With more guards a segment waits until what it guards has left. */
#define TIDY_GUARDS_MAX 1024

static gboolean
is_sparse(guint64 live, guint64 total, guint percent)
{
    return live < total / 100 * percent;
}

static gboolean
should_empty(const Spool *self, const SpoolSegment *oldest)
{
    guint64 total = 0;

    if (is_sparse(oldest->live_bytes, (guint64)oldest->size, self->options.compact_percent))
        return TRUE;
    for (guint i = 0; i < self->segments->len; i++) {
        const SpoolSegment *segment = g_ptr_array_index(self->segments, i);

        total += (guint64)segment->size;
    }
    /* The segment being filled is not waste. */
    if (self->active != NULL)
        total -= (guint64)(self->active->size - self->active->end);
    return is_sparse(self->live_bytes, total, self->options.compact_percent);
}

/* A message that can no longer be read cannot move. Its bytes go aside, and reading it
 * will say that it is gone; else the log could never be shortened again. */
static void
give_up(Spool *self, SpoolRef *ref)
{
    const SpoolSegment *segment = spool_find_segment(self, ref->segment);

    spool_set_aside(self, segment, (goffset)ref->offset * SPOOL_ALIGN,
                    (guint64)ref->size * SPOOL_ALIGN, "a queued message was lost");
    spool_detach(self, ref);
}

typedef struct {
    guint8 *bytes, *state_bytes;
} TidyCopy;

static void
clear_copy(gpointer data)
{
    TidyCopy *copy = data;

    g_free(copy->bytes);
    g_free(copy->state_bytes);
}

/* The newest state, for (record), which holds the first. When only the state is damaged the
 * message goes on with the first one: a delivery repeated is better than one forgotten. */
static gboolean
find_state(Spool *self, const SpoolRef *ref, TidyCopy *copy, SpoolRecord *record, GError **error)
{
    g_autoptr(GError) why = NULL;
    SpoolRecord state;

    if (ref->state_segment == 0)
        return TRUE;
    if (spool_read_record(self, ref->state_segment, ref->state_offset, ref->state_size,
                          &copy->state_bytes, &state, &why)) {
        record->state = state.state;
        return TRUE;
    }
    if (why->code != BARID_ERROR_INVALID) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    spool_set_aside(self, spool_find_segment(self, ref->state_segment),
                    (goffset)ref->state_offset * SPOOL_ALIGN,
                    (guint64)ref->state_size * SPOOL_ALIGN, "a message's newest state was lost");
    return TRUE;
}

/* Appends the message with its newest state. FALSE when it could not be read. */
static gboolean
copy_message(Spool *self, SpoolRef *ref, TidyCopy *copy, GError **failed, GError **error)
{
    SpoolDraft draft = {.ref = ref, .error = failed};
    SpoolRecord record;

    if (!spool_read_record(self, ref->segment, ref->offset, ref->size, &copy->bytes, &record,
                           error) ||
        !find_state(self, ref, copy, &record, error))
        return FALSE;
    draft.header = record.header;
    draft.header.flags &= SPOOL_RECORD_LARGE;
    draft.header.state_len = (guint32)record.state.len;
    draft.parts[0] = record.envelope;
    draft.parts[1] = record.state;
    draft.parts[2] = record.prefix;
    draft.parts[3] = record.body;
    spool_log_append(self, &draft);
    return TRUE;
}

/* Collects what to copy first: appending may flush, and flushing changes the list. */
static guint
collect(const SpoolSegment *oldest, SpoolRef *refs[TIDY_RECORDS])
{
    guint64 bytes = 0;
    guint n = 0;

    for (SpoolRef *ref = oldest->refs; ref != NULL && n < TIDY_RECORDS; ref = ref->next) {
        bytes += (guint64)ref->size * SPOOL_ALIGN;
        if (n > 0 && bytes > TIDY_BYTES)
            break;
        refs[n++] = ref;
    }
    return n;
}

/* TRUE when something moved, or was given up. */
static gboolean
empty_some(Spool *self, const SpoolSegment *oldest)
{
    SpoolRef *refs[TIDY_RECORDS];
    TidyCopy copies[TIDY_RECORDS] = {{NULL, NULL}};
    guint n = collect(oldest, refs);
    GError *failed = NULL;
    gboolean moved = TRUE;

    for (guint i = 0; i < n && moved && failed == NULL; i++) {
        g_autoptr(GError) error = NULL;

        if (!copy_message(self, refs[i], &copies[i], &failed, &error)) {
            /* An error of the disk may pass; then the message stays where it is. */
            moved = error->code == BARID_ERROR_INVALID;
            if (moved)
                give_up(self, refs[i]);
        }
    }
    moved = spool_log_flush(self) && moved && failed == NULL;
    for (guint i = 0; i < n; i++)
        clear_copy(&copies[i]);
    g_clear_error(&failed);
    return moved;
}

/* Only segments that are still there need a guard. */
static void
prune_guards(const Spool *self, SpoolSegment *segment)
{
    guint kept = 0;

    if (segment->guards == NULL || segment->guards_seen == self->n_left)
        return;
    segment->guards_seen = self->n_left;
    for (guint i = 0; i < segment->guards->len; i++) {
        SpoolGuard guard = g_array_index(segment->guards, SpoolGuard, i);

        if (spool_find_segment(self, guard.generation) != NULL)
            g_array_index(segment->guards, SpoolGuard, kept++) = guard;
    }
    g_array_set_size(segment->guards, kept);
}

/* What is written twice because a flush failed does no harm. */
static gboolean
carry_guards(Spool *self, SpoolSegment *segment)
{
    guint left = segment->guards->len - MIN(segment->guards->len, TIDY_RECORDS);
    GError *failed = NULL;
    gboolean ok;

    for (guint i = left; i < segment->guards->len && failed == NULL; i++) {
        const SpoolGuard *guard = &g_array_index(segment->guards, SpoolGuard, i);
        SpoolDraft draft = {
            .header = {.id = guard->id, .type = SPOOL_RECORD_REMOVE},
            .guarded = guard->generation,
            .error = &failed,
        };

        spool_log_append(self, &draft);
    }
    ok = spool_log_flush(self) && failed == NULL;
    if (ok)
        g_array_set_size(segment->guards, left);
    g_clear_error(&failed);
    return ok;
}

/* Writes the newest states of a segment again at the young end, from where on they are there. */
static gboolean
carry_states(Spool *self, const SpoolSegment *segment)
{
    TidyCopy copies[TIDY_RECORDS] = {{NULL, NULL}};
    SpoolRef *refs[TIDY_RECORDS];
    guint n = MIN(segment->states->len, TIDY_RECORDS);
    GError *failed = NULL;
    gboolean ok = TRUE;

    memcpy(refs, segment->states->pdata, n * sizeof refs[0]);
    for (guint i = 0; i < n && ok && failed == NULL; i++) {
        g_autoptr(GError) error = NULL;
        SpoolRecord state = {.state = BARID_SLICE_EMPTY};
        SpoolDraft draft = {
            .header = {.id = refs[i]->id, .type = SPOOL_RECORD_STATE},
            .ref = refs[i],
            .error = &failed,
        };

        ok = find_state(self, refs[i], &copies[i], &state, &error);
        if (!ok)
            continue;
        if (copies[i].state_bytes == NULL) {
            spool_clear_state(self, refs[i]); /* damaged, and set aside */
            continue;
        }
        draft.parts[1] = state.state;
        draft.header.state_len = (guint32)state.state.len;
        spool_log_append(self, &draft);
    }
    ok = spool_log_flush(self) && ok && failed == NULL;
    for (guint i = 0; i < n; i++)
        clear_copy(&copies[i]);
    g_clear_error(&failed);
    return ok;
}

/* One step towards the leaving of a segment that is not the oldest; FALSE when none can. */
static gboolean
leave_early(Spool *self)
{
    const SpoolSegment *oldest = g_ptr_array_index(self->segments, 0);

    for (guint i = 1; i < self->segments->len; i++) {
        SpoolSegment *segment = g_ptr_array_index(self->segments, i);

        if (segment == self->active || segment->refs != NULL ||
            segment->bound_to >= oldest->generation ||
            (segment->live_bytes > 0 && segment->has_many_states))
            continue;
        if (segment->states != NULL && segment->states->len > 0)
            return carry_states(self, segment);
        prune_guards(self, segment);
        if (segment->guards == NULL || segment->guards->len == 0)
            return spool_reclaim(self, i);
        if (segment->guards->len <= TIDY_GUARDS_MAX)
            return carry_guards(self, segment);
    }
    return FALSE;
}

gboolean
spool_tidy(Spool *self)
{
    SpoolSegment *oldest;

    if (self->replay != NULL)
        return FALSE;
    spool_trim_spares(self);
    if (self->segments->len == 0)
        return FALSE;
    oldest = g_ptr_array_index(self->segments, 0);
    if (oldest == self->active)
        return spool_prepare_spare(self);
    if (oldest->refs == NULL)
        return spool_reclaim(self, 0);
    if (should_empty(self, oldest))
        return empty_some(self, oldest);
    return leave_early(self) || spool_prepare_spare(self);
}
