/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "queue/schedule.h"

START_TEST(test_schedule_order)
{
    Schedule schedule;
    static ScheduleItem items[200];
    gint64 last = -1;
    guint count = 0;
    ScheduleItem *item;

    schedule_init(&schedule);
    for (guint i = 0; i < 200; i++)
        schedule_put(&schedule, &items[i], (i * 7919) % 1000, 0);
    schedule_remove(&schedule, &items[17]);
    schedule_put(&schedule, &items[18], SCHEDULE_NEVER, 0);
    schedule_put(&schedule, &items[19], 5000, 0); /* moved */
    for (gint64 now = 0; now < 1000; now++) {
        schedule_advance(&schedule, now);
        while ((item = schedule_pop(&schedule, SCHEDULE_ANY)) != NULL) {
            ck_assert_int_le(item->due_ms, now);
            ck_assert_int_ge(item->due_ms, last);
            last = item->due_ms;
            count++;
        }
    }
    ck_assert_uint_eq(count, 197);
    ck_assert_int_eq(schedule_get_next_ms(&schedule), 5000);
    schedule_clear(&schedule);
}
END_TEST

/* What is due already does not wait for the clock, and can be put elsewhere. */
START_TEST(test_schedule_due_already)
{
    Schedule schedule;
    ScheduleItem items[2] = {0};

    schedule_init(&schedule);
    schedule_put(&schedule, &items[0], 100, 0);
    schedule_put(&schedule, &items[1], 90, 0);
    schedule_put_due(&schedule, &items[1], 40, 0);
    ck_assert_int_eq(schedule_get_next_ms(&schedule), 100);
    ck_assert_ptr_eq(schedule_pop(&schedule, SCHEDULE_ANY), &items[1]);
    schedule_put_due(&schedule, &items[1], 40, 0);
    schedule_put(&schedule, &items[1], 90, 0);
    ck_assert(!schedule_has_due(&schedule, SCHEDULE_ANY));
    ck_assert_int_eq(schedule_get_next_ms(&schedule), 90);
    schedule_clear(&schedule);
}
END_TEST

START_TEST(test_schedule_priority)
{
    Schedule schedule;
    ScheduleItem items[3] = {0};

    schedule_init(&schedule);
    schedule_put(&schedule, &items[0], 1, -4);
    schedule_put(&schedule, &items[1], 2, 0);
    schedule_put(&schedule, &items[2], 3, 6);
    schedule_advance(&schedule, 10);
    /* One of the line is called back before its turn. */
    schedule_put(&schedule, &items[1], SCHEDULE_NEVER, 0);
    ck_assert_ptr_eq(schedule_pop(&schedule, SCHEDULE_ANY), &items[2]);
    ck_assert_ptr_eq(schedule_pop(&schedule, SCHEDULE_ANY), &items[0]);
    ck_assert_ptr_null(schedule_pop(&schedule, SCHEDULE_ANY));
    schedule_clear(&schedule);
}
END_TEST

START_TEST(test_schedule_fresh_first)
{
    static const gchar expected[] = "ffffffffrffffffffrffr"; /* SCHEDULE_FRESH_RUN is 8 */
    ScheduleItem items[21] = {0};
    Schedule schedule;

    schedule_init(&schedule);
    for (guint i = 0; i < 21; i++) {
        items[i].is_retry = i < 3 ? 1 : 0;
        schedule_put(&schedule, &items[i], i, 0);
    }
    schedule_advance(&schedule, 100);
    for (guint i = 0; i < 21; i++) {
        ScheduleItem *item = schedule_pop(&schedule, SCHEDULE_ANY);

        ck_assert_ptr_nonnull(item);
        ck_assert_int_eq(item->is_retry ? 'r' : 'f', expected[i]);
    }
    schedule_put(&schedule, &items[0], 1, 5);
    schedule_put(&schedule, &items[9], 1, 0);
    schedule_advance(&schedule, 100);
    ck_assert_ptr_eq(schedule_pop(&schedule, SCHEDULE_FRESH_ONLY), &items[9]);
    ck_assert(!schedule_has_due(&schedule, SCHEDULE_FRESH_ONLY));
    ck_assert(schedule_has_due(&schedule, SCHEDULE_ANY));
    schedule_put(&schedule, &items[9], 1, 0);
    schedule_advance(&schedule, 100);
    /* Priority goes before freshness. */
    ck_assert_ptr_eq(schedule_pop(&schedule, SCHEDULE_ANY), &items[0]);
    schedule_clear(&schedule);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("schedule");
    TCase *cases = tcase_create("schedule");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(cases, test_schedule_order);
    tcase_add_test(cases, test_schedule_due_already);
    tcase_add_test(cases, test_schedule_priority);
    tcase_add_test(cases, test_schedule_fresh_first);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
