/* SPDX-License-Identifier: Apache-2.0 */
/* How the server is, in numbers; stopping it. */
#include "control/verbs.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "queue/queue-stats.h"

/* --- status --- */

static void
status_write_texts(JsonWriter *writer, const gchar *key, const gchar *const *texts)
{
    json_writer_begin_array(writer, key);
    for (; *texts != NULL; texts++)
        json_writer_text(writer, NULL, *texts);
    json_writer_end_array(writer);
}

static void
status_write_listeners(const Inbound *inbound, JsonWriter *writer)
{
    json_writer_begin_array(writer, "listeners");
    for (guint i = 0; i < inbound_get_n_listeners(inbound); i++) {
        const InboundListener *listener = inbound_get_listener((Inbound *)(guintptr)inbound, i);

        json_writer_begin_object(writer, NULL);
        json_writer_text(writer, "name", inbound_listener_get_name(listener));
        status_write_texts(writer, "addresses", inbound_listener_get_addresses(listener));
        status_write_texts(writer, "passed", inbound_listener_get_passed(listener));
        json_writer_end_object(writer);
    }
    json_writer_end_array(writer);
}

static void
status_write_inbound(const Generation *generation, JsonWriter *writer)
{
    InboundStats stats;

    inbound_get_stats(generation->inbound, &stats);
    json_writer_text(writer, "hostname", generation->server.hostname);
    json_writer_integer(writer, "sessions", stats.n_sessions);
    json_writer_integer(writer, "accepted", (gint64)stats.n_accepted);
    json_writer_integer(writer, "messages", (gint64)stats.n_messages);
    json_writer_integer(writer, "refused", (gint64)stats.n_refused);
    json_writer_integer(writer, "modules", host_get_n_modules(generation->host));
    status_write_listeners(generation->inbound, writer);
}

static void
status_write_queue(const QueueStats *stats, JsonWriter *writer)
{
    json_writer_bool(writer, "replaying", stats->replaying);
    json_writer_bool(writer, "main_spool", stats->has_main);
    json_writer_begin_object(writer, "queue");
    json_writer_integer(writer, "messages", stats->n_messages);
    json_writer_integer(writer, "held", stats->n_held);
    json_writer_integer(writer, "active", stats->n_active);
    json_writer_integer(writer, "bytes", (gint64)stats->bytes);
    json_writer_end_object(writer);
}

static void
status_write_spool(const QueueStats *stats, JsonWriter *writer)
{
    json_writer_begin_object(writer, "spool");
    json_writer_integer(writer, "segments", stats->spool.n_segments);
    json_writer_integer(writer, "spare_segments", stats->spool.n_spare);
    json_writer_integer(writer, "live_bytes", (gint64)stats->spool.live_bytes);
    json_writer_integer(writer, "total_bytes", (gint64)stats->spool.total_bytes);
    json_writer_integer(writer, "free_bytes", (gint64)stats->free_bytes);
    json_writer_integer(writer, "damaged_bytes", (gint64)stats->damaged_bytes);
    json_writer_integer(writer, "syncs", (gint64)stats->spool.n_syncs);
    json_writer_integer(writer, "changes", (gint64)stats->spool.n_changes);
    json_writer_end_object(writer);
}

/* A confined worker may not see /proc; the peak is always known. */
static void
status_write_memory(JsonWriter *writer)
{
    g_autofree gchar *statm = NULL;
    struct rusage usage = {0};
    gint64 pages = 0;

    if (g_file_get_contents("/proc/self/statm", &statm, NULL, NULL)) {
        const gchar *resident = strchr(statm, ' ');

        if (resident != NULL)
            pages = g_ascii_strtoll(resident, NULL, 10);
    }
    getrusage(RUSAGE_SELF, &usage);
    json_writer_begin_object(writer, "memory");
    if (pages > 0)
        json_writer_integer(writer, "rss", pages * sysconf(_SC_PAGESIZE));
    else
        json_writer_text(writer, "rss", NULL);
    json_writer_integer(writer, "peak_rss", (gint64)usage.ru_maxrss * 1024);
    json_writer_end_object(writer);
}

gboolean
verb_status(Control *self, const ControlRequest *request, JsonWriter *writer, GError **error)
{
    const ControlServices *services = control_get_services(self);
    QueueStats stats;

    if (!request_check_n_args(request, 0, 0, error))
        return FALSE;
    json_writer_text(writer, "version", PACKAGE_VERSION);
    json_writer_integer(writer, "generation", services->generation_number);
    json_writer_integer(writer, "pid", getpid());
    json_writer_time(writer, "started", services->started_ms);
    json_writer_integer(writer, "uptime_s", (clock_wall_ms() - services->started_ms) / 1000);
    if (services->generation != NULL)
        status_write_inbound(services->generation, writer);
    if (services->queue != NULL) {
        queue_get_stats(services->queue, &stats);
        status_write_queue(&stats, writer);
        status_write_spool(&stats, writer);
    }
    status_write_memory(writer);
    return TRUE;
}

gboolean
verb_spool(Control *self, const ControlRequest *request, JsonWriter *writer, GError **error)
{
    Queue *queue = verb_get_queue(self, error);
    QueueStats stats;

    if (queue == NULL || !request_check_n_args(request, 0, 0, error))
        return FALSE;
    queue_get_stats(queue, &stats);
    json_writer_bool(writer, "replaying", stats.replaying);
    status_write_spool(&stats, writer);
    return TRUE;
}

/* --- others --- */

gboolean
verb_stop(Control *self, const ControlRequest *request, JsonWriter *writer, GError **error)
{
    const ControlServices *services = control_get_services(self);

    if (!request_check_n_args(request, 0, 0, error))
        return FALSE;
    if (services->request_stop == NULL) {
        g_set_error_literal(error, CONTROL_ERROR, BARID_ERROR_UNSUPPORTED,
                            "this server cannot be stopped from here");
        return FALSE;
    }
    services->request_stop(services->request_data);
    json_writer_bool(writer, "stopping", TRUE);
    return TRUE;
}

gboolean
verb_reload(Control *self, const ControlRequest *request, JsonWriter *writer, GError **error)
{
    const ControlServices *services = control_get_services(self);
    guint number;

    if (!request_check_n_args(request, 0, 0, error))
        return FALSE;
    if (services->request_reload == NULL) {
        g_set_error_literal(error, CONTROL_ERROR, BARID_ERROR_UNSUPPORTED,
                            "this server cannot be reloaded from here");
        return FALSE;
    }
    if (!services->request_reload(services->request_data, &number, error))
        return FALSE;
    json_writer_bool(writer, "reloaded", TRUE);
    json_writer_integer(writer, "generation", number);
    return TRUE;
}

static gint
metrics_compare(gconstpointer a, gconstpointer b)
{
    const gchar *left = counter_get_name(*(const CounterId *)a);
    const gchar *right = counter_get_name(*(const CounterId *)b);

    return strcmp(left, right);
}

gboolean
verb_metrics(Control *self G_GNUC_UNUSED, const ControlRequest *request, JsonWriter *writer,
             GError **error)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(CounterId));

    if (!request_check_n_args(request, 0, 0, error))
        return FALSE;
    for (guint i = 0; i < counter_get_count(); i++) {
        CounterId id = (CounterId)i;

        g_array_append_val(ids, id);
    }
    g_array_sort(ids, metrics_compare);
    json_writer_begin_object(writer, "counters");
    for (guint i = 0; i < ids->len; i++) {
        CounterId id = g_array_index(ids, CounterId, i);

        json_writer_integer(writer, counter_get_name(id), (gint64)counter_get(id));
    }
    json_writer_end_object(writer);
    return TRUE;
}
