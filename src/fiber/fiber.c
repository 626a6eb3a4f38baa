/* SPDX-License-Identifier: Apache-2.0 */
#include "fiber/scheduler-private.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/error-domain.h"

#ifdef BARID_SANITIZE
#include <sanitizer/common_interface_defs.h>
#endif

Fiber *
fiber_get_current(void)
{
    Scheduler *scheduler = scheduler_get_current();

    return scheduler == NULL ? NULL : scheduler->current;
}

gboolean
fiber_has_room(void)
{
    return fiber_stack_has_room();
}

static Fiber *
fiber_require_current(void)
{
    Fiber *fiber = fiber_get_current();

    g_assert(fiber != NULL);
    return fiber;
}

/* --- groups --- */

void
fiber_group_init(FiberGroup *self, Scheduler *scheduler)
{
    Fiber *maker = fiber_get_current();

    *self = (FiberGroup){.scheduler = scheduler, .parent = maker == NULL ? NULL : maker->group};
}

static void
fiber_group_add(FiberGroup *self, Fiber *fiber)
{
    fiber->group = self;
    fiber->group_previous = NULL;
    fiber->group_next = self->members;
    if (self->members != NULL)
        self->members->group_previous = fiber;
    self->members = fiber;
    self->n_members++;
}

static void
fiber_group_remove(FiberGroup *self, Fiber *fiber)
{
    if (fiber->group_previous != NULL)
        fiber->group_previous->group_next = fiber->group_next;
    else
        self->members = fiber->group_next;
    if (fiber->group_next != NULL)
        fiber->group_next->group_previous = fiber->group_previous;
    self->n_members--;
    if (self->n_members == 0 && self->joiner != NULL)
        fiber_wake(self->joiner);
}

static void
fiber_entry(void)
{
    Scheduler *scheduler = scheduler_get_current();
    Fiber *self = scheduler->current;

#ifdef BARID_SANITIZE
    __sanitizer_finish_switch_fiber(NULL, &scheduler->main_stack, &scheduler->main_stack_size);
#endif
    self->func(self->data);
    g_assert(self->masked == 0);
    fiber_group_remove(self->group, self);
    scheduler_finish(scheduler, self);
}

gboolean
fiber_group_spawn(FiberGroup *self, FiberFunc func, gpointer data, GError **error)
{
    Fiber *parent = fiber_get_current();
    guint8 *stack = fiber_stack_take(self->scheduler->stacks);
    guintptr top;
    Fiber *fiber;

    if (stack == NULL) {
        g_set_error_literal(error, FIBER_ERROR, BARID_ERROR_BUSY,
                            "no room for another fiber (vm.max_map_count)");
        return FALSE;
    }
    top = ((guintptr)stack + FIBER_STACK_BYTES - sizeof(Fiber)) & ~(guintptr)63;
    fiber = (Fiber *)top;
    *fiber = (Fiber){
        .scheduler = self->scheduler,
        .func = func,
        .data = data,
        .stack = stack,
        .deadline_ms = parent == NULL ? FIBER_NO_DEADLINE : parent->deadline_ms,
        .idle_at_ms = FIBER_NO_DEADLINE,
    };
    fiber_context_prepare(&fiber->context, stack, (gsize)(top - (guintptr)stack), fiber_entry);
    fiber_group_add(self, fiber);
    self->scheduler->n_fibers++;
    scheduler_enqueue(self->scheduler, fiber);
    return TRUE;
}

gboolean
fiber_is_cancelled(const Fiber *fiber)
{
    for (const FiberGroup *group = fiber->group; group != NULL; group = group->parent) {
        if (group->cancelled)
            return TRUE;
    }
    return FALSE;
}

static void
fiber_interrupt(Fiber *fiber, FiberReason reason)
{
    if (fiber->state != FIBER_PARKED || fiber->masked > 0)
        return;
    fiber->reason = (guint8)reason;
    scheduler_enqueue(fiber->scheduler, fiber);
}

void
fiber_group_cancel(FiberGroup *self)
{
    self->cancelled = TRUE;
    for (Fiber *fiber = self->members; fiber != NULL; fiber = fiber->group_next)
        fiber_interrupt(fiber, FIBER_CANCELLED);
}

void
fiber_group_join(FiberGroup *self)
{
    Fiber *fiber = fiber_require_current();

    g_assert(self->joiner == NULL);
    self->joiner = fiber;
    while (self->n_members > 0) {
        if (!fiber_park(NULL)) {
            fiber_group_cancel(self);
            fiber_mask();
            while (self->n_members > 0)
                fiber_park(NULL);
            fiber_unmask();
        }
    }
    self->joiner = NULL;
}

/* --- deadlines --- */

gint64
fiber_deadline_push(gint64 timeout_ms)
{
    Fiber *fiber = fiber_require_current();
    gint64 previous = fiber->deadline_ms;

    fiber->deadline_ms = MIN(previous, clock_monotonic_ms() + timeout_ms);
    return previous;
}

void
fiber_deadline_restore(gint64 previous)
{
    fiber_require_current()->deadline_ms = previous;
}

gint64
fiber_deadline_get_left(void)
{
    Fiber *fiber = fiber_require_current();

    if (fiber->deadline_ms == FIBER_NO_DEADLINE)
        return G_MAXINT64;
    return fiber->deadline_ms - clock_monotonic_ms();
}

void
fiber_mask(void)
{
    fiber_require_current()->masked++;
}

void
fiber_unmask(void)
{
    Fiber *fiber = fiber_require_current();

    g_assert(fiber->masked > 0);
    fiber->masked--;
}

/* --- waiting --- */

#ifdef BARID_DEBUG
static _Thread_local guint fiber_locks_held;

void
fiber_lock_taken(void)
{
    fiber_locks_held++;
}

void
fiber_lock_released(void)
{
    g_assert(fiber_locks_held > 0);
    fiber_locks_held--;
}
#endif

static gboolean
fiber_set_reason(FiberReason reason, GError **error)
{
    if (reason == FIBER_TIMED_OUT)
        g_set_error_literal(error, FIBER_ERROR, BARID_ERROR_TIMEOUT, "timed out");
    else
        g_set_error_literal(error, FIBER_ERROR, BARID_ERROR_CANCELLED, "cancelled");
    return FALSE;
}

/* Only hooks are accounted for: others are spared the readings of the clock. */
static void
fiber_leave_measured(Fiber *self)
{
    gint64 start_us = self->local == NULL ? 0 : clock_monotonic_us();

    scheduler_leave(self->scheduler, self);
    if (self->local != NULL)
        self->waited_us += clock_monotonic_us() - start_us;
}

gboolean
fiber_park(GError **error)
{
    Fiber *self = fiber_require_current();

#ifdef BARID_DEBUG
    g_assert(fiber_locks_held == 0);
#endif
    if (self->wake_pending) {
        self->wake_pending = FALSE;
        return TRUE;
    }
    if (self->scheduler->wait_witness != NULL)
        self->scheduler->wait_witness(self->local, self->scheduler->wait_witness_data);
    if (self->masked == 0) {
        gint64 look_ms = MIN(self->deadline_ms, self->idle_at_ms);

        if (fiber_is_cancelled(self))
            return fiber_set_reason(FIBER_CANCELLED, error);
        if (self->deadline_ms <= clock_monotonic_ms())
            return fiber_set_reason(FIBER_TIMED_OUT, error);
        if (look_ms != FIBER_NO_DEADLINE)
            scheduler_arm(self->scheduler, self, look_ms);
    }
    self->state = FIBER_PARKED;
    self->reason = FIBER_WOKEN;
    fiber_leave_measured(self);
    self->wake_pending = FALSE;
    if (self->reason == FIBER_WOKEN)
        return TRUE;
    return fiber_set_reason((FiberReason)self->reason, error);
}

/* Before pages are given back, and at the end of a measurement. */
static void
fiber_note_stack(Fiber *fiber)
{
    if (fiber->stack_base != 0)
        fiber->stack_peak = MAX(fiber->stack_peak, fiber_stack_get_touched(fiber->stack));
}

void
fiber_on_timer(Fiber *fiber, gint64 now_ms)
{
    gint64 look_ms;

    if (fiber->state != FIBER_PARKED || fiber->masked > 0)
        return; /* the next wait arms it again */
    if (fiber->deadline_ms <= now_ms) {
        fiber_interrupt(fiber, FIBER_TIMED_OUT);
        return;
    }
    if (fiber->idle_at_ms <= now_ms) {
        fiber_note_stack(fiber);
        fiber_stack_trim(fiber->stack, fiber_context_get_pointer(&fiber->context));
        fiber->idle_at_ms = FIBER_NO_DEADLINE;
    }
    look_ms = MIN(fiber->deadline_ms, fiber->idle_at_ms);
    if (look_ms != FIBER_NO_DEADLINE)
        scheduler_arm(fiber->scheduler, fiber, look_ms);
}

void
fiber_wake(Fiber *fiber)
{
    if (fiber->state == FIBER_PARKED) {
        fiber->reason = FIBER_WOKEN;
        scheduler_enqueue(fiber->scheduler, fiber);
    } else {
        fiber->wake_pending = TRUE;
    }
}

void
fiber_yield(void)
{
    Fiber *self = fiber_require_current();

    scheduler_enqueue(self->scheduler, self);
    scheduler_leave(self->scheduler, self);
}

gboolean
barid_sleep(gint64 duration_ms, GError **error)
{
    Fiber *self = fiber_require_current();
    gint64 until_ms = clock_monotonic_ms() + duration_ms;
    g_autoptr(GError) local = NULL;

    if (self->deadline_ms < until_ms) {
        while (fiber_park(&local))
            continue;
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    gint64 previous = fiber_deadline_push(duration_ms);

    while (fiber_park(&local))
        continue; /* a stray wake */
    fiber_deadline_restore(previous);
    /* The clock may have gone on past both. */
    if (previous > clock_monotonic_ms() &&
        g_error_matches(local, FIBER_ERROR, BARID_ERROR_TIMEOUT))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

/* --- descriptors --- */

static gboolean
fiber_watch_add(FiberWatch *self, Scheduler *scheduler, int fd, guint events, GError **error)
{
    struct epoll_event event = {.events = events, .data.ptr = self};

    *self = (FiberWatch){.scheduler = scheduler, .fd = fd};
    if (epoll_ctl(scheduler->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        error_set_errno(error, FIBER_ERROR, errno, "cannot watch the descriptor");
        self->fd = -1;
        return FALSE;
    }
    return TRUE;
}

gboolean
fiber_watch_init(FiberWatch *self, Scheduler *scheduler, int fd, GError **error)
{
    return fiber_watch_add(self, scheduler, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, error);
}

gboolean
fiber_watch_init_listener(FiberWatch *self, Scheduler *scheduler, int fd, GError **error)
{
    return fiber_watch_add(self, scheduler, fd, EPOLLIN | EPOLLEXCLUSIVE, error);
}

void
fiber_watch_clear(FiberWatch *self)
{
    if (self->fd < 0)
        return;
    epoll_ctl(self->scheduler->epoll_fd, EPOLL_CTL_DEL, self->fd, NULL);
    self->fd = -1;
}

static gboolean
fiber_watch_wait(FiberWatch *self, guint event, Fiber **slot, GError **error)
{
    g_assert(*slot == NULL);
    *slot = fiber_require_current();
    while ((self->ready & event) == 0) {
        if (!fiber_park(error)) {
            *slot = NULL;
            return FALSE;
        }
    }
    *slot = NULL;
    self->ready &= ~event;
    return TRUE;
}

gboolean
fiber_watch_wait_readable(FiberWatch *self, GError **error)
{
    return fiber_watch_wait(self, EPOLLIN, &self->reader, error);
}

gboolean
fiber_watch_wait_writable(FiberWatch *self, GError **error)
{
    return fiber_watch_wait(self, EPOLLOUT, &self->writer, error);
}

gboolean
fiber_watch_wait_idle(FiberWatch *self, GError **error)
{
    Fiber *fiber = fiber_require_current();
    gboolean ok;

    if ((self->ready & EPOLLIN) != 0)
        return fiber_watch_wait_readable(self, error);
    fiber->idle_at_ms = clock_monotonic_ms() + FIBER_IDLE_MS;
    ok = fiber_watch_wait_readable(self, error);
    fiber->idle_at_ms = FIBER_NO_DEADLINE;
    return ok;
}

/* --- completions --- */

static void
fiber_completion_arrive(gpointer data)
{
    FiberCompletion *self = data;

    self->done = TRUE;
    scheduler_expect(self->scheduler, -1);
    fiber_wake(self->fiber);
}

void
fiber_completion_init(FiberCompletion *self)
{
    Fiber *fiber = fiber_require_current();

    *self = (FiberCompletion){
        .post = {.func = fiber_completion_arrive, .data = self},
        .scheduler = fiber->scheduler,
        .fiber = fiber,
    };
    scheduler_expect(fiber->scheduler, 1);
}

void
fiber_completion_signal(FiberCompletion *self)
{
    scheduler_post(self->scheduler, &self->post);
}

void
fiber_completion_signal_all(FiberCompletion *const *completions, guint n_completions)
{
    /* Once posted, a completion may be gone: each run of one scheduler is linked first. */
    for (guint i = 0; i < n_completions;) {
        Scheduler *scheduler = completions[i]->scheduler;
        SchedulerPost *chain = NULL;
        guint end = i;

        while (end < n_completions && completions[end]->scheduler == scheduler)
            end++;
        /* The inbox is read newest first. */
        for (guint n = i; n < end; n++) {
            completions[n]->post.next = chain;
            chain = &completions[n]->post;
        }
        scheduler_post(scheduler, chain);
        i = end;
    }
}

void
fiber_completion_wait(FiberCompletion *self)
{
    fiber_mask();
    while (!self->done)
        fiber_park(NULL);
    fiber_unmask();
}

/* --- fiber-local data --- */

gpointer
fiber_get_local(void)
{
    Fiber *fiber = fiber_get_current();

    return fiber == NULL ? NULL : fiber->local;
}

guint32
fiber_set_label(guint32 label)
{
    Fiber *fiber = fiber_get_current();
    guint32 before;

    if (fiber == NULL)
        return blame_enter(blame_get_slot(), label);
    before = fiber->label;
    fiber->label = label;
    blame_enter(fiber->scheduler->blame, label);
    return before;
}

guint32
fiber_get_label(void)
{
    const Fiber *fiber = fiber_get_current();

    return fiber == NULL ? 0 : fiber->label;
}

void
fiber_set_local(gpointer local)
{
    fiber_require_current()->local = local;
}

gint64
fiber_get_waited_us(void)
{
    return fiber_require_current()->waited_us;
}

gsize
fiber_get_stack_high_water(void)
{
    return fiber_stack_get_touched(fiber_require_current()->stack);
}

/* What the system call itself puts on the stack must not be given back under its feet. */
#ifdef BARID_SANITIZE
enum { FIBER_MEASURE_MARGIN = 8192 };
#else
enum { FIBER_MEASURE_MARGIN = 1024 };
#endif

__attribute__((noinline)) gboolean
fiber_stack_measure_begin(void)
{
    Fiber *fiber = fiber_require_current();
    const guint8 *here = __builtin_frame_address(0);

    if (fiber->stack_base != 0)
        return FALSE;
    fiber->stack_base = (gsize)(fiber->stack + FIBER_STACK_BYTES - here);
    fiber->stack_peak = 0;
    if (here - fiber->stack > 2 * FIBER_MEASURE_MARGIN)
        fiber_stack_trim(fiber->stack, here - FIBER_MEASURE_MARGIN);
    return TRUE;
}

FiberStackUse
fiber_stack_measure_end(void)
{
    Fiber *fiber = fiber_require_current();
    FiberStackUse use;

    fiber_note_stack(fiber);
    use.total_bytes = fiber->stack_peak;
    use.own_bytes =
        fiber->stack_peak > fiber->stack_base ? fiber->stack_peak - fiber->stack_base : 0;
    fiber->stack_base = 0;
    return use;
}
