/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting connections, and the sessions of one worker thread. */
#include "base/log.h"
#include "inbound/session.h"
#include "net/acceptor.h"

/* Connections taken by one thread before the others get their chance. */
enum { ACCEPT_BATCH = 8, ACCEPT_PAUSE_MS = 100 };

/* Sessions are packed: a thread that serves many wakes up once for several of them, and the other
 * processors may sleep. A thread is given more while it is asleep at least this much of the time,
 * and has at most so many more than the one with fewest: those that came at once may all turn out
 * to be busy, and a session stays where it is. */
enum { ACCEPT_LOAD_MAX = 700, ACCEPT_IMBALANCE = 32 };

typedef struct {
    InboundThread *thread;
    InboundListener *listener;
    int fd;
} Listening;

typedef struct {
    SchedulerPost post;
    InboundThread *thread;
    InboundListener *listener;
    int fd;
    Stream *stream;
    Address remote, local;
} Incoming;

InboundThread *
inbound_thread_new(Inbound *self, Scheduler *scheduler)
{
    InboundThread *thread = g_new0(InboundThread, 1);

    thread->inbound = self;
    thread->scheduler = scheduler;
    fiber_group_init(&thread->acceptors, scheduler);
    fiber_group_init(&thread->sessions, scheduler);
    g_ptr_array_add(self->threads, thread);
    return thread;
}

void
inbound_thread_free(InboundThread *self)
{
    if (self == NULL)
        return;
    g_assert(self->first == NULL);
    g_free(self);
}

guint
inbound_thread_get_n_sessions(const InboundThread *self)
{
    return self->sessions.n_members;
}

/* --- one connection --- */

void
inbound_serve(InboundThread *self, InboundListener *listener, Stream *stream,
              const Address *remote, const Address *local)
{
    atomic_fetch_add_explicit(&self->n_sessions, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&self->inbound->n_sessions, 1, memory_order_relaxed);
    counter_add(self->inbound->n_accepted, 1);
    atomic_fetch_add_explicit(&listener->n_sessions, 1, memory_order_relaxed);
    session_run(self, listener, stream, remote, local);
    atomic_fetch_sub_explicit(&listener->n_sessions, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&self->inbound->n_sessions, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&self->n_sessions, 1, memory_order_relaxed);
}

static void
incoming_run(gpointer data)
{
    Incoming incoming = *(Incoming *)data;

    g_free(data);
    inbound_serve(incoming.thread, incoming.listener, incoming.stream, &incoming.remote,
                  &incoming.local);
}

static const gchar *
listening_check_limits(const Listening *self)
{
    const Inbound *inbound = self->thread->inbound;

    if (atomic_load_explicit(&inbound->n_sessions, memory_order_relaxed) >=
            (guint)inbound->session.max_connections ||
        atomic_load_explicit(&self->listener->n_sessions, memory_order_relaxed) >=
            (guint)self->listener->settings.max_connections)
        return "too many connections, please come back";
    return fiber_has_room() ? NULL : "too busy, please come back";
}

/* On the thread that will serve it. */
static void
incoming_arrive(gpointer data)
{
    Incoming *incoming = data;

    incoming->stream = stream_new(incoming->thread->scheduler, incoming->fd, NULL);
    if (incoming->stream != NULL && !incoming->thread->draining &&
        fiber_group_spawn(&incoming->thread->sessions, incoming_run, incoming, NULL))
        return;
    stream_free(incoming->stream);
    g_free(incoming);
}

static guint
thread_count_sessions(const InboundThread *self)
{
    return atomic_load_explicit(&self->n_sessions, memory_order_relaxed);
}

/* The first that has room, or else the one with the fewest sessions. */
static InboundThread *
inbound_choose_thread(const Inbound *self)
{
    InboundThread *idlest = g_ptr_array_index(self->threads, 0);
    guint least = thread_count_sessions(idlest);

    for (guint i = 1; i < self->threads->len; i++) {
        InboundThread *thread = g_ptr_array_index(self->threads, i);
        guint count = thread_count_sessions(thread);

        if (count < least) {
            least = count;
            idlest = thread;
        }
    }
    for (guint i = 0; i < self->threads->len; i++) {
        InboundThread *thread = g_ptr_array_index(self->threads, i);

        if (thread_count_sessions(thread) < least + ACCEPT_IMBALANCE &&
            scheduler_get_load(thread->scheduler) < ACCEPT_LOAD_MAX)
            return thread;
    }
    return idlest;
}

static void
listening_take(Listening *self, int fd, const Address *remote, const Address *local)
{
    const gchar *refusal = listening_check_limits(self);
    Incoming *incoming;

    /* A client that cannot be served is told so (FEATURES LI16), without a fiber. */
    if (refusal != NULL) {
        g_autofree gchar *line =
            g_strdup_printf("421 4.3.2 %s %s\r\n", self->listener->hostname, refusal);

        acceptor_turn_away(fd, line);
        return;
    }
    incoming = g_new0(Incoming, 1);
    incoming->thread = inbound_choose_thread(self->thread->inbound);
    incoming->listener = self->listener;
    incoming->fd = fd;
    incoming->remote = *remote;
    incoming->local = *local;
    if (incoming->thread == self->thread) {
        incoming_arrive(incoming);
        return;
    }
    incoming->post = (SchedulerPost){.func = incoming_arrive, .data = incoming};
    scheduler_post(incoming->thread->scheduler, &incoming->post);
}

/* --- accepting --- */

/* Takes what waits, at most a batch. FALSE when descriptors are used up. */
static gboolean
listening_run_batch(Listening *self)
{
    for (guint i = 0; i < ACCEPT_BATCH; i++) {
        Address remote = {0};
        Address local = {0};
        int fd;
        AcceptorResult result = acceptor_next(self->fd, &fd, &remote, &local);

        if (result == ACCEPTOR_EXHAUSTED)
            return FALSE;
        if (result == ACCEPTOR_NONE)
            break;
        listening_take(self, fd, &remote, &local);
    }
    return TRUE;
}

static void
listening_run(gpointer data)
{
    Listening *self = data;
    g_autoptr(GError) error = NULL;
    FiberWatch watch;

    if (!fiber_watch_init_listener(&watch, self->thread->scheduler, self->fd, &error)) {
        barid_log(BARID_LOG_ERROR, "listener.failed", "listener", self->listener->name, "error",
                  error->message, NULL);
        g_free(self);
        return;
    }
    while (fiber_watch_wait_readable(&watch, NULL)) {
        if (!listening_run_batch(self)) {
            barid_log(BARID_LOG_WARNING, "listener.exhausted", "listener", self->listener->name,
                      "error", "descriptors or memory are used up", NULL);
            if (!barid_sleep(ACCEPT_PAUSE_MS, NULL))
                break;
        }
    }
    fiber_watch_clear(&watch);
    g_free(self);
}

gboolean
inbound_thread_listen(InboundThread *self, InboundListener *listener, int fd, GError **error)
{
    Listening *listening = g_new0(Listening, 1);

    listening->thread = self;
    listening->listener = listener;
    listening->fd = fd;
    if (fiber_group_spawn(&self->acceptors, listening_run, listening, error))
        return TRUE;
    g_free(listening);
    return FALSE;
}

/* --- ending --- */

void
inbound_thread_unlisten(InboundThread *self)
{
    fiber_group_cancel(&self->acceptors);
}

void
inbound_thread_drain(InboundThread *self)
{
    self->draining = TRUE;
    fiber_group_cancel(&self->acceptors);
    for (Session *session = self->first; session != NULL; session = session->next) {
        /* The read ends; the session then says its 421. Others go on to the end of their
         * transaction. */
        if (session->waiting)
            stream_interrupt(session->stream);
    }
}

void
inbound_thread_cancel(InboundThread *self)
{
    fiber_group_cancel(&self->sessions);
}
