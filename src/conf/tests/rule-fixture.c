/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/tests/rule-fixture.h"

const Fake fake_default = {
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

static const gchar *const weekday_words[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};

static void
get_weekday(BaridScope *scope G_GNUC_UNUSED, BaridSlice argument G_GNUC_UNUSED,
            Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)
{
    out_value->as.text = BARID_SLICE_LITERAL("tue");
}

static gboolean
call_join(const RuleCall *call, RuleValue *out_value)
{
    const RuleValue *args = call->args;

    out_value->as.text = barid_slice_from_text(
        arena_printf(call->scratch, "%.*s+%.*s", (int)args[0].as.text.len, args[0].as.text.data,
                     (int)args[1].as.text.len, args[1].as.text.data));
    return TRUE;
}

void
rule_fixture_register(void)
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
    rule_variable_register("weekday", RULE_TEXT, BARID_KNOWN_ALWAYS, get_weekday);
    rule_variable_set_words("weekday", weekday_words);
    rule_variable_set_section("listener", "listener");
    rule_function_register("join", RULE_TEXT, two_texts, 2, call_join);
}

void
rule_setup_init(RuleSetup *self, const gchar *text)
{
    self->files = config_files_new_text("f", text);
    self->problems = config_problems_new();
    self->tree = config_tree_parse(self->files, self->problems);
    self->lists = rule_lists_new(self->tree, self->problems, NULL);
    rule_lists_load_all(self->lists);
}

void
rule_setup_clear(RuleSetup *self)
{
    rule_lists_free(self->lists);
    config_tree_free(self->tree);
    config_problems_free(self->problems);
    config_files_free(self->files);
}
