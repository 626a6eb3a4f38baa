/* SPDX-License-Identifier: Apache-2.0 */
/* MAIL (RFC 5321 section 4.1.1.2) and its parameters' policy. */
#include "inbound/commands.h"

#include "base/clock.h"

static SessionStep
mail_refuse_size(Session *self)
{
    BaridScope *scope = &self->txn.facts.scope;
    const gchar *text = arena_printf(scope->arena, "the message is larger than %" G_GINT64_FORMAT,
                                     self->txn.max_size);
    Decision *entry =
        session_decide(scope, BARID_STAGE_MAIL, "data", BARID_REJECT, 552, "too-large", text);

    if (entry != NULL)
        decision_add_input(entry, scope->arena, "announced",
                           arena_printf(scope->arena, "%" G_GUINT64_FORMAT,
                                        self->txn.mail.size_bytes));
    session_decide_by(entry, scope, self->txn.why_max_size);
    self->n_refusals++;
    counter_add(self->inbound->n_refused, 1);
    return session_reply(self, 552, "5.3.4", "%s", text);
}

/* A parameter of an extension that was not offered is refused as if unknown (RFC 5321
 * section 4.1.1.11: 555). */
static SessionStep
mail_check_parameters(Session *self, const SmtpMail *mail)
{
    if ((mail->has_envid || mail->ret != SMTP_RET_NONE) && !self->offer.dsn)
        return session_reply(self, 555, "5.5.4", "DSN parameters are not available");
    if (mail->body == SMTP_BODY_BINARYMIME && !self->offer.chunking)
        return session_reply(self, 555, "5.5.4", "BINARYMIME is not available");
    if (mail->smtputf8 && !self->offer.smtputf8)
        return session_reply(self, 555, "5.5.4", "SMTPUTF8 is not available");
    /* RFC 6531 section 3.5. */
    if (!mail->address.is_ascii && mail->address.full.len > 0 && !mail->smtputf8)
        return session_reply(self, 553, "5.6.7", "that address needs SMTPUTF8");
    if (mail->has_size && self->txn.max_size > 0 && mail->size_bytes > (guint64)self->txn.max_size)
        return mail_refuse_size(self);
    return SESSION_GOES_ON;
}

static SessionStep
mail_refuse_unknown(Session *self, const RuleReasons *why)
{
    static const gchar text[] = "authentication is required";
    BaridScope *scope = &self->facts.scope;

    session_decide_by(session_decide(scope, BARID_STAGE_MAIL, "auth", BARID_REJECT, 530,
                                     "auth-required", text),
                      scope, why);
    self->n_refusals++;
    counter_add(self->inbound->n_refused, 1);
    return session_reply(self, 530, "5.7.0", "%s", text);
}

/* A client may say MAIL and RSET for ever: what the rule was asked with is the session's only
 * when it refuses. */
static SessionStep
mail_check_user(Session *self)
{
    const BaridRule *require = self->inbound->auth.require;
    g_autoptr(Arena) scratch = NULL;
    const RuleReasons *why;

    if (barid_rule_is_constant(require) && !barid_rule_get_bool(require, &self->facts))
        return SESSION_GOES_ON;
    scratch = arena_new(1024);
    if (rule_eval_explained(require, &self->facts.scope, scratch, &why) == 0)
        return SESSION_GOES_ON;
    return mail_refuse_unknown(self, why);
}

static SessionStep
mail_check_state(Session *self)
{
    if (!self->greeted && barid_rule_get_bool(self->inbound->ehlo.require, &self->facts))
        return session_reply(self, 503, "5.5.1", "say %s first",
                             self->facts.lmtp ? "LHLO" : "EHLO");
    if (self->txn.open)
        return session_reply(self, 503, "5.5.1", "there is a transaction already");
    return self->facts.user == NULL ? mail_check_user(self) : SESSION_GOES_ON;
}

static gboolean
mail_has_messages_left(Session *self, const RuleReasons **out_why)
{
    return self->n_messages < (guint)rule_eval_explained(self->inbound->data.max_messages,
                                                         &self->txn.facts.scope, self->txn.arena,
                                                         out_why);
}

/* Every failure forgets the sender; the client may send another MAIL (FEATURES MA7). */
static SessionStep
mail_fail(Session *self, SessionStep step)
{
    transaction_end(self);
    return step;
}

SessionStep
cmd_mail(Session *self, const SmtpCommand *command)
{
    guint errors = self->n_errors;
    SessionStep step = mail_check_state(self);
    const RuleReasons *why;
    HostOutcome outcome;

    if (step != SESSION_GOES_ON || self->n_errors != errors)
        return step;
    transaction_begin(self, &command->as.mail);
    self->txn.max_size =
        rule_eval_explained(self->inbound->data.max_size, &self->txn.facts.scope, self->txn.arena,
                            &self->txn.why_max_size);
    step = mail_check_parameters(self, &self->txn.mail);
    if (step != SESSION_GOES_ON || self->n_errors != errors)
        return mail_fail(self, step);
    if (!mail_has_messages_left(self, &why)) {
        why = rule_reasons_keep_in(why, self->arena);
        transaction_end(self);
        return session_close_by(self, "data", why, "4.5.3", "messages-per-session",
                                "no more messages in this session");
    }
    host_run(self->inbound->services.host, BARID_STAGE_MAIL, &self->txn.facts.scope, NULL,
             &outcome);
    if (outcome.verdict >= BARID_DEFER) {
        step = session_reply_outcome(self, &outcome);
        return mail_fail(self, step);
    }
    /* Behind the hooks: it may depend on what they find (FEATURES CR16). */
    self->txn.max_recipients =
        rule_eval_explained(self->inbound->rcpt.max_recipients, &self->txn.facts.scope,
                            self->txn.arena, &self->txn.why_max_recipients);
    return session_reply(self, 250, "2.1.0", "sender accepted");
}
