/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "queue/history.h"

typedef struct {
    gchar *folder;
    HistoryOptions options;
    History *history;
} Bench;

static void
bench_open(Bench *bench)
{
    g_autoptr(GError) error = NULL;

    bench->history = history_open(bench->folder, &bench->options, &error);
    ck_assert_msg(bench->history != NULL, "%s", error == NULL ? "" : error->message);
}

static void
bench_init(Bench *bench)
{
    bench->folder = g_dir_make_tmp("barid-history-XXXXXX", NULL);
    bench->options = (HistoryOptions){.max_bytes = 1024 * 1024, .max_age_ms = 1000 * 1000};
    bench_open(bench);
}

static void
bench_clear(Bench *bench)
{
    GDir *dir = g_dir_open(bench->folder, 0, NULL);
    const gchar *name;

    history_close(bench->history);
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree gchar *path = g_build_filename(bench->folder, name, NULL);

        (void)g_unlink(path);
    }
    g_dir_close(dir);
    (void)g_rmdir(bench->folder);
    g_free(bench->folder);
}

static guint
count_files(const Bench *bench)
{
    GDir *dir = g_dir_open(bench->folder, 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir) != NULL)
        n++;
    g_dir_close(dir);
    return n;
}

static void
append(Bench *bench, const gchar *id, gint64 now_ms, const gchar *document)
{
    g_autoptr(GError) error = NULL;

    ck_assert_msg(history_append(bench->history, id, now_ms, document, &error), "%s",
                  error == NULL ? "" : error->message);
}

static gboolean
collect(const gchar *document, gpointer data)
{
    g_string_append_printf(data, "%s;", document);
    return TRUE;
}

static void
expect(Bench *bench, const gchar *id, const gchar *documents)
{
    g_autoptr(GString) found = g_string_new(NULL);

    history_visit(bench->history, id, collect, found);
    ck_assert_str_eq(found->str, documents);
}

START_TEST(test_lookup)
{
    Bench bench;

    bench_init(&bench);
    expect(&bench, NULL, "");
    append(&bench, "aa", 1, "{\"n\":1}");
    append(&bench, "bb", 2, "{\"n\":2}");
    append(&bench, "aa", 3, "{\"n\":3}");
    expect(&bench, "aa", "{\"n\":3};{\"n\":1};");
    expect(&bench, "bb", "{\"n\":2};");
    expect(&bench, "cc", "");
    expect(&bench, NULL, "{\"n\":3};{\"n\":2};{\"n\":1};");
    history_close(bench.history);
    bench_open(&bench);
    expect(&bench, NULL, "{\"n\":3};{\"n\":2};{\"n\":1};");
    append(&bench, "aa", 4, "{\"n\":4}");
    expect(&bench, "aa", "{\"n\":4};{\"n\":3};{\"n\":1};");
    bench_clear(&bench);
}
END_TEST

static gboolean
stop_at_second(const gchar *document, gpointer data)
{
    (void)document;
    return ++*(guint *)data < 2;
}

START_TEST(test_visitor_stops)
{
    Bench bench;
    guint n_seen = 0;

    bench_init(&bench);
    for (guint i = 0; i < 5; i++)
        append(&bench, "x", i, "{}");
    history_visit(bench.history, NULL, stop_at_second, &n_seen);
    ck_assert_uint_eq(n_seen, 2);
    bench_clear(&bench);
}
END_TEST

/* Fills several files; record (i) is of id "id-(i modulo 50)". */
static void
fill_files(Bench *bench, guint n)
{
    for (guint i = 0; i < n; i++) {
        g_autofree gchar *id = g_strdup_printf("id-%u", i % 50);
        g_autofree gchar *document = g_strdup_printf("{\"n\":%u,\"pad\":\"%0200d\"}", i, 0);

        append(bench, id, 1000 + i, document);
    }
}

typedef struct {
    gint64 last;
    guint count;
} Falling;

/* Newest first: the numbers fall. */
static gboolean
check_falling(const gchar *document, gpointer data)
{
    Falling *falling = data;
    gint64 n = g_ascii_strtoll(document + strlen("{\"n\":"), NULL, 10);

    ck_assert_int_lt(n, falling->last);
    falling->last = n;
    falling->count++;
    return TRUE;
}

START_TEST(test_lookup_over_files)
{
    Bench bench;

    bench_init(&bench);
    fill_files(&bench, 2000);
    ck_assert_uint_ge(count_files(&bench), 4);
    for (guint round = 0; round < 2; round++) {
        for (guint i = 0; i < 50; i++) {
            g_autofree gchar *id = g_strdup_printf("id-%u", i);
            Falling falling = {.last = G_MAXINT64};
            guint n_seen = 0;

            history_visit(bench.history, id, check_falling, &falling);
            ck_assert_uint_eq(falling.count, 40);
            ck_assert_int_eq(falling.last, i);
            history_visit(bench.history, id, stop_at_second, &n_seen);
            ck_assert_uint_eq(n_seen, 2);
        }
        expect(&bench, "id-50", "");
        /* The same after the files were read again. */
        history_close(bench.history);
        bench_open(&bench);
    }
    bench_clear(&bench);
}
END_TEST

START_TEST(test_walk_in_pieces)
{
    Bench bench;
    HistoryWalk walk = {0};
    Falling falling = {.last = G_MAXINT64};
    guint pieces = 0;

    bench_init(&bench);
    ck_assert(!history_walk(bench.history, &walk, 10, 0, check_falling, &falling));
    fill_files(&bench, 2000);
    while (history_walk(bench.history, &walk, 7, 0, check_falling, &falling)) {
        pieces++;
        append(&bench, "late", 9999, "{\"n\":5000}"); /* not met */
    }
    ck_assert_uint_eq(falling.count, 2000);
    ck_assert_uint_eq(walk.n_visited, 2000);
    ck_assert_uint_eq(pieces, 285);
    bench_clear(&bench);
}
END_TEST

START_TEST(test_walk_since)
{
    Bench bench;
    HistoryWalk walk = {0};
    Falling falling = {.last = G_MAXINT64};

    bench_init(&bench);
    fill_files(&bench, 2000);
    ck_assert(!history_walk(bench.history, &walk, G_MAXUINT, 1000 + 1999, check_falling, &falling));
    ck_assert_uint_gt(falling.count, 0);
    ck_assert_uint_lt(falling.count, 1000); /* the older files are passed over */
    bench_clear(&bench);
}
END_TEST

static const struct {
    const gchar *what, *id, *document;
} bad_rows[] = {
    {"two lines", "a", "{\n}"},
    {"no object", "a", "[]"},
    {"empty", "a", ""},
    {"blank in the id", "a b", "{}"},
    {"no id", "", "{}"},
    {"long id", "12345678901234567890123456789012345678901234567890123456789012345", "{}"},
};

START_TEST(test_bad_records)
{
    Bench bench;
    g_autoptr(GError) error = NULL;

    bench_init(&bench);
    ck_assert_msg(!history_append(bench.history, bad_rows[_i].id, 1, bad_rows[_i].document,
                                  &error),
                  "%s", bad_rows[_i].what);
    ck_assert_int_eq(error->code, BARID_ERROR_INVALID);
    expect(&bench, NULL, "");
    bench_clear(&bench);
}
END_TEST

/* What follows a good record in the file, and what of it is found. */
static const struct {
    const gchar *what, *tail;
    gsize len;
} damage_rows[] = {
    {"torn line", "17 aa {\"n\":2", 12},
    {"no time", "x aa {}\n", 8},
    {"zeros", "\0\0\0\0\0\0\0\n", 8},
    {"NUL in the document", "17 aa {\0}\n", 10},
    {"empty line", "\n", 1},
};

START_TEST(test_damage)
{
    Bench bench;
    g_autofree gchar *path = NULL;
    int fd;

    bench_init(&bench);
    append(&bench, "aa", 1, "{\"n\":1}");
    history_close(bench.history);
    path = g_build_filename(bench.folder, "history-00000001.jsonl", NULL);
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, damage_rows[_i].tail, damage_rows[_i].len),
                     (gssize)damage_rows[_i].len);
    (void)close(fd);
    bench_open(&bench);
    append(&bench, "aa", 2, "{\"n\":3}");
    expect(&bench, "aa", "{\"n\":3};{\"n\":1};");
    history_close(bench.history);
    bench_open(&bench);
    expect(&bench, "aa", "{\"n\":3};{\"n\":1};");
    bench_clear(&bench);
}
END_TEST

START_TEST(test_trim_by_bytes)
{
    Bench bench;
    g_autofree gchar *document = g_strdup_printf("{\"x\":\"%01000d\"}", 7);
    guint n_seen = 0;

    bench_init(&bench);
    for (guint i = 0; i < 3000; i++) {
        append(&bench, "aa", i, document);
        history_trim(bench.history, i);
    }
    ck_assert_uint_le(count_files(&bench), 9);
    ck_assert_uint_ge(count_files(&bench), 7);
    append(&bench, "bb", 3001, "{\"last\":1}");
    expect(&bench, "bb", "{\"last\":1};");
    history_visit(bench.history, "aa", stop_at_second, &n_seen);
    ck_assert_uint_eq(n_seen, 2);
    bench_clear(&bench);
}
END_TEST

START_TEST(test_trim_by_age)
{
    Bench bench;

    bench_init(&bench);
    append(&bench, "old", 1000, "{\"n\":1}");
    append(&bench, "new", 900 * 1000, "{\"n\":2}");
    history_trim(bench.history, 1000 * 1000);
    expect(&bench, NULL, "{\"n\":2};{\"n\":1};");
    history_trim(bench.history, 1500 * 1000);
    expect(&bench, NULL, "{\"n\":2};");
    history_trim(bench.history, 2500 * 1000);
    expect(&bench, NULL, "");
    append(&bench, "next", 2500 * 1000, "{\"n\":3}");
    expect(&bench, NULL, "{\"n\":3};");
    bench_clear(&bench);
}
END_TEST

/* An older process drains while a younger one has begun. */
START_TEST(test_two_writers)
{
    Bench bench;
    History *older;

    bench_init(&bench);
    append(&bench, "aa", 1, "{\"n\":1}");
    expect(&bench, "aa", "{\"n\":1};");
    older = bench.history;
    bench_open(&bench);
    append(&bench, "aa", 2, "{\"n\":2}");
    expect(&bench, "aa", "{\"n\":2};{\"n\":1};");
    ck_assert(history_append(older, "aa", 3, "{\"n\":3}", NULL));
    append(&bench, "bb", 4, "{\"n\":4}");
    history_close(older);
    ck_assert(history_refresh(bench.history, NULL));
    expect(&bench, "bb", "{\"n\":4};");
    expect(&bench, "aa", "{\"n\":2};{\"n\":3};{\"n\":1};");
    ck_assert_uint_eq(count_files(&bench), 2);
    bench_clear(&bench);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("history");
    TCase *tcase = tcase_create("history");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, test_lookup);
    tcase_add_test(tcase, test_visitor_stops);
    tcase_add_test(tcase, test_lookup_over_files);
    tcase_add_test(tcase, test_walk_in_pieces);
    tcase_add_test(tcase, test_walk_since);
    tcase_add_loop_test(tcase, test_bad_records, 0, G_N_ELEMENTS(bad_rows));
    tcase_add_loop_test(tcase, test_damage, 0, G_N_ELEMENTS(damage_rows));
    tcase_add_test(tcase, test_trim_by_bytes);
    tcase_add_test(tcase, test_trim_by_age);
    tcase_add_test(tcase, test_two_writers);
    suite_add_tcase(suite, tcase);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
