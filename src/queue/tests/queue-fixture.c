/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/tests/queue-fixture.h"

#include <check.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/rule-language.h"
#include "sim/folder.h"

Envelope
make_envelope(Arena *arena, const gchar *sender, const gchar *const *recipients, guint notify)
{
    Envelope envelope = {
        .id = queue_id_new(),
        .created_ms = clock_wall_ms(),
        .size_bytes = 100,
        .sender = barid_slice_from_text(sender),
        .decisions = BARID_SLICE_LITERAL("[{\"verdict\":\"continue\"}]"),
        .session_id = BARID_SLICE_LITERAL("s1"),
    };

    while (recipients[envelope.n_recipients] != NULL)
        envelope.n_recipients++;
    envelope.recipients =
        arena_alloc(arena, sizeof(EnvelopeRecipient) * MAX(envelope.n_recipients, 1));
    for (guint i = 0; i < envelope.n_recipients; i++) {
        envelope.recipients[i].address = barid_slice_from_text(recipients[i]);
        envelope.recipients[i].notify = (guint8)notify;
    }
    return envelope;
}

const gchar *const three[] = {"a@Example.org", "b@example.net", "c@EXAMPLE.ORG", NULL};

gint64 jumped_us;

gint64
jumping_wall_us(gpointer data G_GNUC_UNUSED)
{
    return g_get_real_time() + __atomic_load_n(&jumped_us, __ATOMIC_SEQ_CST);
}

gint64
jumping_monotonic_us(gpointer data G_GNUC_UNUSED)
{
    return g_get_monotonic_time();
}

/* The attempt is marked, and the marks are left behind when the spool is closed, as by a
 * process that is killed. */
static void
fixture_mark(const Fixture *fixture, const QueueJob *job)
{
    g_autoptr(GDir) dir = g_dir_open(fixture->spool, 0, NULL);
    g_autofree gchar *kept = g_build_filename(fixture->spool, "kept.marks", NULL);
    const gchar *name;

    queue_job_mark(job, "192.0.2.1:25");
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree gchar *path = g_build_filename(fixture->spool, name, NULL);

        if (g_str_has_suffix(name, ".marks") && !g_file_test(kept, G_FILE_TEST_EXISTS))
            ck_assert_int_eq(link(path, kept), 0);
    }
}

void
fixture_answer(Fixture *fixture, QueueJob *job)
{
    g_free(fixture->prefer);
    fixture->prefer = g_strdup(job->prefer);
    if (fixture->marks != MARKS_NONE)
        fixture_mark(fixture, job);
    job->untouched = fixture->marks == MARKS_AND_IS_KILLED;
    for (guint i = 0; i < job->n_recipients; i++) {
        gboolean defer = job->n_attempts < fixture->fail_first && job->envelope.sender.len > 0;

        job->results[i] = (QueueResult){
            .done = TRUE,
            .status = job->envelope.sender.len == 0 ? RECIPIENT_DELIVERED
                      : defer                       ? RECIPIENT_PENDING
                                                    : fixture->then,
            .code = defer ? "4.2.1" : fixture->then == RECIPIENT_FAILED ? "5.1.1" : "2.0.0",
            .text = "said the test",
        };
    }
    for (guint i = 0; i < fixture->n_lines; i++)
        g_string_append_printf(job->transcript, "line %u of a long transcript\n", i);
    if (job->envelope.sender.len == 0) {
        BaridSlice body = spool_content_get_body(job->content);

        fixture->n_notices++;
        g_mutex_lock(&fixture->lock);
        g_string_append_len(fixture->dsns, (const gchar *)body.data, (gssize)body.len);
        g_mutex_unlock(&fixture->lock);
    }
    if (fixture->n_jobs++ == 0)
        __atomic_fetch_add(&jumped_us, fixture->jump_us, __ATOMIC_SEQ_CST);
    queue_job_finish(fixture->queue, job);
}

/* Answers on the queue's thread. */
static void
fixture_dispatch(QueueJob *job, gpointer data)
{
    Fixture *fixture = data;

    if (fixture->kept != NULL &&
        (job->n_attempts > 0 ||
         barid_slice_equal_text(job->envelope.domains[job->domain], fixture->keeps))) {
        g_mutex_lock(&fixture->lock);
        g_ptr_array_add(fixture->kept, job);
        g_mutex_unlock(&fixture->lock);
        return;
    }
    fixture_answer(fixture, job);
}

BaridRule *
make_rule(const gchar *text, BaridSettingType type)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    BaridRule *rule = rule_compile_text(text, type, BARID_KNOWN_ATTEMPT, NULL, problems);

    ck_assert_ptr_nonnull(rule);
    return rule;
}

void
fixture_open(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;

    fixture->queue = queue_new(&fixture->options, &error);
    ck_assert_msg(fixture->queue != NULL, "%s", error != NULL ? error->message : "");
    queue_start(fixture->queue, fixture_dispatch, fixture);
}

void
fixture_set_up(Fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->folder = g_dir_make_tmp("barid-queue-XXXXXX", NULL);
    fixture->spool = g_build_filename(fixture->folder, "spool", NULL);
    fixture->history = g_build_filename(fixture->folder, "history", NULL);
    fixture->then = RECIPIENT_DELIVERED;
    fixture->retry = make_rule("1ms, 2ms", BARID_TYPE_RULE_DURATIONS);
    fixture->notify = make_rule("1ms", BARID_TYPE_RULE_DURATIONS);
    fixture->expire = make_rule("1h", BARID_TYPE_RULE_DURATION);
    fixture->dsn_return = make_rule("50000", BARID_TYPE_RULE_SIZE);
    fixture->dsns = g_string_new(NULL);
    fixture->options = (QueueOptions){
        .hostname = "mx.example.org",
        .folder = fixture->spool,
        .history_folder = fixture->history,
        .history = {.max_bytes = 1 << 20, .max_age_ms = 3600000},
        .retry = fixture->retry,
        .expire = fixture->expire,
        .concurrency = 10,
        .dsn_return = fixture->dsn_return,
    };
    spool_options_set_defaults(&fixture->options.spool);
    fixture->options.spool.segment_bytes = 1 << 20;
    fixture->options.spool.reserve_bytes = 0;
    fixture->scheduler = scheduler_new(NULL);
    fixture_open(fixture);
}

void
fixture_tear_down(Fixture *fixture)
{
    queue_stop(fixture->queue);
    queue_free(fixture->queue);
    scheduler_free(fixture->scheduler);
    rule_free(fixture->retry);
    rule_free(fixture->notify);
    rule_free(fixture->expire);
    rule_free(fixture->dsn_return);
    sim_remove_folder(fixture->folder);
    g_free(fixture->folder);
    g_free(fixture->spool);
    g_free(fixture->history);
    g_string_free(fixture->dsns, TRUE);
    g_free(fixture->prefer);
    g_free(fixture->history_text);
}

void
fixture_run(Fixture *fixture, FiberFunc func)
{
    FiberGroup group;

    fiber_group_init(&group, fixture->scheduler);
    ck_assert(fiber_group_spawn(&group, func, fixture, NULL));
    scheduler_stop(fixture->scheduler);
    scheduler_run(fixture->scheduler);
}

void
run_with_queue(FiberFunc func)
{
    Fixture fixture;

    fixture_set_up(&fixture);
    fixture_run(&fixture, func);
    fixture_tear_down(&fixture);
}

QueueId
submit(Fixture *fixture, const gchar *sender, const gchar *const *recipients, guint notify,
       gboolean held)
{
    g_autoptr(Arena) arena = arena_new(100);
    Envelope envelope = make_envelope(arena, sender, recipients, notify);
    QueueSubmission submission = {
        .envelope = &envelope,
        .held = held,
        .prefix = BARID_SLICE_LITERAL("Received: by test\r\n"),
        .body = BARID_SLICE_LITERAL("Subject: hello\r\n\r\nthe body\r\n"),
        .body_fd = -1,
    };
    g_autoptr(GError) error = NULL;

    ck_assert_msg(queue_submit(fixture->queue, &submission, &error), "%s",
                  error != NULL ? error->message : "");
    return envelope.id;
}

/* Each question is answered by the queue's own thread, after what came before. */
void
wait_until_empty(Fixture *fixture)
{
    QueueFilter all = {.limit = 0};

    while (queue_count(fixture->queue, &all) > 0)
        ck_assert(barid_sleep(1, NULL));
}
