/* SPDX-License-Identifier: Apache-2.0 */
#include "outbound/outbound.h"

#include <stdatomic.h>

#include "base/error-domain.h"
#include "outbound/delivery.h"

ERROR_DOMAIN_DEFINE(outbound_error_quark, "barid-outbound-error")

typedef struct {
    Outbound *outbound;
    Scheduler *scheduler;
    FiberGroup group;
} OutboundThread;

struct Outbound {
    OutboundServices services;
    GArray *transports; /* of OutboundTransport */
    GPtrArray *threads; /* of OutboundThread * */
    _Atomic guint n_active;
    _Atomic gboolean draining;
};

const OutboundServices *
outbound_get_services(const Outbound *self)
{
    return &self->services;
}

const OutboundTransport *
outbound_find_transport(const Outbound *self, const gchar *name)
{
    for (guint i = 0; name != NULL && i < self->transports->len; i++) {
        const OutboundTransport *transport = &g_array_index(self->transports, OutboundTransport, i);

        if (strcmp(transport->name, name) == 0)
            return transport;
    }
    return NULL;
}

static gboolean
outbound_open_transport(const BaridProvider *provider, const HostModule *module, gpointer data,
                        GError **error)
{
    Outbound *self = data;
    OutboundTransport transport = {.name = provider->name, .driver = provider->driver};

    transport.self = transport.driver->open(host_module_get_settings(module), error);
    if (transport.self == NULL) {
        g_prefix_error(error, "transport %s: ", provider->name);
        return FALSE;
    }
    g_array_append_val(self->transports, transport);
    return TRUE;
}

Outbound *
outbound_new(const OutboundServices *services, GError **error)
{
    g_autoptr(Outbound) self = g_new0(Outbound, 1);

    self->services = *services;
    self->transports = g_array_new(FALSE, FALSE, sizeof(OutboundTransport));
    self->threads = g_ptr_array_new_with_free_func(g_free);
    if (!host_foreach_provider(services->host, BARID_PROVIDER_TRANSPORT, outbound_open_transport,
                               self, error))
        return NULL;
    return g_steal_pointer(&self);
}

void
outbound_free(Outbound *self)
{
    if (self == NULL)
        return;
    for (guint i = 0; i < self->transports->len; i++) {
        OutboundTransport *transport = &g_array_index(self->transports, OutboundTransport, i);

        transport->driver->close(transport->self);
    }
    g_array_free(self->transports, TRUE);
    g_ptr_array_free(self->threads, TRUE);
    g_free(self);
}

void
outbound_add_thread(Outbound *self, Scheduler *scheduler)
{
    OutboundThread *thread = g_new0(OutboundThread, 1);

    thread->outbound = self;
    thread->scheduler = scheduler;
    fiber_group_init(&thread->group, scheduler);
    g_ptr_array_add(self->threads, thread);
}

static OutboundThread *
outbound_find_thread(const Outbound *self, const Scheduler *scheduler)
{
    for (guint i = 0; i < self->threads->len; i++) {
        OutboundThread *thread = g_ptr_array_index(self->threads, i);

        if (thread->scheduler == scheduler)
            return thread;
    }
    return NULL;
}

typedef struct {
    OutboundThread *thread;
    QueueJob *job;
} OutboundRun;

static void
outbound_finish(Outbound *self, QueueJob *job)
{
    queue_job_finish(self->services.queue, job);
    atomic_fetch_sub(&self->n_active, 1);
}

static void
outbound_run(gpointer data)
{
    OutboundRun *run = data;
    Outbound *self = run->thread->outbound;

    delivery_run(self, run->job);
    outbound_finish(self, run->job);
}

/* On the worker's thread: (data) is in the job's arena. */
static void
outbound_take(gpointer data)
{
    OutboundRun *run = data;

    if (!atomic_load(&run->thread->outbound->draining) &&
        fiber_group_spawn(&run->thread->group, outbound_run, run, NULL))
        return;
    run->job->untouched = TRUE;
    outbound_finish(run->thread->outbound, run->job);
}

void
outbound_dispatch(QueueJob *job, gpointer outbound)
{
    Outbound *self = outbound;
    OutboundRun *run = arena_new0(job->arena, OutboundRun);
    BaridSlice domain = job->envelope.domains[job->domain];
    guint hash = 5381;

    for (gsize i = 0; i < domain.len; i++)
        hash = hash * 33 + domain.data[i];
    run->thread = g_ptr_array_index(self->threads, hash % self->threads->len);
    run->job = job;
    atomic_fetch_add(&self->n_active, 1);
    job->post = (SchedulerPost){.func = outbound_take, .data = run};
    scheduler_post(run->thread->scheduler, &job->post);
}

void
outbound_drain(Outbound *self)
{
    atomic_store(&self->draining, TRUE);
}

guint
outbound_get_n_active(const Outbound *self)
{
    return atomic_load(&self->n_active);
}

void
outbound_cancel_thread(Outbound *self, Scheduler *scheduler)
{
    fiber_group_cancel(&outbound_find_thread(self, scheduler)->group);
}
