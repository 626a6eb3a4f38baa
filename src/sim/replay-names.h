/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ReplayNames: what a replay knows of the domain name system, and what it does not: the answers
 * that the records of decisions hold, those of the record at hand first; a zone text; a name
 * server. A question that none of them answers finds nothing, and is noted.
 */
#ifndef REPLAY_NAMES_H
#define REPLAY_NAMES_H

#include <json-glib/json-glib.h>

#include "base/json-writer.h"
#include "dns/resolver.h"
#include "sim/dialogue.h"

typedef struct ReplayNames ReplayNames;

/* (sources) is borrowed. NULL when the zone text is wrong. */
ReplayNames *replay_names_new(const ReplaySources *sources, GError **error);
/* Which asks (self), and is freed with it. */
DnsResolver *replay_names_get_resolver(ReplayNames *self);
void replay_names_free(ReplayNames *self);
/* Recorded answers: "NAME TYPE" and a text as recorded_answer_read() reads it; borrowed, NULL for
 * none. They hold until the next call. */
void replay_names_set_all(ReplayNames *self, JsonObject *answers);
/* The same, of the record at hand. Forgets what was unanswered for the one before. */
void replay_names_begin_record(ReplayNames *self, JsonObject *answers);
/* "unanswered": the questions of the record at hand; nothing when there were none. */
void replay_names_write_record(const ReplayNames *self, JsonWriter *writer);
/* "lookups" and "unanswered": the number of different questions, and of those that nothing
 * answered; "unanswered_names": some of these. */
void replay_names_write_all(const ReplayNames *self, JsonWriter *writer);

#endif
