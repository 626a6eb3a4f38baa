/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core itself decides about sessions and transactions: a refusal, an acceptance, the
 * end of a session. Each has an entry in the record of decisions, with the setting that it
 * comes of.
 */
#ifndef INBOUND_SESSION_DECIDE_H
#define INBOUND_SESSION_DECIDE_H

#include "host/scope.h"

typedef struct Session Session;

typedef enum {
    SESSION_GOES_ON,
    SESSION_ENDS,  /* after the reply was sent */
    SESSION_BREAKS, /* the connection is of no use any more */
} SessionStep;

/* Notes a decision of the core itself. (scope) session or transaction. */
Decision *session_decide(BaridScope *scope, BaridStage stage, const gchar *source,
                         BaridVerdict verdict, guint code, const gchar *reason,
                         const gchar *text);
/* Notes that the rule of (reasons) decided; (entry) and (reasons) may be NULL. */
void session_decide_by(Decision *entry, BaridScope *scope, const RuleReasons *reasons);
/* Ends the session with 421 because of a limit that (reasons) set: it is in the record. (source) is
 * the area of the limit, such as "session". */
BARID_SUSPENDS SessionStep session_close_by(Session *self, const gchar *source,
                                            const RuleReasons *reasons, const gchar *enhanced,
                                            const gchar *reason, const gchar *text);
BARID_SUSPENDS SessionStep session_close_over_transfer_limit(Session *self);
#endif
