/* SPDX-License-Identifier: Apache-2.0 */
/* Saved areas: what a hook may keep with a message, and how it is read back. */
#include <check.h>
#include <stdlib.h>

#include "base/log.h"
#include "host/host.h"

/* What the hook does with it. */
typedef struct {
    gboolean (*act)(BaridTransaction *txn, GError **error);
    gint code;          /* of the error that is wanted; -1 for success */
    gboolean fails;     /* the hook itself ends with BARID_FAIL */
    const gchar *kept;  /* note and number afterwards */
} Row;

static const Row *row;

static gboolean
save_text(BaridTransaction *txn, const gchar *name, const gchar *text, GError **error)
{
    return barid_transaction_save(txn, name, barid_slice_from_text(text), error);
}

static gboolean
act_plain(BaridTransaction *txn, GError **error)
{
    BaridSlice value;

    if (!save_text(txn, "keeper.note", "hello", error) ||
        !barid_transaction_save_integer(txn, "keeper.number", -5, error))
        return FALSE;
    /* The hook itself sees it at once. */
    ck_assert(barid_saved_get(txn, "keeper.note", &value));
    ck_assert(barid_slice_equal_text(value, "hello"));
    return TRUE;
}

static gboolean
act_twice(BaridTransaction *txn, GError **error)
{
    return act_plain(txn, error) && save_text(txn, "keeper.note", "again", error);
}

static gboolean
act_undeclared(BaridTransaction *txn, GError **error)
{
    return save_text(txn, "other.note", "x", error);
}

static gboolean
act_wrong_type(BaridTransaction *txn, GError **error)
{
    return barid_transaction_save_integer(txn, "keeper.note", 1, error);
}

static gboolean
act_control(BaridTransaction *txn, GError **error)
{
    return save_text(txn, "keeper.note", "a\r\nb", error);
}

static gboolean
act_no_utf8(BaridTransaction *txn, GError **error)
{
    return save_text(txn, "keeper.note", "\xff", error);
}

static gboolean
act_too_long(BaridTransaction *txn, GError **error)
{
    return save_text(txn, "keeper.note", "12345678901", error);
}

/* Each is within its own limit, together they are too much. */
static gboolean
act_too_much(BaridTransaction *txn, GError **error)
{
    static const guint8 zeros[4000];

    return barid_transaction_save(txn, "keeper.bytes", barid_slice(zeros, 4000), error) &&
           barid_transaction_save(txn, "keeper.more", barid_slice(zeros, 4000), error);
}

static const Row rows[] = {
    {act_plain, -1, FALSE, "hello -5"},
    {act_twice, -1, FALSE, "again -5"},
    {act_plain, -1, TRUE, ""},
    {act_undeclared, BARID_ERROR_DENIED, FALSE, ""},
    {act_wrong_type, BARID_ERROR_INVALID, FALSE, ""},
    {act_control, BARID_ERROR_INVALID, FALSE, ""},
    {act_no_utf8, BARID_ERROR_INVALID, FALSE, ""},
    {act_too_long, BARID_ERROR_TOO_LARGE, FALSE, ""},
    {act_too_much, BARID_ERROR_TOO_LARGE, FALSE, ""},
};

static BaridVerdict
keeper_message(BaridTransaction *txn, gpointer state G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = row->act(txn, &error);

    ck_assert_int_eq(ok ? -1 : error->code, row->code);
    return row->fails ? BARID_FAIL : BARID_CONTINUE;
}

static BaridVerdict
keeper_queued(BaridTransaction *txn, gpointer state G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    ck_assert(!save_text(txn, "keeper.note", "late", &error));
    ck_assert_int_eq(error->code, BARID_ERROR_DENIED);
    return BARID_CONTINUE;
}

static const BaridHook keeper_hooks[] = {
    BARID_HOOK_MESSAGE(keeper_message, BARID_PHASE_INSPECT),
    BARID_HOOK_QUEUED(keeper_queued, BARID_PHASE_INSPECT),
    BARID_HOOK_END,
};

static const BaridSavedArea keeper_saved[] = {
    {"keeper.note", BARID_SAVED_TEXT, 10, "A note."},
    {"keeper.number", BARID_SAVED_INTEGER, 0, "A number."},
    {"keeper.bytes", BARID_SAVED_BYTES, 4000, "Bytes."},
    {"keeper.more", BARID_SAVED_BYTES, 4000, "More bytes."},
    {NULL, BARID_SAVED_BYTES, 0, NULL},
};

static const BaridModule keeper_module = {BARID_MODULE_HEADER, .name = "keeper",
                                          .summary = "test", .hooks = keeper_hooks,
                                          .saved = keeper_saved};

static gchar *
describe(BaridScope *scope)
{
    BaridSlice note;
    gint64 number;

    /* Neither is read as the other. */
    ck_assert(!barid_saved_get(scope, "keeper.number", &note));
    ck_assert(!barid_saved_get_integer(scope, "keeper.note", &number));
    if (!barid_saved_get(scope, "keeper.note", &note) ||
        !barid_saved_get_integer(scope, "keeper.number", &number))
        return g_strdup("");
    return g_strdup_printf("%.*s %" G_GINT64_FORMAT, (int)note.len, (const gchar *)note.data,
                           number);
}

static void
run_body(gpointer data)
{
    Host *host = data;
    g_autoptr(Arena) arena = arena_new(200);
    BaridSession session = {.listener = "smtp"};
    BaridTransaction txn = {.session = &session};
    BaridAttempt attempt = {.queue_id = "x"};
    HostOutcome outcome;
    g_autofree gchar *at_session = NULL;
    g_autofree gchar *at_delivery = NULL;

    scope_init(&session.scope, SCOPE_SESSION, arena, NULL, NULL);
    scope_init(&txn.scope, SCOPE_TRANSACTION, arena, &session.scope, NULL);
    scope_init(&attempt.scope, SCOPE_ATTEMPT, arena, NULL, NULL);
    txn.recipients = g_ptr_array_new();
    txn.edits_tail = &txn.edits;
    host_run(host, BARID_STAGE_MESSAGE, &txn.scope, NULL, &outcome);
    at_session = describe(&txn.scope);
    attempt.saved = saved_write(txn.saved, arena);
    host_run(host, BARID_STAGE_QUEUED, &txn.scope, NULL, &outcome);
    at_delivery = describe(&attempt.scope);
    ck_assert_str_eq(at_session, row->kept);
    ck_assert_str_eq(at_delivery, row->kept);
    /* Cut anywhere, it is read up to there and no further. */
    for (gsize len = 0; len < attempt.saved.len; len++) {
        BaridAttempt cut = {.saved = barid_slice(attempt.saved.data, len)};
        gint64 number;

        scope_init(&cut.scope, SCOPE_ATTEMPT, arena, NULL, NULL);
        ck_assert(!barid_saved_get_integer(&cut, "keeper.number", &number));
    }
    g_ptr_array_free(txn.recipients, TRUE);
}

START_TEST(test_saved)
{
    ConfigFiles *files = config_files_new_text("test", "");
    g_autoptr(ConfigProblems) problems = config_problems_new();
    ConfigTree *tree = config_tree_parse(files, problems);
    Scheduler *scheduler = scheduler_new(NULL);
    Host *host = host_new(NULL);
    SettingsContext context;
    FiberGroup group;

    row = &rows[_i];
    ck_assert(host_add_module(host, &keeper_module, NULL));
    settings_context_init(&context, tree, problems, "/nowhere");
    ck_assert(host_bind(host, &context));
    ck_assert(host_start(host, NULL));
    fiber_group_init(&group, scheduler);
    ck_assert(fiber_group_spawn(&group, run_body, host, NULL));
    scheduler_stop(scheduler);
    scheduler_run(scheduler);
    scheduler_free(scheduler);
    host_free(host);
    settings_context_clear(&context);
    config_tree_free(tree);
    config_files_free(files);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("saved");
    TCase *cases = tcase_create("saved");
    SRunner *runner = srunner_create(suite);
    int failed;

    log_set_level(BARID_LOG_ERROR);
    tcase_add_loop_test(cases, test_saved, 0, G_N_ELEMENTS(rows));
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
