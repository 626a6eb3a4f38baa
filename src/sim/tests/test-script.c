/* SPDX-License-Identifier: Apache-2.0 */
/* Reading dialogue scripts: steps, blocks, and the line numbers that problems are told with. */
#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>

#include "sim/dialogue-script.h"

static gboolean
read_text(DialogueScript *script, const gchar *text, GError **error)
{
    g_autofree gchar *folder = g_dir_make_tmp("barid-script-XXXXXX", NULL);
    g_autofree gchar *path = g_build_filename(folder, "script", NULL);
    gboolean ok;

    ck_assert(g_file_set_contents(path, text, -1, NULL));
    ok = dialogue_script_read(script, path, error);
    g_unlink(path);
    g_rmdir(folder);
    return ok;
}

static const struct {
    const gchar *what;
    const gchar *text;
    const gchar *word, *argument, *block; /* of the first step */
    guint n_steps;
} good[] = {
    {"a word alone", "connect\n", "connect", "", NULL, 1},
    {"a text with colons", "C: MAIL FROM:<a@b>\n", "C", "MAIL FROM:<a@b>", NULL, 1},
    {"blanks of a text stay", "C:  two \n", "C", " two ", NULL, 1},
    {"CR before LF", "S: 220\r\nS: 250\r\n", "S", "220", NULL, 2},
    {"no end of the last line", "queue: 1", "queue", "1", NULL, 1},
    {"comments and empty lines", "# one\n\n   \nqueue: 1\n# two\n", "queue", "1", NULL, 1},
    {"a block", "message:\n    a\n    b\nqueue: 1\n", "message", "", "a\nb", 2},
    {"empty lines within, not behind", "message:\n  a\n\n   b\n\n\nqueue: 1\n", "message", "",
     "a\n\n b", 2},
    {"a tab indents, too", "message:\n\ta\n", "message", "", "a", 1},
    {"an empty block", "dns:\n    \nclose\n", "dns", "", NULL, 2},
    {"a name behind a blank", "store local:\n    k v\n", "store", "local", "k v", 1},
    {"a name behind the colon", "store: local\n    k v\n", "store", "local", "k v", 1},
    {"a peer with a port", "peer: mx.example:25\n    rcpt 550 no\n", "peer", "mx.example:25",
     "rcpt 550 no", 1},
};

START_TEST(test_good)
{
    DialogueScript script;
    g_autoptr(GError) error = NULL;
    const DialogueStep *step;

    ck_assert_msg(read_text(&script, good[_i].text, &error), "%s", good[_i].what);
    ck_assert_msg(script.steps->len == good[_i].n_steps, "%s", good[_i].what);
    step = g_ptr_array_index(script.steps, 0);
    ck_assert_str_eq(step->word, good[_i].word);
    ck_assert_str_eq(step->text, good[_i].argument);
    ck_assert_pstr_eq(step->block, good[_i].block);
    dialogue_script_clear(&script);
}
END_TEST

static const struct {
    const gchar *what, *text, *reason;
} bad[] = {
    {"nothing", "", "script:1: the script is empty"},
    {"comments only", "# one\n", "script:1: the script is empty"},
    {"a block of nothing", "\n    a\n", "script:2: an indented line belongs to nothing"},
};

START_TEST(test_bad)
{
    DialogueScript script;
    g_autoptr(GError) error = NULL;

    ck_assert_msg(!read_text(&script, bad[_i].text, &error), "%s", bad[_i].what);
    ck_assert_msg(g_str_has_suffix(error->message, bad[_i].reason), "%s: %s", bad[_i].what,
                  error->message);
    dialogue_script_clear(&script);
}
END_TEST

/* Which line of (text) holds (part), from 1. */
static guint
find_line(const GString *text, const gchar *part)
{
    guint line = 1;

    for (const gchar *p = text->str; p < strstr(text->str, part); p++)
        line += *p == '\n';
    return line;
}

START_TEST(test_lines)
{
    DialogueScript script;

    ck_assert(read_text(&script, "# one\nconfig:\n    [rcpt]\n    relay = yes\n\ndns:\n    a A 1\n"
                                 "connect\nconfig:\n    [data]\nlist l:\n    a\"b\\d\n"
                                 "    \303\244\n",
                        NULL));
    ck_assert_uint_eq(find_line(script.config, "[rcpt]"), 3);
    ck_assert_uint_eq(find_line(script.config, "relay"), 4);
    ck_assert_uint_eq(find_line(script.config, "[data]"), 10);
    ck_assert_uint_eq(find_line(script.dns, "a A 1"), 7);
    ck_assert_uint_eq(find_line(script.lists, "[list l]"), 11);
    ck_assert_ptr_nonnull(
        strstr(script.lists->str,
               "[list l]\nentries = \"a\\\"b\\\\d\"\n  , \"\303\244\"\nfile =\n"));
    dialogue_script_clear(&script);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("script");
    TCase *cases = tcase_create("script");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_good, 0, G_N_ELEMENTS(good));
    tcase_add_loop_test(cases, test_bad, 0, G_N_ELEMENTS(bad));
    tcase_add_test(cases, test_lines);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
