/* SPDX-License-Identifier: Apache-2.0 */
/* What a dialogue's report says: each failure with its place, and what went before. */
#include <check.h>
#include <stdlib.h>

#include "base/log.h"
#include "sim/dialogue.h"
#include "sim/folder.h"

static const gchar base_config[] =
    "[server]\n"
    "hostname = mx.example.org\n"
    "[listener smtp]\n"
    "address = 127.0.0.1:2525\n"
    "[domain example.org]\n"
    "transport = judge\n"
    "[module judge]\n"
    "enabled = yes\n"
    "[user alice]\n"
    "addresses = alice@example.org\n"
    "[rcpt]\n"
    "relay = yes\n";

#define MESSAGE \
    "mail-from: alice@example.org\nrcpt-to: a@out.example\nmessage:\n    Subject: x\n\n    y\n"
#define PEER \
    "dns:\n    out.example. A 198.51.100.1\npeer: out.example\n    offers: STARTTLS\n"

static const struct {
    const gchar *what, *script;
    guint line;                   /* of the first failure; 0: there is none */
    const gchar *expected, *got;  /* got: a beginning; expected NULL: a message */
    guint n_failures;
} rows[] = {
    {"a reply as expected", "connect\nS: 220\n", 0, NULL, NULL, 0},
    {"another reply", "connect\nS: 220\nC: NOOP\nS: 500\nC: QUIT\n", 4, "500", "250 2.0.0", 1},
    {"a reply left over", "connect\nS: 220\nC: NOOP\nC: NOOP\nS: 250\nwait: 1s\n", 6, NULL,
     "there are replies that nobody expected", 1},
    {"a word that is none", "conect\n", 1, NULL,
     "there is no word \"conect\"; did you mean \"connect\"?", 1},
    {"a block where none may be", "connect\n    x\n", 1, NULL,
     "\"connect\" takes no indented lines", 1},
    {"two expectations", MESSAGE "queue: 2\nheader: Subject: z\nqueue: 1\n", 7, "2", "1", 2},
    {"a refusal of a short form", "mail-from: <a\n", 1, "a reply 2xx or 3xx", "501", 1},
    {"a configuration that is none", "config:\n    [nonsense]\nconnect\n", 0, NULL, NULL, 1},
    {"zone text that is none", "dns:\n    a.example. MX\nconnect\n", 0, NULL, NULL, 1},
    {"a peer that cannot be", "peer: a\n    rcpt perhaps\n", 1, NULL, "a peer cannot do that", 1},
    {"no such listener", "listener: x\n", 1, NULL, "there is no listener x", 1},
    {"no connection", "C: NOOP\n", 1, NULL, "there is no connection", 1},
    {"no time", "now: noon\n", 1, NULL, "no time: noon", 1},
    {"no duration", "wait: long\n", 1, NULL, "no duration: long", 1},
    {"a next hop", PEER MESSAGE "deliver\ndelivered-to: a@out.example out.example\nqueue: 0\n", 0,
     NULL, NULL, 0},
    {"a next hop that nobody answers for", "dns:\n    out.example. A 198.51.100.1\n" MESSAGE
     "deliver\nqueue: 0\n", 10, "0", "1", 1},
    {"what is left in the middle", PEER "peer: b\n    greeting silence\n" MESSAGE "deliver\n"
                                        "mail-from: alice@example.org\n", 0, NULL, NULL, 0},
};

START_TEST(test_report)
{
    g_autofree gchar *folder = g_dir_make_tmp("barid-script-XXXXXX", NULL);
    g_autofree gchar *path = g_build_filename(folder, "script", NULL);
    g_autoptr(ConfigFiles) base = config_files_new_text("base", base_config);
    g_auto(DialogueReport) report = {.failures = NULL};
    const DialogueFailure *failure;

    ck_assert(g_file_set_contents(path, rows[_i].script, -1, NULL));
    dialogue_run(&(DialogueOptions){.path = path, .folder = folder, .base = base}, &report);
    sim_remove_folder(folder);
    failure = report.failures->len == 0 ? NULL : g_ptr_array_index(report.failures, 0);
    ck_assert_msg(report.failures->len == rows[_i].n_failures, "%s: %u failures: %s",
                  rows[_i].what, report.failures->len, failure == NULL ? "" : failure->message);
    if (failure == NULL)
        return;
    ck_assert_uint_eq(failure->line, rows[_i].line);
    ck_assert_pstr_eq(failure->expected, rows[_i].expected);
    if (rows[_i].got != NULL)
        ck_assert_msg(g_str_has_prefix(failure->got == NULL ? failure->message : failure->got,
                                       rows[_i].got),
                      "%s: %s", rows[_i].what, failure->message);
}
END_TEST

START_TEST(test_session)
{
    g_autofree gchar *folder = g_dir_make_tmp("barid-script-XXXXXX", NULL);
    g_autofree gchar *path = g_build_filename(folder, "script", NULL);
    g_autoptr(ConfigFiles) base = config_files_new_text("base", base_config);
    g_auto(DialogueReport) report = {.failures = NULL};

    ck_assert(g_file_set_contents(path, "connect\nS: 220\nC: NOOP\nS: 500\n", -1, NULL));
    dialogue_run(&(DialogueOptions){.path = path, .folder = folder, .base = base}, &report);
    sim_remove_folder(folder);
    ck_assert_uint_eq(report.session->len, 3);
    ck_assert_str_eq(g_ptr_array_index(report.session, 1), "   3  C: NOOP");
    ck_assert(g_str_has_prefix(g_ptr_array_index(report.session, 2), "   4  S: 250 2.0.0"));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("dialogue");
    TCase *cases = tcase_create("dialogue");
    SRunner *runner = srunner_create(suite);
    int failed;

    log_set_level(BARID_LOG_ERROR);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, test_report, 0, G_N_ELEMENTS(rows));
    tcase_add_test(cases, test_session);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
