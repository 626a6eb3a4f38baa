/* SPDX-License-Identifier: Apache-2.0 */
/* Words that are misspelt are found when the configuration is loaded, in every branch. */
#include <check.h>
#include <stdlib.h>

#include "base/log.h"
#include "conf/config-value.h"
#include "conf/tests/rule-fixture.h"

static const gchar config_text[] =
    "[listener main]\naddress = a\n[listener submission]\naddress = b\n"
    "[rule office]\ncondition = weekday in {mon, teu}\n";

static const gchar *const level_words[] = {"off", "relaxed", "strict", NULL};

static gchar *
check_even(const gchar *text, gpointer data)
{
    ck_assert_str_eq(data, "even");
    return strlen(text) % 2 == 0 ? NULL : g_strdup_printf("%s is odd", text);
}

static const RuleBounds word_bounds = {.words = level_words};
static gchar even[] = "even";
static const RuleBounds even_bounds = {.check_text = check_even, .check_data = even};

/* (problem) NULL: it is right, and gives (expected). */
static const struct {
    BaridSettingType type;
    const RuleBounds *bounds;
    const gchar *text, *problem, *expected;
} word_rows[] = {
    /* Of settings. */
    {BARID_TYPE_RULE_TEXT, &word_bounds, "if is-tls then relaxed else \"off\"", NULL, "relaxed"},
    {BARID_TYPE_RULE_TEXT, &word_bounds, "strcit",
     "default:1:1: there is no \"strcit\" here; did you mean strict?\n"
     "    strcit\n    ^~~~~~\n", NULL},
    {BARID_TYPE_RULE_TEXT, &word_bounds, "if is-tls then relaxd else off",
     "default:1:16: there is no \"relaxd\" here; did you mean relaxed?", NULL},
    {BARID_TYPE_RULE_TEXT, &word_bounds, "if is-tls then off else if size > 1 then on else xxxxxxx",
     "default:1:42: there is no \"on\" here; write one of: off, relaxed, strict", NULL},
    {BARID_TYPE_RULE_TEXT, &word_bounds, "if is-tls then off else if size > 1 then on else xxxxxxx",
     "default:1:50: there is no \"xxxxxxx\" here; write one of", NULL},
    {BARID_TYPE_RULE_TEXT, &word_bounds, "if is-tls then off else strict on-failure of",
     "default:1:43: there is no \"of\" here; did you mean off?", NULL},
    {BARID_TYPE_RULE_TEXT, &word_bounds, "${listener}", NULL, "main"},
    {BARID_TYPE_RULE_TEXT, &even_bounds, "if is-tls then ab else abcd", NULL, "ab"},
    {BARID_TYPE_RULE_TEXT, &even_bounds, "if is-tls then ab else abc",
     "default:1:24: abc is odd", NULL},
    /* Of variables. */
    {BARID_TYPE_RULE_TEXT, NULL, "if weekday == tue then a else b", NULL, "a"},
    {BARID_TYPE_RULE_TEXT, NULL, "if weekday != \"tue\" then a else b", NULL, "b"},
    {BARID_TYPE_RULE_TEXT, NULL, "if weekday in {mon, \"tue\"} and is-tls then a else b",
     NULL, "a"},
    {BARID_TYPE_RULE_TEXT, NULL, "if weekday in {sat, sun} then a else b", NULL, "b"},
    {BARID_TYPE_RULE_TEXT, NULL, "if weekday == lower(\"TUE\") then a else b", NULL, "a"},
    {BARID_TYPE_RULE_TEXT, NULL, "if weekday == listener then a else b", NULL, "b"},
    {BARID_TYPE_RULE_TEXT, NULL, "if listener == submission then a else b", NULL, "b"},
    {BARID_TYPE_RULE_TEXT, NULL, "if listener == \"\" then a else b", NULL, "b"},
    {BARID_TYPE_CONDITION, NULL, "weekday in {mon, teu}",
     "default:1:18: weekday: there is no \"teu\" here; did you mean tue?\n", NULL},
    {BARID_TYPE_CONDITION, NULL, "weekday in {\"mon\", \"tuesday\"}",
     "default:1:20: weekday: there is no \"tuesday\" here; write one of: mon, tue, wed", NULL},
    {BARID_TYPE_CONDITION, NULL, "weekday == mno",
     "default:1:12: weekday: there is no \"mno\" here", NULL},
    {BARID_TYPE_CONDITION, NULL, "\"mno\" == weekday",
     "default:1:1: weekday: there is no \"mno\"", NULL},
    {BARID_TYPE_CONDITION, NULL, "listener != submision",
     "default:1:13: listener: there is no \"submision\" here; did you mean submission?", NULL},
    {BARID_TYPE_CONDITION, NULL, "listener in {\"main\", \"mian\"}",
     "default:1:22: listener: there is no \"mian\" here; did you mean main?", NULL},
    {BARID_TYPE_CONDITION, NULL, "rule \"office\"",
     "f:6:30: [rule office] condition: weekday: there is no \"teu\" here",
     NULL},
    /* Others are what they were. */
    {BARID_TYPE_CONDITION, NULL, "sender == mon", "there is no variable mon", NULL},
    {BARID_TYPE_CONDITION, NULL, "sender in {mon}", "texts stand in quotes: \"mon\"", NULL},
};

START_TEST(test_words)
{
    const gchar *text = word_rows[_i].text;
    Fake fake = fake_default;
    RuleSetup setup;
    g_autoptr(Arena) arena = arena_new(256);
    g_autoptr(BaridRule) rule = NULL;
    g_autofree gchar *problems = NULL;
    g_autofree gchar *result = NULL;

    rule_setup_init(&setup, config_text);
    rule = rule_compile_bounded(config_value_new_text(arena, NULL, NULL, text),
                                word_rows[_i].type, BARID_KNOWN_ATTEMPT, word_rows[_i].bounds,
                                setup.lists, setup.problems);
    problems = config_problems_to_text(setup.problems);
    if (word_rows[_i].problem != NULL) {
        ck_assert_msg(rule == NULL && strstr(problems, word_rows[_i].problem) != NULL, "%s: %s",
                      text, problems);
    } else {
        ck_assert_msg(rule != NULL, "%s: %s", text, problems);
        result = barid_rule_eval_text(rule, (BaridScope *)&fake);
        ck_assert_msg(strcmp(result, word_rows[_i].expected) == 0, "%s: %s", text, result);
    }
    g_clear_pointer(&rule, rule_free);
    rule_setup_clear(&setup);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("rule-words");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_words, 0, G_N_ELEMENTS(word_rows));
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(void)
{
    SRunner *runner;
    int failed;

    log_set_level(BARID_LOG_WARNING);
    rule_fixture_register();
    runner = srunner_create(make_suite());
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
