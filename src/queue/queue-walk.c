/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/queue-walk.h"

#include "base/text.h"

gboolean
queue_message_read(Queue *self, const QueueEntry *entry, Arena *arena, QueueMessage *out)
{
    out->content = queue_entry_read(self, entry, NULL);
    if (out->content == NULL)
        return FALSE;
    if (envelope_parse(spool_content_get_envelope(out->content), arena, &out->envelope) &&
        delivery_state_parse(barid_slice(entry->state, entry->state_len), &out->envelope, arena,
                             &out->state))
        return TRUE;
    spool_content_unref(out->content);
    return FALSE;
}

/* --- filters --- */

static gboolean
filter_contains(BaridSlice where, const gchar *what)
{
    return text_contains_nocase(where, barid_slice_from_text(what));
}

static gboolean
filter_any_recipient(const Envelope *envelope, const gchar *what)
{
    for (guint i = 0; i < envelope->n_recipients; i++) {
        if (filter_contains(envelope->recipients[i].address, what))
            return TRUE;
    }
    return FALSE;
}

static gboolean
filter_any_domain(const Envelope *envelope, const gchar *what)
{
    for (guint i = 0; i < envelope->n_domains; i++) {
        if (barid_slice_equal_nocase(envelope->domains[i], barid_slice_from_text(what)))
            return TRUE;
    }
    return FALSE;
}

static gboolean
filter_index_matches(const QueueFilter *filter, const QueueEntry *entry)
{
    gint64 arrived_ms = queue_id_get_time_ms(entry->ref.id);

    if (filter->id != 0 && entry->ref.id != filter->id)
        return FALSE;
    if (filter->status != NULL && strcmp(queue_entry_get_status(entry), filter->status) != 0)
        return FALSE;
    if (filter->before_ms != 0 && arrived_ms >= filter->before_ms)
        return FALSE;
    return filter->after_ms == 0 || arrived_ms > filter->after_ms;
}

/* Only these need the message from the disk. */
static gboolean
filter_needs_envelope(const QueueFilter *filter)
{
    return filter->sender != NULL || filter->recipient != NULL || filter->domain != NULL ||
           filter->message_id != NULL || filter->remote_ip != NULL || filter->noted != NULL;
}

static gboolean
filter_envelope_matches(const QueueFilter *filter, const Envelope *envelope)
{
    if (filter->sender != NULL &&
        !(filter->sender[0] == '\0' ? envelope->sender.len == 0
                                    : filter_contains(envelope->sender, filter->sender)))
        return FALSE;
    if (filter->recipient != NULL && !filter_any_recipient(envelope, filter->recipient))
        return FALSE;
    if (filter->message_id != NULL && !filter_contains(envelope->message_id, filter->message_id))
        return FALSE;
    if (filter->remote_ip != NULL && !barid_slice_equal_text(envelope->remote_ip,
                                                             filter->remote_ip))
        return FALSE;
    return filter->domain == NULL || filter_any_domain(envelope, filter->domain);
}

static gboolean
filter_notes_match(const QueueFilter *filter, const QueueMessage *message)
{
    BaridSlice noted = barid_slice_from_text(filter->noted);

    return filter->noted == NULL || text_contains(message->envelope.decisions, noted) ||
           text_contains(message->state.attempts, noted);
}

static gboolean
filter_matches(Queue *self, const QueueFilter *filter, const QueueEntry *entry)
{
    QueueMessage message;
    gboolean matches;

    if (!filter_index_matches(filter, entry))
        return FALSE;
    if (!filter_needs_envelope(filter))
        return TRUE;
    arena_reset(self->turn);
    if (!queue_message_read(self, entry, self->turn, &message))
        return FALSE;
    matches = filter_envelope_matches(filter, &message.envelope) &&
              filter_notes_match(filter, &message);
    spool_content_unref(message.content);
    return matches;
}

/* --- the walk --- */

typedef struct {
    const QueueFilter *filter;
    GArray *ids; /* of QueueId: those that may match, oldest first */
    guint next;  /* of them, to be looked at */
    guint n_left; /* that may be visited; 0: any number */
    QueueWalkVisitor visit;
    gpointer data;
} Walk;

static gint
walk_compare(gconstpointer a, gconstpointer b)
{
    QueueId left = *(const QueueId *)a, right = *(const QueueId *)b;

    return left < right ? -1 : left > right ? 1 : 0;
}

static void
walk_keep_newest(Walk *walk)
{
    GArray *ids = walk->ids;

    if (ids->len > walk->filter->newest)
        g_array_remove_range(ids, 0, ids->len - walk->filter->newest);
    for (guint i = 0; i < ids->len / 2; i++) {
        QueueId *low = &g_array_index(ids, QueueId, i);
        QueueId *high = &g_array_index(ids, QueueId, ids->len - 1 - i);
        QueueId kept = *low;

        *low = *high;
        *high = kept;
    }
}

/* What the index in memory tells needs no disk. */
static void
walk_begin(Queue *self, gpointer data)
{
    Walk *walk = data;
    GHashTableIter iter;
    gpointer value;

    if (walk->filter->id != 0) {
        const QueueEntry *entry = queue_find(self, walk->filter->id);

        if (entry != NULL && filter_index_matches(walk->filter, entry))
            g_array_append_val(walk->ids, walk->filter->id);
        return;
    }
    g_hash_table_iter_init(&iter, self->index);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const QueueEntry *entry = value;

        if (filter_index_matches(walk->filter, entry))
            g_array_append_val(walk->ids, entry->ref.id);
    }
    g_array_sort(walk->ids, walk_compare);
    if (walk->filter->newest != 0)
        walk_keep_newest(walk);
}

static void
walk_go_on(Queue *self, gpointer data)
{
    QueueEntry *entries[QUEUE_WALK_MAX];
    Walk *walk = data;
    guint n_entries = 0;

    for (guint n = 0; n < QUEUE_WALK_MAX && walk->next < walk->ids->len; n++) {
        QueueEntry *entry = queue_find(self, g_array_index(walk->ids, QueueId, walk->next++));

        if (entry == NULL || !filter_matches(self, walk->filter, entry))
            continue;
        entries[n_entries++] = entry;
        if (walk->filter->limit != 0 && --walk->n_left == 0)
            walk->next = walk->ids->len;
    }
    if (n_entries > 0)
        walk->visit(self, entries, n_entries, walk->data);
}

static void
walk_count(Queue *self G_GNUC_UNUSED, QueueEntry *const *entries G_GNUC_UNUSED, guint n_entries,
           gpointer data)
{
    guint *count = data;

    *count += n_entries;
}

/* One look where the index suffices: a message that ends in a notice must not be missed
 * between the two. */
guint
queue_count(Queue *self, const QueueFilter *filter)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(QueueId));
    Walk walk = {.filter = filter, .ids = ids};
    guint count = 0;

    if (filter_needs_envelope(filter)) {
        queue_walk(self, filter, walk_count, &count);
        return count;
    }
    queue_call(self, walk_begin, &walk);
    return filter->limit != 0 ? MIN(ids->len, filter->limit) : ids->len;
}

void
queue_walk(Queue *self, const QueueFilter *filter, QueueWalkVisitor visit, gpointer data)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(QueueId));
    Walk walk = {.filter = filter, .ids = ids, .n_left = filter->limit, .visit = visit,
                 .data = data};

    queue_call(self, walk_begin, &walk);
    while (walk.next < ids->len)
        queue_call(self, walk_go_on, &walk);
}
