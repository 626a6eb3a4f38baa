/* SPDX-License-Identifier: Apache-2.0 */
#include "../spf-macro.h"

#include <check.h>
#include <stdlib.h>

/* --- records --- */

/* (terms) as "QUALIFIER mechanism domain prefix4 prefix6|"; NULL: a syntax error. */
static const struct {
    const gchar *record, *terms;
} records[] = {
    {"v=spf1", ""},
    {"V=SPF1 -ALL", "-0::255:255|"},
    {"v=spf1   a  mx ", "+2::255:255|+3::255:255|"},
    {"v=spf1 ~a:mail.example.com/24//64", "~2:mail.example.com:24:64|"},
    {"v=spf1 a/24 mx//64 a//0 a/0", "+2::24:255|+3::255:64|+2::255:0|+2::0:255|"},
    {"v=spf1 a:%{d}/24", "+2:%{d}:24:255|"},
    {"v=spf1 include:_spf.%{d2}", "+1:_spf.%{d2}:255:255|"},
    {"v=spf1 ?exists:%{ir}.%{l1r+-}._spf.%{d}", "?7:%{ir}.%{l1r+-}._spf.%{d}:255:255|"},
    {"v=spf1 ptr ptr:example.com", "+4::255:255|+4:example.com:255:255|"},
    {"v=spf1 ip4:192.0.2.1 ip4:192.0.2.0/24", "+5::255:255|+5::24:255|"},
    {"v=spf1 ip6:2001:db8::1 ip6:2001:db8::/32", "+6::255:255|+6::255:32|"},
    {"v=spf1 a:example.com.", "+2:example.com.:255:255|"},
    {"v=spf1 moo.cow-far_out=man:dog/cat -all", "-0::255:255|"},
    {"v=spf1 redirect=a.example -all exp=b.example", "-0::255:255|"},
    {"v=spf1 a:e%%x%_y%-.example", "+2:e%%x%_y%-.example:255:255|"},
    {"v=spf1 mechanism", NULL},
    {"v=spf1 all:x.example", NULL},
    {"v=spf1 all/8", NULL},
    {"v=spf1 include", NULL},
    {"v=spf1 include:", NULL},
    {"v=spf1 exists", NULL},
    {"v=spf1 a:", NULL},
    {"v=spf1 a/", NULL},
    {"v=spf1 a//", NULL},
    {"v=spf1 a/33", NULL},
    {"v=spf1 a//129", NULL},
    {"v=spf1 a/024", NULL},
    {"v=spf1 a/24/64", NULL},
    {"v=spf1 a:example", NULL},
    {"v=spf1 a:example.123", NULL},
    {"v=spf1 a:example.-com", NULL},
    {"v=spf1 a:example..", NULL},
    {"v=spf1 ip4", NULL},
    {"v=spf1 ip4:", NULL},
    {"v=spf1 ip4:192.0.2", NULL},
    {"v=spf1 ip4:192.0.2.1/33", NULL},
    {"v=spf1 ip4:192.0.2.1/", NULL},
    {"v=spf1 ip4:2001:db8::1", NULL},
    {"v=spf1 ip6:192.0.2.1", NULL},
    {"v=spf1 ip6:2001:db8::1/129", NULL},
    {"v=spf1 a:%{x}.example", NULL},
    {"v=spf1 a:%{d", NULL},
    {"v=spf1 a:%(d).example", NULL},
    {"v=spf1 a:%", NULL},
    {"v=spf1 exists:%{t}.example", NULL},
    {"v=spf1 a:%{d0}", NULL},
    {"v=spf1 redirect=a.example redirect=b.example", NULL},
    {"v=spf1 exp=a.example exp=a.example", NULL},
    {"v=spf1 redirect=", NULL},
    {"v=spf1 moo=%{", NULL},
    {"v=spf1 =x", NULL},
    {"v=spf1 --all", NULL},
    {"v=spf1 -", NULL},
    {"v=spf1 a:\xc3\xa4.example", NULL},
    {"v=spf1\ta", NULL},
};

START_TEST(test_record)
{
    BaridSlice text = barid_slice_from_text(records[_i].record);
    g_auto(SpfRecord) record = {NULL};
    g_autoptr(GString) found = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    if (!spf_record_is(text)) {
        ck_assert_ptr_null(records[_i].terms);
        return;
    }
    if (!spf_record_parse(text, &record, &error)) {
        ck_assert_msg(records[_i].terms == NULL, "%s: %s", records[_i].record, error->message);
        return;
    }
    ck_assert_msg(records[_i].terms != NULL, "%s is taken", records[_i].record);
    for (guint i = 0; i < record.terms->len; i++) {
        const SpfTerm *term = &g_array_index(record.terms, SpfTerm, i);

        g_string_append_printf(found, "%c%d:%.*s:%u:%u|", term->qualifier,
                               (gint)term->mechanism, (int)term->domain.len,
                               term->domain.len == 0 ? "" : (const gchar *)term->domain.data,
                               term->prefix4, term->prefix6);
    }
    ck_assert_str_eq(found->str, records[_i].terms);
}
END_TEST

START_TEST(test_which_is_one)
{
    ck_assert(spf_record_is(BARID_SLICE_LITERAL("v=spf1")));
    ck_assert(spf_record_is(BARID_SLICE_LITERAL("v=SPF1 a")));
    ck_assert(!spf_record_is(BARID_SLICE_LITERAL("v=spf10")));
    ck_assert(!spf_record_is(BARID_SLICE_LITERAL("v=spf")));
    ck_assert(!spf_record_is(BARID_SLICE_LITERAL(" v=spf1")));
}
END_TEST

START_TEST(test_modifiers)
{
    static const gchar text[] = "v=spf1 a exp=x.example mx redirect=%{d}.r.example";
    g_auto(SpfRecord) record = {NULL};

    ck_assert(spf_record_parse(barid_slice_from_text(text), &record, NULL));
    ck_assert_uint_eq(record.terms->len, 2);
    ck_assert(record.has_redirect && record.has_explain);
    ck_assert(barid_slice_equal_text(record.redirect, "%{d}.r.example"));
    ck_assert(barid_slice_equal_text(record.explain, "x.example"));
}
END_TEST

START_TEST(test_too_many_terms)
{
    g_autoptr(GString) text = g_string_new("v=spf1");
    g_auto(SpfRecord) record = {NULL};
    g_auto(SpfRecord) longer = {NULL};

    for (guint i = 0; i < SPF_TERMS_MAX; i++)
        g_string_append(text, " a");
    ck_assert(spf_record_parse(barid_slice(text->str, text->len), &record, NULL));
    g_string_append(text, " a");
    ck_assert(!spf_record_parse(barid_slice(text->str, text->len), &longer, NULL));
}
END_TEST

/* --- macros --- */

/* RFC 7208 section 7.4, and what is at the edges. */
static const struct {
    const gchar *macro, *ip, *result;
} macros[] = {
    {"%{s}", "192.0.2.3", "strong-bad@email.example.com"},
    {"%{o}", "192.0.2.3", "email.example.com"},
    {"%{d}", "192.0.2.3", "email.example.com"},
    {"%{d4}", "192.0.2.3", "email.example.com"},
    {"%{d3}", "192.0.2.3", "email.example.com"},
    {"%{d2}", "192.0.2.3", "example.com"},
    {"%{d1}", "192.0.2.3", "com"},
    {"%{dr}", "192.0.2.3", "com.example.email"},
    {"%{d2r}", "192.0.2.3", "example.email"},
    {"%{l}", "192.0.2.3", "strong-bad"},
    {"%{l-}", "192.0.2.3", "strong.bad"},
    {"%{lr}", "192.0.2.3", "strong-bad"},
    {"%{lr-}", "192.0.2.3", "bad.strong"},
    {"%{l1r-}", "192.0.2.3", "strong"},
    {"%{ir}.%{v}._spf.%{d2}", "192.0.2.3", "3.2.0.192.in-addr._spf.example.com"},
    {"%{lr-}.lp._spf.%{d2}", "192.0.2.3", "bad.strong.lp._spf.example.com"},
    {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "192.0.2.3",
     "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
    {"%{d2}.trusted-domains.example.net", "192.0.2.3",
     "example.com.trusted-domains.example.net"},
    {"%{ir}.%{v}._spf.%{d2}", "2001:db8::cb01",
     "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"},
    {"%{h}", "192.0.2.3", "mx.client.example"},
    {"%{p}", "192.0.2.3", "unknown"},
    {"%{c} at %{t} told %{r}", "2001:db8::1", "2001:db8::1 at 1800000000 told mx.example.org"},
    {"%%%_%-x", "192.0.2.3", "% %20x"},
    {"%{S}", "192.0.2.3", "strong-bad%40email.example.com"},
    {"%{d128}", "192.0.2.3", "email.example.com"},
    {"%{d999999999999999999999r}", "192.0.2.3", "com.example.email"},
    {"%{l-.+,/_=}", "192.0.2.3", "strong.bad"},
    {"%{l------------}", "192.0.2.3", "strong.bad"},
};

static SpfMacroValues
make_values(const gchar *ip)
{
    return (SpfMacroValues){
        .sender = "strong-bad@email.example.com",
        .domain = "email.example.com",
        .ip = ip,
        .helo = "mx.client.example",
        .receiver = "mx.example.org",
        .now_s = 1800000000,
    };
}

START_TEST(test_macro)
{
    SpfMacroValues values = make_values(macros[_i].ip);
    BaridSlice text = barid_slice_from_text(macros[_i].macro);
    g_autofree gchar *result = NULL;

    ck_assert(spf_macro_is_valid(text, SPF_MACRO_EXPLANATION));
    result = spf_macro_expand(text, &values);
    ck_assert_str_eq(result, macros[_i].result);
}
END_TEST

START_TEST(test_senders)
{
    SpfMacroValues values = make_values("192.0.2.3");
    g_autofree gchar *bare = NULL;
    g_autofree gchar *quoted = NULL;

    values.sender = "@email.example.com";
    bare = spf_macro_expand(BARID_SLICE_LITERAL("%{s}"), &values);
    ck_assert_str_eq(bare, "postmaster@email.example.com");
    values.sender = "\"a@b\"@email.example.com";
    quoted = spf_macro_expand(BARID_SLICE_LITERAL("%{l} %{o}"), &values);
    ck_assert_str_eq(quoted, "\"a@b\" email.example.com");
}
END_TEST

/* Section 7.3: labels are dropped from the left until 253 bytes are left. */
START_TEST(test_long_domain)
{
    g_autofree gchar *label = g_strnfill(60, 'x');
    g_autofree gchar *text =
        g_strdup_printf("a.%s.%s.%s.%s.example.com.", label, label, label, label);
    g_autofree gchar *wanted = g_strdup_printf("%s.%s.%s.example.com", label, label, label);
    SpfMacroValues values = make_values("192.0.2.3");
    g_autofree gchar *result = spf_macro_expand_domain(barid_slice_from_text(text), &values);

    ck_assert_str_eq(result, wanted);
}
END_TEST

START_TEST(test_uses)
{
    ck_assert(spf_macro_uses(BARID_SLICE_LITERAL("a.%{P1r}.b"), 'p'));
    ck_assert(!spf_macro_uses(BARID_SLICE_LITERAL("%%{p}.b"), 'p'));
    ck_assert(!spf_macro_uses(BARID_SLICE_LITERAL("p.%{d}"), 'p'));
    ck_assert(!spf_macro_uses(BARID_SLICE_LITERAL("%{"), 'p'));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("spf");
    TCase *cases = tcase_create("spf");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_record, 0, G_N_ELEMENTS(records));
    tcase_add_test(cases, test_which_is_one);
    tcase_add_test(cases, test_modifiers);
    tcase_add_test(cases, test_too_many_terms);
    tcase_add_loop_test(cases, test_macro, 0, G_N_ELEMENTS(macros));
    tcase_add_test(cases, test_senders);
    tcase_add_test(cases, test_long_domain);
    tcase_add_test(cases, test_uses);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
