/* SPDX-License-Identifier: Apache-2.0 */
#include "control/live-trace.h"

#include "base/log.h"

enum {
    TRACE_BUFFER_MAX = 256 * 1024, /* lines that wait for a slow reader */
    TRACE_WRITE_TIMEOUT_MS = 30 * 1000,
    TRACE_LOOK_MS = 100, /* how often a process that drains is asked whether it has done */
};

typedef struct Trace Trace;
struct Trace {
    Trace *next;
    Scheduler *scheduler;
    Fiber *fiber;
    Stream *stream;
    TraceFilter filter;
    SchedulerPost post;
    gboolean closed;   /* by the reader's fiber */
    gboolean is_draining;
    gboolean (*is_over)(gpointer data);
    gpointer data;
    /* Under the lock. */
    GString *waiting;
    guint dropped;
    gboolean says_draining;
    gboolean is_posted;
};

/* The log has one tap for the process, and a thread may still be inside it when it is taken
 * away: so this is never freed. */
static struct {
    GMutex lock;
    Trace *first;
} trace_hub;

/* --- on the logging threads --- */

static void
trace_wake(gpointer data)
{
    Trace *self = data;

    g_mutex_lock(&trace_hub.lock);
    self->is_posted = FALSE;
    g_mutex_unlock(&trace_hub.lock);
    fiber_wake(self->fiber);
}

/* Under the lock. */
static void
trace_post(Trace *self)
{
    if (self->is_posted)
        return;
    self->is_posted = TRUE;
    self->post = (SchedulerPost){.func = trace_wake, .data = self};
    scheduler_post(self->scheduler, &self->post);
}

static void
trace_take_line(Trace *self, const gchar *line)
{
    gsize len = strlen(line);

    if (self->waiting->len + len > TRACE_BUFFER_MAX) {
        self->dropped++;
        return;
    }
    g_string_append_len(self->waiting, line, (gssize)len);
    trace_post(self);
}

static void
trace_tap(BaridLogLevel level G_GNUC_UNUSED, const gchar *line, gpointer data G_GNUC_UNUSED)
{
    g_mutex_lock(&trace_hub.lock);
    for (Trace *trace = trace_hub.first; trace != NULL; trace = trace->next)
        trace_take_line(trace, line);
    g_mutex_unlock(&trace_hub.lock);
}

/* --- joining and leaving --- */

void
trace_tell_draining(void)
{
    g_mutex_lock(&trace_hub.lock);
    for (Trace *trace = trace_hub.first; trace != NULL; trace = trace->next) {
        trace->says_draining = TRUE;
        trace_post(trace);
    }
    g_mutex_unlock(&trace_hub.lock);
}

static void
trace_join(Trace *self)
{
    g_mutex_lock(&trace_hub.lock);
    self->next = trace_hub.first;
    trace_hub.first = self;
    log_set_tap(trace_tap, NULL);
    g_mutex_unlock(&trace_hub.lock);
}

static gboolean
trace_is_posted(Trace *self)
{
    gboolean is_posted;

    g_mutex_lock(&trace_hub.lock);
    is_posted = self->is_posted;
    g_mutex_unlock(&trace_hub.lock);
    return is_posted;
}

/* A wake-up that is under way still points at the trace: it is waited for. */
static void
trace_leave(Trace *self)
{
    g_mutex_lock(&trace_hub.lock);
    for (Trace **link = &trace_hub.first; *link != NULL; link = &(*link)->next) {
        if (*link == self) {
            *link = self->next;
            break;
        }
    }
    if (trace_hub.first == NULL)
        log_set_tap(NULL, NULL);
    g_mutex_unlock(&trace_hub.lock);
    fiber_mask();
    while (trace_is_posted(self))
        fiber_park(NULL);
    fiber_unmask();
}

/* --- on the fiber --- */

static void
trace_write_record(const TraceRecord *record, GString *out)
{
    JsonWriter writer;

    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    json_writer_text(&writer, "time", record->time);
    json_writer_text(&writer, "level", record->level);
    json_writer_text(&writer, "event", record->event);
    json_writer_begin_object(&writer, "fields");
    for (guint i = 0; i + 1 < record->pairs->len; i += 2)
        json_writer_text(&writer, g_ptr_array_index(record->pairs, i),
                         g_ptr_array_index(record->pairs, i + 1));
    json_writer_end_object(&writer);
    json_writer_end_object(&writer);
    g_string_append_c(out, '\n');
}

static void
trace_write_lines(Trace *self, const gchar *lines, GString *out)
{
    while (*lines != '\0') {
        const gchar *end = strchr(lines, '\n');
        gsize len = end == NULL ? strlen(lines) : (gsize)(end - lines);
        g_auto(TraceRecord) record = {0};

        if (trace_record_parse(&record, barid_slice(lines, len)) &&
            trace_filter_picks(&self->filter, &record))
            trace_write_record(&record, out);
        lines += len + (end != NULL);
    }
}

/* Sends what has come so far. */
static gboolean
trace_send(Trace *self)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    gint64 before;
    gboolean is_sent, says_draining;
    guint dropped;

    g_mutex_lock(&trace_hub.lock);
    dropped = self->dropped;
    self->dropped = 0;
    says_draining = self->says_draining;
    self->says_draining = FALSE;
    g_string_append_len(lines, self->waiting->str, (gssize)self->waiting->len);
    g_string_truncate(self->waiting, 0);
    g_mutex_unlock(&trace_hub.lock);
    trace_write_lines(self, lines->str, out);
    if (dropped > 0)
        g_string_append_printf(out, "{\"dropped\":%u}\n", dropped);
    self->is_draining = self->is_draining || says_draining;
    if (says_draining)
        g_string_append(out, "{\"draining\":true}\n");
    if (out->len == 0)
        return TRUE;
    before = fiber_deadline_push(TRACE_WRITE_TIMEOUT_MS);
    is_sent = stream_put(self->stream, barid_slice(out->str, out->len), NULL) &&
              stream_flush(self->stream, NULL);
    fiber_deadline_restore(before);
    return is_sent;
}

/* Notices that the client has gone; what it says meanwhile is dropped. */
static void
trace_read(gpointer data)
{
    Trace *self = data;

    while (stream_fill(self->stream, NULL))
        stream_consume(self->stream, stream_get_input(self->stream).len);
    self->closed = TRUE;
    fiber_wake(self->fiber);
}

/* Waits for something to tell. */
static gboolean
trace_wait(Trace *self)
{
    g_autoptr(GError) error = NULL;
    gint64 before;

    if (!self->is_draining)
        return fiber_park(NULL);
    before = fiber_deadline_push(TRACE_LOOK_MS);
    fiber_park(&error);
    fiber_deadline_restore(before);
    return error == NULL ||
           (error->code == BARID_ERROR_TIMEOUT && !self->is_over(self->data));
}

static gboolean
trace_run(Trace *self, GError **error)
{
    FiberGroup readers;

    fiber_group_init(&readers, self->scheduler);
    if (!fiber_group_spawn(&readers, trace_read, self, error))
        return FALSE;
    trace_join(self);
    while (!self->closed && trace_wait(self) && trace_send(self))
        continue;
    trace_send(self);
    trace_leave(self);
    fiber_group_cancel(&readers);
    fiber_group_join(&readers);
    return TRUE;
}

gboolean
trace_serve(const ControlRequest *request, Stream *stream, gboolean (*is_over)(gpointer data),
            gpointer data, GError **error)
{
    Trace self = {.stream = stream, .scheduler = scheduler_get_current(),
                  .fiber = fiber_get_current(), .is_over = is_over, .data = data};
    gboolean is_done;

    trace_filter_init(&self.filter);
    self.waiting = g_string_new(NULL);
    is_done = request_check_n_args(request, 0, 0, error) &&
              request_get_text(request, "session", &self.filter.session, error) &&
              request_get_text(request, "sender", &self.filter.sender, error) &&
              request_get_text(request, "recipient", &self.filter.recipient, error) &&
              request_get_text(request, "id", &self.filter.id, error) &&
              trace_run(&self, error);
    g_string_free(self.waiting, TRUE);
    trace_filter_clear(&self.filter);
    return is_done;
}
