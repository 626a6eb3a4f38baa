/* SPDX-License-Identifier: Apache-2.0 */
/* What the core itself decides about sessions and transactions, in their records. */
#include "inbound/session.h"

Decision *
session_decide(BaridScope *scope, BaridStage stage, const gchar *source, BaridVerdict verdict,
               guint code, const gchar *reason, const gchar *text)
{
    Decision *entry = decision_record_add(&scope->decisions, scope->arena, source, stage);

    if (entry == NULL)
        return NULL;
    entry->verdict = verdict;
    entry->code = code;
    entry->reason = reason;
    entry->text = text == NULL ? NULL : arena_dup_text(scope->arena, text);
    return entry;
}

void
session_decide_by(Decision *entry, BaridScope *scope, const RuleReasons *reasons)
{
    if (entry != NULL)
        decision_set_reasons(entry, scope->arena, reasons);
}

SessionStep
session_close_by(Session *self, const gchar *source, const RuleReasons *reasons,
                 const gchar *enhanced, const gchar *reason, const gchar *text)
{
    BaridScope *scope = &self->facts.scope;

    session_decide_by(session_decide(scope, BARID_STAGE_CLOSE, source, BARID_DROP, 421, reason,
                                     text),
                      scope, reasons);
    self->is_cut_off = TRUE;
    return session_close(self, enhanced, reason, text);
}

SessionStep
session_close_over_transfer_limit(Session *self)
{
    return session_close_by(self, "session", self->why.transfer_limit, "4.7.28", "transfer-limit",
                            "you have sent too much");
}
