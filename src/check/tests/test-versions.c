/* SPDX-License-Identifier: Apache-2.0 */
/* Modules that were built for other versions of the interface (tests/abi). */
#include <check.h>
#include <stdlib.h>

#include <barid/check.h>
#include <barid/macros.h>

typedef struct {
    const gchar *module;
    const gchar *problem; /* a pattern, or NULL */
} Row;

static const Row rows[] = {
    {"newmajor", "*module newmajor: it was built for version 2.?* of the interface, and this "
                 "server has 1.?*: it has to be built anew*"},
    {"newminor", "*module newminor: it needs version 1.999 of the interface, and this server "
                 "has 1.?*: the server is too old for it*"},
    {"old", NULL},
};

START_TEST(test_versions)
{
    const Row *row = &rows[_i];
    g_autofree gchar *path = g_strdup_printf("tests/abi/.libs/%s.so", row->module);
    const BaridCheckSetup setup = {BARID_CHECK_SETUP, .module = path,
                                   .config = "[store own]\ndriver = memory\n"};
    g_autofree gchar *problems = barid_check_dup_problems(&setup);

    if (row->problem == NULL)
        ck_assert_msg(problems == NULL, "%s", problems);
    else
        ck_assert_msg(problems != NULL && g_pattern_match_simple(row->problem, problems), "%s",
                      problems);
}
END_TEST

/* Everything of it is of use. */
START_TEST(test_old)
{
    static const BaridCheckSetup setup = {
        BARID_CHECK_SETUP,
        .module = "tests/abi/.libs/old.so",
        .config = "[store own]\ndriver = old\n"
                  "[module old]\nbyte = o\nrefuse = rcpt == \"bob@example.org\"\n"
                  "text = if sender-domain == \"a.example\" then \"no ${rcpt}\" else \"never\"\n"
                  "[domain old.example]\ntransport = old\n[user carol]\n"
                  "addresses = carol@old.example\n",
    };
    BaridCheck *check = barid_check_new(&setup);

    /* What this test is for: something that was not there yet. */
    ck_assert_int_gt(BARID_API_MINOR, 0);
    barid_check_connect(check, .ip = "192.0.2.7");
    barid_check_mail(check, "s@a.example");
    barid_check_rcpt(check, "bob@example.org");
    barid_check_assert_reply(check, "550 5.7.1 no bob@example.org");
    barid_check_rcpt(check, "carol@old.example");
    barid_check_assert_reply(check, "250");
    barid_check_assert_record(check, "*\"seen\":\"1\"*\"seen\":\"2\"");
    barid_check_message(check, "Subject: foo\n\nfoo bor\n");
    barid_check_assert_reply(check, "250");
    barid_check_assert_finding(check, "old.count", "3");
    barid_check_assert_field(check, "X-Old", "3");
    barid_check_deliver(check);
    barid_check_do(check, "history", "3 were counted", NULL);
    barid_check_free(check);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("versions");
    TCase *cases = tcase_create("versions");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_versions, 0, G_N_ELEMENTS(rows));
    tcase_add_test(cases, test_old);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
