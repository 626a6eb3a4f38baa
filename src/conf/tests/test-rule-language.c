/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "conf/rule-reasons.h"
#include "conf/tests/rule-fixture.h"

static const gchar lists_text[] =
    "[list partners]\nentries = example.org, \"two words\", news.example.org\n"
    "[list offices]\ntype = networks\nentries = 10.0.0.0/8, 192.0.2.0/28, 2001:db8::/32\n"
    "[list bad]\ntype = patterns\nentries = /^bounce-/, \"/SPAM, really/i\"\n"
    "[list empty]\n"
    "[rule large]\ncondition = size > 4M\n"
    "[rule ours-large]\ncondition = rule \"large\" and (remote-ip in list \"offices\" or no)\n"
    "[rule never]\ncondition = not rule \"large\" or sender matches /^(nobody)@/\n"
    "[rule early]\ncondition = is-tls\n"
    "[rule late]\ncondition = rcpt == \"x\"\n"
    "[rule typo]\ncondition = is-tls and\n  snder == \"x\"\n"
    "[rule torn]\ncondition = is-tls )\n"
    "[rule a]\ncondition = is-tls or rule \"b\"\n"
    "[rule b]\ncondition = rule \"a\"\n";

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
    {"rule \"large\"", TRUE},
    {"not rule \"large\"", FALSE},
    {"rule \"ours-large\" and is-tls", TRUE},
    {"rule \"never\" or no", FALSE},
    {"(rule \"never\") or rule \"early\"", TRUE},
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
    {"queue-age in 1:30..9:00", TRUE},
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
    RuleSetup setup;
    g_autoptr(BaridRule) rule = NULL;
    g_autoptr(BaridRule) negated = NULL;
    g_autoptr(BaridRule) branch = NULL;
    g_autofree gchar *negation = g_strdup_printf("not (%s)", text);
    g_autofree gchar *conditional = g_strdup_printf("if %s then 1 else 2", text);
    g_autofree gchar *problems = NULL;
    BaridScope *scope = (BaridScope *)&fake;

    rule_setup_init(&setup, lists_text);
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
    rule_setup_clear(&setup);
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
    ck_assert_msg(barid_rule_is_constant(rule) == value_rows[_i].is_constant, "%s", text);
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
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "rule \"larg\"",
     "default:1:6: there is no [rule larg]; did you mean \"large\"?", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "rule large",
     "default:1:6: the name of a [rule NAME] in quotes is expected here", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "is-tls and rule \"typo\"",
     "f:22:3: [rule typo] condition: there is no variable snder; did you mean sender?", 2},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "is-tls and rule \"typo\"",
     "default:1:17: [rule typo] cannot be used here", 2},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "rule \"torn\" or is-tls",
     "and, or or the end is expected here", 2},
    {BARID_TYPE_CONDITION, BARID_KNOWN_CONNECT, "rule \"late\"",
     "rcpt is not known yet here", 2},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "rule \"a\"",
     "[rule a] leads back to itself", 3},
    {BARID_TYPE_RULE_TEXT, BARID_KNOWN_ATTEMPT, "if rule \"early\" then x", "else", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "size == \"x\"",
     "default:1:9: a number cannot be compared with a text", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "size > 5min",
     "a number cannot be compared with a duration: durations have a unit", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "queue-age > 5", "durations have a unit", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "remote-ip == \"x\"",
     "write an address such as 192.0.2.1", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "remote-ip == 192.0.2.0/24",
     "a network is tested with in: remote-ip in 192.0.2.0/24", 1},
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "sender < \"x\"",
     "only numbers, sizes, durations and dates", 1},
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
     "5X is no number, size, duration, date or address", 1},
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
    {BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT, "reverse-name(sender) == \"x\"",
     "reverse-name() takes an address here, not a text", 1},
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
    RuleSetup setup;
    BaridRule *rule;
    g_autofree gchar *text = NULL;

    rule_setup_init(&setup, lists_text);
    rule = rule_compile_text(bad_rows[_i].text, bad_rows[_i].type, bad_rows[_i].known, setup.lists,
                             setup.problems);
    text = config_problems_to_text(setup.problems);
    ck_assert_msg(rule == NULL, "%s", bad_rows[_i].text);
    ck_assert_msg(strstr(text, bad_rows[_i].problem) != NULL, "%s:\n%s", bad_rows[_i].text, text);
    ck_assert_msg(config_problems_get_count(setup.problems) == bad_rows[_i].count, "%s:\n%s",
                  bad_rows[_i].text, text);
    rule_setup_clear(&setup);
}
END_TEST

/* What nobody uses is checked, and said once. */
START_TEST(test_unused)
{
    RuleSetup setup;
    g_autofree gchar *text = NULL;

    rule_setup_init(&setup, "[rule good]\ncondition = is-tls\n"
                            "[rule bad]\ncondition = snder == \"x\"\n"
                            "[rule worse]\ncondition = rule \"bad\"\n"
                            "[rule]\ncondition = yes\n[rule bare]\n");
    ck_assert_uint_eq(config_problems_get_count(setup.problems), 2);
    rule_lists_check_rules(setup.lists, setup.problems);
    text = config_problems_to_text(setup.problems);
    ck_assert_ptr_nonnull(strstr(text, "a rule needs a name"));
    ck_assert_ptr_nonnull(strstr(text, "a rule needs a condition"));
    ck_assert_ptr_nonnull(strstr(text, "there is no variable snder"));
    rule_setup_clear(&setup);
}
END_TEST

/* Each uses the one before twice: a few lines would become a program without end. */
START_TEST(test_named_growth)
{
    g_autoptr(GString) text = g_string_new("[rule r0]\ncondition = is-tls\n");
    g_autofree gchar *problem = NULL;
    RuleSetup setup;

    for (guint i = 1; i < 40; i++)
        g_string_append_printf(text, "[rule r%u]\ncondition = rule \"r%u\" and rule \"r%u\"\n", i,
                               i - 1, i - 1);
    rule_setup_init(&setup, text->str);
    ck_assert_ptr_null(rule_compile_text("rule \"r39\"", BARID_TYPE_CONDITION, BARID_KNOWN_ATTEMPT,
                                         setup.lists, setup.problems));
    problem = config_problems_to_text(setup.problems);
    ck_assert_ptr_nonnull(strstr(problem, "more than 1000 named rules"));
    rule_setup_clear(&setup);
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
    const RuleReasons *reasons;
    g_autofree gchar *text = NULL;
    g_autoptr(Arena) arena = arena_new(1024);
    g_autoptr(BaridRule) good = NULL;

    ck_assert_ptr_null(rule_compile(config_section_use(section, "limit"), BARID_TYPE_RULE_INTEGER,
                                    BARID_KNOWN_MESSAGE, NULL, problems));
    text = config_problems_to_text(problems);
    ck_assert_str_eq(text, "f:4:6: [q] limit: there is no variable snder; did you mean sender?\n"
                           "         snder == \"x\" then 2\n         ^~~~~\n");
    good = rule_compile(config_section_use(section, "good"), BARID_TYPE_RULE_INTEGER,
                        BARID_KNOWN_MESSAGE, NULL, problems);
    ck_assert_int_eq(rule_eval_explained(good, (BaridScope *)&fake, arena, &reasons), 2);
    ck_assert_uint_eq(reasons->branch, 1);
    ck_assert_uint_eq(reasons->position.line, 7);
    ck_assert_uint_eq(reasons->position.column, 8);
    fake.size = 0;
    ck_assert_int_eq(rule_eval_explained(good, (BaridScope *)&fake, arena, &reasons), 3);
    ck_assert_uint_eq(reasons->branch, 2);
    ck_assert_uint_eq(reasons->position.line, 9);
    ck_assert_uint_eq(reasons->position.column, 8);
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

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("rule-language");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_condition, 0, G_N_ELEMENTS(condition_rows));
    tcase_add_loop_test(tcase, test_value, 0, G_N_ELEMENTS(value_rows));
    tcase_add_loop_test(tcase, test_bad, 0, G_N_ELEMENTS(bad_rows));
    tcase_add_test(tcase, test_position);
    tcase_add_test(tcase, test_unused);
    tcase_add_test(tcase, test_named_growth);
    tcase_add_test(tcase, test_known);
    tcase_set_timeout(tcase, 30);
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(void)
{
    SRunner *runner;
    int failed;

    rule_fixture_register();
    runner = srunner_create(make_suite());
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
