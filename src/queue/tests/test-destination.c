/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "queue/destination.h"

#define PAUSE_MS 30000

static Destination *
enter(Destinations *self, const DestinationLimits *limits, QueueId id, gint64 now_ms)
{
    DestinationJob job = {.id = id, .domain = 0, .priority = 0};

    return destinations_enter(self, limits, &job, now_ms);
}

static void
leave(Destinations *self, Destination *destination, gint64 now_ms)
{
    destinations_leave(self, destination, DESTINATION_REACHED, NULL, now_ms);
}

static void
leave_unreached(Destinations *self, Destination *destination, gint64 now_ms)
{
    destinations_leave(self, destination, DESTINATION_UNREACHED, "refused", now_ms);
}

START_TEST(test_concurrency)
{
    Destinations *all = destinations_new(PAUSE_MS);
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
    leave(all, first, 10);
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
    Destinations *all = destinations_new(PAUSE_MS);
    DestinationLimits limits = {.key = "a.example", .concurrency = 1};
    Destination *busy = enter(all, &limits, 1, 0);
    DestinationJob job;

    enter(all, &limits, 2, 0);
    enter(all, &limits, 3, 0);
    ck_assert(destinations_forget(all, 2, 0));
    ck_assert(!destinations_forget(all, 2, 0));
    leave(all, busy, 0);
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
    Destinations *all = destinations_new(PAUSE_MS);
    DestinationLimits limits = {.key = "a.example", .concurrency = 1};
    Destination *busy = enter(all, &limits, 1, 0);
    DestinationJob high = {.id = 9, .domain = 0, .priority = 4};
    DestinationJob job;

    enter(all, &limits, 2, 0);
    leave(all, busy, 0);
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
    Destinations *all = destinations_new(PAUSE_MS);
    DestinationLimits limits = {.key = "a.example", .rate = {2, 1000}};
    DestinationJob job;
    gint64 next;

    leave(all, enter(all, &limits, 1, 0), 0);
    leave(all, enter(all, &limits, 2, 0), 0);
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
    Destinations *all = destinations_new(PAUSE_MS);
    DestinationLimits limits = {.key = "a.example"};
    DestinationState state;
    DestinationJob job;

    ck_assert(destinations_suspend(all, "a.example"));
    ck_assert(!destinations_suspend(all, "a.example"));
    ck_assert(destinations_get_state(all, "a.example", &state));
    ck_assert(state.is_suspended);
    for (QueueId id = 1; id <= 1000; id++)
        ck_assert_ptr_null(enter(all, &limits, id, 0));
    ck_assert(!destinations_next(all, 1000000, &job));
    ck_assert_int_eq(destinations_get_next_ms(all), SCHEDULE_NEVER);
    ck_assert(destinations_resume(all, "a.example", 0));
    ck_assert(!destinations_resume(all, "a.example", 0));
    for (QueueId id = 1; id <= 1000; id++) {
        ck_assert(destinations_next(all, 0, &job));
        ck_assert_uint_eq(job.id, id);
        leave(all, destinations_enter_called(all, &limits, &job, 0), 0);
    }
    ck_assert(!destinations_next(all, 0, &job));
    destinations_free(all);
}
END_TEST

/* The next in line, who must be (id), goes to (limits). */
static Destination *
call(Destinations *self, const DestinationLimits *limits, QueueId id, gint64 now_ms)
{
    DestinationJob job;

    ck_assert(destinations_next(self, now_ms, &job));
    ck_assert_uint_eq(job.id, id);
    return destinations_enter_called(self, limits, &job, now_ms);
}

START_TEST(test_down)
{
    Destinations *all = destinations_new(PAUSE_MS);
    DestinationLimits limits = {.key = "a.example", .concurrency = 5};
    Destination *first = enter(all, &limits, 1, 0);
    Destination *slow = enter(all, &limits, 2, 0);
    DestinationState state;
    DestinationJob job;
    Destination *probe;

    leave_unreached(all, first, 100);
    ck_assert(destinations_get_state(all, "a.example", &state));
    ck_assert_str_eq(state.down_reason, "refused");
    ck_assert_int_eq(state.probe_ms, 100 + PAUSE_MS);
    for (QueueId id = 3; id <= 9; id++)
        ck_assert_ptr_null(enter(all, &limits, id, 200));
    /* Who was under way already neither lengthens the pause nor is overtaken. */
    ck_assert_int_eq(destinations_get_next_ms(all), SCHEDULE_NEVER);
    leave_unreached(all, slow, 20000);
    ck_assert_int_eq(destinations_get_next_ms(all), 30100);
    ck_assert(!destinations_next(all, 30099, &job));
    /* One probe at a time, after twice the pause. */
    probe = call(all, &limits, 3, 30100);
    ck_assert_ptr_nonnull(probe);
    ck_assert(!destinations_next(all, 1000000, &job));
    leave_unreached(all, probe, 31000);
    ck_assert_int_eq(destinations_get_next_ms(all), 91000);
    /* A probe that says nothing of the place makes room for another. */
    probe = call(all, &limits, 4, 91000);
    destinations_leave(all, probe, DESTINATION_UNKNOWN, NULL, 91000);
    probe = call(all, &limits, 5, 91000);
    leave(all, probe, 92000);
    ck_assert(destinations_get_state(all, "a.example", &state));
    ck_assert_ptr_null(state.down_reason);
    for (QueueId id = 6; id <= 9; id++)
        ck_assert_ptr_nonnull(call(all, &limits, id, 92000));
    destinations_free(all);
}
END_TEST

START_TEST(test_down_is_forgotten)
{
    Destinations *all = destinations_new(PAUSE_MS);
    DestinationLimits limits = {.key = "a.example"};
    DestinationState state;
    DestinationJob job;
    gint64 now_ms = 0;

    leave_unreached(all, enter(all, &limits, 1, 0), 0);
    ck_assert(!destinations_next(all, 2 * PAUSE_MS - 1, &job));
    ck_assert(destinations_get_state(all, "a.example", &state));
    ck_assert(!destinations_next(all, 2 * PAUSE_MS, &job));
    ck_assert(!destinations_get_state(all, "a.example", &state));
    for (QueueId id = 1; id < 9; id++) {
        now_ms += PAUSE_MS * DESTINATION_PAUSE_FACTOR_MAX;
        leave_unreached(all, enter(all, &limits, id, now_ms), now_ms);
    }
    ck_assert(destinations_get_state(all, "a.example", &state));
    ck_assert_int_eq(state.probe_ms, now_ms + PAUSE_MS * DESTINATION_PAUSE_FACTOR_MAX);
    /* By hand it is probed at once, without anybody else being let go. */
    ck_assert_ptr_null(enter(all, &limits, 20, now_ms + 1));
    ck_assert_ptr_null(enter(all, &limits, 21, now_ms + 1));
    ck_assert(!destinations_next(all, now_ms + 2, &job));
    destinations_probe(all, "a.example", now_ms + 2);
    ck_assert_ptr_nonnull(call(all, &limits, 20, now_ms + 2));
    ck_assert(!destinations_next(all, now_ms + 2, &job));
    destinations_free(all);
}
END_TEST

/* By turns: a long line does not starve a short one. */
START_TEST(test_turns)
{
    Destinations *all = destinations_new(PAUSE_MS);
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
    tcase_add_test(cases, test_down);
    tcase_add_test(cases, test_down_is_forgotten);
    tcase_add_test(cases, test_turns);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
