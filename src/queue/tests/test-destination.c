/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "queue/destination.h"

static Destination *
enter(Destinations *self, const DestinationLimits *limits, QueueId id, gint64 now_ms)
{
    DestinationJob job = {.id = id, .domain = 0, .priority = 0};

    return destinations_enter(self, limits, &job, now_ms);
}

START_TEST(test_concurrency)
{
    Destinations *all = destinations_new();
    DestinationLimits limits = {.key = "a.example", .concurrency = 2};
    DestinationLimits other = {.key = "b.example", .concurrency = 1};
    Destination *first = enter(all, &limits, 1, 0);
    Destination *second = enter(all, &limits, 2, 0);
    DestinationJob job;

    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_nonnull(second);
    ck_assert_ptr_null(enter(all, &limits, 3, 0));
    ck_assert_ptr_null(enter(all, &limits, 4, 0));
    ck_assert(destinations_is_waiting(all, 3, 0));
    ck_assert(!destinations_is_waiting(all, 3, 1));
    ck_assert(!destinations_is_waiting(all, 1, 0));
    /* Another place is not concerned, and nothing wakes the queue. */
    ck_assert_ptr_nonnull(enter(all, &other, 5, 0));
    ck_assert(!destinations_next(all, 0, &job));
    ck_assert_int_eq(destinations_get_next_ms(all), SCHEDULE_NEVER);
    destinations_leave(all, first, 10);
    ck_assert_int_eq(destinations_get_next_ms(all), 0);
    ck_assert(destinations_next(all, 10, &job));
    ck_assert_uint_eq(job.id, 3);
    ck_assert_ptr_nonnull(destinations_enter_called(all, &limits, &job, 10));
    ck_assert(!destinations_next(all, 10, &job));
    ck_assert_int_eq(destinations_get_next_ms(all), SCHEDULE_NEVER);
    ck_assert_uint_eq(destinations_get_n_waiting(all), 1);
    destinations_free(all);
}
END_TEST

/* Who was called and does not come leaves the place to the next in line. */
START_TEST(test_called_in_vain)
{
    Destinations *all = destinations_new();
    DestinationLimits limits = {.key = "a.example", .concurrency = 1};
    Destination *busy = enter(all, &limits, 1, 0);
    DestinationJob job;

    enter(all, &limits, 2, 0);
    enter(all, &limits, 3, 0);
    ck_assert(destinations_forget(all, 2, 0));
    ck_assert(!destinations_forget(all, 2, 0));
    destinations_leave(all, busy, 0);
    ck_assert(destinations_next(all, 0, &job));
    ck_assert_uint_eq(job.id, 0);
    ck_assert(destinations_next(all, 0, &job));
    ck_assert_uint_eq(job.id, 3);
    ck_assert(!destinations_next(all, 0, &job));
    destinations_free(all);
}
END_TEST

START_TEST(test_fresh_goes_behind)
{
    Destinations *all = destinations_new();
    DestinationLimits limits = {.key = "a.example", .concurrency = 1};
    Destination *busy = enter(all, &limits, 1, 0);
    DestinationJob high = {.id = 9, .domain = 0, .priority = 4};
    DestinationJob job;

    enter(all, &limits, 2, 0);
    destinations_leave(all, busy, 0);
    ck_assert_ptr_null(enter(all, &limits, 3, 0));
    ck_assert_ptr_null(destinations_enter(all, &limits, &high, 0));
    ck_assert(destinations_next(all, 0, &job));
    ck_assert_uint_eq(job.id, 9);
    ck_assert(destinations_next(all, 0, &job));
    ck_assert_uint_eq(job.id, 2);
    destinations_free(all);
}
END_TEST

START_TEST(test_rate)
{
    Destinations *all = destinations_new();
    DestinationLimits limits = {.key = "a.example", .rate = {2, 1000}};
    DestinationJob job;
    gint64 next;

    destinations_leave(all, enter(all, &limits, 1, 0), 0);
    destinations_leave(all, enter(all, &limits, 2, 0), 0);
    ck_assert_ptr_null(enter(all, &limits, 3, 0));
    ck_assert(!destinations_next(all, 0, &job));
    next = destinations_get_next_ms(all);
    ck_assert_msg(next >= 500 && next <= 502, "%d", (int)next);
    ck_assert(!destinations_next(all, 499, &job));
    ck_assert(destinations_next(all, next, &job));
    ck_assert_uint_eq(job.id, 3);
    ck_assert_ptr_nonnull(destinations_enter_called(all, &limits, &job, next));
    ck_assert_ptr_null(enter(all, &limits, 4, next));
    destinations_free(all);
}
END_TEST

START_TEST(test_suspend)
{
    Destinations *all = destinations_new();
    DestinationLimits limits = {.key = "a.example"};
    DestinationJob job;

    ck_assert(destinations_suspend(all, "a.example"));
    ck_assert(!destinations_suspend(all, "a.example"));
    ck_assert(destinations_is_suspended(all, "a.example"));
    for (QueueId id = 1; id <= 1000; id++)
        ck_assert_ptr_null(enter(all, &limits, id, 0));
    ck_assert(!destinations_next(all, 1000000, &job));
    ck_assert_int_eq(destinations_get_next_ms(all), SCHEDULE_NEVER);
    ck_assert(destinations_resume(all, "a.example", 0));
    ck_assert(!destinations_resume(all, "a.example", 0));
    for (QueueId id = 1; id <= 1000; id++) {
        ck_assert(destinations_next(all, 0, &job));
        ck_assert_uint_eq(job.id, id);
        destinations_leave(all, destinations_enter_called(all, &limits, &job, 0), 0);
    }
    ck_assert(!destinations_next(all, 0, &job));
    destinations_free(all);
}
END_TEST

/* By turns: a long line does not starve a short one. */
START_TEST(test_turns)
{
    Destinations *all = destinations_new();
    DestinationLimits a = {.key = "a.example", .concurrency = 1};
    DestinationLimits b = {.key = "b.example", .concurrency = 1};
    DestinationJob job;

    destinations_suspend(all, "a.example");
    destinations_suspend(all, "b.example");
    for (QueueId id = 1; id <= 50; id++)
        enter(all, &a, id, 0);
    enter(all, &b, 99, 0);
    destinations_resume(all, "a.example", 0);
    destinations_resume(all, "b.example", 0);
    ck_assert(destinations_next(all, 0, &job));
    ck_assert_uint_eq(job.id, 1);
    ck_assert(destinations_next(all, 0, &job));
    ck_assert_uint_eq(job.id, 99);
    destinations_free(all);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("destination");
    TCase *cases = tcase_create("destination");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(cases, test_concurrency);
    tcase_add_test(cases, test_called_in_vain);
    tcase_add_test(cases, test_fresh_goes_behind);
    tcase_add_test(cases, test_rate);
    tcase_add_test(cases, test_suspend);
    tcase_add_test(cases, test_turns);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
