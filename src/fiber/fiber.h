/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fibers: stackful, cooperative, pinned to the thread where they were born. Code reads
 * as if it blocked; only the fiber does.
 *
 * Every fiber belongs to a group and every group is joined: nothing runs detached. Each
 * wait obeys the fiber's deadline and its group's cancellation and then fails with
 * BARID_ERROR_TIMEOUT or BARID_ERROR_CANCELLED, so that frames unwind normally.
 */
#ifndef FIBER_H
#define FIBER_H

#include <barid/error.h>

#include "fiber/scheduler.h"

#define FIBER_ERROR (fiber_error_quark())
GQuark fiber_error_quark(void);

typedef struct Fiber Fiber;
typedef void (*FiberFunc)(gpointer data);

/* The running fiber, or NULL on a plain thread. */
Fiber *fiber_get_current(void);
/* Whether the process may still make fibers (vm.max_map_count); when not, a listener
 * answers 421 instead of accepting a session. */
gboolean fiber_has_room(void);

/* --- groups --- */

typedef struct FiberGroup {
    Scheduler *scheduler;
    struct FiberGroup *parent; /* of the fiber that made it: its cancellation counts too */
    Fiber *members;
    Fiber *joiner;
    guint n_members;
    gboolean cancelled;
} FiberGroup;

/* On the scheduler's own thread, before it runs or from one of its fibers; lives on the
 * stack or in an object of the caller. */
void fiber_group_init(FiberGroup *self, Scheduler *scheduler);
/* Starts (func) at the next turn. FALSE with BARID_ERROR_BUSY when there is no room for
 * another stack; (func) is not called then. The group's deadline is none; a child
 * inherits the deadline of the fiber that spawns it. */
gboolean fiber_group_spawn(FiberGroup *self, FiberFunc func, gpointer data, GError **error);
/* Every present and later wait of the members fails with BARID_ERROR_CANCELLED. */
void fiber_group_cancel(FiberGroup *self);
/* Waits until all members have ended. When the waiting fiber is cancelled or past its
 * deadline, the members are cancelled and still waited for. From a fiber only. */
BARID_SUSPENDS void fiber_group_join(FiberGroup *self);

/* --- deadlines --- */

/* Narrows the running fiber's deadline to (timeout_ms) from now (it never widens); the
 * result is the one before, for fiber_deadline_restore(). */
gint64 fiber_deadline_push(gint64 timeout_ms);
void fiber_deadline_restore(gint64 previous);
/* Milliseconds until the running fiber's deadline; G_MAXINT64 without one. */
gint64 fiber_deadline_get_left(void);
/* A wait that must not be cut short (a commit under way) masks both; nests. */
void fiber_mask(void);
void fiber_unmask(void);

/* --- waiting --- */

/* Suspends until fiber_wake(). A wake that came before is not lost. */
BARID_SUSPENDS gboolean fiber_park(GError **error);
/* Makes (fiber) ready. Same thread only. */
void fiber_wake(Fiber *fiber);
/* Lets other ready fibers run. */
BARID_SUSPENDS void fiber_yield(void);

/* Readiness of a descriptor, registered once, edge-triggered. */
typedef struct FiberWatch {
    Scheduler *scheduler;
    int fd;
    guint ready; /* EPOLLIN and EPOLLOUT edges not used up yet */
    gboolean hung_up; /* the peer has closed: no edge will tell of it again */
    Fiber *reader;
    Fiber *writer;
} FiberWatch;

gboolean fiber_watch_init(FiberWatch *self, Scheduler *scheduler, int fd, GError **error);
/* For a listening socket that several threads and processes share: level-triggered, and
 * one of the waiting threads is woken (EPOLLEXCLUSIVE). */
gboolean fiber_watch_init_listener(FiberWatch *self, Scheduler *scheduler, int fd,
                                   GError **error);
/* Takes the descriptor out of the set; does not close it. */
void fiber_watch_clear(FiberWatch *self);
/* Call after EAGAIN (or a short read): waits for the next edge. */
BARID_SUSPENDS gboolean fiber_watch_wait_readable(FiberWatch *self, GError **error);
BARID_SUSPENDS gboolean fiber_watch_wait_writable(FiberWatch *self, GError **error);
/* For waits that may be long: as readable, but the pages of the stack that are not in use
 * go back to the system when nothing arrives for FIBER_IDLE_MS. */
#define FIBER_IDLE_MS 1000
BARID_SUSPENDS gboolean fiber_watch_wait_idle(FiberWatch *self, GError **error);

/* One event that another thread signals. Lives on the waiting fiber's stack. */
typedef struct FiberCompletion {
    SchedulerPost post;
    Scheduler *scheduler;
    Fiber *fiber;
    gboolean done;
} FiberCompletion;

/* For the running fiber. */
void fiber_completion_init(FiberCompletion *self);
/* Signals one; any thread; exactly once. */
void fiber_completion_signal(FiberCompletion *self);
/* Signals all of them with one wake-up per thread; reorders nothing. Any thread. */
void fiber_completion_signal_all(FiberCompletion *const *completions, guint n_completions);
/* Waits for it, whatever the deadline: the other side still holds (self). */
BARID_SUSPENDS void fiber_completion_wait(FiberCompletion *self);

/* --- fiber-local data --- */

/* One pointer that the host uses to know the running hook. */
gpointer fiber_get_local(void);
void fiber_set_local(gpointer local);

/* Whose code the running fiber executes: a label of base/blame.h; the result is the one
 * before. Follows the fiber from turn to turn. */
guint32 fiber_set_label(guint32 label);
guint32 fiber_get_label(void);

/* Microseconds that the running fiber has spent waiting while it had a local pointer. */
gint64 fiber_get_waited_us(void);

/* Stack bytes used at most so far by the running fiber, to the page. */
gsize fiber_get_stack_high_water(void);

/* How deep the stack of the running fiber goes between two points. The first call gives the
 * pages below back to the system, the second counts those that are there again: two system
 * calls and the faults of the pages used, so it is for samples. Waits in between are fine. */
typedef struct {
    gsize total_bytes; /* from the stack's beginning, whole pages */
    gsize own_bytes;   /* of it below the first point; up to two pages too many */
} FiberStackUse;
/* FALSE when a measurement of this fiber is under way. */
gboolean fiber_stack_measure_begin(void);
FiberStackUse fiber_stack_measure_end(void);

/* Debug builds: a thread that holds a lock across a suspension is stopped. */
#ifdef BARID_DEBUG
void fiber_lock_taken(void);
void fiber_lock_released(void);
#else
static inline void
fiber_lock_taken(void)
{
}
static inline void
fiber_lock_released(void)
{
}
#endif

#endif
