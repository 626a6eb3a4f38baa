/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <json-glib/json-glib.h>
#include <stdlib.h>

#include "../limit.h"
#include "host/command.h"
#include "store/tests/module-fixture.h"

extern const BaridModule limit_LTX_barid_module;

enum { START_MS = 1000000000, SECOND_MS = 1000, HOUR_MS = 3600000 };

static void
fixture_init(ModuleFixture *fixture, const gchar *config)
{
    module_fixture_init(fixture, &limit_LTX_barid_module, config);
    ck_assert_msg(fixture->problem == NULL, "%s", fixture->problem);
}

/* --- stages --- */

typedef struct {
    const gchar *what;
    const gchar *config;
    LimitStage stage; /* at which the second session is refused */
} StageRow;

static const StageRow stage_rows[] = {
    {"no key", "rate = 1/1h\n", LIMIT_CONNECT},
    {"remote-ip", "key = remote-ip\nrate = 1/1h\n", LIMIT_CONNECT},
    {"local-ip", "key = local-ip\nrate = 1/1h\n", LIMIT_CONNECT},
    {"listener", "key = listener\nrate = 1/1h\n", LIMIT_CONNECT},
    {"helo-domain", "key = helo-domain\nrate = 1/1h\n", LIMIT_MAIL},
    {"sender", "key = sender\nrate = 1/1h\n", LIMIT_MAIL},
    {"sender-domain", "key = sender-domain\nrate = 1/1h\n", LIMIT_MAIL},
    {"authenticated-as", "key = authenticated-as\nrate = 1/1h\n", LIMIT_MAIL},
    {"rcpt", "key = rcpt\nrate = 1/1h\n", LIMIT_RCPT},
    {"rcpt-domain", "key = rcpt-domain\nrate = 1/1h\n", LIMIT_RCPT},
    {"the latest key", "key = remote-ip, rcpt, sender\nrate = 1/1h\n", LIMIT_RCPT},
    {"match: connect", "match = listener == \"smtp\"\nrate = 1/1h\n", LIMIT_CONNECT},
    {"match: address", "match = remote-ip in 192.0.2.0/24\nrate = 1/1h\n", LIMIT_CONNECT},
    {"match: helo-domain", "match = helo-domain != \"x\"\nrate = 1/1h\n", LIMIT_MAIL},
    {"match: sender", "match = sender != \"x\"\nrate = 1/1h\n", LIMIT_MAIL},
    {"match: sender-domain", "match = sender-domain == \"a.test\"\nrate = 1/1h\n", LIMIT_MAIL},
    {"match: authenticated-as", "match = authenticated-as == \"\"\nrate = 1/1h\n", LIMIT_MAIL},
    {"match: priority", "match = priority == 0\nrate = 1/1h\n", LIMIT_MAIL},
    {"match: rcpt", "match = rcpt == \"r@d.test\"\nrate = 1/1h\n", LIMIT_RCPT},
    {"match: rcpt-domain", "match = rcpt-domain == \"d.test\"\nrate = 1/1h\n", LIMIT_RCPT},
    {"match and key", "key = remote-ip\nmatch = sender != \"x\"\nrate = 1/1h\n", LIMIT_MAIL},
};

/* The stage at which a session is refused, or LIMIT_N_STAGES; checks the reply. */
static LimitStage
run_session(ModuleFixture *fixture, const gchar *ip)
{
    ModuleSession session;
    LimitStage stage = LIMIT_N_STAGES;

    module_session_init(&session, fixture, ip);
    if (module_session_connect(&session) != 0) {
        stage = LIMIT_CONNECT;
        ck_assert_uint_eq(session.outcome.code, 421);
        ck_assert_str_eq(session.outcome.enhanced, "4.7.0");
        ck_assert_int_eq(session.outcome.verdict, BARID_DROP);
    } else if (module_session_mail(&session, "s@a.test") != 0) {
        stage = LIMIT_MAIL;
    } else if (module_session_rcpt(&session, "r@d.test") != 0) {
        stage = LIMIT_RCPT;
    }
    if (stage == LIMIT_MAIL || stage == LIMIT_RCPT) {
        ck_assert_uint_eq(session.outcome.code, 451);
        ck_assert_str_eq(session.outcome.enhanced, "4.4.5");
    }
    if (stage != LIMIT_N_STAGES)
        ck_assert_str_eq(session.outcome.reason, "rate-limit");
    module_session_clear(&session);
    return stage;
}

START_TEST(test_stage)
{
    const StageRow *row = &stage_rows[_i];
    g_autofree gchar *config = g_strdup_printf("[limit x]\n%s", row->config);
    ModuleFixture fixture;
    LimitStage stage;

    fixture_init(&fixture, config);
    ck_assert_int_eq(run_session(&fixture, "192.0.2.1"), LIMIT_N_STAGES);
    stage = run_session(&fixture, "192.0.2.1");
    ck_assert_msg(stage == row->stage, "%s: %u", row->what, stage);
    module_fixture_clear(&fixture);
}
END_TEST

/* --- keys --- */

typedef struct {
    const gchar *what;
    const gchar *config;
    const gchar *first_ip, *first_sender, *first_rcpt;
    const gchar *second_ip, *second_sender, *second_rcpt;
    gboolean refused; /* the second */
} KeyRow;

#define SAME_FIRST "192.0.2.1", "s@a.test", "r@d.test"

static const KeyRow key_rows[] = {
    {"other address", "key = remote-ip\n", SAME_FIRST, "192.0.2.2", "s@a.test", "r@d.test", FALSE},
    {"one for all", "", SAME_FIRST, "192.0.2.2", "t@b.test", "q@e.test", TRUE},
    {"same IPv6 network", "key = remote-ip\n", "2001:db8::1", "s@a.test", "r@d.test",
     "2001:db8::ffff:2", "s@a.test", "r@d.test", TRUE},
    {"other IPv6 network", "key = remote-ip\n", "2001:db8::1", "s@a.test", "r@d.test",
     "2001:db8:0:1::1", "s@a.test", "r@d.test", FALSE},
    {"single IPv6 address", "key = remote-ip\nipv6-prefix = 128\n", "2001:db8::1", "s@a.test",
     "r@d.test", "2001:db8::2", "s@a.test", "r@d.test", FALSE},
    {"sender without case", "key = sender\n", SAME_FIRST, "192.0.2.2", "S@A.test", "q@e.test",
     TRUE},
    {"other sender", "key = sender\n", SAME_FIRST, "192.0.2.1", "t@a.test", "r@d.test", FALSE},
    {"null sender", "key = sender\n", "192.0.2.1", "", "r@d.test", "192.0.2.1", "", "r@d.test",
     TRUE},
    {"null sender and another", "key = sender\n", "192.0.2.1", "", "r@d.test", "192.0.2.1",
     "s@a.test", "r@d.test", FALSE},
    {"sender-domain", "key = sender-domain\n", SAME_FIRST, "192.0.2.1", "t@A.TEST", "r@d.test",
     TRUE},
    {"null sender's domain", "key = sender-domain\n", "192.0.2.1", "", "r@d.test", "192.0.2.1", "",
     "r@d.test", TRUE},
    {"rcpt without case", "key = rcpt\n", SAME_FIRST, "192.0.2.1", "t@b.test", "R@D.test", TRUE},
    {"other rcpt", "key = rcpt\n", SAME_FIRST, "192.0.2.1", "s@a.test", "q@d.test", FALSE},
    {"two keys, both equal", "key = remote-ip, sender\n", SAME_FIRST, SAME_FIRST, TRUE},
    {"two keys, one differs", "key = remote-ip, sender\n", SAME_FIRST, "192.0.2.2", "s@a.test",
     "r@d.test", FALSE},
    {"not matched", "match = remote-ip in 198.51.100.0/24\n", SAME_FIRST, SAME_FIRST, FALSE},
    {"off", "enabled = no\n", SAME_FIRST, SAME_FIRST, FALSE},
};

static gboolean
run_one(ModuleFixture *fixture, const gchar *ip, const gchar *sender, const gchar *rcpt)
{
    ModuleSession session;
    gboolean refused;

    module_session_init(&session, fixture, ip);
    refused = module_session_connect(&session) != 0 || module_session_mail(&session, sender) != 0 ||
              module_session_rcpt(&session, rcpt) != 0;
    module_session_clear(&session);
    return refused;
}

START_TEST(test_keys)
{
    const KeyRow *row = &key_rows[_i];
    g_autofree gchar *config = g_strdup_printf("[limit x]\nrate = 1/1h\n%s", row->config);
    ModuleFixture fixture;

    fixture_init(&fixture, config);
    ck_assert(!run_one(&fixture, row->first_ip, row->first_sender, row->first_rcpt));
    ck_assert_msg(run_one(&fixture, row->second_ip, row->second_sender, row->second_rcpt) ==
                      row->refused,
                  "%s", row->what);
    module_fixture_clear(&fixture);
}
END_TEST

/* --- rates --- */

START_TEST(test_rate_lasts_the_full_period)
{
    ModuleFixture fixture;

    fixture_init(&fixture, "[limit x]\nkey = remote-ip\nrate = 25/1h\n");
    for (guint i = 0; i < 25; i++)
        ck_assert(!run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    ck_assert(run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    module_fixture_set_now(START_MS + 2 * SECOND_MS);
    ck_assert(run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    /* One comes back each 144 s. */
    module_fixture_set_now(START_MS + 143 * SECOND_MS);
    ck_assert(run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    module_fixture_set_now(START_MS + 144 * SECOND_MS);
    ck_assert(!run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    ck_assert(run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    /* After the whole period all are back, and no more. */
    module_fixture_set_now(START_MS + 10 * (gint64)HOUR_MS);
    for (guint i = 0; i < 25; i++)
        ck_assert(!run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    ck_assert(run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    module_fixture_clear(&fixture);
}
END_TEST

START_TEST(test_domain_counts_once)
{
    ModuleFixture fixture;
    ModuleSession session;

    fixture_init(&fixture, "[limit x]\nkey = rcpt-domain\nrate = 2/1h\n");
    module_session_init(&session, &fixture, "192.0.2.1");
    for (guint i = 0; i < 2; i++) {
        ck_assert_uint_eq(module_session_mail(&session, "s@a.test"), 0);
        for (guint n = 0; n < 10; n++) {
            g_autofree gchar *rcpt = g_strdup_printf("r%u@d.test", n);

            ck_assert_uint_eq(module_session_rcpt(&session, rcpt), 0);
        }
    }
    ck_assert_uint_eq(module_session_mail(&session, "s@a.test"), 0);
    ck_assert_uint_eq(module_session_rcpt(&session, "r1@d.test"), 451);
    /* A refused one did not count, so the next is no free one. */
    ck_assert_uint_eq(module_session_rcpt(&session, "r2@d.test"), 451);
    ck_assert_uint_eq(module_session_rcpt(&session, "r1@e.test"), 0);
    module_session_clear(&session);
    module_fixture_clear(&fixture);
}
END_TEST

START_TEST(test_recipients_count_each)
{
    ModuleFixture fixture;
    ModuleSession session;

    fixture_init(&fixture, "[limit x]\nkey = remote-ip\nmatch = rcpt != \"\"\nrate = 3/1h\n");
    module_session_init(&session, &fixture, "192.0.2.1");
    ck_assert_uint_eq(module_session_mail(&session, "s@a.test"), 0);
    ck_assert_uint_eq(module_session_rcpt(&session, "a@d.test"), 0);
    ck_assert_uint_eq(module_session_rcpt(&session, "b@d.test"), 0);
    ck_assert_uint_eq(module_session_rcpt(&session, "c@d.test"), 0);
    ck_assert_uint_eq(module_session_rcpt(&session, "d@d.test"), 451);
    module_session_clear(&session);
    module_fixture_clear(&fixture);
}
END_TEST

START_TEST(test_equal_limits_share)
{
    ModuleFixture fixture;

    fixture_init(&fixture, "[limit a]\nkey = remote-ip\nmatch = listener == \"smtp\"\nrate = 4/1h\n"
                           "[limit b]\nkey = remote-ip\nrate = 4/1h\n");
    /* Each session counts twice in the one bucket. */
    ck_assert(!run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    ck_assert(!run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    ck_assert(run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    module_fixture_clear(&fixture);
}
END_TEST

START_TEST(test_different_limits_do_not_share)
{
    ModuleFixture fixture;

    fixture_init(&fixture, "[limit a]\nkey = remote-ip\nrate = 3/1h\n"
                           "[limit b]\nkey = remote-ip\nrate = 4/1h\n");
    for (guint i = 0; i < 3; i++)
        ck_assert(!run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    ck_assert(run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    module_fixture_clear(&fixture);
}
END_TEST

START_TEST(test_earlier_limits_keep_their_count)
{
    ModuleFixture fixture;

    fixture_init(&fixture, "[limit a]\nrate = 3/1h\n[limit b]\nkey = remote-ip\nrate = 1/1h\n");
    ck_assert(!run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    ck_assert(run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    ck_assert(run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    /* The two that b refused were counted by a. */
    ck_assert(run_one(&fixture, "192.0.2.2", "s@a.test", "r@d.test"));
    module_fixture_clear(&fixture);
}
END_TEST

/* --- concurrency --- */

START_TEST(test_concurrency)
{
    ModuleFixture fixture;
    ModuleSession sessions[3];

    fixture_init(&fixture, "[limit x]\nkey = remote-ip\nconcurrency = 2\n");
    for (guint i = 0; i < 3; i++)
        module_session_init(&sessions[i], &fixture, "192.0.2.1");
    ck_assert_uint_eq(module_session_connect(&sessions[0]), 0);
    ck_assert_uint_eq(module_session_connect(&sessions[1]), 0);
    ck_assert_uint_eq(module_session_connect(&sessions[2]), 421);
    ck_assert_str_eq(sessions[2].outcome.reason, "concurrency-limit");
    ck_assert_str_eq(module_session_get_input(&sessions[2].session.scope, "key"),
                     "remote-ip=192.0.2.1");
    ck_assert_str_eq(module_session_get_input(&sessions[2].session.scope, "limit"), "x");
    ck_assert_str_eq(module_session_get_input(&sessions[2].session.scope, "amount"), "2");
    module_session_clear(&sessions[2]);
    module_session_clear(&sessions[0]);
    ck_assert(!run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    ck_assert(!run_one(&fixture, "192.0.2.1", "s@a.test", "r@d.test"));
    module_session_clear(&sessions[1]);
    module_fixture_clear(&fixture);
}
END_TEST

START_TEST(test_session_takes_one_place)
{
    ModuleFixture fixture;
    ModuleSession one;
    ModuleSession two;

    fixture_init(&fixture, "[limit x]\nkey = sender\nconcurrency = 1\n");
    module_session_init(&one, &fixture, "192.0.2.1");
    module_session_init(&two, &fixture, "192.0.2.1");
    ck_assert_uint_eq(module_session_mail(&one, "s@a.test"), 0);
    ck_assert_uint_eq(module_session_mail(&one, "s@a.test"), 0);
    ck_assert_uint_eq(module_session_mail(&one, "t@a.test"), 0);
    ck_assert_uint_eq(module_session_mail(&two, "s@a.test"), 451);
    ck_assert_uint_eq(module_session_mail(&two, "t@a.test"), 451);
    ck_assert_uint_eq(module_session_mail(&two, "u@a.test"), 0);
    module_session_clear(&one);
    ck_assert_uint_eq(module_session_mail(&two, "s@a.test"), 0);
    module_session_clear(&two);
    module_fixture_clear(&fixture);
}
END_TEST

/* --- buckets --- */

START_TEST(test_buckets_are_bounded)
{
    LimitBuckets *buckets = limit_buckets_new(1600);
    const LimitAmounts amounts = {.rate = {5, HOUR_MS}};
    const LimitAmounts places = {.concurrency = 1};
    LimitBucket *held = limit_buckets_enter(buckets, "held", &places, 0);
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autofree gchar *json = NULL;
    guint length;

    ck_assert_ptr_nonnull(held);
    for (guint i = 0; i < 20000; i++) {
        g_autofree gchar *name = g_strdup_printf("name-%u", i);

        ck_assert_int_eq(limit_buckets_take(buckets, name, &amounts, i), LIMIT_PASSES);
    }
    /* What somebody is inside of stays. */
    ck_assert_ptr_null(limit_buckets_enter(buckets, "held", &places, 20000));
    limit_bucket_leave(held);
    ck_assert_ptr_nonnull(limit_buckets_enter(buckets, "held", &places, 20000));
    json = limit_buckets_to_json(buckets, 20000, 100000);
    ck_assert(json_parser_load_from_data(parser, json, -1, NULL));
    length = json_array_get_length(json_node_get_array(json_parser_get_root(parser)));
    ck_assert_uint_le(length, 1601);
    ck_assert_uint_gt(length, 1000);
    limit_buckets_free(buckets);
}
END_TEST

START_TEST(test_level_follows_the_clock)
{
    LimitBuckets *buckets = limit_buckets_new(16); /* one a shard */
    const LimitAmounts amounts = {.rate = {1, HOUR_MS}};

    ck_assert_int_eq(limit_buckets_take(buckets, "a", &amounts, 0), LIMIT_PASSES);
    ck_assert_int_eq(limit_buckets_take(buckets, "a", &amounts, 1), LIMIT_TOO_FAST);
    ck_assert_int_eq(limit_buckets_take(buckets, "a", &amounts, HOUR_MS - 1), LIMIT_TOO_FAST);
    ck_assert_int_eq(limit_buckets_take(buckets, "a", &amounts, HOUR_MS), LIMIT_PASSES);
    /* A clock that went back gives nothing. */
    ck_assert_int_eq(limit_buckets_take(buckets, "a", &amounts, 0), LIMIT_TOO_FAST);
    limit_buckets_free(buckets);
}
END_TEST

enum { TAKE_THREADS = 4, TAKES = 5000 };

typedef struct {
    LimitBuckets *buckets;
    guint n_passed;
} TakeJob;

static gpointer
take_often(gpointer data)
{
    TakeJob *job = data;
    const LimitAmounts amounts = {.concurrency = 2, .rate = {7000, HOUR_MS}};

    for (guint i = 0; i < TAKES; i++) {
        LimitBucket *inside = limit_buckets_enter(job->buckets, "shared", &amounts, 0);

        job->n_passed += limit_buckets_take(job->buckets, "shared", &amounts, 0) == LIMIT_PASSES;
        if (inside != NULL)
            limit_bucket_leave(inside);
    }
    return NULL;
}

START_TEST(test_threads_share)
{
    LimitBuckets *buckets = limit_buckets_new(100);
    const LimitAmounts amounts = {.concurrency = 2, .rate = {7000, HOUR_MS}};
    GThread *threads[TAKE_THREADS];
    TakeJob jobs[TAKE_THREADS] = {{NULL, 0}};
    guint n_passed = 0;

    for (guint i = 0; i < TAKE_THREADS; i++) {
        jobs[i].buckets = buckets;
        threads[i] = g_thread_new("take", take_often, &jobs[i]);
    }
    for (guint i = 0; i < TAKE_THREADS; i++) {
        g_thread_join(threads[i]);
        n_passed += jobs[i].n_passed;
    }
    ck_assert_uint_eq(n_passed, 7000);
    for (guint i = 0; i < 2; i++)
        ck_assert_ptr_nonnull(limit_buckets_enter(buckets, "shared", &amounts, 0));
    ck_assert_ptr_null(limit_buckets_enter(buckets, "shared", &amounts, 0));
    limit_buckets_free(buckets);
}
END_TEST

/* --- the command and the configuration --- */

START_TEST(test_command)
{
    ModuleFixture fixture;
    ModuleSession session;
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autofree gchar *json = NULL;
    const BaridCommand *command;
    static const gchar *const words[] = {"limits", NULL};
    HostCommandRequest request = {.args = words + 1, .wants_json = TRUE};
    g_autofree gchar *text = NULL;
    gboolean is_usage = FALSE;
    guint n_words;
    HostModule *module;
    JsonObject *bucket;

    fixture_init(&fixture, "[limit x]\nkey = sender\nconcurrency = 3\nrate = 10/1h\n");
    module_session_init(&session, &fixture, "192.0.2.1");
    ck_assert_uint_eq(module_session_mail(&session, "\"q\\\"\x01\xff\"@a.test"), 0);
    command = host_find_command(fixture.host, words, &n_words, &module);
    ck_assert_ptr_nonnull(command);
    ck_assert_uint_eq(n_words, 1);
    json = host_run_command(module, command, &request, &text, &is_usage, NULL);
    ck_assert_msg(json_parser_load_from_data(parser, json, -1, NULL), "%s", json);
    bucket = json_array_get_object_element(json_node_get_array(json_parser_get_root(parser)), 0);
    ck_assert_int_eq(json_object_get_int_member(bucket, "concurrency"), 3);
    ck_assert_int_eq(json_object_get_int_member(bucket, "inside"), 1);
    ck_assert_int_eq(json_object_get_int_member(bucket, "rate_count"), 10);
    ck_assert_int_eq(json_object_get_int_member(bucket, "left"), 9);
    ck_assert_uint_eq(json_array_get_length(json_object_get_array_member(bucket, "keys")), 1);
    module_session_clear(&session);
    module_fixture_clear(&fixture);
}
END_TEST

typedef struct {
    const gchar *what;
    const gchar *config;
    const gchar *problem;
} ProblemRow;

static const ProblemRow problem_rows[] = {
    {"no limits at all", "", NULL},
    {"neither", "[limit x]\nkey = remote-ip\n", "[limit x] needs"},
    {"zeroes", "[limit x]\nconcurrency = 0\nrate = none\n", "[limit x] needs"},
    {"neither but off", "[limit x]\nenabled = no\n", NULL},
    {"unknown key", "[limit x]\nkey = remote-ip, mx\nrate = 1/1h\n", "\"mx\" is none of"},
    {"match too late", "[limit x]\nmatch = size > 10\nrate = 1/1h\n", "size is not known"},
    {"huge rate", "[limit x]\nrate = 9000000000000000000/1h\n", "too large"},
    {"few buckets", "[module limit]\nmax-buckets = 1\n", "from 16"},
};

START_TEST(test_problems)
{
    const ProblemRow *row = &problem_rows[_i];
    ModuleFixture fixture;

    module_fixture_init(&fixture, &limit_LTX_barid_module, row->config);
    if (row->problem == NULL)
        ck_assert_msg(fixture.problem == NULL, "%s: %s", row->what, fixture.problem);
    else
        ck_assert_msg(fixture.problem != NULL && strstr(fixture.problem, row->problem) != NULL,
                      "%s: %s", row->what, fixture.problem);
    module_fixture_clear(&fixture);
}
END_TEST

static Suite *
limit_suite(void)
{
    Suite *suite = suite_create("limit");
    TCase *tcase = tcase_create("limit");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, test_stage, 0, G_N_ELEMENTS(stage_rows));
    tcase_add_loop_test(tcase, test_keys, 0, G_N_ELEMENTS(key_rows));
    tcase_add_test(tcase, test_rate_lasts_the_full_period);
    tcase_add_test(tcase, test_domain_counts_once);
    tcase_add_test(tcase, test_recipients_count_each);
    tcase_add_test(tcase, test_equal_limits_share);
    tcase_add_test(tcase, test_different_limits_do_not_share);
    tcase_add_test(tcase, test_earlier_limits_keep_their_count);
    tcase_add_test(tcase, test_concurrency);
    tcase_add_test(tcase, test_session_takes_one_place);
    tcase_add_test(tcase, test_buckets_are_bounded);
    tcase_add_test(tcase, test_level_follows_the_clock);
    tcase_add_test(tcase, test_threads_share);
    tcase_add_test(tcase, test_command);
    tcase_add_loop_test(tcase, test_problems, 0, G_N_ELEMENTS(problem_rows));
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(void)
{
    SRunner *runner = srunner_create(limit_suite());
    int failed;

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
