/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this floor share about fibers and schedulers. */
#ifndef SCHEDULER_PRIVATE_H
#define SCHEDULER_PRIVATE_H

#include <stdatomic.h>

#include "base/blame.h"
#include "fiber/fiber.h"
#include "fiber/load.h"
#include "fiber/stack.h"
#include "fiber/switch.h"

#define FIBER_NO_DEADLINE G_MAXINT64

typedef enum { FIBER_READY, FIBER_RUNNING, FIBER_PARKED, FIBER_ENDED } FiberState;
typedef enum { FIBER_WOKEN, FIBER_TIMED_OUT, FIBER_CANCELLED } FiberReason;

/* Lies at the top of its own stack. */
struct Fiber {
    FiberContext context;
    Scheduler *scheduler;
    FiberGroup *group;
    Fiber *group_next, *group_previous;
    Fiber *ready_next;
    FiberFunc func;
    gpointer data;
    gpointer local;
    guint8 *stack;
    gsize stack_base, stack_peak; /* of a measurement under way: (stack_base) is not 0 */
    gint64 deadline_ms;
    gint64 idle_at_ms; /* when a long wait trims the stack; FIBER_NO_DEADLINE otherwise */
    gint64 heap_key_ms;
    gint64 waited_us; /* while (local) was set */
    guint heap_index; /* 0: not in the heap */
    guint masked;
    guint32 label; /* whose code it runs */
    guint8 state;
    guint8 reason;
    gboolean wake_pending;
    int saved_errno;
#ifdef BARID_SANITIZE
    void *fake_stack;
#endif
};

struct Scheduler {
    int epoll_fd;
    int wake_fd;
    _Atomic(SchedulerPost *) inbox;
    _Atomic gboolean sleeping;
    _Atomic gboolean stopping;
    Load load;
    FiberStackPool *stacks;
    BlameSlot *blame; /* the thread's, while it runs */
    FiberContext main_context;
    Fiber *current;
    Fiber *ready_head, *ready_tail;
    GPtrArray *heap; /* of Fiber *, index 0 unused */
    guint n_fibers;
    gint n_expected;
    FiberWatch wake_watch;
    void (*advance)(gint64 monotonic_ms, gpointer data);
    gpointer advance_data;
    void (*wait_witness)(gpointer local, gpointer data);
    gpointer wait_witness_data;
#ifdef BARID_SANITIZE
    void *fake_stack;
    const void *main_stack;
    gsize main_stack_size;
#endif
};

/* Makes (fiber) run in the next batch. */
void scheduler_enqueue(Scheduler *self, Fiber *fiber);
/* Leaves the running fiber and returns when it is made to run again. */
void scheduler_leave(Scheduler *self, Fiber *fiber);
/* Sees to it that the scheduler looks at (fiber) at (key_ms) or before. */
void scheduler_arm(Scheduler *self, Fiber *fiber, gint64 key_ms);
void scheduler_disarm(Scheduler *self, Fiber *fiber);
/* Called by a fiber's entry when its function has returned. */
void scheduler_finish(Scheduler *self, Fiber *fiber) G_GNUC_NORETURN;

gboolean fiber_is_cancelled(const Fiber *fiber);
/* The fiber's look at its timers; may make it ready. */
void fiber_on_timer(Fiber *fiber, gint64 now_ms);

#endif
