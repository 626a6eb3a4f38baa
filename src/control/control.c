/* SPDX-License-Identifier: Apache-2.0 */
#include "control/control.h"

#include <unistd.h>

#include "base/error-domain.h"
#include "base/text.h"
#include "control/live-trace.h"
#include "control/verbs.h"
#include "host/command.h"
#include "net/acceptor.h"

enum {
    CONTROL_CLIENTS_MAX = 64,
    CONTROL_IDLE_MS = 60 * 1000,   /* for a request to come */
    CONTROL_ANSWER_MS = 60 * 1000, /* for an answer to go */
    CONTROL_PAUSE_MS = 100,
};

struct Control {
    ControlServices services;
    Scheduler *scheduler;
    FiberGroup acceptors, clients;
    int listen_fd;
    gboolean draining;
    GPtrArray *present; /* of ControlClient */
};

typedef struct {
    Control *control;
    Stream *stream;
    gboolean is_answering; /* and may not be interrupted */
} ControlClient;

Control *
control_new(const ControlServices *services)
{
    Control *self = g_new0(Control, 1);

    self->services = *services;
    self->present = g_ptr_array_new();
    return self;
}

void
control_free(Control *self)
{
    if (self == NULL)
        return;
    g_ptr_array_free(self->present, TRUE);
    g_free(self);
}

const ControlServices *
control_get_services(const Control *self)
{
    return &self->services;
}

/* --- errors --- */

static const gchar *
control_name_code(const GError *error)
{
    if (error->domain == REQUEST_ERROR)
        return error->code == BARID_ERROR_NOT_FOUND ? "unknown-verb" : "usage";
    switch (error->code) {
    case BARID_ERROR_INVALID:
        return "invalid";
    case BARID_ERROR_NOT_FOUND:
        return "not-found";
    case BARID_ERROR_DENIED:
        return "denied";
    case BARID_ERROR_UNSUPPORTED:
        return "unsupported";
    case BARID_ERROR_TOO_LARGE:
        return "too-large";
    default:
        return barid_error_is_temporary(error) ? "unavailable" : "failed";
    }
}

static gchar *
control_format_error(const GError *error)
{
    g_autoptr(GString) out = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    json_writer_text(&writer, "error", error->message);
    json_writer_text(&writer, "code", control_name_code(error));
    json_writer_end_object(&writer);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* --- running --- */

static gchar *
control_run_verb(Control *self, const ControlRequest *request, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);
    JsonWriter writer;

    if (!request_check_options(request->verb, request->options, error))
        return NULL;
    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    if (!request->verb->handler(self, request, &writer, error))
        return NULL;
    json_writer_end_object(&writer);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* One object on one line, whatever the module wrote. */
static gchar *
control_normalise(const gchar *name, const gchar *output, GError **error)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autofree gchar *text = NULL;
    JsonNode *root;

    if (output == NULL || !json_parser_load_from_data(parser, output, -1, NULL) ||
        (root = json_parser_get_root(parser)) == NULL) {
        g_set_error(error, CONTROL_ERROR, BARID_ERROR_FAILED,
                    "the module's command \"%s\" did not answer with JSON", name);
        return NULL;
    }
    text = json_to_string(root, FALSE);
    if (JSON_NODE_HOLDS_OBJECT(root))
        return g_steal_pointer(&text);
    return g_strdup_printf("{\"result\":%s}", text);
}

static BaridStore *
control_find_store(const gchar *name, gpointer data)
{
    const Generation *generation = data;

    return generation->stores == NULL ? NULL : store_set_find(generation->stores, name);
}

/* The options as texts; a false one was not given. */
static gboolean
control_list_options(JsonObject *options, GArray *list, GError **error)
{
    g_autoptr(GList) names = json_object_get_members(options);

    for (GList *name = names; name != NULL; name = name->next) {
        JsonNode *node = json_object_get_member(options, name->data);
        GType type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_NONE;
        HostCommandOption option = {.name = name->data};

        if (type == G_TYPE_BOOLEAN && !json_node_get_boolean(node))
            continue;
        if (type == G_TYPE_STRING) {
            option.text = json_node_get_string(node);
        } else if (type != G_TYPE_BOOLEAN) {
            g_set_error(error, REQUEST_ERROR, BARID_ERROR_INVALID, "--%s needs a text",
                        option.name);
            return FALSE;
        }
        g_array_append_val(list, option);
    }
    return TRUE;
}

/* For people the text goes beside the answer, and is what they see. */
static gchar *
control_make_answer(const BaridCommand *command, const gchar *output, const gchar *text,
                    gboolean is_for_people, GError **error)
{
    g_autoptr(GString) out = NULL;
    JsonWriter writer;

    if (!is_for_people || text == NULL)
        return control_normalise(command->name, output, error);
    out = g_string_new(NULL);
    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    json_writer_text(&writer, "text", text);
    json_writer_end_object(&writer);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static gchar *
control_run_command(const HostModule *module, const BaridCommand *command,
                    const RequestText *text, guint n_words, Generation *generation,
                    GError **error)
{
    g_autoptr(GArray) options = g_array_new(FALSE, FALSE, sizeof(HostCommandOption));
    HostCommandRequest request = {
        .args = (const gchar *const *)text->words->pdata + n_words,
        .wants_json = !text->is_for_people,
        .find_store = control_find_store,
        .find_store_data = generation,
    };
    g_autofree gchar *output = NULL;
    g_autofree gchar *shown = NULL;
    g_autoptr(GError) reason = NULL;
    gboolean is_usage = FALSE;

    if (!control_list_options(text->options, options, error))
        return NULL;
    request.options = (const HostCommandOption *)(gconstpointer)options->data;
    request.n_options = options->len;
    output = host_run_command(module, command, &request, &shown, &is_usage, &reason);
    if (reason == NULL)
        return control_make_answer(command, output, shown, text->is_for_people, error);
    if (is_usage)
        g_set_error_literal(error, REQUEST_ERROR, BARID_ERROR_INVALID, reason->message);
    else
        g_propagate_error(error, g_steal_pointer(&reason));
    return NULL;
}

/* (out_request) borrows from (text). FALSE when the words are no verb of the core. */
static gboolean
control_make_request(const RequestText *text, ControlRequest *out_request)
{
    const gchar *const *words = (const gchar *const *)text->words->pdata;
    guint n_words;
    const ControlVerb *verb = control_find_verb(words, &n_words);

    *out_request = (ControlRequest){.verb = verb, .args = words + n_words,
                                    .options = text->options};
    return verb != NULL;
}

static void
control_fail_unknown(const RequestText *text, GError **error)
{
    g_autofree gchar *message =
        control_describe_unknown((const gchar *const *)text->words->pdata);

    g_set_error_literal(error, REQUEST_ERROR, BARID_ERROR_NOT_FOUND, message);
}

static gchar *
control_run_text(Control *self, const RequestText *text, GError **error)
{
    const gchar *const *words = (const gchar *const *)text->words->pdata;
    Generation *generation = self->services.generation;
    const BaridCommand *command = NULL;
    HostModule *module = NULL;
    ControlRequest request;
    guint n_words = 0;

    if (control_make_request(text, &request))
        return control_run_verb(self, &request, error);
    if (generation != NULL)
        command = host_find_command(generation->host, words, &n_words, &module);
    if (command != NULL)
        return control_run_command(module, command, text, n_words, generation, error);
    control_fail_unknown(text, error);
    return NULL;
}

/* (text) is NULL when it could not be parsed, for the reason (error). */
static gchar *
control_answer(Control *self, const RequestText *text, GError *error)
{
    g_autoptr(GError) failure = NULL;
    gchar *answer;

    if (text == NULL)
        return control_format_error(error);
    answer = control_run_text(self, text, &failure);
    return answer != NULL ? answer : control_format_error(failure);
}

gchar *
control_run(Control *self, const gchar *request_json)
{
    g_auto(RequestText) text = {0};
    g_autoptr(GError) error = NULL;
    gboolean is_parsed =
        request_text_parse(&text, barid_slice_from_text(request_json), &error);

    return control_answer(self, is_parsed ? &text : NULL, error);
}

/* In the table so that it is known; it needs the connection, so it is not run from there. */
gboolean
verb_trace(Control *self G_GNUC_UNUSED, const ControlRequest *request G_GNUC_UNUSED,
           JsonWriter *writer G_GNUC_UNUSED, GError **error)
{
    g_set_error_literal(error, CONTROL_ERROR, BARID_ERROR_UNSUPPORTED,
                        "a trace needs a connection of its own");
    return FALSE;
}

/* --- one connection --- */

static gboolean
client_send(ControlClient *self, const gchar *answer)
{
    gint64 before = fiber_deadline_push(CONTROL_ANSWER_MS);
    gboolean is_sent = stream_put(self->stream, barid_slice_from_text(answer), NULL) &&
                       stream_put(self->stream, barid_slice("\n", 1), NULL) &&
                       stream_flush(self->stream, NULL);

    fiber_deadline_restore(before);
    return is_sent;
}

/* Of a process that drains: all sessions and deliveries have ended. */
static gboolean
control_is_over(gpointer data)
{
    const Control *self = data;
    InboundStats stats = {.n_sessions = 0};

    if (self->services.generation != NULL)
        inbound_get_stats(self->services.generation->inbound, &stats);
    return stats.n_sessions == 0 && (self->services.outbound == NULL ||
                                     outbound_get_n_active(self->services.outbound) == 0);
}

static void
client_trace(ControlClient *self, const ControlRequest *request)
{
    g_autoptr(GError) error = NULL;
    g_autofree gchar *answer = NULL;

    if (request_check_options(request->verb, request->options, &error) &&
        trace_serve(request, self->stream, control_is_over, self->control, &error))
        return;
    answer = control_format_error(error);
    client_send(self, answer);
}

/* Requests may be longer than a stream's block. TRUE when (line) is complete. */
static gboolean
client_read_line(ControlClient *self, Buffer *line)
{
    for (;;) {
        BaridSlice input = stream_get_input(self->stream);
        gssize end = text_find(input, '\n');
        gsize len = end < 0 ? input.len : (gsize)end;

        if (!buffer_append(line, input.data, len))
            return FALSE;
        stream_consume(self->stream, end < 0 ? len : len + 1);
        if (end >= 0)
            return TRUE;
        if (!stream_fill(self->stream, NULL))
            return FALSE;
    }
}

/* What older workers still hold belongs to the answer. */
static gchar *
client_merge(ControlClient *self, const ControlVerb *verb, BaridSlice line, gchar *answer_taken)
{
    const ControlServices *services = &self->control->services;
    g_autofree gchar *own = answer_taken;
    g_autofree gchar *request = NULL;
    g_autoptr(GPtrArray) others = NULL;

    if (verb->merge == MERGE_NOTHING || services->ask_draining == NULL)
        return g_steal_pointer(&own);
    request = barid_slice_dup_text(line, NULL);
    if (request != NULL)
        others = services->ask_draining(services->request_data, request);
    if (others == NULL || others->len == 0)
        return g_steal_pointer(&own);
    return merge_answers(verb->merge, own, others);
}

/* FALSE ends the connection; a trace always does. */
static gboolean
client_answer(ControlClient *self, BaridSlice line)
{
    g_auto(RequestText) text = {0};
    g_autoptr(GError) error = NULL;
    g_autofree gchar *answer = NULL;
    ControlRequest request;
    gboolean is_parsed = request_text_parse(&text, line, &error);
    gboolean is_ours = is_parsed && control_make_request(&text, &request);
    gboolean is_sent;

    self->is_answering = TRUE;
    if (is_ours && request.verb->handler == verb_trace) {
        client_trace(self, &request);
        return FALSE;
    }
    answer = control_answer(self->control, is_parsed ? &text : NULL, error);
    if (is_ours)
        answer = client_merge(self, request.verb, line, answer);
    is_sent = client_send(self, answer);
    self->is_answering = FALSE;
    return is_sent && !self->control->draining;
}

static void
client_serve(ControlClient *self)
{
    gboolean goes_on = TRUE;

    while (goes_on) {
        gint64 before = fiber_deadline_push(CONTROL_IDLE_MS);
        g_auto(Buffer) line = {0};

        buffer_init(&line, CONTROL_REQUEST_MAX);
        goes_on = client_read_line(self, &line);
        fiber_deadline_restore(before);
        if (goes_on)
            goes_on = client_answer(self, buffer_get_slice(&line));
        else if (line.len > 0)
            client_send(self, "{\"error\":\"the request is too long, or has no line end\","
                              "\"code\":\"usage\"}");
    }
}

static void
client_run(gpointer data)
{
    ControlClient *self = data;

    g_ptr_array_add(self->control->present, self);
    if (!self->control->draining)
        client_serve(self);
    g_ptr_array_remove_fast(self->control->present, self);
    stream_end(self->stream);
    stream_free(self->stream);
    g_free(self);
}

/* --- accepting --- */

/* Root may, and who runs the server. */
static gboolean
control_is_allowed(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static void
control_take(Control *self, int fd)
{
    ControlClient *client;
    Stream *stream;

    if (!control_is_allowed(fd)) {
        acceptor_turn_away(fd, "{\"error\":\"only root and the server's user may do this\","
                              "\"code\":\"denied\"}\n");
        return;
    }
    if (self->clients.n_members >= CONTROL_CLIENTS_MAX) {
        acceptor_turn_away(fd, "{\"error\":\"too many control connections; try again\","
                              "\"code\":\"unavailable\"}\n");
        return;
    }
    stream = stream_new(self->scheduler, fd, NULL);
    if (stream == NULL)
        return;
    client = g_new0(ControlClient, 1);
    *client = (ControlClient){.control = self, .stream = stream};
    if (fiber_group_spawn(&self->clients, client_run, client, NULL))
        return;
    stream_free(stream);
    g_free(client);
}

/* FALSE when descriptors are used up. */
static gboolean
control_accept(Control *self)
{
    AcceptorResult result;
    int fd;

    while ((result = acceptor_next(self->listen_fd, &fd, NULL, NULL)) == ACCEPTOR_TAKEN)
        control_take(self, fd);
    return result == ACCEPTOR_NONE;
}

static void
control_serve(gpointer data)
{
    Control *self = data;
    g_autoptr(GError) error = NULL;
    FiberWatch watch;

    if (!fiber_watch_init_listener(&watch, self->scheduler, self->listen_fd, &error)) {
        barid_log(BARID_LOG_ERROR, "control.failed", "error", error->message, NULL);
        return;
    }
    while (fiber_watch_wait_readable(&watch, NULL)) {
        if (!control_accept(self) && !barid_sleep(CONTROL_PAUSE_MS, NULL))
            break;
    }
    fiber_watch_clear(&watch);
}

gboolean
control_listen(Control *self, Scheduler *scheduler, int fd, GError **error)
{
    self->scheduler = scheduler;
    self->listen_fd = fd;
    fiber_group_init(&self->acceptors, scheduler);
    fiber_group_init(&self->clients, scheduler);
    return fiber_group_spawn(&self->acceptors, control_serve, self, error);
}

gboolean
control_is_draining(const Control *self)
{
    return self->draining;
}

void
control_drain(Control *self)
{
    if (self->scheduler == NULL)
        return;
    self->draining = TRUE;
    fiber_group_cancel(&self->acceptors);
    trace_tell_draining();
    for (guint i = 0; i < self->present->len; i++) {
        const ControlClient *client = g_ptr_array_index(self->present, i);

        if (!client->is_answering)
            stream_interrupt(client->stream);
    }
}

void
control_cancel(Control *self)
{
    if (self->scheduler != NULL)
        fiber_group_cancel(&self->clients);
}
