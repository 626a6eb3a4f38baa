/* SPDX-License-Identifier: Apache-2.0 */
/* Computed values, functions, captures, look-ups and what happens when they fail. */
#include <check.h>
#include <stdlib.h>

#include "base/text.h"
#include "conf/rule-reasons.h"
#include "conf/tests/rule-fixture.h"

static const struct {
    const gchar *condition;
    gboolean expected;
} condition_rows[] = {
    {"1 + 2 * 3 == 7", TRUE},
    {"(1 + 2) * 3 == 9", TRUE},
    {"(1 + 2) * (3) - 1 == 8", TRUE},
    {"((1 + 2)) * 3 == 9", TRUE},
    {"9 == (1 + 2) * 3", TRUE},
    {"10 - 2 - 3 == 5", TRUE},
    {"20 / 3 == 6", TRUE},
    {"20 % 3 == 2", TRUE},
    {"-7 / 2 == -3", TRUE},
    {"2 * 10 / 4 == 5", TRUE},
    {"size / 2 == 2560K", TRUE},
    {"size + 1 > 5M", TRUE},
    {"size*2 == 10M", TRUE},
    {"size+1 == 5242881", TRUE},
    {"priority - 1 == -3", TRUE},
    {"9223372036854775807 + 1 == 9223372036854775807", TRUE},
    {"-9223372036854775807 - 9 == -9223372036854775807 - 1", TRUE},
    {"9223372036854775807 * -2 < -9223372036854775807", TRUE},
    {"-9223372036854775807 * -2 == 9223372036854775807", TRUE},
    {"(-9223372036854775807 - 1) / -1 == 9223372036854775807", TRUE},
    {"(-9223372036854775807 - 1) % -1 == 0", TRUE},
    {"queue-age + 30min == 2h", TRUE},
    {"queue-age - 2h < 0", TRUE},
    {"queue-age * 2 == 3h", TRUE},
    {"2 * queue-age == 3h", TRUE},
    {"queue-age / 3 == 30min", TRUE},
    {"queue-age / 30min == 3", TRUE},
    {"queue-age % 1h == 30min", TRUE},
    {"2026-03-01 - 2026-02-28 == 1", TRUE},
    {"2024-02-28 + 2 == 2024-03-01", TRUE},
    {"2024-03-01 - 1 == 2024-02-29", TRUE},
    {"2026-12-24 < 2027-01-01", TRUE},
    {"2026-12-24 in 2026-12-24..2027-01-01", TRUE},
    {"2027-01-02 in {2026-12-24..2027-01-01, 2027-01-03}", FALSE},
    {"concat(2026-12-24, \"\") == \"2026-12-24\"", TRUE},
    {"(size) in 1M..5M", TRUE},
    {"(sender) matches /^bounce/ and (is-tls)", TRUE},
    {"(is-tls) == yes", TRUE},
    {"not (is-tls) or ((size) > 1)", TRUE},
    {"(lower(\"A\")) == \"a\" and (is-tls or no)", TRUE},
    {"length(sender) + length(rcpt) > 40", TRUE},
    {"substring(\"abcdef\", 2) == \"cdef\"", TRUE},
    {"substring(\"abcdef\", 2, 3) == \"cde\"", TRUE},
    {"substring(\"abcdef\", -2) == \"ef\"", TRUE},
    {"substring(\"abcdef\", -9, 2) == \"ab\"", TRUE},
    {"substring(\"abcdef\", 6) == \"\"", TRUE},
    {"substring(\"abcdef\", 1, -1) == \"\"", TRUE},
    {"substring(\"abcdef\", 4, 9223372036854775807) == \"ef\"", TRUE},
    {"strip-prefix(\"foobar\", \"foo\") == \"bar\"", TRUE},
    {"strip-prefix(\"foobar\", \"oo\") == \"foobar\"", TRUE},
    {"strip-suffix(\"foobar\", \"bar\") == \"foo\"", TRUE},
    {"strip-suffix(\"bar\", \"bar\") == \"\"", TRUE},
    {"split-part(\"a.b.c\", \".\", 1) == \"a\"", TRUE},
    {"split-part(\"a.b.c\", \".\", 3) == \"c\"", TRUE},
    {"split-part(\"a.b.c\", \".\", 4) == \"\"", TRUE},
    {"split-part(\"a.b.c\", \".\", -1) == \"c\"", TRUE},
    {"split-part(\"a.b.c\", \".\", -3) == \"a\"", TRUE},
    {"split-part(\"a.b.c\", \".\", -4) == \"\"", TRUE},
    {"split-part(\"a.b.\", \".\", 3) == \"\"", TRUE},
    {"split-part(\"a.b.c\", \".\", 0) == \"\"", TRUE},
    {"split-part(\"abc\", \"\", 1) == \"abc\"", TRUE},
    {"split-part(\"\", \".\", 1) == \"\"", TRUE},
    {"split-part(\"a::b\", \"::\", 2) == \"b\"", TRUE},
    {"replace(\"a.b.c\", \".\", \"--\") == \"a--b--c\"", TRUE},
    {"replace(\"..\", \".\", \"\") == \"\"", TRUE},
    {"replace(\"abc\", \"\", \"x\") == \"abc\"", TRUE},
    {"concat(\"a\", size, \"b\", is-tls) == \"a5242880byes\"", TRUE},
    {"concat(\"\", \"\") == \"\"", TRUE},
    {"count-chars(\"a-b_c-\", \"-_\") == 3", TRUE},
    {"count-upper(\"FREE money\") == 4", TRUE},
    {"contains-ignoring-case(\"Big SALE\", \"sale\")", TRUE},
    {"contains-ignoring-case(\"Big SALE\", \"sail\")", FALSE},
    {"equals-ignoring-case(\"Main\", listener)", TRUE},
    {"equals-ignoring-case(\"Mai\", listener)", FALSE},
    {"hash(\"abc\") == \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"", TRUE},
    {"hash(\"\") starts-with \"e3b0c44298fc1c149afb\"", TRUE},
    {"is-ipv4(remote-ip)", TRUE},
    {"is-ipv4(\"192.0.2.1\")", TRUE},
    {"is-ipv4(\"::1\")", FALSE},
    {"is-ipv6(\"[IPv6:2001:db8::1]\")", TRUE},
    {"is-ipv6(sender)", FALSE},
    {"to-ip(\"[192.0.2.9]\") in 192.0.2.0/24", TRUE},
    {"reverse-name(remote-ip) == \"7.2.0.192.in-addr.arpa\"", TRUE},
    {"reverse-name(\"2001:db8::a1\") == "
     "\"1.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa\"", TRUE},
    {"is-number(\"-12\")", TRUE},
    {"is-number(\"12a\")", FALSE},
    {"is-number(\"\")", FALSE},
    {"to-number(\"12\") + 1 == 13", TRUE},
    {"to-number(\"x\", 5) == 5", TRUE},
    {"to-number(\"7\", 5) == 7", TRUE},
    {"min(3, size) == 3 and max(1h, queue-age) == 90min", TRUE},
    {"choose(is-tls, 1, 2) == 1", TRUE},
    {"choose(is-number(sender), \"a\", \"b\") == \"b\"", TRUE},
    {"choose(is-tls, 1min, 2min) == 60s", TRUE},
    {"sender matches /^bounce-([0-9]+)/ and to-number(capture(1)) > 41", TRUE},
    {"sender matches /^bounce-([0-9]+)/ and capture(0) == \"bounce-42\"", TRUE},
    {"sender in list \"who\" and capture(1) == \"42\"", TRUE},
    {"rule \"numbered\" and capture(1) == \"42\"", TRUE},
    {"sender starts-with \"bounce\" and capture(0) == sender", TRUE},
    /* A look-up. */
    {"\"there\" in store \"main\"", TRUE},
    {"store-get(\"main\", \"there\") == \"value\"", TRUE},
    {"store-get(\"main\", \"away\") == \"\"", TRUE},
    {"remote-ip in dns \"zen.example\"", TRUE},
    {"remote-ip in dns \"zen.example\" A", TRUE},
    {"remote-ip in dns \"zen.example\" {127.0.0.2}", TRUE},
    {"remote-ip in dns \"zen.example\" A {127.0.0.0/30, 10.0.0.1}", TRUE},
    {"remote-ip in dns \"zen.example\" {127.0.0.4/30}", FALSE},
    {"remote-ip in dns \"zen.example\" TXT", FALSE},
    {"remote-ip in dns \"none.example\"", FALSE},
    {"\"2001:db8::1\" == \"2001:db8::1\" and is-tls", TRUE},
    {"domain-part(sender) in dns \"dbl.example\" TXT {\"listed\"} and is-tls", TRUE},
    {"domain-part(sender) in dns \"dbl.example\" TXT {\"other\"}", FALSE},
    {"authenticated-as in dns \"dbl.example\"", FALSE},
    {"not remote-ip in dns \"none.example\" and not remote-ip in dns \"zen.example\" TXT", TRUE},
};

static const gchar lists_text[] = "[list who]\ntype = patterns\n"
                                  "entries = /^x(a)(b)/, /-([0-9]+)@/\n"
                                  "[rule numbered]\ncondition = sender matches /-([0-9]+)@/\n";

/* "7.2.0.192.zen.example" has an address, "news.example.org.dbl.example" a text, and nobody
 * knows of "down.example". */
static RuleAnswer
lookup_dns(gpointer data, BaridSlice name, guint type, Arena *scratch,
           const RuleValue **out_records, guint *out_n_records, BaridSlice *out_text)
{
    RuleValue *record = arena_new0(scratch, RuleValue);

    ck_assert_str_eq(data, "resolver");
    *out_records = record;
    *out_n_records = 1;
    if (type == 1 && barid_slice_equal_text(name, "7.2.0.192.zen.example")) {
        record->type = RULE_ADDRESS;
        ck_assert(address_parse_ip(BARID_SLICE_LITERAL("127.0.0.2"), &record->as.address));
        return RULE_ANSWER_FOUND;
    }
    if (type == 16 && barid_slice_equal_text(name, "news.example.org.dbl.example")) {
        record->type = RULE_TEXT;
        record->as.text = BARID_SLICE_LITERAL("listed");
        return RULE_ANSWER_FOUND;
    }
    if (!text_ends_with(name, BARID_SLICE_LITERAL("down.example")))
        return RULE_ANSWER_ABSENT;
    *out_text = BARID_SLICE_LITERAL("dns: no answer");
    return RULE_ANSWER_FAILED;
}

static gboolean
parse_dns_type(BaridSlice word, guint *out_type, gboolean *out_is_address)
{
    *out_is_address = barid_slice_equal_text(word, "A");
    *out_type = *out_is_address ? 1 : 16;
    return *out_is_address || barid_slice_equal_text(word, "TXT");
}

static RuleAnswer
lookup_store(BaridScope *scope G_GNUC_UNUSED, gpointer store, BaridSlice key,
             Arena *scratch G_GNUC_UNUSED, BaridSlice *out_text)
{
    ck_assert_str_eq(store, "main");
    *out_text = BARID_SLICE_LITERAL("value");
    if (barid_slice_equal_text(key, "there"))
        return RULE_ANSWER_FOUND;
    if (!barid_slice_equal_text(key, "down"))
        return RULE_ANSWER_ABSENT;
    *out_text = BARID_SLICE_LITERAL("store: down");
    return RULE_ANSWER_FAILED;
}

static gpointer
resolve_store(const gchar *name, gpointer data, GError **error)
{
    if (strcmp(name, data) == 0)
        return data;
    g_set_error(error, BARID_ERROR, BARID_ERROR_NOT_FOUND, "there is no [store %s]", name);
    return NULL;
}

START_TEST(test_condition)
{
    const gchar *text = condition_rows[_i].condition;
    Fake fake = fake_default;
    RuleSetup setup;
    g_autoptr(BaridRule) rule = NULL;
    g_autofree gchar *problems = NULL;

    rule_setup_init(&setup, lists_text);
    rule = rule_compile_text(text, BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, setup.lists,
                             setup.problems);
    problems = config_problems_to_text(setup.problems);
    ck_assert_msg(rule != NULL, "%s", problems);
    ck_assert_msg(barid_rule_eval_bool(rule, (BaridScope *)&fake) == condition_rows[_i].expected,
                  "%s", text);
    rule_setup_clear(&setup);
}
END_TEST

static const RuleBounds plain_bounds = {.minimum = 0};
static const RuleBounds narrow_bounds = {.minimum = 10, .maximum = 20, .on_failure = "15"};
static const RuleBounds yes_bounds = {.minimum = 0, .maximum = 0, .on_failure = "yes"};
static const RuleBounds no_bounds = {.minimum = 0, .maximum = 0, .on_failure = "no"};
static const RuleBounds text_bounds = {.minimum = 0, .maximum = 0, .on_failure = "safe"};

static const struct {
    BaridSettingType type;
    const RuleBounds *bounds;
    const gchar *text;
    gint64 number;
    const gchar *expected; /* of a text */
    const gchar *failure;  /* what was noted, or NULL */
} value_rows[] = {
    {BARID_TYPE_RULE_SIZE, &plain_bounds, "size * 2", 10 << 20, NULL, NULL},
    {BARID_TYPE_RULE_SIZE, &plain_bounds, "if is-tls then size / 2 + 1K else 5", 2561 << 10, NULL,
     NULL},
    {BARID_TYPE_RULE_SIZE, &plain_bounds, "1 - size", 0, NULL, NULL},
    {BARID_TYPE_RULE_DURATION, &plain_bounds, "queue-age * 2", 3 * 3600000, NULL, NULL},
    {BARID_TYPE_RULE_DURATION, &plain_bounds, "5min * 3", 900000, NULL, NULL},
    {BARID_TYPE_RULE_INTEGER, &narrow_bounds, "length(sender) * 5", 20, NULL, NULL},
    {BARID_TYPE_RULE_INTEGER, &narrow_bounds, "priority", 10, NULL, NULL},
    {BARID_TYPE_RULE_INTEGER, NULL, "priority", -2, NULL, NULL},
    {BARID_TYPE_RULE_INTEGER, NULL, "(priority + 1) * 5", -5, NULL, NULL},
    {BARID_TYPE_RULE_TEXT, NULL, "a ${upper(listener)} b", 0, "a MAIN b", NULL},
    {BARID_TYPE_RULE_TEXT, NULL, "${size / 1K}K ${concat(listener, remote-ip)}", 0,
     "5120K main192.0.2.7", NULL},
    {BARID_TYPE_RULE_TEXT, NULL, "\"${split-part(sender, \\\"@\\\", 2)}\"", 0, "news.example.org",
     NULL},
    {BARID_TYPE_RULE_TEXT, NULL,
     "if sender matches /-([0-9]+)@/ then \"${to-number(capture(1)) + 1} ${1}\" else x", 0, "43 42",
     NULL},
    {BARID_TYPE_RULE_TEXT, NULL, "if sender in list \"who\" then ${1} else x", 0, "42", NULL},
    {BARID_TYPE_RULE_TEXT, NULL, "if rule \"numbered\" and is-tls then ${1} else x", 0, "42", NULL},
    {BARID_TYPE_RULE_TEXT, NULL, "if is-tls and (no or sender matches /-(4)/) then ${1} else x", 0,
     "4", NULL},
    /* Without a pattern ${0} is what the last test held of. */
    {BARID_TYPE_RULE_TEXT, NULL, "if sender starts-with \"bounce\" then ${0} else x", 0,
     "bounce-42@news.example.org", NULL},
    {BARID_TYPE_RULE_TEXT, NULL, "if remote-ip in 192.0.2.0/24 then ${0} else x", 0, "192.0.2.7",
     NULL},
    {BARID_TYPE_RULE_TEXT, NULL, "if listener in {\"main\"} then ${0} else x", 0, "main", NULL},
    {BARID_TYPE_RULE_TEXT, NULL, "if \"there\" in store \"main\" then ${0} else x", 0, "there",
     NULL},
    {BARID_TYPE_RULE_TEXT, NULL, "if listener == \"x\" or rcpt ends-with \".com\" then ${0} else x",
     0, "info@example.com", NULL},
    {BARID_TYPE_RULE_TEXT, NULL,
     "if sender matches /-(4)/ and listener == \"main\" then ${0} else x", 0, "-4", NULL},
    /* Failures. */
    {BARID_TYPE_RULE_INTEGER, NULL, "if \"down\" in store \"main\" then 1 else 2", 2, NULL,
     "store: down"},
    {BARID_TYPE_RULE_INTEGER, NULL, "if \"down\" in store \"main\" then 1 else 2 on-failure 3", 3,
     NULL, "store: down"},
    {BARID_TYPE_RULE_INTEGER, NULL, "if \"away\" in store \"main\" then 1 else 2 on-failure 3", 2,
     NULL, NULL},
    {BARID_TYPE_RULE_INTEGER, &narrow_bounds, "if \"down\" in store \"main\" then 11 else 12", 15,
     NULL, "store: down"},
    {BARID_TYPE_RULE_INTEGER, &narrow_bounds,
     "if \"down\" in store \"main\" then 11 else 12 on-failure 13", 13, NULL, "store: down"},
    {BARID_TYPE_RULE_INTEGER, NULL,
     "if is-tls then length(listener) / (size - 5M) else 7 on-failure 8", 8, NULL,
     "division by zero"},
    {BARID_TYPE_RULE_INTEGER, NULL, "if is-tls then 5 % (size - 5M) else 7", 7, NULL,
     "division by zero"},
    {BARID_TYPE_RULE_INTEGER, &narrow_bounds, "5 / (size - 5M)", 15, NULL, "division by zero"},
    {BARID_TYPE_RULE_INTEGER, &plain_bounds, "5 / (size - 5M)", 0, NULL, "division by zero"},
    {BARID_TYPE_RULE_INTEGER, NULL, "if to-number(sender) > 5 then 1 else 2 on-failure 3", 3, NULL,
     "to-number: this is no number: bounce-42@news.example.org"},
    {BARID_TYPE_RULE_INTEGER, NULL, "if to-ip(sender) in 10.0.0.0/8 then 1 else 2 on-failure 3", 3,
     NULL, "to-ip: this is no address: bounce-42@news.example.org"},
    {BARID_TYPE_RULE_INTEGER, NULL, "if remote-ip in dns \"down.example\" then 1 else 2", 2, NULL,
     "dns: no answer"},
    {BARID_TYPE_RULE_INTEGER, NULL,
     "if not remote-ip in dns \"down.example\" then 1 else 2 on-failure 3", 3, NULL,
     "dns: no answer"},
    {BARID_TYPE_RULE_BOOL, NULL, "remote-ip in dns \"down.example\"", FALSE, NULL,
     "dns: no answer"},
    {BARID_TYPE_RULE_BOOL, NULL, "not remote-ip in dns \"down.example\"", FALSE, NULL,
     "dns: no answer"},
    {BARID_TYPE_RULE_BOOL, &yes_bounds, "remote-ip in dns \"down.example\"", TRUE, NULL,
     "dns: no answer"},
    {BARID_TYPE_RULE_BOOL, &no_bounds, "if remote-ip in dns \"down.example\" then no else yes",
     FALSE, NULL, "dns: no answer"},
    {BARID_TYPE_RULE_BOOL, NULL, "if remote-ip in dns \"down.example\" then no else yes", TRUE,
     NULL, "dns: no answer"},
    {BARID_TYPE_RULE_BOOL, &no_bounds,
     "if remote-ip in dns \"down.example\" then no else no on-failure yes", TRUE, NULL,
     "dns: no answer"},
    {BARID_TYPE_CONDITION, NULL, "remote-ip in dns \"down.example\" or is-tls", FALSE, NULL,
     "dns: no answer"},
    {BARID_TYPE_CONDITION, NULL, "remote-ip in dns \"down.example\" on-failure yes", TRUE, NULL,
     "dns: no answer"},
    {BARID_TYPE_CONDITION, &yes_bounds, "remote-ip in dns \"down.example\"", TRUE, NULL,
     "dns: no answer"},
    {BARID_TYPE_CONDITION, &yes_bounds, "remote-ip in dns \"none.example\"", FALSE, NULL, NULL},
    {BARID_TYPE_RULE_TEXT, NULL,
     "if \"down\" in store \"main\" then a else b on-failure \"c ${listener}\"", 0, "c main",
     "store: down"},
    {BARID_TYPE_RULE_TEXT, &text_bounds, "if \"down\" in store \"main\" then a else b", 0, "safe",
     "store: down"},
    {BARID_TYPE_RULE_TEXT, NULL, "<${to-number(listener)}>", 0, "",
     "to-number: this is no number: main"},
    {BARID_TYPE_RULE_TEXT, NULL, "hello on-failure bye", 0, "hello", NULL},
};

static gchar *noted; /* the last failure of this test */

static void
note_failure(BaridScope *scope G_GNUC_UNUSED, const ConfigPosition *position, BaridSlice text)
{
    ck_assert_uint_eq(position->line, 1);
    g_free(noted);
    noted = g_strndup((const gchar *)text.data, text.len);
}

START_TEST(test_value)
{
    BaridSettingType type = value_rows[_i].type;
    const gchar *text = value_rows[_i].text;
    Fake fake = fake_default;
    RuleSetup setup;
    g_autoptr(Arena) arena = arena_new(256);
    g_autoptr(BaridRule) rule = NULL;
    g_autofree gchar *problems = NULL;
    g_autofree gchar *result = NULL;
    const RuleReasons *reasons;

    g_clear_pointer(&noted, g_free);
    rule_setup_init(&setup, lists_text);
    rule = rule_compile_bounded(config_value_new_text(arena, NULL, NULL, text), type,
                                BARID_KNOWN_ATTEMPT, value_rows[_i].bounds, setup.lists,
                                setup.problems);
    problems = config_problems_to_text(setup.problems);
    ck_assert_msg(rule != NULL, "%s: %s", text, problems);
    if (value_rows[_i].expected != NULL) {
        result = rule_eval_text_explained(rule, (BaridScope *)&fake, arena, &reasons);
        ck_assert_msg(strcmp(result, value_rows[_i].expected) == 0, "%s: %s", text, result);
    } else {
        gint64 number = rule_eval_explained(rule, (BaridScope *)&fake, arena, &reasons);

        ck_assert_msg(number == value_rows[_i].number, "%s: %" G_GINT64_FORMAT, text, number);
    }
    ck_assert_int_eq(reasons->has_failed, value_rows[_i].failure != NULL);
    ck_assert_msg(g_strcmp0(noted, value_rows[_i].failure) == 0, "%s: noted %s", text, noted);
    ck_assert(value_rows[_i].failure == NULL || strchr(text, '/') != NULL ||
              strstr(text, "to-") != NULL || strchr(text, '%') != NULL || rule_reads_store(rule));
    rule_setup_clear(&setup);
}
END_TEST

/* (problem) is a part of the problems' text. */
static const struct {
    BaridSettingType type;
    const gchar *text;
    const gchar *problem;
} bad_rows[] = {
    {BARID_TYPE_CONDITION, "size-1 > 5",
     "default:1:1: there is no size-1; to compute, write blanks around -: size - 1"},
    {BARID_TYPE_CONDITION, "size/2 > 5", "write blanks around /: size / 2"},
    {BARID_TYPE_CONDITION, "5-3 > 5", "there is no 5-3; to compute, write blanks around -: 5 - 3"},
    {BARID_TYPE_CONDITION, "size -1 > 5",
     "default:1:6: an operator is expected here; to compute, write a blank behind the - too"},
    {BARID_TYPE_CONDITION, "size + 5min > 1",
     "default:1:1: a number + a duration has no meaning\n    size + 5min > 1\n    ^~~~~~~~~~~\n"},
    {BARID_TYPE_CONDITION, "queue-age * queue-age > 1h", "a duration * a duration has no meaning"},
    {BARID_TYPE_CONDITION, "size + \"1\" > 1", "to-number() makes a number of a text"},
    {BARID_TYPE_CONDITION, "size + > 1", "a variable, a text in quotes or a number is expected"},
    {BARID_TYPE_CONDITION, "(size + 1 > 1", "a closing parenthesis is expected"},
    {BARID_TYPE_CONDITION, "(size + 1)", "this is a number, not yes or no"},
    {BARID_TYPE_CONDITION, "not size", "this is a number, not yes or no"},
    {BARID_TYPE_CONDITION, "is-tls and (size)", "this is a number, not yes or no"},
    {BARID_TYPE_CONDITION, "(is-tls or size) and is-tls", "this is a number, not yes or no"},
    {BARID_TYPE_CONDITION, "size + snder > 1", "there is no variable snder; did you mean sender?"},
    {BARID_TYPE_CONDITION, "substring(sender) == \"\"",
     "default:1:1: substring() takes 2 to 3 arguments, not 1"},
    {BARID_TYPE_CONDITION, "substring(sender, \"a\") == \"\"",
     "default:1:19: substring() takes a number here, not a text"},
    {BARID_TYPE_CONDITION, "reverse-name(sender) == \"\"",
     "reverse-name() takes an address here, not a text"},
    {BARID_TYPE_CONDITION, "sender in {mon, \"tue\"}",
     "default:1:12: texts stand in quotes: \"mon\""},
    {BARID_TYPE_CONDITION, "sender in who",
     "default:1:11: the list of that name is written list \"who\""},
    {BARID_TYPE_CONDITION, "substr(sender, 1) == \"x\"", "did you mean substring()?"},
    {BARID_TYPE_CONDITION, "is-tls on-falure no", "did you mean on-failure?"},
    {BARID_TYPE_CONDITION, "5 < size < 10", "default:1:10: two comparisons are joined with and"},
    {BARID_TYPE_CONDITION, "queue-age in 8:0..9:00", "a duration, or a range such as"},
    {BARID_TYPE_CONDITION, "queue-age in :00..9:00", "a duration, or a range such as"},
    {BARID_TYPE_CONDITION, "length > 5",
     "default:1:1: length is a function: its arguments stand in parentheses"},
    {BARID_TYPE_CONDITION, "capture(1) == \"x\"", "this branch's condition has no \"matches\""},
    {BARID_TYPE_CONDITION, "sender matches /(a)/ and capture(2) == \"x\"",
     "no pattern of this branch has so many groups"},
    {BARID_TYPE_CONDITION, "sender matches /(a)/ and capture(size) == \"x\"",
     "capture() takes the number of a group, 0 to 9"},
    {BARID_TYPE_CONDITION, "sender matches /(a)/ and ${1} == \"x\"", "${1} is capture(1)"},
    {BARID_TYPE_CONDITION, "store-get(\"mian\", sender) == \"\"",
     "default:1:11: there is no [store mian]"},
    {BARID_TYPE_CONDITION, "store-get(sender, sender) == \"\"",
     "store-get() takes the name of a store in quotes here, not a text"},
    {BARID_TYPE_CONDITION, "remote-ip in dns zen.example",
     "default:1:18: the zone's name in quotes is expected here"},
    {BARID_TYPE_CONDITION, "remote-ip in dns \"\"", "a zone is expected"},
    {BARID_TYPE_CONDITION, "remote-ip in dns \"a.example\" MY",
     "default:1:30: MY is no type of DNS records that can be asked for"},
    {BARID_TYPE_CONDITION, "remote-ip in dns \"a.example\" {\"x\"}",
     "default:1:31: an address or a network"},
    {BARID_TYPE_CONDITION, "remote-ip in dns \"a.example\" TXT {127.0.0.1}",
     "default:1:35: a text in quotes is expected here"},
    {BARID_TYPE_CONDITION, "2026-02-30 > 2026-01-01", "2026-02-30 is no number, size"},
    {BARID_TYPE_CONDITION, "2026-02-03 > 5", "a date cannot be compared with a number"},
    {BARID_TYPE_CONDITION, "2026-02-03 in {1..5}", "a date such as 2026-12-24, or a range"},
    {BARID_TYPE_CONDITION, "is-tls on-failure maybe", "yes or no is expected behind on-failure"},
    {BARID_TYPE_CONDITION, "is-tls on-failure", "yes or no is expected behind on-failure"},
    {BARID_TYPE_RULE_INTEGER, "if is-tls then 1 on-failure 2 else 3",
     "default:1:18: on-failure stands at the end, behind the last else"},
    {BARID_TYPE_RULE_INTEGER, "if is-tls then 1 else 2 on-failure 3 else 4",
     "nothing may follow the last else"},
    {BARID_TYPE_RULE_INTEGER, "if is-tls then 1 else 2 on-failure x", "there is no variable x"},
    {BARID_TYPE_RULE_INTEGER, "if is-tls then 1 else 2 on-failure size",
     "default:1:25: the value behind on-failure must not be computed"},
    {BARID_TYPE_RULE_INTEGER, "if is-tls then 1 else 2 on-failure",
     "a value is expected here"},
    {BARID_TYPE_RULE_TEXT, "if sender matches /(a)/ then ${1} else b on-failure ${1}",
     "this branch's condition has no \"matches\""},
    {BARID_TYPE_RULE_INTEGER, "queue-age",
     "default:1:1: this is a duration: write a whole number such as 25"},
    {BARID_TYPE_RULE_INTEGER, "size size", "+ - * / % or the end of the value is expected"},
    {BARID_TYPE_RULE_DURATION, "size * 2", "this is a number: write a duration such as"},
    {BARID_TYPE_RULE_TEXT, "${lowr(sender)}", "default:1:3: there is no function lowr(); did you"},
    {BARID_TYPE_RULE_TEXT, "${lower(snder)}", "default:1:9: there is no variable snder"},
    {BARID_TYPE_RULE_TEXT, "${lower(sender}", "a comma or a closing parenthesis is expected"},
    {BARID_TYPE_RULE_TEXT, "if is-tls then ${1} else ${0}", "${1} stands for nothing"},
};

START_TEST(test_bad)
{
    RuleSetup setup;
    BaridRule *rule;
    g_autofree gchar *text = NULL;

    rule_setup_init(&setup, lists_text);
    rule = rule_compile_text(bad_rows[_i].text, bad_rows[_i].type, BARID_KNOWN_ATTEMPT, setup.lists,
                             setup.problems);
    text = config_problems_to_text(setup.problems);
    ck_assert_msg(rule == NULL, "%s", bad_rows[_i].text);
    ck_assert_msg(strstr(text, bad_rows[_i].problem) != NULL, "%s:\n%s", bad_rows[_i].text, text);
    rule_setup_clear(&setup);
}
END_TEST

/* Registering again leaves rules alone that were compiled before. */
START_TEST(test_registered_again)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(BaridRule) rule = rule_compile_text("remote-ip in dns \"zen.example\"",
                                                  BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, NULL,
                                                  problems);
    Fake fake = fake_default;

    rule_dns_register(NULL, NULL, NULL);
    ck_assert(barid_rule_eval_bool(rule, (BaridScope *)&fake));
    ck_assert_ptr_null(rule_compile_text("remote-ip in dns \"zen.example\"", BARID_TYPE_CONDITION,
                                         BARID_KNOWN_ATTEMPT, NULL, problems));
    rule_dns_register(parse_dns_type, lookup_dns, (gpointer)"resolver");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("rule-values");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_condition, 0, G_N_ELEMENTS(condition_rows));
    tcase_add_loop_test(tcase, test_value, 0, G_N_ELEMENTS(value_rows));
    tcase_add_loop_test(tcase, test_bad, 0, G_N_ELEMENTS(bad_rows));
    tcase_add_test(tcase, test_registered_again);
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(void)
{
    SRunner *runner;
    int failed;

    rule_fixture_register();
    rule_store_register(resolve_store, lookup_store, (gpointer)"main");
    rule_dns_register(parse_dns_type, lookup_dns, (gpointer)"resolver");
    rule_failure_register(note_failure);
    runner = srunner_create(make_suite());
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
