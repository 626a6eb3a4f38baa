/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the nanoseconds that evaluating a few typical rules takes. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "conf/rule-language.h"

enum { BENCH_ROUNDS = 1000000 };

static void
bench_get_text(BaridScope *scope G_GNUC_UNUSED, BaridSlice argument G_GNUC_UNUSED,
               Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)
{
    out_value->as.text = BARID_SLICE_LITERAL("bounce-42@news.example.org");
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

static const struct {
    const gchar *what;
    const gchar *text;
} bench_rows[] = {
    {"constant", "25M"},
    {"one comparison", "if sender == \"\" then 1M else 25M"},
    {"network", "if remote-ip in 192.0.2.0/24 then 1M else 25M"},
    {"five tests", "if sender == \"a\" or sender ends-with \".com\" or remote-ip in 10.0.0.0/8 or "
                   "size > 10M or sender contains \"xyz\" then 1M else 25M"},
    {"set of texts", "if domain-part(sender) in {\"a.example\", \"b.example\", \"c.example\"} "
                     "then 1M else 25M"},
    {"function", "if lower(sender) starts-with \"x\" then 1M else 25M"},
    {"pattern", "if sender matches /^bounce-[0-9]+@/ then 1M else 25M"},
};

static void
bench_row(const gchar *what, const gchar *text)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(BaridRule) rule =
        rule_compile_text(text, BARID_TYPE_RULE_SIZE, BARID_KNOWN_MESSAGE, NULL, problems);
    gint64 sum = 0;
    gint64 start = clock_monotonic_us();

    g_assert(rule != NULL);
    for (guint i = 0; i < BENCH_ROUNDS; i++)
        sum += barid_rule_eval_size(rule, NULL);
    g_assert(sum > 0);
    printf("%-16s %7.1f ns\n", what,
           (gdouble)(clock_monotonic_us() - start) * 1000.0 / BENCH_ROUNDS);
}

int
main(void)
{
    rule_variable_register("sender", RULE_TEXT, BARID_KNOWN_MAIL, bench_get_text);
    rule_variable_register("size", RULE_INTEGER, BARID_KNOWN_MESSAGE, bench_get_size);
    rule_variable_register("remote-ip", RULE_ADDRESS, BARID_KNOWN_CONNECT, bench_get_address);
    for (gsize i = 0; i < G_N_ELEMENTS(bench_rows); i++)
        bench_row(bench_rows[i].what, bench_rows[i].text);
    return EXIT_SUCCESS;
}
