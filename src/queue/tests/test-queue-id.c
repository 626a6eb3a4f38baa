/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "base/clock.h"
#include "queue/queue-id.h"

/* 2020-01-01T00:00:00Z and one second. */
#define TEST_TIME_MS (G_GINT64_CONSTANT(1577836800000) + 1000)

static gint64 test_now_us;

static gint64
read_test_clock(gpointer data)
{
    (void)data;
    return test_now_us;
}

static const ClockSource test_clock = {read_test_clock, read_test_clock, NULL};

static const struct {
    const gchar *what, *text;
    gboolean valid;
    guint64 id;
} text_rows[] = {
    {"zero", "0000000000000", TRUE, 0},
    {"one", "0000000000001", TRUE, 1},
    {"largest", "fzzzzzzzzzzzz", TRUE, G_MAXUINT64},
    {"capitals", "FZZZZZZZZZZZZ", TRUE, G_MAXUINT64},
    {"too large", "g000000000000", FALSE, 0},
    {"short", "000000000000", FALSE, 0},
    {"long", "00000000000000", FALSE, 0},
    {"empty", "", FALSE, 0},
    {"a letter that is none", "00000000000i0", FALSE, 0},
    {"a sign", "-000000000000", FALSE, 0},
};

START_TEST(test_text)
{
    QueueId id = 7;
    gchar text[QUEUE_ID_TEXT_LEN + 1];
    gboolean valid = queue_id_parse(barid_slice_from_text(text_rows[_i].text), &id);

    ck_assert_msg(valid == text_rows[_i].valid, "%s", text_rows[_i].what);
    ck_assert_uint_eq(id, valid ? text_rows[_i].id : 7);
    if (valid)
        ck_assert_int_eq(g_ascii_strcasecmp(queue_id_format(id, text), text_rows[_i].text), 0);
}
END_TEST

START_TEST(test_nul_inside)
{
    QueueId id;

    ck_assert(!queue_id_parse(barid_slice("000000\0000000", QUEUE_ID_TEXT_LEN), &id));
}
END_TEST

START_TEST(test_order_and_time)
{
    QueueId last;
    gchar before[QUEUE_ID_TEXT_LEN + 1], after[QUEUE_ID_TEXT_LEN + 1];

    test_now_us = TEST_TIME_MS * 1000;
    clock_set_source(&test_clock);
    queue_id_set_generation(3);
    last = queue_id_new();
    ck_assert_int_eq(queue_id_get_time_ms(last), TEST_TIME_MS);
    /* More than one millisecond's worth, then a clock that goes back. */
    for (guint i = 0; i < 200000; i++) {
        QueueId id = queue_id_new();

        ck_assert_uint_gt(id, last);
        ck_assert_uint_eq(id >> 16 & 0xff, 3);
        last = id;
        if (i == 100000)
            test_now_us -= 5000000;
    }
    test_now_us = (TEST_TIME_MS + 60000) * 1000;
    (void)queue_id_format(last, before);
    last = queue_id_new();
    ck_assert_int_eq(queue_id_get_time_ms(last), TEST_TIME_MS + 60000);
    /* The text has the order of the numbers. */
    ck_assert_int_lt(strcmp(before, queue_id_format(last, after)), 0);
    clock_set_source(NULL);
}
END_TEST

START_TEST(test_advance_past)
{
    QueueId far;

    test_now_us = TEST_TIME_MS * 1000;
    clock_set_source(&test_clock);
    queue_id_set_generation(0);
    /* The highest generation of a later moment. */
    far = (QueueId)5000 << 24 | 0xffu << 16 | 77;
    queue_id_advance_past(far);
    ck_assert_uint_gt(queue_id_new(), far);
    queue_id_advance_past(1);
    ck_assert_uint_gt(queue_id_new(), far);
    clock_set_source(NULL);
}
END_TEST

enum { THREADS = 4, IDS = 20000 };

static gpointer
make_ids(gpointer data)
{
    QueueId *ids = data;

    for (guint i = 0; i < IDS; i++)
        ids[i] = queue_id_new();
    return NULL;
}

static gint
compare_ids(gconstpointer a, gconstpointer b)
{
    QueueId left = *(const QueueId *)a, right = *(const QueueId *)b;

    return left < right ? -1 : left > right ? 1 : 0;
}

START_TEST(test_threads)
{
    g_autofree QueueId *ids = g_new(QueueId, THREADS * IDS);
    GThread *threads[THREADS];

    for (guint i = 0; i < THREADS; i++)
        threads[i] = g_thread_new("ids", make_ids, ids + i * IDS);
    for (guint i = 0; i < THREADS; i++)
        (void)g_thread_join(threads[i]);
    qsort(ids, THREADS * IDS, sizeof *ids, compare_ids);
    for (guint i = 1; i < THREADS * IDS; i++)
        ck_assert_uint_ne(ids[i], ids[i - 1]);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("queue-id");
    TCase *tcase = tcase_create("queue-id");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, test_text, 0, G_N_ELEMENTS(text_rows));
    tcase_add_test(tcase, test_nul_inside);
    tcase_add_test(tcase, test_order_and_time);
    tcase_add_test(tcase, test_advance_past);
    tcase_add_test(tcase, test_threads);
    suite_add_tcase(suite, tcase);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
