/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

#include <barid/check.h>

#define USERS                                                           \
    "[user honest]\naddresses = honest@example.org\n"                   \
    "[user leaky]\naddresses = leaky@example.org\n"                     \
    "[user endless]\naddresses = endless@example.org\n"                 \
    "[domain faulty.example]\ntransport = faulty\n"                     \
    "[user carol]\naddresses = carol@faulty.example\n"

static GString *failures; /* of the setup below */
static guint n_deferred;  /* by on-error, after a timeout */

static void
note_failure(const gchar *message, gpointer data G_GNUC_UNUSED)
{
    g_string_append_printf(failures, "%s\n", message);
}

static const BaridCheckSetup free_of_lists = {
    BARID_CHECK_SETUP,
    .module = "src/check/tests/.libs/faulty.so",
    .config = USERS,
    .failed = note_failure,
};

static const BaridCheckSetup listed = {
    BARID_CHECK_SETUP,
    .module = "src/check/tests/.libs/faulty.so",
    .config = USERS,
    .zone = "honest.faulty.example. A 127.0.0.2\n",
    .failed = note_failure,
};

static void
begin(void)
{
    failures = g_string_new(NULL);
}

static void
end(void)
{
    g_string_free(failures, TRUE);
}

/* --- a session from beginning to end --- */

START_TEST(test_session)
{
    BaridCheck *check = barid_check_new(&listed);
    g_autofree gchar *record = NULL;

    barid_check_connect(check, .ip = "192.0.2.7", .helo = "me.example");
    barid_check_assert_reply(check, "250");
    ck_assert_str_eq(barid_check_mail(check, "sender@example.net SIZE=100"),
                     barid_check_get_reply(check));
    barid_check_assert_reply(check, "250 2.1.0");
    barid_check_rcpt(check, "honest@example.org");
    barid_check_assert_reply(check, "550 5.7.1 you are listed");
    barid_check_assert_verdict(check, "reject");
    barid_check_assert_decided_by(check, "listed");
    barid_check_assert_finding(check, "faulty.listed", "yes");
    barid_check_assert_finding(check, "faulty.other", NULL);
    barid_check_assert_record(check, "\"visits\":\"1\"");
    record = barid_check_dup_record(check);
    ck_assert_ptr_nonnull(strstr(record, "\"session\""));
    barid_check_command(check, "QUIT");
    barid_check_assert_reply(check, "221");
    ck_assert_str_eq(barid_check_command(check, "NOOP"), "");
    barid_check_free(check);
    ck_assert_str_eq(failures->str, "");
}
END_TEST

START_TEST(test_message)
{
    static const gchar content[] = "Subject: pieces\r\n\r\n.one\r\n..two\r\nthree\r\n";
    BaridCheck *check = barid_check_new(&free_of_lists);

    barid_check_connect(check, .tls = TRUE, .user = "alice");
    barid_check_assert_reply(check, "235");
    barid_check_mail(check, "alice@example.org");
    barid_check_rcpt(check, "honest@example.org");
    barid_check_assert_reply(check, "250");
    barid_check_message(check, "Subject: whole\n\none\n");
    barid_check_assert_reply(check, "250 2.0.0");
    barid_check_assert_field(check, "X-Faulty", "seen");
    barid_check_assert_field(check, "X-Other", NULL);
    barid_check_assert_content(check, "\\r\\n\\r\\none\\r\\n");
    barid_check_do(check, "log", "message.accepted * from=alice@example.org", NULL);
    for (gsize piece = 0; piece < 4; piece++) {
        barid_check_mail(check, "");
        barid_check_rcpt(check, "bob@example.org NOTIFY=NEVER");
        barid_check_content(check, content, sizeof content - 1, piece);
        barid_check_assert_reply(check, "250 2.0.0");
        barid_check_assert_content(check, "\\r\\n\\r\\n.one\\r\\n..two\\r\\nthree\\r\\n");
    }
    barid_check_assert_queue(check, "5");
    barid_check_deliver(check);
    barid_check_assert_delivered(check, "bob@example.org mailbox bob");
    barid_check_assert_queue(check, "0");
    barid_check_free(check);
    ck_assert_str_eq(failures->str, "");
}
END_TEST

START_TEST(test_attempt)
{
    BaridCheck *check = barid_check_new(&free_of_lists);

    barid_check_connect(check, .ip = NULL);
    barid_check_mail(check, "alice@example.org");
    barid_check_rcpt(check, "carol@faulty.example");
    barid_check_message(check, "Subject: refused\n\n");
    barid_check_deliver(check);
    /* The module's own transport was called, and the sender told. */
    barid_check_do(check, "notice", "alice@example.org 5.2.1", NULL);
    barid_check_free(check);
    ck_assert_str_eq(failures->str, "");
}
END_TEST

START_TEST(test_stores_and_time)
{
    BaridCheck *check = barid_check_new(&free_of_lists);

    barid_check_put(check, "memory", "note", "remember");
    barid_check_connect(check, .ip = NULL);
    barid_check_mail(check, "a@example.net");
    barid_check_rcpt(check, "honest@example.org");
    barid_check_assert_record(check, "\"note\":\"remember\",\"visits\":\"1\"");
    barid_check_set_stores_failing(check, TRUE);
    barid_check_rcpt(check, "postmaster@example.org");
    barid_check_assert_reply(check, "451 4.3.0");
    barid_check_set_stores_failing(check, FALSE);
    barid_check_put(check, "memory", "note", NULL);
    barid_check_rcpt(check, "postmaster@example.org");
    barid_check_assert_record(check, "*no such name\",\"visits\":\"2\"");
    barid_check_wait(check, 3600 * 1000);
    ck_assert_str_eq(failures->str, "");
    /* The client was silent for too long. */
    barid_check_command(check, "NOOP");
    barid_check_assert_reply(check, "421");
    barid_check_put(check, "nowhere", "visits", NULL);
    ck_assert_ptr_nonnull(strstr(failures->str, "there is no store nowhere"));
    barid_check_free(check);
}
END_TEST

/* --- failures --- */

START_TEST(test_failures)
{
    BaridCheck *check = barid_check_new(&listed);

    barid_check_connect(check, .ip = NULL);
    barid_check_mail(check, "a@example.net");
    barid_check_rcpt(check, "honest@example.org");
    ck_assert_str_eq(failures->str, "");
    barid_check_assert_reply(check, "250");
    ck_assert_ptr_nonnull(strstr(failures->str, "test-check.c:"));
    ck_assert_ptr_nonnull(
        strstr(failures->str, "expected \"250\", got \"550 5.7.1 you are listed\""));
    ck_assert_ptr_nonnull(strstr(failures->str, "RCPT TO:<honest@example.org>"));
    for (guint i = 0; i < 8; i++) {
        g_string_set_size(failures, 0);
        switch (i) {
        case 0:
            barid_check_assert_verdict(check, "defer");
            break;
        case 1:
            barid_check_assert_decided_by(check, "greylist");
            break;
        case 2:
            barid_check_assert_finding(check, "faulty.listed", "no");
            break;
        case 3:
            barid_check_assert_finding(check, "faulty.listed", NULL);
            break;
        case 4:
            barid_check_assert_record(check, "\"visits\":\"2\"");
            break;
        case 5:
            barid_check_assert_queue(check, "1");
            break;
        case 6:
            barid_check_assert_field(check, "Subject", "x");
            break;
        default:
            barid_check_assert(check, i == 0);
            break;
        }
        ck_assert_msg(failures->len > 0, "assertion %u did not fail", i);
    }
    barid_check_free(check);
}
END_TEST

/* Without a function of its own the process ends, whose message is seen before. */
START_TEST(test_failure_aborts)
{
    static const BaridCheckSetup setup = {BARID_CHECK_SETUP,
                                          .module = "src/check/tests/.libs/faulty.so"};
    BaridCheck *check = barid_check_new(&setup);

    barid_check_assert_reply(check, "250");
}
END_TEST

static jmp_buf way_out;

static void
jump_out(const gchar *message, gpointer data G_GNUC_UNUSED)
{
    note_failure(message, NULL);
    longjmp(way_out, 1);
}

/* As frameworks do that run tests in one process; the check is of use afterwards. */
START_TEST(test_failure_jumps)
{
    static const BaridCheckSetup setup = {
        BARID_CHECK_SETUP,
        .module = "src/check/tests/.libs/faulty.so",
        .failed = jump_out,
    };
    BaridCheck *volatile check = barid_check_new(&setup);

    barid_check_connect(check, .ip = NULL);
    if (setjmp(way_out) == 0) {
        barid_check_assert_reply(check, "550");
        ck_abort_msg("the assertion did not fail");
    }
    ck_assert_ptr_nonnull(strstr(failures->str, "expected \"550\""));
    barid_check_command(check, "NOOP");
    barid_check_assert_reply(check, "250");
    barid_check_free(check);
}
END_TEST

typedef struct {
    const gchar *what;
    BaridCheckSetup setup;
    const gchar *problem;
} Row;

static const Row rows[] = {
    {"all is well", {BARID_CHECK_SETUP, .module = "src/check/tests/.libs/faulty.so"}, NULL},
    {"no such module", {BARID_CHECK_SETUP, .module = "nowhere/absent.so"}, "not installed"},
    {"no path", {BARID_CHECK_SETUP, .module = "faulty"}, "is not the path of a .so"},
    {"an unknown setting",
     {BARID_CHECK_SETUP,
      .module = "src/check/tests/.libs/faulty.so",
      .config = "[module faulty]\nstroe = memory\n"},
     "configuration:2:1"},
    {"a broken zone",
     {BARID_CHECK_SETUP,
      .module = "src/check/tests/.libs/faulty.so",
      .zone = "a.example. A 1.2.3\n"},
     "zone text, line 1"},
};

START_TEST(test_problems)
{
    const Row *row = &rows[_i];
    g_autofree gchar *problems = barid_check_dup_problems(&row->setup);

    if (row->problem == NULL)
        ck_assert_msg(problems == NULL, "%s: %s", row->what, problems);
    else
        ck_assert_msg(problems != NULL && strstr(problems, row->problem) != NULL, "%s: %s",
                      row->what, problems);
}
END_TEST

/* --- suspensions --- */

static void
ask(BaridCheck *check, gconstpointer rcpt)
{
    barid_check_connect(check, .ip = NULL);
    barid_check_mail(check, "a@example.net");
    barid_check_rcpt(check, rcpt);
    barid_check_assert_reply(check, "250");
    if (barid_check_get_disturbance(check) == BARID_CHECK_TIMEOUT &&
        g_str_has_prefix(barid_check_get_reply(check), "451 4.3.0"))
        n_deferred++;
    if (barid_check_get_disturbance(check) == BARID_CHECK_CANCEL &&
        *barid_check_command(check, "NOOP") != '\0')
        g_string_append(failures, "the session goes on\n");
}

START_TEST(test_each_suspension)
{
    guint n = barid_check_each_suspension(&free_of_lists, ask, "honest@example.org");

    /* The observer, the name server, and the store twice. */
    ck_assert_uint_eq(n, 4);
    /* What observers do changes no answer. */
    ck_assert_uint_ge(n_deferred, 3);
    ck_assert_str_eq(failures->str, "");
}
END_TEST

static void
send_to_carol(BaridCheck *check, gconstpointer data G_GNUC_UNUSED)
{
    barid_check_connect(check, .ip = NULL);
    barid_check_mail(check, "alice@example.org");
    barid_check_rcpt(check, "carol@faulty.example");
    barid_check_message(check, "Subject: refused\n\n");
    barid_check_assert_reply(check, "250");
    barid_check_assert_field(check, "X-Faulty", "seen");
    barid_check_deliver(check);
    barid_check_do(check, "notice", "alice@example.org 5.2.1", NULL);
}

/* The observer, what waits for it at MESSAGE, and the transport. */
START_TEST(test_suspended_delivery)
{
    guint n = barid_check_each_suspension(&free_of_lists, send_to_carol, NULL);

    ck_assert_uint_eq(n, 3);
    ck_assert_str_eq(failures->str, "");
}
END_TEST

/* The observer, the questions, the helper and the pause. */
START_TEST(test_suspended_work)
{
    guint n = barid_check_each_suspension(&free_of_lists, ask, "bob@example.org");

    ck_assert_uint_ge(n, 4);
    ck_assert_str_eq(failures->str, "");
}
END_TEST

#ifndef BARID_SANITIZE /* has a malloc() of its own and finds leaks itself */
START_TEST(test_leak_is_found)
{
    barid_check_each_suspension(&free_of_lists, ask, "leaky@example.org");
    ck_assert_ptr_nonnull(strstr(failures->str, "bytes are left over after a timeout at wait 2 "
                                                "(faulty at rcpt)"));
    ck_assert_ptr_nonnull(strstr(failures->str, "after a cancellation at wait 2"));
    ck_assert_ptr_null(strstr(failures->str, "after a delay"));
}
END_TEST
#endif

START_TEST(test_loop_is_found)
{
    barid_check_each_suspension(&free_of_lists, ask, "endless@example.org");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("check");
    TCase *plain = tcase_create("plain");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(plain, begin, end);
    tcase_set_timeout(plain, 60);
    tcase_add_test(plain, test_session);
    tcase_add_test(plain, test_message);
    tcase_add_test(plain, test_attempt);
    tcase_add_test(plain, test_stores_and_time);
    tcase_add_test(plain, test_failures);
    tcase_add_test_raise_signal(plain, test_failure_aborts, SIGABRT);
    tcase_add_test(plain, test_failure_jumps);
    tcase_add_loop_test(plain, test_problems, 0, G_N_ELEMENTS(rows));
    tcase_add_test(plain, test_each_suspension);
    tcase_add_test(plain, test_suspended_delivery);
    tcase_add_test(plain, test_suspended_work);
#ifndef BARID_SANITIZE
    tcase_add_test(plain, test_leak_is_found);
#endif
    tcase_add_test_raise_signal(plain, test_loop_is_found, SIGABRT);
    suite_add_tcase(suite, plain);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
