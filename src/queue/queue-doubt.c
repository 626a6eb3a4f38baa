/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts in doubt because the process ended: killed, crashed, or stopped too soon.
 *
 * Before a next hop is given the end of a message, the attempt is marked in the spool. The
 * mark names the message, the domain and the number of attempts that were on record then.
 * Once the attempt is on record itself, the numbers differ, so a mark need not be cleared.
 * A mark that still has the number of the message's state tells that the next hop may have
 * the message: the next process puts that attempt on record before it makes another.
 */
#include "queue/queue-doubt.h"

#include "base/cursor.h"
#include "base/wire.h"

void
queue_job_mark(const QueueJob *job, const gchar *peer)
{
    g_auto(Buffer) bytes = {0};
    BaridSlice name = barid_slice_from_text(peer);

    buffer_init(&bytes, SPOOL_MARK_MAX);
    name.len = MIN(name.len, QUEUE_DOUBT_PEER_MAX - 1);
    if (wire_put_u64(&bytes, (guint64)job->started_ms) && wire_put_u32(&bytes, job->domain) &&
        wire_put_u16(&bytes, (guint16)job->n_attempts) && wire_put_counted(&bytes, name))
        spool_mark_write(job->mark, job->envelope.id, buffer_get_slice(&bytes));
}

static void
doubts_on_mark(QueueId id, BaridSlice bytes, gpointer data)
{
    Cursor cursor = cursor_new(bytes);
    QueueDoubt doubt = {.id = id};
    GArray *doubts = data;
    guint64 started_ms;
    BaridSlice peer;

    if (!cursor_take_u64(&cursor, &started_ms) || !cursor_take_u32(&cursor, &doubt.domain) ||
        !cursor_take_u16(&cursor, &doubt.n_attempts) || !cursor_take_counted(&cursor, &peer) ||
        peer.len >= sizeof doubt.peer)
        return;
    doubt.started_ms = (gint64)started_ms;
    memcpy(doubt.peer, peer.data, peer.len);
    g_array_append_val(doubts, doubt);
}

static gint
doubts_compare(gconstpointer a, gconstpointer b)
{
    const QueueDoubt *left = a, *right = b;

    if (left->id != right->id)
        return left->id < right->id ? -1 : 1;
    return (gint)left->n_attempts - (gint)right->n_attempts;
}

GArray *
queue_doubts_read(const Spool *spool)
{
    GArray *doubts = g_array_new(FALSE, FALSE, sizeof(QueueDoubt));

    spool_marks_visit(spool, doubts_on_mark, doubts);
    g_array_sort(doubts, doubts_compare);
    return doubts;
}

/* The first of the message's, or where it would be. */
static guint
doubts_find(const GArray *doubts, QueueId id)
{
    guint low = 0, high = doubts->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (g_array_index(doubts, QueueDoubt, middle).id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

gboolean
queue_doubts_apply(Queue *self, const GArray *doubts, const Envelope *envelope,
                   DeliveryState *state)
{
    gboolean any = FALSE;

    for (guint i = doubts_find(doubts, envelope->id); i < doubts->len; i++) {
        const QueueDoubt *doubt = &g_array_index(doubts, QueueDoubt, i);

        if (doubt->id != envelope->id)
            break;
        any |= queue_take_doubt(self, envelope, state, doubt);
    }
    return any;
}
