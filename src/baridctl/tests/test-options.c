/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's reader, the request made of it, and the table for people. */
#include <check.h>
#include <stdlib.h>

#include "baridctl/client.h"
#include "baridctl/options.h"
#include "baridctl/table.h"

/* --- the command line --- */

static const struct {
    const gchar *what;
    const gchar *argv[8];
    const gchar *words;
    const gchar *error;   /* part of it; NULL when it is right */
    const gchar *request; /* part of it, or NULL */
} option_rows[] = {
    {"nothing", {NULL}, "", NULL, NULL},
    {"words", {"queue", "list", NULL}, "queue list", NULL,
     "{\"verb\":\"queue\",\"args\":[\"list\"],\"options\":{},\"human\":true}"},
    {"option in front", {"--sender", "a@b", "queue", NULL}, "queue", NULL,
     "\"options\":{\"sender\":\"a@b\"}"},
    {"option between", {"queue", "--all", "retry", NULL}, "queue retry", NULL,
     "\"options\":{\"all\":true}"},
    {"option with equals", {"queue", "--sender=a=b", NULL}, "queue", NULL,
     "{\"sender\":\"a=b\"}"},
    {"empty value", {"queue", "--sender", "", NULL}, "queue", NULL, "{\"sender\":\"\"}"},
    {"empty value with equals", {"queue", "--sender=", NULL}, "queue", NULL,
     "{\"sender\":\"\"}"},
    {"local options stay here", {"status", "--json", "--socket", "/x", NULL}, "status", NULL,
     "\"options\":{}}"},
    {"value like an option", {"queue", "--sender", "--all", NULL}, "queue", NULL,
     "{\"sender\":\"--all\"}"},
    {"end of options", {"explain", "--", "--json", NULL}, "explain --json", NULL,
     "\"args\":[\"--json\"]"},
    {"dash is a word", {"check", "-", NULL}, "check -", NULL, NULL},
    {"short", {"-h", NULL}, "", NULL, NULL},
    {"unknown", {"--sneder", "x", NULL}, NULL, "did you mean --sender?", NULL},
    {"far from any", {"--zzzzzzzz", NULL}, NULL, "there is no option --zzzzzzzz", NULL},
    {"unknown short", {"-x", NULL}, NULL, "there is no option -x", NULL},
    {"value missing", {"queue", "--sender", NULL}, NULL, "--sender needs a value", NULL},
    {"value too much", {"--json=yes", NULL}, NULL, "--json takes no value", NULL},
    {"twice", {"--limit", "1", "--limit", "2", NULL}, NULL, "--limit is given twice", NULL},
};

START_TEST(test_options)
{
    const gchar *what = option_rows[_i].what;
    g_auto(Options) options = {0};
    g_autoptr(GError) error = NULL;
    g_autofree gchar *words = NULL;
    g_autofree gchar *request = NULL;
    gboolean is_right = options_parse(&options, option_rows[_i].argv, &error);

    ck_assert_msg(is_right == (option_rows[_i].error == NULL), "%s", what);
    if (!is_right) {
        ck_assert_msg(strstr(error->message, option_rows[_i].error) != NULL, "%s: %s", what,
                      error->message);
        return;
    }
    words = g_strjoinv(" ", (gchar **)options.words->pdata);
    ck_assert_msg(strcmp(words, option_rows[_i].words) == 0, "%s: %s", what, words);
    if (option_rows[_i].request == NULL)
        return;
    request = client_dup_request(&options);
    ck_assert_msg(strstr(request, option_rows[_i].request) != NULL, "%s: %s", what, request);
}
END_TEST

START_TEST(test_socket_path)
{
    static const gchar *const state[] = {"--state", "/s", NULL};
    static const gchar *const named[] = {"--state", "/s", "--socket", "/x/y", NULL};
    g_auto(Options) first = {0};
    g_auto(Options) second = {0};
    g_autofree gchar *below = NULL;
    g_autofree gchar *path = NULL;

    ck_assert(options_parse(&first, state, NULL));
    below = client_dup_socket_path(&first);
    ck_assert_str_eq(below, "/s/run/barid.sock");
    ck_assert(options_parse(&second, named, NULL));
    path = client_dup_socket_path(&second);
    ck_assert_str_eq(path, "/x/y");
}
END_TEST

/* --- tables --- */

static const TableColumn columns[] = {
    {"NAME", TABLE_LEFT}, {"N", TABLE_RIGHT}, {"TEXT", TABLE_LEFT}, {NULL, TABLE_LEFT}};

START_TEST(test_table)
{
    g_auto(Table) table = {0};
    g_autofree gchar *text = NULL;

    table_init(&table, columns);
    table_add(&table, "a");
    table_add_integer(&table, 1);
    table_add(&table, "first");
    table_add(&table, "longer");
    table_add_integer(&table, -1234);
    table_add(&table, NULL);
    text = table_format(&table, "", "");
    ck_assert_str_eq(text, "NAME        N  TEXT\n"
                           "a           1  first\n"
                           "longer  -1234  \n");
}
END_TEST

START_TEST(test_table_empty)
{
    g_auto(Table) table = {0};
    g_autofree gchar *text = NULL;

    table_init(&table, columns);
    text = table_format(&table, "<", ">");
    ck_assert_str_eq(text, "<NAME  N  TEXT>\n");
}
END_TEST

static const struct {
    const gchar *what;
    const gchar *text, *clean;
    guint width;
} text_rows[] = {
    {"plain", "abc", "abc", 3},
    {"escape sequence", "\033[31mred", "?[31mred", 8},
    {"newline", "a\nb", "a?b", 3},
    {"C1 control", "a\xc2\x9b" "b", "a?b", 3},
    {"turns the direction", "a\xe2\x80\xae" "b", "a?b", 3},
    {"wide", "\xe6\x97\xa5\xe6\x9c\xac", "\xe6\x97\xa5\xe6\x9c\xac", 4},
    {"combining", "e\xcc\x81", "e\xcc\x81", 1},
    {"cut", "ab\xe6\x97", "ab", 2},
};

START_TEST(test_clean)
{
    g_autofree gchar *clean = table_dup_clean(text_rows[_i].text);

    ck_assert_msg(strcmp(clean, text_rows[_i].clean) == 0, "%s: %s", text_rows[_i].what, clean);
    ck_assert_msg(table_get_width(clean) == text_rows[_i].width, "%s: %u", text_rows[_i].what,
                  table_get_width(clean));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("baridctl");
    TCase *tcase = tcase_create("baridctl");
    SRunner *runner = srunner_create(suite);
    int n_failed;

    tcase_add_loop_test(tcase, test_options, 0, G_N_ELEMENTS(option_rows));
    tcase_add_test(tcase, test_socket_path);
    tcase_add_test(tcase, test_table);
    tcase_add_test(tcase, test_table_empty);
    tcase_add_loop_test(tcase, test_clean, 0, G_N_ELEMENTS(text_rows));
    suite_add_tcase(suite, tcase);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
