/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/destination.h"

typedef struct Waiter {
    DestinationJob job;
    struct Waiter *next;
} Waiter;

typedef struct {
    Waiter *first, *last;
} WaiterLine;

enum { LINE_HIGH, LINE_NORMAL, LINE_LOW, N_LINES };

struct Destination {
    gchar *key;
    guint concurrency;
    BaridRate rate;
    guint n_active, n_waiting;
    gboolean is_suspended;
    gboolean is_ready;      /* in the ring of those who may be called */
    gchar *down_reason;     /* NULL while it is not down */
    gint64 probe_ms;        /* of one that is down: when it is probed */
    gint64 pause_ms;        /* before that */
    gdouble tokens;         /* deliveries that the rate allows now */
    gint64 filled_ms;       /* when (tokens) was right */
    WaiterLine lines[N_LINES];
    ScheduleItem timer;     /* when the rate lets the next one go, or all is forgotten */
};

struct Destinations {
    GHashTable *by_key;  /* gchar * -> Destination *, owned */
    GHashTable *waiting; /* of Waiter *, by message and domain */
    GQueue ready;        /* of Destination * */
    Schedule timers;
    gint64 pause_ms;     /* before the first probe; 0: none is ever down */
};

static guint
waiter_hash(gconstpointer data)
{
    const Waiter *waiter = data;
    guint64 mixed = (waiter->job.id + waiter->job.domain) * 0x9e3779b97f4a7c15u;

    return (guint)(mixed >> 32);
}

static gboolean
waiter_equal(gconstpointer a, gconstpointer b)
{
    const Waiter *left = a;
    const Waiter *right = b;

    return left->job.id == right->job.id && left->job.domain == right->job.domain;
}

static void
destination_free(gpointer data)
{
    Destination *self = data;

    for (guint i = 0; i < N_LINES; i++) {
        for (Waiter *waiter = self->lines[i].first; waiter != NULL;) {
            Waiter *next = waiter->next;

            g_slice_free(Waiter, waiter);
            waiter = next;
        }
    }
    g_free(self->down_reason);
    g_free(self->key);
    g_free(self);
}

Destinations *
destinations_new(gint64 pause_ms)
{
    Destinations *self = g_new0(Destinations, 1);

    self->pause_ms = pause_ms;
    self->by_key = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, destination_free);
    self->waiting = g_hash_table_new(waiter_hash, waiter_equal);
    g_queue_init(&self->ready);
    schedule_init(&self->timers);
    return self;
}

void
destinations_free(Destinations *self)
{
    if (self == NULL)
        return;
    g_queue_clear(&self->ready);
    schedule_clear(&self->timers);
    g_hash_table_destroy(self->waiting);
    g_hash_table_destroy(self->by_key);
    g_free(self);
}

/* --- the rate: a bucket that fills evenly (FEATURES OT9) --- */

static void
destination_fill(Destination *self, gint64 now_ms)
{
    gint64 passed = MAX(now_ms - self->filled_ms, 0);

    self->filled_ms = now_ms;
    if (self->rate.count == 0)
        return;
    self->tokens = MIN((gdouble)self->rate.count,
                       self->tokens + (gdouble)passed * (gdouble)self->rate.count /
                                          (gdouble)self->rate.period_ms);
}

/* Until the bucket holds (wanted). */
static gint64
destination_get_fill_ms(const Destination *self, gdouble wanted)
{
    return (gint64)((wanted - self->tokens) * (gdouble)self->rate.period_ms /
                    (gdouble)self->rate.count) + 1;
}

static gboolean
destination_has_token(const Destination *self)
{
    return self->rate.count == 0 || self->tokens >= 1;
}

/* One that is down has a slot for one probe, once those who were under way are back. */
static gboolean
destination_has_slot(const Destination *self, gint64 now_ms)
{
    if (self->is_suspended)
        return FALSE;
    if (self->down_reason != NULL)
        return self->n_active == 0 && now_ms >= self->probe_ms;
    return self->concurrency == 0 || self->n_active < self->concurrency;
}

/* --- the table --- */

static Destination *
destinations_find(const Destinations *self, const gchar *key)
{
    return g_hash_table_lookup(self->by_key, key);
}

static Destination *
destinations_make(Destinations *self, const gchar *key, gint64 now_ms)
{
    Destination *made = destinations_find(self, key);

    if (made != NULL)
        return made;
    made = g_new0(Destination, 1);
    made->key = g_strdup(key);
    made->filled_ms = now_ms;
    g_hash_table_insert(self->by_key, made->key, made);
    return made;
}

static void
destination_set_limits(Destination *self, const DestinationLimits *limits)
{
    if (self->rate.count != limits->rate.count || self->rate.period_ms != limits->rate.period_ms) {
        self->rate = limits->rate;
        self->tokens = (gdouble)limits->rate.count;
    }
    self->concurrency = limits->concurrency;
}

/* When there is nothing to remember of it any more, should nobody come: its bucket is full,
 * and it was not probed for the time of a pause. */
static gint64
destination_get_forget_ms(const Destination *self, gint64 now_ms)
{
    gint64 forget_ms = self->down_reason != NULL ? self->probe_ms + self->pause_ms : now_ms;

    if (self->rate.count > 0 && self->tokens < (gdouble)self->rate.count)
        forget_ms = MAX(forget_ms,
                        now_ms + destination_get_fill_ms(self, (gdouble)self->rate.count));
    return forget_ms;
}

/* Puts it where it belongs now: in the ring, at the clock, or nowhere; frees it when there
 * is nothing to remember of it. */
static void
destinations_update(Destinations *self, Destination *destination, gint64 now_ms)
{
    gint64 due_ms = SCHEDULE_NEVER;

    destination_fill(destination, now_ms);
    if (destination->n_waiting > 0 && destination_has_slot(destination, now_ms)) {
        if (destination_has_token(destination)) {
            if (!destination->is_ready)
                g_queue_push_tail(&self->ready, destination);
            destination->is_ready = TRUE;
        } else {
            due_ms = now_ms + destination_get_fill_ms(destination, 1);
        }
    } else if (destination->n_active == 0 && !destination->is_suspended &&
               !destination->is_ready) {
        due_ms = destination->n_waiting > 0 ? destination->probe_ms
                                            : destination_get_forget_ms(destination, now_ms);
        if (destination->n_waiting == 0 && due_ms <= now_ms) {
            schedule_remove(&self->timers, &destination->timer);
            g_hash_table_remove(self->by_key, destination->key);
            return;
        }
    }
    schedule_put(&self->timers, &destination->timer, due_ms, 0);
}

/* --- in and out --- */

static void
destinations_stand_in_line(Destinations *self, Destination *destination,
                           const DestinationJob *job)
{
    Waiter *waiter = g_slice_new0(Waiter);
    WaiterLine *line = &destination->lines[job->priority > 0   ? LINE_HIGH
                                           : job->priority < 0 ? LINE_LOW
                                                               : LINE_NORMAL];

    waiter->job = *job;
    if (line->last != NULL)
        line->last->next = waiter;
    else
        line->first = waiter;
    line->last = waiter;
    destination->n_waiting++;
    g_hash_table_add(self->waiting, waiter);
}

static Destination *
destinations_let_go(Destination *destination)
{
    destination->n_active++;
    if (destination->rate.count > 0)
        destination->tokens -= 1;
    return destination;
}

Destination *
destinations_enter(Destinations *self, const DestinationLimits *limits,
                   const DestinationJob *job, gint64 now_ms)
{
    Destination *destination = destinations_make(self, limits->key, now_ms);

    destination_set_limits(destination, limits);
    destination_fill(destination, now_ms);
    if (destination->n_waiting == 0 && destination_has_slot(destination, now_ms) &&
        destination_has_token(destination))
        return destinations_let_go(destination);
    destinations_stand_in_line(self, destination, job);
    destinations_update(self, destination, now_ms);
    return NULL;
}

Destination *
destinations_enter_called(Destinations *self, const DestinationLimits *limits,
                          const DestinationJob *job, gint64 now_ms)
{
    Destination *destination = destinations_make(self, limits->key, now_ms);

    destination_set_limits(destination, limits);
    destination_fill(destination, now_ms);
    if (destination_has_slot(destination, now_ms) && destination_has_token(destination))
        return destinations_let_go(destination);
    destinations_stand_in_line(self, destination, job);
    destinations_update(self, destination, now_ms);
    return NULL;
}

static void
destination_set_up(Destination *self)
{
    g_clear_pointer(&self->down_reason, g_free);
    self->pause_ms = 0;
}

/* Those who were under way when it went down say nothing new. */
static void
destinations_set_down(const Destinations *self, Destination *destination, const gchar *reason,
                      gint64 now_ms)
{
    gboolean is_news = destination->down_reason == NULL || now_ms >= destination->probe_ms;

    if (self->pause_ms == 0)
        return;
    g_free(destination->down_reason);
    destination->down_reason = g_strdup(reason != NULL ? reason : "nobody could be reached");
    if (!is_news)
        return;
    destination->pause_ms = CLAMP(destination->pause_ms * 2, self->pause_ms,
                                  self->pause_ms * DESTINATION_PAUSE_FACTOR_MAX);
    destination->probe_ms = now_ms + destination->pause_ms;
}

void
destinations_leave(Destinations *self, Destination *destination, DestinationReach reach,
                   const gchar *reason, gint64 now_ms)
{
    g_assert(destination->n_active > 0);
    destination->n_active--;
    if (reach == DESTINATION_REACHED)
        destination_set_up(destination);
    else if (reach == DESTINATION_UNREACHED)
        destinations_set_down(self, destination, reason, now_ms);
    destinations_update(self, destination, now_ms);
}

void
destinations_probe(Destinations *self, const gchar *key, gint64 now_ms)
{
    Destination *destination = destinations_find(self, key);

    if (destination == NULL || destination->down_reason == NULL)
        return;
    destination->probe_ms = MIN(destination->probe_ms, now_ms);
    destinations_update(self, destination, now_ms);
}

static void
destinations_call(Destinations *self, Destination *destination, DestinationJob *out_job)
{
    WaiterLine *line = destination->lines;
    Waiter *waiter;

    while (line->first == NULL)
        line++;
    waiter = line->first;
    line->first = waiter->next;
    if (line->first == NULL)
        line->last = NULL;
    destination->n_waiting--;
    g_hash_table_remove(self->waiting, waiter);
    *out_job = waiter->job;
    g_slice_free(Waiter, waiter);
}

gboolean
destinations_next(Destinations *self, gint64 now_ms, DestinationJob *out_job)
{
    ScheduleItem *item;
    Destination *destination;

    schedule_advance(&self->timers, now_ms);
    while ((item = schedule_pop(&self->timers, SCHEDULE_ANY)) != NULL)
        destinations_update(self, (Destination *)(void *)((guint8 *)item -
                                                          G_STRUCT_OFFSET(Destination, timer)),
                            now_ms);
    while ((destination = g_queue_pop_head(&self->ready)) != NULL) {
        destination->is_ready = FALSE;
        destination_fill(destination, now_ms);
        if (destination->n_waiting > 0 && destination_has_slot(destination, now_ms) &&
            destination_has_token(destination)) {
            destinations_call(self, destination, out_job);
            /* It may stay in the ring without a free slot: the next turn looks again, and
             * who was called need not come. */
            destinations_update(self, destination, now_ms);
            return TRUE;
        }
        destinations_update(self, destination, now_ms);
    }
    return FALSE;
}

gint64
destinations_get_next_ms(const Destinations *self)
{
    return self->ready.length > 0 ? 0 : schedule_get_next_ms(&self->timers);
}

gboolean
destinations_is_waiting(const Destinations *self, QueueId id, guint domain)
{
    Waiter probe = {.job = {.id = id, .domain = domain}};

    return g_hash_table_contains(self->waiting, &probe);
}

/* Its place in the line stays, empty, until its turn would come: no message has id 0. */
gboolean
destinations_forget(Destinations *self, QueueId id, guint domain)
{
    Waiter probe = {.job = {.id = id, .domain = domain}};
    Waiter *waiter = NULL;

    if (!g_hash_table_steal_extended(self->waiting, &probe, (gpointer *)&waiter, NULL))
        return FALSE;
    waiter->job.id = 0;
    return TRUE;
}

guint
destinations_get_n_waiting(const Destinations *self)
{
    return g_hash_table_size(self->waiting);
}

/* --- by hand --- */

gboolean
destinations_suspend(Destinations *self, const gchar *key)
{
    Destination *destination = destinations_make(self, key, 0);
    gboolean changed = !destination->is_suspended;

    destination->is_suspended = TRUE;
    return changed;
}

gboolean
destinations_resume(Destinations *self, const gchar *key, gint64 now_ms)
{
    Destination *destination = destinations_find(self, key);

    if (destination == NULL || !destination->is_suspended)
        return FALSE;
    destination->is_suspended = FALSE;
    destinations_update(self, destination, now_ms);
    return TRUE;
}

/* --- looking --- */

static DestinationState
destination_get_state(const Destination *self)
{
    return (DestinationState){
        .key = self->key,
        .n_active = self->n_active,
        .n_waiting = self->n_waiting,
        .is_suspended = self->is_suspended,
        .probe_ms = self->down_reason != NULL ? self->probe_ms : 0,
        .down_reason = self->down_reason,
    };
}

gboolean
destinations_get_state(const Destinations *self, const gchar *key, DestinationState *out_state)
{
    const Destination *destination = destinations_find(self, key);

    if (destination == NULL)
        return FALSE;
    *out_state = destination_get_state(destination);
    return TRUE;
}

void
destinations_visit(const Destinations *self, DestinationVisitor visit, gpointer data)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        DestinationState state = destination_get_state(value);

        if (state.n_active > 0 || state.n_waiting > 0 || state.is_suspended ||
            state.down_reason != NULL)
            visit(&state, data);
    }
}
