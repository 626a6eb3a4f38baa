/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into the queue and acting on it. */
#include "control/verbs.h"

#include "queue/queue-destinations.h"

enum { QUEUE_LIST_LIMIT = 10000, DESTINATION_NAME_MAX = 255 };

static const gchar *const queue_statuses[] = {"queued", "held", "active", NULL};

/* --- filters --- */

static gboolean
filter_check_status(const QueueFilter *filter, GError **error)
{
    if (filter->status == NULL || g_strv_contains(queue_statuses, filter->status))
        return TRUE;
    g_set_error(error, REQUEST_ERROR, BARID_ERROR_INVALID,
                "--status is queued, held or active, not \"%s\"", filter->status);
    return FALSE;
}

static gboolean
filter_parse(const ControlRequest *request, QueueFilter *out_filter, GError **error)
{
    *out_filter = (QueueFilter){0};
    return request_get_text(request, "sender", &out_filter->sender, error) &&
           request_get_text(request, "recipient", &out_filter->recipient, error) &&
           request_get_text(request, "domain", &out_filter->domain, error) &&
           request_get_text(request, "status", &out_filter->status, error) &&
           filter_check_status(out_filter, error) &&
           request_get_time(request, "before", &out_filter->before_ms, error) &&
           request_get_time(request, "after", &out_filter->after_ms, error);
}

static gboolean
filter_is_empty(const QueueFilter *filter)
{
    return filter->sender == NULL && filter->recipient == NULL && filter->domain == NULL &&
           filter->status == NULL && filter->before_ms == 0 && filter->after_ms == 0;
}

static gboolean
filter_set_id(QueueFilter *filter, const gchar *text, GError **error)
{
    /* A filter takes id 0 for any message. */
    if (queue_id_parse(barid_slice_from_text(text), &filter->id) && filter->id != 0)
        return TRUE;
    g_set_error(error, CONTROL_ERROR, BARID_ERROR_INVALID,
                "\"%s\" is no queue id: those have %d letters and digits", text,
                QUEUE_ID_TEXT_LEN);
    return FALSE;
}

static gboolean
filter_check_ids(const ControlRequest *request, GError **error)
{
    QueueFilter filter;

    for (const gchar *const *id = request->args; *id != NULL; id++) {
        if (!filter_set_id(&filter, *id, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
queue_fail_missing(const gchar *id, GError **error)
{
    g_set_error(error, CONTROL_ERROR, BARID_ERROR_NOT_FOUND,
                "message %s is not in the queue; \"baridctl explain %s\" says what became of it",
                id, id);
    return FALSE;
}

/* --- looking --- */

typedef void (*QueueWrite)(Queue *self, const QueueFilter *filter, JsonWriter *writer);

/* The objects of the "messages" array that (write) makes, without the brackets. */
static gchar *
queue_dup_messages(Queue *queue, const QueueFilter *filter, QueueWrite write)
{
    static const gchar head[] = "\"messages\":[";
    g_autoptr(GString) text = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, text);
    write(queue, filter, &writer);
    g_string_erase(text, 0, (gssize)strlen(head));
    g_string_truncate(text, text->len - 1);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static gboolean
queue_write_by_id(Queue *queue, const ControlRequest *request, QueueFilter *filter,
                  QueueWrite write, JsonWriter *writer, GError **error)
{
    json_writer_begin_array(writer, "messages");
    for (const gchar *const *id = request->args; *id != NULL; id++) {
        g_autofree gchar *objects = NULL;

        if (!filter_set_id(filter, *id, error))
            return FALSE;
        objects = queue_dup_messages(queue, filter, write);
        if (*objects == '\0' && write == queue_write_details)
            return queue_fail_missing(*id, error);
        if (*objects != '\0')
            json_writer_raw(writer, NULL, objects);
    }
    json_writer_end_array(writer);
    return TRUE;
}

gboolean
verb_queue_list(Control *self, const ControlRequest *request, JsonWriter *writer, GError **error)
{
    Queue *queue = verb_get_queue(self, error);
    QueueFilter filter;

    if (queue == NULL || !filter_parse(request, &filter, error) ||
        !request_get_count(request, "limit", QUEUE_LIST_LIMIT, &filter.limit, error) ||
        !filter_check_ids(request, error))
        return FALSE;
    if (request_get_n_args(request) > 0)
        return queue_write_by_id(queue, request, &filter, queue_write_list, writer, error);
    queue_write_list(queue, &filter, writer);
    return TRUE;
}

gboolean
verb_queue_show(Control *self, const ControlRequest *request, JsonWriter *writer, GError **error)
{
    Queue *queue = verb_get_queue(self, error);
    QueueFilter filter = {0};

    return queue != NULL && request_check_n_args(request, 1, REQUEST_ARGS_MAX, error) &&
           queue_write_by_id(queue, request, &filter, queue_write_details, writer, error);
}

gboolean
verb_queue_count(Control *self, const ControlRequest *request, JsonWriter *writer, GError **error)
{
    Queue *queue = verb_get_queue(self, error);
    QueueFilter filter;

    if (queue == NULL || !filter_parse(request, &filter, error) ||
        !request_check_n_args(request, 0, 0, error))
        return FALSE;
    json_writer_integer(writer, "count", queue_count(queue, &filter));
    return TRUE;
}

/* --- the message itself --- */

typedef struct {
    SpoolContent *content;
    GString *encoded;
} CatWork;

static void
cat_encode(gpointer data)
{
    CatWork *work = data;
    BaridSlice parts[] = {spool_content_get_prefix(work->content),
                          spool_content_get_body(work->content)};
    gsize most = ((parts[0].len + parts[1].len) / 3 + 2) * 4 + 8;
    gint state = 0, save = 0;
    gsize len = 0;

    work->encoded = g_string_sized_new(most);
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
        len += g_base64_encode_step(parts[i].data, parts[i].len, FALSE, work->encoded->str + len,
                                    &state, &save);
    len += g_base64_encode_close(FALSE, work->encoded->str + len, &state, &save);
    g_string_set_size(work->encoded, len);
}

/* A message may hold any bytes, and JSON texts may not. */
gboolean
verb_queue_cat(Control *self, const ControlRequest *request, JsonWriter *writer, GError **error)
{
    Queue *queue = verb_get_queue(self, error);
    g_autoptr(SpoolContent) content = NULL;
    QueueFilter filter = {0};
    CatWork work = {0};
    gboolean is_done;

    if (queue == NULL || !request_check_n_args(request, 1, 1, error) ||
        !filter_set_id(&filter, request->args[0], error))
        return FALSE;
    content = queue_open_content(queue, filter.id, error);
    if (content == NULL)
        return FALSE;
    work.content = content;
    is_done = barid_offload(cat_encode, &work, error);
    if (is_done) {
        json_writer_text(writer, "id", request->args[0]);
        json_writer_integer(writer, "size",
                            (gint64)(spool_content_get_prefix(content).len +
                                     spool_content_get_body(content).len));
        json_writer_text(writer, "base64", work.encoded->str);
    }
    if (work.encoded != NULL)
        g_string_free(work.encoded, TRUE);
    return is_done;
}

/* --- acting --- */

/* What is done to messages: an action, or another route. */
typedef struct {
    QueueAction action;
    const gchar *route; /* NULL: the action */
} QueueDeed;

static guint
queue_do(Queue *queue, const QueueDeed *deed, const QueueFilter *filter)
{
    return deed->route != NULL ? queue_reroute(queue, filter, deed->route)
                               : queue_act(queue, deed->action, filter);
}

static gboolean
queue_act_by_id(Queue *queue, const QueueDeed *deed, const ControlRequest *request,
                QueueFilter *filter, guint *out_count, GError **error)
{
    guint count = 0;

    for (const gchar *const *id = request->args; *id != NULL; id++) {
        if (!filter_set_id(filter, *id, error))
            return FALSE;
        count += queue_do(queue, deed, filter);
    }
    if (count == 0)
        return queue_fail_missing(request->args[0], error);
    *out_count = count;
    return TRUE;
}

static gboolean
queue_act_on_request(Control *self, const QueueDeed *deed, const ControlRequest *request,
                     JsonWriter *writer, GError **error)
{
    Queue *queue = verb_get_queue(self, error);
    QueueFilter filter;
    guint count;

    /* All ids are looked at before the first message is touched. */
    if (queue == NULL || !filter_parse(request, &filter, error) ||
        !filter_check_ids(request, error))
        return FALSE;
    if (request_get_n_args(request) > 0) {
        if (!queue_act_by_id(queue, deed, request, &filter, &count, error))
            return FALSE;
    } else if (filter_is_empty(&filter) && !request_has(request, "all")) {
        g_set_error(error, REQUEST_ERROR, BARID_ERROR_INVALID,
                    "name messages, a filter, or --all; usage: %s", request->verb->usage);
        return FALSE;
    } else {
        count = queue_do(queue, deed, &filter);
    }
    json_writer_integer(writer, "count", count);
    return TRUE;
}

gboolean
verb_queue_retry(Control *self, const ControlRequest *request, JsonWriter *writer, GError **error)
{
    return queue_act_on_request(self, &(QueueDeed){.action = QUEUE_RETRY}, request, writer, error);
}

gboolean
verb_queue_hold(Control *self, const ControlRequest *request, JsonWriter *writer, GError **error)
{
    return queue_act_on_request(self, &(QueueDeed){.action = QUEUE_HOLD}, request, writer, error);
}

gboolean
verb_queue_release(Control *self, const ControlRequest *request, JsonWriter *writer,
                   GError **error)
{
    return queue_act_on_request(self, &(QueueDeed){.action = QUEUE_RELEASE}, request, writer,
                                error);
}

gboolean
verb_queue_cancel(Control *self, const ControlRequest *request, JsonWriter *writer,
                  GError **error)
{
    return queue_act_on_request(self, &(QueueDeed){.action = QUEUE_CANCEL}, request, writer, error);
}

gboolean
verb_queue_reroute(Control *self, const ControlRequest *request, JsonWriter *writer,
                   GError **error)
{
    const ControlServices *services = control_get_services(self);
    QueueDeed deed = {.route = NULL};

    if (!request_get_text(request, "to", &deed.route, error))
        return FALSE;
    if (deed.route == NULL || services->outbound == NULL ||
        !outbound_is_route(services->outbound, deed.route)) {
        g_set_error(error, REQUEST_ERROR, BARID_ERROR_INVALID,
                    "--to names mx, a [host NAME] or a transport; usage: %s",
                    request->verb->usage);
        return FALSE;
    }
    return queue_act_on_request(self, &deed, request, writer, error);
}

/* --- destinations --- */

gboolean
verb_queue_destinations(Control *self, const ControlRequest *request, JsonWriter *writer,
                        GError **error)
{
    Queue *queue = verb_get_queue(self, error);

    if (queue == NULL || !request_check_n_args(request, 0, 0, error))
        return FALSE;
    queue_write_destinations(queue, writer);
    return TRUE;
}

static gboolean
destination_is_name(const gchar *text)
{
    gsize len = strlen(text);

    for (gsize i = 0; i < len; i++) {
        if (g_ascii_iscntrl(text[i]))
            return FALSE;
    }
    return len > 0 && len <= DESTINATION_NAME_MAX;
}

static gboolean
destination_change(Control *self, const ControlRequest *request,
                   gboolean (*change)(Queue *queue, const gchar *destination,
                                      gboolean *out_changed, GError **error),
                   JsonWriter *writer, GError **error)
{
    Queue *queue = verb_get_queue(self, error);
    g_autofree gchar *key = NULL;
    gboolean changed;

    if (queue == NULL || !request_check_n_args(request, 1, 1, error))
        return FALSE;
    key = g_ascii_strdown(request->args[0], -1);
    if (!destination_is_name(key)) {
        g_set_error(error, REQUEST_ERROR, BARID_ERROR_INVALID,
                    "that is no domain and no host; usage: %s", request->verb->usage);
        return FALSE;
    }
    if (!change(queue, key, &changed, error))
        return FALSE;
    json_writer_text(writer, "destination", key);
    json_writer_bool(writer, "changed", changed);
    return TRUE;
}

gboolean
verb_suspend(Control *self, const ControlRequest *request, JsonWriter *writer, GError **error)
{
    return destination_change(self, request, queue_suspend_destination, writer, error);
}

gboolean
verb_resume(Control *self, const ControlRequest *request, JsonWriter *writer, GError **error)
{
    return destination_change(self, request, queue_resume_destination, writer, error);
}
