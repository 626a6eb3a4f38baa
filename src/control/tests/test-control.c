/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/control.h"
#include "control/request.h"
#include "control/live-trace.h"
#include "net/stream.h"
#include "sim/folder.h"

typedef struct {
    gchar *folder, *spool, *history, *socket;
    Scheduler *scheduler;
    Queue *queue;
    Control *control;
    int listen_fd;
    BaridRule *retry, *expire, *dsn_return;
    guint n_stops;
    gchar held[QUEUE_ID_TEXT_LEN + 1], deferred[QUEUE_ID_TEXT_LEN + 1];
} Fixture;

/* --- a control on a real queue --- */

static void
fixture_dispatch(QueueJob *job, gpointer data)
{
    Fixture *self = data;

    for (guint i = 0; i < job->n_recipients; i++)
        job->results[i] = (QueueResult){
            .done = TRUE, .status = RECIPIENT_PENDING, .code = "4.2.1", .text = "not now"};
    g_string_append(job->transcript, "0 C: MAIL FROM:<a>\n3 S: 451 not now\n");
    queue_job_finish(self->queue, job);
}

static void
fixture_stop(gpointer data)
{
    ((Fixture *)data)->n_stops++;
}

static BaridRule *
make_rule(const gchar *text, BaridSettingType type)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    BaridRule *rule = rule_compile_text(text, type, BARID_KNOWN_ATTEMPT, NULL, problems);

    ck_assert_ptr_nonnull(rule);
    return rule;
}

static Queue *
fixture_open_queue(Fixture *self)
{
    QueueOptions options = {
        .hostname = "mx.example.org",
        .folder = self->spool,
        .history_folder = self->history,
        .history = {.max_bytes = 1 << 20, .max_age_ms = 3600000},
        .retry = self->retry,
        .expire = self->expire,
        .concurrency = 10,
        .dsn_return = self->dsn_return,
    };
    g_autoptr(GError) error = NULL;
    Queue *queue;

    spool_options_set_defaults(&options.spool);
    options.spool.segment_bytes = 1 << 20;
    options.spool.reserve_bytes = 0;
    queue = queue_new(&options, &error);
    ck_assert_msg(queue != NULL, "%s", error != NULL ? error->message : "");
    return queue;
}

static void
fixture_set_up(Fixture *self)
{
    ControlServices services = {.generation_number = 7, .request_stop = fixture_stop,
                                .request_data = self};

    *self = (Fixture){.listen_fd = -1};
    self->folder = g_dir_make_tmp("barid-control-XXXXXX", NULL);
    self->spool = g_build_filename(self->folder, "spool", NULL);
    self->history = g_build_filename(self->folder, "history", NULL);
    self->socket = g_build_filename(self->folder, "sock", NULL);
    self->scheduler = scheduler_new(NULL);
    self->retry = make_rule("1h", BARID_TYPE_RULE_DURATIONS);
    self->expire = make_rule("2h", BARID_TYPE_RULE_DURATION);
    self->dsn_return = make_rule("50000", BARID_TYPE_RULE_SIZE);
    self->queue = fixture_open_queue(self);
    queue_start(self->queue, fixture_dispatch, self);
    services.queue = self->queue;
    services.started_ms = clock_wall_ms() - 5000;
    self->control = control_new(&services);
}

static void
fixture_tear_down(Fixture *self)
{
    control_free(self->control);
    queue_stop(self->queue);
    queue_free(self->queue);
    scheduler_free(self->scheduler);
    rule_free(self->retry);
    rule_free(self->expire);
    rule_free(self->dsn_return);
    if (self->listen_fd >= 0)
        close(self->listen_fd);
    sim_remove_folder(self->folder);
    g_free(self->folder);
    g_free(self->spool);
    g_free(self->history);
    g_free(self->socket);
}

static void
fixture_run(void (*body)(gpointer fixture))
{
    Fixture fixture;
    FiberGroup group;

    fixture_set_up(&fixture);
    fiber_group_init(&group, fixture.scheduler);
    ck_assert(fiber_group_spawn(&group, body, &fixture, NULL));
    scheduler_stop(fixture.scheduler);
    scheduler_run(fixture.scheduler);
    fixture_tear_down(&fixture);
}

static void
fixture_submit(Fixture *self, const gchar *sender, const gchar *recipient, gboolean held,
               gchar out_id[QUEUE_ID_TEXT_LEN + 1])
{
    EnvelopeRecipient to = {.address = barid_slice_from_text(recipient)};
    Envelope envelope = {
        .id = queue_id_new(),
        .created_ms = clock_wall_ms(),
        .size_bytes = 60,
        .sender = barid_slice_from_text(sender),
        .remote_ip = BARID_SLICE_LITERAL("192.0.2.9"),
        .session_id = BARID_SLICE_LITERAL("s-one"),
        .message_id = BARID_SLICE_LITERAL("<one@example.com>"),
        .decisions = BARID_SLICE_LITERAL("[{\"stage\":\"rcpt\",\"source\":\"greylist\","
                                         "\"verdict\":\"continue\"}]"),
        .n_recipients = 1,
        .recipients = &to,
    };
    QueueSubmission submission = {
        .envelope = &envelope,
        .held = held,
        .prefix = BARID_SLICE_LITERAL("Received: by test\r\n"),
        .body = BARID_SLICE_LITERAL("Message-ID: <one@example.com>\r\n\r\nbody \xff\r\n"),
        .body_fd = -1,
    };
    g_autoptr(GError) error = NULL;

    ck_assert_msg(queue_submit(self->queue, &submission, &error), "%s",
                  error != NULL ? error->message : "");
    queue_id_format(envelope.id, out_id);
}

/* Runs the request and checks that the answer contains (wanted). */
static void
expect(Fixture *self, const gchar *request, const gchar *wanted)
{
    g_autofree gchar *answer = control_run(self->control, request);
    g_autoptr(JsonParser) parser = json_parser_new();

    ck_assert_msg(json_parser_load_from_data(parser, answer, -1, NULL), "no JSON: %s", answer);
    ck_assert_msg(strchr(answer, '\n') == NULL, "more than one line: %s", answer);
    ck_assert_msg(strstr(answer, wanted) != NULL, "%s: wanted %s in %s", request, wanted, answer);
}

static void
expect_id(Fixture *self, const gchar *format, const gchar *id, const gchar *wanted)
{
    g_auto(GStrv) parts = g_strsplit(format, "ID", -1);
    g_autofree gchar *request = g_strjoinv(id, parts);

    expect(self, request, wanted);
}

/* --- malformed requests --- */

static const struct {
    const gchar *what;
    const gchar *request;
    const gchar *wanted;
} bad_rows[] = {
    {"nothing", "", "\"code\":\"usage\""},
    {"no JSON", "status", "not JSON"},
    {"cut", "{\"verb\":\"status\"", "not JSON"},
    {"an array", "[\"status\"]", "must be a JSON object"},
    {"a number", "5", "\"code\":\"usage\""},
    {"no verb", "{}", "\\\"verb\\\" must be a text"},
    {"verb is no text", "{\"verb\":5}", "\\\"verb\\\" must be a text"},
    {"verb is null", "{\"verb\":null}", "\\\"verb\\\" must be a text"},
    {"empty verb", "{\"verb\":\"  \"}", "is empty"},
    {"unknown member", "{\"verb\":\"status\",\"x\":1}", "only"},
    {"args no array", "{\"verb\":\"status\",\"args\":\"x\"}", "array of texts"},
    {"args no texts", "{\"verb\":\"status\",\"args\":[1]}", "array of texts"},
    {"options no object", "{\"verb\":\"status\",\"options\":[]}", "must be an object"},
    {"too deep", "{\"verb\":[[[[[[1]]]]]]}", "nested too deeply"},
    {"not UTF-8", "{\"verb\":\"\xff\"}", "not UTF-8"},
    {"unknown verb", "{\"verb\":\"statsu\"}", "did you mean \\\"status\\\"?"},
    {"unknown verb of a group", "{\"verb\":\"queue\",\"args\":[\"lsit\"]}",
     "did you mean \\\"queue list\\\"?"},
    {"far from any verb", "{\"verb\":\"zzzzzzzz\"}", "\"code\":\"unknown-verb\""},
    {"too many words", "{\"verb\":\"status now\"}", "\"code\":\"usage\""},
    {"unknown option", "{\"verb\":\"status\",\"options\":{\"all\":true}}", "no option --all"},
    {"prefix of an option", "{\"verb\":\"queue list\",\"options\":{\"send\":\"a\"}}",
     "no option --send"},
    {"bad status", "{\"verb\":\"queue list\",\"options\":{\"status\":\"x\"}}", "--status is"},
    {"bad time", "{\"verb\":\"queue list\",\"options\":{\"before\":\"noon\"}}", "needs a time"},
    {"option no text", "{\"verb\":\"queue list\",\"options\":{\"sender\":5}}", "needs a text"},
    {"bad limit", "{\"verb\":\"queue list\",\"options\":{\"limit\":\"0\"}}", "number above 0"},
    {"bad id", "{\"verb\":\"queue show\",\"args\":[\"x\"]}", "\"code\":\"invalid\""},
    {"no id", "{\"verb\":\"queue show\"}", "usage: queue show"},
    {"act on nothing", "{\"verb\":\"queue cancel\"}", "--all"},
    {"explain nothing", "{\"verb\":\"explain\"}", "usage: explain"},
    {"trace without connection", "{\"verb\":\"trace\"}", "connection of its own"},
    {"no generation", "{\"verb\":\"modules\"}", "\"code\":\"unavailable\""},
};

static void
body_bad(gpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bad_rows); i++) {
        expect(data, bad_rows[i].request, bad_rows[i].wanted);
        expect(data, bad_rows[i].request, "\"error\":");
    }
}

START_TEST(test_bad)
{
    fixture_run(body_bad);
}
END_TEST

/* --- the verbs --- */

static void
wait_for_attempt(Fixture *self)
{
    for (;;) {
        g_autofree gchar *request =
            g_strdup_printf("{\"verb\":\"queue show\",\"args\":[\"%s\"]}", self->deferred);
        g_autofree gchar *answer = control_run(self->control, request);

        if (strstr(answer, "\"number\":1") != NULL)
            return;
        ck_assert(barid_sleep(1, NULL));
    }
}

static void
fill_queue(Fixture *self)
{
    fixture_submit(self, "alice@example.com", "bob@example.org", TRUE, self->held);
    fixture_submit(self, "carol@example.com", "dave@example.net", FALSE, self->deferred);
    wait_for_attempt(self);
}

static void
body_look(gpointer data)
{
    Fixture *self = data;

    fill_queue(self);
    expect(self, "{\"verb\":\"status\"}", "\"generation\":7");
    expect(self, "{\"verb\":\"status\"}", "\"queue\":{\"messages\":2,\"held\":1,\"active\":0");
    expect(self, "{\"verb\":\"status\"}", "\"peak_rss\":");
    expect(self, "{\"verb\":\"spool\"}", "\"spool\":{\"segments\":1");
    expect(self, "{\"verb\":\"metrics\"}", "\"counters\":{");
    expect(self, "{\"verb\":\"queue count\"}", "{\"count\":2}");
    expect(self, "{\"verb\":\"queue\",\"args\":[\"count\"],\"options\":{\"sender\":\"ALICE\"}}",
           "{\"count\":1}");
    expect(self, "{\"verb\":\"queue count\",\"options\":{\"domain\":\"example.net\"}}",
           "{\"count\":1}");
    expect(self, "{\"verb\":\"queue count\",\"options\":{\"before\":\"1h\"}}", "{\"count\":0}");
    expect(self, "{\"verb\":\"queue count\",\"options\":{\"after\":\"2020-01-01T00:00:00Z\"}}",
           "{\"count\":2}");
    expect_id(self, "{\"verb\":\"queue list\"}", "", self->held);
    expect(self, "{\"verb\":\"queue list\",\"options\":{\"status\":\"held\"}}", self->held);
    expect_id(self, "{\"verb\":\"queue show\",\"args\":[\"ID\"]}", self->deferred,
              "\"text\":\"not now\"");
    expect_id(self, "{\"verb\":\"queue show\",\"args\":[\"ID\"]}", self->deferred,
              "S: 451 not now");
    expect(self, "{\"verb\":\"queue show\",\"args\":[\"0000000000001\"]}",
           "\"code\":\"not-found\"");
    /* It is what a filter takes for any message. */
    expect(self, "{\"verb\":\"queue cancel\",\"args\":[\"0000000000000\"]}",
           "\"code\":\"invalid\"");
    expect_id(self, "{\"verb\":\"queue cat\",\"args\":[\"ID\"]}", self->held, "\"size\":60");
}

START_TEST(test_look)
{
    fixture_run(body_look);
}
END_TEST

static void
body_cat(gpointer data)
{
    static const gchar message[] =
        "Received: by test\r\nMessage-ID: <one@example.com>\r\n\r\nbody \xff\r\n";
    Fixture *self = data;
    g_autofree gchar *encoded =
        g_base64_encode((const guchar *)message, sizeof message - 1);

    fill_queue(self);
    expect_id(self, "{\"verb\":\"queue cat\",\"args\":[\"ID\"]}", self->held, encoded);
}

START_TEST(test_cat)
{
    fixture_run(body_cat);
}
END_TEST

static void
body_act(gpointer data)
{
    Fixture *self = data;

    fill_queue(self);
    expect_id(self, "{\"verb\":\"queue hold\",\"args\":[\"ID\"]}", self->deferred, "{\"count\":1}");
    expect(self, "{\"verb\":\"queue count\",\"options\":{\"status\":\"held\"}}", "{\"count\":2}");
    /* One id that is none keeps the others from being touched. */
    expect_id(self, "{\"verb\":\"queue cancel\",\"args\":[\"ID\",\"none\"]}", self->held,
              "\"code\":\"invalid\"");
    expect(self, "{\"verb\":\"queue count\"}", "{\"count\":2}");
    expect(self, "{\"verb\":\"queue cancel\",\"options\":{\"sender\":\"alice\"}}", "{\"count\":1}");
    expect_id(self, "{\"verb\":\"queue release\",\"args\":[\"ID\"]}", self->held,
              "\"code\":\"not-found\"");
    expect(self, "{\"verb\":\"queue release\",\"options\":{\"all\":true}}", "{\"count\":1}");
    expect(self, "{\"verb\":\"queue retry\",\"options\":{\"all\":false}}", "\"code\":\"usage\"");
    expect(self, "{\"verb\":\"stop\"}", "{\"stopping\":true}");
    ck_assert_uint_eq(self->n_stops, 1);
}

START_TEST(test_act)
{
    fixture_run(body_act);
}
END_TEST

static void
body_explain(gpointer data)
{
    Fixture *self = data;

    fill_queue(self);
    queue_note_session(self->queue, "s-one",
                       g_strdup("{\"kind\":\"session\",\"id\":\"s-one\",\"remote_ip\":"
                                "\"192.0.2.9\",\"messages\":2}"));
    expect_id(self, "{\"verb\":\"explain\",\"args\":[\"ID\"]}", self->deferred,
              "\"source\":\"greylist\"");
    expect_id(self, "{\"verb\":\"explain\",\"args\":[\"ID\"]}", self->deferred,
              "\"sessions\":[{\"kind\":\"session\"");
    expect(self, "{\"verb\":\"explain\",\"args\":[\"s-one\"]}", self->deferred);
    expect(self, "{\"verb\":\"explain\",\"options\":{\"message-id\":\"one@example.com\"}}",
           self->held);
    expect(self, "{\"verb\":\"explain\",\"options\":{\"remote-ip\":\"192.0.2.9\"}}", self->held);
    expect(self, "{\"verb\":\"explain\",\"options\":{\"remote-ip\":\"192.0.2.1\"}}",
           "\"code\":\"not-found\"");
    expect(self, "{\"verb\":\"explain\",\"options\":{\"sender\":\"bob\"}}",
           "\"code\":\"not-found\"");
    expect(self, "{\"verb\":\"explain\",\"options\":{\"since\":\"1h\",\"limit\":\"1\"}}",
           "\"messages\":[{");
    expect(self, "{\"verb\":\"queue cancel\",\"options\":{\"recipient\":\"bob\"}}",
           "{\"count\":1}");
    expect_id(self, "{\"verb\":\"explain\",\"args\":[\"ID\"]}", self->held,
              "\"status\":\"cancelled\"");
    expect(self, "{\"verb\":\"explain\",\"options\":{\"recipient\":\"BOB@\"}}",
           "\"status\":\"cancelled\"");
}

/* Filters reach beyond the records that happen to be the newest, and say where they end. */
static void
body_explain_far(gpointer data)
{
    Fixture *self = data;

    queue_note_session(self->queue, "s-far",
                       g_strdup("{\"kind\":\"session\",\"id\":\"s-far\",\"remote_ip\":"
                                "\"203.0.113.1\",\"decisions\":[{\"subject\":\"yan@y\","
                                "\"inputs\":{\"sender\":\"Zoe@x\"}}]}"));
    for (guint i = 0; i < 1500; i++) {
        g_autofree gchar *id = g_strdup_printf("s-%u", i);

        queue_note_session(self->queue, id,
                           g_strdup_printf("{\"kind\":\"session\",\"id\":\"%s\","
                                           "\"remote_ip\":\"192.0.2.50\"}", id));
    }
    expect(self, "{\"verb\":\"explain\",\"options\":{\"remote-ip\":\"203.0.113.1\"}}",
           "\"id\":\"s-far\"");
    expect(self, "{\"verb\":\"explain\",\"options\":{\"remote-ip\":\"203.0.113.1\"}}",
           "\"scanned\":1501,\"truncated\":false");
    expect(self, "{\"verb\":\"explain\",\"options\":{\"sender\":\"zoe@\"}}",
           "\"id\":\"s-far\"");
    expect(self, "{\"verb\":\"explain\",\"options\":{\"recipient\":\"YAN@\"}}",
           "\"id\":\"s-far\"");
    expect(self, "{\"verb\":\"explain\",\"options\":{\"recipient\":\"zoe@\"}}", "not-found");
    expect(self,
           "{\"verb\":\"explain\",\"options\":{\"remote-ip\":\"203.0.113.1\",\"scan\":\"100\"}}",
           "among the newest 100 records");
    expect(self,
           "{\"verb\":\"explain\",\"options\":{\"remote-ip\":\"192.0.2.50\",\"scan\":\"10\"}}",
           "\"scanned\":10,\"truncated\":true");
    /* Enough was found: that is no truncation. */
    expect(self,
           "{\"verb\":\"explain\",\"options\":{\"remote-ip\":\"192.0.2.50\",\"limit\":\"3\"}}",
           "\"truncated\":false");
    expect(self, "{\"verb\":\"explain\",\"args\":[\"s-far\"]}", "203.0.113.1");
}

START_TEST(test_explain_far)
{
    fixture_run(body_explain_far);
}
END_TEST

START_TEST(test_explain)
{
    fixture_run(body_explain);
}
END_TEST

/* --- over the socket --- */

static void
fixture_listen(Fixture *self)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    g_strlcpy(name.sun_path, self->socket, sizeof name.sun_path);
    self->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(self->listen_fd, (struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(listen(self->listen_fd, 8), 0);
    ck_assert(control_listen(self->control, self->scheduler, self->listen_fd, NULL));
}

static Stream *
fixture_connect(Fixture *self)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    g_strlcpy(name.sun_path, self->socket, sizeof name.sun_path);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    return stream_new(self->scheduler, fd, NULL);
}

static void
say(Stream *stream, const gchar *text)
{
    ck_assert(stream_put(stream, barid_slice_from_text(text), NULL));
    ck_assert(stream_flush(stream, NULL));
}

/* The next line of the answer; NULL when the other side has closed. */
static gchar *
hear(Stream *stream)
{
    for (;;) {
        BaridSlice input = stream_get_input(stream);
        const guint8 *end = input.len == 0 ? NULL : memchr(input.data, '\n', input.len);
        gchar *line;

        if (end == NULL && stream_fill(stream, NULL))
            continue;
        if (end == NULL)
            return NULL;
        line = g_strndup((const gchar *)input.data, (gsize)(end - input.data));
        stream_consume(stream, (gsize)(end - input.data) + 1);
        return line;
    }
}

static void
hear_that(Stream *stream, const gchar *wanted)
{
    g_autofree gchar *line = hear(stream);

    ck_assert_ptr_nonnull(line);
    ck_assert_msg(strstr(line, wanted) != NULL, "wanted %s in %s", wanted, line);
}

static void
hear_until(Stream *stream, const gchar *wanted)
{
    for (;;) {
        g_autofree gchar *line = hear(stream);

        ck_assert_ptr_nonnull(line);
        if (strstr(line, wanted) != NULL)
            return;
    }
}

static void
body_socket(gpointer data)
{
    Fixture *self = data;
    g_autoptr(Stream) stream = NULL;
    g_autoptr(Stream) other = NULL;
    g_autofree gchar *flood = g_strnfill(CONTROL_REQUEST_MAX + 1, 'x');

    fixture_listen(self);
    stream = fixture_connect(self);
    say(stream, "{\"verb\":\"queue ");
    fiber_yield();
    say(stream, "count\"}\r\n{\"verb\":\"stop\"}\nnonsense\n");
    hear_that(stream, "{\"count\":0}");
    hear_that(stream, "{\"stopping\":true}");
    hear_that(stream, "not JSON");
    say(stream, "{\"verb\":\"queue count\"}\n");
    hear_that(stream, "{\"count\":0}");
    other = fixture_connect(self);
    /* The server may close before all of it is sent. */
    if (stream_put(other, barid_slice_from_text(flood), NULL))
        stream_flush(other, NULL);
    hear_that(other, "too long");
    ck_assert_ptr_null(hear(other));
    control_drain(self->control);
    ck_assert_ptr_null(hear(stream));
}

START_TEST(test_socket)
{
    fixture_run(body_socket);
}
END_TEST

static void
body_trace(gpointer data)
{
    Fixture *self = data;
    g_autoptr(Stream) stream = NULL;
    g_autoptr(Stream) all = NULL;

    fixture_listen(self);
    stream = fixture_connect(self);
    say(stream, "{\"verb\":\"trace\",\"options\":{\"sender\":\"alice\"}}\n");
    all = fixture_connect(self);
    say(all, "{\"verb\":\"trace\",\"options\":{}}\n");
    /* Its records are seen once it has joined; nothing tells when. */
    for (guint i = 0; i < 10; i++)
        ck_assert(barid_sleep(1, NULL));
    barid_log(BARID_LOG_TRACE, "test.other", "session", "s2", "from", "bob@example.com", NULL);
    barid_log(BARID_LOG_TRACE, "test.first", "session", "s1", "from", "Alice@example.com",
              "text", "a \"quoted\" \n line", NULL);
    barid_log(BARID_LOG_TRACE, "test.later", "session", "s1", NULL);
    hear_that(stream, "\"event\":\"test.first\"");
    hear_that(stream, "\"event\":\"test.later\",\"fields\":{\"session\":\"s1\"}");
    hear_until(all, "\"event\":\"test.other\"");
    hear_that(all, "\"text\":\"a \\\"quoted\\\" \\u000a line\"");
    g_clear_pointer(&stream, stream_free);
    barid_log(BARID_LOG_TRACE, "test.last", "session", "s1", NULL);
    hear_that(all, "test.later");
    hear_that(all, "test.last");
    /* A process that drains says so, and ends the trace when it has no session left. */
    control_drain(self->control);
    hear_that(all, "{\"draining\":true}");
    ck_assert_ptr_null(hear(all));
}

START_TEST(test_trace)
{
    fixture_run(body_trace);
}
END_TEST

/* --- log records --- */

static const struct {
    const gchar *what;
    const gchar *line;
    gboolean is_record;
    const gchar *value; /* of "k" */
} record_rows[] = {
    {"plain", "T info e.v k=value", TRUE, "value"},
    {"quoted", "T info e.v a=1 k=\"two words\" b=2", TRUE, "two words"},
    {"escaped", "T info e.v k=\"\\\"\\x41\\\\\"", TRUE, "\"A\\"},
    {"no pairs", "T info e.v", TRUE, NULL},
    {"cut in a value", "T info e.v k=\"open", TRUE, "open"},
    {"cut in an escape", "T info e.v k=\"\\x", TRUE, "?"},
    {"no key", "T info e.v =x k=1", TRUE, NULL},
    {"too short", "T info", FALSE, NULL},
    {"empty", "", FALSE, NULL},
};

START_TEST(test_record)
{
    g_auto(TraceRecord) record = {0};
    gboolean is_record =
        trace_record_parse(&record, barid_slice_from_text(record_rows[_i].line));

    ck_assert_msg(is_record == record_rows[_i].is_record, "%s", record_rows[_i].what);
    if (!is_record)
        return;
    if (record_rows[_i].value == NULL)
        ck_assert_msg(trace_record_get(&record, "k") == NULL, "%s", record_rows[_i].what);
    else
        ck_assert_str_eq(trace_record_get(&record, "k"), record_rows[_i].value);
}
END_TEST

START_TEST(test_verbs)
{
    for (const ControlVerb *verb = control_get_verbs(); verb->verb != NULL; verb++) {
        ck_assert_msg(g_str_has_prefix(verb->usage, verb->verb), "%s", verb->verb);
        ck_assert_ptr_nonnull(verb->handler);
        ck_assert_msg(g_str_has_suffix(verb->summary, "."), "%s", verb->verb);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("control");
    TCase *tcase = tcase_create("control");
    SRunner *runner = srunner_create(suite);
    int n_failed;

    log_set_level(BARID_LOG_ERROR);
    tcase_add_test(tcase, test_bad);
    tcase_add_test(tcase, test_look);
    tcase_add_test(tcase, test_cat);
    tcase_add_test(tcase, test_act);
    tcase_add_test(tcase, test_explain);
    tcase_add_test(tcase, test_explain_far);
    tcase_add_test(tcase, test_socket);
    tcase_add_test(tcase, test_trace);
    tcase_add_loop_test(tcase, test_record, 0, G_N_ELEMENTS(record_rows));
    tcase_add_test(tcase, test_verbs);
    tcase_set_timeout(tcase, 30);
    suite_add_tcase(suite, tcase);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
