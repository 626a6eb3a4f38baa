/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rule-reasons.h"

#include "base/text.h"
#include "base/units.h"
#include "conf/rule-items.h"
#include "conf/rule-program.h"

/* Filled once while the floors above start, before any rule is evaluated. */
static struct {
    RuleReasonsWants wants;
    RuleReasonsKeep keep;
} rule_reasons_keeper;

void
rule_reasons_register(RuleReasonsWants wants, RuleReasonsKeep keep)
{
    rule_reasons_keeper.wants = wants;
    rule_reasons_keeper.keep = keep;
}

RuleReasons *
rule_reasons_new(const BaridRule *rule, Arena *arena)
{
    RuleReasons *self = arena_new0(arena, RuleReasons);

    self->arena = arena;
    self->setting = rule->setting;
    self->conditions = arena_alloc(arena, RULE_REASONS_CONDITIONS_MAX * sizeof *self->conditions);
    self->inputs = arena_alloc(arena, RULE_REASONS_INPUTS_MAX * sizeof *self->inputs);
    return self;
}

RuleReasons *
rule_reasons_new_wanted(const BaridRule *rule)
{
    Arena *arena = rule->is_constant || rule_reasons_keeper.wants == NULL
                       ? NULL
                       : rule_reasons_keeper.wants();

    return arena == NULL ? NULL : rule_reasons_new(rule, arena);
}

void
rule_reasons_keep(RuleReasons *self)
{
    rule_reasons_keeper.keep(self);
}

/* --- while the rule runs --- */

static const gchar *
reasons_dup_text(const RuleReasons *self, BaridSlice text)
{
    g_autofree gchar *shown = text_escape(text, RULE_REASONS_TEXT_MAX);

    return arena_dup_text(self->arena, shown);
}

/* NULL when (name) is there already, or nothing more is kept. */
static RuleReasonInput *
reasons_add_input(RuleReasons *self, const gchar *name)
{
    for (guint i = 0; i < self->n_inputs; i++) {
        if (strcmp(self->inputs[i].name, name) == 0)
            return NULL;
    }
    if (self->n_inputs == RULE_REASONS_INPUTS_MAX) {
        self->n_dropped++;
        return NULL;
    }
    self->inputs[self->n_inputs].name = arena_dup_text(self->arena, name);
    return &self->inputs[self->n_inputs++];
}

void
rule_reasons_add(RuleReasons *self, const gchar *name, const RuleValue *value)
{
    RuleReasonInput *input = reasons_add_input(self, name);

    if (input != NULL)
        input->value = reasons_dup_text(self, rule_value_to_text(value, self->arena));
}

void
rule_reasons_add_answer(RuleReasons *self, const gchar *what, BaridSlice subject,
                        RuleAnswer answer, BaridSlice text)
{
    g_autofree gchar *shown = text_escape(subject, RULE_REASONS_TEXT_MAX);
    g_autofree gchar *name = g_strdup_printf("%s %s", what, shown);
    RuleReasonInput *input = reasons_add_input(self, name);

    if (input == NULL)
        return;
    if (answer == RULE_ANSWER_FAILED)
        input->value = "failed";
    else if (text.len > 0)
        input->value = reasons_dup_text(self, text);
    else
        input->value = answer == RULE_ANSWER_FOUND ? "found" : "absent";
}

void
rule_reasons_add_named(RuleReasons *self, const RuleNamedShown *rule, gboolean held)
{
    for (guint i = 0; i < self->n_named; i++) {
        if (strcmp(self->named[i].rule->name, rule->name) == 0)
            return;
    }
    if (self->n_named == RULE_REASONS_NAMED_MAX) {
        self->n_dropped++;
        return;
    }
    if (self->named == NULL)
        self->named = arena_alloc(self->arena, RULE_REASONS_NAMED_MAX * sizeof *self->named);
    self->named[self->n_named++] = (RuleReasonNamed){.rule = rule, .held = held};
}

/* --- when it has run --- */

gchar *
rule_outcome_format(BaridSettingType type, const RuleOutcome *outcome)
{
    switch (type) {
    case BARID_TYPE_CONDITION:
    case BARID_TYPE_RULE_BOOL:
        return g_strdup(outcome->number != 0 ? "yes" : "no");
    case BARID_TYPE_RULE_SIZE:
        return units_format_size(outcome->number);
    case BARID_TYPE_RULE_DURATION:
        return units_format_duration(outcome->number);
    case BARID_TYPE_RULE_TEXT:
        return g_strdup(outcome->text == NULL ? "" : outcome->text);
    case BARID_TYPE_RULE_DURATIONS:
    case BARID_TYPE_RULE_LIST:
        return rule_items_format(outcome->items);
    default:
        return g_strdup_printf("%" G_GINT64_FORMAT, outcome->number);
    }
}

static void
reasons_add_condition(RuleReasons *self, const gchar *text, gboolean held)
{
    guint at = self->n_conditions;

    if (text == NULL)
        return;
    /* The one that held, or was the last to be tried, says most: it takes the last place. */
    if (at == RULE_REASONS_CONDITIONS_MAX) {
        at--;
        self->n_dropped++;
    } else {
        self->n_conditions++;
    }
    self->conditions[at] = (RuleReasonCondition){.text = text, .held = held};
}

void
rule_reasons_finish(RuleReasons *self, const BaridRule *rule, const RuleOutcome *outcome)
{
    g_autofree gchar *value = NULL;
    guint last = outcome->branch;

    self->branch = outcome->branch;
    self->position = rule->branches[outcome->branch];
    self->has_failed = outcome->has_failed;
    value = rule_outcome_format(rule->type, outcome);
    self->value = reasons_dup_text(self, barid_slice_from_text(value));
    if (rule->has_failure_branch && last + 1 == rule->n_branches)
        last = self->failed_branch;
    for (guint i = 0; i <= last && i < rule->n_branches; i++)
        reasons_add_condition(self, rule->shown[i].condition, i == outcome->branch);
    if (last == outcome->branch)
        reasons_add_condition(self, rule->shown[last].value, outcome->number != 0);
}

/* --- keeping --- */

const RuleReasons *
rule_reasons_keep_in(const RuleReasons *self, Arena *arena)
{
    RuleReasons *copy;

    if (self == NULL || self->arena == NULL || self->arena == arena)
        return self;
    copy = arena_new0(arena, RuleReasons);
    *copy = *self;
    copy->arena = arena;
    copy->next = rule_reasons_keep_in(self->next, arena);
    copy->value = arena_dup_text(arena, self->value);
    copy->conditions = arena_alloc(arena, self->n_conditions * sizeof *copy->conditions);
    for (guint i = 0; i < self->n_conditions; i++)
        copy->conditions[i] = self->conditions[i];
    copy->named = arena_alloc(arena, self->n_named * sizeof *copy->named);
    for (guint i = 0; i < self->n_named; i++)
        copy->named[i] = self->named[i];
    copy->inputs = arena_alloc(arena, self->n_inputs * sizeof *copy->inputs);
    for (guint i = 0; i < self->n_inputs; i++) {
        copy->inputs[i].name = arena_dup_text(arena, self->inputs[i].name);
        copy->inputs[i].value = arena_dup_text(arena, self->inputs[i].value);
    }
    return copy;
}

static void
reasons_write_named(const RuleReasonNamed *named, JsonWriter *writer)
{
    json_writer_begin_object(writer, NULL);
    json_writer_text(writer, "name", named->rule->name);
    json_writer_text(writer, "text", named->rule->condition);
    json_writer_bool(writer, "held", named->held);
    json_writer_text(writer, "file", named->rule->position.file);
    json_writer_integer(writer, "line", named->rule->position.line);
    json_writer_end_object(writer);
}

void
rule_reasons_write(const RuleReasons *self, JsonWriter *writer)
{
    if (self->value == NULL)
        return;
    json_writer_begin_object(writer, NULL);
    json_writer_text(writer, "setting", self->setting);
    json_writer_text(writer, "value", self->value);
    json_writer_text(writer, "file", self->position.file);
    json_writer_integer(writer, "line", self->position.line);
    if (self->has_failed)
        json_writer_bool(writer, "failed", TRUE);
    json_writer_begin_array(writer, "conditions");
    for (guint i = 0; i < self->n_conditions; i++) {
        json_writer_begin_object(writer, NULL);
        json_writer_text(writer, "text", self->conditions[i].text);
        json_writer_bool(writer, "held", self->conditions[i].held);
        json_writer_end_object(writer);
    }
    json_writer_end_array(writer);
    if (self->n_named > 0) {
        json_writer_begin_array(writer, "named");
        for (guint i = 0; i < self->n_named; i++)
            reasons_write_named(&self->named[i], writer);
        json_writer_end_array(writer);
    }
    json_writer_begin_object(writer, "inputs");
    for (guint i = 0; i < self->n_inputs; i++)
        json_writer_text(writer, self->inputs[i].name, self->inputs[i].value);
    json_writer_end_object(writer);
    if (self->n_dropped > 0)
        json_writer_integer(writer, "dropped", self->n_dropped);
    json_writer_end_object(writer);
}
