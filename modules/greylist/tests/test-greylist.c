/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "store/tests/module-fixture.h"

extern const BaridModule greylist_LTX_barid_module;

enum { START_MS = 1000000000, MINUTE_MS = 60000 };

#define CONFIG "[module greylist]\nenabled = yes\nstore = memory\n"

static guint
ask(ModuleFixture *fixture, const gchar *ip, const gchar *user, const gchar *sender,
    const gchar *rcpt)
{
    ModuleSession session;
    guint code;

    module_session_init(&session, fixture, ip);
    session.session.user = user;
    ck_assert_uint_eq(module_session_mail(&session, sender), 0);
    code = module_session_rcpt(&session, rcpt);
    module_session_clear(&session);
    return code;
}

typedef struct {
    const gchar *what;
    const gchar *ip, *user, *sender, *rcpt;
    gint64 after_ms; /* since s@a.test -> r@d.test was seen from 192.0.2.7 */
    guint code;
} Row;

static const Row rows[] = {
    {"too early", "192.0.2.7", NULL, "s@a.test", "r@d.test", 4 * MINUTE_MS, 451},
    {"late enough", "192.0.2.7", NULL, "s@a.test", "r@d.test", 5 * MINUTE_MS, 0},
    {"same network", "192.0.2.200", NULL, "s@a.test", "r@d.test", 6 * MINUTE_MS, 0},
    {"other spelling", "192.0.2.7", NULL, "S@A.test", "R@d.TEST", 6 * MINUTE_MS, 0},
    {"other network", "192.0.3.7", NULL, "s@a.test", "r@d.test", 6 * MINUTE_MS, 451},
    {"other sender", "192.0.2.7", NULL, "t@a.test", "r@d.test", 6 * MINUTE_MS, 451},
    {"null sender", "192.0.2.7", NULL, "", "r@d.test", 6 * MINUTE_MS, 451},
    {"other recipient", "192.0.2.7", NULL, "s@a.test", "q@d.test", 6 * MINUTE_MS, 451},
    {"user", "198.51.100.1", "ali", "s@a.test", "r@d.test", 0, 0},
    {"whitelisted", "127.0.0.1", NULL, "s@a.test", "r@d.test", 0, 0},
    {"whitelisted over IPv6", "::1", NULL, "s@a.test", "r@d.test", 0, 0},
    {"IPv6", "2001:db8::1", NULL, "s@a.test", "r@d.test", 6 * MINUTE_MS, 451},
    {"forgotten", "192.0.2.7", NULL, "s@a.test", "r@d.test",
     G_GINT64_CONSTANT(36) * 24 * 60 * MINUTE_MS, 451},
};

START_TEST(test_rows)
{
    const Row *row = &rows[_i];
    ModuleFixture fixture;
    guint code;

    module_fixture_init(&fixture, &greylist_LTX_barid_module, CONFIG);
    ck_assert_msg(fixture.problem == NULL, "%s", fixture.problem);
    ck_assert_uint_eq(ask(&fixture, "192.0.2.7", NULL, "s@a.test", "r@d.test"), 451);
    module_fixture_set_now(START_MS + row->after_ms);
    code = ask(&fixture, row->ip, row->user, row->sender, row->rcpt);
    ck_assert_msg(code == row->code, "%s: %u", row->what, code);
    module_fixture_clear(&fixture);
}
END_TEST

START_TEST(test_each_mail_renews)
{
    ModuleFixture fixture;

    module_fixture_init(&fixture, &greylist_LTX_barid_module,
                        CONFIG "lifetime = 1h\ndelay = 5min\n");
    ask(&fixture, "192.0.2.7", NULL, "s@a.test", "r@d.test");
    for (gint64 minutes = 50; minutes < 300; minutes += 50) {
        module_fixture_set_now(START_MS + minutes * MINUTE_MS);
        ck_assert_uint_eq(ask(&fixture, "192.0.2.7", NULL, "s@a.test", "r@d.test"), 0);
    }
    module_fixture_clear(&fixture);
}
END_TEST

START_TEST(test_ipv6_network)
{
    ModuleFixture fixture;

    module_fixture_init(&fixture, &greylist_LTX_barid_module, CONFIG);
    ask(&fixture, "2001:db8:0:1::1", NULL, "s@a.test", "r@d.test");
    module_fixture_set_now(START_MS + 6 * MINUTE_MS);
    ck_assert_uint_eq(ask(&fixture, "2001:db8:0:1:ffff::2", NULL, "s@a.test", "r@d.test"), 0);
    ck_assert_uint_eq(ask(&fixture, "2001:db8:0:2::1", NULL, "s@a.test", "r@d.test"), 451);
    module_fixture_clear(&fixture);
}
END_TEST

START_TEST(test_reply_and_record)
{
    ModuleFixture fixture;
    ModuleSession session;

    module_fixture_init(&fixture, &greylist_LTX_barid_module, CONFIG);
    module_session_init(&session, &fixture, "192.0.2.7");
    module_session_mail(&session, "s@a.test");
    ck_assert_uint_eq(module_session_rcpt(&session, "r@d.test"), 451);
    ck_assert_str_eq(session.outcome.enhanced, "4.7.1");
    ck_assert_str_eq(session.outcome.reason, "greylisted");
    ck_assert_str_eq(scope_peek_finding(&session.txn.scope, "greylist.age"), "0");
    ck_assert_str_eq(module_session_get_input(&session.txn.scope, "network"), "192.0.2.0/24");
    ck_assert_str_eq(module_session_get_input(&session.txn.scope, "delay"), "300s");
    module_fixture_set_now(START_MS + 7 * MINUTE_MS);
    ck_assert_uint_eq(module_session_rcpt(&session, "r@d.test"), 0);
    ck_assert_str_eq(scope_peek_finding(&session.txn.scope, "greylist.age"), "420");
    ck_assert_str_eq(module_session_get_input(&session.txn.scope, "age"), "420s");
    module_session_clear(&session);
    module_fixture_clear(&fixture);
}
END_TEST

typedef struct {
    const gchar *what;
    const gchar *config;
    const gchar *problem;
} ProblemRow;

static const ProblemRow problem_rows[] = {
    {"no such store", "[module greylist]\nstore = nowhere\n", "there is no [store nowhere]"},
    {"default store missing", "[module greylist]\n", "there is no [store local]"},
    {"default store", "[module greylist]\n[store local]\n", NULL},
    {"lifetime below delay", CONFIG "delay = 1h\nlifetime = 30min\n", "longer than delay"},
    {"for ever", CONFIG "lifetime = 0\n", NULL},
    {"bad network", CONFIG "networks = 192.0.2.1/24\n", "network"},
    {"bad prefix", CONFIG "ipv4-prefix = 33\n", "from 0 to 32"},
};

START_TEST(test_problems)
{
    const ProblemRow *row = &problem_rows[_i];
    ModuleFixture fixture;

    module_fixture_init(&fixture, &greylist_LTX_barid_module, row->config);
    if (row->problem == NULL)
        ck_assert_msg(fixture.problem == NULL, "%s: %s", row->what, fixture.problem);
    else
        ck_assert_msg(fixture.problem != NULL && strstr(fixture.problem, row->problem) != NULL,
                      "%s: %s", row->what, fixture.problem);
    module_fixture_clear(&fixture);
}
END_TEST

static Suite *
greylist_suite(void)
{
    Suite *suite = suite_create("greylist");
    TCase *tcase = tcase_create("greylist");

    tcase_add_loop_test(tcase, test_rows, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tcase, test_each_mail_renews);
    tcase_add_test(tcase, test_ipv6_network);
    tcase_add_test(tcase, test_reply_and_record);
    tcase_add_loop_test(tcase, test_problems, 0, G_N_ELEMENTS(problem_rows));
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(void)
{
    SRunner *runner = srunner_create(greylist_suite());
    int failed;

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
