/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <sys/socket.h>
#include <unistd.h>

#include <barid/runtime.h>

#include "base/clock.h"
#include "fiber/fiber.h"

/* Runs (func) as the first fiber of a fresh scheduler until all is done. */
static void
run(FiberFunc func, gpointer data)
{
    Scheduler *scheduler = scheduler_new(NULL);
    FiberGroup group;

    ck_assert_ptr_nonnull(scheduler);
    fiber_group_init(&group, scheduler);
    ck_assert(fiber_group_spawn(&group, func, data, NULL));
    scheduler_stop(scheduler);
    scheduler_run(scheduler);
    scheduler_free(scheduler);
}

static void
child_append(gpointer data)
{
    GString *log = data;

    g_string_append_c(log, 'a');
    fiber_yield();
    g_string_append_c(log, 'b');
}

static void
body_join(gpointer data)
{
    FiberGroup group;

    fiber_group_init(&group, scheduler_get_current());
    for (guint i = 0; i < 3; i++)
        ck_assert(fiber_group_spawn(&group, child_append, data, NULL));
    fiber_group_join(&group);
    g_string_append_c(data, '.');
}

START_TEST(test_join)
{
    g_autoptr(GString) log = g_string_new(NULL);

    run(body_join, log);
    ck_assert_str_eq(log->str, "aaabbb.");
}
END_TEST

static void
body_deadline(gpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    gint64 outer = fiber_deadline_push(20);
    gint64 before = clock_monotonic_us();
    gint64 inner = fiber_deadline_push(100000); /* never widens */

    ck_assert(!fiber_park(&error));
    ck_assert_int_eq(error->code, BARID_ERROR_TIMEOUT);
    ck_assert_int_ge(clock_monotonic_us() - before, 19000);
    fiber_deadline_restore(inner);
    fiber_deadline_restore(outer);
    g_clear_error(&error);
    ck_assert(barid_sleep(1, &error));
    errno = 77;
    fiber_yield();
    ck_assert_int_eq(errno, 77);
}

START_TEST(test_deadline)
{
    run(body_deadline, NULL);
}
END_TEST

typedef struct {
    FiberGroup inner;
    guint cancelled;
} CancelCase;

static void
child_wait(gpointer data)
{
    CancelCase *test = data;
    g_autoptr(GError) error = NULL;

    if (!fiber_park(&error) && error->code == BARID_ERROR_CANCELLED)
        test->cancelled++;
    /* The next wait fails at once. */
    g_clear_error(&error);
    ck_assert(!barid_sleep(1000000, &error));
    ck_assert_int_eq(error->code, BARID_ERROR_CANCELLED);
}

static void
child_with_children(gpointer data)
{
    CancelCase *test = data;

    fiber_group_init(&test->inner, scheduler_get_current());
    for (guint i = 0; i < 5; i++)
        ck_assert(fiber_group_spawn(&test->inner, child_wait, test, NULL));
    fiber_group_join(&test->inner);
}

static void
body_cancel(gpointer data)
{
    FiberGroup outer;

    fiber_group_init(&outer, scheduler_get_current());
    ck_assert(fiber_group_spawn(&outer, child_with_children, data, NULL));
    for (guint i = 0; i < 3; i++)
        fiber_yield();
    fiber_group_cancel(&outer);
    fiber_group_join(&outer);
}

START_TEST(test_cancel_reaches_grandchildren)
{
    CancelCase test = {.cancelled = 0};

    run(body_cancel, &test);
    ck_assert_uint_eq(test.cancelled, 5);
}
END_TEST

typedef struct {
    int fds[2];
    GString *got;
} PipeCase;

static void
child_read(gpointer data)
{
    PipeCase *test = data;
    FiberWatch watch;
    gchar buffer[8];

    ck_assert(fiber_watch_init(&watch, scheduler_get_current(), test->fds[0], NULL));
    for (;;) {
        gssize got = recv(test->fds[0], buffer, sizeof buffer, MSG_DONTWAIT);

        if (got < 0) {
            ck_assert_int_eq(errno, EAGAIN);
            ck_assert(fiber_watch_wait_idle(&watch, NULL));
        } else if (got == 0) {
            break;
        } else {
            g_string_append_len(test->got, buffer, got);
        }
    }
    fiber_watch_clear(&watch);
}

static void
child_write(gpointer data)
{
    PipeCase *test = data;

    for (guint i = 0; i < 1000; i++) {
        ck_assert_int_eq(send(test->fds[1], "x", 1, 0), 1);
        if (i % 7 == 0)
            fiber_yield();
    }
    shutdown(test->fds[1], SHUT_WR);
}

static void
body_pipe(gpointer data)
{
    FiberGroup group;

    fiber_group_init(&group, scheduler_get_current());
    ck_assert(fiber_group_spawn(&group, child_read, data, NULL));
    ck_assert(fiber_group_spawn(&group, child_write, data, NULL));
    fiber_group_join(&group);
}

START_TEST(test_descriptor)
{
    PipeCase test;

    test.got = g_string_new(NULL);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, test.fds), 0);
    run(body_pipe, &test);
    ck_assert_uint_eq(test.got->len, 1000);
    g_string_free(test.got, TRUE);
    close(test.fds[0]);
    close(test.fds[1]);
}
END_TEST

static void
work_elsewhere(gpointer data)
{
    *(GThread **)data = g_thread_self();
}

static void
child_offload(gpointer data)
{
    GThread *worker = NULL;

    ck_assert(barid_offload(work_elsewhere, &worker, NULL));
    ck_assert_ptr_ne(worker, g_thread_self());
    ++*(guint *)data;
}

static void
body_offload(gpointer data)
{
    FiberGroup group;

    fiber_group_init(&group, scheduler_get_current());
    for (guint i = 0; i < 200; i++)
        ck_assert(fiber_group_spawn(&group, child_offload, data, NULL));
    fiber_group_join(&group);
}

START_TEST(test_offload)
{
    guint count = 0;

    run(body_offload, &count);
    ck_assert_uint_eq(count, 200);
}
END_TEST

/* A virtual clock: an hour of sleeping takes no time. */
static gint64 virtual_us;

static gint64
virtual_read(gpointer data G_GNUC_UNUSED)
{
    return virtual_us;
}

static void
virtual_advance(gint64 monotonic_ms, gpointer data G_GNUC_UNUSED)
{
    virtual_us = monotonic_ms * 1000;
}

static void
child_sleep(gpointer data)
{
    GString *log = data;

    ck_assert(barid_sleep(3600000, NULL));
    g_string_append_c(log, '2');
}

static void
body_virtual(gpointer data)
{
    GString *log = data;
    FiberGroup group;
    GThread *worker;

    fiber_group_init(&group, scheduler_get_current());
    ck_assert(fiber_group_spawn(&group, child_sleep, log, NULL));
    ck_assert(barid_sleep(1800000, NULL));
    g_string_append_c(log, '1');
    /* Work outside holds the clock. */
    ck_assert(barid_offload(work_elsewhere, &worker, NULL));
    ck_assert_int_eq(clock_monotonic_ms(), 1800000);
    fiber_group_join(&group);
}

START_TEST(test_virtual_clock)
{
    static const ClockSource source = {virtual_read, virtual_read, NULL};
    g_autoptr(GString) log = g_string_new(NULL);
    Scheduler *scheduler;
    FiberGroup group;

    virtual_us = 0;
    clock_set_source(&source);
    scheduler = scheduler_new(NULL);
    scheduler_set_virtual(scheduler, virtual_advance, NULL);
    fiber_group_init(&group, scheduler);
    ck_assert(fiber_group_spawn(&group, body_virtual, log, NULL));
    scheduler_stop(scheduler);
    scheduler_run(scheduler);
    scheduler_free(scheduler);
    clock_set_source(NULL);
    ck_assert_str_eq(log->str, "12");
    ck_assert_int_eq(virtual_us, 3600000LL * 1000);
}
END_TEST

static void
body_long_sleep(gpointer data G_GNUC_UNUSED)
{
    ck_assert(barid_sleep(300, NULL));
}

/* A scheduler that was told to stop waits for its fibers without spinning. */
START_TEST(test_stopping_sleeps)
{
    Scheduler *scheduler = scheduler_new(NULL);
    clock_t start = clock();
    FiberGroup group;

    fiber_group_init(&group, scheduler);
    ck_assert(fiber_group_spawn(&group, body_long_sleep, NULL, NULL));
    scheduler_stop(scheduler);
    scheduler_run(scheduler);
    scheduler_free(scheduler);
    ck_assert_int_lt(clock() - start, CLOCKS_PER_SEC / 10);
}
END_TEST

typedef struct {
    Scheduler *scheduler;
    SchedulerPost posts[100];
    guint count;
    Fiber *waiter;
} PostCase;

static void
on_post(gpointer data)
{
    PostCase *test = data;

    if (++test->count == G_N_ELEMENTS(test->posts) && test->waiter != NULL)
        fiber_wake(test->waiter);
}

static gpointer
post_thread(gpointer data)
{
    PostCase *test = data;

    for (guint i = 0; i < G_N_ELEMENTS(test->posts); i++) {
        test->posts[i] = (SchedulerPost){.func = on_post, .data = test};
        scheduler_post(test->scheduler, &test->posts[i]);
    }
    return NULL;
}

static void
body_post(gpointer data)
{
    PostCase *test = data;
    GThread *thread;

    test->scheduler = scheduler_get_current();
    test->waiter = fiber_get_current();
    thread = g_thread_new("post", post_thread, test);
    while (test->count < G_N_ELEMENTS(test->posts))
        ck_assert(fiber_park(NULL));
    g_thread_join(thread);
}

START_TEST(test_posts)
{
    PostCase test = {.count = 0};

    run(body_post, &test);
    ck_assert_uint_eq(test.count, G_N_ELEMENTS(test.posts));
}
END_TEST

#ifndef BARID_SANITIZE
static guint
use_stack(guint depth)
{
    volatile guint8 block[1024];

    memset((void *)block, (int)depth, sizeof block);
    return depth == 0 ? block[5] : use_stack(depth - 1) + block[7];
}

static void
body_trim(gpointer data G_GNUC_UNUSED)
{
    gsize deep;

    ck_assert_uint_gt(use_stack(60), 0);
    deep = fiber_get_stack_high_water();
    ck_assert_uint_ge(deep, 60 * 1024);
    int fds[2];
    FiberWatch watch;
    gint64 previous;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert(fiber_watch_init(&watch, scheduler_get_current(), fds[0], NULL));
    previous = fiber_deadline_push(FIBER_IDLE_MS + 50);
    ck_assert(!fiber_watch_wait_idle(&watch, NULL));
    fiber_deadline_restore(previous);
    ck_assert_uint_le(fiber_get_stack_high_water(), 16 * 1024);
    fiber_watch_clear(&watch);
    close(fds[0]);
    close(fds[1]);
}

START_TEST(test_idle_gives_stack_back)
{
    run(body_trim, NULL);
}
END_TEST
#endif

int
main(void)
{
    Suite *suite = suite_create("fiber");
    TCase *cases = tcase_create("fiber");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, test_join);
    tcase_add_test(cases, test_deadline);
    tcase_add_test(cases, test_cancel_reaches_grandchildren);
    tcase_add_test(cases, test_descriptor);
    tcase_add_test(cases, test_offload);
    tcase_add_test(cases, test_virtual_clock);
    tcase_add_test(cases, test_stopping_sleeps);
    tcase_add_test(cases, test_posts);
#ifndef BARID_SANITIZE
    tcase_add_test(cases, test_idle_gives_stack_back);
#endif
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
