/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Witness: what was found and decided about the session and transaction of a dialogue, while
 * they last and afterwards. Verdicts are those since the client's last command.
 */
#ifndef DIALOGUE_WITNESS_H
#define DIALOGUE_WITNESS_H

#include "host/scope.h"
#include "inbound/inbound.h"

typedef struct {
    BaridVerdict verdict;
    guint code;
    gchar *source; /* module or core area */
    gchar *file;   /* of the rule, or NULL */
    guint line;
    gchar *reason; /* or NULL */
} WitnessDecision;

typedef struct {
    BaridSession *session;   /* at hand, or NULL; the same for the transaction */
    BaridTransaction *txn;
    guint session_mark, txn_mark; /* decisions made before the last command */
    GPtrArray *decisions;    /* of WitnessDecision *: of what has ended since */
    gboolean keeps_records;
    gchar *session_record, *txn_record; /* JSON of those that have ended, when it keeps them */
    GHashTable *findings;    /* name -> value, of the last transaction, and of a session that
                                has ended */
} Witness;

void witness_init(Witness *self);
void witness_clear(Witness *self);
/* For inbound_set_witness(); (witness) is what it says. */
void witness_see(InboundEvent event, BaridScope *scope, gpointer witness);
/* A command follows: what was decided until now is not its doing. */
void witness_begin_command(Witness *self);
/* The strictest applied decision since then, the last one of several; NULL when there was none.
 * Borrowed until the next call. */
const WitnessDecision *witness_get_decision(Witness *self);
/* The decisions of the session and of the transaction, at hand or the last one, as a JSON array
 * of two objects; caller owns it. Needs (keeps_records). */
gchar *witness_dup_record(const Witness *self);
/* The value, or NULL. */
const gchar *witness_get_finding(const Witness *self, const gchar *name);
/* "name = value, ..." of all; caller owns it. */
gchar *witness_dup_findings(const Witness *self);

#endif
