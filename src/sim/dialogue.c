/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/dialogue.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error-domain.h"
#include "base/text.h"
#include "base/units.h"
#include "control/generation.h"
#include "net/line-reader.h"
#include "queue/queue-destinations.h"
#include "queue/queue-scan.h"
#include "queue/queue-stats.h"
#include "sim/folder.h"
#include "sim/judge.h"
#include "sim/sim-disk.h"
#include "sim/virtual-clock.h"
#include "sim/zone-resolver.h"

ERROR_DOMAIN_DEFINE(dialogue_error_quark, "barid-dialogue-error")

enum { DIALOGUE_LINE_MAX = 8192, DIALOGUE_PATIENCE_MS = 3600000, DIALOGUE_TURNS_MAX = 100000 };

typedef struct {
    guint number;
    gchar *word;
    gchar *text;
} DialogueStep;

typedef struct {
    const gchar *path;
    GPtrArray *steps; /* of DialogueStep * */
    GString *config, *dns;
    /* At run time. */
    gchar *folder;
    SimDisk *disk;
    DnsResolver *resolver;
    Generation *generation;
    Queue *queue;
    QueueOptions queue_options;
    gchar *spool, *history; /* folders */
    Outbound *outbound;
    Scheduler *scheduler;
    InboundThread *inbound;
    FiberGroup group;
    Address client;
    InboundListener *listener;
    Stream *stream;
    LineReader reader;
    const DialogueStep *at;
    GError *error;
} Dialogue;

/* --- reading a script --- */

static void
dialogue_step_free(gpointer data)
{
    DialogueStep *step = data;

    g_free(step->word);
    g_free(step->text);
    g_free(step);
}

static void
dialogue_add_step(Dialogue *self, guint number, const gchar *line)
{
    const gchar *colon = strchr(line, ':');
    gsize word_len = colon == NULL ? strlen(line) : (gsize)(colon - line);
    DialogueStep *step = g_new0(DialogueStep, 1);

    step->number = number;
    step->word = g_strstrip(g_strndup(line, word_len));
    if (colon != NULL && colon[1] == ' ')
        colon++;
    step->text = g_strdup(colon == NULL ? "" : colon + 1);
    g_ptr_array_add(self->steps, step);
}

static gboolean
dialogue_read(Dialogue *self, GError **error)
{
    g_autofree gchar *text = NULL;
    g_auto(GStrv) lines = NULL;
    GString *block = NULL; /* that indented lines are added to */

    if (!g_file_get_contents(self->path, &text, NULL, error))
        return FALSE;
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        const gchar *line = lines[i];

        if (block != NULL && (line[0] == ' ' || line[0] == '\0')) {
            g_string_append_printf(block, "%s\n", strlen(line) > 4 ? line + 4 : "");
            continue;
        }
        block = strcmp(line, "config:") == 0 ? self->config
                : strcmp(line, "dns:") == 0  ? self->dns
                                             : NULL;
        if (block == NULL && line[0] != '\0' && line[0] != '#')
            dialogue_add_step(self, i + 1, line);
    }
    return TRUE;
}

static GString *
dialogue_unescape(const gchar *text)
{
    GString *out = g_string_new(NULL);

    for (; *text != '\0'; text++) {
        if (*text != '\\') {
            g_string_append_c(out, *text);
            continue;
        }
        switch (*++text) {
        case 'r':
            g_string_append_c(out, '\r');
            break;
        case 'n':
            g_string_append_c(out, '\n');
            break;
        case 't':
            g_string_append_c(out, '\t');
            break;
        case '0':
            g_string_append_c(out, '\0');
            break;
        case 'x':
            g_string_append_c(out, (gchar)(g_ascii_xdigit_value(text[1]) * 16 +
                                           g_ascii_xdigit_value(text[2])));
            text += 2;
            break;
        default:
            g_string_append_c(out, *text);
            break;
        }
        if (*text == '\0')
            break;
    }
    return out;
}

/* --- failing --- */

static gboolean G_GNUC_PRINTF(2, 3)
dialogue_fail(Dialogue *self, const gchar *format, ...)
{
    g_autofree gchar *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    if (self->error == NULL)
        g_set_error(&self->error, DIALOGUE_ERROR, BARID_ERROR_FAILED, "%s:%u: %s", self->path,
                    self->at->number, what);
    return FALSE;
}

/* --- talking --- */

static gboolean
dialogue_send(Dialogue *self, BaridSlice bytes)
{
    g_autoptr(GError) error = NULL;

    if (self->stream == NULL)
        return dialogue_fail(self, "there is no connection");
    return (stream_put(self->stream, bytes, &error) && stream_flush(self->stream, &error)) ||
           dialogue_fail(self, "cannot send: %s", error->message);
}

static gboolean
dialogue_read_line(Dialogue *self, BaridSlice *out_line)
{
    gint64 deadline = fiber_deadline_push(DIALOGUE_PATIENCE_MS);
    g_autoptr(GError) error = NULL;
    LineResult result;

    if (self->stream == NULL)
        return dialogue_fail(self, "there is no connection");
    result = line_reader_next(&self->reader, DIALOGUE_LINE_MAX, out_line, &error);
    fiber_deadline_restore(deadline);
    if (result == LINE_OK)
        return TRUE;
    return dialogue_fail(self, "no reply: %s", error == NULL ? "line too long" : error->message);
}

static gboolean
dialogue_expect(Dialogue *self, const gchar *pattern)
{
    BaridSlice line;
    g_autofree gchar *came = NULL;
    g_autofree gchar *open_end = g_strconcat(pattern, "*", NULL);

    if (!dialogue_read_line(self, &line))
        return FALSE;
    came = text_escape(line, 600);
    return g_pattern_match_simple(open_end, came) ||
           dialogue_fail(self, "expected \"%s\", got \"%s\"", pattern, came);
}

static gboolean
dialogue_expect_all(Dialogue *self, const gchar *code)
{
    BaridSlice line;

    do {
        if (!dialogue_read_line(self, &line))
            return FALSE;
    } while (line.len > 3 && line.data[3] == '-');
    if (line.len >= 3 && memcmp(line.data, code, 3) == 0)
        return TRUE;
    g_autofree gchar *came = text_escape(line, 600);

    return dialogue_fail(self, "expected %s, got \"%s\"", code, came);
}

/* --- steps --- */

typedef struct {
    Dialogue *dialogue;
    Stream *stream;
} ServerEnd;

static void
dialogue_serve(gpointer data)
{
    ServerEnd end = *(ServerEnd *)data;
    Address local = {.bytes = {127, 0, 0, 1}, .port = 2525};

    g_free(data);
    inbound_serve(end.dialogue->inbound, end.dialogue->listener, end.stream,
                  &end.dialogue->client, &local);
}

static gboolean
step_connect(Dialogue *self, const gchar *text G_GNUC_UNUSED)
{
    ServerEnd *end = g_new0(ServerEnd, 1);
    int fds[2];

    stream_free(self->stream);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        abort();
    self->stream = stream_new(self->scheduler, fds[0], NULL);
    line_reader_init(&self->reader, self->stream);
    end->dialogue = self;
    end->stream = stream_new(self->scheduler, fds[1], NULL);
    return fiber_group_spawn(&self->group, dialogue_serve, end, &self->error);
}

static gboolean
step_client(Dialogue *self, const gchar *text)
{
    return address_parse(barid_slice_from_text(text), &self->client) ||
           dialogue_fail(self, "no address: %s", text);
}

static gboolean
step_listener(Dialogue *self, const gchar *text)
{
    self->listener = inbound_find_listener(self->generation->inbound, text);
    return self->listener != NULL || dialogue_fail(self, "no listener: %s", text);
}

static gboolean
step_say(Dialogue *self, const gchar *text)
{
    g_autofree gchar *line = g_strconcat(text, "\r\n", NULL);

    return dialogue_send(self, barid_slice_from_text(line));
}

static gboolean
step_say_raw(Dialogue *self, const gchar *text)
{
    g_autoptr(GString) bytes = dialogue_unescape(text);

    return dialogue_send(self, barid_slice(bytes->str, bytes->len));
}

static gboolean
step_say_often(Dialogue *self, const gchar *text)
{
    gchar *rest;
    guint64 times = g_ascii_strtoull(text, &rest, 10);
    gboolean ok = TRUE;

    while (*rest == ' ')
        rest++;
    for (guint64 i = 1; ok && i <= times; i++) {
        g_autofree gchar *number = g_strdup_printf("%" G_GUINT64_FORMAT, i);
        g_auto(GStrv) parts = g_strsplit(rest, "%d", -1);
        g_autofree gchar *line = g_strjoinv(number, parts);

        ok = step_say(self, line);
    }
    return ok;
}

static gboolean
step_expect_often(Dialogue *self, const gchar *text)
{
    gchar *rest;
    guint64 times = g_ascii_strtoull(text, &rest, 10);
    gboolean ok = TRUE;

    while (*rest == ' ')
        rest++;
    while (ok && times-- > 0)
        ok = dialogue_expect(self, rest);
    return ok;
}

static gboolean
step_tls(Dialogue *self, const gchar *text G_GNUC_UNUSED)
{
    const TlsClientOptions options = {.server_name = "localhost"};
    g_autoptr(GError) error = NULL;

    line_reader_release(&self->reader);
    return stream_start_tls_client(self->stream, &options, &error) ||
           dialogue_fail(self, "TLS: %s", error->message);
}

static gboolean
step_wait(Dialogue *self, const gchar *text)
{
    gint64 ms;

    if (units_parse_duration(barid_slice_from_text(text), &ms) != UNITS_OK)
        return dialogue_fail(self, "no duration: %s", text);
    return barid_sleep(ms, &self->error);
}

static gboolean
step_disk(Dialogue *self, const gchar *text)
{
    SimDiskFault fault;

    if (!sim_disk_parse_fault(text, &fault))
        return dialogue_fail(self, "a disk does not do that: %s", text);
    sim_disk_set_fault(self->disk, fault);
    return TRUE;
}

static gboolean
step_directory(Dialogue *self, const gchar *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", 2);
    const gchar *name = words[0] != NULL && words[1] != NULL ? words[1] : "inline";
    gboolean failing = g_strcmp0(words[0], "fails") == 0;

    if (!failing && g_strcmp0(words[0], "works") != 0)
        return dialogue_fail(self, "a directory fails or works, not: %s", text);
    return directories_set_failing(self->generation->directories, name, failing) ||
           dialogue_fail(self, "there is no directory %s", name);
}

static gboolean dialogue_open_queue(Dialogue *self, GError **error);

static gboolean
step_restart(Dialogue *self, const gchar *text G_GNUC_UNUSED)
{
    OutboundServices services = {.queue = NULL};

    if (self->outbound != NULL)
        return dialogue_fail(self, "a script restarts once");
    queue_stop(self->queue);
    queue_free(g_steal_pointer(&self->queue));
    if (!dialogue_open_queue(self, &self->error))
        return FALSE;
    generation_fill_outbound(self->generation, &services);
    services.queue = self->queue;
    self->outbound = outbound_new(&services, &self->error);
    if (self->outbound == NULL)
        return FALSE;
    outbound_add_thread(self->outbound, self->scheduler);
    generation_tell_own(self->generation, self->outbound);
    queue_set_describe(self->queue, outbound_describe, self->outbound);
    queue_start(self->queue, outbound_dispatch, self->outbound);
    return TRUE;
}

/* Each question is answered by the queue's thread between two turns of its own: no sleep. */
static gboolean
step_delivered(Dialogue *self, const gchar *text G_GNUC_UNUSED)
{
    QueueStats stats = {.replaying = TRUE};

    for (guint i = 0; i < DIALOGUE_TURNS_MAX; i++) {
        queue_get_stats(self->queue, &stats);
        if (!stats.replaying && stats.n_messages == 0)
            return TRUE;
        fiber_yield();
    }
    return dialogue_fail(self, "%u messages are still in the queue", stats.n_messages);
}

static gboolean
step_closed(Dialogue *self, const gchar *text G_GNUC_UNUSED)
{
    gint64 deadline = fiber_deadline_push(DIALOGUE_PATIENCE_MS);
    BaridSlice line;
    LineResult result = line_reader_next(&self->reader, DIALOGUE_LINE_MAX, &line, NULL);

    fiber_deadline_restore(deadline);
    return result == LINE_FAILED ||
           dialogue_fail(self, "the server has not closed, it said \"%.*s\"", (int)line.len,
                         (const gchar *)line.data);
}

static gboolean
step_close(Dialogue *self, const gchar *text G_GNUC_UNUSED)
{
    stream_free(self->stream);
    self->stream = NULL;
    return TRUE;
}

static gboolean
step_queue(Dialogue *self, const gchar *text)
{
    QueueFilter filter = {.limit = 0};
    guint count = queue_count(self->queue, &filter);

    return count == (guint)g_ascii_strtoull(text, NULL, 10) ||
           dialogue_fail(self, "expected %s messages in the queue, there are %u", text, count);
}

static gchar *
dialogue_describe_queue(Dialogue *self)
{
    QueueFilter filter = {.limit = 0};
    GString *out = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    queue_write_details(self->queue, &filter, &writer);
    json_writer_end_object(&writer);
    return g_string_free(out, FALSE);
}

static gboolean
step_queued(Dialogue *self, const gchar *text)
{
    g_autofree gchar *json = dialogue_describe_queue(self);

    return strstr(json, text) != NULL || dialogue_fail(self, "\"%s\" is not in %s", text, json);
}

static gboolean
step_no_queued(Dialogue *self, const gchar *text)
{
    g_autofree gchar *json = dialogue_describe_queue(self);

    return strstr(json, text) == NULL || dialogue_fail(self, "\"%s\" is in %s", text, json);
}

static gboolean
step_history(Dialogue *self, const gchar *text)
{
    g_autoptr(GString) out = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    queue_write_history(self->queue, NULL, NULL, 100, &writer, "history");
    json_writer_end_object(&writer);
    return strstr(out->str, text) != NULL ||
           dialogue_fail(self, "\"%s\" is not in %s", text, out->str);
}

/* The id of the newest message, from the list: it is the last. */
static QueueId
dialogue_find_newest(Dialogue *self)
{
    g_autofree gchar *json = dialogue_describe_queue(self);
    const gchar *last = NULL;
    QueueId id = 0;

    for (const gchar *p = json; (p = strstr(p, "{\"id\":\"")) != NULL; p++)
        last = p;
    if (last != NULL)
        queue_id_parse(barid_slice(last + 7, QUEUE_ID_TEXT_LEN), &id);
    return id;
}

static gboolean
dialogue_check_content(Dialogue *self, const gchar *text, gboolean wanted)
{
    g_autoptr(GString) part = dialogue_unescape(text);
    g_autoptr(GString) all = g_string_new(NULL);
    g_autoptr(SpoolContent) content =
        queue_open_content(self->queue, dialogue_find_newest(self), NULL);
    BaridSlice prefix, body;
    gboolean found;

    if (content == NULL)
        return dialogue_fail(self, "there is no message in the queue");
    prefix = spool_content_get_prefix(content);
    body = spool_content_get_body(content);
    g_string_append_len(all, (const gchar *)prefix.data, (gssize)prefix.len);
    g_string_append_len(all, (const gchar *)body.data, (gssize)body.len);
    found = text_contains(barid_slice(all->str, all->len), barid_slice(part->str, part->len));
    if (found == wanted)
        return TRUE;
    g_autofree gchar *shown = text_escape(barid_slice(all->str, all->len), 2000);

    return dialogue_fail(self, "the message %s \"%s\": %s", wanted ? "lacks" : "holds", text,
                         shown);
}

static gboolean
step_content(Dialogue *self, const gchar *text)
{
    return dialogue_check_content(self, text, TRUE);
}

static gboolean
step_no_content(Dialogue *self, const gchar *text)
{
    return dialogue_check_content(self, text, FALSE);
}

static const struct {
    const gchar *word;
    gboolean (*run)(Dialogue *self, const gchar *text);
} dialogue_words[] = {
    {"C", step_say},           {"C-raw", step_say_raw},     {"C-repeat", step_say_often},
    {"S", dialogue_expect},    {"S-repeat", step_expect_often}, {"S-all", dialogue_expect_all},
    {"client", step_client},   {"listener", step_listener}, {"connect", step_connect},
    {"tls", step_tls},         {"wait", step_wait},         {"closed", step_closed},
    {"close", step_close},     {"queue", step_queue},       {"queued", step_queued},
    {"no-queued", step_no_queued}, {"content", step_content}, {"no-content", step_no_content},
    {"history", step_history},     {"disk", step_disk},         {"directory", step_directory},
    {"restart", step_restart},     {"delivered", step_delivered},
};

static gboolean
dialogue_run_step(Dialogue *self, const DialogueStep *step)
{
    self->at = step;
    for (guint i = 0; i < G_N_ELEMENTS(dialogue_words); i++) {
        if (strcmp(step->word, dialogue_words[i].word) == 0)
            return dialogue_words[i].run(self, step->text);
    }
    return dialogue_fail(self, "unknown word \"%s\"", step->word);
}

static void
dialogue_main(gpointer data)
{
    Dialogue *self = data;

    for (guint i = 0; i < self->steps->len; i++) {
        if (!dialogue_run_step(self, g_ptr_array_index(self->steps, i)))
            break;
    }
    if (self->error == NULL && self->stream != NULL &&
        stream_get_input(self->stream).len > self->reader.pending)
        dialogue_fail(self, "there are replies that nobody expected");
    stream_free(self->stream);
    self->stream = NULL;
    fiber_group_cancel(&self->group);
}

/* --- setting up --- */

static gboolean
dialogue_open_queue(Dialogue *self, GError **error)
{
    QueueOptions *options = &self->queue_options;

    generation_get_queue_options(self->generation, options);
    options->folder = self->spool;
    options->history_folder = self->history;
    options->disk = sim_disk_get_disk(self->disk);
    options->spool.segment_bytes = 8 * 1024 * 1024;
    options->spool.reserve_bytes = 0;
    self->queue = queue_new(options, error);
    if (self->queue == NULL)
        return FALSE;
    inbound_set_queue(self->generation->inbound, self->queue);
    return TRUE;
}

static gboolean
dialogue_set_up(Dialogue *self, const gchar *base_config, GError **error)
{
    static const BaridModule *const linked[] = {&judge_LTX_barid_module, NULL};
    g_autofree gchar *text = g_strconcat(base_config, "\n", self->config->str, NULL);
    ConfigFiles *files = config_files_new_text(self->path, text);
    g_autoptr(ConfigProblems) problems = config_problems_new();
    GenerationOptions options = {.files = files, .state_dir = self->folder, .linked = linked};

    self->spool = g_build_filename(self->folder, "spool", NULL);
    self->history = g_build_filename(self->folder, "history", NULL);
    self->disk = sim_disk_new();
    self->resolver = zone_resolver_new(self->dns->str, error);
    if (self->resolver == NULL) {
        config_files_free(files);
        return FALSE;
    }
    options.resolver = self->resolver;
    self->generation = generation_new(&options, problems);
    config_files_free(files);
    if (self->generation == NULL) {
        g_autofree gchar *what = config_problems_to_text(problems);

        g_set_error(error, DIALOGUE_ERROR, BARID_ERROR_INVALID, "%s", what);
        return FALSE;
    }
    if (!generation_start(self->generation, error) || !dialogue_open_queue(self, error))
        return FALSE;
    self->scheduler = scheduler_new(error);
    return self->scheduler != NULL;
}

static void
dialogue_tear_down(Dialogue *self)
{
    inbound_thread_free(self->inbound);
    scheduler_free(self->scheduler);
    queue_free(self->queue);
    outbound_free(self->outbound);
    sim_disk_free(self->disk);
    generation_free(self->generation);
    dns_resolver_free(self->resolver);
    g_ptr_array_free(self->steps, TRUE);
    g_string_free(self->config, TRUE);
    g_string_free(self->dns, TRUE);
    sim_remove_folder(self->folder);
    g_free(self->folder);
    g_free(self->spool);
    g_free(self->history);
}

static gboolean
dialogue_run(Dialogue *self, GError **error)
{
    virtual_clock_install(1767225600000); /* 2026-01-01 */
    virtual_clock_drive(self->scheduler);
    self->client = (Address){.bytes = {127, 0, 0, 1}, .port = 40000};
    self->inbound = inbound_thread_new(self->generation->inbound, self->scheduler);
    self->listener = inbound_find_listener(self->generation->inbound, "smtp");
    queue_start(self->queue, NULL, NULL);
    queue_suspend(self->queue);
    fiber_group_init(&self->group, self->scheduler);
    if (fiber_group_spawn(&self->group, dialogue_main, self, error)) {
        scheduler_stop(self->scheduler);
        scheduler_run(self->scheduler);
    }
    queue_stop(self->queue);
    virtual_clock_remove();
    if (self->error == NULL)
        return TRUE;
    g_propagate_error(error, self->error);
    return FALSE;
}

gboolean
dialogue_run_file(const gchar *path, const gchar *base_config, GError **error)
{
    Dialogue self = {.path = path};
    gboolean ok;

    self.steps = g_ptr_array_new_with_free_func(dialogue_step_free);
    self.config = g_string_new(NULL);
    self.dns = g_string_new(NULL);
    self.folder = g_dir_make_tmp("barid-dialogue-XXXXXX", error);
    ok = self.folder != NULL && dialogue_read(&self, error) &&
         dialogue_set_up(&self, base_config, error) && dialogue_run(&self, error);
    dialogue_tear_down(&self);
    return ok;
}
