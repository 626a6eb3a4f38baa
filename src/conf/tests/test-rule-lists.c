/* SPDX-License-Identifier: Apache-2.0 */
/* Named lists: globs, files that change while they are used, and large ones. */
#include <check.h>
#include <glib/gstdio.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/rule-list-file.h"
#include "conf/tests/rule-fixture.h"

/* Moved by hand, so that nobody waits for the next look. */
static _Atomic gint64 now_us = G_GINT64_CONSTANT(1700000000000000);

static gint64
read_clock(gpointer data G_GNUC_UNUSED)
{
    return atomic_load(&now_us);
}

static const ClockSource moved_clock = {read_clock, read_clock, NULL};

static gchar warnings[4096];

static void
note_warning(BaridLogLevel level, const gchar *line, gpointer data G_GNUC_UNUSED)
{
    if (level == BARID_LOG_WARNING)
        g_strlcat(warnings, line, sizeof warnings);
}

static void
drop_lines(const gchar *lines G_GNUC_UNUSED, gsize len G_GNUC_UNUSED, gpointer data G_GNUC_UNUSED)
{
}

static const struct {
    const gchar *text;
    gboolean expected;
} glob_rows[] = {
    {"exact.example", TRUE},     {"exact.exampl", FALSE},      {"xexact.example", FALSE},
    {"a.tail.example", TRUE},    {".tail.example", TRUE},      {"tail.example", FALSE},
    {"head-", TRUE},             {"head-x", TRUE},             {"xhead-", FALSE},
    {"a1c", TRUE},               {"ac", FALSE},                {"in-x-out", TRUE},
    {"in--out", TRUE},           {"in-out", FALSE},            {"one-two-three", TRUE},
    {"xone-two-threex", FALSE},  {"oneatwobthree", TRUE},      {"onethreetwo", FALSE},
    {"bounce-42@x", TRUE},       {"bounce-@x", FALSE},         {"", FALSE},
    {"aaaaaaaaaaaaaaaaaaaaaaaaab", FALSE},
};

START_TEST(test_globs)
{
    RuleSetup setup;
    g_autoptr(BaridRule) rule = NULL;
    Fake fake = fake_default;

    rule_setup_init(&setup, "[list g]\ntype = globs\nentries = exact.example, *.tail.example, "
                            "head-*, a?c, in-*-out, one*two*three, /^bounce-[0-9]+@/, "
                            "*a*a*a*a*a*a*a*a*ac\n");
    fake.sender = glob_rows[_i].text;
    rule = rule_compile_text("sender in list \"g\"", BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT,
                             setup.lists, setup.problems);
    ck_assert_ptr_nonnull(rule);
    ck_assert_msg(barid_rule_eval_bool(rule, (BaridScope *)&fake) == glob_rows[_i].expected, "%s",
                  fake.sender);
    rule_setup_clear(&setup);
}
END_TEST

typedef struct {
    gchar *path;
    RuleSetup setup;
    BaridRule *rule;
} Watched;

static void
watched_write(const Watched *self, const gchar *text)
{
    ck_assert(g_file_set_contents(self->path, text, -1, NULL));
}

static void
watched_init(Watched *self, const gchar *type, const gchar *condition, const gchar *text)
{
    int fd = g_file_open_tmp("barid-list-XXXXXX", &self->path, NULL);
    g_autofree gchar *config = NULL;

    ck_assert_int_ge(fd, 0);
    g_close(fd, NULL);
    watched_write(self, text);
    config = g_strdup_printf("[list a]\ntype = %s\nfile = %s\n", type, self->path);
    rule_setup_init(&self->setup, config);
    self->rule = rule_compile_text(condition, BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT,
                                   self->setup.lists, self->setup.problems);
    ck_assert_ptr_nonnull(self->rule);
    ck_assert_uint_eq(config_problems_get_count(self->setup.problems), 0);
}

static void
watched_clear(Watched *self)
{
    rule_free(self->rule);
    rule_setup_clear(&self->setup);
    g_unlink(self->path);
    g_free(self->path);
}

static gboolean
watched_has(const Watched *self, const gchar *sender)
{
    Fake fake = fake_default;

    fake.sender = sender;
    fake.remote_ip = sender;
    return barid_rule_eval_bool(self->rule, (BaridScope *)&fake);
}

/* Past the time of the next look; the use that finds it due still sees the old list. */
static void
watched_look(const Watched *self)
{
    atomic_fetch_add(&now_us, RULE_LIST_LOOK_MS * 1000);
    watched_has(self, "nobody");
    rule_lists_wait(self->setup.lists);
}

START_TEST(test_change)
{
    Watched watched;

    watched_init(&watched, "text", "sender in list \"a\"", "one\ntwo\n");
    ck_assert(watched_has(&watched, "one") && !watched_has(&watched, "three"));
    watched_write(&watched, "two\nthree\n");
    /* Nobody looks before the time. */
    ck_assert(watched_has(&watched, "one"));
    rule_lists_wait(watched.setup.lists);
    ck_assert(watched_has(&watched, "one"));
    watched_look(&watched);
    ck_assert(!watched_has(&watched, "one") && watched_has(&watched, "three"));
    ck_assert(watched_has(&watched, "two"));
    /* Again, with as many bytes. */
    watched_write(&watched, "two\nfours\n");
    watched_look(&watched);
    ck_assert(!watched_has(&watched, "three") && watched_has(&watched, "fours"));
    watched_clear(&watched);
}
END_TEST

START_TEST(test_bad_change)
{
    Watched watched;
    g_autofree gchar *expected = NULL;

    log_start(drop_lines, NULL, -1);
    log_set_tap(note_warning, NULL);
    watched_init(&watched, "networks", "remote-ip in list \"a\"", "192.0.2.0/24\n");
    watched_write(&watched, "198.51.100.0/24\n# x\n192.0.2.1/24\n");
    watched_look(&watched);
    ck_assert(watched_has(&watched, "192.0.2.9") && !watched_has(&watched, "198.51.100.9"));
    expected = g_strdup_printf("%s:3: an address or a network", watched.path);
    ck_assert_ptr_nonnull(strstr(warnings, "list.kept"));
    ck_assert_ptr_nonnull(strstr(warnings, expected));
    /* It is said once. */
    warnings[0] = '\0';
    watched_look(&watched);
    ck_assert_str_eq(warnings, "");
    g_unlink(watched.path);
    watched_look(&watched);
    ck_assert(watched_has(&watched, "192.0.2.9"));
    ck_assert_ptr_nonnull(strstr(warnings, "list.kept"));
    warnings[0] = '\0';
    watched_look(&watched);
    ck_assert_str_eq(warnings, "");
    watched_write(&watched, "198.51.100.0/24\n");
    watched_look(&watched);
    ck_assert(!watched_has(&watched, "192.0.2.9") && watched_has(&watched, "198.51.100.9"));
    ck_assert_str_eq(warnings, "");
    watched_clear(&watched);
    log_set_tap(NULL, NULL);
    log_stop();
}
END_TEST

static _Atomic gboolean is_over;

/* Both contents hold "both", and each two of its own: one is never seen without the other. */
static gpointer
use_list(gpointer data)
{
    gsize wrong = 0;

    while (!atomic_load(&is_over)) {
        if (!watched_has(data, "both") || watched_has(data, "neither"))
            wrong++;
    }
    return GSIZE_TO_POINTER(wrong);
}

START_TEST(test_threads)
{
    Watched watched;
    GThread *threads[3];

    atomic_store(&is_over, FALSE);
    watched_init(&watched, "text", "sender in list \"a\"", "both\nx0\n");
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("list", use_list, &watched);
    for (guint i = 1; i < 60; i++) {
        g_autofree gchar *text = g_strdup_printf("both\nx%u\n", i);
        g_autofree gchar *name = g_strdup_printf("x%u", i);

        watched_write(&watched, text);
        /* One of the threads may be about to look on our behalf, and did not yet. */
        while (!watched_has(&watched, name))
            watched_look(&watched);
    }
    atomic_store(&is_over, TRUE);
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        ck_assert_uint_eq(GPOINTER_TO_SIZE(g_thread_join(threads[i])), 0);
    watched_clear(&watched);
}
END_TEST

START_TEST(test_large)
{
    Watched texts;
    Watched networks;
    g_autoptr(GString) lines = g_string_new(NULL);

    for (guint i = 0; i < 1000000; i++)
        g_string_append_printf(lines, "user%u@example%u.org\n", i, i % 1000);
    watched_init(&texts, "text", "sender in list \"a\"", lines->str);
    ck_assert(watched_has(&texts, "user0@example0.org"));
    ck_assert(watched_has(&texts, "user999999@example999.org"));
    ck_assert(!watched_has(&texts, "user999999@example998.org"));
    watched_clear(&texts);
    g_string_truncate(lines, 0);
    for (guint i = 0; i < 100000; i++)
        g_string_append_printf(lines, "%u.%u.%u.0/25\n", 1 + i / 65536, i / 256 % 256, i % 256);
    watched_init(&networks, "networks", "remote-ip in list \"a\"", lines->str);
    ck_assert(watched_has(&networks, "1.2.3.4"));
    ck_assert(!watched_has(&networks, "1.2.3.128"));
    ck_assert(watched_has(&networks, "2.134.159.127"));
    ck_assert(!watched_has(&networks, "2.134.160.1"));
    watched_clear(&networks);
}
END_TEST

START_TEST(test_captures)
{
    Watched watched;
    Fake fake = fake_default;
    g_autoptr(BaridRule) rule = NULL;
    g_autofree gchar *text = NULL;

    watched_init(&watched, "patterns", "sender in list \"a\"", "/^x/\n/^(bounce)-([0-9]+)@/\n");
    rule = rule_compile_text("if sender in list \"a\" then ${2}-${1}${9} else no",
                             BARID_TYPE_RULE_TEXT, BARID_KNOWN_ATTEMPT, watched.setup.lists,
                             watched.setup.problems);
    text = barid_rule_eval_text(rule, (BaridScope *)&fake);
    ck_assert_str_eq(text, "42-bounce");
    watched_clear(&watched);
}
END_TEST

/* What no rule uses is read too, and what is wrong is said. */
START_TEST(test_bad_files)
{
    g_autofree gchar *path = NULL;
    g_autofree gchar *config = NULL;
    g_autofree gchar *text = NULL;
    RuleSetup setup;
    int fd = g_file_open_tmp("barid-list-XXXXXX", &path, NULL);

    ck_assert_int_ge(fd, 0);
    g_close(fd, NULL);
    ck_assert(g_file_set_contents(path, "good\nb\xff" "d\ng\xc3\xa4\n", -1, NULL));
    config = g_strdup_printf("[list a]\nfile = %s\n[list b]\nfile = %s/none\n[list c]\nfile = /\n"
                             "[list d]\ntype = patterns\nentries = \"/(a+)+\\\\1(/\"\n",
                             path, path);
    rule_setup_init(&setup, config);
    text = config_problems_to_text(setup.problems);
    g_unlink(path);
    ck_assert_uint_eq(config_problems_get_count(setup.problems), 4);
    ck_assert_ptr_nonnull(strstr(text, ":2:1: this is not UTF-8"));
    ck_assert_ptr_nonnull(strstr(text, "f:4:8: [list b] file: "));
    ck_assert_ptr_nonnull(strstr(text, "f:6:8: [list c] file: "));
    ck_assert_ptr_nonnull(strstr(text, "f:9:11: [list d] entries: missing closing parenthesis"));
    rule_setup_clear(&setup);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("rule-lists");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_globs, 0, G_N_ELEMENTS(glob_rows));
    tcase_add_test(tcase, test_change);
    tcase_add_test(tcase, test_bad_change);
    tcase_add_test(tcase, test_threads);
    tcase_add_test(tcase, test_large);
    tcase_add_test(tcase, test_captures);
    tcase_add_test(tcase, test_bad_files);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(void)
{
    SRunner *runner;
    int failed;

    log_set_level(BARID_LOG_WARNING);
    clock_set_source(&moved_clock);
    rule_fixture_register();
    runner = srunner_create(make_suite());
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
