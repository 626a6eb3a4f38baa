/* SPDX-License-Identifier: Apache-2.0 */
#include <barid/report-uris.h>
#include <check.h>
#include <stdlib.h>

static const struct {
    const gchar *value;
    gboolean is_any;
    const gchar *addresses;
} uris[] = {
    {"", FALSE, ""},
    {"mailto:a@example.com", TRUE, "a@example.com "},
    {"mailto:a@example.com!10m , MAILTO:b@example.net!50k", TRUE, "a@example.com b@example.net "},
    {"https://example.com/report,mailto:a@example.com", TRUE, "a@example.com "},
    {"https://example.com/report", TRUE, ""},
    {"a@example.com", FALSE, ""},
    {"mailto:", FALSE, ""},
    {"mailto:a", TRUE, ""},
    {"mailto:a%2Cb%21@example.com?subject=x", TRUE, ""},
    {"mailto:a%21b@example.com?subject=x", TRUE, "a!b@example.com "},
    {"mailto:a%0d%0aRCPT@example.com", TRUE, ""},
    {"mailto:a%4", TRUE, ""},
    {"mailto:@example.com", TRUE, ""},
    {"mailto:a b@example.com,,mailto:c@example.com,", TRUE, "c@example.com "},
    {":a@example.com,1x:b", FALSE, ""},
};

START_TEST(test_uris)
{
    BaridSlice rest = barid_slice_from_text(uris[_i].value);
    g_autoptr(GString) address = g_string_new(NULL);
    g_autoptr(GString) found = g_string_new(NULL);

    ck_assert_msg(barid_report_uris_has_any(rest) == uris[_i].is_any, "%s", uris[_i].value);
    while (barid_report_uris_next(&rest, address))
        g_string_append_printf(found, "%s ", address->str);
    ck_assert_msg(strcmp(found->str, uris[_i].addresses) == 0, "%s: %s", uris[_i].value,
                  found->str);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("report-uris");
    TCase *cases = tcase_create("report-uris");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_uris, 0, G_N_ELEMENTS(uris));
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
