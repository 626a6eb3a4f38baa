/* SPDX-License-Identifier: Apache-2.0 */
#include "outbound/outbound.h"

#include <ifaddrs.h>
#include <stdatomic.h>

#include "base/error-domain.h"
#include "base/i18n.h"
#include "outbound/delivery.h"

ERROR_DOMAIN_DEFINE(outbound_error_quark, "barid-outbound-error")

typedef struct {
    Outbound *outbound;
    Scheduler *scheduler;
    FiberGroup group;
    ConnectionPool *pool;
} OutboundThread;

struct Outbound {
    OutboundServices services;
    GArray *transports; /* of OutboundTransport */
    GPtrArray *threads; /* of OutboundThread * */
    GPtrArray *own_names;     /* of gchar * */
    GArray *own_addresses;    /* of Address */
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
    OutboundTransport transport = {
        .name = provider->name, .module = module, .driver = provider->driver};
    guint32 outer = host_module_enter(module);

    if (self->services.stand_in != NULL)
        transport.self = self->services.stand_in(provider->name, self->services.stand_in_data,
                                                 &transport.driver);
    if (transport.self == NULL)
        transport.self = transport.driver->open(host_module_get_settings(module), error);
    host_module_leave(outer);
    if (transport.self == NULL) {
        g_prefix_error(error, _("transport %s: "), provider->name);
        return FALSE;
    }
    g_array_append_val(self->transports, transport);
    return TRUE;
}

static void
outbound_thread_free(gpointer data)
{
    OutboundThread *thread = data;

    connection_pool_free(thread->pool);
    g_free(thread);
}

Outbound *
outbound_new(const OutboundServices *services, GError **error)
{
    g_autoptr(Outbound) self = g_new0(Outbound, 1);

    self->services = *services;
    self->transports = g_array_new(FALSE, FALSE, sizeof(OutboundTransport));
    self->threads = g_ptr_array_new_with_free_func(outbound_thread_free);
    self->own_names = g_ptr_array_new_with_free_func(g_free);
    self->own_addresses = g_array_new(FALSE, FALSE, sizeof(Address));
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
        guint32 outer = host_module_enter(transport->module);

        if (transport->driver->close != NULL)
            transport->driver->close(transport->self);
        host_module_leave(outer);
    }
    g_array_free(self->transports, TRUE);
    g_ptr_array_free(self->threads, TRUE);
    g_ptr_array_free(self->own_names, TRUE);
    g_array_free(self->own_addresses, TRUE);
    g_free(self);
}

/* --- who this server is --- */

void
outbound_add_own_name(Outbound *self, const gchar *name)
{
    g_ptr_array_add(self->own_names, g_strdup(name));
}

gboolean
outbound_is_own_name(const Outbound *self, const gchar *name)
{
    for (guint i = 0; i < self->own_names->len; i++) {
        if (g_ascii_strcasecmp(g_ptr_array_index(self->own_names, i), name) == 0)
            return TRUE;
    }
    return FALSE;
}

static void
outbound_add_all_addresses(Outbound *self)
{
    struct ifaddrs *all = NULL;

    if (getifaddrs(&all) != 0)
        return;
    for (struct ifaddrs *at = all; at != NULL; at = at->ifa_next) {
        struct sockaddr_storage storage = {0};
        Address address;
        gboolean is_v6;

        if (at->ifa_addr == NULL || (at->ifa_addr->sa_family != AF_INET &&
                                     at->ifa_addr->sa_family != AF_INET6))
            continue;
        is_v6 = at->ifa_addr->sa_family == AF_INET6;
        memcpy(&storage, at->ifa_addr,
               is_v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
        address_from_sockaddr(&storage, &address);
        g_array_append_val(self->own_addresses, address);
    }
    freeifaddrs(all);
}

void
outbound_add_own_address(Outbound *self, const Address *address)
{
    static const guint8 zeros[16] = {0};

    if (memcmp(address->bytes, zeros, address->is_v6 ? 16 : 4) == 0)
        outbound_add_all_addresses(self);
    else
        g_array_append_val(self->own_addresses, *address);
}

gboolean
outbound_is_own_address(const Outbound *self, const Address *address)
{
    for (guint i = 0; i < self->own_addresses->len; i++) {
        const Address *own = &g_array_index(self->own_addresses, Address, i);

        if (own->is_v6 == address->is_v6 &&
            memcmp(own->bytes, address->bytes, own->is_v6 ? 16 : 4) == 0)
            return TRUE;
    }
    return FALSE;
}

/* --- threads --- */

void
outbound_add_thread(Outbound *self, Scheduler *scheduler)
{
    OutboundThread *thread = g_new0(OutboundThread, 1);

    thread->outbound = self;
    thread->scheduler = scheduler;
    fiber_group_init(&thread->group, scheduler);
    thread->pool = connection_pool_new(&thread->group, self->services.settings->reuse_idle_ms,
                                       (guint)self->services.settings->reuse_messages);
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

    delivery_run(self, run->thread->pool, run->job);
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

gboolean
outbound_is_route(const Outbound *self, const gchar *name)
{
    return strcmp(name, "mx") == 0 || outbound_find_transport(self, name) != NULL ||
           outbound_settings_find_host(self->services.settings, name) != NULL;
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
outbound_drain_thread(Outbound *self, Scheduler *scheduler)
{
    connection_pool_drain(outbound_find_thread(self, scheduler)->pool);
}

void
outbound_cancel_thread(Outbound *self, Scheduler *scheduler)
{
    fiber_group_cancel(&outbound_find_thread(self, scheduler)->group);
}
