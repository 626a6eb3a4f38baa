/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/queue.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/error-domain.h"
#include "queue/queue-notify.h"

ERROR_DOMAIN_DEFINE(queue_error_quark, "barid-queue-error")

enum {
    QUEUE_BATCH_MAX = 1024,   /* changes made durable by one flush */
    QUEUE_REPLAY_STEP = 64,   /* records read between two looks at the inbox */
    QUEUE_TIDY_CHANGES = 2000, /* changes between two pieces of housekeeping under load */
};

/* --- entries --- */

static guint
queue_id_hash(gconstpointer key)
{
    guint64 id = *(const QueueId *)key * 0x9e3779b97f4a7c15u;

    return (guint)(id >> 32);
}

static gboolean
queue_id_equal(gconstpointer a, gconstpointer b)
{
    return *(const QueueId *)a == *(const QueueId *)b;
}

/* Entries come from slices, not from the heap: many that stay would leave it in pieces, and
 * everything that comes and goes would look for room between them. */
QueueEntry *
queue_entry_new(QueueId id)
{
    QueueEntry *entry = g_slice_new0(QueueEntry);

    entry->ref.id = id;
    return entry;
}

void
queue_entry_free(QueueEntry *entry)
{
    g_slice_free1(entry->state_len, entry->state);
    g_slice_free(QueueEntry, entry);
}

void
queue_entry_set_state(QueueEntry *entry, BaridSlice state)
{
    if (entry->state_len != state.len) {
        g_slice_free1(entry->state_len, entry->state);
        entry->state = g_slice_alloc(state.len);
        entry->state_len = (guint32)state.len;
    }
    if (state.len > 0)
        memcpy(entry->state, state.data, state.len);
}

QueueEntry *
queue_find(Queue *self, QueueId id)
{
    return g_hash_table_lookup(self->index, &id);
}

static gboolean
queue_domain_is_pending(const Envelope *envelope, const DeliveryState *state, guint domain)
{
    for (guint i = 0; i < envelope->n_recipients; i++) {
        if (envelope->recipients[i].domain == domain &&
            state->recipients[i].status == RECIPIENT_PENDING)
            return TRUE;
    }
    return FALSE;
}

void
queue_entry_schedule(Queue *self, QueueEntry *entry, const Envelope *envelope,
                     const DeliveryState *state)
{
    gint64 due_ms = SCHEDULE_NEVER;
    guint8 is_retry = 0;

    if ((entry->held != 0) != (state->held != FALSE)) {
        self->n_held += state->held ? 1u : -1u;
        entry->held = state->held ? 1 : 0;
    }
    for (guint i = 0; i < envelope->n_domains; i++) {
        const DomainState *domain = &state->domains[i];

        if (envelope->n_domains > 1 && !queue_domain_is_pending(envelope, state, i))
            continue;
        is_retry |= domain->n_attempts > 0;
        due_ms = MIN(due_ms, domain->expires_ms);
        /* Who stands in a destination's line is called from there. */
        if (entry->n_waiting == 0 ||
            !destinations_is_waiting(self->destinations, entry->ref.id, i))
            due_ms = MIN(due_ms, domain->next_ms);
        if (domain->notify_ms != 0)
            due_ms = MIN(due_ms, domain->notify_ms);
    }
    /* Nobody is left to be tried: what is missing is a notice. */
    if (due_ms == SCHEDULE_NEVER && entry->n_waiting == 0)
        due_ms = clock_wall_ms();
    schedule_remove(&self->schedule, &entry->item);
    entry->item.is_retry = is_retry;
    if (state->held || entry->n_jobs > 0)
        return;
    if (due_ms <= clock_wall_ms())
        schedule_put_due(&self->schedule, &entry->item, due_ms, entry->priority);
    else
        schedule_put(&self->schedule, &entry->item, due_ms, entry->priority);
}

void
queue_entry_insert(Queue *self, QueueEntry *entry, const Envelope *envelope,
                   const DeliveryState *state)
{
    entry->priority = (gint8)envelope->priority;
    entry->size_kib = (guint32)(envelope->size_bytes / 1024 + 1);
    self->bytes_kib += entry->size_kib;
    g_hash_table_insert(self->index, &entry->ref.id, entry);
    self->n_messages++;
    queue_entry_schedule(self, entry, envelope, state);
}

void
queue_entry_remove(Queue *self, QueueEntry *entry)
{
    schedule_remove(&self->schedule, &entry->item);
    g_hash_table_remove(self->index, &entry->ref.id);
    self->bytes_kib -= entry->size_kib;
    self->n_messages--;
    if (entry->held)
        self->n_held--;
    g_ptr_array_add(self->gone, entry);
}

SpoolChange *
queue_add_change(Queue *self, SpoolChangeKind kind, QueueEntry *entry)
{
    SpoolChange *change = arena_new0(self->turn, SpoolChange);

    if (kind == SPOOL_ADD)
        entry->place = (guint8)self->home;
    change->kind = kind;
    change->ref = &entry->ref;
    change->body_fd = -1;
    g_ptr_array_add(self->changes, change);
    return change;
}

/* --- the inbox --- */

static void
queue_post(Queue *self, QueueTask *task)
{
    QueueTask *head = atomic_load(&self->inbox);
    guint64 one = 1;

    do {
        task->next = head;
    } while (!atomic_compare_exchange_weak(&self->inbox, &head, task));
    if (atomic_exchange(&self->sleeping, FALSE)) {
        gssize ignored = write(self->wake_fd, &one, sizeof one);

        (void)ignored;
    }
}

/* The tasks in the order in which they came. */
static QueueTask *
queue_take_tasks(Queue *self)
{
    QueueTask *task = atomic_exchange(&self->inbox, NULL);
    QueueTask *ordered = NULL;

    while (task != NULL) {
        QueueTask *next = task->next;

        task->next = ordered;
        ordered = task;
        task = next;
    }
    return ordered;
}

static void
queue_sleep(Queue *self, gint64 until_ms)
{
    struct pollfd wake = {.fd = self->wake_fd, .events = POLLIN};
    gint64 left = until_ms == SCHEDULE_NEVER ? 3600000 : until_ms - clock_wall_ms();
    guint64 count;

    if (left <= 0)
        return;
    atomic_store(&self->sleeping, TRUE);
    if (atomic_load(&self->inbox) == NULL && !atomic_load(&self->stopping) &&
        atomic_load(&self->suspended) == self->is_suspended &&
        poll(&wake, 1, (int)MIN(left, 3600000)) > 0) {
        gssize ignored = read(self->wake_fd, &count, sizeof count);

        (void)ignored;
    }
    atomic_store(&self->sleeping, FALSE);
}

/* --- submissions --- */

/* The JSON array (first) with the objects of (more) behind its own. */
static BaridSlice
submission_join_decisions(BaridSlice first, const GString *more, Arena *arena)
{
    const gchar *text = (const gchar *)first.data;
    gsize len = first.len == 0 ? 0 : first.len - 1; /* without its end */

    if (more->len == 0)
        return first;
    return barid_slice_from_text(arena_printf(arena, "%.*s%s%s]", len == 0 ? 1 : (int)len,
                                              len == 0 ? "[" : text, len > 1 ? "," : "",
                                              more->str));
}

gboolean
queue_submit(Queue *self, const QueueSubmission *submission, GError **error)
{
    QueueSubmitTask task = {.task = {.kind = QUEUE_TASK_SUBMIT}};
    g_autoptr(Arena) arena = arena_new(512);
    g_autoptr(GString) decisions = g_string_new(NULL);
    g_auto(Buffer) envelope = {0};
    g_auto(Buffer) bytes = {0};
    DeliveryState state;
    Envelope noted;

    buffer_init(&envelope, SPOOL_ENVELOPE_MAX);
    buffer_init(&bytes, SPOOL_ENVELOPE_MAX);
    envelope_group_domains(submission->envelope, arena);
    queue_state_init(self, submission->envelope, arena, submission->held, decisions, &state);
    noted = *submission->envelope;
    noted.decisions = submission_join_decisions(noted.decisions, decisions, arena);
    if (!envelope_write(&noted, &envelope) ||
        !delivery_state_write(&state, submission->envelope, &bytes)) {
        g_set_error_literal(error, QUEUE_ERROR, BARID_ERROR_TOO_LARGE, "the envelope is too large");
        return FALSE;
    }
    task.entry = queue_entry_new(submission->envelope->id);
    queue_entry_set_state(task.entry, buffer_get_slice(&bytes));
    task.change = (SpoolChange){
        .kind = SPOOL_ADD,
        .ref = &task.entry->ref,
        .envelope = buffer_get_slice(&envelope),
        .state = buffer_get_slice(&bytes),
        .prefix = submission->prefix,
        .body = submission->body,
        .body_fd = submission->body_fd,
        .body_fd_bytes = submission->body_fd_bytes,
    };
    fiber_completion_init(&task.completion);
    queue_post(self, &task.task);
    fiber_completion_wait(&task.completion);
    if (task.change.error == NULL)
        return TRUE;
    queue_entry_free(task.entry);
    g_propagate_error(error, task.change.error);
    return FALSE;
}

/* The message is durable: it enters the index. Its bytes are still the submitter's. */
static void
queue_accept(Queue *self, QueueSubmitTask *task)
{
    Envelope envelope;
    DeliveryState state;

    if (task->change.error != NULL)
        return;
    if (!envelope_parse(task->change.envelope, self->turn, &envelope) ||
        !delivery_state_parse(task->change.state, &envelope, self->turn, &state))
        g_assert_not_reached(); /* we wrote it ourselves a moment ago */
    queue_entry_insert(self, task->entry, &envelope, &state);
}

void
queue_job_finish(Queue *self, QueueJob *job)
{
    QueueResultTask *task = g_new0(QueueResultTask, 1);

    task->task.kind = QUEUE_TASK_RESULT;
    task->job = job;
    queue_post(self, &task->task);
}

void
queue_note_session(Queue *self, const gchar *session_id, gchar *document_taken)
{
    QueueNoteTask *task = g_new0(QueueNoteTask, 1);

    task->task.kind = QUEUE_TASK_NOTE;
    task->id = g_strdup(session_id);
    task->document = document_taken;
    queue_post(self, &task->task);
}

void
queue_call(Queue *self, void (*func)(Queue *queue, gpointer data), gpointer data)
{
    QueueCallTask task = {.task = {.kind = QUEUE_TASK_CALL}, .func = func, .data = data};

    fiber_completion_init(&task.completion);
    queue_post(self, &task.task);
    fiber_completion_wait(&task.completion);
}

/* --- a turn of the thread --- */

static void
queue_note(Queue *self, QueueNoteTask *task)
{
    g_autoptr(GError) error = NULL;

    if (self->history != NULL &&
        !history_append(self->history, task->id, clock_wall_ms(), task->document, &error))
        barid_log(BARID_LOG_WARNING, "history.failed", "error", error->message, NULL);
    g_free(task->id);
    g_free(task->document);
    g_free(task);
}

/* Takes up what can be committed now; the rest of the list is given back. */
static QueueTask *
queue_collect(Queue *self, QueueTask *tasks, QueueTask **out_submits, QueueTask **out_calls)
{
    while (tasks != NULL && self->changes->len < QUEUE_BATCH_MAX) {
        QueueTask *task = tasks;

        tasks = task->next;
        switch (task->kind) {
        case QUEUE_TASK_SUBMIT:
            ((QueueSubmitTask *)task)->entry->place = (guint8)self->home;
            g_ptr_array_add(self->changes, &((QueueSubmitTask *)task)->change);
            task->next = *out_submits;
            *out_submits = task;
            break;
        case QUEUE_TASK_RESULT:
            queue_take_result(self, ((QueueResultTask *)task)->job);
            g_free(task);
            break;
        case QUEUE_TASK_CALL:
            task->next = *out_calls;
            *out_calls = task;
            break;
        case QUEUE_TASK_NOTE:
            queue_note(self, (QueueNoteTask *)task);
            break;
        }
    }
    return tasks;
}

/* A change of our own that failed is logged; the next start sees the older state, so a
 * message may be delivered again, but never lost. */
static void
queue_check_changes(Queue *self)
{
    for (guint i = 0; i < self->changes->len; i++) {
        SpoolChange *change = g_ptr_array_index(self->changes, i);

        /* A submitter's error is the submitter's to report. */
        if (change->error != NULL && change->kind != SPOOL_ADD)
            barid_log(BARID_LOG_ERROR, "spool.failed", "error", change->error->message, NULL);
        if (change->kind != SPOOL_ADD)
            g_clear_error(&change->error);
    }
}

/* An entry whose removal could not be written is still linked in the spool: the removal is
 * tried again with the next commit. */
static void
queue_free_gone(Queue *self)
{
    for (guint i = 0; i < self->gone->len; i++) {
        QueueEntry *entry = g_ptr_array_index(self->gone, i);

        if (entry->ref.segment != 0)
            g_ptr_array_add(self->stuck, entry);
        else
            queue_entry_free(entry);
    }
    g_ptr_array_set_size(self->gone, 0);
}

static void
queue_retry_stuck(Queue *self)
{
    for (guint i = 0; i < self->stuck->len; i++) {
        queue_add_change(self, SPOOL_REMOVE, g_ptr_array_index(self->stuck, i));
        g_ptr_array_add(self->gone, g_ptr_array_index(self->stuck, i));
    }
    g_ptr_array_set_size(self->stuck, 0);
}

static void
queue_signal(Queue *self)
{
    fiber_completion_signal_all((FiberCompletion **)self->signals->pdata, self->signals->len);
    g_ptr_array_set_size(self->signals, 0);
}

/* What is gone from the spool must be on record, though this process be killed. */
static void
queue_flush_history(Queue *self)
{
    g_autoptr(GError) error = NULL;

    if (self->history != NULL && !history_flush(self->history, &error))
        barid_log(BARID_LOG_WARNING, "history.failed", "error", error->message, NULL);
}

static void
queue_commit(Queue *self, QueueTask *submits)
{
    if (self->changes->len > 0) {
        if (self->stuck->len > 0)
            queue_retry_stuck(self);
        queue_flush_history(self);
        queue_places_commit(self, self->changes);
    }
    for (QueueTask *task = submits; task != NULL;) {
        QueueTask *next = task->next;
        QueueSubmitTask *submit = (QueueSubmitTask *)task;

        queue_accept(self, submit);
        g_ptr_array_add(self->signals, &submit->completion);
        task = next;
    }
    queue_check_changes(self);
    /* The sessions that wait are told first; everything else can follow. Their changes
     * are gone after that. */
    g_ptr_array_set_size(self->changes, 0);
    queue_signal(self);
    queue_settle_notices(self);
    if (self->changes->len > 0) {
        queue_places_commit(self, self->changes);
        queue_check_changes(self);
        g_ptr_array_set_size(self->changes, 0);
    }
    queue_free_gone(self);
    g_ptr_array_set_size(self->marks, 0);
}

static void
queue_run_calls(Queue *self, QueueTask *calls)
{
    while (calls != NULL) {
        QueueCallTask *task = (QueueCallTask *)calls;

        calls = calls->next;
        task->func(self, task->data);
        g_ptr_array_add(self->signals, &task->completion);
    }
    queue_signal(self);
    queue_free_gone(self);
}

/* --- the thread --- */

gint64
queue_get_next_ms(Queue *self)
{
    if (!self->replayed)
        return 0;
    if (atomic_load(&self->suspended))
        return SCHEDULE_NEVER;
    if (self->n_active >= self->options.concurrency)
        return schedule_get_next_ms(&self->schedule);
    if (schedule_has_due(&self->schedule, queue_get_who(self)))
        return 0;
    return MIN(schedule_get_next_ms(&self->schedule),
               destinations_get_next_ms(self->destinations));
}

/* Tells the one who waits that no dispatch is under way. */
static void
queue_note_suspended(Queue *self)
{
    if (self->is_suspended)
        return;
    g_mutex_lock(&self->lock);
    self->is_suspended = TRUE;
    g_cond_signal(&self->changed);
    g_mutex_unlock(&self->lock);
}

static void
queue_turn(Queue *self)
{
    QueueTask *tasks = queue_take_tasks(self);

    do {
        QueueTask *submits = NULL;
        QueueTask *calls = NULL;

        arena_reset(self->turn);
        tasks = queue_collect(self, tasks, &submits, &calls);
        self->n_untidied += self->changes->len;
        queue_commit(self, submits);
        queue_run_calls(self, calls);
    } while (tasks != NULL);
    arena_reset(self->turn);
    if (!self->replayed)
        queue_places_replay(self, QUEUE_REPLAY_STEP);
    /* Under constant load there is no idle moment: the log must not grow for ever. */
    if (self->replayed && self->n_untidied >= QUEUE_TIDY_CHANGES) {
        self->n_untidied = 0;
        queue_places_tidy(self);
    }
    arena_reset(self->turn);
    if (atomic_load(&self->suspended)) {
        queue_note_suspended(self);
        return;
    }
    queue_dispatch_due(self);
    if (self->changes->len > 0)
        queue_commit(self, NULL);
    queue_free_gone(self);
}

/* Jobs under way are ours to the end; what they did is written where they came from. */
static void
queue_try_hand_over(Queue *self)
{
    g_autoptr(GError) error = NULL;

    if (!atomic_load(&self->handing_over) || self->n_active > 0 || self->released)
        return;
    if (!queue_places_release(self, &error)) {
        /* Then all stays here until this process ends. */
        barid_log(BARID_LOG_ERROR, "spool.not-released", "error", error->message, NULL);
        self->released = TRUE;
        return;
    }
    /* Who waits in line, and what is suspended, is the other's business now. */
    destinations_free(self->destinations);
    self->destinations = destinations_new(self->options.probe_ms);
    self->handed_over(self->handed_over_data);
}

static gpointer
queue_thread(gpointer data)
{
    Queue *self = data;

    while (!atomic_load(&self->stopping) || atomic_load(&self->inbox) != NULL) {
        queue_places_look(self);
        queue_turn(self);
        queue_try_hand_over(self);
        if (atomic_load(&self->inbox) != NULL || queue_get_next_ms(self) <= clock_wall_ms())
            continue;
        if (queue_places_tidy(self))
            continue;
        queue_flush_history(self);
        if (self->history != NULL)
            history_trim(self->history, clock_wall_ms());
        queue_sleep(self, MIN(queue_get_next_ms(self), self->look_ms));
    }
    return NULL;
}

/* --- life --- */

Queue *
queue_new(const QueueOptions *options, GError **error)
{
    Queue *self = g_new0(Queue, 1);

    self->options = *options;
    self->folder = g_strdup(options->folder);
    self->options.folder = self->folder;
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
    self->wake_fd = eventfd(0, EFD_CLOEXEC);
    self->index = g_hash_table_new(queue_id_hash, queue_id_equal);
    self->n_results[RECIPIENT_PENDING] = counter_register("delivery.deferred");
    self->n_results[RECIPIENT_DELIVERED] = counter_register("delivery.delivered");
    self->n_results[RECIPIENT_FAILED] = counter_register("delivery.failed");
    self->n_dsns = counter_register("dsn.queued");
    self->n_in_doubt = counter_register("delivery.in-doubt");
    schedule_init(&self->schedule);
    self->destinations = destinations_new(self->options.probe_ms);
    queue_suspended_read(self);
    self->turn = arena_new(1024);
    self->changes = g_ptr_array_new();
    self->signals = g_ptr_array_new();
    self->gone = g_ptr_array_new();
    self->marks = g_ptr_array_new_with_free_func((GDestroyNotify)spool_mark_free);
    self->born = g_ptr_array_new();
    self->stuck = g_ptr_array_new();
    self->left_spools = g_ptr_array_new_with_free_func((GDestroyNotify)spool_close);
    self->left_entries = g_ptr_array_new_with_free_func((GDestroyNotify)queue_entry_free);
    if (queue_places_open(self, error) && options->history_folder != NULL)
        self->history = history_open(options->history_folder, &options->history, error);
    if (self->places[self->home] == NULL ||
        (options->history_folder != NULL && self->history == NULL)) {
        queue_free(self);
        return NULL;
    }
    return self;
}

int
queue_make_file(Queue *self, GError **error)
{
    for (;;) {
        Spool *spool = atomic_load(&self->home_spool);
        g_autoptr(GError) why = NULL;
        int fd = spool_make_file(spool, &why);

        if (fd >= 0)
            return fd;
        /* The folder may have been left in this very moment. */
        if (atomic_load(&self->home_spool) == spool) {
            g_propagate_error(error, g_steal_pointer(&why));
            return -1;
        }
    }
}

void
queue_set_describe(Queue *self, QueueDescribe describe, gpointer data)
{
    self->describe = describe;
    self->describe_data = data;
}

void
queue_start(Queue *self, QueueDispatch dispatch, gpointer data)
{
    self->dispatch = dispatch;
    self->dispatch_data = data;
    self->thread = g_thread_new("barid-queue", queue_thread, self);
}

static void
queue_nudge(Queue *self)
{
    guint64 one = 1;
    gssize ignored = write(self->wake_fd, &one, sizeof one);

    (void)ignored;
}

void
queue_suspend(Queue *self)
{
    if (self->thread == NULL)
        return;
    g_mutex_lock(&self->lock);
    atomic_store(&self->suspended, TRUE);
    queue_nudge(self);
    while (!self->is_suspended)
        g_cond_wait(&self->changed, &self->lock);
    g_mutex_unlock(&self->lock);
}

void
queue_adopt(Queue *self)
{
    atomic_store(&self->look_now, TRUE);
    queue_nudge(self);
}

void
queue_hand_over(Queue *self, void (*done)(gpointer data), gpointer data)
{
    self->handed_over = done;
    self->handed_over_data = data;
    atomic_store(&self->handing_over, TRUE);
    queue_nudge(self);
}

void
queue_stop(Queue *self)
{
    if (self->thread == NULL)
        return;
    atomic_store(&self->stopping, TRUE);
    queue_nudge(self);
    g_thread_join(self->thread);
    self->thread = NULL;
}

void
queue_free(Queue *self)
{
    GHashTableIter iter;
    gpointer entry;

    if (self == NULL)
        return;
    queue_stop(self);
    /* The spools link the entries' refs: they go first. */
    for (guint i = 0; i < QUEUE_PLACES_MAX; i++)
        queue_place_free(self, i);
    g_ptr_array_free(self->left_spools, TRUE);
    g_ptr_array_free(self->left_entries, TRUE);
    history_close(self->history);
    for (guint i = 0; i < self->stuck->len; i++)
        queue_entry_free(g_ptr_array_index(self->stuck, i));
    g_ptr_array_free(self->stuck, TRUE);
    g_hash_table_iter_init(&iter, self->index);
    while (g_hash_table_iter_next(&iter, NULL, &entry))
        queue_entry_free(entry);
    g_hash_table_destroy(self->index);
    schedule_clear(&self->schedule);
    destinations_free(self->destinations);
    arena_free(self->turn);
    g_ptr_array_free(self->changes, TRUE);
    g_ptr_array_free(self->signals, TRUE);
    g_ptr_array_free(self->gone, TRUE);
    g_ptr_array_free(self->marks, TRUE);
    g_ptr_array_free(self->born, TRUE);
    if (self->wake_fd >= 0)
        close(self->wake_fd);
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->changed);
    g_free(self->folder);
    g_free(self);
}
