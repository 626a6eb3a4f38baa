/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "host/host.h"

/*
 * Modules made of data: each hook does what its settings struct says, so that one
 * function serves all cases.
 */
typedef struct {
    BaridVerdict verdict;
    const gchar *finding_to_set, *finding_to_get;
    guint n_calls;
    gint64 sleep_ms;
    GString *trail;
    const gchar *mark;
    const gchar *got;
    gint got_after_ms;
    gsize stack_bytes; /* to be used, */
    guint stack_after; /* after so many calls */
} TestState;

static TestState states[8];

/* Recursion that the compiler cannot turn into a loop. */
static guint
test_use_stack(gsize bytes)
{
    volatile guint8 block[1024];

    memset((void *)(guintptr)block, (int)(bytes & 0xff), sizeof block);
    return bytes <= sizeof block ? block[5] : test_use_stack(bytes - sizeof block) + block[7];
}

static BaridVerdict
test_act(BaridScope *scope, TestState *state)
{
    gint64 asked_ms;

    state->n_calls++;
    if (state->sleep_ms > 0 && !barid_sleep(state->sleep_ms, NULL))
        return BARID_FAIL;
    if (state->stack_bytes > 0 && state->n_calls > state->stack_after)
        test_use_stack(state->stack_bytes);
    if (state->trail != NULL)
        g_string_append(state->trail, state->mark);
    if (state->finding_to_set != NULL)
        barid_scope_finding_set(scope, state->finding_to_set, "found");
    asked_ms = barid_monotonic_ms();
    if (state->finding_to_get != NULL)
        state->got = g_intern_string(barid_scope_finding_get(scope, state->finding_to_get));
    state->got_after_ms = (gint)(barid_monotonic_ms() - asked_ms);
    switch (state->verdict) {
    case BARID_DEFER:
        return barid_scope_defer(scope, 450, "4.2.0", "later", "later\r\nINJECTED");
    case BARID_REJECT:
        return barid_scope_reject(scope, 550, "5.2.0", "never", "never");
    case BARID_HOLD:
        return barid_scope_hold(scope, "held");
    case BARID_DROP:
        return barid_scope_drop(scope, "4.7.0", "drop", "go away");
    default:
        return state->verdict;
    }
}

static BaridVerdict
test_session_hook(BaridSession *session, gpointer state)
{
    return test_act(BARID_SCOPE(session), state);
}

#define MAY_ALL (BARID_MAY_DEFER | BARID_MAY_REJECT | BARID_MAY_HOLD)

#define TEST_MODULE(id, index, phase_, needs_, ...)                                             \
    static const gchar *const id##_findings[] = {"shared." #id, NULL};                           \
    static const BaridHook id##_hooks[] = {                                                      \
        BARID_HOOK_CONNECT(test_session_hook, phase_, __VA_ARGS__), BARID_HOOK_END};             \
    static gboolean id##_start(BaridStart *start G_GNUC_UNUSED,                                  \
                               const void *settings G_GNUC_UNUSED, gpointer *out_state,          \
                               GError **error G_GNUC_UNUSED)                                     \
    {                                                                                            \
        *out_state = &states[index];                                                             \
        return TRUE;                                                                             \
    }                                                                                            \
    static const BaridModule id##_module = {BARID_MODULE_HEADER,     .name = #id,                \
                                            .summary = "test",       .needs = needs_,            \
                                            .hooks = id##_hooks,     .findings = id##_findings,  \
                                            .start = id##_start};

TEST_MODULE(alpha, 0, BARID_PHASE_INSPECT, MAY_ALL, .after = "beta")
TEST_MODULE(beta, 1, BARID_PHASE_INSPECT, MAY_ALL, .before = NULL)
TEST_MODULE(gamma, 2, BARID_PHASE_EARLY, MAY_ALL, .after = NULL)
TEST_MODULE(delta, 3, BARID_PHASE_LATE, MAY_ALL, .after = NULL)
TEST_MODULE(meek, 4, BARID_PHASE_INSPECT, 0, .after = NULL)
TEST_MODULE(watcher, 5, BARID_PHASE_EARLY, 0, .observes = TRUE)

typedef struct {
    Host *host;
    HostOutcome outcome;
    GString *record;
    GString *modules, *shadows;
    guint n_runs;
} Run;

static void
run_body(gpointer data)
{
    Run *run = data;
    g_autoptr(Arena) arena = arena_new(200);
    BaridSession session = {.listener = "smtp"};
    FiberGroup group;
    JsonWriter writer;

    fiber_group_init(&group, scheduler_get_current());
    for (guint i = 0; i < run->n_runs; i++) {
        scope_init(&session.scope, SCOPE_SESSION, arena, NULL, &group);
        host_run(run->host, BARID_STAGE_CONNECT, &session.scope, NULL, &run->outcome);
        scope_join_observers(&session.scope);
    }
    fiber_group_join(&group);
    json_writer_init(&writer, run->record);
    decision_record_write(&session.scope.decisions, &writer, NULL);
    if (run->outcome.text != NULL)
        run->outcome.text = g_intern_string(run->outcome.text);
    if (run->outcome.module != NULL)
        run->outcome.module = g_intern_string(run->outcome.module);
}

/* Binds with (config) and runs the CONNECT stage (n_runs) times. */
static gboolean
run_host(const BaridModule *const *modules, const gchar *config, guint n_runs, Run *out_run)
{
    ConfigFiles *files = config_files_new_text("test", config);
    g_autoptr(ConfigProblems) problems = config_problems_new();
    ConfigTree *tree = config_tree_parse(files, problems);
    SettingsContext context;
    Scheduler *scheduler = scheduler_new(NULL);
    FiberGroup group;
    JsonWriter writer;
    gboolean ok;

    *out_run = (Run){.host = host_new(NULL), .record = g_string_new(NULL),
                     .modules = g_string_new(NULL), .shadows = g_string_new(NULL),
                     .n_runs = n_runs};
    for (; *modules != NULL; modules++)
        ck_assert(host_add_module(out_run->host, *modules, NULL));
    settings_context_init(&context, tree, problems, "/nowhere");
    ok = host_bind(out_run->host, &context) && config_problems_get_count(problems) == 0;
    if (ok) {
        ck_assert(host_start(out_run->host, NULL));
        fiber_group_init(&group, scheduler);
        ck_assert(fiber_group_spawn(&group, run_body, out_run, NULL));
        scheduler_stop(scheduler);
        scheduler_run(scheduler);
    } else {
        g_autofree gchar *text = config_problems_to_text(problems);

        g_string_append(out_run->record, text);
    }
    scheduler_free(scheduler);
    json_writer_init(&writer, out_run->modules);
    json_writer_begin_object(&writer, NULL);
    host_write_modules(out_run->host, &writer, "modules");
    json_writer_end_object(&writer);
    json_writer_init(&writer, out_run->shadows);
    for (guint i = 0; i < host_get_n_modules(out_run->host); i++) {
        ConfigPosition position;
        const gchar *name;
        Tally *tally = host_get_shadow(out_run->host, i, &name, &position);

        if (tally == NULL)
            continue;
        json_writer_begin_object(&writer, NULL);
        json_writer_text(&writer, "name", name);
        json_writer_integer(&writer, "line", position.line);
        tally_write(tally, &writer);
        json_writer_end_object(&writer);
    }
    host_free(out_run->host);
    settings_context_clear(&context);
    config_tree_free(tree);
    config_files_free(files);
    return ok;
}

static void
reset_states(void)
{
    memset(states, 0, sizeof states);
}

static void
free_run(Run *run)
{
    g_string_free(run->record, TRUE);
    g_string_free(run->modules, TRUE);
    g_string_free(run->shadows, TRUE);
}

/* The number under (key) of a module's first hook. */
static gint64
find_number(const Run *run, const gchar *module, const gchar *key)
{
    g_autofree gchar *start = g_strdup_printf("\"hooks\":[{\"module\":\"%s\"", module);
    g_autofree gchar *name = g_strdup_printf("\"%s\":", key);
    const gchar *at = strstr(run->modules->str, start);

    ck_assert_msg(at != NULL, "%s", run->modules->str);
    at = strstr(at, name);
    ck_assert_msg(at != NULL, "%s", run->modules->str);
    return g_ascii_strtoll(at + strlen(name), NULL, 10);
}

#define ON(name) "[module " name "]\nenabled = yes\n"

START_TEST(test_order)
{
    const BaridModule *const modules[] = {&delta_module, &alpha_module, &beta_module,
                                          &gamma_module, NULL};
    static const gchar *const marks[] = {"a", "b", "g", "d"};
    g_autoptr(GString) trail = g_string_new(NULL);
    Run run;

    reset_states();
    for (guint i = 0; i < 4; i++) {
        states[i].trail = trail;
        states[i].mark = marks[i];
    }
    /* Phase, then relation: beta before alpha though its name comes later. */
    ck_assert(run_host(modules, "", 1, &run));
    ck_assert_str_eq(trail->str, "gbad");
    free_run(&run);
    /* The administrator's word comes on top, over phases, too. */
    g_string_truncate(trail, 0);
    ck_assert(run_host(modules,
                       ON("alpha") "order = before beta\n" ON("delta") "order = before gamma\n", 1,
                       &run));
    ck_assert_str_eq(trail->str, "dgab");
    free_run(&run);
}
END_TEST

START_TEST(test_order_circle)
{
    const BaridModule *const modules[] = {&gamma_module, &alpha_module, NULL};
    Run run;

    reset_states();
    ck_assert(!run_host(modules,
                        ON("alpha") "order = before gamma\n" ON("gamma") "order = before alpha\n",
                        1, &run));
    ck_assert_ptr_nonnull(strstr(run.record->str, "alpha"));
    free_run(&run);
}
END_TEST

static const struct {
    BaridVerdict early, inspect_first, inspect_second, late;
    BaridVerdict result;
    guint n_second;
    const gchar *what;
} merge_rows[] = {
    {BARID_CONTINUE, BARID_CONTINUE, BARID_CONTINUE, BARID_CONTINUE, BARID_CONTINUE, 1, "nobody"},
    {BARID_CONTINUE, BARID_DEFER, BARID_REJECT, BARID_CONTINUE, BARID_DEFER, 0,
     "the first decisive verdict of a phase wins"},
    {BARID_CONTINUE, BARID_ACCEPT, BARID_REJECT, BARID_CONTINUE, BARID_CONTINUE, 0,
     "accept skips the rest of its phase"},
    {BARID_CONTINUE, BARID_ACCEPT, BARID_CONTINUE, BARID_REJECT, BARID_REJECT, 0,
     "accept does not reach other phases"},
    {BARID_HOLD, BARID_DEFER, BARID_CONTINUE, BARID_CONTINUE, BARID_DEFER, 0, "stricter later"},
    {BARID_REJECT, BARID_DEFER, BARID_CONTINUE, BARID_HOLD, BARID_REJECT, 0, "never milder"},
    {BARID_REJECT, BARID_CONTINUE, BARID_CONTINUE, BARID_DROP, BARID_DROP, 1, "drop is strictest"},
};

START_TEST(test_merge)
{
    const BaridModule *const modules[] = {&alpha_module, &beta_module, &gamma_module,
                                          &delta_module, NULL};
    Run run;

    reset_states();
    states[2].verdict = merge_rows[_i].early;
    states[1].verdict = merge_rows[_i].inspect_first;
    states[0].verdict = merge_rows[_i].inspect_second;
    states[3].verdict = merge_rows[_i].late;
    ck_assert(run_host(modules, "", 1, &run));
    ck_assert_msg(run.outcome.verdict == merge_rows[_i].result, "%s", merge_rows[_i].what);
    ck_assert_msg(states[0].n_calls == merge_rows[_i].n_second, "%s", merge_rows[_i].what);
    if (run.outcome.verdict == BARID_DEFER)
        ck_assert_str_eq(run.outcome.text, "later??INJECTED");
    free_run(&run);
}
END_TEST

START_TEST(test_shadow)
{
    const BaridModule *const modules[] = {&alpha_module, NULL};
    Run run;

    reset_states();
    states[0].verdict = BARID_REJECT;
    ck_assert(run_host(modules, ON("alpha") "mode = shadow\n", 1, &run));
    ck_assert_int_eq(run.outcome.verdict, BARID_CONTINUE);
    ck_assert_ptr_nonnull(strstr(run.record->str, "\"verdict\":\"reject\""));
    ck_assert_ptr_nonnull(strstr(run.record->str, "\"shadow\":true,\"differs\":true"));
    ck_assert_ptr_nonnull(strstr(run.shadows->str, "\"evaluated\":1,\"different\":1,\"changes\":["
                                 "{\"where\":\"connect\",\"from\":\"continue\",\"to\":\"reject\","
                                 "\"count\":1}]"));
    free_run(&run);
}
END_TEST

/* What others do anyway is no difference, nor is what one has no opinion about. */
START_TEST(test_shadow_of_no_consequence)
{
    const BaridModule *const modules[] = {&alpha_module, &beta_module, NULL};
    Run run;

    reset_states();
    states[0].verdict = BARID_REJECT;
    states[1].verdict = BARID_DEFER;
    ck_assert(run_host(modules, ON("alpha") ON("beta") "mode = shadow\n", 2, &run));
    ck_assert_int_eq(run.outcome.verdict, BARID_REJECT);
    ck_assert_ptr_null(strstr(run.record->str, "differs"));
    ck_assert_ptr_nonnull(strstr(run.shadows->str, "\"evaluated\":2,\"different\":0"));
    free_run(&run);
    states[1].verdict = BARID_CONTINUE;
    ck_assert(run_host(modules, ON("alpha") ON("beta") "mode = shadow\n", 1, &run));
    ck_assert_int_eq(run.outcome.verdict, BARID_REJECT);
    ck_assert_ptr_null(strstr(run.record->str, "differs"));
    free_run(&run);
}
END_TEST

START_TEST(test_shadow_of_a_condition)
{
    const BaridModule *const modules[] = {&alpha_module, NULL};
    Run run;

    reset_states();
    states[0].verdict = BARID_REJECT;
    ck_assert(run_host(modules, ON("alpha") "when = listener == \"other\"\n"
                                            "when.shadow = listener == \"smtp\"\n", 2, &run));
    ck_assert_int_eq(run.outcome.verdict, BARID_CONTINUE);
    ck_assert_uint_eq(states[0].n_calls, 0);
    ck_assert_ptr_nonnull(strstr(run.record->str, "\"source\":\"module alpha\""));
    ck_assert_ptr_nonnull(strstr(run.record->str,
                                 "\"inputs\":{\"value\":\"no\",\"shadow-value\":\"yes\","
                                 "\"rule\":\"test:3\",\"shadow-rule\":\"test:4\"}"));
    free_run(&run);
}
END_TEST

START_TEST(test_when)
{
    const BaridModule *const modules[] = {&alpha_module, NULL};
    Run run;

    reset_states();
    states[0].verdict = BARID_REJECT;
    ck_assert(run_host(modules, ON("alpha") "when = listener == \"other\"\n", 1, &run));
    ck_assert_int_eq(run.outcome.verdict, BARID_CONTINUE);
    ck_assert_uint_eq(states[0].n_calls, 0);
    free_run(&run);
    ck_assert(run_host(modules, ON("alpha") "when = listener == \"smtp\"\n", 1, &run));
    ck_assert_int_eq(run.outcome.verdict, BARID_REJECT);
    free_run(&run);
}
END_TEST

static const struct {
    const gchar *config;
    BaridVerdict result;
} error_rows[] = {
    {"", BARID_DEFER},
    {"on-error = defer\n", BARID_DEFER},
    {"on-error = reject\n", BARID_REJECT},
    {"on-error = continue\n", BARID_CONTINUE},
};

START_TEST(test_on_error)
{
    const BaridModule *const modules[] = {&alpha_module, NULL};
    g_autofree gchar *config = g_strconcat(ON("alpha"), error_rows[_i].config, NULL);
    Run run;

    reset_states();
    states[0].verdict = BARID_FAIL;
    ck_assert(run_host(modules, config, 1, &run));
    ck_assert_int_eq(run.outcome.verdict, error_rows[_i].result);
    free_run(&run);
}
END_TEST

START_TEST(test_undeclared_is_refused)
{
    const BaridModule *const modules[] = {&meek_module, NULL};
    Run run;

    reset_states();
    states[4].verdict = BARID_REJECT;
    ck_assert(run_host(modules, ON("meek") "on-error = continue\n", 1, &run));
    ck_assert_int_eq(run.outcome.verdict, BARID_CONTINUE);
    ck_assert_ptr_nonnull(strstr(run.record->str, "reject was not declared"));
    free_run(&run);
}
END_TEST

START_TEST(test_timeout_and_breaker)
{
    const BaridModule *const modules[] = {&alpha_module, NULL};
    Run run;

    reset_states();
    states[0].sleep_ms = 60000;
    ck_assert(run_host(modules, ON("alpha") "timeout = 5ms\n", 20, &run));
    ck_assert_int_eq(run.outcome.verdict, BARID_DEFER);
    /* After five failures the module is left alone. */
    ck_assert_uint_eq(states[0].n_calls, 5);
    ck_assert_ptr_nonnull(strstr(run.record->str, "suspended"));
    free_run(&run);
}
END_TEST

START_TEST(test_finding_waits_for_its_observer)
{
    const BaridModule *const modules[] = {&watcher_module, &alpha_module, NULL};
    Run run;

    reset_states();
    states[5].sleep_ms = 10;
    states[5].finding_to_set = "shared.watcher";
    states[0].finding_to_get = "shared.watcher";
    ck_assert(run_host(modules, "", 1, &run));
    ck_assert_str_eq(states[0].got, "found");
    free_run(&run);
}
END_TEST

/* What it has told is there for itself at once; it does not wait for its own end. */
START_TEST(test_observer_reads_its_finding)
{
    const BaridModule *const modules[] = {&watcher_module, NULL};
    Run run;

    reset_states();
    states[5].finding_to_set = "shared.watcher";
    states[5].finding_to_get = "shared.watcher";
    ck_assert(run_host(modules, ON("watcher") "timeout = 100ms\n", 1, &run));
    ck_assert_str_eq(states[5].got, "found");
    ck_assert_int_lt(states[5].got_after_ms, 50);
    free_run(&run);
}
END_TEST

START_TEST(test_findings_are_declared)
{
    const BaridModule *const modules[] = {&alpha_module, &delta_module, NULL};
    Run run;

    reset_states();
    states[0].finding_to_set = "shared.other";
    states[3].finding_to_get = "shared.other";
    ck_assert(run_host(modules, ON("alpha") "on-error = continue\n", 1, &run));
    ck_assert_ptr_null(states[3].got);
    free_run(&run);
}
END_TEST

/* The stack of its hook is told apart from what ran before on the same fiber. */
START_TEST(test_stack_is_measured)
{
    const BaridModule *const modules[] = {&gamma_module, &alpha_module, NULL};
    Run run;

    reset_states();
    states[2].stack_bytes = 64 * 1024;
    states[0].sleep_ms = 1; /* waits do not disturb it */
    ck_assert(run_host(modules, "", 1, &run));
    ck_assert_int_ge(find_number(&run, "gamma", "stack_own_bytes"), 64 * 1024);
    ck_assert_int_ge(find_number(&run, "gamma", "stack_bytes"),
                     find_number(&run, "gamma", "stack_own_bytes"));
    ck_assert_int_gt(find_number(&run, "alpha", "stack_bytes"), 0);
#ifndef BARID_SANITIZE
    ck_assert_int_le(find_number(&run, "gamma", "stack_own_bytes"), 80 * 1024);
    ck_assert_int_le(find_number(&run, "alpha", "stack_own_bytes"), 16 * 1024);
#endif
    free_run(&run);
}
END_TEST

/* The first call is measured, and later ones now and then: one that goes deeper is found. */
START_TEST(test_stack_is_sampled)
{
    const BaridModule *const modules[] = {&gamma_module, &alpha_module, NULL};
    Run run;

    reset_states();
    states[0].stack_bytes = states[2].stack_bytes = 64 * 1024;
    states[0].stack_after = states[2].stack_after = 1;
    ck_assert(run_host(modules, "", 150, &run));
    ck_assert_int_ge(find_number(&run, "gamma", "stack_own_bytes"), 64 * 1024);
    ck_assert_int_ge(find_number(&run, "alpha", "stack_own_bytes"), 64 * 1024);
    free_run(&run);
}
END_TEST

START_TEST(test_foreign_descriptions)
{
    Host *host = host_new(NULL);
    BaridModule other = alpha_module;

    other.api_major = 2;
    ck_assert(!host_add_module(host, &other, NULL));
    other.api_major = BARID_API_MAJOR;
    other.api_minor = BARID_API_MINOR + 1;
    ck_assert(!host_add_module(host, &other, NULL));
    other.api_minor = BARID_API_MINOR;
    other.magic = 1;
    ck_assert(!host_add_module(host, &other, NULL));
    host_free(host);
}
END_TEST

/* As if hooks had got "stream" in this minor version: rows of the one before are shorter. */
typedef struct {
    BaridStage stage;
    BaridPhase phase;
    BaridSessionHook function;
    const gchar *after, *before;
    gboolean observes;
} ShortHook;

START_TEST(test_older_description)
{
    static const ShortHook hooks[] = {
        {BARID_STAGE_CONNECT, BARID_PHASE_INSPECT, test_session_hook, NULL, NULL, FALSE},
        {BARID_STAGE_CONNECT, BARID_PHASE_LATE, test_session_hook, NULL, NULL, FALSE},
        {.stage = BARID_STAGE_END},
    };
    BaridModule older = alpha_module;
    const BaridModule *const modules[] = {&older, NULL};
    Run run;

    older.api_minor = BARID_API_MINOR - 1;
    older.struct_size = offsetof(BaridModule, version);
    older.version = (const gchar *)(guintptr)1; /* is behind its end */
    older.hooks = (const BaridHook *)(const void *)hooks;
    older.hook_size = sizeof(ShortHook);
    memset(states, 0, sizeof states);
    ck_assert(run_host(modules, "", 1, &run));
    ck_assert_uint_eq(states[0].n_calls, 2);
    ck_assert_ptr_nonnull(strstr(run.modules->str, "\"version\":null"));
    free_run(&run);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("host");
    TCase *cases = tcase_create("host");
    SRunner *runner = srunner_create(suite);
    int failed;

    log_set_level(BARID_LOG_ERROR);
    tcase_add_test(cases, test_order);
    tcase_add_test(cases, test_order_circle);
    tcase_add_loop_test(cases, test_merge, 0, G_N_ELEMENTS(merge_rows));
    tcase_add_test(cases, test_shadow);
    tcase_add_test(cases, test_shadow_of_no_consequence);
    tcase_add_test(cases, test_shadow_of_a_condition);
    tcase_add_test(cases, test_when);
    tcase_add_loop_test(cases, test_on_error, 0, G_N_ELEMENTS(error_rows));
    tcase_add_test(cases, test_undeclared_is_refused);
    tcase_add_test(cases, test_timeout_and_breaker);
    tcase_add_test(cases, test_finding_waits_for_its_observer);
    tcase_add_test(cases, test_observer_reads_its_finding);
    tcase_add_test(cases, test_findings_are_declared);
    tcase_add_test(cases, test_stack_is_measured);
    tcase_add_test(cases, test_stack_is_sampled);
    tcase_add_test(cases, test_foreign_descriptions);
    tcase_add_test(cases, test_older_description);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
