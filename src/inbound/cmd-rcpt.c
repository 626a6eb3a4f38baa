/* SPDX-License-Identifier: Apache-2.0 */
/* RCPT (RFC 5321 section 4.1.1.3): who is ours, who may relay, and what the directory
 * makes of an address. */
#include "inbound/commands.h"

#include "base/text.h"

/* So many recipients are looked through as fast as a table of them is made. */
enum { RCPT_FEW = 8 };

static gboolean
rcpt_is_known(const Session *self, const BaridRecipient *wanted)
{
    const GPtrArray *recipients = self->txn.facts.recipients;

    if (self->txn.known != NULL)
        return g_hash_table_contains(self->txn.known, &wanted->key);
    for (guint i = 0; i < recipients->len; i++) {
        const BaridRecipient *rcpt = g_ptr_array_index(recipients, i);

        if (barid_slice_equal(rcpt->key, wanted->key))
            return TRUE;
    }
    return FALSE;
}

static void
rcpt_keep(Session *self, BaridRecipient *rcpt)
{
    GPtrArray *recipients = self->txn.facts.recipients;

    g_ptr_array_add(recipients, rcpt);
    if (self->txn.known != NULL) {
        g_hash_table_add(self->txn.known, &rcpt->key);
    } else if (recipients->len > RCPT_FEW) {
        self->txn.known = g_hash_table_new(text_slice_hash, text_slice_equal);
        for (guint i = 0; i < recipients->len; i++)
            g_hash_table_add(self->txn.known,
                             &((BaridRecipient *)g_ptr_array_index(recipients, i))->key);
    }
}

static SessionStep
rcpt_check_parameters(Session *self, const SmtpRcpt *rcpt)
{
    if ((rcpt->notify != 0 || rcpt->has_orcpt) && !self->offer.dsn)
        return session_reply(self, 555, "5.5.4", "DSN parameters are not available");
    if (!rcpt->address.is_ascii && !self->txn.mail.smtputf8)
        return session_reply(self, 553, "5.6.7", "that address needs SMTPUTF8");
    return SESSION_GOES_ON;
}

static BaridRecipient *
rcpt_new(Session *self, const SmtpRcpt *parsed)
{
    Arena *arena = self->txn.arena;
    BaridRecipient *rcpt = arena_new0(arena, BaridRecipient);

    rcpt->address = arena_dup_slice(arena, parsed->address.full);
    rcpt->canonical = mail_address_dup_lower(&parsed->address, arena);
    rcpt->domain = arena_dup_lower(arena, parsed->address.domain);
    rcpt->key = directories_dup_key(self->inbound->services.directories, &parsed->address, arena);
    rcpt->notify = parsed->notify;
    if (parsed->has_orcpt) {
        rcpt->orcpt_type = arena_dup_slice(arena, parsed->orcpt_type);
        if (!smtp_orcpt_decode(parsed->orcpt_type, parsed->orcpt_address, arena,
                               &rcpt->orcpt_address))
            rcpt->orcpt_type = BARID_SLICE_EMPTY;
        else
            rcpt->orcpt_address = arena_dup_slice(arena, rcpt->orcpt_address);
    }
    return rcpt;
}

static SessionStep
rcpt_refuse_by(Session *self, const BaridRecipient *rcpt, const RuleReasons *why, guint code,
               const gchar *enhanced, const gchar *reason, const gchar *text)
{
    Decision *entry = session_decide(&self->txn.facts.scope, BARID_STAGE_RCPT, "rcpt",
                                     code >= 500 ? BARID_REJECT : BARID_DEFER, code, reason, text);

    if (entry != NULL)
        entry->subject = arena_dup_slice_text(self->txn.arena, rcpt->address);
    session_decide_by(entry, &self->txn.facts.scope, why);
    self->n_refusals++;
    counter_add(self->inbound->n_refused, 1);
    return session_reply(self, code, enhanced, "%s", text);
}

static SessionStep
rcpt_refuse(Session *self, const BaridRecipient *rcpt, guint code, const gchar *enhanced,
            const gchar *reason, const gchar *text)
{
    return rcpt_refuse_by(self, rcpt, NULL, code, enhanced, reason, text);
}

/* Unknown addresses cost time, and in number the session (FEATURES RC14). */
static SessionStep
rcpt_refuse_slowly(Session *self, const BaridRecipient *rcpt, const RuleReasons *why,
                   const gchar *enhanced, const gchar *reason, const gchar *text)
{
    const RcptSettings *settings = &self->inbound->rcpt;
    BaridTransaction *txn = &self->txn.facts;
    const RuleReasons *why_closed;

    if (++self->n_rcpt_errors >=
        rule_eval_explained(settings->max_errors, &txn->scope, self->txn.arena, &why_closed)) {
        rcpt_refuse_by(self, rcpt, why, 550, enhanced, reason, text);
        return session_close_by(self, "rcpt", why_closed, "4.7.0", "too-many-unknown",
                                "too many unknown recipients");
    }
    if (!session_delay(self, barid_rule_get_duration(settings->error_delay, txn)))
        return SESSION_BREAKS;
    return rcpt_refuse_by(self, rcpt, why, 550, enhanced, reason, text);
}

static gboolean
rcpt_may_relay(Session *self)
{
    return self->facts.user != NULL ||
           rule_eval_explained(self->inbound->rcpt.relay, &self->txn.facts.scope, self->txn.arena,
                               &self->txn.why_relay) != 0;
}

/* Why the address was taken: what an explanation begins with. */
static void
rcpt_decide(Session *self, const BaridRecipient *rcpt, const DirectoryResult *result)
{
    static const gchar *const reasons[] = {
        [DIRECTORY_MAILBOX] = "mailbox",
        [DIRECTORY_ALIAS] = "alias",
    };
    BaridScope *scope = &self->txn.facts.scope;
    const gchar *reason = result->answer == DIRECTORY_NOT_LOCAL
                              ? (self->facts.user != NULL ? "relay-authenticated" : "relay-rule")
                              : reasons[result->answer];
    Decision *entry =
        session_decide(scope, BARID_STAGE_RCPT, "rcpt", BARID_CONTINUE, 0, reason, NULL);

    if (entry == NULL)
        return;
    entry->subject = arena_dup_slice_text(scope->arena, rcpt->address);
    if (result->answer == DIRECTORY_MAILBOX) {
        decision_add_input(entry, scope->arena, "user", result->user);
        decision_add_input(entry, scope->arena, "transport", result->transport);
    } else if (result->answer == DIRECTORY_ALIAS) {
        for (guint i = 0; i < MIN(result->n_targets, 5); i++)
            decision_add_input(entry, scope->arena, "target",
                               arena_dup_slice_text(scope->arena, result->targets[i]));
    } else if (self->facts.user != NULL) {
        decision_add_input(entry, scope->arena, "authenticated-as", self->facts.user);
    } else {
        session_decide_by(entry, scope, self->txn.why_relay);
    }
}

static void
rcpt_set_targets(Session *self, BaridRecipient *rcpt, const DirectoryResult *result)
{
    if (result->answer == DIRECTORY_ALIAS) {
        rcpt->targets = result->targets;
        rcpt->n_targets = result->n_targets;
        return;
    }
    rcpt->targets = arena_alloc(self->txn.arena, sizeof(BaridSlice));
    rcpt->targets[0] = rcpt->address;
    rcpt->n_targets = 1;
}

/* TRUE when the address is taken; (*out_step) is the step otherwise. */
static gboolean
rcpt_resolve(Session *self, const SmtpRcpt *parsed, BaridRecipient *rcpt, SessionStep *out_step)
{
    g_autoptr(GError) error = NULL;
    DirectoryResult result;

    if (!directories_resolve(self->inbound->services.directories, &parsed->address,
                             self->txn.arena, &result, &error)) {
        barid_log(BARID_LOG_WARNING, "directory.failed", "session", self->facts.id, "error",
                  error->message, NULL);
        *out_step = rcpt_refuse(self, rcpt, 451, "4.4.3", "directory-failed",
                                "cannot look that up now");
        return FALSE;
    }
    if (result.answer == DIRECTORY_UNKNOWN) {
        *out_step =
            rcpt_refuse_slowly(self, rcpt, NULL, "5.1.1", "unknown-recipient",
                               "no such user here");
        return FALSE;
    }
    if (result.answer == DIRECTORY_NOT_LOCAL && !rcpt_may_relay(self)) {
        /* Who is refused because nobody could tell may come again. */
        const RuleReasons *why = self->txn.why_relay;

        *out_step = why->has_failed
                        ? rcpt_refuse_by(self, rcpt, why, 451, "4.7.1", "relay-undecided",
                                         "cannot tell now whether relaying is allowed")
                        : rcpt_refuse_slowly(self, rcpt, why, "5.7.1", "relay-denied",
                                             "relaying is not allowed");
        return FALSE;
    }
    rcpt_decide(self, rcpt, &result);
    rcpt_set_targets(self, rcpt, &result);
    return TRUE;
}

static SessionStep
rcpt_add(Session *self, const SmtpRcpt *parsed)
{
    BaridTransaction *txn = &self->txn.facts;
    BaridRecipient *rcpt = rcpt_new(self, parsed);
    const BaridRecipient *previous = txn->current;
    HostOutcome outcome;
    SessionStep step;

    /* Taken once, whatever the spelling of its case (FEATURES RC10). */
    if (rcpt_is_known(self, rcpt))
        return session_reply(self, 250, "2.1.5", "recipient accepted");
    if (txn->recipients->len >= (guint)self->txn.max_recipients)
        return rcpt_refuse_by(self, rcpt, self->txn.why_max_recipients, 452, "4.5.3",
                              "max-recipients", "too many recipients");
    txn->current = rcpt;
    if (!rcpt_resolve(self, parsed, rcpt, &step)) {
        txn->current = previous;
        return step;
    }
    host_run(self->inbound->services.host, BARID_STAGE_RCPT, &txn->scope, rcpt, &outcome);
    if (outcome.verdict >= BARID_DEFER) {
        txn->current = previous;
        return session_reply_outcome(self, &outcome);
    }
    rcpt_keep(self, rcpt);
    return session_reply(self, 250, "2.1.5", "recipient accepted");
}

SessionStep
cmd_rcpt(Session *self, const SmtpCommand *command)
{
    guint errors = self->n_errors;
    SessionStep step;

    if (!self->txn.open || self->txn.in_bdat)
        return session_reply(self, 503, "5.5.1", "say MAIL first");
    step = rcpt_check_parameters(self, &command->as.rcpt);
    if (step != SESSION_GOES_ON || self->n_errors != errors)
        return step;
    return rcpt_add(self, &command->as.rcpt);
}
