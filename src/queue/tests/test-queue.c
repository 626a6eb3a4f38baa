/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/rule-language.h"
#include "queue/schedule.h"
#include "queue/tests/queue-fixture.h"
#include "smtp/command.h"

static void
body_deliver(gpointer data)
{
    Fixture *fixture = data;

    submit(fixture, "s@example.com", three, 0, FALSE);
    wait_until_empty(fixture);
    /* One job for each of the two domains; nobody asked to be told of success. */
    ck_assert_uint_eq(fixture->n_jobs, 2);
}

START_TEST(test_deliver)
{
    Fixture fixture;

    fixture_set_up(&fixture);
    fixture_run(&fixture, body_deliver);
    ck_assert_uint_eq(fixture.dsns->len, 0);
    fixture_tear_down(&fixture);
}
END_TEST

static gchar *
history_of(Fixture *fixture, QueueId id)
{
    GString *out = g_string_new(NULL);
    gchar text[QUEUE_ID_TEXT_LEN + 1];
    JsonWriter writer;

    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    queue_write_history(fixture->queue, queue_id_format(id, text), NULL, 10, &writer, "history");
    json_writer_end_object(&writer);
    return g_string_free(out, FALSE);
}

static void
body_retry(gpointer data)
{
    Fixture *fixture = data;
    static const gchar *const one[] = {"a@example.org", NULL};
    g_autofree gchar *history = NULL;
    QueueId id;

    fixture->fail_first = 3;
    id = submit(fixture, "s@example.com", one, 0, FALSE);
    wait_until_empty(fixture);
    ck_assert_uint_eq(fixture->n_jobs, 4);
    history = history_of(fixture, id);
    ck_assert_ptr_nonnull(strstr(history, "\"number\":4"));
    ck_assert_ptr_nonnull(strstr(history, "\"status\":\"delivered\""));
    ck_assert_ptr_nonnull(strstr(history, "\"decisions\":[{\"verdict\":\"continue\"}]"));
}

START_TEST(test_retry)
{
    run_with_queue(body_retry);
}
END_TEST

static gboolean
count_record(const gchar *document, gpointer data)
{
    guint *n_records = data;

    ck_assert_ptr_nonnull(strstr(document, "\"status\":\"delivered\""));
    ++*n_records;
    return TRUE;
}

/* Another process reads it: kill -9 of this one must not make it unknown. */
static void
body_record_first(gpointer data)
{
    Fixture *fixture = data;
    g_autoptr(History) other = NULL;
    g_autoptr(GError) error = NULL;
    gchar text[QUEUE_ID_TEXT_LEN + 1];
    guint n_records = 0;
    QueueId id = submit(fixture, "s@example.com", three, 0, FALSE);

    wait_until_empty(fixture);
    other = history_open(fixture->history, &fixture->options.history, &error);
    ck_assert_msg(other != NULL, "%s", error != NULL ? error->message : "");
    history_visit(other, queue_id_format(id, text), count_record, &n_records);
    ck_assert_uint_eq(n_records, 1);
}

START_TEST(test_record_first)
{
    run_with_queue(body_record_first);
}
END_TEST

/* The newest attempts are kept, as many as have room, and each of them within bounds. */
static void
body_attempts_bound(gpointer data)
{
    Fixture *fixture = data;
    static const gchar *const one[] = {"a@example.org", NULL};
    g_autofree gchar *history = NULL;
    guint n_lost = 0;
    QueueId id;

    fixture->fail_first = 30;
    fixture->n_lines = 1000;
    id = submit(fixture, "s@example.com", one, 0, FALSE);
    wait_until_empty(fixture);
    history = history_of(fixture, id);
    ck_assert(strlen(history) < 2 * ENVELOPE_ATTEMPTS_BYTES_MAX);
    for (guint number = 1; number <= 31; number++) {
        g_autofree gchar *mark = g_strdup_printf("\"number\":%u,", number);
        gboolean is_kept = strstr(history, mark) != NULL;

        ck_assert_msg(is_kept || n_lost == number - 1, "number %u is missing", number);
        n_lost += is_kept ? 0 : 1;
    }
    ck_assert_msg(n_lost > 15 && n_lost < 27, "%u are lost", n_lost);
    ck_assert_ptr_nonnull(strstr(history, "line 999 of"));
    ck_assert_ptr_null(strstr(history, "\"line 0 of"));
}

START_TEST(test_attempts_bound)
{
    run_with_queue(body_attempts_bound);
}
END_TEST

/* One attempt for many recipients leaves results out, not itself. */
static void
body_many_results(gpointer data)
{
    Fixture *fixture = data;
    g_autoptr(GPtrArray) many = g_ptr_array_new_with_free_func(g_free);
    g_autofree gchar *history = NULL;
    QueueId id;

    for (guint i = 0; i < 1000; i++)
        g_ptr_array_add(many, g_strdup_printf("recipient-%u@example.org", i));
    g_ptr_array_add(many, NULL);
    id = submit(fixture, "s@example.com", (const gchar *const *)many->pdata, 0, FALSE);
    wait_until_empty(fixture);
    history = history_of(fixture, id);
    ck_assert_ptr_nonnull(strstr(history, "\"results\":[{\"recipient\":\"recipient-0@"));
    ck_assert_ptr_nonnull(strstr(history, "\"results_left_out\":"));
}

START_TEST(test_many_results)
{
    run_with_queue(body_many_results);
}
END_TEST

static guint
count_kept(Fixture *fixture)
{
    guint count;

    g_mutex_lock(&fixture->lock);
    count = fixture->kept->len;
    g_mutex_unlock(&fixture->lock);
    return count;
}

/* Retries that hang leave room for fresh mail. */
static void
body_slots_for_fresh_mail(gpointer data)
{
    Fixture *fixture = data;
    static const gchar *const one[] = {"a@example.org", NULL};
    QueueFilter all = {.limit = 0};

    for (guint i = 0; i < 30; i++)
        submit(fixture, "s@example.com", one, 0, FALSE);
    while (count_kept(fixture) < 8)
        ck_assert(barid_sleep(1, NULL));
    fixture->fail_first = 0;
    submit(fixture, "s@example.com", one, 0, FALSE);
    while (queue_count(fixture->queue, &all) > 30)
        ck_assert(barid_sleep(1, NULL));
    ck_assert_uint_eq(count_kept(fixture), 8); /* of ten slots */
    for (guint i = 0; i < 8; i++) {
        QueueJob *job = g_ptr_array_index(fixture->kept, i);

        job->untouched = TRUE;
        queue_job_finish(fixture->queue, job);
    }
}

START_TEST(test_slots_for_fresh_mail)
{
    Fixture fixture;
    GPtrArray *kept = g_ptr_array_new();

    fixture_set_up(&fixture);
    fixture.kept = kept;
    fixture.fail_first = 1;
    fixture_run(&fixture, body_slots_for_fresh_mail);
    queue_suspend(fixture.queue);
    for (guint i = 8; i < kept->len; i++)
        queue_job_finish(fixture.queue, g_ptr_array_index(kept, i));
    fixture_tear_down(&fixture);
    g_ptr_array_free(kept, TRUE);
}
END_TEST

static void
body_fail(gpointer data)
{
    Fixture *fixture = data;

    fixture->then = RECIPIENT_FAILED;
    submit(fixture, "s@example.com", three, 0, FALSE);
    submit(fixture, "", three, 0, FALSE);
    submit(fixture, "s@example.com", three, SMTP_NOTIFY_NEVER, FALSE);
    wait_until_empty(fixture);
}

START_TEST(test_failure_is_told_once)
{
    Fixture fixture;
    guint count = 0;

    fixture_set_up(&fixture);
    fixture_run(&fixture, body_fail);
    for (const gchar *p = fixture.dsns->str; (p = strstr(p, "Action: failed")) != NULL; p++)
        count++;
    ck_assert_uint_eq(count, 3);
    ck_assert_ptr_nonnull(strstr(fixture.dsns->str, "Status: 5.1.1"));
    ck_assert_ptr_nonnull(strstr(fixture.dsns->str, "Subject: hello"));
    fixture_tear_down(&fixture);
}
END_TEST

/* A disk with room for small files alone. */
static gint disk_is_full, n_refused; /* atomic */

static int
full_disk_allocate(SpoolDisk *self G_GNUC_UNUSED, int fd, goffset len)
{
    if (!g_atomic_int_get(&disk_is_full) || len < 1 << 20)
        return spool_disk_get_system()->allocate(spool_disk_get_system(), fd, len);
    g_atomic_int_inc(&n_refused);
    errno = ENOSPC;
    return -1;
}

static void
body_fail_on_full_disk(gpointer data)
{
    Fixture *fixture = data;
    g_autoptr(Arena) arena = arena_new(100);
    Envelope envelope = make_envelope(arena, "s@example.com", three, 0);
    g_autoptr(GString) body = g_string_new("Subject: hello\r\n\r\n");
    QueueSubmission submission = {.envelope = &envelope, .held = TRUE, .body_fd = -1};
    QueueFilter all = {.limit = 0};

    /* So large that there is no room for it twice in a segment. */
    for (guint i = 0; i < 60000; i++)
        g_string_append(body, "a line ..\r\n");
    submission.body = barid_slice(body->str, body->len);
    ck_assert(queue_submit(fixture->queue, &submission, NULL));
    g_atomic_int_set(&disk_is_full, TRUE);
    ck_assert_uint_eq(queue_act(fixture->queue, QUEUE_RELEASE, &all), 1);
    while (g_atomic_int_get(&n_refused) < (fixture->keeps == NULL ? 2 : 1))
        ck_assert(barid_sleep(1, NULL));
    ck_assert_uint_eq(queue_count(fixture->queue, &all), 1);
    g_atomic_int_set(&disk_is_full, FALSE);
}

static void
body_wait(gpointer data)
{
    Fixture *fixture = data;

    __atomic_fetch_add(&jumped_us, 61 * G_USEC_PER_SEC, __ATOMIC_SEQ_CST);
    while (fixture->n_notices == 0) {
        wait_until_empty(fixture); /* which wakes the queue */
        ck_assert(barid_sleep(1, NULL));
    }
    wait_until_empty(fixture);
}

/* A queue by the options and with a clock that jumps, on a disk that can be made full, where
 * all deliveries fail and notices have the whole message. */
static void
fixture_open_on_full_disk(Fixture *fixture, SpoolDisk *disk)
{
    static const ClockSource jumping = {.monotonic_us = jumping_monotonic_us,
                                        .wall_us = jumping_wall_us};

    queue_stop(fixture->queue);
    queue_free(fixture->queue);
    clock_set_source(&jumping);
    rule_free(fixture->dsn_return);
    *disk = *spool_disk_get_system();
    disk->allocate = full_disk_allocate;
    fixture->options.disk = disk;
    fixture->options.spool.spare_segments = 0;
    fixture->dsn_return = make_rule("10000000", BARID_TYPE_RULE_SIZE);
    fixture->options.dsn_return = fixture->dsn_return;
    fixture->then = RECIPIENT_FAILED;
    fixture_open(fixture);
}

/* Runs (func) once more. */
static void
fixture_run_again(Fixture *fixture, FiberFunc func)
{
    scheduler_free(fixture->scheduler);
    fixture->scheduler = scheduler_new(NULL);
    fixture_run(fixture, func);
}

/* What failed is not tried again, nor forgotten: its sender is told once there is room. */
START_TEST(test_failure_is_told_later)
{
    SpoolDisk disk;
    Fixture fixture;
    const gchar *first;

    fixture_set_up(&fixture);
    fixture_open_on_full_disk(&fixture, &disk);
    fixture_run(&fixture, body_fail_on_full_disk);
    if (_i == 1) {
        queue_stop(fixture.queue);
        queue_free(fixture.queue);
        fixture_open(&fixture);
    }
    fixture_run_again(&fixture, body_wait);
    first = strstr(fixture.dsns->str, "Final-Recipient: rfc822; a@Example.org");
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(strstr(first + 1, "Final-Recipient: rfc822; a@Example.org"));
    ck_assert_ptr_nonnull(strstr(fixture.dsns->str, "Final-Recipient: rfc822; b@example.net"));
    ck_assert_uint_eq(fixture.n_jobs - fixture.n_notices, 2);
    fixture_tear_down(&fixture);
}
END_TEST

static void
body_look_meanwhile(gpointer data)
{
    Fixture *fixture = data;
    QueueFilter all = {.limit = 0};
    QueueJob *job = g_ptr_array_index(fixture->kept, 0);

    __atomic_fetch_add(&jumped_us, 61 * G_USEC_PER_SEC, __ATOMIC_SEQ_CST);
    /* The second turn begins when the first has looked for what is due. */
    for (guint i = 0; i < 3; i++)
        ck_assert_uint_ge(queue_count(fixture->queue, &all), 1);
    ck_assert_uint_eq(fixture->kept->len, 1);
    fixture->keeps = NULL;
    fixture_answer(fixture, job);
    wait_until_empty(fixture);
}

/* That a notice is missing starts no second attempt beside one that is under way, and what that
 * one comes to brings the notice. */
START_TEST(test_missing_notice_waits_for_attempt)
{
    SpoolDisk disk;
    Fixture fixture;

    fixture_set_up(&fixture);
    fixture.kept = g_ptr_array_new();
    fixture.keeps = "example.net";
    fixture_open_on_full_disk(&fixture, &disk);
    fixture_run(&fixture, body_fail_on_full_disk);
    fixture_run_again(&fixture, body_look_meanwhile);
    ck_assert_ptr_nonnull(strstr(fixture.dsns->str, "Final-Recipient: rfc822; a@Example.org"));
    ck_assert_ptr_nonnull(strstr(fixture.dsns->str, "Final-Recipient: rfc822; b@example.net"));
    g_ptr_array_free(fixture.kept, TRUE);
    fixture_tear_down(&fixture);
}
END_TEST

static void
body_success(gpointer data)
{
    Fixture *fixture = data;

    submit(fixture, "s@example.com", three, SMTP_NOTIFY_SUCCESS, FALSE);
    wait_until_empty(fixture);
}

START_TEST(test_success_is_told)
{
    Fixture fixture;

    fixture_set_up(&fixture);
    fixture_run(&fixture, body_success);
    ck_assert_ptr_nonnull(strstr(fixture.dsns->str, "Action: delivered"));
    ck_assert_ptr_null(strstr(fixture.dsns->str, "Action: failed"));
    fixture_tear_down(&fixture);
}
END_TEST

static void
body_delay(gpointer data)
{
    Fixture *fixture = data;
    static const gchar *const one[] = {"a@example.org", NULL};

    fixture->fail_first = 5;
    submit(fixture, "s@example.com", one, 0, FALSE);
    wait_until_empty(fixture);
}

START_TEST(test_delay_is_told_once)
{
    Fixture fixture;
    const gchar *first;

    fixture_set_up(&fixture);
    queue_stop(fixture.queue);
    queue_free(fixture.queue);
    fixture.options.notify = fixture.notify;
    fixture_open(&fixture);
    fixture_run(&fixture, body_delay);
    first = strstr(fixture.dsns->str, "Action: delayed");
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(strstr(first + 1, "Action: delayed"));
    ck_assert_ptr_nonnull(strstr(fixture.dsns->str, "Will-Retry-Until:"));
    fixture_tear_down(&fixture);
}
END_TEST

static void
body_expire(gpointer data)
{
    Fixture *fixture = data;
    static const gchar *const one[] = {"a@example.org", NULL};

    fixture->fail_first = 1000000;
    submit(fixture, "s@example.com", one, 0, FALSE);
    wait_until_empty(fixture);
}

START_TEST(test_expire)
{
    static const ClockSource jumping = {.monotonic_us = jumping_monotonic_us,
                                        .wall_us = jumping_wall_us};
    Fixture fixture;

    fixture_set_up(&fixture);
    queue_stop(fixture.queue);
    queue_free(fixture.queue);
    clock_set_source(&jumping);
    fixture.jump_us = 2 * G_GINT64_CONSTANT(3600000000);
    fixture_open(&fixture);
    fixture_run(&fixture, body_expire);
    ck_assert_uint_eq(fixture.n_jobs, 2); /* the attempt, and the notice */
    ck_assert_ptr_nonnull(strstr(fixture.dsns->str, "Action: failed"));
    ck_assert_ptr_nonnull(strstr(fixture.dsns->str, "Status: 4.2.1"));
    fixture_tear_down(&fixture);
}
END_TEST

static QueueId held_id;

static void
body_hold(gpointer data)
{
    Fixture *fixture = data;
    static const gchar *const one[] = {"Anna@Example.org", NULL};
    QueueFilter held = {.status = "held"};
    QueueFilter other = {.recipient = "berta"};
    QueueFilter hers = {.recipient = "anna@", .sender = "s@EXAMPLE"};

    held_id = submit(fixture, "s@example.com", one, 0, TRUE);
    ck_assert_uint_eq(queue_count(fixture->queue, &held), 1);
    ck_assert_uint_eq(queue_count(fixture->queue, &other), 0);
    ck_assert_uint_eq(queue_count(fixture->queue, &hers), 1);
    ck_assert_uint_eq(queue_act(fixture->queue, QUEUE_RETRY, &other), 0);
    ck_assert_uint_eq(fixture->n_jobs, 0);
}

static void
body_release(gpointer data)
{
    Fixture *fixture = data;
    QueueFilter by_id = {.id = held_id};
    QueueFilter held = {.status = "held"};
    g_autoptr(SpoolContent) content = NULL;

    while (queue_count(fixture->queue, &by_id) == 0)
        ck_assert(barid_sleep(1, NULL)); /* the replay is under way */
    ck_assert_uint_eq(queue_count(fixture->queue, &held), 1);
    content = queue_open_content(fixture->queue, held_id, NULL);
    ck_assert_ptr_nonnull(content);
    ck_assert(barid_slice_equal_text(spool_content_get_body(content),
                                     "Subject: hello\r\n\r\nthe body\r\n"));
    ck_assert_uint_eq(queue_act(fixture->queue, QUEUE_RELEASE, &held), 1);
    wait_until_empty(fixture);
    ck_assert_uint_eq(fixture->n_jobs, 1);
}

START_TEST(test_hold_survives_restart)
{
    Fixture fixture;

    fixture_set_up(&fixture);
    fixture_run(&fixture, body_hold);
    queue_stop(fixture.queue);
    queue_free(fixture.queue);
    scheduler_free(fixture.scheduler);
    fixture.scheduler = scheduler_new(NULL);
    fixture_open(&fixture);
    fixture_run(&fixture, body_release);
    fixture_tear_down(&fixture);
}
END_TEST

/* --- attempts that were cut off --- */

static void
body_mark(gpointer data)
{
    Fixture *fixture = data;
    static const gchar *const one[] = {"a@example.org", NULL};
    QueueFilter all = {.limit = 0};

    fixture->marked = submit(fixture, "s@example.com", one, 0, FALSE);
    while (fixture->n_jobs == 0) {
        ck_assert_uint_eq(queue_count(fixture->queue, &all), 1);
        ck_assert(barid_sleep(1, NULL));
    }
    ck_assert_uint_eq(queue_count(fixture->queue, &all), 1);
}

static void
body_after_mark(gpointer data)
{
    Fixture *fixture = data;
    QueueFilter all = {.limit = 0};

    while (queue_act(fixture->queue, QUEUE_RETRY, &all) == 0)
        ck_assert(barid_sleep(1, NULL)); /* until it is replayed */
    wait_until_empty(fixture);
    fixture->history_text = history_of(fixture, fixture->marked);
}

static void
fixture_restart(Fixture *fixture)
{
    queue_stop(fixture->queue);
    queue_free(fixture->queue);
    scheduler_free(fixture->scheduler);
    fixture->scheduler = scheduler_new(NULL);
    fixture_open(fixture);
}

static const struct {
    const gchar *what;
    guint marks;
    const gchar *attempts, *prefer;
    gboolean in_doubt;
} mark_rows[] = {
    {"its result was never written", MARKS_AND_IS_KILLED, "\"number\":2", "192.0.2.1:25", TRUE},
    {"its result was written", MARKS_AND_RETURNS, "\"number\":2", NULL, FALSE},
};

START_TEST(test_marked_attempt)
{
    Fixture fixture;
    const gchar *history;

    fixture_set_up(&fixture);
    queue_stop(fixture.queue);
    queue_free(fixture.queue);
    rule_free(fixture.retry);
    fixture.options.retry = fixture.retry = make_rule("1h", BARID_TYPE_RULE_DURATIONS);
    fixture_open(&fixture);
    fixture.marks = mark_rows[_i].marks;
    fixture.fail_first = 1;
    fixture_run(&fixture, body_mark);
    fixture_restart(&fixture);
    fixture.marks = MARKS_NONE;
    fixture_run(&fixture, body_after_mark);
    history = fixture.history_text;
    ck_assert_msg(strstr(history, mark_rows[_i].attempts) != NULL, "%s: %s", mark_rows[_i].what,
                  history);
    ck_assert_msg((strstr(history, "\"in_doubt\":true") != NULL) == mark_rows[_i].in_doubt,
                  "%s: %s", mark_rows[_i].what, history);
    ck_assert_pstr_eq(fixture.prefer, mark_rows[_i].prefer);
    fixture_tear_down(&fixture);
}
END_TEST

static void
body_cancel(gpointer data)
{
    Fixture *fixture = data;
    static const gchar *const one[] = {"a@example.org", NULL};
    QueueFilter all = {.limit = 0};
    g_autofree gchar *history = NULL;
    QueueId id = submit(fixture, "s@example.com", one, 0, TRUE);

    ck_assert_uint_eq(queue_act(fixture->queue, QUEUE_CANCEL, &all), 1);
    ck_assert_uint_eq(queue_count(fixture->queue, &all), 0);
    history = history_of(fixture, id);
    ck_assert_ptr_nonnull(strstr(history, "\"status\":\"cancelled\""));
}

START_TEST(test_cancel)
{
    Fixture fixture;

    fixture_set_up(&fixture);
    fixture_run(&fixture, body_cancel);
    ck_assert_uint_eq(fixture.dsns->len, 0);
    fixture_tear_down(&fixture);
}
END_TEST

/* --- many at a time --- */

static guint n_syncs;

static int
sync_counted(SpoolDisk *disk G_GNUC_UNUSED, int fd G_GNUC_UNUSED)
{
    n_syncs++;
    return 0;
}

static void
body_act_on_many(gpointer data)
{
    Fixture *fixture = data;
    static const gchar *const one[] = {"a@example.org", NULL};
    enum { MESSAGES = 200 };
    QueueFilter all = {.sender = "@example.com"};
    QueueFilter some = {.recipient = "a@", .limit = 70};
    QueueFilter held = {.status = "held"};

    for (guint i = 0; i < MESSAGES; i++)
        submit(fixture, "s@example.com", one, 0, TRUE);
    n_syncs = 0;
    ck_assert_uint_eq(queue_count(fixture->queue, &some), 70);
    ck_assert_uint_eq(n_syncs, 0);
    ck_assert_uint_eq(queue_act(fixture->queue, QUEUE_RETRY, &all), MESSAGES);
    ck_assert_uint_eq(queue_act(fixture->queue, QUEUE_CANCEL, &some), 70);
    ck_assert_uint_eq(queue_count(fixture->queue, &held), MESSAGES - 70);
    ck_assert_uint_ge(n_syncs, 1);
    ck_assert_uint_le(n_syncs, 2 * (MESSAGES / 64 + 1));
}

START_TEST(test_act_on_many)
{
    SpoolDisk disk = *spool_disk_get_system();
    Fixture fixture;

    disk.fdatasync = sync_counted;
    fixture_set_up(&fixture);
    queue_stop(fixture.queue);
    queue_free(fixture.queue);
    fixture.options.disk = &disk;
    fixture.options.spool.spare_segments = 0;
    fixture_open(&fixture);
    fixture_run(&fixture, body_act_on_many);
    fixture_tear_down(&fixture);
}
END_TEST

static void
child_many(gpointer data)
{
    static const gchar *const one[] = {"a@example.org", NULL};

    for (guint i = 0; i < 50; i++)
        submit(data, "s@example.com", one, 0, FALSE);
}

static void
body_many(gpointer data)
{
    FiberGroup group;

    fiber_group_init(&group, scheduler_get_current());
    for (guint i = 0; i < 20; i++)
        ck_assert(fiber_group_spawn(&group, child_many, data, NULL));
    fiber_group_join(&group);
    wait_until_empty(data);
}

START_TEST(test_many_share_a_flush)
{
    Fixture fixture;

    fixture_set_up(&fixture);
    fixture_run(&fixture, body_many);
    ck_assert_uint_eq(fixture.n_jobs, 1000);
    fixture_tear_down(&fixture);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("queue");
    TCase *cases = tcase_create("queue");
    SRunner *runner = srunner_create(suite);
    int failed;

    log_set_level(BARID_LOG_ERROR);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, test_slots_for_fresh_mail);
    tcase_add_test(cases, test_deliver);
    tcase_add_test(cases, test_retry);
    tcase_add_test(cases, test_record_first);
    tcase_add_test(cases, test_attempts_bound);
    tcase_add_test(cases, test_many_results);
    tcase_add_test(cases, test_failure_is_told_once);
    tcase_add_loop_test(cases, test_failure_is_told_later, 0, 2);
    tcase_add_test(cases, test_missing_notice_waits_for_attempt);
    tcase_add_test(cases, test_success_is_told);
    tcase_add_test(cases, test_delay_is_told_once);
    tcase_add_test(cases, test_expire);
    tcase_add_test(cases, test_hold_survives_restart);
    tcase_add_loop_test(cases, test_marked_attempt, 0, G_N_ELEMENTS(mark_rows));
    tcase_add_test(cases, test_cancel);
    tcase_add_test(cases, test_act_on_many);
    tcase_add_test(cases, test_many_share_a_flush);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
