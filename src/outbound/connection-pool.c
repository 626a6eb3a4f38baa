/* SPDX-License-Identifier: Apache-2.0 */
#include "outbound/connection-pool.h"

#include "base/clock.h"

typedef struct {
    gchar *key;
    SmtpClient *client;
    gint64 until_ms;
} PoolEntry;

struct ConnectionPool {
    FiberGroup *group;
    gint64 idle_ms;
    guint messages_max;
    gboolean draining;
    GQueue entries; /* of PoolEntry *, the one idle longest first */
    gboolean has_keeper;
    Fiber *keeper; /* once it has run */
};

ConnectionPool *
connection_pool_new(FiberGroup *group, gint64 idle_ms, guint messages_max)
{
    ConnectionPool *self = g_new0(ConnectionPool, 1);

    self->group = group;
    self->idle_ms = idle_ms;
    self->messages_max = messages_max;
    g_queue_init(&self->entries);
    return self;
}

static SmtpClient *
pool_entry_steal(PoolEntry *entry)
{
    SmtpClient *client = entry->client;

    g_free(entry->key);
    g_free(entry);
    return client;
}

void
connection_pool_free(ConnectionPool *self)
{
    PoolEntry *entry;

    if (self == NULL)
        return;
    while ((entry = g_queue_pop_head(&self->entries)) != NULL)
        smtp_client_free(pool_entry_steal(entry));
    g_free(self);
}

gchar *
connection_pool_make_key(const SmtpClientOptions *options)
{
    gchar endpoint[ENDPOINT_TEXT_MAX];
    gchar source[ADDRESS_TEXT_MAX] = "";

    if (options->source != NULL)
        address_format_ip(options->source, source);
    /* What was opened without a look at the certificate is not for who asks for one. */
    return g_strdup_printf("%s|%s|%d|%d|%p|%s|%s|%s", endpoint_format(&options->endpoint, endpoint),
                           options->host_name, (int)options->protocol, (int)options->tls,
                           (const void *)options->trust,
                           options->user != NULL ? options->user : "", source,
                           options->helo_name);
}

SmtpClient *
connection_pool_take(ConnectionPool *self, const gchar *key)
{
    for (GList *link = self->entries.tail; link != NULL;) {
        GList *before = link->prev;
        PoolEntry *entry = link->data;
        SmtpClient *client;

        if (strcmp(entry->key, key) == 0) {
            g_queue_delete_link(&self->entries, link);
            client = pool_entry_steal(entry);
            if (!smtp_client_is_dead(client))
                return client;
            smtp_client_free(client);
        }
        link = before;
    }
    return NULL;
}

static void
pool_end_client(gpointer data)
{
    smtp_client_quit(data);
}

/* QUIT waits for its answer; the others must not wait for that. */
static void
pool_end(ConnectionPool *self, SmtpClient *client)
{
    if (!fiber_group_spawn(self->group, pool_end_client, client, NULL))
        smtp_client_free(client);
}

/* FALSE when the pool's fibers are cancelled. */
static gboolean
pool_wait(gint64 duration_ms)
{
    g_autoptr(GError) error = NULL;
    gint64 deadline = fiber_deadline_push(duration_ms);
    gboolean woken = fiber_park(&error);

    fiber_deadline_restore(deadline);
    return woken || error->code == BARID_ERROR_TIMEOUT;
}

/* Ends what is idle for too long; lives while there is something to watch over. */
static void
pool_keep(gpointer data)
{
    ConnectionPool *self = data;
    gboolean goes_on = TRUE;

    self->keeper = fiber_get_current();
    while (goes_on && !g_queue_is_empty(&self->entries)) {
        PoolEntry *first = g_queue_peek_head(&self->entries);
        gint64 left = first->until_ms - clock_monotonic_ms();

        if (left <= 0)
            pool_end(self, pool_entry_steal(g_queue_pop_head(&self->entries)));
        else
            goes_on = pool_wait(left);
    }
    self->keeper = NULL;
    self->has_keeper = FALSE;
}

void
connection_pool_give(ConnectionPool *self, const gchar *key, SmtpClient *client)
{
    PoolEntry *entry;

    smtp_client_set_transcript(client, NULL);
    if (self->draining || self->idle_ms == 0 ||
        smtp_client_get_n_transactions(client) >= self->messages_max) {
        pool_end(self, client);
        return;
    }
    if (self->entries.length >= CONNECTION_POOL_MAX)
        pool_end(self, pool_entry_steal(g_queue_pop_head(&self->entries)));
    entry = g_new0(PoolEntry, 1);
    entry->key = g_strdup(key);
    entry->client = client;
    entry->until_ms = clock_monotonic_ms() + self->idle_ms;
    g_queue_push_tail(&self->entries, entry);
    if (!self->has_keeper)
        self->has_keeper = fiber_group_spawn(self->group, pool_keep, self, NULL);
    if (!self->has_keeper)
        smtp_client_free(pool_entry_steal(g_queue_pop_tail(&self->entries)));
}

void
connection_pool_drain(ConnectionPool *self)
{
    PoolEntry *entry;

    self->draining = TRUE;
    while ((entry = g_queue_pop_head(&self->entries)) != NULL)
        pool_end(self, pool_entry_steal(entry));
    if (self->keeper != NULL)
        fiber_wake(self->keeper);
}

guint
connection_pool_get_n_idle(const ConnectionPool *self)
{
    return self->entries.length;
}
