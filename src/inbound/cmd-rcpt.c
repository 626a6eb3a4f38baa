/* SPDX-License-Identifier: Apache-2.0 */
/* RCPT (RFC 5321 section 4.1.1.3): who is ours, who may relay, and what the directory
 * makes of an address. */
#include "inbound/commands.h"

#include "base/text.h"

#define RCPT_RELAY_DENIED "relay-denied"

static const BaridRecipient *
rcpt_find(Session *self, const BaridRecipient *wanted)
{
    for (guint i = 0; i < self->txn.facts.recipients->len; i++) {
        const BaridRecipient *rcpt = g_ptr_array_index(self->txn.facts.recipients, i);

        if (barid_slice_equal(rcpt->key, wanted->key))
            return rcpt;
    }
    return NULL;
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
    rcpt->canonical = mail_address_dup_canonical(&parsed->address, arena);
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
rcpt_refuse(Session *self, const BaridRecipient *rcpt, guint code, const gchar *enhanced,
            const gchar *reason, const gchar *text)
{
    Decision *entry = session_decide(&self->txn.facts.scope, BARID_STAGE_RCPT, "rcpt",
                                     code >= 500 ? BARID_REJECT : BARID_DEFER, code, reason, text);

    if (entry != NULL)
        entry->subject = session_dup_shown(self->txn.arena, rcpt->address);
    if (strcmp(reason, RCPT_RELAY_DENIED) == 0)
        session_decide_by(entry, &self->txn.facts.scope, "rcpt relay", &self->txn.relay_rule);
    self->n_refusals++;
    counter_add(self->inbound->n_refused, 1);
    return session_reply(self, code, enhanced, "%s", text);
}

/* Unknown addresses cost time, and in number the session (FEATURES RC14). */
static SessionStep
rcpt_refuse_slowly(Session *self, const BaridRecipient *rcpt, const gchar *enhanced,
                   const gchar *reason, const gchar *text)
{
    const RcptSettings *settings = &self->inbound->rcpt;
    BaridTransaction *txn = &self->txn.facts;

    if (++self->n_rcpt_errors >= barid_rule_get_integer(settings->max_errors, txn)) {
        rcpt_refuse(self, rcpt, 550, enhanced, reason, text);
        return session_close(self, "4.7.0", "too-many-unknown", "too many unknown recipients");
    }
    if (!session_delay(self, barid_rule_get_duration(settings->error_delay, txn)))
        return SESSION_BREAKS;
    return rcpt_refuse(self, rcpt, 550, enhanced, reason, text);
}

static gboolean
rcpt_may_relay(Session *self)
{
    const BaridRule *relay = self->inbound->rcpt.relay;
    gboolean may_relay;
    guint branch;

    if (self->facts.user != NULL)
        return TRUE;
    may_relay = barid_rule_get_bool(relay, &self->txn.facts);
    /* At once: others evaluate rules while this one waits. */
    rule_get_last_branch(relay, &self->txn.relay_rule, &branch);
    return may_relay;
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
    entry->subject = session_dup_shown(scope->arena, rcpt->address);
    if (result->answer == DIRECTORY_MAILBOX) {
        decision_add_input(entry, scope->arena, "user", result->user);
        decision_add_input(entry, scope->arena, "transport", result->transport);
    } else if (result->answer == DIRECTORY_ALIAS) {
        for (guint i = 0; i < MIN(result->n_targets, 5); i++)
            decision_add_input(entry, scope->arena, "target",
                               session_dup_shown(scope->arena, result->targets[i]));
    } else if (self->facts.user != NULL) {
        decision_add_input(entry, scope->arena, "authenticated-as", self->facts.user);
    } else {
        session_decide_by(entry, scope, "rcpt relay", &self->txn.relay_rule);
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
            rcpt_refuse_slowly(self, rcpt, "5.1.1", "unknown-recipient", "no such user here");
        return FALSE;
    }
    if (result.answer == DIRECTORY_NOT_LOCAL && !rcpt_may_relay(self)) {
        /* Who is refused because nobody could tell may come again. */
        if (rule_has_last_failed(self->inbound->rcpt.relay)) {
            *out_step = rcpt_refuse(self, rcpt, 451, "4.7.1", "relay-undecided",
                                    "cannot tell now whether relaying is allowed");
            return FALSE;
        }
        *out_step =
            rcpt_refuse_slowly(self, rcpt, "5.7.1", RCPT_RELAY_DENIED, "relaying is not allowed");
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
    if (rcpt_find(self, rcpt) != NULL)
        return session_reply(self, 250, "2.1.5", "recipient accepted");
    if (txn->recipients->len >= (guint)self->txn.max_recipients)
        return rcpt_refuse(self, rcpt, 452, "4.5.3", "max-recipients", "too many recipients");
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
    g_ptr_array_add(txn->recipients, rcpt);
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
