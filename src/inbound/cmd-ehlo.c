/* SPDX-License-Identifier: Apache-2.0 */
/* EHLO, HELO (RFC 5321 section 4.1.1.1) and LHLO (RFC 2033 section 4.1). */
#include "inbound/commands.h"

static SessionStep
ehlo_check_name(Session *self, BaridSlice name)
{
    BaridScope *scope = &self->facts.scope;
    g_autoptr(Arena) scratch = NULL;
    const RuleReasons *why;
    gboolean strict;

    if (mail_domain_is_fqdn(name))
        return SESSION_GOES_ON;
    /* A client may say EHLO for ever: only a refusal keeps what it was decided by. */
    scratch = arena_new(1024);
    strict = rule_eval_explained(self->inbound->ehlo.reject_non_fqdn, scope, scratch, &why) != 0;
    if (!strict && mail_domain_is_valid(name))
        return SESSION_GOES_ON;
    session_decide_by(session_decide(scope, BARID_STAGE_EHLO, "ehlo", BARID_REJECT, 550,
                                     "bad-name", "no fully qualified name"),
                      scope, strict ? why : NULL);
    self->n_refusals++;
    session_reply(self, 550, "5.5.0", "that is no fully qualified name or address literal");
    return SESSION_ENDS; /* of this command */
}

/* Checks and keeps the name; TRUE when the greeting may be answered. (*out_step) is the
 * step otherwise. */
static gboolean
ehlo_accept(Session *self, BaridSlice name, SessionStep *out_step)
{
    BaridSlice old_helo = self->facts.helo;
    BaridSlice old_domain = self->facts.helo_domain;
    HostOutcome outcome;

    *out_step = SESSION_GOES_ON;
    if (self->greeted && barid_slice_equal_nocase(name, self->facts.helo)) {
        transaction_end(self);
        return TRUE; /* all checks were made already */
    }
    /* RFC 5321 section 4.1.4: a refused name leaves everything as it was. */
    if (ehlo_check_name(self, name) != SESSION_GOES_ON) {
        if (session_has_too_many_errors(self))
            *out_step = SESSION_ENDS;
        return FALSE;
    }
    self->facts.helo = arena_dup_slice(self->arena, name);
    self->facts.helo_domain = arena_dup_lower(self->arena, name);
    host_run(self->inbound->services.host, BARID_STAGE_EHLO, &self->facts.scope, NULL, &outcome);
    if (outcome.verdict >= BARID_DEFER) {
        self->facts.helo = old_helo;
        self->facts.helo_domain = old_domain;
        *out_step = session_reply_outcome(self, &outcome);
        return FALSE;
    }
    transaction_end(self);
    return TRUE;
}

static void
ehlo_make_offer(Session *self)
{
    const ExtensionSettings *rules = &self->inbound->extensions;
    gboolean tls = self->facts.tls_version != NULL;

    self->mechanisms = barid_rule_get_list(self->inbound->auth.mechanisms, &self->facts);
    self->offer = (SessionOffer){
        .pipelining = barid_rule_get_bool(rules->pipelining, &self->facts),
        .chunking = barid_rule_get_bool(rules->chunking, &self->facts),
        .dsn = barid_rule_get_bool(rules->dsn, &self->facts),
        .smtputf8 = barid_rule_get_bool(rules->smtputf8, &self->facts),
        .vrfy = barid_rule_get_bool(rules->vrfy, &self->facts),
        .expn = barid_rule_get_bool(rules->expn, &self->facts),
        .starttls = !tls && self->listener->settings.tls == LISTENER_TLS_STARTTLS &&
                    self->listener->tls != NULL,
        /* Only plain-text mechanisms exist: they are offered where they may be used (RFC 4954
         * section 4). */
        .auth = self->facts.user == NULL && self->mechanisms[0] != NULL &&
                (tls || barid_rule_get_bool(self->inbound->auth.allow_plain_text, &self->facts)),
    };
}

static SessionStep
ehlo_answer(Session *self)
{
    const gchar *lines[16];
    guint n = 0;
    gchar size[40];
    gchar mechanisms[200];
    g_autofree gchar *list = NULL;
    guint8 bytes[2048];
    Buffer out = {.data = bytes, .capacity = sizeof bytes, .limit = sizeof bytes};
    gint64 max_size = barid_rule_get_size(self->inbound->data.max_size, &self->facts);

    lines[n++] = self->hostname;
    if (self->offer.pipelining)
        lines[n++] = "PIPELINING";
    g_snprintf(size, sizeof size, "SIZE %" G_GINT64_FORMAT, max_size);
    lines[n++] = size;
    lines[n++] = "8BITMIME";
    if (self->offer.chunking) {
        lines[n++] = "CHUNKING";
        lines[n++] = "BINARYMIME";
    }
    if (self->offer.smtputf8)
        lines[n++] = "SMTPUTF8";
    if (self->offer.dsn)
        lines[n++] = "DSN";
    if (self->offer.starttls)
        lines[n++] = "STARTTLS";
    if (self->offer.auth) {
        list = g_strjoinv(" ", (gchar **)(guintptr)self->mechanisms);
        g_snprintf(mechanisms, sizeof mechanisms, "AUTH %s", list);
        lines[n++] = mechanisms;
    }
    if (self->offer.vrfy)
        lines[n++] = "VRFY";
    if (self->offer.expn)
        lines[n++] = "EXPN";
    lines[n++] = "HELP";
    lines[n++] = "ENHANCEDSTATUSCODES";
    if (!smtp_reply_append_lines(&out, 250, lines, n) ||
        !stream_put(self->stream, buffer_get_slice(&out), NULL))
        return SESSION_BREAKS;
    return SESSION_GOES_ON;
}

static SessionStep
ehlo_extended(Session *self, const SmtpCommand *command)
{
    SessionStep step;

    if (!ehlo_accept(self, command->as.argument, &step))
        return step;
    self->greeted = TRUE;
    self->extended = TRUE;
    ehlo_make_offer(self);
    return ehlo_answer(self);
}

SessionStep
cmd_ehlo(Session *self, const SmtpCommand *command)
{
    if (self->facts.lmtp)
        return session_reply(self, 500, "5.5.1", "this is LMTP, say LHLO");
    return ehlo_extended(self, command);
}

SessionStep
cmd_lhlo(Session *self, const SmtpCommand *command)
{
    if (!self->facts.lmtp)
        return session_reply(self, 502, "5.5.1", "this is SMTP, say EHLO");
    return ehlo_extended(self, command);
}

SessionStep
cmd_helo(Session *self, const SmtpCommand *command)
{
    SessionStep step;

    if (self->facts.lmtp)
        return session_reply(self, 500, "5.5.1", "this is LMTP, say LHLO");
    if (!ehlo_accept(self, command->as.argument, &step))
        return step;
    self->greeted = TRUE;
    self->extended = FALSE;
    self->offer = (SessionOffer){0};
    return session_reply(self, 250, NULL, "%s", self->hostname);
}
