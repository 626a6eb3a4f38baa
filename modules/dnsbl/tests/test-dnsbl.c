/* SPDX-License-Identifier: Apache-2.0 */
#include "../dnsbl.h"

#include <check.h>
#include <stdlib.h>

static const struct {
    const gchar *ip, *name;
} ip_rows[] = {
    {"192.0.2.7", "7.2.0.192.bl.example"},
    {"2001:db8::a:1",
     "1.0.0.0.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example"},
    {"192.0.2", NULL},
    {"x", NULL},
};

START_TEST(test_ip)
{
    g_autofree gchar *name = dnsbl_dup_ip_name(ip_rows[_i].ip, "bl.example");

    ck_assert_pstr_eq(name, ip_rows[_i].name);
}
END_TEST

static const struct {
    const gchar *domain, *name;
} domain_rows[] = {
    {"Spam.Example", "spam.example.bl.example"},
    {"spam.example.", "spam.example.bl.example"},
    {"b\xc3\xbc" "cher.example", "b\xc3\xbc" "cher.example.bl.example"},
    {"[192.0.2.7]", NULL},
    {"localhost", NULL},
    {"a b.example", NULL},
    {"b\xfc" "cher.example", NULL},
    {"", NULL},
};

START_TEST(test_domain)
{
    const gchar *domain = domain_rows[_i].domain;
    g_autofree gchar *name = dnsbl_dup_domain_name(barid_slice_from_text(domain), "bl.example");

    ck_assert_pstr_eq(name, domain_rows[_i].name);
}
END_TEST

static const struct {
    const gchar *what, *field, *domains;
} from_rows[] = {
    {"bare", " a@b.example", "b.example"},
    {"with a name", " Some One <a@B.example>\r\n", "b.example"},
    {"an address in the name", " \"x@y.example\" <a@b.example>", "b.example"},
    {"quotes in the name", " \"x\\\"@y.example\" <a@b.example>", "b.example"},
    {"an address in a comment", " a@b.example (x@y.example (z@z.example))", "b.example"},
    {"a quoted local part", " <\"a@c\"@b.example>", "b.example"},
    {"two", " a@b.example,c@d.example", "b.example d.example"},
    {"the same twice", " a@b.example, c@B.EXAMPLE", "b.example"},
    {"folded", " <a@\r\n b.example>", "b.example"},
    {"seven", " a@1.e,a@2.e,a@3.e,a@4.e,a@5.e,a@6.e,a@7.e", "1.e 2.e 3.e 4.e 5.e"},
    {"none", " nobody", ""},
    {"an end", " a@", ""},
    {"an open quote", " \"a@b.example", ""},
    {"a backslash at the end", " \"a\\", ""},
    {"empty", "", ""},
};

START_TEST(test_from)
{
    /* Of its exact length, for the sanitizer. */
    gsize len = strlen(from_rows[_i].field);
    g_autofree guint8 *copy = g_memdup2(from_rows[_i].field, len);
    g_autoptr(GPtrArray) domains = dnsbl_take_domains(barid_slice(copy, len));
    g_autofree gchar *text = NULL;

    g_ptr_array_add(domains, NULL);
    text = g_strjoinv(" ", (gchar **)domains->pdata);
    ck_assert_msg(strcmp(text, from_rows[_i].domains) == 0, "%s: %s", from_rows[_i].what, text);
}
END_TEST

START_TEST(test_words)
{
    DnsblCheck check;

    ck_assert(dnsbl_check_parse("return-path", &check));
    ck_assert_int_eq(check, DNSBL_SENDER);
    ck_assert(dnsbl_check_parse("helo", &check));
    ck_assert_int_eq(check, DNSBL_EHLO);
    ck_assert(!dnsbl_check_parse("IP", &check));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("dnsbl");
    TCase *cases = tcase_create("dnsbl");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(cases, test_ip, 0, G_N_ELEMENTS(ip_rows));
    tcase_add_loop_test(cases, test_domain, 0, G_N_ELEMENTS(domain_rows));
    tcase_add_loop_test(cases, test_from, 0, G_N_ELEMENTS(from_rows));
    tcase_add_test(cases, test_words);
    suite_add_tcase(suite, cases);
    runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
