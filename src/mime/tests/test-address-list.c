/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include <barid/address-list.h>

static const struct {
    const gchar *what, *value, *addresses;
} rows[] = {
    {"one", "a@example.org", "a@example.org|"},
    {"several", "a@example.org, b@example.org,c@example.org",
     "a@example.org|b@example.org|c@example.org|"},
    {"display name", "\"Last, First\" <a@example.org>, B <b@example.org>",
     "a@example.org|b@example.org|"},
    {"comments", "a@example.org (A, \\) or (b@x)), (c) b@example.org (B)",
     "a@example.org|b@example.org|"},
    {"group", "Friends: a@example.org, <b@example.org>; c@example.org",
     "a@example.org|b@example.org|c@example.org|"},
    {"empty group", "undisclosed-recipients:;", ""},
    {"empty items", " , a@example.org,, ", "a@example.org|"},
    {"quoted local part", "\"a, b\"@example.org, c@example.org",
     "\"a, b\"@example.org|c@example.org|"},
    {"literal", "a@[IPv6:2001:db8::1], b@example.org", "a@[IPv6:2001:db8::1]|b@example.org|"},
    {"folded", "a@example.org,\r\n b@example.org", "a@example.org|b@example.org|"},
    {"null", "<>", "|"},
    {"not closed", "\"a, b@example.org", "\"a, b@example.org|"},
    {"not closed bracket", "A <a@example.org", "a@example.org|"},
    {"not closed comment", "a@example.org (b, c@example.org", "a@example.org|"},
    {"side by side", "A <a@example.org> <b@example.org>", "a@example.org|b@example.org|"},
    {"nothing", "", ""},
};

START_TEST(test_rows)
{
    g_autoptr(GString) found = g_string_new(NULL);
    BaridSlice rest = barid_slice_from_text(rows[_i].value), address;

    while (barid_address_list_next(&rest, &address))
        g_string_append_printf(found, "%.*s|", (int)address.len, (const gchar *)address.data);
    ck_assert_msg(strcmp(found->str, rows[_i].addresses) == 0, "%s: %s", rows[_i].what, found->str);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("address-list");
    TCase *tcase = tcase_create("rows");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, test_rows, 0, G_N_ELEMENTS(rows));
    suite_add_tcase(suite, tcase);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
