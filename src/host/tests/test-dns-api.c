/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "host/host.h"
#include "sim/zone-resolver.h"

static const gchar zone_text[] = "a.example A 192.0.2.1\n"
                                 "a.example A 192.0.2.2\n"
                                 "a.example MX 10 mx.example\n"
                                 "a.example TXT \"hello \" \"world\"\n"
                                 "1.2.0.192.in-addr.arpa PTR a.example\n"
                                 "alias.example CNAME a.example\n"
                                 "$SECURE a.example\n"
                                 "$SERVFAIL broken.example\n";

/* What the hook of each test does. */
static void (*test_hook)(BaridSession *session);

static BaridVerdict
run_test_hook(BaridSession *session, gpointer state G_GNUC_UNUSED)
{
    test_hook(session);
    return BARID_CONTINUE;
}

static const BaridHook hooks[] = {BARID_HOOK_CONNECT(run_test_hook, BARID_PHASE_EARLY),
                                  BARID_HOOK_END};
static const BaridModule asks = {BARID_MODULE_HEADER, .name = "asks", .summary = "test",
                                 .needs = BARID_USES_NETWORK, .hooks = hooks};
static const BaridModule mute = {BARID_MODULE_HEADER, .name = "mute", .summary = "test",
                                 .hooks = hooks};

typedef struct {
    Host *host;
    GString *record;
} Run;

static void
run_body(gpointer data)
{
    Run *run = data;
    g_autoptr(Arena) arena = arena_new(200);
    BaridSession session = {.listener = "smtp"};
    HostOutcome outcome;
    JsonWriter writer;

    scope_init(&session.scope, SCOPE_SESSION, arena, NULL, NULL);
    host_run(run->host, BARID_STAGE_CONNECT, &session.scope, NULL, &outcome);
    json_writer_init(&writer, run->record);
    decision_record_write(&session.scope.decisions, &writer, NULL);
    host_write_order(run->host, &writer, NULL);
}

/* Runs (hook) as a hook of (module); the result is the decision record and the account. */
static gchar *
run(const BaridModule *module, void (*hook)(BaridSession *session))
{
    g_autofree gchar *config = g_strdup_printf("[module %s]\nenabled = yes\n", module->name);
    g_autoptr(ConfigFiles) files = config_files_new_text("test", config);
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(ConfigTree) tree = config_tree_parse(files, problems);
    g_autoptr(DnsResolver) resolver = zone_resolver_new(zone_text, NULL);
    Run data = {.host = host_new(NULL), .record = g_string_new(NULL)};
    Scheduler *scheduler = scheduler_new(NULL);
    SettingsContext context;
    FiberGroup group;

    test_hook = hook;
    settings_context_init(&context, tree, problems, NULL);
    host_set_resolver(data.host, resolver);
    ck_assert(host_add_module(data.host, module, NULL));
    ck_assert(host_bind(data.host, &context));
    ck_assert(host_start(data.host, NULL));
    fiber_group_init(&group, scheduler);
    ck_assert(fiber_group_spawn(&group, run_body, &data, NULL));
    scheduler_stop(scheduler);
    scheduler_run(scheduler);
    scheduler_free(scheduler);
    host_free(data.host);
    settings_context_clear(&context);
    return g_string_free(data.record, FALSE);
}

static void
ask_all(BaridSession *session)
{
    g_autoptr(BaridDnsAnswer) addresses = NULL, exchanges = NULL, texts = NULL, names = NULL;
    BaridSlice text;

    ck_assert(barid_dns_lookup(session, "A.Example.", BARID_DNS_A, &addresses, NULL));
    ck_assert_int_eq(barid_dns_answer_get_status(addresses), BARID_DNS_FOUND);
    ck_assert(barid_dns_answer_is_secure(addresses));
    ck_assert_uint_eq(barid_dns_answer_get_n_records(addresses), 2);
    ck_assert_str_eq(barid_dns_answer_get_address(addresses, 1), "192.0.2.2");
    ck_assert_ptr_null(barid_dns_answer_get_name(addresses, 0));
    ck_assert(barid_dns_lookup(session, "alias.example", BARID_DNS_MX, &exchanges, NULL));
    ck_assert(!barid_dns_answer_is_secure(exchanges));
    ck_assert_str_eq(barid_dns_answer_get_canonical(exchanges), "a.example");
    ck_assert_str_eq(barid_dns_answer_get_name(exchanges, 0), "mx.example");
    ck_assert_uint_eq(barid_dns_answer_get_preference(exchanges, 0), 10);
    ck_assert_uint_gt(barid_dns_answer_get_ttl_s(exchanges), 0);
    ck_assert(barid_dns_lookup(session, "a.example", BARID_DNS_TXT, &texts, NULL));
    text = barid_dns_answer_get_text(texts, 0);
    ck_assert(barid_slice_equal_text(text, "hello world"));
    ck_assert(barid_dns_lookup_names(session, "192.0.2.1", &names, NULL));
    ck_assert_str_eq(barid_dns_answer_get_name(names, 0), "a.example");
}

START_TEST(test_questions)
{
    g_autofree gchar *record = run(&asks, ask_all);

    ck_assert_msg(strstr(record, "\"dns A.Example. A\":\"192.0.2.1, 192.0.2.2\"") != NULL, "%s",
                  record);
    ck_assert_ptr_nonnull(strstr(record, "\"dns alias.example MX\":\"10 mx.example\""));
    ck_assert_ptr_nonnull(strstr(record, "\"dns 192.0.2.1 PTR\":\"a.example\""));
    ck_assert_ptr_nonnull(strstr(record, "\"dns_questions\":4"));
}
END_TEST

static void
ask_badly(BaridSession *session)
{
    static const struct {
        const gchar *name;
        BaridDnsType type;
        gint code;
    } rows[] = {
        {"broken.example", BARID_DNS_A, BARID_ERROR_TEMPORARY},
        {"a..b", BARID_DNS_A, BARID_ERROR_INVALID},
        {"a.example", (BaridDnsType)255, BARID_ERROR_UNSUPPORTED},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        BaridDnsAnswer *answer = NULL;
        g_autoptr(GError) error = NULL;

        ck_assert(!barid_dns_lookup(session, rows[i].name, rows[i].type, &answer, &error));
        ck_assert_int_eq(error->code, rows[i].code);
        ck_assert_ptr_null(answer);
    }
    ck_assert(!barid_dns_lookup_names(session, "192.0.2", NULL, NULL));
}

START_TEST(test_errors)
{
    g_autofree gchar *record = run(&asks, ask_badly);

    ck_assert_msg(strstr(record, "\"dns broken.example A\":\"the server failed") != NULL, "%s",
                  record);
}
END_TEST

static void
ask_many(BaridSession *session)
{
    g_autoptr(BaridDnsBatch) batch = barid_dns_batch_new();
    g_autoptr(GError) error = NULL;
    guint found = barid_dns_batch_add(batch, "a.example", BARID_DNS_A);
    guint broken = barid_dns_batch_add(batch, "broken.example", BARID_DNS_A);
    guint last = 0;

    for (guint i = 0; i < BARID_DNS_BATCH_MAX; i++)
        last = barid_dns_batch_add(batch, "none.example", BARID_DNS_A);
    ck_assert_ptr_null(barid_dns_batch_get(batch, found, NULL));
    barid_dns_batch_ask(session, batch);
    ck_assert_uint_eq(barid_dns_answer_get_n_records(barid_dns_batch_get(batch, found, NULL)), 2);
    ck_assert_ptr_null(barid_dns_batch_get(batch, broken, &error));
    ck_assert_int_eq(error->code, BARID_ERROR_TEMPORARY);
    g_clear_error(&error);
    ck_assert_ptr_null(barid_dns_batch_get(batch, last, &error));
    ck_assert_int_eq(error->code, BARID_ERROR_TOO_LARGE);
    ck_assert_int_eq(barid_dns_answer_get_status(barid_dns_batch_get(batch, broken + 1, NULL)),
                     BARID_DNS_NO_NAME);
}

START_TEST(test_batch)
{
    g_autofree gchar *record = run(&asks, ask_many);

    ck_assert_msg(strstr(record, "\"dns_questions\":64") != NULL, "%s", record);
}
END_TEST

static void
ask_undeclared(BaridSession *session)
{
    g_autoptr(BaridDnsBatch) batch = barid_dns_batch_new();
    g_autoptr(GError) error = NULL;
    BaridDnsAnswer *answer = NULL;

    ck_assert(!barid_dns_lookup(session, "a.example", BARID_DNS_A, &answer, &error));
    ck_assert_int_eq(error->code, BARID_ERROR_DENIED);
    barid_dns_batch_add(batch, "a.example", BARID_DNS_A);
    barid_dns_batch_ask(session, batch);
    ck_assert_ptr_null(barid_dns_batch_get(batch, 0, NULL));
}

START_TEST(test_undeclared)
{
    g_autofree gchar *record = run(&mute, ask_undeclared);

    ck_assert_msg(strstr(record, "a DNS question was not declared") != NULL, "%s", record);
    ck_assert_ptr_nonnull(strstr(record, "\"dns_questions\":0"));
}
END_TEST

/* --- findings of an observer, for a fiber that is cancelled --- */

static const gchar *const slow_findings[] = {"slow", NULL};

static BaridVerdict
observe_slowly(BaridSession *session, gpointer state G_GNUC_UNUSED)
{
    barid_sleep(60000, NULL);
    barid_finding_set(session, "slow", "done");
    return BARID_CONTINUE;
}

static const BaridHook slow_hooks[] = {
    BARID_HOOK_CONNECT(observe_slowly, BARID_PHASE_EARLY, .observes = TRUE), BARID_HOOK_END};
static const BaridModule slow = {BARID_MODULE_HEADER, .name = "slow", .summary = "test",
                                 .hooks = slow_hooks, .findings = slow_findings};

typedef struct {
    Host *host;
    gboolean has_waited;
} Waiting;

static void
wait_for_finding(gpointer data)
{
    Waiting *waiting = data;
    g_autoptr(Arena) arena = arena_new(200);
    BaridSession session = {.listener = "smtp"};
    HostOutcome outcome;
    FiberGroup group;

    fiber_group_init(&group, scheduler_get_current());
    scope_init(&session.scope, SCOPE_SESSION, arena, NULL, &group);
    host_run(waiting->host, BARID_STAGE_CONNECT, &session.scope, NULL, &outcome);
    ck_assert_ptr_null(barid_finding_get(&session, "slow"));
    waiting->has_waited = TRUE;
    fiber_group_join(&group);
}

static void
cancel_waiter(gpointer data)
{
    FiberGroup group;

    fiber_group_init(&group, scheduler_get_current());
    ck_assert(fiber_group_spawn(&group, wait_for_finding, data, NULL));
    ck_assert(barid_sleep(10, NULL));
    fiber_group_cancel(&group);
    fiber_group_join(&group);
}

START_TEST(test_cancelled_waiter)
{
    g_autoptr(ConfigFiles) files = config_files_new_text("test", "[module slow]\nenabled = yes\n");
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(ConfigTree) tree = config_tree_parse(files, problems);
    Waiting waiting = {.host = host_new(NULL)};
    Scheduler *scheduler = scheduler_new(NULL);
    SettingsContext context;
    FiberGroup group;

    settings_context_init(&context, tree, problems, NULL);
    ck_assert(host_add_module(waiting.host, &slow, NULL));
    ck_assert(host_bind(waiting.host, &context) && host_start(waiting.host, NULL));
    fiber_group_init(&group, scheduler);
    ck_assert(fiber_group_spawn(&group, cancel_waiter, &waiting, NULL));
    scheduler_stop(scheduler);
    scheduler_run(scheduler);
    scheduler_free(scheduler);
    ck_assert(waiting.has_waited);
    host_free(waiting.host);
    settings_context_clear(&context);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("dns-api");
    TCase *cases = tcase_create("dns-api");
    SRunner *runner;
    int failed;

    tcase_add_test(cases, test_questions);
    tcase_add_test(cases, test_errors);
    tcase_add_test(cases, test_batch);
    tcase_add_test(cases, test_undeclared);
    tcase_add_test(cases, test_cancelled_waiter);
    suite_add_tcase(suite, cases);
    runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
