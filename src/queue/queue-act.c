/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator does to messages in the queue: many share one flush of the disk. */
#include "base/clock.h"
#include "queue/queue-walk.h"

typedef struct {
    QueueEntry *entry;
    QueueMessage message;
    gboolean is_read;
    gboolean is_committed;
    Buffer state;
    SpoolChange change;
} ActItem;

typedef struct {
    QueueAction action;
    const gchar *route; /* NULL leaves it as it is */
    guint count;
} ActCall;

/* --- before the commit --- */

static void
act_change_state(Queue *self, const ActCall *call, ActItem *item)
{
    const Envelope *envelope = &item->message.envelope;
    DeliveryState *state = &item->message.state;

    if (call->action == QUEUE_HOLD)
        state->held = TRUE;
    else if (call->action == QUEUE_RELEASE)
        state->held = FALSE;
    /* A retry never shortens the time until expiry. */
    for (guint i = 0; call->action != QUEUE_HOLD && i < envelope->n_domains; i++)
        state->domains[i].next_ms = clock_wall_ms();
    for (guint i = 0; call->route != NULL && i < envelope->n_domains; i++) {
        state->domains[i].route = barid_slice_from_text(call->route);
        /* It must not go on waiting for the place it is sent away from. */
        if (item->entry->n_waiting > 0 &&
            destinations_forget(self->destinations, item->entry->ref.id, i))
            item->entry->n_waiting--;
    }
}

/* Puts together what becomes durable; FALSE when there is nothing. */
static gboolean
act_prepare(Queue *self, const ActCall *call, QueueEntry *entry, Arena *arena, ActItem *item)
{
    item->entry = entry;
    item->change = (SpoolChange){
        .kind = call->action == QUEUE_CANCEL ? SPOOL_REMOVE : SPOOL_STATE,
        .ref = &entry->ref,
        .body_fd = -1,
    };
    buffer_init(&item->state, SPOOL_ENVELOPE_MAX);
    item->is_read = queue_message_read(self, entry, arena, &item->message);
    if (call->action == QUEUE_CANCEL)
        return TRUE;
    if (!item->is_read)
        return FALSE;
    act_change_state(self, call, item);
    if (!delivery_state_write(&item->message.state, &item->message.envelope, &item->state))
        return FALSE;
    item->change.state = buffer_get_slice(&item->state);
    return TRUE;
}

/* --- behind it --- */

static gboolean
act_is_written(SpoolChange *change)
{
    if (change->error == NULL)
        return TRUE;
    barid_log(BARID_LOG_ERROR, "spool.failed", "error", change->error->message, NULL);
    g_clear_error(&change->error);
    return FALSE;
}

static void
act_finish_cancel(Queue *self, ActItem *item)
{
    if (item->is_read)
        queue_remember(self, &item->message.envelope, &item->message.state,
                       item->message.content, "cancelled");
    queue_entry_remove(self, item->entry);
    /* A job under way still points at it; its result frees it. */
    if (item->entry->n_jobs > 0)
        g_ptr_array_remove_fast(self->gone, item->entry);
}

/* Who is sent out by hand does not wait until a place that is down is probed in its turn. */
static void
act_probe(Queue *self, const ActItem *item)
{
    const Envelope *envelope = &item->message.envelope;
    DestinationLimits limits;

    for (guint i = 0; i < envelope->n_domains; i++) {
        queue_get_limits(self, envelope, &item->message.state, i, &limits);
        destinations_probe(self->destinations, limits.key, clock_wall_ms());
    }
}

static void
act_finish(Queue *self, ActCall *call, ActItem *item)
{
    if (!act_is_written(&item->change))
        return;
    call->count++;
    if (call->action == QUEUE_CANCEL) {
        act_finish_cancel(self, item);
        return;
    }
    queue_entry_set_state(item->entry, item->change.state);
    queue_entry_schedule(self, item->entry, &item->message.envelope, &item->message.state);
    if (call->action != QUEUE_HOLD)
        act_probe(self, item);
}

/* --- many --- */

/* Each folder has a log of its own. */
static void
act_commit(Queue *self, ActItem *items, guint n_items)
{
    for (guint first = 0; first < n_items; first++) {
        SpoolChange *changes[QUEUE_WALK_MAX];
        Spool *spool;
        guint n_changes = 0;

        if (items[first].is_committed)
            continue;
        spool = queue_entry_get_spool(self, items[first].entry);
        for (guint i = first; i < n_items; i++) {
            if (items[i].is_committed || queue_entry_get_spool(self, items[i].entry) != spool)
                continue;
            items[i].is_committed = TRUE;
            changes[n_changes++] = &items[i].change;
        }
        spool_commit(spool, changes, n_changes);
    }
}

static void
act_visit(Queue *self, QueueEntry *const *entries, guint n_entries, gpointer data)
{
    g_autofree ActItem *items = g_new0(ActItem, n_entries);
    Arena *arena = arena_new(4096);
    ActCall *call = data;
    guint n_items = 0;

    for (guint i = 0; i < n_entries; i++) {
        ActItem *item = &items[n_items];

        if (act_prepare(self, call, entries[i], arena, item)) {
            n_items++;
            continue;
        }
        if (item->is_read)
            spool_content_unref(item->message.content);
        buffer_clear(&item->state);
    }
    act_commit(self, items, n_items);
    for (guint i = 0; i < n_items; i++) {
        act_finish(self, call, &items[i]);
        if (items[i].is_read)
            spool_content_unref(items[i].message.content);
        buffer_clear(&items[i].state);
    }
    arena_free(arena);
}

guint
queue_act(Queue *self, QueueAction action, const QueueFilter *filter)
{
    ActCall call = {.action = action};

    queue_walk(self, filter, act_visit, &call);
    return call.count;
}

guint
queue_reroute(Queue *self, const QueueFilter *filter, const gchar *route)
{
    ActCall call = {.action = QUEUE_RETRY, .route = route == NULL ? "" : route};

    queue_walk(self, filter, act_visit, &call);
    return call.count;
}
