/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "conf/rule-dns.h"
#include "conf/rule-items.h"
#include "conf/rule-program.h"
#include "conf/rule-reasons.h"
#include "conf/rule-shadow.h"

/* Scratch arenas that a thread keeps for its next evaluations. More are in use at a time
 * only when look-ups have suspended several fibers in the middle of a rule. */
enum { RULE_ARENAS_KEPT = 4, RULE_ARENA_BYTES = 1024 };

typedef struct {
    Arena *arenas[RULE_ARENAS_KEPT];
    guint n_arenas;
} RuleThread;

typedef struct {
    RuleValue registers[RULE_REGISTERS_MAX];
    const BaridRule *rule;
    const RuleValue *constants;
    RuleCaptures captures;
    BaridScope *scope;
    Arena *scratch;
    gboolean has_failed; /* a look-up */
    RuleReasons *reasons; /* or NULL */
} RuleRun;

static void
rule_thread_free(gpointer data)
{
    RuleThread *thread = data;

    while (thread->n_arenas > 0)
        arena_free(thread->arenas[--thread->n_arenas]);
    g_free(thread);
}

static RuleThread *
rule_thread_get(void)
{
    static GPrivate key = G_PRIVATE_INIT(rule_thread_free);
    RuleThread *thread = g_private_get(&key);

    if (thread == NULL) {
        thread = g_new0(RuleThread, 1);
        g_private_set(&key, thread);
    }
    return thread;
}

static Arena *
rule_thread_take_arena(RuleThread *thread)
{
    if (thread->n_arenas > 0)
        return thread->arenas[--thread->n_arenas];
    return arena_new(RULE_ARENA_BYTES);
}

static void
rule_thread_give_arena(RuleThread *thread, Arena *arena)
{
    if (thread->n_arenas == RULE_ARENAS_KEPT) {
        arena_free(arena);
        return;
    }
    arena_reset(arena);
    thread->arenas[thread->n_arenas++] = arena;
}

static const RuleValue *
rule_run_get(const RuleRun *self, guint16 operand)
{
    if (operand & RULE_OPERAND_CONSTANT)
        return &self->constants[operand & ~RULE_OPERAND_CONSTANT];
    return &self->registers[operand];
}

static guint32
rule_run_fail(RuleRun *self, const RuleInstruction *at, BaridSlice text)
{
    const ConfigPosition *branches = self->rule->branches;

    self->has_failed = TRUE;
    if (self->reasons != NULL)
        self->reasons->failed_branch = at->branch;
    rule_registry_note_failure(self->scope, &branches[MIN(at->branch, self->rule->n_branches - 1)],
                               text);
    return at->on_failure;
}

/* What a function that asks came to: "dns-first mail.example" = "192.0.2.7". */
static void
rule_run_note_call(RuleRun *self, const RuleFunctionInfo *function, const RuleCall *call,
                   const RuleValue *value)
{
    BaridSlice subject = BARID_SLICE_EMPTY;

    for (guint i = 0; i < function->n_args && subject.len == 0; i++) {
        if (function->args[i] != RULE_STORE && function->args[i] != RULE_DNS_TYPE)
            subject = rule_value_to_text(&call->args[i], self->scratch);
    }
    rule_reasons_add_answer(self->reasons, function->name, subject, RULE_ANSWER_FOUND,
                            rule_value_to_text(value, self->scratch));
}

static void
rule_run_load(RuleRun *self, const RuleInstruction *at)
{
    BaridSlice argument = rule_run_get(self, at->left)->as.text;
    RuleValue *value = &self->registers[at->target];
    const RuleVariable *variable = at->with.variable;

    rule_variable_read(variable, argument, self->scope, self->scratch, value);
    if (G_LIKELY(self->reasons == NULL))
        return;
    if (argument.len == 0)
        rule_reasons_add(self->reasons, variable->name, value);
    else
        rule_reasons_add(self->reasons,
                         arena_printf(self->scratch, "%s%.*s", variable->name, (int)argument.len,
                                      (const gchar *)argument.data),
                         value);
}

/* The next instruction. */
static const RuleInstruction *
rule_run_call(RuleRun *self, const RuleInstruction *at)
{
    const RuleFunctionInfo *function = at->with.function;
    RuleValue value = {.type = function->result};
    RuleCall call = {
        .scope = self->scope,
        .args = &self->registers[at->left],
        .scratch = self->scratch,
        .data = function->kind == RULE_FUNCTION_ASKS ? rule_run_get(self, at->right)->as.store
                                                     : NULL,
    };

    if (!function->function(&call, &value))
        return &self->rule->program[rule_run_fail(self, at, value.as.text)];
    value.type = function->result;
    self->registers[at->target] = value;
    if (G_UNLIKELY(self->reasons != NULL) && function->kind == RULE_FUNCTION_ASKS)
        rule_run_note_call(self, function, &call, &value);
    return at + 1;
}

static void
rule_run_load_capture(RuleRun *self, const RuleInstruction *at)
{
    RuleValue value = {.type = RULE_TEXT, .as.text = BARID_SLICE_EMPTY};

    if (at->left < self->captures.count)
        value.as.text = self->captures.text[at->left];
    self->registers[at->target] = value;
}

/* Whether one of the records is among the answers. */
static gboolean
rule_records_match(const RuleSet *answers, const RuleValue *records, guint n_records)
{
    for (guint i = 0; i < n_records; i++) {
        if (records[i].type == RULE_ADDRESS
                ? rule_set_has_address(answers, &records[i].as.address)
                : rule_set_has_text(answers, records[i].as.text))
            return TRUE;
    }
    return FALSE;
}

static RuleAnswer
rule_run_ask_dns(RuleRun *self, const RuleDnsQuestion *question, const RuleValue *left,
                 BaridSlice *out_name, BaridSlice *out_text)
{
    const RuleValue *records = NULL;
    guint n_records = 0;
    BaridSlice name = rule_dns_make_name(left, question->zone, self->scratch);
    RuleAnswer answer;

    *out_name = name;
    if (self->reasons != NULL && name.len > 0)
        *out_name = barid_slice_from_text(arena_printf(
            self->scratch, "%.*s %s", (int)name.len, (const gchar *)name.data,
            question->type_name));
    if (name.len == 0)
        return RULE_ANSWER_ABSENT;
    answer = question->lookup(question->data, name, question->type, self->scratch, &records,
                              &n_records, out_text);
    if (answer == RULE_ANSWER_FOUND && n_records > 0 && self->reasons != NULL)
        *out_text = rule_value_to_text(&records[0], self->scratch);
    if (answer == RULE_ANSWER_FOUND && question->answers != NULL &&
        !rule_records_match(question->answers, records, n_records))
        return RULE_ANSWER_ABSENT;
    return answer;
}

static void
rule_run_to_text(RuleRun *self, const RuleInstruction *instruction)
{
    BaridSlice text =
        rule_value_to_text(rule_run_get(self, instruction->left), self->scratch);

    self->registers[instruction->target] = (RuleValue){.type = RULE_TEXT, .as.text = text};
}

static gboolean
rule_addresses_equal(const Address *a, const Address *b)
{
    return a->is_v6 == b->is_v6 && memcmp(a->bytes, b->bytes, a->is_v6 ? 16 : 4) == 0;
}

static gboolean
rule_value_is_true(const RuleValue *value)
{
    return value->as.boolean;
}

static gboolean
rule_numbers_equal(const RuleValue *a, const RuleValue *b)
{
    if (a->type == RULE_BOOL)
        return !a->as.boolean == !b->as.boolean;
    return a->as.integer == b->as.integer;
}

/* For ${0} in a branch without patterns. */
static void
rule_run_keep_text(RuleRun *self, const RuleValue *left)
{
    self->captures.count = 1;
    self->captures.text[0] = rule_value_to_text(left, self->scratch);
}

/* Where a test that asks leads. */
static guint32
rule_run_ask(RuleRun *self, const RuleInstruction *test)
{
    const RuleValue *left = rule_run_get(self, test->left);
    BaridSlice text = BARID_SLICE_EMPTY;
    BaridSlice subject;
    RuleAnswer answer;

    if (test->op == RULE_OP_IN_DNS) {
        answer = rule_run_ask_dns(self, test->with.dns, left, &subject, &text);
    } else {
        subject = left->as.text;
        answer = rule_registry_lookup_store(self->scope, test->with.store, left->as.text,
                                            self->scratch, &text);
    }
    if (G_UNLIKELY(self->reasons != NULL))
        rule_reasons_add_answer(self->reasons, test->op == RULE_OP_IN_DNS ? "dns" : "store",
                                subject, answer, text);
    if (answer == RULE_ANSWER_FAILED)
        return rule_run_fail(self, test, text);
    if (answer == RULE_ANSWER_FOUND && test->target != 0)
        rule_run_keep_text(self, left);
    return answer == RULE_ANSWER_FOUND ? test->on_true : test->on_false;
}

/* Where a test leads. */
static guint32
rule_run_test(RuleRun *self, const RuleInstruction *test)
{
    const RuleValue *left = rule_run_get(self, test->left);
    const RuleValue *right = rule_run_get(self, test->right);
    gboolean is_true = FALSE;

    switch ((RuleOp)test->op) {
    case RULE_OP_IS_TRUE:
        is_true = rule_value_is_true(left);
        break;
    case RULE_OP_EQUAL_NUMBER:
        is_true = rule_numbers_equal(left, right);
        break;
    case RULE_OP_EQUAL_TEXT:
        is_true = barid_slice_equal(left->as.text, right->as.text);
        break;
    case RULE_OP_EQUAL_ADDRESS:
        is_true = rule_addresses_equal(&left->as.address, &right->as.address);
        break;
    case RULE_OP_LESS:
        is_true = left->as.integer < right->as.integer;
        break;
    case RULE_OP_LESS_EQUAL:
        is_true = left->as.integer <= right->as.integer;
        break;
    case RULE_OP_STARTS_WITH:
        is_true = text_starts_with(left->as.text, right->as.text);
        break;
    case RULE_OP_ENDS_WITH:
        is_true = text_ends_with(left->as.text, right->as.text);
        break;
    case RULE_OP_CONTAINS:
        is_true = text_contains(left->as.text, right->as.text);
        break;
    case RULE_OP_IN_TEXTS:
        is_true = rule_set_has_text(test->with.set, left->as.text);
        break;
    case RULE_OP_IN_NUMBERS:
        is_true = rule_set_has_number(test->with.set, left->as.integer);
        break;
    case RULE_OP_IN_NETWORKS:
        is_true = rule_set_has_address(test->with.set, &left->as.address);
        break;
    case RULE_OP_IN_LIST:
        is_true = rule_list_has(test->with.list, left, &self->captures);
        break;
    case RULE_OP_MATCHES:
        is_true = rule_regex_match(test->with.regex, left->as.text, &self->captures);
        break;
    case RULE_OP_IN_STORE:
    case RULE_OP_IN_DNS:
        return rule_run_ask(self, test);
    case RULE_OP_RESULT:
    case RULE_OP_CLEAR_CAPTURES:
    case RULE_OP_LOAD:
    case RULE_OP_COPY:
    case RULE_OP_CALL:
    case RULE_OP_TO_TEXT:
    case RULE_OP_CAPTURE:
    case RULE_OP_NAMED:
        g_assert_not_reached();
    }
    if (is_true && test->target != 0)
        rule_run_keep_text(self, left);
    return is_true ? test->on_true : test->on_false;
}

static const RuleResult *
rule_run_program(RuleRun *self)
{
    const BaridRule *rule = self->rule;
    const RuleInstruction *at = &rule->program[rule->start];

    for (;;) {
        switch ((RuleOp)at->op) {
        case RULE_OP_RESULT:
            return &rule->results[at->on_true];
        case RULE_OP_CLEAR_CAPTURES:
            self->captures.count = 0;
            at++;
            break;
        case RULE_OP_LOAD:
            rule_run_load(self, at);
            at++;
            break;
        case RULE_OP_COPY:
            self->registers[at->target] = *rule_run_get(self, at->left);
            at++;
            break;
        case RULE_OP_CALL:
            at = rule_run_call(self, at);
            break;
        case RULE_OP_NAMED:
            if (G_UNLIKELY(self->reasons != NULL))
                rule_reasons_add_named(self->reasons, at->with.named, at->target != 0);
            at = &rule->program[at->on_true];
            break;
        case RULE_OP_CAPTURE:
            rule_run_load_capture(self, at);
            at++;
            break;
        case RULE_OP_TO_TEXT:
            rule_run_to_text(self, at);
            at++;
            break;
        default:
            at = &rule->program[rule_run_test(self, at)];
            break;
        }
    }
}

void
rule_run(const BaridRule *self, BaridScope *scope, RuleReasons *reasons, RuleOutcome *out_outcome)
{
    RuleThread *thread = rule_thread_get();
    const RuleResult *result;
    gint64 number;
    RuleRun run;

    run.rule = self;
    run.constants = self->constants;
    run.captures.count = 0;
    run.has_failed = FALSE;
    run.scope = scope;
    run.reasons = reasons;
    run.scratch = rule_thread_take_arena(thread);
    result = rule_run_program(&run);
    number = result->number;
    if (result->is_computed)
        number = CLAMP(run.registers[0].as.integer, result->minimum, result->maximum);
    *out_outcome =
        (RuleOutcome){.number = number, .branch = result->branch, .items = result->items,
                      .has_failed = run.has_failed};
    if (result->text != NULL)
        out_outcome->text = rule_template_expand(result->text, scope, &run.captures, run.registers,
                                                 run.scratch);
    rule_thread_give_arena(thread, run.scratch);
    if (reasons != NULL)
        rule_reasons_finish(reasons, self, out_outcome);
}

static void
rule_eval_for(const BaridRule *rule, BaridScope *scope, RuleReasons *reasons,
              RuleOutcome *out_outcome)
{
    rule_run(rule, scope, reasons, out_outcome);
    if (G_UNLIKELY(rule->shadow != NULL))
        rule_shadow_compare(rule, scope, out_outcome);
}

static void
rule_eval(const BaridRule *rule, BaridScope *scope, RuleOutcome *out_outcome)
{
    RuleReasons *reasons = rule_reasons_new_wanted(rule);

    rule_eval_for(rule, scope, reasons, out_outcome);
    if (reasons != NULL)
        rule_reasons_keep(reasons);
}

static void
rule_eval_for_record(const BaridRule *rule, BaridScope *scope, Arena *arena,
                     const RuleReasons **out_reasons, RuleOutcome *out_outcome)
{
    RuleReasons *reasons = rule->is_constant ? NULL : rule_reasons_new(rule, arena);

    rule_eval_for(rule, scope, reasons, out_outcome);
    *out_reasons = reasons == NULL ? rule->fixed : reasons;
}

gint64
rule_eval_explained(const BaridRule *rule, BaridScope *scope, Arena *arena,
                    const RuleReasons **out_reasons)
{
    RuleOutcome outcome;

    *out_reasons = NULL;
    if (rule == NULL)
        return 0;
    rule_eval_for_record(rule, scope, arena, out_reasons, &outcome);
    g_free(outcome.text);
    return outcome.number;
}

gchar *
rule_eval_text_explained(const BaridRule *rule, BaridScope *scope, Arena *arena,
                         const RuleReasons **out_reasons)
{
    RuleOutcome outcome;

    *out_reasons = NULL;
    if (rule == NULL)
        return g_strdup("");
    rule_eval_for_record(rule, scope, arena, out_reasons, &outcome);
    return outcome.text != NULL ? outcome.text : g_strdup("");
}

guint
rule_eval_durations_explained(const BaridRule *rule, BaridScope *scope, Arena *arena,
                              const gint64 **out_ms, const RuleReasons **out_reasons)
{
    RuleOutcome outcome;

    *out_ms = NULL;
    *out_reasons = NULL;
    if (rule == NULL)
        return 0;
    rule_eval_for_record(rule, scope, arena, out_reasons, &outcome);
    *out_ms = outcome.items->numbers;
    return outcome.items->count;
}

static gint64
rule_eval_number(const BaridRule *rule, BaridScope *scope)
{
    RuleOutcome outcome;

    if (rule == NULL)
        return 0;
    rule_eval(rule, scope, &outcome);
    g_free(outcome.text);
    return outcome.number;
}

gboolean
barid_rule_eval_bool(const BaridRule *rule, BaridScope *scope)
{
    return rule_eval_number(rule, scope) != 0;
}

gint64
barid_rule_eval_integer(const BaridRule *rule, BaridScope *scope)
{
    return rule_eval_number(rule, scope);
}

gint64
barid_rule_eval_duration(const BaridRule *rule, BaridScope *scope)
{
    return barid_rule_eval_integer(rule, scope);
}

gint64
barid_rule_eval_size(const BaridRule *rule, BaridScope *scope)
{
    return barid_rule_eval_integer(rule, scope);
}

gchar *
barid_rule_eval_text(const BaridRule *rule, BaridScope *scope)
{
    RuleOutcome outcome = {.text = NULL};

    if (rule != NULL)
        rule_eval(rule, scope, &outcome);
    return outcome.text != NULL ? outcome.text : g_strdup("");
}

guint
barid_rule_eval_durations(const BaridRule *rule, BaridScope *scope, const gint64 **out_ms)
{
    RuleOutcome outcome;

    *out_ms = NULL;
    if (rule == NULL)
        return 0;
    rule_eval(rule, scope, &outcome);
    *out_ms = outcome.items->numbers;
    return outcome.items->count;
}

const gchar *const *
barid_rule_eval_list(const BaridRule *rule, BaridScope *scope)
{
    static const gchar *const empty[] = {NULL};
    RuleOutcome outcome;

    if (rule == NULL)
        return empty;
    rule_eval(rule, scope, &outcome);
    return outcome.items->texts;
}

BaridKnown
barid_rule_get_known(const BaridRule *rule)
{
    return rule == NULL ? BARID_KNOWN_ALWAYS : rule->known;
}

gboolean
barid_rule_reads(const BaridRule *rule, const gchar *variable)
{
    for (const RuleUse *use = rule == NULL ? NULL : rule->uses; use != NULL; use = use->next) {
        if (barid_slice_equal_text(use->name, variable))
            return TRUE;
    }
    return FALSE;
}

gboolean
rule_reads_store(const BaridRule *self)
{
    for (guint32 i = 0; self != NULL && i < self->n_instructions; i++) {
        const RuleInstruction *at = &self->program[i];

        if (at->op == RULE_OP_IN_STORE || at->op == RULE_OP_IN_DNS ||
            (at->op == RULE_OP_CALL && at->with.function->kind == RULE_FUNCTION_ASKS))
            return TRUE;
    }
    return FALSE;
}
