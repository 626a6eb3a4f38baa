/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cursor.h"
#include "conf/config-tree.h"

typedef struct {
    const gchar *what;
    const gchar *text;    /* the file */
    const gchar *section; /* "kind" or "kind name", split at the blank */
    const gchar *key;
    const gchar *raw;  /* expected, NULL for absent */
    const gchar *problem; /* a part of the problems' text, NULL for none */
} TreeRow;

static const TreeRow tree_rows[] = {
    {"plain value", "[queue]\nmax = 10\n", "queue", "max", "10", NULL},
    {"named section", "[listener main]\nport = 25\n", "listener main", "port", "25", NULL},
    {"blanks around", "[queue]  \nmax   =   10   \n", "queue", "max", "10", NULL},
    {"blanks inside the header", "[ listener   main ]\nport=25\n", "listener main", "port", "25",
     NULL},
    {"no newline at the end", "[queue]\nmax = 10", "queue", "max", "10", NULL},
    {"carriage returns", "[queue]\r\nmax = 10\r\n", "queue", "max", "10", NULL},
    {"empty value", "[queue]\nmax =\n", "queue", "max", "", NULL},
    {"comment lines", "# a\n; b\n[queue]\n# c = d\nmax = 1\n", "queue", "max", "1", NULL},
    {"comment after white space", "[queue]\nmax = 10 # ten\n", "queue", "max", "10", NULL},
    {"semicolon comment", "[queue]\nmax = 10\t; ten\n", "queue", "max", "10", NULL},
    {"hash inside a word", "[queue]\nmax = a#b;c\n", "queue", "max", "a#b;c", NULL},
    {"hash inside quotes", "[queue]\nmax = \"a # b\" # c\n", "queue", "max", "\"a # b\"", NULL},
    {"escaped quote before a hash", "[queue]\nmax = \"a\\\" # b\"\n", "queue", "max",
     "\"a\\\" # b\"", NULL},
    {"comment after a header", "[queue] # here\nmax = 1\n", "queue", "max", "1", NULL},
    {"value that is only a comment", "[queue]\nmax = # none\n", "queue", "max", "", NULL},
    {"continuation", "[queue]\nmax = a,\n  b,\n\tc\n", "queue", "max", "a, b, c", NULL},
    {"continuation with comments", "[queue]\nmax = a, # one\n  # two\n\n# three\n  b\n", "queue",
     "max", "a, b", NULL},
    {"value on the next line only", "[queue]\nmax =\n   a b\n", "queue", "max", "a b", NULL},
    {"equals in the value", "[queue]\nmax = a == b\n", "queue", "max", "a == b", NULL},
    {"key with a domain", "[aliases]\nroot@example.org = a\n", "aliases", "root@example.org", "a",
     NULL},
    {"section twice", "[queue]\na = 1\n[other]\n[queue]\nb = 2\n", "queue", "b", "2", NULL},
    {"escaped quote in a pattern", "[q]\na = /\\\"x/ # c\n", "q", "a", "/\\\"x/", NULL},
    {"key twice", "[queue]\nmax = 1\nmax = 2\n", "queue", "max", "1",
     "f:3:1: [queue] max is set twice in this section; the first is in line 2"},
    {"key twice in two parts", "[queue]\nmax = 1\n[queue]\nmax = 2\n", "queue", "max", "1",
     "f:4:1: [queue] max is set twice"},
    {"no section", "max = 1\nmin = 2\n", "queue", "max", NULL, "f:1:1: a setting must stand below"},
    {"no equals sign", "[queue]\nmax\n", "queue", "max", NULL, "f:2:1: [queue] a line is"},
    {"two words as key", "[queue]\nmax size = 1\n", "queue", "max", NULL,
     "f:2:1: [queue] a key is"},
    {"no key", "[queue]\n= 1\n", "queue", "max", NULL, "f:2:1: [queue] a key is"},
    {"quoted key", "[queue]\n\"max\" = 1\n", "queue", "max", NULL, "a key is one word"},
    {"open header", "[queue\nmax = 1\n", "queue", "max", NULL, "f:1:1: the closing ] is missing"},
    {"upper-case kind", "[Queue]\nmax = 1\n", "queue", "max", NULL, "f:1:2: a section is [kind]"},
    {"empty header", "[]\nmax = 1\n", "queue", "max", NULL, "a section is [kind]"},
    {"two names", "[listener a b]\n", "listener", "x", NULL,
     "f:1:11: a section's name is one word"},
    {"text after a header", "[queue] max = 1\n", "queue", "max", NULL,
     "f:1:9: text after the section's name"},
    {"open quote", "[queue]\nmax = \"abc\n", "queue", "max", "\"abc",
     "f:2:7: [queue] the closing \" is missing"},
    {"quote over two lines", "[queue]\nmax = \"abc\n  def\"\n", "queue", "max", "\"abc def\"",
     "f:2:7: [queue] the closing \" is missing"},
    {"nothing to continue", "[queue]\n  max = 1\n", "queue", "max", NULL,
     "f:2:3: [queue] a line that begins with white space"},
};

static ConfigSection *
find_section(ConfigTree *tree, const gchar *label)
{
    g_auto(GStrv) words = g_strsplit(label, " ", 2);

    return config_tree_find(tree, words[0], words[1]);
}

START_TEST(test_tree)
{
    const TreeRow *row = &tree_rows[_i];
    g_autoptr(ConfigFiles) files = config_files_new_text("f", row->text);
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(ConfigTree) tree = config_tree_parse(files, problems);
    ConfigSection *section = find_section(tree, row->section);
    ConfigValue *value = section == NULL ? NULL : config_section_use(section, row->key);
    g_autofree gchar *text = config_problems_to_text(problems);

    ck_assert_msg((value != NULL) == (row->raw != NULL), "%s: %s", row->what, text);
    if (value != NULL)
        ck_assert_msg(barid_slice_equal_text(config_value_get_raw(value), row->raw), "%s: %.*s",
                      row->what, (int)config_value_get_raw(value).len,
                      config_value_get_raw(value).data);
    ck_assert_msg(config_problems_get_count(problems) == (row->problem == NULL ? 0 : 1), "%s: %s",
                  row->what, text);
    if (row->problem != NULL)
        ck_assert_msg(strstr(text, row->problem) != NULL, "%s: %s", row->what, text);
}
END_TEST

/* What is no text is told where it stands, with all else that is wrong. */
START_TEST(test_bad_bytes)
{
    static const gchar bytes[] = "[queue]\r\nmax = 1\nname = \303\274\374\377 # \377\nwhat\n"
                                 "# \xe2\x82\nb\0\0ad = 2\nlast = \377";
    g_autoptr(ConfigFiles) files = config_files_new_text("a", "[queue\n");
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(ConfigTree) tree = NULL;
    g_autofree gchar *text = NULL;

    config_files_append(files, "f", barid_slice(bytes, sizeof bytes - 1));
    config_files_append(files, "z", BARID_SLICE_LITERAL("nothing\n"));
    tree = config_tree_parse(files, problems);
    text = config_problems_to_text(problems);
    ck_assert_str_eq(text,
                     "a:1:1: the closing ] is missing\n    [queue\n    ^~~~~~\n"
                     "f:3:10: this is not UTF-8\n"
                     "    name = \303\274\357\277\275\357\277\275 # \357\277\275\n            ^\n"
                     "f:4:1: [queue] a line is \"key = value\", \"[section]\" or a comment\n"
                     "    what\n    ^~~~\n"
                     "f:5:3: this is not UTF-8\n    # \357\277\275\357\277\275\n      ^\n"
                     "f:6:2: this is a NUL byte\n"
                     "    b\357\277\275\357\277\275ad = 2\n     ^\n"
                     "f:7:8: this is not UTF-8\n    last = \357\277\275\n           ^\n"
                     "z:1:1: a line is \"key = value\", \"[section]\" or a comment\n"
                     "    nothing\n    ^~~~~~~\n");
    ck_assert_ptr_nonnull(config_section_use(config_tree_find(tree, "queue", NULL), "last"));
}
END_TEST

static const struct {
    gsize offset;
    guint line, column;
} locate_rows[] = {
    {0, 3, 7}, {3, 3, 10}, {4, 3, 11}, {5, 4, 4}, {7, 4, 6}, {8, 4, 7}, {9, 7, 2}, {11, 7, 4},
    {999, 7, 5},
};

START_TEST(test_locate)
{
    /* Raw text: "one, two three". */
    static const gchar text[] =
        "# first\n[queue]\nmax = one, # c\n   two\n   # between\n\n\tthree\n";
    g_autoptr(ConfigFiles) files = config_files_new_text("f", text);
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(ConfigTree) tree = config_tree_parse(files, problems);
    ConfigValue *value = config_section_use(config_tree_find(tree, "queue", NULL), "max");
    ConfigPosition position = config_value_locate(value, locate_rows[_i].offset);

    ck_assert(barid_slice_equal_text(config_value_get_raw(value), "one, two three"));
    ck_assert_str_eq(position.file, "f");
    ck_assert_uint_eq(position.line, locate_rows[_i].line);
    if (locate_rows[_i].offset < 999)
        ck_assert_uint_eq(position.column, locate_rows[_i].column);
}
END_TEST

static const struct {
    const gchar *what;
    const gchar *value;
    const gchar *text;  /* expected, NULL for a problem */
    const gchar *items; /* joined with "|", NULL for a problem */
} text_rows[] = {
    {"word", "abc", "abc", "abc"},
    {"words", "abc def", "abc def", "abc def"},
    {"quoted", "\"abc\"", "abc", "abc"},
    {"escapes", "\"a\\\"b\\\\c\\nd\\te\"", "a\"b\\c\nd\te", "a\"b\\c\nd\te"},
    {"empty", "", "", ""},
    {"quoted empty", "\"\"", "", ""},
    {"backslash outside quotes", "a\\nb", "a\\nb", "a\\nb"},
    {"list", "a, b,c", "a, b,c", "a|b|c"},
    {"quoted entries", "\"a, b\", c", NULL, "a, b|c"},
    {"escaped quote in an entry", "\"a\\\", b\", c", NULL, "a\", b|c"},
    {"bad escape", "\"a\\x\"", NULL, NULL},
    {"text after the quote", "\"a\" b", NULL, NULL},
    {"quote inside", "a \"b\"", NULL, NULL},
    {"empty entry", "a,,b", "a,,b", NULL},
    {"comma at the end", "a,", "a,", NULL},
    {"only a comma", ",", ",", NULL},
};

START_TEST(test_text)
{
    g_autofree gchar *file = g_strdup_printf("[q]\nk = %s\n", text_rows[_i].value);
    g_autoptr(ConfigFiles) files = config_files_new_text("f", file);
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(ConfigTree) tree = config_tree_parse(files, problems);
    ConfigValue *value = config_section_use(config_tree_find(tree, "q", NULL), "k");
    const gchar *text = config_value_get_text(value, problems);
    guint count = config_problems_get_count(problems);
    const gchar *const *list = config_value_get_list(value, problems);

    ck_assert_msg(g_strcmp0(text, text_rows[_i].text) == 0, "%s: %s", text_rows[_i].what, text);
    ck_assert_msg((count > 0) == (text == NULL), "%s", text_rows[_i].what);
    ck_assert_msg((list != NULL) == (text_rows[_i].items != NULL), "%s", text_rows[_i].what);
    if (list != NULL) {
        g_autofree gchar *joined = g_strjoinv("|", (gchar **)list);

        ck_assert_msg(strcmp(joined, text_rows[_i].items) == 0, "%s: %s", text_rows[_i].what,
                      joined);
    } else {
        ck_assert_msg(config_problems_get_count(problems) > count, "%s", text_rows[_i].what);
    }
}
END_TEST

START_TEST(test_override)
{
    g_autoptr(ConfigFiles) files =
        config_files_new_text("a", "[queue]\nmax = 1\nmin = 2\n[listener a]\nport = 1\n");
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(ConfigTree) tree = NULL;
    ConfigSection *queue;
    ConfigValue *value;

    config_files_append(files, "b", BARID_SLICE_LITERAL("[queue]\nmax = 3\n[listener b]\n"));
    config_files_append(files, "c", BARID_SLICE_LITERAL("[queue]\n\nmax = 4\nnew = 5\n"));
    tree = config_tree_parse(files, problems);
    ck_assert_uint_eq(config_problems_get_count(problems), 0);
    queue = config_tree_find(tree, "queue", NULL);
    value = config_section_use(queue, "max");
    ck_assert(barid_slice_equal_text(config_value_get_raw(value), "4"));
    ck_assert_str_eq(config_value_locate(value, 0).file, "c");
    ck_assert_uint_eq(config_value_locate(value, 0).line, 3);
    value = config_section_use(queue, "min");
    ck_assert_str_eq(config_value_locate(value, 0).file, "a");
    ck_assert_uint_eq(config_section_get_n_keys(queue), 3);
    ck_assert_str_eq(config_section_get_key(queue, 0), "max");
    ck_assert_str_eq(config_section_get_key(queue, 2), "new");
    ck_assert_str_eq(config_section_get_name(config_tree_get_nth(tree, "listener", 1)), "b");
    ck_assert_str_eq(config_section_get_label(config_tree_get_nth(tree, "listener", 0)),
                     "listener a");
    ck_assert_ptr_null(config_tree_get_nth(tree, "listener", 2));
    ck_assert_ptr_null(config_section_get_name(queue));
}
END_TEST

static const struct {
    const gchar *what;
    const gchar *text;
    const gchar *problem; /* NULL for none */
} unknown_rows[] = {
    {"all known", "[queue]\nmax = 1\n[listener x]\nport = 2\n", NULL},
    {"unknown kind", "[quue]\nmax = 1\n",
     "f:1:1: nothing knows the section [quue]; did you mean [queue]?"},
    {"nothing near", "[zzzzzzzz]\n", "nothing knows the section [zzzzzzzz]\n"},
    {"unknown key", "[queue]\n\nmx = 1\n",
     "f:3:1: [queue] there is no setting mx; did you mean max?\n    mx = 1\n    ^~\n"},
    {"key of another section", "[queue]\nport = 1\n", "there is no setting port\n"},
    {"key of a label", "[module grey]\ndelayy = 1\n", "did you mean delay?"},
    {"section of a known kind", "[module gray]\n", "did you mean [module grey]?"},
    {"value on a later line", "[queue]\nmx =\n  1\n", "f:2:1:"},
};

START_TEST(test_unknown)
{
    g_autoptr(ConfigFiles) files = config_files_new_text("f", unknown_rows[_i].text);
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(ConfigTree) tree = config_tree_parse(files, problems);
    g_autofree gchar *text = NULL;
    ConfigSection *section;

    config_tree_declare(tree, "queue", "max");
    config_tree_declare(tree, "listener", "port");
    config_tree_declare(tree, "module", NULL);
    config_tree_declare(tree, "module grey", "delay");
    if ((section = config_tree_find(tree, "queue", NULL)) != NULL)
        config_section_use(section, "max");
    if ((section = config_tree_find(tree, "listener", "x")) != NULL)
        config_section_use(section, "port");
    if ((section = config_tree_find(tree, "module", "grey")) != NULL)
        config_section_claim(section);
    config_tree_report_unknown(tree, problems);
    text = config_problems_to_text(problems);
    if (unknown_rows[_i].problem == NULL)
        ck_assert_str_eq(text, "");
    else
        ck_assert_msg(strstr(text, unknown_rows[_i].problem) != NULL, "%s: %s",
                      unknown_rows[_i].what, text);
}
END_TEST

START_TEST(test_problem_text)
{
    g_autoptr(ConfigFiles) files =
        config_files_new_text("f", "[q]\nb = x\n\na =\t\303\244\tfoo bar\n");
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(ConfigTree) tree = config_tree_parse(files, problems);
    ConfigSection *section = config_tree_find(tree, "q", NULL);
    g_autofree gchar *text = NULL;
    g_autoptr(GString) json = g_string_new(NULL);
    JsonWriter writer;

    config_value_report(config_section_use(section, "a"), problems, 3, 3, "wrong %d", 7);
    config_value_report(config_section_use(section, "b"), problems, 0, 99, "long");
    config_problems_add(problems, (ConfigPosition){NULL, 0, 0}, "x", NULL, NULL, 0, "nowhere");
    text = config_problems_to_text(problems);
    ck_assert_str_eq(text, "[x] nowhere\n"
                           "f:2:5: [q] b: long\n    b = x\n        ^\n"
                           "f:4:8: [q] a: wrong 7\n    a =\t\303\244\tfoo bar\n    "
                           "   \t \t^~~\n");
    json_writer_init(&writer, json);
    json_writer_begin_object(&writer, NULL);
    config_problems_to_json(problems, &writer);
    json_writer_end_object(&writer);
    ck_assert_ptr_nonnull(strstr(json->str,
                                 "{\"file\":\"f\",\"line\":2,\"column\":5,"
                                 "\"section\":\"q\",\"key\":\"b\",\"message\":\"long\"}"));
}
END_TEST

START_TEST(test_problem_limit)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autofree gchar *text = NULL;

    for (guint i = 0; i < CONFIG_PROBLEMS_MAX + 5; i++)
        config_problems_add(problems, (ConfigPosition){"f", i + 1, 1}, NULL, NULL, NULL, 0, "p");
    ck_assert_uint_eq(config_problems_get_count(problems), CONFIG_PROBLEMS_MAX + 5);
    ck_assert_ptr_null(config_problems_get(problems, CONFIG_PROBLEMS_MAX));
    text = config_problems_to_text(problems);
    ck_assert(g_str_has_suffix(text, "and 5 more problems\n"));
}
END_TEST

/* Neither is passed over: what stands in it may be what keeps others out. */
START_TEST(test_unreadable_files)
{
    static const gchar *const targets[] = {NULL, "nowhere", "b.conf"};
    g_autofree gchar *folder = g_dir_make_tmp("barid-conf-XXXXXX", NULL);
    g_autofree gchar *dropins = g_build_filename(folder, "conf.d", NULL);
    g_autofree gchar *path = g_build_filename(folder, "barid.conf", NULL);
    g_autofree gchar *bad = g_build_filename(dropins, "b.conf", NULL);
    g_autoptr(GError) error = NULL;

    ck_assert(g_file_set_contents(path, "[a]\n", -1, NULL));
    ck_assert_int_eq(g_mkdir(dropins, 0700), 0);
    /* A folder, a link that leads nowhere, and one that leads back to itself. */
    if (targets[_i] == NULL)
        ck_assert_int_eq(g_mkdir(bad, 0700), 0);
    else
        ck_assert_int_eq(symlink(targets[_i], bad), 0);
    ck_assert_ptr_null(config_files_read(path, &error));
    ck_assert_msg(strstr(error->message, bad) != NULL, "%s", error->message);
    g_clear_error(&error);
    g_remove(bad);
    g_rmdir(dropins);
    /* A file where the folder should be. */
    ck_assert(g_file_set_contents(dropins, "[a]\n", -1, NULL));
    ck_assert_ptr_null(config_files_read(path, &error));
    ck_assert_msg(strstr(error->message, dropins) != NULL, "%s", error->message);
    g_remove(dropins);
    g_remove(path);
    g_rmdir(folder);
}
END_TEST

static void
write_file(const gchar *folder, const gchar *name, const gchar *text, gssize len)
{
    g_autofree gchar *path = g_build_filename(folder, name, NULL);

    ck_assert(g_file_set_contents(path, text, len, NULL));
}

/* The modules of the build tree are there; so is every file of an area. */
START_TEST(test_absent)
{
    static const struct {
        const gchar *name, *text;
        gboolean is_dropped;
        const gchar *what;
    } rows[] = {
        {"/c/barid.conf", "[module nosuch]\n", FALSE, "the main file"},
        {"/c/conf.d/maildir.conf", "[module maildir]\n", FALSE, "a module that is there"},
        {"/c/conf.d/nosuch.conf", "# ours\n[nosuch a]\nb=c\n[module  nosuch]\n", TRUE,
         "one that is not"},
        {"/c/conf.d/other.conf", "[module nosuch]\nenabled = yes\n", FALSE, "of another name"},
        {"/c/conf.d/queue.conf", "[queue]\n", FALSE, "an area"},
        {"/c/elsewhere/nosuch.conf", "[module nosuch]\n", FALSE, "not in conf.d"},
        {"default:nosuch.conf", "[module nosuch]\n", TRUE, "compiled in"},
    };
    g_autoptr(ConfigFiles) files = config_files_new_text(rows[0].name, rows[0].text);
    g_autoptr(GPtrArray) dropped = NULL;
    g_autoptr(GPtrArray) more = NULL;
    guint n_dropped = 0;

    for (gsize i = 1; i < G_N_ELEMENTS(rows); i++)
        config_files_append(files, rows[i].name, barid_slice_from_text(rows[i].text));
    dropped = config_files_drop_absent(files, "default:nosuch.conf");
    ck_assert_uint_eq(dropped->len, 1);
    ck_assert_ptr_nonnull(config_files_get_text(files, "default:nosuch.conf"));
    more = config_files_drop_absent(files, NULL);
    ck_assert_uint_eq(more->len, 1);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        n_dropped += (guint)rows[i].is_dropped;
        ck_assert_msg((config_files_get_text(files, rows[i].name) == NULL) == rows[i].is_dropped,
                      "%s", rows[i].what);
    }
    ck_assert_uint_eq(files->files->len, G_N_ELEMENTS(rows) - n_dropped);
}
END_TEST

START_TEST(test_read)
{
    g_autofree gchar *folder = g_dir_make_tmp("barid-conf-XXXXXX", NULL);
    g_autofree gchar *dropins = g_build_filename(folder, "conf.d", NULL);
    g_autofree gchar *path = g_build_filename(folder, "barid.conf", NULL);
    g_autofree gchar *last = NULL;
    static const gchar *const names[] = {"B.conf", "a.conf", "b.conf~", ".c.conf", "0.conf"};
    g_autoptr(ConfigFiles) files = NULL;
    g_autoptr(ConfigFiles) without = NULL;
    g_autoptr(ConfigFiles) with_bytes = NULL;
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(config_files_read(path, &error));
    ck_assert_int_eq(error->code, BARID_ERROR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(error->message, path));
    g_clear_error(&error);
    write_file(folder, "barid.conf", "[a]\n", -1);
    without = config_files_read(path, NULL);
    ck_assert_uint_eq(without->files->len, 1);
    ck_assert_int_eq(g_mkdir(dropins, 0700), 0);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        write_file(dropins, names[i], "[b]\n", -1);
    files = config_files_read(path, NULL);
    ck_assert_uint_eq(files->files->len, 4);
    ck_assert(g_str_has_suffix(g_array_index(files->files, ConfigFile, 1).name, "/0.conf"));
    ck_assert(g_str_has_suffix(g_array_index(files->files, ConfigFile, 2).name, "/B.conf"));
    ck_assert(g_str_has_suffix(g_array_index(files->files, ConfigFile, 3).name, "/a.conf"));
    write_file(dropins, "z.conf", "[a]\n\377\n", -1);
    with_bytes = config_files_read(path, NULL);
    last = g_build_filename(dropins, "z.conf", NULL);
    ck_assert(!config_files_is_text(with_bytes, last));
    ck_assert(config_files_is_text(with_bytes, path));
    ck_assert(config_files_is_text(with_bytes, "nowhere"));
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree gchar *file = g_build_filename(dropins, names[i], NULL);
        g_remove(file);
    }
    g_remove(last);
    g_rmdir(dropins);
    g_remove(path);
    g_rmdir(folder);
}
END_TEST

START_TEST(test_pack)
{
    g_autoptr(ConfigFiles) files = config_files_new_text("/etc/a.conf", "[a]\nb = c\n");
    g_autoptr(ConfigFiles) back = NULL;
    g_auto(Buffer) buffer = {0};
    g_auto(Buffer) small = {0};
    BaridSlice packed;

    buffer_init(&buffer, 4096);
    buffer_init(&small, 16);
    config_files_append(files, "b", BARID_SLICE_EMPTY);
    ck_assert(!config_files_pack(files, &small));
    ck_assert(config_files_pack(files, &buffer));
    packed = buffer_get_slice(&buffer);
    back = config_files_unpack(packed, NULL);
    ck_assert_ptr_nonnull(back);
    ck_assert_uint_eq(back->files->len, 2);
    ck_assert_str_eq(g_array_index(back->files, ConfigFile, 0).name, "/etc/a.conf");
    ck_assert_str_eq(g_array_index(back->files, ConfigFile, 0).text, "[a]\nb = c\n");
    ck_assert_uint_eq(g_array_index(back->files, ConfigFile, 1).len, 0);
    /* Cut anywhere, it is refused. */
    for (gsize len = 0; len < packed.len; len++) {
        g_autoptr(GError) error = NULL;

        ck_assert_ptr_null(config_files_unpack(barid_slice(packed.data, len), &error));
        ck_assert(error->domain == CONFIG_ERROR);
    }
    ck_assert(buffer_append(&buffer, "x", 1));
    ck_assert_ptr_null(config_files_unpack(buffer_get_slice(&buffer), NULL));
}
END_TEST

START_TEST(test_default_files)
{
    g_autoptr(ConfigFiles) files = config_files_new_default();
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(ConfigTree) tree = config_tree_parse(files, problems);
    g_autofree gchar *text = config_problems_to_text(problems);

    ck_assert_str_eq(text, "");
    for (guint i = 0; i < files->files->len; i++) {
        const ConfigFile *file = &g_array_index(files->files, ConfigFile, i);

        ck_assert(g_str_has_prefix(file->name, "default:"));
        ck_assert(g_str_has_suffix(file->name, ".conf"));
        ck_assert_uint_eq(strlen(file->text), file->len);
        if (i > 0)
            ck_assert_str_gt(file->name, g_array_index(files->files, ConfigFile, i - 1).name);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("config-tree");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_tree, 0, G_N_ELEMENTS(tree_rows));
    tcase_add_test(tcase, test_bad_bytes);
    tcase_add_loop_test(tcase, test_unreadable_files, 0, 3);
    tcase_add_loop_test(tcase, test_locate, 0, G_N_ELEMENTS(locate_rows));
    tcase_add_loop_test(tcase, test_text, 0, G_N_ELEMENTS(text_rows));
    tcase_add_test(tcase, test_override);
    tcase_add_loop_test(tcase, test_unknown, 0, G_N_ELEMENTS(unknown_rows));
    tcase_add_test(tcase, test_problem_text);
    tcase_add_test(tcase, test_problem_limit);
    tcase_add_test(tcase, test_read);
    tcase_add_test(tcase, test_absent);
    tcase_add_test(tcase, test_pack);
    tcase_add_test(tcase, test_default_files);
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(void)
{
    SRunner *runner = srunner_create(make_suite());
    int failed;

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
