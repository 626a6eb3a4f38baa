/* SPDX-License-Identifier: Apache-2.0 */
#include "fiber/scheduler-private.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error-domain.h"

#ifdef BARID_SANITIZE
#include <sanitizer/common_interface_defs.h>
#endif

enum { SCHEDULER_EVENTS_MAX = 256 };

static _Thread_local Scheduler *scheduler_current;

ERROR_DOMAIN_DEFINE(fiber_error_quark, "barid-fiber-error")

Scheduler *
scheduler_get_current(void)
{
    return scheduler_current;
}

guint
scheduler_get_n_fibers(const Scheduler *self)
{
    return self->n_fibers;
}

guint
scheduler_get_load(const Scheduler *self)
{
    return load_get(&self->load, clock_monotonic_us());
}

Scheduler *
scheduler_new(GError **error)
{
    Scheduler *self = g_new0(Scheduler, 1);

    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->heap = g_ptr_array_new();
    g_ptr_array_add(self->heap, NULL);
    self->stacks = fiber_stack_pool_new();
    if (self->epoll_fd < 0 || self->wake_fd < 0) {
        error_set_errno(error, FIBER_ERROR, errno, "cannot open the event set");
        scheduler_free(self);
        return NULL;
    }
    if (!fiber_watch_init(&self->wake_watch, self, self->wake_fd, error)) {
        scheduler_free(self);
        return NULL;
    }
    return self;
}

void
scheduler_free(Scheduler *self)
{
    if (self == NULL)
        return;
    g_assert(self->n_fibers == 0);
    if (self->epoll_fd >= 0)
        close(self->epoll_fd);
    if (self->wake_fd >= 0)
        close(self->wake_fd);
    g_ptr_array_free(self->heap, TRUE);
    fiber_stack_pool_free(self->stacks);
    g_free(self);
}

/* --- posts --- */

static void
scheduler_wake_thread(Scheduler *self)
{
    guint64 one = 1;

    if (atomic_exchange(&self->sleeping, FALSE)) {
        gssize ignored = write(self->wake_fd, &one, sizeof one);

        (void)ignored;
    }
}

void
scheduler_post(Scheduler *self, SchedulerPost *chain)
{
    SchedulerPost *last = chain;
    SchedulerPost *head = atomic_load(&self->inbox);

    while (last->next != NULL)
        last = last->next;
    do {
        last->next = head;
    } while (!atomic_compare_exchange_weak(&self->inbox, &head, chain));
    scheduler_wake_thread(self);
}

void
scheduler_stop(Scheduler *self)
{
    atomic_store(&self->stopping, TRUE);
    scheduler_wake_thread(self);
}

void
scheduler_set_virtual(Scheduler *self, void (*advance)(gint64 monotonic_ms, gpointer data),
                      gpointer data)
{
    self->advance = advance;
    self->advance_data = data;
}

void
scheduler_set_wait_witness(Scheduler *self, void (*witness)(gpointer local, gpointer data),
                           gpointer data)
{
    self->wait_witness = witness;
    self->wait_witness_data = data;
}

void
scheduler_expect(Scheduler *self, gint delta)
{
    self->n_expected += delta;
}

/* Posts come newest first; they run in the order in which they were made. */
static void
scheduler_run_posts(Scheduler *self)
{
    SchedulerPost *post = atomic_exchange(&self->inbox, NULL);
    SchedulerPost *ordered = NULL;

    while (post != NULL) {
        SchedulerPost *next = post->next;

        post->next = ordered;
        ordered = post;
        post = next;
    }
    while (ordered != NULL) {
        SchedulerPost *next = ordered->next;

        ordered->next = NULL;
        ordered->func(ordered->data);
        ordered = next;
    }
}

/* --- timers: a binary heap of fibers, by the time at which to look at them --- */

static Fiber *
heap_get(Scheduler *self, guint index)
{
    return g_ptr_array_index(self->heap, index);
}

static void
heap_put(Scheduler *self, guint index, Fiber *fiber)
{
    g_ptr_array_index(self->heap, index) = fiber;
    fiber->heap_index = index;
}

static void
heap_sift_up(Scheduler *self, Fiber *fiber)
{
    guint index = fiber->heap_index;

    while (index > 1 && heap_get(self, index / 2)->heap_key_ms > fiber->heap_key_ms) {
        heap_put(self, index, heap_get(self, index / 2));
        index /= 2;
    }
    heap_put(self, index, fiber);
}

static void
heap_sift_down(Scheduler *self, Fiber *fiber)
{
    guint index = fiber->heap_index;

    for (;;) {
        guint child = index * 2;

        if (child >= self->heap->len)
            break;
        if (child + 1 < self->heap->len &&
            heap_get(self, child + 1)->heap_key_ms < heap_get(self, child)->heap_key_ms)
            child++;
        if (heap_get(self, child)->heap_key_ms >= fiber->heap_key_ms)
            break;
        heap_put(self, index, heap_get(self, child));
        index = child;
    }
    heap_put(self, index, fiber);
}

/* Lazy: an entry that stands too early only causes one look, so that a busy session's
 * ever later deadlines do not touch the heap. */
void
scheduler_arm(Scheduler *self, Fiber *fiber, gint64 key_ms)
{
    if (fiber->heap_index == 0) {
        fiber->heap_key_ms = key_ms;
        g_ptr_array_add(self->heap, fiber);
        fiber->heap_index = self->heap->len - 1;
        heap_sift_up(self, fiber);
    } else if (key_ms < fiber->heap_key_ms) {
        fiber->heap_key_ms = key_ms;
        heap_sift_up(self, fiber);
    }
}

void
scheduler_disarm(Scheduler *self, Fiber *fiber)
{
    guint index = fiber->heap_index;
    Fiber *last;

    if (index == 0)
        return;
    fiber->heap_index = 0;
    last = heap_get(self, self->heap->len - 1);
    g_ptr_array_set_size(self->heap, (gint)self->heap->len - 1);
    if (last == fiber)
        return;
    heap_put(self, index, last);
    heap_sift_up(self, last);
    heap_sift_down(self, last);
}

static void
scheduler_run_timers(Scheduler *self)
{
    gint64 now_ms = clock_monotonic_ms();

    while (self->heap->len > 1 && heap_get(self, 1)->heap_key_ms <= now_ms) {
        Fiber *fiber = heap_get(self, 1);

        scheduler_disarm(self, fiber);
        fiber_on_timer(fiber, now_ms);
    }
}

/* --- running fibers --- */

void
scheduler_enqueue(Scheduler *self, Fiber *fiber)
{
    fiber->state = FIBER_READY;
    fiber->ready_next = NULL;
    if (self->ready_tail == NULL)
        self->ready_head = fiber;
    else
        self->ready_tail->ready_next = fiber;
    self->ready_tail = fiber;
}

/* The watchdog sees by the turn that the thread has gone on. */
static void
scheduler_show(Scheduler *self, guint32 label)
{
    guint32 turn = atomic_load_explicit(&self->blame->turn, memory_order_relaxed);

    blame_enter(self->blame, label);
    atomic_store_explicit(&self->blame->turn, turn + 1, memory_order_relaxed);
}

static void
scheduler_enter(Scheduler *self, Fiber *fiber)
{
    self->current = fiber;
    fiber->state = FIBER_RUNNING;
    scheduler_show(self, fiber->label);
#ifdef BARID_SANITIZE
    __sanitizer_start_switch_fiber(&self->fake_stack, fiber->stack, FIBER_STACK_BYTES);
#endif
    fiber_context_switch(&self->main_context, &fiber->context);
#ifdef BARID_SANITIZE
    __sanitizer_finish_switch_fiber(self->fake_stack, NULL, NULL);
#endif
    self->current = NULL;
    scheduler_show(self, 0);
    if (fiber->state == FIBER_ENDED)
        fiber_stack_give(self->stacks, fiber->stack);
}

void
scheduler_leave(Scheduler *self, Fiber *fiber)
{
    fiber->saved_errno = errno;
#ifdef BARID_SANITIZE
    __sanitizer_start_switch_fiber(&fiber->fake_stack, self->main_stack, self->main_stack_size);
#endif
    fiber_context_switch(&fiber->context, &self->main_context);
#ifdef BARID_SANITIZE
    __sanitizer_finish_switch_fiber(fiber->fake_stack, &self->main_stack, &self->main_stack_size);
#endif
    errno = fiber->saved_errno;
}

void
scheduler_finish(Scheduler *self, Fiber *fiber)
{
    scheduler_disarm(self, fiber);
    fiber->state = FIBER_ENDED;
    self->n_fibers--;
#ifdef BARID_SANITIZE
    /* A NULL store tells the sanitizer that this stack is gone for good. */
    __sanitizer_start_switch_fiber(NULL, self->main_stack, self->main_stack_size);
#endif
    fiber_context_switch(&fiber->context, &self->main_context);
    g_assert_not_reached();
}

/* One batch: fibers made ready while it runs wait for the next, after the events. */
static void
scheduler_run_ready(Scheduler *self)
{
    Fiber *fiber = self->ready_head;

    self->ready_head = NULL;
    self->ready_tail = NULL;
    while (fiber != NULL) {
        Fiber *next = fiber->ready_next;

        scheduler_enter(self, fiber);
        fiber = next;
    }
}

/* --- the loop --- */

static void
scheduler_on_event(Scheduler *self, const struct epoll_event *event)
{
    FiberWatch *watch = event->data.ptr;
    guint events = event->events;

    if (watch == &self->wake_watch) {
        guint64 count;
        gssize ignored = read(self->wake_fd, &count, sizeof count);

        (void)ignored;
        return;
    }
    if ((events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0) {
        events |= EPOLLIN | EPOLLOUT;
        watch->hung_up = TRUE;
    }
    watch->ready |= events & (EPOLLIN | EPOLLOUT);
    if ((events & EPOLLIN) != 0 && watch->reader != NULL)
        fiber_wake(watch->reader);
    if ((events & EPOLLOUT) != 0 && watch->writer != NULL)
        fiber_wake(watch->writer);
}

/* Waits for descriptors and posts at most until (until_ms); TRUE when there were any. */
static gboolean
scheduler_poll(Scheduler *self, gint64 until_ms)
{
    struct epoll_event events[SCHEDULER_EVENTS_MAX];
    gint64 left = until_ms == FIBER_NO_DEADLINE ? -1 : MAX(until_ms - clock_monotonic_ms(), 0);
    int count;

    if (left != 0) {
        atomic_store(&self->sleeping, TRUE);
        /* A post, or the stop of an empty scheduler, may have come before the flag was seen.
         * With fibers left a stop changes nothing yet: they are waited for asleep. */
        if (atomic_load(&self->inbox) != NULL ||
            (atomic_load(&self->stopping) && self->n_fibers == 0)) {
            atomic_store(&self->sleeping, FALSE);
            left = 0;
        } else {
            load_sleep(&self->load, clock_monotonic_us());
        }
    }
    count = epoll_wait(self->epoll_fd, events, G_N_ELEMENTS(events), (int)MIN(left, 3600000));
    atomic_store_explicit(&self->sleeping, FALSE, memory_order_relaxed);
    load_turn(&self->load, clock_turn());
    for (int i = 0; i < count; i++)
        scheduler_on_event(self, &events[i]);
    return count > 0 || atomic_load(&self->inbox) != NULL;
}

static gint64
scheduler_get_next_timer(Scheduler *self)
{
    return self->heap->len > 1 ? heap_get(self, 1)->heap_key_ms : FIBER_NO_DEADLINE;
}

/* On a virtual clock nothing is waited for but work outside; then time jumps. */
static void
scheduler_poll_virtual(Scheduler *self)
{
    gint64 next = scheduler_get_next_timer(self);

    if (self->n_expected > 0) {
        scheduler_poll(self, FIBER_NO_DEADLINE);
        return;
    }
    if (scheduler_poll(self, 0) || next == FIBER_NO_DEADLINE)
        return;
    self->advance(next, self->advance_data);
    clock_turn();
}

static gboolean
scheduler_is_done(Scheduler *self)
{
    return self->n_fibers == 0 && atomic_load(&self->stopping) &&
           atomic_load(&self->inbox) == NULL;
}

void
scheduler_run_until(Scheduler *self, const gboolean *done)
{
    g_assert(scheduler_current == NULL);
    scheduler_current = self;
    self->blame = blame_get_slot();
    clock_turn();
    while (!*done && !scheduler_is_done(self)) {
        scheduler_run_posts(self);
        scheduler_run_ready(self);
        scheduler_run_timers(self);
        if (*done || self->ready_head != NULL || atomic_load(&self->inbox) != NULL)
            scheduler_poll(self, 0);
        else if (scheduler_is_done(self))
            break;
        else if (self->advance != NULL)
            scheduler_poll_virtual(self);
        else
            scheduler_poll(self, scheduler_get_next_timer(self));
    }
    scheduler_current = NULL;
}

void
scheduler_run(Scheduler *self)
{
    const gboolean never = FALSE;

    scheduler_run_until(self, &never);
}
