/* SPDX-License-Identifier: Apache-2.0 */
#include "host/decision.h"

#include "base/clock.h"

static const gchar *const decision_stages[BARID_N_STAGES] = {
    "connect", "tls",  "ehlo",   "auth",  "mail",   "rcpt",   "data",   "message",
    "recipient", "seal", "queued", "route", "policy", "result", "notify", "close",
};

static const gchar *const decision_verdicts[] = {
    "continue", "accept", "hold", "quarantine", "discard", "defer", "reject", "drop", "fail",
};

const gchar *
decision_stage_name(BaridStage stage)
{
    return decision_stages[stage];
}

const gchar *
decision_verdict_name(BaridVerdict verdict)
{
    return decision_verdicts[verdict];
}

Decision *
decision_record_add(DecisionRecord *self, Arena *arena, const gchar *source, BaridStage stage)
{
    Decision *entry;

    if (self->count >= DECISIONS_MAX) {
        self->dropped++;
        return NULL;
    }
    entry = arena_new0(arena, Decision);
    entry->source = source;
    entry->stage = stage;
    entry->wall_ms = clock_wall_ms();
    if (self->last == NULL)
        self->first = entry;
    else
        self->last->next = entry;
    self->last = entry;
    self->count++;
    return entry;
}

void
decision_record_mark(DecisionRecord *self, Decision *entry)
{
    entry->differs = TRUE;
    self->differs = TRUE;
}

void
decision_add_input(Decision *self, Arena *arena, const gchar *key, const gchar *value)
{
    DecisionInput *input = arena_new0(arena, DecisionInput);
    DecisionInput **end = &self->inputs;

    while (*end != NULL)
        end = &(*end)->next;
    input->key = arena_dup_text(arena, key);
    input->value = arena_dup_text(arena, value);
    *end = input;
}

void
decision_set_reasons(Decision *self, Arena *arena, const RuleReasons *reasons)
{
    if (reasons == NULL)
        return;
    decision_add_input(self, arena, "setting", reasons->setting);
    if (reasons->value != NULL)
        self->reasons = rule_reasons_keep_in(reasons, arena);
    if (g_strcmp0(reasons->position.file, "default") != 0)
        self->rule = reasons->position;
}

static void
decision_write_reasons(const RuleReasons *reasons, JsonWriter *writer)
{
    json_writer_begin_array(writer, "rules");
    for (; reasons != NULL; reasons = reasons->next)
        rule_reasons_write(reasons, writer);
    json_writer_end_array(writer);
}

static void
decision_write_optional(JsonWriter *writer, const gchar *key, const gchar *value)
{
    if (value != NULL)
        json_writer_text(writer, key, value);
}

/* The next one with the key of (input). */
static const DecisionInput *
decision_find_next(const DecisionInput *input)
{
    const gchar *key = input->key;

    do
        input = input->next;
    while (input != NULL && strcmp(input->key, key) != 0);
    return input;
}

/* An object has each key once: what was explained several times is an array, in that order.
 * There are HOOK_INPUTS_MAX inputs at most. */
static void
decision_write_inputs(const DecisionInput *inputs, JsonWriter *writer)
{
    json_writer_begin_object(writer, "inputs");
    for (const DecisionInput *input = inputs; input != NULL; input = input->next) {
        const DecisionInput *first = inputs;

        while (strcmp(first->key, input->key) != 0)
            first = first->next;
        if (first != input)
            continue;
        if (decision_find_next(input) == NULL) {
            json_writer_text(writer, input->key, input->value);
            continue;
        }
        json_writer_begin_array(writer, input->key);
        for (; first != NULL; first = decision_find_next(first))
            json_writer_text(writer, NULL, first->value);
        json_writer_end_array(writer);
    }
    json_writer_end_object(writer);
}

void
decision_write(const Decision *self, JsonWriter *writer)
{
    json_writer_begin_object(writer, NULL);
    json_writer_time(writer, "time", self->wall_ms);
    json_writer_text(writer, "stage", decision_stages[self->stage]);
    json_writer_text(writer, "source", self->source);
    json_writer_text(writer, "verdict", decision_verdicts[self->verdict]);
    if (self->code != 0)
        json_writer_integer(writer, "code", self->code);
    decision_write_optional(writer, "enhanced", self->enhanced);
    decision_write_optional(writer, "reason", self->reason);
    decision_write_optional(writer, "text", self->text);
    decision_write_optional(writer, "subject", self->subject);
    if (self->shadow)
        json_writer_bool(writer, "shadow", TRUE);
    if (self->differs)
        json_writer_bool(writer, "differs", TRUE);
    if (self->overruled)
        json_writer_bool(writer, "overruled", TRUE);
    if (self->rule.file != NULL) {
        json_writer_text(writer, "file", self->rule.file);
        json_writer_integer(writer, "line", self->rule.line);
    }
    json_writer_integer(writer, "duration_us", self->duration_us);
    if (self->inputs != NULL)
        decision_write_inputs(self->inputs, writer);
    if (self->reasons != NULL)
        decision_write_reasons(self->reasons, writer);
    json_writer_end_object(writer);
}

void
decision_record_write(const DecisionRecord *self, JsonWriter *writer, const gchar *key)
{
    json_writer_begin_array(writer, key);
    for (const Decision *entry = self->first; entry != NULL; entry = entry->next)
        decision_write(entry, writer);
    json_writer_end_array(writer);
}
