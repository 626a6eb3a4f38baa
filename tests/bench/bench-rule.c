/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the nanoseconds that evaluating typical rules takes, and how often as long that is as
 * what the rule's tests need alone: the same pattern given to PCRE2, the same texts compared one
 * after the other. A second table is about large lists.
 */
#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <glib/gstdio.h>

#include "base/clock.h"
#include "conf/rule-language.h"

enum { BENCH_ROUNDS = 2000000, BENCH_TEXTS = 1000000, BENCH_NETWORKS = 100000 };

static const gchar bench_sender[] = "bounce-42@news.example.org";
static gsize bench_sink;

static void
bench_get_text(BaridScope *scope G_GNUC_UNUSED, BaridSlice argument G_GNUC_UNUSED,
               Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)
{
    out_value->as.text = barid_slice(bench_sender, sizeof bench_sender - 1);
}

static void
bench_get_size(BaridScope *scope G_GNUC_UNUSED, BaridSlice argument G_GNUC_UNUSED,
               Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)
{
    out_value->as.integer = 5 << 20;
}

static void
bench_get_address(BaridScope *scope G_GNUC_UNUSED, BaridSlice argument G_GNUC_UNUSED,
                  Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)
{
    out_value->as.address = (Address){.bytes = {192, 0, 2, 7}};
}

/* --- what the tests need alone --- */

static gdouble
bench_pattern(void)
{
    int reason;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR) "^bounce-([0-9]+)@", PCRE2_ZERO_TERMINATED, 0,
                                     &reason, &offset, NULL);
    pcre2_match_data *match = pcre2_match_data_create(10, NULL);
    gint64 start = clock_monotonic_us();

    for (guint i = 0; i < BENCH_ROUNDS; i++)
        bench_sink += (gsize)pcre2_match(code, (PCRE2_SPTR)bench_sender, sizeof bench_sender - 1,
                                         0, 0, match, NULL);
    pcre2_match_data_free(match);
    pcre2_code_free(code);
    return (gdouble)(clock_monotonic_us() - start) * 1000 / BENCH_ROUNDS;
}

/* The texts are read anew each time, as a server's would be. */
static gdouble
bench_chain(void)
{
    static const gchar *volatile texts[] = {"alice@example.org", "bounce-41@news.example.org",
                                            "bounce-42@news.example.com", "bob@example.com",
                                            "bounce-42@news.example.org"};
    const gchar *volatile sender = bench_sender;
    gint64 start = clock_monotonic_us();

    for (guint i = 0; i < BENCH_ROUNDS; i++) {
        for (gsize k = 0; k < G_N_ELEMENTS(texts); k++)
            bench_sink += strcmp(sender, texts[k]) == 0;
    }
    return (gdouble)(clock_monotonic_us() - start) * 1000 / BENCH_ROUNDS;
}

typedef enum { BENCH_ALONE, BENCH_TO_PATTERN, BENCH_TO_CHAIN } BenchPeer;

static const struct {
    const gchar *what, *text;
    BenchPeer peer;
} bench_rows[] = {
    {"constant", "25M", BENCH_ALONE},
    {"one comparison", "if sender == \"\" then 1M else 25M", BENCH_ALONE},
    {"network", "if remote-ip in 192.0.2.0/24 then 1M else 25M", BENCH_ALONE},
    {"five kinds of tests",
     "if sender == \"a\" or sender ends-with \".com\" or remote-ip in 10.0.0.0/8 or size > 10M or "
     "sender contains \"xyz\" then 1M else 25M", BENCH_ALONE},
    {"five comparisons",
     "if sender == \"alice@example.org\" or sender == \"bounce-41@news.example.org\" or sender == "
     "\"bounce-42@news.example.com\" or sender == \"bob@example.com\" or sender == "
     "\"bounce-42@news.example.org\" then 1M else 25M", BENCH_TO_CHAIN},
    {"set of five",
     "if sender in {\"alice@example.org\", \"bounce-41@news.example.org\", "
     "\"bounce-42@news.example.com\", \"bob@example.com\", \"bounce-42@news.example.org\"} then 1M "
     "else 25M", BENCH_TO_CHAIN},
    {"function", "if lower(sender) starts-with \"x\" then 1M else 25M", BENCH_ALONE},
    {"arithmetic", "if size * 2 + 1K > 30M then 1M else size / 2", BENCH_ALONE},
    {"pattern", "if sender matches /^bounce-([0-9]+)@/ then 1M else 25M", BENCH_TO_PATTERN},
    {"pattern, captured",
     "if sender matches /^bounce-([0-9]+)@/ and capture(1) == \"42\" then 1M else 25M",
     BENCH_TO_PATTERN},
};

static gdouble
bench_rule(const BaridRule *rule)
{
    gint64 start = clock_monotonic_us();

    for (guint i = 0; i < BENCH_ROUNDS; i++)
        bench_sink += (gsize)barid_rule_eval_size(rule, NULL);
    return (gdouble)(clock_monotonic_us() - start) * 1000 / BENCH_ROUNDS;
}

static void
bench_rows_run(void)
{
    gdouble peers[] = {[BENCH_TO_PATTERN] = bench_pattern(), [BENCH_TO_CHAIN] = bench_chain()};

    printf("%-20s %7.1f ns\n%-20s %7.1f ns\n", "(PCRE2 alone)", peers[BENCH_TO_PATTERN],
           "(five strcmp alone)", peers[BENCH_TO_CHAIN]);
    for (gsize i = 0; i < G_N_ELEMENTS(bench_rows); i++) {
        g_autoptr(ConfigProblems) problems = config_problems_new();
        g_autoptr(BaridRule) rule = rule_compile_text(bench_rows[i].text, BARID_TYPE_RULE_SIZE,
                                                      BARID_KNOWN_MESSAGE, NULL, problems);
        gdouble ns;

        g_assert(rule != NULL);
        ns = bench_rule(rule);
        if (bench_rows[i].peer == BENCH_ALONE)
            printf("%-20s %7.1f ns\n", bench_rows[i].what, ns);
        else
            printf("%-20s %7.1f ns  %.2f times as long\n", bench_rows[i].what, ns,
                   ns / peers[bench_rows[i].peer]);
    }
}

/* --- large lists --- */

static void
bench_list(const gchar *type, const gchar *condition, const GString *lines)
{
    g_autofree gchar *path = NULL;
    g_autofree gchar *config = NULL;
    int fd = g_file_open_tmp("barid-bench-XXXXXX", &path, NULL);
    gint64 start;
    gint64 loaded_us;

    g_assert(fd >= 0 && g_close(fd, NULL));
    g_assert(g_file_set_contents(path, lines->str, (gssize)lines->len, NULL));
    config = g_strdup_printf("[list a]\ntype = %s\nfile = %s\n", type, path);
    start = clock_monotonic_us();
    {
        g_autoptr(ConfigFiles) files = config_files_new_text("f", config);
        g_autoptr(ConfigProblems) problems = config_problems_new();
        g_autoptr(ConfigTree) tree = config_tree_parse(files, problems);
        g_autoptr(RuleLists) lists = rule_lists_new(tree, problems, NULL);
        g_autoptr(BaridRule) rule = rule_compile_text(condition, BARID_TYPE_CONDITION,
                                                      BARID_KNOWN_MESSAGE, lists, problems);

        g_assert(rule != NULL && config_problems_get_count(problems) == 0);
        loaded_us = clock_monotonic_us() - start;
        start = clock_monotonic_us();
        for (guint i = 0; i < BENCH_ROUNDS; i++)
            bench_sink += (gsize)barid_rule_eval_bool(rule, NULL);
        printf("%-20s %7.1f ns  read in %.0f ms\n", type,
               (gdouble)(clock_monotonic_us() - start) * 1000 / BENCH_ROUNDS,
               (gdouble)loaded_us / 1000);
        rule_lists_wait(lists);
    }
    g_unlink(path);
}

static void
bench_lists(void)
{
    g_autoptr(GString) texts = g_string_new(NULL);
    g_autoptr(GString) globs = g_string_new(NULL);
    g_autoptr(GString) networks = g_string_new(NULL);

    for (guint i = 0; i < BENCH_TEXTS; i++)
        g_string_append_printf(texts, "user%u@example%u.org\n", i, i % 1000);
    for (guint i = 0; i < BENCH_NETWORKS; i++) {
        g_string_append_printf(globs, "*@example%u.org\n", i);
        g_string_append_printf(networks, "%u.%u.%u.0/25\n", 192 + i / 65536, i / 256 % 256,
                               i % 256);
    }
    printf("lists: %d texts, %d globs, %d networks\n", BENCH_TEXTS, BENCH_NETWORKS,
           BENCH_NETWORKS);
    bench_list("text", "sender in list \"a\"", texts);
    bench_list("globs", "sender in list \"a\"", globs);
    bench_list("networks", "remote-ip in list \"a\"", networks);
}

int
main(void)
{
    rule_variable_register("sender", RULE_TEXT, BARID_KNOWN_MAIL, bench_get_text);
    rule_variable_register("size", RULE_INTEGER, BARID_KNOWN_MESSAGE, bench_get_size);
    rule_variable_register("remote-ip", RULE_ADDRESS, BARID_KNOWN_CONNECT, bench_get_address);
    bench_rows_run();
    bench_lists();
    return bench_sink == 0;
}
