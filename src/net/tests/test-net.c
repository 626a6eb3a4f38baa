/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/line-reader.h"

typedef struct {
    int fds[2];
    const gchar *input;
    gsize cut;
    GString *lines;
} LineCase;

static void
child_feed(gpointer data)
{
    LineCase *test = data;
    gsize len = strlen(test->input);

    for (gsize pos = 0; pos < len; pos += test->cut) {
        gsize part = MIN(test->cut, len - pos);

        ck_assert_int_eq(send(test->fds[1], test->input + pos, part, 0), (gssize)part);
        fiber_yield();
    }
    shutdown(test->fds[1], SHUT_WR);
}

static void
child_lines(gpointer data)
{
    LineCase *test = data;
    g_autoptr(Stream) stream = stream_new(scheduler_get_current(), test->fds[0], NULL);
    LineReader reader;
    BaridSlice line;
    g_autoptr(GError) error = NULL;

    line_reader_init(&reader, stream);
    for (;;) {
        LineResult result = line_reader_next(&reader, 12, &line, &error);

        if (result == LINE_FAILED)
            break;
        if (result == LINE_TOO_LONG)
            g_string_append(test->lines, "<long>");
        else
            g_string_append_len(test->lines, (const gchar *)line.data, (gssize)line.len);
        g_string_append_c(test->lines, '|');
    }
    ck_assert_int_eq(error->code, BARID_ERROR_CLOSED);
}

static void
run_pair(FiberFunc a, FiberFunc b, gpointer data)
{
    Scheduler *scheduler = scheduler_new(NULL);
    FiberGroup group;

    fiber_group_init(&group, scheduler);
    ck_assert(fiber_group_spawn(&group, a, data, NULL));
    ck_assert(fiber_group_spawn(&group, b, data, NULL));
    scheduler_stop(scheduler);
    scheduler_run(scheduler);
    scheduler_free(scheduler);
}

static void
child_feed_and_close(gpointer data)
{
    LineCase *test = data;

    ck_assert_int_eq(send(test->fds[1], "QUIT\r\n", 6, 0), 6);
    close(test->fds[1]);
}

/* A reader that waits already is told of the last line and of the end at once. */
START_TEST(test_close_behind_line)
{
    LineCase test = {.lines = g_string_new(NULL)};

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, test.fds), 0);
    run_pair(child_lines, child_feed_and_close, &test);
    ck_assert_str_eq(test.lines->str, "QUIT|");
    g_string_free(test.lines, TRUE);
}
END_TEST

START_TEST(test_lines)
{
    /* Every way to cut the input gives the same lines. */
    LineCase test = {
        .input = "EHLO a\r\nNOOP\nX\r\r\n\r\n123456789012345678901234567890\r\n1234567890\r\n"
                 "12345678901\r\nQUIT\r\npartial",
        .cut = (gsize)_i,
    };

    test.lines = g_string_new(NULL);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, test.fds), 0);
    run_pair(child_feed, child_lines, &test);
    close(test.fds[1]);
    ck_assert_str_eq(test.lines->str, "EHLO a|NOOP|X\r||<long>|1234567890|<long>|QUIT|");
    g_string_free(test.lines, TRUE);
}
END_TEST

typedef struct {
    int fds[2];
    TlsServer *server;
    gchar reply[100];
} TlsCase;

static void
child_tls_server(gpointer data)
{
    TlsCase *test = data;
    g_autoptr(Stream) stream = stream_new(scheduler_get_current(), test->fds[0], NULL);
    LineReader reader;
    BaridSlice line;
    g_autoptr(GError) error = NULL;

    ck_assert_msg(stream_start_tls_server(stream, test->server, &error), "%s",
                  error != NULL ? error->message : "");
    ck_assert_str_eq(stream_get_tls(stream)->version, "TLSv1.3");
    ck_assert_str_eq(stream_get_tls(stream)->server_name, "mx.example.org");
    line_reader_init(&reader, stream);
    ck_assert_int_eq(line_reader_next(&reader, 1000, &line, &error), LINE_OK);
    ck_assert(stream_put(stream, BARID_SLICE_LITERAL("250 "), &error));
    ck_assert(stream_put(stream, line, &error));
    ck_assert(stream_flush(stream, &error));
    stream_end(stream);
}

static gpointer
client_thread(gpointer data)
{
    TlsCase *test = data;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    gssize got;

    gnutls_certificate_allocate_credentials(&credentials);
    gnutls_init(&session, GNUTLS_CLIENT);
    gnutls_set_default_priority(session);
    gnutls_server_name_set(session, GNUTLS_NAME_DNS, "mx.example.org", strlen("mx.example.org"));
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_int(session, test->fds[1]);
    ck_assert_int_eq(gnutls_handshake(session), 0);
    gnutls_record_send(session, "hello\r\n", 7);
    do {
        got = gnutls_record_recv(session, test->reply, sizeof test->reply - 1);
    } while (got == GNUTLS_E_AGAIN); /* a session ticket came first */
    ck_assert_int_gt(got, 0);
    test->reply[got] = '\0';
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    return NULL;
}

static void
child_nothing(gpointer data G_GNUC_UNUSED)
{
}

START_TEST(test_tls)
{
    TlsCase test;
    g_autofree gchar *chain = NULL;
    g_autofree gchar *key = NULL;
    GThread *client;

    ck_assert(tls_make_self_signed("mx.example.org", clock_wall_ms(), &chain, &key, NULL));
    test.server = tls_server_new(NULL, NULL);
    ck_assert(tls_server_add_certificate(test.server, barid_slice_from_text(chain),
                                         barid_slice_from_text(key), "test", NULL));
    ck_assert(!tls_server_add_certificate(test.server, BARID_SLICE_LITERAL("x"),
                                          barid_slice_from_text(key), "test", NULL));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, test.fds), 0);
    client = g_thread_new("client", client_thread, &test);
    run_pair(child_tls_server, child_nothing, &test);
    g_thread_join(client);
    close(test.fds[1]);
    ck_assert_str_eq(test.reply, "250 hello");
    tls_server_unref(test.server);
}
END_TEST

/* --- a conversation, over narrow sockets and wide ones --- */

enum { TALK_BYTES = 300 * 1000 };

typedef struct {
    const gchar *what, *priorities, *version;
    int narrow;
} TalkRow;

static const TalkRow talks[] = {
    {"TLS 1.3", NULL, "TLSv1.3", 1},
    {"more than a block at once", NULL, "TLSv1.3", 0},
    {"TLS 1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2", "TLSv1.2", 1},
};

typedef struct {
    int fds[2];
    TlsServer *server;
    const TalkRow *row;
} Talk;

static guint8
talk_get_byte(gsize at)
{
    return (guint8)(at * 7 + at / 251);
}

static void
talk_put_all(Stream *stream)
{
    g_autofree guint8 *bytes = g_malloc(TALK_BYTES);

    for (gsize i = 0; i < TALK_BYTES; i++)
        bytes[i] = talk_get_byte(i);
    /* In parts that fit no record. */
    for (gsize at = 0; at < TALK_BYTES; at += 7001)
        ck_assert(stream_put(stream, barid_slice(bytes + at, MIN(7001, TALK_BYTES - at)), NULL));
}

static void
talk_take_all(Stream *stream)
{
    for (gsize at = 0; at < TALK_BYTES;) {
        BaridSlice input = stream_get_input(stream);

        for (gsize i = 0; i < input.len; i++)
            ck_assert_uint_eq(input.data[i], talk_get_byte(at + i));
        at += input.len;
        ck_assert_uint_le(at, TALK_BYTES);
        stream_consume(stream, input.len);
        if (at < TALK_BYTES)
            ck_assert(stream_fill(stream, NULL));
    }
}

static void
child_talk_server(gpointer data)
{
    const Talk *talk = data;
    g_autoptr(Stream) stream = stream_new(scheduler_get_current(), talk->fds[0], NULL);

    ck_assert(stream_start_tls_server(stream, talk->server, NULL));
    ck_assert_str_eq(stream_get_tls(stream)->version, talk->row->version);
    talk_take_all(stream);
    talk_put_all(stream);
    ck_assert(stream_finish(stream, NULL));
    stream_end(stream);
}

/* The end is told as such: by an alert, not by a connection that breaks. */
static void
child_talk_client(gpointer data)
{
    const Talk *talk = data;
    g_autoptr(Stream) stream = stream_new(scheduler_get_current(), talk->fds[1], NULL);
    g_autoptr(GError) error = NULL;

    ck_assert(stream_start_tls_client(stream, &(TlsClientOptions){0}, NULL));
    talk_put_all(stream);
    ck_assert(stream_flush(stream, NULL));
    talk_take_all(stream);
    ck_assert(!stream_fill(stream, &error));
    ck_assert_int_eq(error->code, BARID_ERROR_CLOSED);
}

START_TEST(test_tls_talk)
{
    const TalkRow *row = &talks[_i];
    Talk talk = {.row = row};
    g_autofree gchar *chain = NULL;
    g_autofree gchar *key = NULL;

    ck_assert(tls_make_self_signed("mx.example.org", clock_wall_ms(), &chain, &key, NULL));
    talk.server = tls_server_new(&(TlsOptions){.priorities = row->priorities}, NULL);
    ck_assert(tls_server_add_certificate(talk.server, barid_slice_from_text(chain),
                                         barid_slice_from_text(key), "test", NULL));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, talk.fds), 0);
    for (guint i = 0; row->narrow != 0 && i < G_N_ELEMENTS(talk.fds); i++)
        setsockopt(talk.fds[i], SOL_SOCKET, SO_SNDBUF, &row->narrow, sizeof row->narrow);
    run_pair(child_talk_server, child_talk_client, &talk);
    tls_server_unref(talk.server);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("net");
    TCase *cases = tcase_create("net");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_lines, 1, 90);
    tcase_add_test(cases, test_close_behind_line);
    tcase_add_test(cases, test_tls);
    tcase_add_loop_test(cases, test_tls_talk, 0, G_N_ELEMENTS(talks));
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
