/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile rules: compile as each type, evaluate what compiles, print the problems. The
 * text also becomes the value of the text variables, so that patterns see hostile input. */
#include <stdint.h>

#include "base/log.h"
#include "conf/rule-reasons.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static BaridSlice fuzz_input;

static void
fuzz_get_text(BaridScope *scope G_GNUC_UNUSED, BaridSlice argument G_GNUC_UNUSED,
              Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)
{
    out_value->as.text = barid_slice(fuzz_input.data, MIN(fuzz_input.len, 60));
}

static void
fuzz_get_number(BaridScope *scope G_GNUC_UNUSED, BaridSlice argument G_GNUC_UNUSED,
                Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)
{
    out_value->as.integer = (gint64)fuzz_input.len;
}

static void
fuzz_get_address(BaridScope *scope G_GNUC_UNUSED, BaridSlice argument G_GNUC_UNUSED,
                 Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)
{
    out_value->as.address.is_v6 = fuzz_input.len % 2 == 0;
    memcpy(out_value->as.address.bytes, fuzz_input.data, MIN(fuzz_input.len, 16));
}

static void
fuzz_get_bool(BaridScope *scope G_GNUC_UNUSED, BaridSlice argument, Arena *scratch G_GNUC_UNUSED,
              RuleValue *out_value)
{
    out_value->as.boolean = argument.len % 2 == 0;
}

static void
fuzz_drop_lines(const gchar *lines G_GNUC_UNUSED, gsize len G_GNUC_UNUSED,
                gpointer data G_GNUC_UNUSED)
{
}

static gpointer
fuzz_resolve_store(const gchar *name, gpointer data, GError **error G_GNUC_UNUSED)
{
    return name[0] == 'm' ? data : NULL;
}

/* Every third look-up fails. */
static RuleAnswer
fuzz_answer(BaridSlice key, BaridSlice *out_text)
{
    *out_text = key;
    return (RuleAnswer)(key.len % 3);
}

static RuleAnswer
fuzz_lookup_store(BaridScope *scope G_GNUC_UNUSED, gpointer store G_GNUC_UNUSED, BaridSlice key,
                  Arena *scratch G_GNUC_UNUSED, BaridSlice *out_text)
{
    return fuzz_answer(key, out_text);
}

static gboolean
fuzz_parse_type(BaridSlice word, guint *out_type, gboolean *out_is_address)
{
    *out_type = 1;
    *out_is_address = barid_slice_equal_text(word, "A");
    return word.len < 4;
}

static RuleAnswer
fuzz_lookup_dns(gpointer data G_GNUC_UNUSED, BaridSlice name, guint type G_GNUC_UNUSED,
                Arena *scratch, const RuleValue **out_records, guint *out_n_records,
                BaridSlice *out_text)
{
    RuleValue *record = arena_new0(scratch, RuleValue);

    record->type = RULE_TEXT;
    record->as.text = name;
    *out_records = record;
    *out_n_records = 1;
    return fuzz_answer(name, out_text);
}

static void
fuzz_set_up(void)
{
    static gboolean is_done;

    if (is_done)
        return;
    is_done = TRUE;
    log_start(fuzz_drop_lines, NULL, -1);
    rule_variable_register("sender", RULE_TEXT, BARID_KNOWN_MAIL, fuzz_get_text);
    rule_variable_register("rcpt", RULE_TEXT, BARID_KNOWN_RCPT, fuzz_get_text);
    rule_variable_register("size", RULE_INTEGER, BARID_KNOWN_MESSAGE, fuzz_get_number);
    rule_variable_register("age", RULE_DURATION, BARID_KNOWN_ATTEMPT, fuzz_get_number);
    rule_variable_register("remote-ip", RULE_ADDRESS, BARID_KNOWN_CONNECT, fuzz_get_address);
    rule_variable_register("is-tls", RULE_BOOL, BARID_KNOWN_CONNECT, fuzz_get_bool);
    rule_variable_register("finding.", RULE_TEXT, BARID_KNOWN_MESSAGE, fuzz_get_text);
    rule_store_register(fuzz_resolve_store, fuzz_lookup_store, &fuzz_input);
    rule_dns_register(fuzz_parse_type, fuzz_lookup_dns, NULL);
}

static void
fuzz_compile(const gchar *text, BaridSettingType type, RuleLists *lists)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(BaridRule) rule =
        rule_compile_text(text, type, BARID_KNOWN_MESSAGE, lists, problems);
    g_autofree gchar *printed = config_problems_to_text(problems);
    g_autofree gchar *result = NULL;
    g_autoptr(Arena) arena = arena_new(1024);
    g_autoptr(GString) json = g_string_new(NULL);
    const RuleReasons *reasons;
    JsonWriter writer;

    g_assert((rule == NULL) == (config_problems_get_count(problems) > 0));
    if (rule == NULL)
        return;
    barid_rule_eval_integer(rule, NULL);
    result = rule_eval_text_explained(rule, NULL, arena, &reasons);
    g_assert(reasons->position.line == 1);
    g_assert(reasons->n_inputs <= RULE_REASONS_INPUTS_MAX);
    json_writer_init(&writer, json);
    rule_reasons_write(reasons, &writer);
    g_assert(json->len < 4096 * 2);
    g_assert(g_utf8_validate(result, -1, NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    g_autofree gchar *text = g_strndup(len > 0 ? (const gchar *)data : "", len);
    g_autoptr(ConfigFiles) files =
        config_files_new_text("f", "[list l]\nentries = a, b\n[list n]\ntype = networks\n"
                                   "entries = 10.0.0.0/8\n[list p]\ntype = patterns\n"
                                   "entries = /a+b/i\n[list g]\ntype = globs\n"
                                   "entries = a*b?c*, *d, e*, /f/\n");
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(ConfigTree) tree = config_tree_parse(files, problems);
    g_autoptr(RuleLists) lists = rule_lists_new(tree, problems, NULL);

    fuzz_set_up();
    fuzz_input = barid_slice(data, len);
    fuzz_compile(text, BARID_TYPE_CONDITION, lists);
    fuzz_compile(text, BARID_TYPE_RULE_BOOL, lists);
    fuzz_compile(text, BARID_TYPE_RULE_SIZE, lists);
    fuzz_compile(text, BARID_TYPE_RULE_DURATION, lists);
    fuzz_compile(text, BARID_TYPE_RULE_TEXT, lists);
    return 0;
}
