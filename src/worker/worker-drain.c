/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a worker, in three steps on each thread: no more connections; idle sessions get
 * 421 and attempts are cut short; everything is cancelled. A stop takes the first two at once
 * and the third after the grace time; a worker that another follows takes the second after
 * the grace time and the third when "drain" is over.
 */
#include "worker/worker-private.h"

#include "base/log.h"

static void
drain_on_confirm(gpointer data)
{
    const WorkerThread *thread = data;

    if (atomic_fetch_sub(&thread->worker->n_listening, 1) == 1)
        ipc_send(thread->worker->ipc_end, IPC_UNLISTENED, BARID_SLICE_EMPTY, -1, NULL);
}

/* An acceptor that is ready already may run once more in this turn; in the next, all have
 * ended. */
static void
drain_on_unlisten(gpointer data)
{
    WorkerThread *thread = data;

    inbound_thread_unlisten(thread->inbound);
    outbound_drain_thread(thread->worker->outbound, thread->scheduler);
    if (thread->index == 0)
        control_drain(thread->worker->control);
    thread->confirm = (SchedulerPost){.func = drain_on_confirm, .data = thread};
    scheduler_post(thread->scheduler, &thread->confirm);
}

static void
drain_on_drain(gpointer data)
{
    WorkerThread *thread = data;

    inbound_thread_drain(thread->inbound);
    if (thread->worker->draining)
        outbound_cancel_thread(thread->worker->outbound, thread->scheduler);
}

static void
drain_on_cancel(gpointer data)
{
    WorkerThread *thread = data;

    inbound_thread_cancel(thread->inbound);
    outbound_cancel_thread(thread->worker->outbound, thread->scheduler);
    if (thread->index == 0)
        control_cancel(thread->worker->control);
}

/* A post is one object and is made once. */
static void
drain_post(WorkerThread *thread, SchedulerPost *post, void (*func)(gpointer data))
{
    if (post->func != NULL)
        return;
    *post = (SchedulerPost){.func = func, .data = thread};
    scheduler_post(thread->scheduler, post);
}

static gboolean
drain_all(gpointer data)
{
    Worker *self = data;

    for (guint i = 0; i < self->n_threads; i++)
        drain_post(&self->threads[i], &self->threads[i].drain, drain_on_drain);
    return G_SOURCE_REMOVE;
}

static gboolean
drain_cancel_all(gpointer data)
{
    Worker *self = data;

    for (guint i = 0; i < self->n_threads; i++)
        drain_post(&self->threads[i], &self->threads[i].cancel, drain_on_cancel);
    return G_SOURCE_REMOVE;
}

/* The supervisor keeps the sockets: nobody who waits in their lines is lost. */
static void
drain_unlisten_all(Worker *self)
{
    for (guint i = 0; i < self->n_threads; i++) {
        WorkerThread *thread = &self->threads[i];

        drain_post(thread, &thread->unlisten, drain_on_unlisten);
        scheduler_stop(thread->scheduler);
    }
}

static void
drain_on_released(gpointer data)
{
    const Worker *self = data;

    ipc_send(self->ipc_end, IPC_RELEASED, BARID_SLICE_EMPTY, -1, NULL);
    barid_log(BARID_LOG_NOTICE, "spool.released", NULL);
}

void
worker_begin_drain(Worker *self)
{
    if (self->draining || self->stopping)
        return;
    self->draining = TRUE;
    barid_log(BARID_LOG_NOTICE, "worker.draining", NULL);
    queue_suspend(self->queue);
    outbound_drain(self->outbound);
    drain_unlisten_all(self);
    queue_hand_over(self->queue, drain_on_released, self);
    g_timeout_add((guint)self->generation->server.grace_ms, drain_all, self);
    g_timeout_add((guint)MIN(self->generation->server.drain_ms, G_MAXUINT), drain_cancel_all, self);
}

void
worker_begin_stop(Worker *self)
{
    if (self->stopping)
        return;
    self->stopping = TRUE;
    barid_log(BARID_LOG_NOTICE, "worker.stopping", NULL);
    queue_suspend(self->queue);
    outbound_drain(self->outbound);
    drain_unlisten_all(self);
    drain_all(self);
    g_timeout_add((guint)self->generation->server.grace_ms, drain_cancel_all, self);
}
