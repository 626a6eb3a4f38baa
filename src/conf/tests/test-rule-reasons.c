/* SPDX-License-Identifier: Apache-2.0 */
/* Why a rule gave what it gave: which condition held, with which values. */
#include <check.h>
#include <stdlib.h>

#include "base/log.h"
#include "conf/config-value.h"
#include "conf/rule-reasons.h"
#include "conf/tests/rule-fixture.h"

/* Keys of the fake store are found when they begin with "a"; "b" fails. */
static gpointer
resolve_store(const gchar *name, gpointer data G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    static gint store;

    ck_assert_str_eq(name, "fruits");
    return &store;
}

static RuleAnswer
lookup_store(BaridScope *scope G_GNUC_UNUSED, gpointer store G_GNUC_UNUSED, BaridSlice key,
             Arena *scratch G_GNUC_UNUSED, BaridSlice *out_text)
{
    if (key.len > 0 && key.data[0] == 'a') {
        *out_text = BARID_SLICE_LITERAL("round");
        return RULE_ANSWER_FOUND;
    }
    if (key.len > 0 && key.data[0] == 'b') {
        *out_text = BARID_SLICE_LITERAL("the store is closed");
        return RULE_ANSWER_FAILED;
    }
    return RULE_ANSWER_ABSENT;
}

static const gchar named_text[] =
    "[rule large]\ncondition = size > 4M\n"
    "[rule all]\ncondition = yes\n"
    "[rule plain-large]\ncondition = rule \"large\" and\n  not is-tls\n";
static RuleSetup setup;

#define BEGIN "{\"setting\":\"q limit\",\"value\":"
#define AT(n) ",\"file\":\"default\",\"line\":" #n
#define IP "\"remote-ip\":\"192.0.2.7\""

/* clang-format off */
static const struct {
    const gchar *what;
    BaridSettingType type;
    const gchar *text, *expected;
} reason_rows[] = {
    {"a constant says nothing", BARID_TYPE_RULE_INTEGER, "5", ""},
    {"the first branch", BARID_TYPE_RULE_INTEGER, "if remote-ip in 192.0.2.0/24 then 1 else 2",
     BEGIN "\"1\"" AT(1) ",\"conditions\":[{\"text\":\"remote-ip in 192.0.2.0/24\",\"held\":true}],"
     "\"inputs\":{" IP "}}"},
    {"a branch that lost", BARID_TYPE_RULE_DURATION,
     "if remote-ip in 10.0.0.0/8 then 1s else if listener == \"main\" then 90s else 3s",
     BEGIN "\"90s\"" AT(1) ",\"conditions\":[{\"text\":\"remote-ip in 10.0.0.0/8\",\"held\":false},"
     "{\"text\":\"listener == \\\"main\\\"\",\"held\":true}],"
     "\"inputs\":{" IP ",\"listener\":\"main\"}}"},
    {"the else branch", BARID_TYPE_RULE_TEXT, "if is-tls == no then x else y",
     BEGIN "\"y\"" AT(1) ",\"conditions\":[{\"text\":\"is-tls == no\",\"held\":false}],"
     "\"inputs\":{\"is-tls\":\"yes\"}}"},
    {"what was not read is not told", BARID_TYPE_RULE_INTEGER,
     "if is-tls or remote-ip in 10.0.0.0/8 then 1 else 2",
     BEGIN "\"1\"" AT(1) ","
     "\"conditions\":[{\"text\":\"is-tls or remote-ip in 10.0.0.0/8\",\"held\":true}],"
     "\"inputs\":{\"is-tls\":\"yes\"}}"},
    {"a variable of a family, once", BARID_TYPE_RULE_INTEGER,
     "if finding.spf == \"a\" or finding.spf == \"<spf>\" then 1 else 2",
     BEGIN "\"1\"" AT(1) ","
     "\"conditions\":[{\"text\":\"finding.spf == \\\"a\\\" or finding.spf == \\\"<spf>\\\"\","
     "\"held\":true}],\"inputs\":{\"finding.spf\":\"<spf>\"}}"},
    {"a value that is a condition", BARID_TYPE_RULE_BOOL, "if is-tls then size > 1M else no",
     BEGIN "\"yes\"" AT(1) ",\"conditions\":[{\"text\":\"is-tls\",\"held\":true},"
     "{\"text\":\"size > 1M\""
     ",\"held\":true}],\"inputs\":{\"is-tls\":\"yes\",\"size\":\"5242880\"}}"},
    {"a bare condition", BARID_TYPE_CONDITION, "size > 10M",
     BEGIN "\"no\"" AT(1) ",\"conditions\":[{\"text\":\"size > 10M\",\"held\":false}],"
     "\"inputs\":{\"size\":\"5242880\"}}"},
    {"a store that has it", BARID_TYPE_RULE_BOOL, "\"apple\" in store \"fruits\"",
     BEGIN "\"yes\"" AT(1) ","
     "\"conditions\":[{\"text\":\"\\\"apple\\\" in store \\\"fruits\\\"\",\"held\":true}],"
     "\"inputs\":{\"store apple\":\"round\"}}"},
    {"a store that has it not", BARID_TYPE_RULE_BOOL, "\"cherry\" in store \"fruits\"",
     BEGIN "\"no\"" AT(1) ","
     "\"conditions\":[{\"text\":\"\\\"cherry\\\" in store \\\"fruits\\\"\",\"held\":false}],"
     "\"inputs\":{\"store cherry\":\"absent\"}}"},
    {"a store that fails", BARID_TYPE_RULE_INTEGER,
     "if is-tls == no then 1 else if \"b\" in store \"fruits\" then 2 else 3 on-failure 9",
     BEGIN "\"9\"" AT(1) ",\"failed\":true,\"conditions\":[{\"text\":\"is-tls == no\""
     ",\"held\":false},"
     "{\"text\":\"\\\"b\\\" in store \\\"fruits\\\"\",\"held\":false}],"
     "\"inputs\":{\"is-tls\":\"yes\",\"store b\":\"failed\"}}"},
    {"named rules, the inner one first", BARID_TYPE_RULE_INTEGER,
     "if not rule \"plain-large\" and rule \"large\" and rule \"all\" then 1 else 2",
     BEGIN "\"1\"" AT(1) ",\"conditions\":[{\"text\":\"not rule \\\"plain-large\\\" and "
     "rule \\\"large\\\" and rule \\\"all\\\"\",\"held\":true}],\"named\":["
     "{\"name\":\"large\",\"text\":\"size > 4M\",\"held\":true,\"file\":\"f\",\"line\":2},"
     "{\"name\":\"plain-large\",\"text\":\"rule \\\"large\\\" and not is-tls\",\"held\":false,"
     "\"file\":\"f\",\"line\":6}],\"inputs\":{\"size\":\"5242880\",\"is-tls\":\"yes\"}}"},
    {"a named rule that was not asked", BARID_TYPE_RULE_INTEGER,
     "if is-tls or rule \"large\" then 1 else 2",
     BEGIN "\"1\"" AT(1) ","
     "\"conditions\":[{\"text\":\"is-tls or rule \\\"large\\\"\",\"held\":true}],"
     "\"inputs\":{\"is-tls\":\"yes\"}}"},
    {"bytes of a peer", BARID_TYPE_RULE_INTEGER, "if raw == \"x\" then 1 else 2",
     BEGIN "\"2\"" AT(1) ",\"conditions\":[{\"text\":\"raw == \\\"x\\\"\",\"held\":false}],"
     "\"inputs\":{\"raw\":\"a\\\\x00b\\\\xff\"}}"},
};
/* clang-format on */

static BaridRule *
compile(Arena *arena, BaridSettingType type, const gchar *text)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    BaridRule *rule = rule_compile(config_value_new_text(arena, "q", "limit", text), type,
                                   BARID_KNOWN_ATTEMPT, setup.lists, problems);
    g_autofree gchar *printed = config_problems_to_text(problems);

    ck_assert_msg(rule != NULL, "%s: %s", text, printed);
    return rule;
}

static gchar *
dup_written(const RuleReasons *reasons)
{
    GString *out = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, out);
    rule_reasons_write(reasons, &writer);
    return g_string_free(out, FALSE);
}

START_TEST(test_reasons)
{
    g_autoptr(Arena) arena = arena_new(1024);
    g_autoptr(Arena) other = arena_new(1024);
    g_autoptr(BaridRule) rule = compile(arena, reason_rows[_i].type, reason_rows[_i].text);
    Fake fake = fake_default;
    const RuleReasons *reasons;
    g_autofree gchar *text = NULL;
    g_autofree gchar *copied = NULL;

    if (reason_rows[_i].type == BARID_TYPE_RULE_TEXT)
        g_free(rule_eval_text_explained(rule, (BaridScope *)&fake, arena, &reasons));
    else
        rule_eval_explained(rule, (BaridScope *)&fake, arena, &reasons);
    ck_assert_str_eq(reasons->setting, "q limit");
    text = dup_written(reasons);
    ck_assert_msg(strcmp(text, reason_rows[_i].expected) == 0, "%s:\n%s\n%s", reason_rows[_i].what,
                  text, reason_rows[_i].expected);
    copied = dup_written(rule_reasons_keep_in(reasons, other));
    ck_assert_str_eq(copied, text);
}
END_TEST

/* However long the rule and what a peer sends: the reasons are not. */
START_TEST(test_bounds)
{
    g_autoptr(Arena) arena = arena_new(1024);
    g_autoptr(GString) rule_text = g_string_new(NULL);
    g_autofree gchar *helo = g_strnfill(4000, 'h');
    g_autoptr(BaridRule) rule = NULL;
    g_autofree gchar *text = NULL;
    Fake fake = fake_default;
    const RuleReasons *reasons;

    fake.helo = helo;
    for (guint i = 0; i < 50; i++)
        g_string_append_printf(rule_text,
                               "if finding.f%u == \"%0*u\" or helo-domain == \"x\" then 1 else ", i,
                               300, i);
    g_string_append(rule_text, "if size > 1M then 2 else 3");
    rule = compile(arena, BARID_TYPE_RULE_INTEGER, rule_text->str);
    ck_assert_int_eq(rule_eval_explained(rule, (BaridScope *)&fake, arena, &reasons), 2);
    text = dup_written(reasons);
    ck_assert_uint_eq(reasons->n_conditions, RULE_REASONS_CONDITIONS_MAX);
    ck_assert_uint_eq(reasons->n_inputs, RULE_REASONS_INPUTS_MAX);
    ck_assert_uint_lt(strlen(text), 3000);
    /* What held is there, whatever had to go. */
    ck_assert_ptr_nonnull(strstr(text, "{\"text\":\"size > 1M\",\"held\":true}]"));
    ck_assert_ptr_nonnull(strstr(text, "\"dropped\":"));
}
END_TEST

static Arena *keeper_arena;
static RuleReasons *kept;

static Arena *
keeper_wants(void)
{
    return keeper_arena;
}

static void
keeper_keep(RuleReasons *reasons)
{
    kept = reasons;
}

/* Whoever evaluates a rule for its value only: the reasons go to him who wants them. */
START_TEST(test_keeper)
{
    g_autoptr(Arena) arena = arena_new(1024);
    g_autoptr(BaridRule) rule = compile(arena, BARID_TYPE_RULE_BOOL, "is-tls");
    g_autoptr(BaridRule) constant = compile(arena, BARID_TYPE_RULE_BOOL, "yes");
    Fake fake = fake_default;

    rule_reasons_register(keeper_wants, keeper_keep);
    ck_assert(barid_rule_eval_bool(rule, (BaridScope *)&fake));
    ck_assert_ptr_null(kept);
    keeper_arena = arena;
    ck_assert(barid_rule_eval_bool(constant, (BaridScope *)&fake));
    ck_assert_ptr_null(kept);
    ck_assert(barid_rule_eval_bool(rule, (BaridScope *)&fake));
    ck_assert_ptr_nonnull(kept);
    ck_assert_str_eq(kept->inputs[0].name, "is-tls");
    ck_assert_str_eq(kept->value, "yes");
    keeper_arena = NULL;
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("rule-reasons");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_reasons, 0, G_N_ELEMENTS(reason_rows));
    tcase_add_test(tcase, test_bounds);
    tcase_add_test(tcase, test_keeper);
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
    rule_store_register(resolve_store, lookup_store, NULL);
    rule_setup_init(&setup, named_text);
    runner = srunner_create(make_suite());
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    rule_setup_clear(&setup);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
