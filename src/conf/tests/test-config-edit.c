/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "conf/config-edit.h"

static const struct {
    const gchar *what, *before, *after;
} rows[] = {
    {"what is there", "[module spf]\nenabled = no\n", "[module spf]\nenabled = yes\n"},
    {"comments stay", "# a\n[module spf] # b\n# c\nenabled = no # d\n#x = y\n",
     "# a\n[module spf] # b\n# c\nenabled = yes # d\n#x = y\n"},
    {"a quoted mark begins no comment", "[module spf]\nenabled = \"a # b\" ; c\n",
     "[module spf]\nenabled = yes ; c\n"},
    {"blanks", "[ module\t spf ]\nenabled=no\r\n", "[ module\t spf ]\nenabled= yes\r\n"},
    {"an empty value", "[module spf]\nenabled =\nx = 1\n", "[module spf]\nenabled = yes\nx = 1\n"},
    {"a continued value", "[module spf]\nenabled = if a\n  # b\n  then c # d\nx = 1\n",
     "[module spf]\nenabled = yes # d\nx = 1\n"},
    {"other sections",
     "[module dkim]\nenabled = no\n[module spf]\nenabled = no\n[a]\nenabled = no\n",
     "[module dkim]\nenabled = no\n[module spf]\nenabled = yes\n[a]\nenabled = no\n"},
    {"the last one holds", "[module spf]\nenabled = a\n[b]\n[module spf]\nenabled = c\n",
     "[module spf]\nenabled = a\n[b]\n[module spf]\nenabled = yes\n"},
    {"a key that begins so", "[module spf]\nenabled-too = no\n",
     "[module spf]\nenabled = yes\nenabled-too = no\n"},
    {"only commented out", "[module spf]\n#enabled = no\n",
     "[module spf]\nenabled = yes\n#enabled = no\n"},
    {"a head at the end", "[module spf]", "[module spf]\nenabled = yes\n"},
    {"no section", "[a]\nb = c", "[a]\nb = c\n\n[module spf]\nenabled = yes\n"},
    {"nothing", "", "[module spf]\nenabled = yes\n"},
    {"not closed", "[module spf\n", "[module spf\n\n[module spf]\nenabled = yes\n"},
};

START_TEST(test_set)
{
    g_autofree gchar *after = config_edit_set(rows[_i].before, "module spf", "enabled", "yes");
    g_autofree gchar *again = config_edit_set(after, "module spf", "enabled", "yes");

    ck_assert_msg(strcmp(after, rows[_i].after) == 0, "%s: %s", rows[_i].what, after);
    ck_assert_str_eq(again, after);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("config-edit");
    TCase *cases = tcase_create("config-edit");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_set, 0, G_N_ELEMENTS(rows));
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
