/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "conf/rule-reasons.h"
#include "conf/tests/rule-fixture.h"

static guint limit_warnings;

static void
count_limits(BaridLogLevel level, const gchar *line, gpointer data G_GNUC_UNUSED)
{
    if (level == BARID_LOG_WARNING && strstr(line, "rule.match-limit") != NULL &&
        strstr(line, "error=\"match limit exceeded\"") != NULL)
        limit_warnings++;
}

static void
drop_lines(const gchar *lines G_GNUC_UNUSED, gsize len G_GNUC_UNUSED, gpointer data G_GNUC_UNUSED)
{
}

START_TEST(test_match_limit)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(BaridRule) rule = rule_compile_text("sender matches /^(a+)+$/", BARID_TYPE_CONDITION,
                                                  BARID_KNOWN_ATTEMPT, NULL, problems);
    Fake fake = fake_default;

    log_start(drop_lines, NULL, -1);
    log_set_tap(count_limits, NULL);
    /* Some 2^18 steps: more than ours, fewer than the library's own limit. */
    fake.sender = "aaaaaaaaaaaaaaaaaa!";
    ck_assert(!barid_rule_eval_bool(rule, (BaridScope *)&fake));
    ck_assert_uint_eq(limit_warnings, 1);
    fake.sender = "aaaa";
    ck_assert(barid_rule_eval_bool(rule, (BaridScope *)&fake));
    ck_assert_uint_eq(limit_warnings, 1);
    log_set_tap(NULL, NULL);
    log_stop();
}
END_TEST

START_TEST(test_many_branches)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(Arena) arena = arena_new(1024);
    g_autoptr(BaridRule) rule = NULL;
    Fake fake = fake_default;

    for (guint i = 0; i < 1000; i++)
        g_string_append_printf(text, "if size == %u and is-tls then %u else ", i, i * 2);
    g_string_append(text, "-1");
    rule = rule_compile_text(text->str, BARID_TYPE_RULE_INTEGER, BARID_KNOWN_ATTEMPT, NULL,
                             problems);
    ck_assert_ptr_nonnull(rule);
    for (guint i = 0; i < 1100; i += 7) {
        const RuleReasons *reasons;

        fake.size = i;
        ck_assert_int_eq(rule_eval_explained(rule, (BaridScope *)&fake, arena, &reasons),
                         i < 1000 ? (gint64)i * 2 : -1);
        ck_assert_uint_eq(reasons->branch, MIN(i, 1000));
        ck_assert_uint_eq(reasons->n_conditions, MIN(i + 1, RULE_REASONS_CONDITIONS_MAX));
        ck_assert_uint_eq(reasons->n_inputs, MIN(i, 999) == i ? 2 : 1);
    }
}
END_TEST

static gchar *
repeat(const gchar *before, guint count, const gchar *middle, const gchar *after)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < count; i++)
        g_string_append(text, before);
    g_string_append(text, middle);
    for (guint i = 0; i < count; i++)
        g_string_append(text, after);
    return g_string_free(text, FALSE);
}

START_TEST(test_depth)
{
    static const struct {
        const gchar *before, *middle, *after;
        guint allowed;
    } rows[] = {
        {"(", "is-tls", ")", 90},
        {"not ", "is-tls", "", 90},
        {"not (", "is-tls", ")", 40},
        {"lower(", "sender", ")", 90},
        {"(", "1 == 1", ")", 90},
        {"(", "0", " + 0)", 90},
    };
    static const guint counts[] = {101, 1000, 200000};

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(ConfigProblems) problems = config_problems_new();
        g_autofree gchar *text =
            repeat(rows[i].before, rows[i].allowed, rows[i].middle, rows[i].after);
        g_autofree gchar *rule_text =
            g_strconcat(text, i == 3   ? " == \"bounce-42@news.example.org\""
                                                   : i == 5 ? " == 0"
                                                            : "",
                                                   NULL);
        g_autoptr(BaridRule) rule = rule_compile_text(rule_text, BARID_TYPE_CONDITION,
                                                      BARID_KNOWN_ATTEMPT, NULL, problems);
        Fake fake = fake_default;

        ck_assert_msg(rule != NULL, "%s", rows[i].before);
        ck_assert(barid_rule_eval_bool(rule, (BaridScope *)&fake));
        for (gsize k = 0; k < G_N_ELEMENTS(counts); k++) {
            g_autofree gchar *deep =
                repeat(rows[i].before, counts[k], rows[i].middle, rows[i].after);
            const ConfigProblem *problem;

            ck_assert_ptr_null(rule_compile_text(deep, BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT,
                                                 NULL, problems));
            ck_assert_uint_eq(config_problems_get_count(problems), k + 1);
            problem = config_problems_get(problems, (guint)k);
            ck_assert_ptr_nonnull(strstr(problem->message, "nested more than 100 deep"));
        }
    }
}
END_TEST

START_TEST(test_long_row)
{
    g_autofree gchar *allowed = repeat("1 + ", 100, "1 == 101", "");
    g_autofree gchar *products = repeat("1 * ", 500000, "1 == 1", "");
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(BaridRule) rule = rule_compile_text(allowed, BARID_TYPE_CONDITION,
                                                  BARID_KNOWN_ATTEMPT, NULL, problems);

    ck_assert(barid_rule_eval_bool(rule, NULL));
    ck_assert_ptr_null(rule_compile_text(products, BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, NULL,
                                         problems));
    ck_assert_uint_eq(config_problems_get_count(problems), 1);
    ck_assert_ptr_nonnull(strstr(config_problems_get(problems, 0)->message,
                                 "more than 100 operations stand in a row"));
}
END_TEST

START_TEST(test_large_sets)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(GString) networks = g_string_new("remote-ip in {");
    g_autoptr(GString) texts = g_string_new("sender in {");
    g_autoptr(BaridRule) in_networks = NULL;
    g_autoptr(BaridRule) in_texts = NULL;
    Fake fake = fake_default;

    for (guint i = 0; i < 2000; i++) {
        /* Every second /24 of 10.0.0.0/8, backwards. */
        guint net = (1999 - i) * 2;

        g_string_append_printf(networks, "%s10.%u.%u.0/24", i == 0 ? "" : ", ", net / 256,
                               net % 256);
        g_string_append_printf(texts, "%s\"u%u@example.org\"", i == 0 ? "" : ",", i);
    }
    g_string_append_c(networks, '}');
    g_string_append_c(texts, '}');
    in_networks = rule_compile_text(networks->str, BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, NULL,
                                    problems);
    in_texts = rule_compile_text(texts->str, BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, NULL,
                                 problems);
    ck_assert_uint_eq(config_problems_get_count(problems), 0);
    for (guint i = 0; i < 4200; i += 13) {
        g_autofree gchar *ip = g_strdup_printf("10.%u.%u.%u", i / 256, i % 256, i % 251);
        g_autofree gchar *sender = g_strdup_printf("u%u@example.org", i);

        fake.remote_ip = ip;
        fake.sender = sender;
        ck_assert_int_eq(barid_rule_eval_bool(in_networks, (BaridScope *)&fake),
                         i % 2 == 0 && i < 4000);
        ck_assert_int_eq(barid_rule_eval_bool(in_texts, (BaridScope *)&fake), i < 2000);
    }
}
END_TEST

START_TEST(test_list_problems)
{
    g_autofree gchar *path = NULL;
    g_autofree gchar *text = NULL;
    g_autofree gchar *config = NULL;
    RuleSetup setup;
    g_autoptr(BaridRule) rule = NULL;
    Fake fake = fake_default;
    int fd = g_file_open_tmp("barid-list-XXXXXX", &path, NULL);

    ck_assert_int_ge(fd, 0);
    g_close(fd, NULL);
    ck_assert(g_file_set_contents(path, "# nets\n\n 10.0.0.0/8 \r\nx\n192.0.2.0/24", -1, NULL));
    config = g_strdup_printf("[list a]\ntype = networks\nentries = 127.0.0.1, y\nfile = %s\n"
                             "[list b]\ntype = words\n[list]\n[list c]\nfile = /nonexistent/x\n"
                             "[list d]\ntype = patterns\nentries = abc, /(/\nfil = x\n",
                             path);
    rule_setup_init(&setup, config);
    config_tree_report_unknown(setup.tree, setup.problems);
    text = config_problems_to_text(setup.problems);
    g_unlink(path);
    ck_assert_ptr_nonnull(strstr(text, "f:3:22: [list a] entries: an address or a network"));
    ck_assert_ptr_nonnull(strstr(text, ":4:1: an address or a network"));
    ck_assert_ptr_nonnull(
        strstr(text, "f:6:8: [list b] type: write one of: text, networks, patterns, gl"));
    ck_assert_ptr_nonnull(strstr(text, "f:7:1: a list needs a name"));
    ck_assert_ptr_nonnull(strstr(text, "f:9:8: [list c] file: "));
    ck_assert_ptr_nonnull(strstr(text, "f:12:11: [list d] entries: a pattern is written /.../"));
    ck_assert_ptr_nonnull(strstr(text, "f:12:16: [list d] entries: missing closing parenthesis"));
    ck_assert_ptr_nonnull(strstr(text, "there is no setting fil; did you mean file?"));
    rule = rule_compile_text("remote-ip in list \"a\"", BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT,
                             setup.lists, setup.problems);
    ck_assert(barid_rule_eval_bool(rule, (BaridScope *)&fake));
    fake.remote_ip = "11.0.0.1";
    ck_assert(!barid_rule_eval_bool(rule, (BaridScope *)&fake));
    rule_setup_clear(&setup);
}
END_TEST

static RuleAnswer
lookup_store(BaridScope *scope G_GNUC_UNUSED, gpointer store, BaridSlice key,
             Arena *scratch G_GNUC_UNUSED, BaridSlice *out_text)
{
    ck_assert_str_eq(store, "main");
    if (barid_slice_equal_text(key, "down"))
        return RULE_ANSWER_FAILED;
    *out_text = BARID_SLICE_LITERAL("value");
    return barid_slice_equal_text(key, "there") ? RULE_ANSWER_FOUND : RULE_ANSWER_ABSENT;
}

static gpointer
resolve_store(const gchar *name, gpointer data, GError **error)
{
    if (strcmp(name, data) == 0)
        return data;
    g_set_error(error, BARID_ERROR, BARID_ERROR_NOT_FOUND, "there is no [store %s]", name);
    return NULL;
}

START_TEST(test_store)
{
    static const struct {
        const gchar *text, *sender;
        gint64 expected;
    } rows[] = {
        {"if sender in store \"main\" then 1 else if yes then 2 else 3", "there", 1},
        {"if sender in store \"main\" then 1 else if yes then 2 else 3", "away", 2},
        {"if sender in store \"main\" then 1 else if is-tls then 2 else 3", "down", 2},
        /* A failure is not the opposite of an answer. */
        {"if not sender in store \"main\" then 1 else 2", "away", 1},
        {"if not sender in store \"main\" then 1 else 2", "there", 2},
        {"if not sender in store \"main\" then 1 else 2", "down", 2},
        {"if sender in store \"main\" or yes == is-tls then 1 else 2", "down", 2},
    };
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autofree gchar *text = NULL;

    rule_store_register(resolve_store, lookup_store, (gpointer)"main");
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(BaridRule) rule = rule_compile_text(rows[i].text, BARID_TYPE_RULE_INTEGER,
                                                      BARID_KNOWN_ATTEMPT, NULL, problems);
        Fake fake = fake_default;

        ck_assert_ptr_nonnull(rule);
        fake.sender = rows[i].sender;
        ck_assert_msg(barid_rule_eval_integer(rule, (BaridScope *)&fake) == rows[i].expected,
                      "%s: %s", rows[i].text, rows[i].sender);
    }
    ck_assert_ptr_null(rule_compile_text("sender in store \"mian\"", BARID_TYPE_CONDITION,
                                         BARID_KNOWN_ATTEMPT, NULL, problems));
    text = config_problems_to_text(problems);
    ck_assert_ptr_nonnull(strstr(text, "default:1:17: there is no [store mian]"));
    rule_store_register(NULL, NULL, NULL);
}
END_TEST

START_TEST(test_variables)
{
    g_autofree const gchar **names = rule_variable_names();
    guint count = 0;
    RuleType type;
    BaridKnown known;

    while (names[count] != NULL)
        count++;
    ck_assert_uint_eq(count, 14);
    ck_assert(rule_variable_get_info("queue-age", &type, &known));
    ck_assert_int_eq(type, RULE_DURATION);
    ck_assert_int_eq(known, BARID_KNOWN_ATTEMPT);
    ck_assert(!rule_variable_get_info("nothing", &type, &known));
}
END_TEST

START_TEST(test_null_rule)
{
    g_autofree gchar *text = barid_rule_eval_text(NULL, NULL);

    ck_assert_str_eq(text, "");
    ck_assert(!barid_rule_eval_bool(NULL, NULL));
    ck_assert_int_eq(barid_rule_eval_size(NULL, NULL), 0);
    ck_assert_int_eq(barid_rule_get_known(NULL), BARID_KNOWN_ALWAYS);
}
END_TEST

static gpointer
evaluate_often(gpointer data)
{
    Fake fake = fake_default;
    gsize right = 0;

    for (guint i = 0; i < 2000; i++) {
        g_autofree gchar *text = NULL;

        fake.sender = i % 2 == 0 ? "bounce-7@a" : "x@a";
        text = barid_rule_eval_text(data, (BaridScope *)&fake);
        right += strcmp(text, i % 2 == 0 ? "7" : "no") == 0;
    }
    return GSIZE_TO_POINTER(right);
}

START_TEST(test_threads)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(BaridRule) rule =
        rule_compile_text("if lower(sender) matches /^bounce-(.)/ then ${1} else no",
                          BARID_TYPE_RULE_TEXT, BARID_KNOWN_ATTEMPT, NULL, problems);
    GThread *threads[3];

    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("rule", evaluate_often, rule);
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        ck_assert_uint_eq(GPOINTER_TO_SIZE(g_thread_join(threads[i])), 2000);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("rule-limits");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, test_match_limit);
    tcase_add_test(tcase, test_many_branches);
    tcase_add_test(tcase, test_depth);
    tcase_add_test(tcase, test_long_row);
    tcase_add_test(tcase, test_large_sets);
    tcase_add_test(tcase, test_list_problems);
    tcase_add_test(tcase, test_store);
    tcase_add_test(tcase, test_variables);
    tcase_add_test(tcase, test_null_rule);
    tcase_add_test(tcase, test_threads);
    tcase_set_timeout(tcase, 30);
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(void)
{
    SRunner *runner;
    int failed;

    rule_fixture_register();
    runner = srunner_create(make_suite());
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
