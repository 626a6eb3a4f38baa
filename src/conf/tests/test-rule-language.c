/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "conf/rule-language.h"

/* The scope of these tests: what the variables read. */
typedef struct {
    const gchar *listener, *remote_ip, *helo, *sender, *rcpt, *user;
    gint64 size, priority, age_ms;
    gboolean is_tls;
} Fake;

static const Fake fake_default = {
    .listener = "main",
    .remote_ip = "192.0.2.7",
    .helo = "mx.example.org",
    .sender = "bounce-42@news.example.org",
    .rcpt = "info@example.com",
    .user = "",
    .size = 5 << 20,
    .priority = -2,
    .age_ms = 90 * 60000,
    .is_tls = TRUE,
};

#define FAKE_TEXT(member)                                                              \
    static void get_##member(BaridScope *scope, BaridSlice argument G_GNUC_UNUSED,     \
                             Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)       \
    {                                                                                  \
        out_value->as.text = barid_slice_from_text(((const Fake *)scope)->member);     \
    }
#define FAKE_INTEGER(member)                                                           \
    static void get_##member(BaridScope *scope, BaridSlice argument G_GNUC_UNUSED,     \
                             Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)       \
    {                                                                                  \
        out_value->as.integer = ((const Fake *)scope)->member;                         \
    }

FAKE_TEXT(listener)
FAKE_TEXT(helo)
FAKE_TEXT(sender)
FAKE_TEXT(rcpt)
FAKE_TEXT(user)
FAKE_INTEGER(size)
FAKE_INTEGER(priority)
FAKE_INTEGER(age_ms)

static void
get_remote_ip(BaridScope *scope, BaridSlice argument G_GNUC_UNUSED, Arena *scratch G_GNUC_UNUSED,
              RuleValue *out_value)
{
    address_parse_ip(barid_slice_from_text(((const Fake *)scope)->remote_ip),
                     &out_value->as.address);
}

static void
get_is_tls(BaridScope *scope, BaridSlice argument G_GNUC_UNUSED, Arena *scratch G_GNUC_UNUSED,
           RuleValue *out_value)
{
    out_value->as.boolean = ((const Fake *)scope)->is_tls;
}

static void
get_finding(BaridScope *scope G_GNUC_UNUSED, BaridSlice argument, Arena *scratch,
            RuleValue *out_value)
{
    out_value->as.text = barid_slice_from_text(
        arena_printf(scratch, "<%.*s>", (int)argument.len, argument.data));
}

static void
get_raw(BaridScope *scope G_GNUC_UNUSED, BaridSlice argument G_GNUC_UNUSED,
        Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)
{
    out_value->as.text = BARID_SLICE_LITERAL("a\0b\xff");
}

/* A look-up that lets another fiber of the thread evaluate its rule in the middle of this one. */
static void
get_nested(BaridScope *scope, BaridSlice argument G_GNUC_UNUSED, Arena *scratch,
           RuleValue *out_value)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(BaridRule) rule =
        rule_compile_text("if upper(rcpt) matches /^(INFO)@/ then \"${1}-${finding.x}\" else no",
                          BARID_TYPE_RULE_TEXT, BARID_KNOWN_ATTEMPT, NULL, problems);
    g_autofree gchar *text = barid_rule_eval_text(rule, scope);

    out_value->as.text = arena_dup_slice(scratch, barid_slice_from_text(text));
}

static void
call_join(BaridScope *scope G_GNUC_UNUSED, const RuleValue *args, Arena *scratch,
          RuleValue *out_value)
{
    out_value->as.text = barid_slice_from_text(
        arena_printf(scratch, "%.*s+%.*s", (int)args[0].as.text.len, args[0].as.text.data,
                     (int)args[1].as.text.len, args[1].as.text.data));
}

static void
register_fakes(void)
{
    static const RuleType two_texts[] = {RULE_TEXT, RULE_TEXT};

    rule_variable_register("listener", RULE_TEXT, BARID_KNOWN_CONNECT, get_listener);
    rule_variable_register("remote-ip", RULE_ADDRESS, BARID_KNOWN_CONNECT, get_remote_ip);
    rule_variable_register("helo-domain", RULE_TEXT, BARID_KNOWN_EHLO, get_helo);
    rule_variable_register("sender", RULE_TEXT, BARID_KNOWN_MAIL, get_sender);
    rule_variable_register("authenticated-as", RULE_TEXT, BARID_KNOWN_MAIL, get_user);
    rule_variable_register("rcpt", RULE_TEXT, BARID_KNOWN_RCPT, get_rcpt);
    rule_variable_register("size", RULE_INTEGER, BARID_KNOWN_MESSAGE, get_size);
    rule_variable_register("priority", RULE_INTEGER, BARID_KNOWN_MESSAGE, get_priority);
    rule_variable_register("queue-age", RULE_DURATION, BARID_KNOWN_ATTEMPT, get_age_ms);
    rule_variable_register("is-tls", RULE_BOOL, BARID_KNOWN_CONNECT, get_is_tls);
    rule_variable_register("finding.", RULE_TEXT, BARID_KNOWN_MESSAGE, get_finding);
    rule_variable_register("raw", RULE_TEXT, BARID_KNOWN_MESSAGE, get_raw);
    rule_variable_register("nested", RULE_TEXT, BARID_KNOWN_MESSAGE, get_nested);
    rule_function_register("join", RULE_TEXT, two_texts, 2, call_join);
}

static const gchar lists_text[] =
    "[list partners]\nentries = example.org, \"two words\", news.example.org\n"
    "[list offices]\ntype = networks\nentries = 10.0.0.0/8, 192.0.2.0/28, 2001:db8::/32\n"
    "[list bad]\ntype = patterns\nentries = /^bounce-/, \"/SPAM, really/i\"\n"
    "[list empty]\n";

typedef struct {
    ConfigFiles *files;
    ConfigProblems *problems;
    ConfigTree *tree;
    RuleLists *lists;
} Setup;

static void
setup_init(Setup *self, const gchar *text)
{
    self->files = config_files_new_text("f", text);
    self->problems = config_problems_new();
    self->tree = config_tree_parse(self->files, self->problems);
    self->lists = rule_lists_new(self->tree, self->problems, NULL);
}

static void
setup_clear(Setup *self)
{
    rule_lists_free(self->lists);
    config_tree_free(self->tree);
    config_problems_free(self->problems);
    config_files_free(self->files);
}

static const struct {
    const gchar *condition;
    gboolean expected;
} condition_rows[] = {
    {"yes", TRUE},
    {"no", FALSE},
    {"not no", TRUE},
    {"not not not no", TRUE},
    {"is-tls", TRUE},
    {"not is-tls", FALSE},
    {"is-tls == yes", TRUE},
    {"is-tls != yes", FALSE},
    {"no == is-tls", FALSE},
    {"listener == \"main\"", TRUE},
    {"listener == \"Main\"", FALSE},
    {"listener != \"main\"", FALSE},
    {"listener != \"mai\"", TRUE},
    {"\"main\" == listener", TRUE},
    {"\"a\" == \"a\"", TRUE},
    {"authenticated-as == \"\"", TRUE},
    {"authenticated-as != \"\"", FALSE},
    {"sender starts-with \"bounce-\"", TRUE},
    {"sender starts-with \"ounce-\"", FALSE},
    {"sender starts-with \"\"", TRUE},
    {"sender ends-with \".example.org\"", TRUE},
    {"sender ends-with \".example.com\"", FALSE},
    {"sender contains \"@news.\"", TRUE},
    {"sender contains \"@nws.\"", FALSE},
    {"\"@news\" contains sender", FALSE},
    {"size == 5M", TRUE},
    {"size == 5242880", TRUE},
    {"size != 5M", FALSE},
    {"size < 5M", FALSE},
    {"size <= 5M", TRUE},
    {"size > 4M", TRUE},
    {"size >= 5M", TRUE},
    {"size > 5M", FALSE},
    {"4M < size", TRUE},
    {"priority == -2", TRUE},
    {"priority < 0", TRUE},
    {"priority >= -1", FALSE},
    {"queue-age > 1h", TRUE},
    {"queue-age > 2h", FALSE},
    {"queue-age == 90min", TRUE},
    {"queue-age == 5400s", TRUE},
    {"queue-age > 0", TRUE},
    {"remote-ip == 192.0.2.7", TRUE},
    {"remote-ip == \"192.0.2.7\"", TRUE},
    {"remote-ip == ::ffff:192.0.2.7", TRUE},
    {"remote-ip != 192.0.2.8", TRUE},
    {"remote-ip == ::1", FALSE},
    {"192.0.2.7 == remote-ip", TRUE},
    {"remote-ip starts-with \"192.0.\"", TRUE},
    {"remote-ip in 192.0.2.0/24", TRUE},
    {"remote-ip in 192.0.3.0/24", FALSE},
    {"remote-ip in 192.0.2.7", TRUE},
    {"remote-ip in \"192.0.2.0/24\"", TRUE},
    {"remote-ip in 2001:db8::/32", FALSE},
    {"remote-ip in ::/0", FALSE},
    {"remote-ip in 0.0.0.0/0", TRUE},
    {"remote-ip in {10.0.0.0/8, 192.0.2.0/29, 198.51.100.1}", TRUE},
    {"remote-ip in {10.0.0.0/8, 192.0.2.8/29, 198.51.100.1}", FALSE},
    {"remote-ip in {192.0.2.8/29, 192.0.0.0/16, 192.0.2.0/30}", TRUE},
    {"remote-ip in {192.0.2.0/30, 192.0.2.6}", FALSE},
    {"not remote-ip in 192.0.2.0/24", FALSE},
    {"listener in {\"a\", \"main\"}", TRUE},
    {"listener in {\"a\",\"b\"}", FALSE},
    {"listener in {\"main\"}", TRUE},
    {"listener in \"main\"", TRUE},
    {"authenticated-as in {\"\"}", TRUE},
    {"size in 1M..5M", TRUE},
    {"size in 1..5", FALSE},
    {"size in {1..5, 5M..6M, 7}", TRUE},
    {"priority in -3..-1", TRUE},
    {"priority in {-1, 0, 1}", FALSE},
    {"priority in {-2}", TRUE},
    {"priority in {5..9, -7..-5, -6..-2}", TRUE},
    {"queue-age in 1h..2h", TRUE},
    {"queue-age in 2h..3h", FALSE},
    {"queue-age in 01:30..18:00", TRUE},
    {"queue-age in 01:31..18:00", FALSE},
    {"queue-age in 22:00..06:00", TRUE},
    {"queue-age in 22:00..01:00", FALSE},
    {"queue-age in {0, 90min}", TRUE},
    {"domain-part(sender) in list \"partners\"", TRUE},
    {"domain-part(rcpt) in list \"partners\"", FALSE},
    {"\"two words\" in list \"partners\"", TRUE},
    {"sender in list \"empty\"", FALSE},
    {"remote-ip in list \"offices\"", TRUE},
    {"sender in list \"bad\"", TRUE},
    {"\"xspam, REALLY\" in list \"bad\"", TRUE},
    {"rcpt in list \"bad\"", FALSE},
    {"sender matches /^bounce-[0-9]+@/", TRUE},
    {"sender matches /^BOUNCE/", FALSE},
    {"sender matches /^BOUNCE/i", TRUE},
    {"sender matches /EXAMPLE\\.org$/i", TRUE},
    {"sender matches //", TRUE},
    {"authenticated-as matches /^$/", TRUE},
    {"\"a/b\" matches /a\\/b/", TRUE},
    {"\"a\\\"b\" matches /a\\\"b/", TRUE},
    {"remote-ip matches /^192\\./", TRUE},
    {"size matches /^5242880$/", TRUE},
    {"\"\303\244\" matches /^\303\204$/i", TRUE},
    {"lower(\"ABC\") == \"abc\"", TRUE},
    {"upper(listener) == \"MAIN\"", TRUE},
    {"trim(\"  a \") == \"a\"", TRUE},
    {"length(listener) == 4", TRUE},
    {"length(\"\") == 0", TRUE},
    {"domain-part(sender) == \"news.example.org\"", TRUE},
    {"domain-part(listener) == \"\"", TRUE},
    {"local-part(sender) == \"bounce-42\"", TRUE},
    {"local-part(listener) == \"main\"", TRUE},
    {"is-ip(helo-domain)", FALSE},
    {"is-ip(\"[192.0.2.1]\")", TRUE},
    {"is-ip(\"[IPv6:::1]\")", TRUE},
    {"is-ip(remote-ip)", TRUE},
    {"is-ipv6(remote-ip)", FALSE},
    {"join(listener, upper(join(\"a\", lower(\"B\")))) == \"main+A+B\"", TRUE},
    {"length(join(listener, listener)) > length(listener)", TRUE},
    {"finding.spf.result == \"<spf.result>\"", TRUE},
    /* Precedence: not binds tighter than and, and tighter than or. */
    {"yes or yes and no", TRUE},
    {"(yes or yes) and no", FALSE},
    {"no and no or yes", TRUE},
    {"no and (no or yes)", FALSE},
    {"not no and no", FALSE},
    {"not (no and no)", TRUE},
    {"not yes or yes", TRUE},
    {"is-tls and listener == \"main\" and size > 1M", TRUE},
    {"is-tls and listener == \"x\" or size > 1M", TRUE},
    {"is-tls and (listener == \"x\" or size > 6M)", FALSE},
    {"not (is-tls and not (listener == \"x\" or size > 6M))", FALSE},
    {"listener == \"x\" or listener == \"y\" or listener == \"main\"", TRUE},
    {"((((is-tls))))", TRUE},
    {"size>4M and(size<6M)", TRUE},
};

START_TEST(test_condition)
{
    const gchar *text = condition_rows[_i].condition;
    Fake fake = fake_default;
    Setup setup;
    g_autoptr(BaridRule) rule = NULL;
    g_autoptr(BaridRule) negated = NULL;
    g_autoptr(BaridRule) branch = NULL;
    g_autofree gchar *negation = g_strdup_printf("not (%s)", text);
    g_autofree gchar *conditional = g_strdup_printf("if %s then 1 else 2", text);
    g_autofree gchar *problems = NULL;
    BaridScope *scope = (BaridScope *)&fake;

    setup_init(&setup, lists_text);
    rule = rule_compile_text(text, BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, setup.lists,
                             setup.problems);
    negated = rule_compile_text(negation, BARID_TYPE_RULE_BOOL, BARID_KNOWN_ATTEMPT, setup.lists,
                                setup.problems);
    branch = rule_compile_text(conditional, BARID_TYPE_RULE_INTEGER, BARID_KNOWN_ATTEMPT,
                               setup.lists, setup.problems);
    problems = config_problems_to_text(setup.problems);
    ck_assert_msg(rule != NULL && negated != NULL && branch != NULL, "%s", problems);
    ck_assert_str_eq(problems, "");
    ck_assert_msg(barid_rule_eval_bool(rule, scope) == condition_rows[_i].expected, "%s", text);
    ck_assert_msg(barid_rule_eval_bool(negated, scope) != condition_rows[_i].expected, "%s", text);
    ck_assert_msg(barid_rule_eval_integer(branch, scope) == (condition_rows[_i].expected ? 1 : 2),
                  "%s", text);
    setup_clear(&setup);
}
END_TEST

static const struct {
    BaridSettingType type;
    const gchar *text;
    gint64 number;
    const gchar *expected; /* of a text */
    gboolean is_constant;
} value_rows[] = {
    {BARID_TYPE_RULE_BOOL, "yes", TRUE, NULL, TRUE},
    {BARID_TYPE_RULE_BOOL, "no", FALSE, NULL, TRUE},
    {BARID_TYPE_RULE_BOOL, "size > 1M", TRUE, NULL, FALSE},
    {BARID_TYPE_RULE_BOOL, "if is-tls then no else yes", FALSE, NULL, FALSE},
    {BARID_TYPE_RULE_BOOL, "if not is-tls then no else size > 1M and is-tls", TRUE, NULL, FALSE},
    {BARID_TYPE_RULE_INTEGER, "25", 25, NULL, TRUE},
    {BARID_TYPE_RULE_INTEGER, "-25", -25, NULL, TRUE},
    {BARID_TYPE_RULE_INTEGER, "if yes then 1 else 2", 1, NULL, TRUE},
    {BARID_TYPE_RULE_INTEGER, "if no then 1 else 2", 2, NULL, TRUE},
    {BARID_TYPE_RULE_INTEGER,
     "if size > 9M then 1 else if size > 4M then 2 else if size > 1M then 3 else 4", 2, NULL,
     FALSE},
    {BARID_TYPE_RULE_SIZE, "10M", 10 << 20, NULL, TRUE},
    {BARID_TYPE_RULE_SIZE, "if authenticated-as != \"\" then 100M else 25M", 25 << 20, NULL, FALSE},
    {BARID_TYPE_RULE_DURATION, "5min", 300000, NULL, TRUE},
    {BARID_TYPE_RULE_DURATION, "if(is-tls)then 1h else 0", 3600000, NULL, FALSE},
    {BARID_TYPE_RULE_TEXT, "hello", 0, "hello", TRUE},
    {BARID_TYPE_RULE_TEXT, "hello world", 0, "hello world", TRUE},
    {BARID_TYPE_RULE_TEXT, "\"\"", 0, "", TRUE},
    {BARID_TYPE_RULE_TEXT, "\"if a then b\"", 0, "if a then b", TRUE},
    {BARID_TYPE_RULE_TEXT, "iffy", 0, "iffy", TRUE},
    {BARID_TYPE_RULE_TEXT, "\"a\\\"b\\n\"", 0, "a\"b\n", TRUE},
    {BARID_TYPE_RULE_TEXT, "if is-tls then a b else \"c else d\"", 0, "a b", FALSE},
    {BARID_TYPE_RULE_TEXT, "if not is-tls then \"a else\" else \"c else d\"", 0, "c else d", FALSE},
    {BARID_TYPE_RULE_TEXT, "${listener}", 0, "main", FALSE},
    {BARID_TYPE_RULE_TEXT, "x-${listener}-${remote-ip}!", 0, "x-main-192.0.2.7!", FALSE},
    {BARID_TYPE_RULE_TEXT, "${size} ${queue-age} ${is-tls}", 0, "5242880 90min yes", FALSE},
    {BARID_TYPE_RULE_TEXT, "\"${finding.dkim}\"", 0, "<dkim>", FALSE},
    {BARID_TYPE_RULE_TEXT, "$${listener} $ $$", 0, "${listener} $ $$", TRUE},
    {BARID_TYPE_RULE_TEXT, "${raw}", 0, "a?b\357\277\275", FALSE},
    {BARID_TYPE_RULE_TEXT, "if sender matches /^bounce-(\\d+)@(.*)$/ then \"${1} at ${2}\" else no",
     0, "42 at news.example.org", FALSE},
    {BARID_TYPE_RULE_TEXT, "if sender matches /bounce/ then <${0}> else no", 0, "<bounce>", FALSE},
    {BARID_TYPE_RULE_TEXT, "if sender matches /^(x)?b/ then \"[${1}]\" else no", 0, "[]", FALSE},
    /* The last pattern that matched counts. */
    {BARID_TYPE_RULE_TEXT, "if sender matches /^(b)/ and rcpt matches /^(i)/ then ${1} else no", 0,
     "i", FALSE},
    {BARID_TYPE_RULE_TEXT, "if sender matches /^(b)/ and not rcpt matches /^(x)/ then ${1} else no",
     0, "b", FALSE},
    /* An evaluation in the middle of another leaves its texts and captures alone. */
    {BARID_TYPE_RULE_TEXT,
     "if upper(sender) matches /^(BOUNCE)/ and nested != \"x\" then \"${1} ${nested} ${1}\" else "
     "no",
     0, "BOUNCE INFO-<x> BOUNCE", FALSE},
    /* What an earlier branch captured is gone. */
    {BARID_TYPE_RULE_TEXT,
     "if sender matches /^(b)/ and no == is-tls then ${1} "
     "else if is-tls or sender matches /(q)/ then \"<${1}>\" else no",
     0, "<>", FALSE},
};

START_TEST(test_value)
{
    BaridSettingType type = value_rows[_i].type;
    const gchar *text = value_rows[_i].text;
    Fake fake = fake_default;
    BaridScope *scope = (BaridScope *)&fake;
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(BaridRule) rule =
        rule_compile_text(text, type, BARID_KNOWN_ATTEMPT, NULL, problems);
    g_autofree gchar *why = config_problems_to_text(problems);

    ck_assert_msg(rule != NULL, "%s", why);
    ck_assert_msg(rule_is_constant(rule) == value_rows[_i].is_constant, "%s", text);
    if (type == BARID_TYPE_RULE_TEXT) {
        g_autofree gchar *result = barid_rule_eval_text(rule, scope);

        ck_assert_msg(strcmp(result, value_rows[_i].expected) == 0, "%s: %s", text, result);
    } else {
        ck_assert_msg(barid_rule_eval_integer(rule, scope) == value_rows[_i].number, "%s", text);
    }
}
END_TEST

/* (problem) is a part of the problems' text. */
static const struct {
    BaridSettingType type;
    BaridKnown known;
    const gchar *text;
    const gchar *problem;
    guint count;
} bad_rows[] = {
    {BARID_TYPE_RULE_BOOL, BARID_KNOWN_ATTEMPT, "if snder == \"x\" then yes else no",
     "default:1:4: there is no variable snder; did you mean sender?\n"
     "    if snder == \"x\" then yes else no\n       ^~~~~\n",
     1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "listener == main",
     "default:1:13: there is no variable main; texts stand in quotes", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_CONNECT, "rcpt == \"a\"",
     "default:1:1: rcpt is not known yet here: it is known at RCPT, and this setting is read at "
     "the connection",
     1},
    {BARID_TYPE_RULE_TEXT, BARID_KNOWN_MAIL, "\"${rcpt}\"", "rcpt is not known yet here", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ALWAYS, "is-tls", "read before any session", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "size == \"x\"",
     "default:1:9: a number cannot be compared with a text", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "size > 5min",
     "a number cannot be compared with a duration: durations have a unit", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "queue-age > 5", "durations have a unit", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "remote-ip == \"x\"",
     "write an address such as 192.0.2.1", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "remote-ip == 192.0.2.0/24",
     "a network is tested with in: remote-ip in 192.0.2.0/24", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender < \"x\"", "only numbers, sizes and", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "is-tls == 1", "yes or no cannot be compared with",
     1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender",
     "this is a text, not yes or no: compare it", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender = \"x\"",
     "default:1:8: \"equal\" is written ==", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "is-tls && is-tls", "write the word: and", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "is-tls || is-tls", "write the word: or", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "!is-tls", "write the word: not", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender == 'x'", "texts stand in double quotes", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "${sender} == \"x\"",
     "a variable stands without ${}", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender =~ /x/", "write the word: matches", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender not in {\"x\"}",
     "not stands before the test", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender start-with \"x\"",
     "did you mean starts-with?", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender \"x\"",
     "an operator is expected here: ==", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT,
     "sender ==", "default:1:10: a variable, a text in quotes or a number is expected here", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "", "a variable, a text in quotes", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "(is-tls", "a closing parenthesis is expected", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "is-tls)", "and, or or the end is expected here",
     1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "is-tls and", "a variable, a text in quotes", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "and is-tls", "a test is expected before", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "if is-tls then yes else no",
     "a bare condition is expected here, without if", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender == \"\\x\"",
     "default:1:12: after \\ inside quotes", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender == \"x", "the closing \" is missing", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "size == 5X",
     "5X is no number, size, duration or address", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender in {1}", "a text in quotes is expected", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "size in {\"a\", 1, x}",
     "default:1:10: a number or size, or a range", 2},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "size in 5..1", "a number or size, or a range", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "size in 1h..2h", "a number or size, or a range",
     1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "queue-age in 2h..1h", "a duration, or a range", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "queue-age in 25:00..26:00", "a duration, or a", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "remote-ip in 192.0.2.1/24",
     "an address or a network such as", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "is-tls in {yes}", "not yes or no", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender in {\"a\"", "a comma or a closing }", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender in {}", "an entry of the set is expected",
     1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender in [\"a\"]", "sets stand in braces", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender in list \"partner\"",
     "there is no [list partner]; did you mean partners?", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender in list partners",
     "the list's name in quotes is expected here", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender in list \"offices\"",
     "[list offices] holds networks, and this is a text", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "remote-ip in list \"partners\"",
     "write type = networks in it", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender in store \"x\"",
     "look-ups in stores are not available in this version", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender matches \"x\"", "a pattern is expected", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender matches /x", "the closing / of the pattern",
     1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender matches /x/g", "only i may follow", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender matches /a(b/",
     "default:1:20: the pattern is wrong here: missing closing parenthesis", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "lowr(sender) == \"x\"",
     "there is no function lowr(); did you mean lower()?", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "lower() == \"x\"",
     "lower() takes 1 argument, not 0", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "join(sender) == \"x\"",
     "join() takes 2 arguments, not 1", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "join(sender, sender, sender, rcpt, rcpt) == \"x\"",
     "join() takes 2 arguments, not 5", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "is-ipv6(sender)",
     "is-ipv6() takes an address here, not a text", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "lower(sender == \"x\"",
     "a closing parenthesis is expected", 1},
    {BARID_TYPE_RULE_INTEGER, BARID_KNOWN_ATTEMPT, "if is-tls then 1",
     "default:1:17: the rule has no else", 1},
    {BARID_TYPE_RULE_INTEGER, BARID_KNOWN_ATTEMPT, "if is-tls 1 else 2", "an operator is expected",
     1},
    {BARID_TYPE_RULE_INTEGER, BARID_KNOWN_ATTEMPT, "if size > 1 else 2", "then is expected here",
     1},
    {BARID_TYPE_RULE_INTEGER, BARID_KNOWN_ATTEMPT, "if is-tls then 1 else 2 else 3",
     "nothing may follow the last else", 1},
    {BARID_TYPE_RULE_INTEGER, BARID_KNOWN_ATTEMPT, "5 else 6", "a rule begins with if", 1},
    {BARID_TYPE_RULE_INTEGER, BARID_KNOWN_ATTEMPT, "if is-tls then 1 else",
     "a value is expected here", 1},
    {BARID_TYPE_RULE_INTEGER, BARID_KNOWN_ATTEMPT, "if is-tls then else 2",
     "default:1:15: a value is expected here", 1},
    {BARID_TYPE_RULE_INTEGER, BARID_KNOWN_ATTEMPT, "5M", "a number is expected: write a whole", 1},
    {BARID_TYPE_RULE_SIZE, BARID_KNOWN_ATTEMPT, "if is-tls then 5m else 10M",
     "default:1:16: the unit is not known here: write a size", 1},
    {BARID_TYPE_RULE_DURATION, BARID_KNOWN_ATTEMPT, "5", "write a duration such as", 1},
    {BARID_TYPE_RULE_BOOL, BARID_KNOWN_ATTEMPT, "true", "there is no variable true", 1},
    {BARID_TYPE_RULE_TEXT, BARID_KNOWN_ATTEMPT, "${sendr}", "did you mean sender?", 1},
    {BARID_TYPE_RULE_TEXT, BARID_KNOWN_ATTEMPT, "${sender", "the closing } of ${ is missing", 1},
    {BARID_TYPE_RULE_TEXT, BARID_KNOWN_ATTEMPT, "a \"b\"", "a quote inside a text", 1},
    {BARID_TYPE_RULE_TEXT, BARID_KNOWN_ATTEMPT, "\"b\" c", "text after the closing quote", 1},
    {BARID_TYPE_RULE_TEXT, BARID_KNOWN_ATTEMPT, "${1}",
     "this branch's condition has no \"matches\"", 1},
    {BARID_TYPE_RULE_TEXT, BARID_KNOWN_ATTEMPT, "if sender matches /(a)/ then ${2} else ${0}",
     "no pattern of this branch has so many", 2},
    /* Every problem of a value is found. */
    {BARID_TYPE_RULE_INTEGER, BARID_KNOWN_ATTEMPT,
     "if snder == \"a\" and size > \"x\" then 1x else if rcpt matches /(/ then 2 else y",
     "there is no variable snder", 5},
    {BARID_TYPE_RULE_INTEGER, BARID_KNOWN_ATTEMPT,
     "if sender = \"a\" then 1x else if rcpt === \"b\" then 2 else y",
     "\"equal\" is written ==", 4},
    {BARID_TYPE_RULE_BOOL, BARID_KNOWN_ATTEMPT,
     "if is-tls then sender = 5 else if snder == 1 then yes else maybe", "\"equal\" is written", 3},
};

START_TEST(test_bad)
{
    Setup setup;
    BaridRule *rule;
    g_autofree gchar *text = NULL;

    setup_init(&setup, lists_text);
    rule = rule_compile_text(bad_rows[_i].text, bad_rows[_i].type, bad_rows[_i].known, setup.lists,
                             setup.problems);
    text = config_problems_to_text(setup.problems);
    ck_assert_msg(rule == NULL, "%s", bad_rows[_i].text);
    ck_assert_msg(strstr(text, bad_rows[_i].problem) != NULL, "%s:\n%s", bad_rows[_i].text, text);
    ck_assert_msg(config_problems_get_count(setup.problems) == bad_rows[_i].count, "%s:\n%s",
                  bad_rows[_i].text, text);
    setup_clear(&setup);
}
END_TEST

START_TEST(test_position)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(ConfigFiles) files = config_files_new_text(
        "f", "[q]\nlimit = if is-tls then 1\n  else if size > 1M and # big\n"
             "     snder == \"x\" then 2\n  else 3\n"
             "good = if is-tls == no then 1\n  else if size > 1M\n     then 2\n  else 3\n");
    g_autoptr(ConfigTree) tree = config_tree_parse(files, problems);
    ConfigSection *section = config_tree_find(tree, "q", NULL);
    Fake fake = fake_default;
    ConfigPosition position;
    guint branch;
    g_autofree gchar *text = NULL;
    g_autoptr(BaridRule) good = NULL;
    g_autoptr(BaridRule) other = NULL;

    ck_assert_ptr_null(rule_compile(config_section_use(section, "limit"), BARID_TYPE_RULE_INTEGER,
                                    BARID_KNOWN_MESSAGE, NULL, problems));
    text = config_problems_to_text(problems);
    ck_assert_str_eq(text, "f:4:6: [q] limit: there is no variable snder; did you mean sender?\n"
                           "         snder == \"x\" then 2\n         ^~~~~\n");
    good = rule_compile(config_section_use(section, "good"), BARID_TYPE_RULE_INTEGER,
                        BARID_KNOWN_MESSAGE, NULL, problems);
    other = rule_compile_text("5", BARID_TYPE_RULE_INTEGER, BARID_KNOWN_ALWAYS, NULL, problems);
    ck_assert_int_eq(barid_rule_eval_integer(good, (BaridScope *)&fake), 2);
    rule_get_last_branch(good, &position, &branch);
    ck_assert_uint_eq(branch, 1);
    ck_assert_uint_eq(position.line, 7);
    ck_assert_uint_eq(position.column, 8);
    fake.size = 0;
    ck_assert_int_eq(barid_rule_eval_integer(good, (BaridScope *)&fake), 3);
    rule_get_last_branch(good, &position, &branch);
    ck_assert_uint_eq(branch, 2);
    ck_assert_uint_eq(position.line, 9);
    ck_assert_uint_eq(position.column, 8);
    ck_assert_int_eq(barid_rule_eval_integer(other, (BaridScope *)&fake), 5);
    rule_get_last_branch(good, &position, &branch);
    ck_assert_uint_eq(branch, G_MAXUINT);
    ck_assert_uint_eq(position.line, 6);
}
END_TEST

START_TEST(test_known)
{
    static const struct {
        const gchar *text;
        BaridKnown known;
    } rows[] = {
        {"yes", BARID_KNOWN_ALWAYS},
        {"is-tls", BARID_KNOWN_CONNECT},
        {"is-tls or rcpt == \"x\" or sender == \"x\"", BARID_KNOWN_RCPT},
        {"length(finding.x) > 1", BARID_KNOWN_MESSAGE},
    };
    g_autoptr(ConfigProblems) problems = config_problems_new();

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(BaridRule) rule = rule_compile_text(rows[i].text, BARID_TYPE_CONDITION,
                                                      BARID_KNOWN_ATTEMPT, NULL, problems);

        ck_assert_int_eq(barid_rule_get_known(rule), rows[i].known);
    }
}
END_TEST

static guint limit_warnings;

static void
count_limits(BaridLogLevel level, const gchar *line, gpointer data G_GNUC_UNUSED)
{
    if (level == BARID_LOG_WARNING && strstr(line, "rule.match-limit") != NULL)
        limit_warnings++;
}

static void
drop_lines(const gchar *lines G_GNUC_UNUSED, gsize len G_GNUC_UNUSED, gpointer data G_GNUC_UNUSED)
{
}

START_TEST(test_match_limit)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(BaridRule) rule = rule_compile_text("sender matches /^(a+)+$/", BARID_TYPE_CONDITION,
                                                  BARID_KNOWN_ATTEMPT, NULL, problems);
    Fake fake = fake_default;
    gint64 start = g_get_monotonic_time();

    log_start(drop_lines, NULL, -1);
    log_set_tap(count_limits, NULL);
    fake.sender = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
    ck_assert(!barid_rule_eval_bool(rule, (BaridScope *)&fake));
    ck_assert_uint_eq(limit_warnings, 1);
    ck_assert_int_lt(g_get_monotonic_time() - start, 2000000);
    fake.sender = "aaaa";
    ck_assert(barid_rule_eval_bool(rule, (BaridScope *)&fake));
    ck_assert_uint_eq(limit_warnings, 1);
    log_set_tap(NULL, NULL);
    log_stop();
}
END_TEST

START_TEST(test_many_branches)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(BaridRule) rule = NULL;
    Fake fake = fake_default;

    for (guint i = 0; i < 1000; i++)
        g_string_append_printf(text, "if size == %u and is-tls then %u else ", i, i * 2);
    g_string_append(text, "-1");
    rule = rule_compile_text(text->str, BARID_TYPE_RULE_INTEGER, BARID_KNOWN_ATTEMPT, NULL,
                             problems);
    ck_assert_ptr_nonnull(rule);
    for (guint i = 0; i < 1100; i += 7) {
        ConfigPosition position;
        guint branch;

        fake.size = i;
        ck_assert_int_eq(barid_rule_eval_integer(rule, (BaridScope *)&fake),
                         i < 1000 ? (gint64)i * 2 : -1);
        rule_get_last_branch(rule, &position, &branch);
        ck_assert_uint_eq(branch, MIN(i, 1000));
    }
}
END_TEST

static gchar *
repeat(const gchar *before, guint count, const gchar *middle, const gchar *after)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < count; i++)
        g_string_append(text, before);
    g_string_append(text, middle);
    for (guint i = 0; i < count; i++)
        g_string_append(text, after);
    return g_string_free(text, FALSE);
}

START_TEST(test_depth)
{
    static const struct {
        const gchar *before, *middle, *after;
        guint allowed;
    } rows[] = {
        {"(", "is-tls", ")", 90},
        {"not ", "is-tls", "", 90},
        {"not (", "is-tls", ")", 40},
        {"lower(", "sender", ")", 90},
    };
    static const guint counts[] = {101, 1000, 200000};

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(ConfigProblems) problems = config_problems_new();
        g_autofree gchar *text =
            repeat(rows[i].before, rows[i].allowed, rows[i].middle, rows[i].after);
        g_autofree gchar *rule_text =
            g_strconcat(text, i == 3 ? " == \"bounce-42@news.example.org\"" : "", NULL);
        g_autoptr(BaridRule) rule = rule_compile_text(rule_text, BARID_TYPE_CONDITION,
                                                      BARID_KNOWN_ATTEMPT, NULL, problems);
        Fake fake = fake_default;

        ck_assert_msg(rule != NULL, "%s", rows[i].before);
        ck_assert(barid_rule_eval_bool(rule, (BaridScope *)&fake));
        for (gsize k = 0; k < G_N_ELEMENTS(counts); k++) {
            g_autofree gchar *deep =
                repeat(rows[i].before, counts[k], rows[i].middle, rows[i].after);
            const ConfigProblem *problem;

            ck_assert_ptr_null(rule_compile_text(deep, BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT,
                                                 NULL, problems));
            ck_assert_uint_eq(config_problems_get_count(problems), k + 1);
            problem = config_problems_get(problems, (guint)k);
            ck_assert_ptr_nonnull(strstr(problem->message, "nested more than 100 deep"));
        }
    }
}
END_TEST

START_TEST(test_large_sets)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(GString) networks = g_string_new("remote-ip in {");
    g_autoptr(GString) texts = g_string_new("sender in {");
    g_autoptr(BaridRule) in_networks = NULL;
    g_autoptr(BaridRule) in_texts = NULL;
    Fake fake = fake_default;

    for (guint i = 0; i < 2000; i++) {
        /* Every second /24 of 10.0.0.0/8, backwards. */
        guint net = (1999 - i) * 2;

        g_string_append_printf(networks, "%s10.%u.%u.0/24", i == 0 ? "" : ", ", net / 256,
                               net % 256);
        g_string_append_printf(texts, "%s\"u%u@example.org\"", i == 0 ? "" : ",", i);
    }
    g_string_append_c(networks, '}');
    g_string_append_c(texts, '}');
    in_networks = rule_compile_text(networks->str, BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, NULL,
                                    problems);
    in_texts = rule_compile_text(texts->str, BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, NULL,
                                 problems);
    ck_assert_uint_eq(config_problems_get_count(problems), 0);
    for (guint i = 0; i < 4200; i += 13) {
        g_autofree gchar *ip = g_strdup_printf("10.%u.%u.%u", i / 256, i % 256, i % 251);
        g_autofree gchar *sender = g_strdup_printf("u%u@example.org", i);

        fake.remote_ip = ip;
        fake.sender = sender;
        ck_assert_int_eq(barid_rule_eval_bool(in_networks, (BaridScope *)&fake),
                         i % 2 == 0 && i < 4000);
        ck_assert_int_eq(barid_rule_eval_bool(in_texts, (BaridScope *)&fake), i < 2000);
    }
}
END_TEST

START_TEST(test_list_problems)
{
    g_autofree gchar *path = NULL;
    g_autofree gchar *text = NULL;
    g_autofree gchar *config = NULL;
    Setup setup;
    g_autoptr(BaridRule) rule = NULL;
    Fake fake = fake_default;
    int fd = g_file_open_tmp("barid-list-XXXXXX", &path, NULL);

    ck_assert_int_ge(fd, 0);
    g_close(fd, NULL);
    ck_assert(g_file_set_contents(path, "# nets\n\n 10.0.0.0/8 \r\nx\n192.0.2.0/24", -1, NULL));
    config = g_strdup_printf("[list a]\ntype = networks\nentries = 127.0.0.1, y\nfile = %s\n"
                             "[list b]\ntype = words\n[list]\n[list c]\nfile = /nonexistent/x\n"
                             "[list d]\ntype = patterns\nentries = abc, /(/\nfil = x\n",
                             path);
    setup_init(&setup, config);
    config_tree_report_unknown(setup.tree, setup.problems);
    text = config_problems_to_text(setup.problems);
    g_unlink(path);
    ck_assert_ptr_nonnull(strstr(text, "f:3:22: [list a] entries: an address or a network"));
    ck_assert_ptr_nonnull(strstr(text, ":4:1: an address or a network"));
    ck_assert_ptr_nonnull(
        strstr(text, "f:6:8: [list b] type: write one of: text, networks, patte"));
    ck_assert_ptr_nonnull(strstr(text, "f:7:1: a list needs a name"));
    ck_assert_ptr_nonnull(strstr(text, "f:9:8: [list c] file: "));
    ck_assert_ptr_nonnull(strstr(text, "f:12:11: [list d] entries: a pattern is written /.../"));
    ck_assert_ptr_nonnull(strstr(text, "f:12:16: [list d] entries: missing closing parenthesis"));
    ck_assert_ptr_nonnull(strstr(text, "there is no setting fil; did you mean file?"));
    rule = rule_compile_text("remote-ip in list \"a\"", BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT,
                             setup.lists, setup.problems);
    ck_assert(barid_rule_eval_bool(rule, (BaridScope *)&fake));
    fake.remote_ip = "11.0.0.1";
    ck_assert(!barid_rule_eval_bool(rule, (BaridScope *)&fake));
    setup_clear(&setup);
}
END_TEST

static RuleStoreAnswer
lookup_store(BaridScope *scope G_GNUC_UNUSED, gpointer store, BaridSlice key)
{
    ck_assert_str_eq(store, "main");
    if (barid_slice_equal_text(key, "down"))
        return RULE_STORE_FAILED;
    return barid_slice_equal_text(key, "there") ? RULE_STORE_FOUND : RULE_STORE_ABSENT;
}

static gpointer
resolve_store(const gchar *name, gpointer data, GError **error)
{
    if (strcmp(name, data) == 0)
        return data;
    g_set_error(error, BARID_ERROR, BARID_ERROR_NOT_FOUND, "there is no [store %s]", name);
    return NULL;
}

START_TEST(test_store)
{
    static const struct {
        const gchar *text, *sender;
        gint64 expected;
    } rows[] = {
        {"if sender in store \"main\" then 1 else if yes then 2 else 3", "there", 1},
        {"if sender in store \"main\" then 1 else if yes then 2 else 3", "away", 2},
        {"if sender in store \"main\" then 1 else if is-tls then 2 else 3", "down", 2},
        /* A failure is not the opposite of an answer. */
        {"if not sender in store \"main\" then 1 else 2", "away", 1},
        {"if not sender in store \"main\" then 1 else 2", "there", 2},
        {"if not sender in store \"main\" then 1 else 2", "down", 2},
        {"if sender in store \"main\" or yes == is-tls then 1 else 2", "down", 2},
    };
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autofree gchar *text = NULL;

    rule_store_register(resolve_store, lookup_store, (gpointer)"main");
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(BaridRule) rule = rule_compile_text(rows[i].text, BARID_TYPE_RULE_INTEGER,
                                                      BARID_KNOWN_ATTEMPT, NULL, problems);
        Fake fake = fake_default;

        ck_assert_ptr_nonnull(rule);
        fake.sender = rows[i].sender;
        ck_assert_msg(barid_rule_eval_integer(rule, (BaridScope *)&fake) == rows[i].expected,
                      "%s: %s", rows[i].text, rows[i].sender);
    }
    ck_assert_ptr_null(rule_compile_text("sender in store \"mian\"", BARID_TYPE_CONDITION,
                                         BARID_KNOWN_ATTEMPT, NULL, problems));
    text = config_problems_to_text(problems);
    ck_assert_ptr_nonnull(strstr(text, "default:1:17: there is no [store mian]"));
    rule_store_register(NULL, NULL, NULL);
}
END_TEST

START_TEST(test_variables)
{
    g_autofree const gchar **names = rule_variable_names();
    guint count = 0;
    RuleType type;
    BaridKnown known;

    while (names[count] != NULL)
        count++;
    ck_assert_uint_eq(count, 13);
    ck_assert(rule_variable_get_info("queue-age", &type, &known));
    ck_assert_int_eq(type, RULE_DURATION);
    ck_assert_int_eq(known, BARID_KNOWN_ATTEMPT);
    ck_assert(!rule_variable_get_info("nothing", &type, &known));
}
END_TEST

START_TEST(test_null_rule)
{
    g_autofree gchar *text = barid_rule_eval_text(NULL, NULL);

    ck_assert_str_eq(text, "");
    ck_assert(!barid_rule_eval_bool(NULL, NULL));
    ck_assert_int_eq(barid_rule_eval_size(NULL, NULL), 0);
    ck_assert_int_eq(barid_rule_get_known(NULL), BARID_KNOWN_ALWAYS);
}
END_TEST

static gpointer
evaluate_often(gpointer data)
{
    Fake fake = fake_default;
    gsize right = 0;

    for (guint i = 0; i < 2000; i++) {
        g_autofree gchar *text = NULL;

        fake.sender = i % 2 == 0 ? "bounce-7@a" : "x@a";
        text = barid_rule_eval_text(data, (BaridScope *)&fake);
        right += strcmp(text, i % 2 == 0 ? "7" : "no") == 0;
    }
    return GSIZE_TO_POINTER(right);
}

START_TEST(test_threads)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(BaridRule) rule =
        rule_compile_text("if lower(sender) matches /^bounce-(.)/ then ${1} else no",
                          BARID_TYPE_RULE_TEXT, BARID_KNOWN_ATTEMPT, NULL, problems);
    GThread *threads[3];

    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("rule", evaluate_often, rule);
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        ck_assert_uint_eq(GPOINTER_TO_SIZE(g_thread_join(threads[i])), 2000);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("rule-language");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_condition, 0, G_N_ELEMENTS(condition_rows));
    tcase_add_loop_test(tcase, test_value, 0, G_N_ELEMENTS(value_rows));
    tcase_add_loop_test(tcase, test_bad, 0, G_N_ELEMENTS(bad_rows));
    tcase_add_test(tcase, test_position);
    tcase_add_test(tcase, test_known);
    tcase_add_test(tcase, test_match_limit);
    tcase_add_test(tcase, test_many_branches);
    tcase_add_test(tcase, test_depth);
    tcase_add_test(tcase, test_large_sets);
    tcase_add_test(tcase, test_list_problems);
    tcase_add_test(tcase, test_store);
    tcase_add_test(tcase, test_variables);
    tcase_add_test(tcase, test_null_rule);
    tcase_add_test(tcase, test_threads);
    tcase_set_timeout(tcase, 30);
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(void)
{
    SRunner *runner;
    int failed;

    register_fakes();
    runner = srunner_create(make_suite());
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
