/* SPDX-License-Identifier: Apache-2.0 */
/* The hand-over of spool folders between two queues that stand for two processes. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/rule-language.h"
#include "queue/queue-destinations.h"
#include "queue/queue.h"
#include "queue/queue-stats.h"
#include "sim/folder.h"

enum { LARGE = 300 * 1024 };

typedef struct {
    gchar *folder, *spool;
    BaridRule *retry, *expire;
    Queue *queues[4];
} Fixture;

static BaridRule *
make_rule(const gchar *text, BaridSettingType type)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    BaridRule *rule = rule_compile_text(text, type, BARID_KNOWN_ATTEMPT, NULL, problems);

    ck_assert_ptr_nonnull(rule);
    return rule;
}

static void
never_dispatch(QueueJob *job G_GNUC_UNUSED, gpointer data G_GNUC_UNUSED)
{
    g_assert_not_reached();
}

static Queue *
open_queue(Fixture *self, guint number)
{
    QueueOptions options = {
        .hostname = "mx.example.org",
        .folder = self->spool,
        .side_number = number,
        .retry = self->retry,
        .expire = self->expire,
        .concurrency = 0,
    };
    g_autoptr(GError) error = NULL;

    spool_options_set_defaults(&options.spool);
    options.spool.segment_bytes = 1 << 20;
    options.spool.reserve_bytes = 0;
    self->queues[number] = queue_new(&options, &error);
    ck_assert_msg(self->queues[number] != NULL, "%s", error != NULL ? error->message : "");
    queue_start(self->queues[number], never_dispatch, NULL);
    return self->queues[number];
}

static void
close_queue(Fixture *self, guint number)
{
    queue_stop(self->queues[number]);
    queue_free(g_steal_pointer(&self->queues[number]));
}

static QueueId
submit(Queue *queue, const gchar *body)
{
    EnvelopeRecipient recipient = {.address = BARID_SLICE_LITERAL("a@example.org")};
    Envelope envelope = {
        .id = queue_id_new(),
        .created_ms = clock_wall_ms(),
        .size_bytes = strlen(body),
        .sender = BARID_SLICE_LITERAL("s@example.com"),
        .n_recipients = 1,
        .recipients = &recipient,
    };
    QueueSubmission submission = {.envelope = &envelope, .body = barid_slice_from_text(body),
                                  .body_fd = -1};
    g_autoptr(GError) error = NULL;
    gboolean large = strlen(body) >= LARGE;

    if (large) {
        submission.body_fd = queue_make_file(queue, &error);
        ck_assert_int_ge(submission.body_fd, 0);
        ck_assert_int_eq(write(submission.body_fd, body, strlen(body)), (gssize)strlen(body));
        submission.body_fd_bytes = strlen(body);
        submission.body = BARID_SLICE_EMPTY;
    }
    ck_assert_msg(queue_submit(queue, &submission, &error), "%s",
                  error != NULL ? error->message : "");
    if (large)
        close(submission.body_fd);
    return envelope.id;
}

static void
expect_body(Queue *queue, QueueId id, const gchar *body)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SpoolContent) content = queue_open_content(queue, id, &error);

    ck_assert_msg(content != NULL, "%s", error != NULL ? error->message : "");
    ck_assert(barid_slice_equal_text(spool_content_get_body(content), body));
}

static guint
count(Queue *queue)
{
    QueueFilter all = {.limit = 0};

    return queue_count(queue, &all);
}

/* Each question is answered by the queue's own thread. */
static void
wait_for_main(Queue *queue)
{
    QueueStats stats = {0};

    while (!stats.has_main || stats.replaying) {
        queue_get_stats(queue, &stats);
        ck_assert(barid_sleep(1, NULL));
    }
}

static guint
count_folders(const Fixture *self)
{
    g_autoptr(GDir) folder = g_dir_open(self->folder, 0, NULL);
    guint n = 0;

    while (g_dir_read_name(folder) != NULL)
        n++;
    return n;
}

static void
wait_for_folders(const Fixture *self, guint n)
{
    while (count_folders(self) != n)
        ck_assert(barid_sleep(1, NULL));
}

static void
hand_over(Queue *queue)
{
    FiberCompletion done;

    fiber_completion_init(&done);
    queue_suspend(queue);
    queue_hand_over(queue, (void (*)(gpointer))fiber_completion_signal, &done);
    fiber_completion_wait(&done);
}

static void
body_hand_over(gpointer data)
{
    Fixture *self = data;
    g_autofree gchar *large = g_strnfill(LARGE, 'x');
    Queue *old = open_queue(self, 1);
    QueueId first = submit(old, "before");
    QueueId big = submit(old, large);
    Queue *young = open_queue(self, 2);
    QueueStats stats;
    QueueId meanwhile, meanwhile_big, late, late_big;

    /* The young one takes mail while it has to wait for the main folder. */
    queue_get_stats(young, &stats);
    ck_assert(!stats.has_main);
    meanwhile = submit(young, "meanwhile");
    meanwhile_big = submit(young, large);
    ck_assert_uint_eq(count(young), 2);
    hand_over(old);
    ck_assert_uint_eq(count(old), 0);
    queue_adopt(young);
    wait_for_main(young);
    ck_assert_uint_eq(count(young), 4);
    /* And the old one for its sessions, after it has given the main folder up. */
    late = submit(old, "late");
    late_big = submit(old, large);
    ck_assert_uint_eq(count(old), 2);
    close_queue(self, 1);
    queue_adopt(young);
    wait_for_folders(self, 1);
    ck_assert_uint_eq(count(young), 6);
    for (guint again = 0; again < 2; again++) {
        expect_body(young, first, "before");
        expect_body(young, big, large);
        expect_body(young, meanwhile, "meanwhile");
        expect_body(young, meanwhile_big, large);
        expect_body(young, late, "late");
        expect_body(young, late_big, large);
        close_queue(self, 2);
        young = open_queue(self, 2);
        wait_for_main(young);
        ck_assert_uint_eq(count(young), 6);
    }
    close_queue(self, 2);
}

/* Names of what is suspended, in order. */
static void
expect_suspended(Queue *queue, const gchar *wanted)
{
    g_autoptr(GString) text = g_string_new(NULL);
    JsonWriter writer;
    gsize n_found = 0;

    json_writer_init(&writer, text);
    json_writer_begin_object(&writer, NULL);
    queue_write_destinations(queue, &writer);
    json_writer_end_object(&writer);
    for (const gchar *p = text->str; (p = strstr(p, "\"destination\"")) != NULL; p++)
        n_found++;
    ck_assert_msg(n_found == strlen(wanted), "%s", text->str);
    for (const gchar *p = wanted; *p != '\0'; p++) {
        const gchar key[] = {'"', *p, '.', '\0'};

        ck_assert_msg(strstr(text->str, key) != NULL, "%s", text->str);
    }
}

static void
body_suspended(gpointer data)
{
    Fixture *self = data;
    g_autofree gchar *file = g_strconcat(self->spool, ".suspended", NULL);
    g_autofree gchar *folder = g_strconcat(file, ".not", NULL);
    g_autoptr(GError) error = NULL;
    Queue *old = open_queue(self, 1);
    Queue *young;
    gboolean changed;

    ck_assert(queue_suspend_destination(old, "a.example", &changed, NULL) && changed);
    ck_assert(queue_suspend_destination(old, "a.example", &changed, NULL) && !changed);
    young = open_queue(self, 2);
    expect_suspended(young, "a");
    /* What the old one is told until it gives up is known to the young one. */
    ck_assert(queue_suspend_destination(old, "b.example", &changed, NULL) && changed);
    ck_assert(queue_resume_destination(old, "a.example", &changed, NULL) && changed);
    hand_over(old);
    expect_suspended(old, "");
    ck_assert(!queue_suspend_destination(old, "c.example", &changed, &error));
    ck_assert(g_error_matches(error, QUEUE_ERROR, BARID_ERROR_BUSY));
    g_clear_error(&error);
    queue_adopt(young);
    wait_for_main(young);
    expect_suspended(young, "b");
    ck_assert(queue_suspend_destination(young, "d.example", &changed, NULL) && changed);
    close_queue(self, 1);
    close_queue(self, 2);
    young = open_queue(self, 3);
    expect_suspended(young, "bd");
    /* What cannot be written is not done. There is no moment without the name: the queue
     * may be reading, and without a file nothing is suspended. */
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    ck_assert_int_eq(renameat2(AT_FDCWD, folder, AT_FDCWD, file, RENAME_EXCHANGE), 0);
    ck_assert(!queue_resume_destination(young, "b.example", &changed, &error));
    ck_assert(g_error_matches(error, QUEUE_ERROR, BARID_ERROR_IO));
    g_clear_error(&error);
    ck_assert(!queue_suspend_destination(young, "e.example", &changed, &error));
    g_clear_error(&error);
    expect_suspended(young, "bd");
    close_queue(self, 3);
}

static void
copy_folder(const gchar *from, const gchar *to)
{
    const gchar *argv[] = {"cp", "-a", from, to, NULL};
    gint status = -1;

    ck_assert(g_spawn_sync(NULL, (gchar **)(guintptr)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
                           NULL, NULL, &status, NULL));
    ck_assert_int_eq(status, 0);
}

/* A crash after messages were added in one folder and before they were removed from the
 * other. */
static void
body_second_copies(gpointer data)
{
    Fixture *self = data;
    g_autofree gchar *large = g_strnfill(LARGE, 'y');
    g_autofree gchar *side = g_strconcat(self->spool, "-7", NULL);
    Queue *queue = open_queue(self, 1);
    QueueId small_id = submit(queue, "both");
    QueueId large_id = submit(queue, large);

    close_queue(self, 1);
    copy_folder(self->spool, side);
    queue = open_queue(self, 1);
    wait_for_folders(self, 1);
    ck_assert_uint_eq(count(queue), 2);
    expect_body(queue, small_id, "both");
    expect_body(queue, large_id, large);
    close_queue(self, 1);
}

/* Three that hand over quickly: the one in the middle never had the main folder. */
static void
body_chain(gpointer data)
{
    Fixture *self = data;
    Queue *a = open_queue(self, 1), *b = open_queue(self, 2), *c;

    submit(a, "a");
    submit(b, "b");
    hand_over(b);
    c = open_queue(self, 3);
    submit(b, "b again");
    submit(c, "c");
    hand_over(a);
    submit(a, "a again");
    close_queue(self, 2);
    close_queue(self, 1);
    queue_adopt(c);
    wait_for_main(c);
    wait_for_folders(self, 1);
    ck_assert_uint_eq(count(c), 5);
    close_queue(self, 3);
}

static const struct {
    const gchar *what;
    FiberFunc body;
} rows[] = {
    {"hand-over", body_hand_over},
    {"second copies", body_second_copies},
    {"chain", body_chain},
    {"suspended destinations", body_suspended},
};

START_TEST(test_places)
{
    Fixture self = {
        .retry = make_rule("1min", BARID_TYPE_RULE_DURATIONS),
        .expire = make_rule("1h", BARID_TYPE_RULE_DURATION),
    };
    Scheduler *scheduler = scheduler_new(NULL);
    FiberGroup group;

    self.folder = g_dir_make_tmp("barid-places-XXXXXX", NULL);
    self.spool = g_build_filename(self.folder, "spool", NULL);
    fiber_group_init(&group, scheduler);
    ck_assert(fiber_group_spawn(&group, rows[_i].body, &self, NULL));
    scheduler_stop(scheduler);
    scheduler_run(scheduler);
    scheduler_free(scheduler);
    rule_free(self.retry);
    rule_free(self.expire);
    sim_remove_folder(self.folder);
    g_free(self.folder);
    g_free(self.spool);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("queue-place");
    TCase *tcase = tcase_create("places");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, test_places, 0, G_N_ELEMENTS(rows));
    suite_add_tcase(suite, tcase);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
