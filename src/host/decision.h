/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision record: what was decided about a session, message or attempt, by whom and
 * why. Compact and bounded: entries beyond DECISIONS_MAX are counted, not kept. It lives
 * in the scope's arena and is written as JSON when the message is queued or the session
 * ends.
 */
#ifndef DECISION_H
#define DECISION_H

#include <barid/module.h>

#include "base/arena.h"
#include "base/json-writer.h"
#include "conf/rule-reasons.h"

#define DECISIONS_MAX 512
/* The reason of an entry about a rule that could not look something up. */
#define DECISION_LOOKUP_FAILED "look-up-failed"

typedef struct DecisionInput {
    struct DecisionInput *next;
    const gchar *key;
    const gchar *value;
} DecisionInput;

typedef struct Decision {
    struct Decision *next;
    const gchar *source;   /* module name, or a core area such as "rcpt" */
    BaridStage stage;
    BaridVerdict verdict;
    guint code;            /* reply code, 0 without one */
    const gchar *enhanced; /* or NULL */
    const gchar *reason;   /* short id, or NULL */
    const gchar *text;     /* reply or error text, or NULL */
    const gchar *subject;  /* the recipient concerned, or NULL */
    gboolean shadow;       /* recorded, not applied */
    gboolean differs;      /* a shadow's: what was done is something else */
    gboolean overruled;    /* a stricter verdict stood already */
    gint64 wall_ms;
    gint64 duration_us;
    ConfigPosition rule;   /* file NULL without one */
    DecisionInput *inputs;
    const RuleReasons *reasons; /* of the rules that it comes of, linked; or NULL */
} Decision;

typedef struct {
    Decision *first, *last;
    guint count;
    guint dropped;
    gboolean differs; /* some entry does */
} DecisionRecord;

/* In the JSON of a record in which a shadow differs, and in no other's. */
#define DECISION_DIFFERS_JSON "\"differs\":true"

/* A new entry at the end, zeroed but for source, stage and time; NULL when full. */
Decision *decision_record_add(DecisionRecord *self, Arena *arena, const gchar *source,
                              BaridStage stage);
/* Marks a shadow's entry as one that would have changed something. */
void decision_record_mark(DecisionRecord *self, Decision *entry);
void decision_add_input(Decision *self, Arena *arena, const gchar *key, const gchar *value);
/* Says that the rule with (reasons), which may be NULL, decided. */
void decision_set_reasons(Decision *self, Arena *arena, const RuleReasons *reasons);
/* Writes one entry as an object of an array. In its object "inputs", a key that was added
 * several times has an array of its values. */
void decision_write(const Decision *self, JsonWriter *writer);
/* Writes an array under (key): one object per entry. */
void decision_record_write(const DecisionRecord *self, JsonWriter *writer, const gchar *key);

const gchar *decision_stage_name(BaridStage stage);
const gchar *decision_verdict_name(BaridVerdict verdict);

#endif
