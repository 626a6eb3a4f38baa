/* SPDX-License-Identifier: Apache-2.0 */
/* What rules read of sessions, transactions and attempts, and of the time. */
#include <check.h>
#include <stdlib.h>

#include "base/clock.h"
#include "conf/rule-language.h"
#include "host/scope.h"

/* 2026-02-28, a Saturday, 23:30:15 UTC; two hours east of it is Sunday. */
#define NOW_MS (G_GINT64_CONSTANT(1772321415) * 1000)

static gint64
fixed_wall_us(gpointer data G_GNUC_UNUSED)
{
    return NOW_MS * 1000;
}

static const ClockSource fixed_clock = {fixed_wall_us, fixed_wall_us, NULL};

typedef struct {
    Arena *arena;
    BaridSession session;
    BaridTransaction txn;
    BaridRecipient recipient;
    BaridAttempt attempt;
} Facts;

static void
facts_init(Facts *self)
{
    memset(self, 0, sizeof *self);
    self->arena = arena_new(256);
    scope_init(&self->session.scope, SCOPE_SESSION, self->arena, NULL, NULL);
    self->session.listener = "smtp";
    self->session.user = "alice";
    self->session.helo_domain = BARID_SLICE_LITERAL("client.example");
    self->session.tls_version = "TLS1.3";
    ck_assert(address_parse(BARID_SLICE_LITERAL("192.0.2.7:4711"), &self->session.remote));
    ck_assert(address_parse(BARID_SLICE_LITERAL("198.51.100.1:25"), &self->session.local));
    scope_init(&self->txn.scope, SCOPE_TRANSACTION, self->arena, &self->session.scope, NULL);
    self->txn.session = &self->session;
    self->txn.sender_canonical = BARID_SLICE_LITERAL("a@sender.example");
    self->txn.sender_domain = BARID_SLICE_LITERAL("sender.example");
    self->txn.recipients = g_ptr_array_new();
    self->recipient.canonical = BARID_SLICE_LITERAL("b@rcpt.example");
    self->recipient.domain = BARID_SLICE_LITERAL("rcpt.example");
    g_ptr_array_add(self->txn.recipients, &self->recipient);
    self->txn.current = &self->recipient;
    self->txn.priority = 3;
    self->txn.message = BARID_SLICE_LITERAL("From: (a@b) \"x@y\" <Jo@B\303\234CHER.example>, "
                                            "z@last.example\r\n\r\n12345");
    scope_init(&self->attempt.scope, SCOPE_ATTEMPT, self->arena, NULL, NULL);
    self->attempt.queue_id = "Q1";
    self->attempt.sender_canonical = BARID_SLICE_LITERAL("a@sender.example");
    self->attempt.sender_domain = BARID_SLICE_LITERAL("sender.example");
    self->attempt.domain = BARID_SLICE_LITERAL("next.example");
    self->attempt.priority = -4;
    self->attempt.n_retries = 5;
    self->attempt.n_notices = 1;
    self->attempt.created_ms = NOW_MS - 3 * 3600000;
    self->attempt.expires_ms = NOW_MS + 2 * 3600000;
    self->attempt.size = 2048;
    self->attempt.n_recipients = 7;
    self->attempt.source = "smtp";
    self->attempt.last_status = "4.4.1";
    self->attempt.last_error = "no route";
    self->attempt.user = BARID_SLICE_LITERAL("alice");
    self->attempt.listener = BARID_SLICE_LITERAL("submission");
    self->attempt.helo_domain = BARID_SLICE_LITERAL("client.example");
    self->attempt.received_from = BARID_SLICE_LITERAL("192.0.2.7");
    self->attempt.mx = "mx.next.example";
    ck_assert(address_parse(BARID_SLICE_LITERAL("203.0.113.1:25"), &self->attempt.remote));
    ck_assert(address_parse(BARID_SLICE_LITERAL("198.51.100.2:40000"), &self->attempt.local));
}

static void
facts_clear(Facts *self)
{
    g_ptr_array_unref(self->txn.recipients);
    arena_free(self->arena);
}

/* The text of "${...}" in a session, a transaction and an attempt; NULL is a problem there. */
static const struct {
    const gchar *name;
    const gchar *session, *transaction, *attempt;
} rows[] = {
    {"remote-ip", "192.0.2.7", "192.0.2.7", "203.0.113.1"},
    {"local-ip", "198.51.100.1", "198.51.100.1", "198.51.100.2"},
    {"remote-port", "4711", "4711", NULL},
    {"local-port", "25", "25", NULL},
    {"listener", "smtp", "smtp", "submission"},
    {"protocol", "smtp", "smtp", NULL},
    {"is-tls", "yes", "yes", NULL},
    {"tls-version", "TLS1.3", "TLS1.3", NULL},
    {"tls-cipher", "", "", NULL},
    {"authenticated-as", "alice", "alice", "alice"},
    {"helo-domain", NULL, "client.example", "client.example"},
    {"sender", NULL, "a@sender.example", "a@sender.example"},
    {"sender-domain", NULL, "sender.example", "sender.example"},
    {"rcpt", NULL, "b@rcpt.example", NULL},
    {"rcpt-domain", NULL, "rcpt.example", "next.example"},
    {"recipients", NULL, "1", "7"},
    {"recipient-addresses", NULL, "b@rcpt.example", NULL},
    {"priority", NULL, "3", "-4"},
    {"size", NULL, "63", "2048"},
    {"from", NULL, "jo@b\303\234cher.example", NULL},
    {"from-domain", NULL, "xn--bcher-kva.example", NULL},
    {"queue-id", NULL, "", "Q1"},
    {"finding.x", "", "", NULL},
    {"retry-count", NULL, NULL, "5"},
    {"notify-count", NULL, NULL, "1"},
    {"queue-age", NULL, NULL, "3h"},
    {"expires-in", NULL, NULL, "2h"},
    {"last-status", NULL, NULL, "4.4.1"},
    {"last-error", NULL, NULL, "no route"},
    {"source", "smtp", "smtp", "smtp"},
    {"received-from", NULL, NULL, "192.0.2.7"},
    {"mx", NULL, NULL, "mx.next.example"},
    {"utc-weekday", "sat", "sat", "sat"},
    {"utc-date", "2026-02-28", "2026-02-28", "2026-02-28"},
    {"utc-time-of-day", "84615s", "84615s", "84615s"},
    {"weekday", "sun", "sun", "sun"},
    {"date", "2026-03-01", "2026-03-01", "2026-03-01"},
    {"time-of-day", "5415s", "5415s", "5415s"},
};

static void
check_one(const gchar *name, BaridKnown known, BaridScope *scope, const gchar *expected)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autofree gchar *text = g_strdup_printf("${%s}", name);
    g_autoptr(BaridRule) rule =
        rule_compile_text(text, BARID_TYPE_RULE_TEXT, known, NULL, problems);
    g_autofree gchar *result = NULL;

    ck_assert_msg((rule != NULL) == (expected != NULL), "%s at %d", name, known);
    if (rule == NULL)
        return;
    result = barid_rule_eval_text(rule, scope);
    ck_assert_msg(strcmp(result, expected) == 0, "%s at %d: %s", name, known, result);
}

START_TEST(test_stages)
{
    Facts facts;

    facts_init(&facts);
    check_one(rows[_i].name, BARID_KNOWN_CONNECT, &facts.session.scope, rows[_i].session);
    check_one(rows[_i].name, BARID_KNOWN_MESSAGE, &facts.txn.scope, rows[_i].transaction);
    check_one(rows[_i].name, BARID_KNOWN_ATTEMPT, &facts.attempt.scope, rows[_i].attempt);
    facts_clear(&facts);
}
END_TEST

/* No variable is forgotten above. */
START_TEST(test_complete)
{
    g_autofree const gchar **names = rule_variable_names();

    for (gsize i = 0; names[i] != NULL; i++) {
        gboolean is_listed = FALSE;

        for (gsize k = 0; k < G_N_ELEMENTS(rows); k++)
            is_listed = is_listed || g_str_has_prefix(rows[k].name, names[i]);
        ck_assert_msg(is_listed, "%s", names[i]);
    }
}
END_TEST

/* What is unknown reads as nothing. */
START_TEST(test_unknown)
{
    static const struct {
        const gchar *text, *expected;
    } unknown[] = {
        {"${queue-age} ${expires-in} ${last-status}", "0 0 "},
        {"${remote-ip} ${received-from} ${mx}", "0.0.0.0 0.0.0.0 "},
    };
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(Arena) arena = arena_new(256);
    BaridAttempt attempt = {.n_retries = 0};

    scope_init(&attempt.scope, SCOPE_ATTEMPT, arena, NULL, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(unknown); i++) {
        g_autoptr(BaridRule) rule = rule_compile_text(unknown[i].text, BARID_TYPE_RULE_TEXT,
                                                      BARID_KNOWN_ATTEMPT, NULL, problems);
        g_autofree gchar *text = barid_rule_eval_text(rule, &attempt.scope);

        ck_assert_str_eq(text, unknown[i].expected);
    }
}
END_TEST

static const struct {
    const gchar *text;
    guint expected;
} word_rows[] = {
    {"off", 0},
    {"relaxed", 1},
    {"strict", 2},
    {"if sender-domain == \"next.example\" then strict else off", 0},
    {"if sender-domain == \"sender.example\" then relaxed else off", 1},
    /* What was computed and is none counts as the last. */
    {"${sender-domain}", 2},
    {"of${helo-domain}", 2},
};

START_TEST(test_words)
{
    static const gchar *const words[] = {"off", "relaxed", "strict", NULL};
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(BaridRule) rule = rule_compile_text(word_rows[_i].text, BARID_TYPE_RULE_TEXT,
                                                  BARID_KNOWN_MESSAGE, NULL, problems);
    Facts facts;
    guint word;

    ck_assert(rule != NULL);
    facts_init(&facts);
    word = barid_rule_get_word(rule, &facts.txn, words);
    ck_assert_msg(word == word_rows[_i].expected, "%s: %u", word_rows[_i].text, word);
    facts_clear(&facts);
}
END_TEST

static const struct {
    const gchar *condition;
    gboolean expected;
} time_rows[] = {
    {"utc-time-of-day in 23:00..23:31", TRUE},
    {"utc-time-of-day in 22:00..06:00", TRUE},
    {"utc-time-of-day in 00:00..23:30", FALSE},
    {"time-of-day in 01:00..02:00", TRUE},
    {"time-of-day >= 01:30 and time-of-day < 01:31", TRUE},
    {"time-of-day in {08:00..18:00, 22:00..01:00}", FALSE},
    {"weekday in {\"sat\", \"sun\"} and utc-weekday == \"sat\"", TRUE},
    {"date in 2026-03-01..2026-03-31", TRUE},
    {"utc-date in 2026-03-01..2026-03-31", FALSE},
    {"date - utc-date == 1", TRUE},
    {"date > 2026-12-24 or date + 7 > 2026-03-07", TRUE},
};

START_TEST(test_time)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(BaridRule) rule = rule_compile_text(time_rows[_i].condition, BARID_TYPE_CONDITION,
                                                  BARID_KNOWN_ALWAYS, NULL, problems);

    ck_assert_msg(rule != NULL, "%s", time_rows[_i].condition);
    ck_assert_msg(barid_rule_eval_bool(rule, NULL) == time_rows[_i].expected, "%s",
                  time_rows[_i].condition);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("variables");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_stages, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(tcase, test_time, 0, G_N_ELEMENTS(time_rows));
    tcase_add_loop_test(tcase, test_words, 0, G_N_ELEMENTS(word_rows));
    tcase_add_test(tcase, test_complete);
    tcase_add_test(tcase, test_unknown);
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(void)
{
    SRunner *runner;
    int failed;

    g_setenv("TZ", "EAST-2", TRUE);
    clock_set_source(&fixed_clock);
    scope_register_variables();
    runner = srunner_create(make_suite());
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
