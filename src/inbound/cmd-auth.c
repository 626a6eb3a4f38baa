/* SPDX-License-Identifier: Apache-2.0 */
/* AUTH (RFC 4954) with PLAIN (RFC 4616) and LOGIN, inside TLS unless a rule says otherwise. */
#include "inbound/commands.h"

#include "base/text.h"

enum { AUTH_DECODED_MAX = 9216 };

/* What the client sent, decoded; wiped when it goes. */
typedef struct {
    guint8 *data;
    gsize len;
} AuthSecret;

static void
auth_secret_clear(AuthSecret *self)
{
    if (self->data != NULL)
        gnutls_memset(self->data, 0, self->len);
    g_free(self->data);
    *self = (AuthSecret){NULL, 0};
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AuthSecret, auth_secret_clear)

/* Strict base64: alphabet, padding, length (RFC 4648 section 3.2 and 3.3). */
static gboolean
auth_decode(BaridSlice text, AuthSecret *out)
{
    gint state = 0;
    guint save = 0;
    gsize padding = 0;

    if (text.len % 4 != 0 || text.len > AUTH_DECODED_MAX)
        return FALSE;
    while (padding < 2 && padding < text.len && text.data[text.len - 1 - padding] == '=')
        padding++;
    for (gsize i = 0; i + padding < text.len; i++) {
        if (!g_ascii_isalnum(text.data[i]) && text.data[i] != '+' && text.data[i] != '/')
            return FALSE;
    }
    out->data = g_malloc(text.len + 1);
    out->len = text.len == 0 ? 0
                             : g_base64_decode_step((const gchar *)text.data, text.len, out->data,
                                                    &state, &save);
    return TRUE;
}

typedef enum { AUTH_OK, AUTH_CANCELLED, AUTH_MALFORMED, AUTH_TOO_LONG, AUTH_LOST } AuthStep;

static AuthStep
auth_read(Session *self, AuthSecret *out)
{
    gint64 deadline = fiber_deadline_push(self->timeout_ms);
    g_autoptr(GError) error = NULL;
    BaridSlice line;
    LineResult result = line_reader_next(&self->reader, SESSION_AUTH_LINE_MAX, &line, &error);

    fiber_deadline_restore(deadline);
    if (result == LINE_FAILED)
        return AUTH_LOST;
    if (result == LINE_TOO_LONG)
        return AUTH_TOO_LONG;
    if (barid_slice_equal_text(line, "*"))
        return AUTH_CANCELLED;
    return auth_decode(line, out) ? AUTH_OK : AUTH_MALFORMED;
}

static AuthStep
auth_ask(Session *self, const gchar *challenge, AuthSecret *out)
{
    if (session_reply(self, 334, NULL, "%s", challenge) != SESSION_GOES_ON ||
        !stream_flush(self->stream, NULL))
        return AUTH_LOST;
    return auth_read(self, out);
}

/* "=" is an empty initial response (RFC 4954 section 4). */
static AuthStep
auth_first(Session *self, const SmtpCommand *command, const gchar *challenge, AuthSecret *out)
{
    if (!command->as.auth.has_initial)
        return auth_ask(self, challenge, out);
    if (barid_slice_equal_text(command->as.auth.initial, "="))
        return auth_decode(BARID_SLICE_EMPTY, out) ? AUTH_OK : AUTH_MALFORMED;
    return auth_decode(command->as.auth.initial, out) ? AUTH_OK : AUTH_MALFORMED;
}

/* (why_directory) is NULL where nobody was looked for. */
static SessionStep
auth_refuse(Session *self, const RuleReasons *why_directory)
{
    const RuleReasons *why;

    session_decide_by(session_decide(&self->facts.scope, BARID_STAGE_AUTH, "auth", BARID_REJECT,
                                     535, "bad-credentials", "authentication failed"),
                      &self->facts.scope, why_directory);
    self->n_refusals++;
    if (!session_delay(self,
                       barid_rule_get_duration(self->inbound->auth.error_delay, &self->facts)))
        return SESSION_BREAKS;
    if (++self->n_auth_errors >= rule_eval_explained(self->inbound->auth.max_errors,
                                                     &self->facts.scope, self->arena, &why)) {
        session_reply(self, 535, "5.7.8", "authentication failed");
        return session_close_by(self, "auth", why, "4.7.0", "auth-errors",
                                "too many failed authentications");
    }
    return session_reply(self, 535, "5.7.8", "authentication failed");
}

/* Nobody can tell whether the password is right (RFC 4954 section 6); it does not count. */
static SessionStep
auth_put_off(Session *self, const RuleReasons *why, const gchar *what)
{
    barid_log(BARID_LOG_WARNING, "auth.unavailable", "session", self->facts.id, "error", what,
              NULL);
    session_decide_by(session_decide(&self->facts.scope, BARID_STAGE_AUTH, "auth", BARID_DEFER,
                                     454, "auth-undecided", what),
                      &self->facts.scope, why);
    return session_reply(self, 454, "4.7.0", "cannot check that now");
}

static SessionStep
auth_check(Session *self, BaridSlice name, BaridSlice password)
{
    const RuleReasons *why;
    g_autofree gchar *directory = rule_eval_text_explained(
        self->inbound->auth.directory, &self->facts.scope, self->arena, &why);
    g_autoptr(GError) error = NULL;
    gboolean valid = FALSE;
    const gchar *user = NULL;
    HostOutcome outcome;

    if (why != NULL && why->has_failed)
        return auth_put_off(self, why, "the rule for the directory could not look something up");
    if (!directories_authenticate(self->inbound->services.directories, directory, name, password,
                                  self->arena, &valid, &user, &error))
        return auth_put_off(self, why, error->message);
    if (!valid) {
        g_autofree gchar *shown = text_escape(name, 100);

        barid_log(BARID_LOG_INFO, "auth.failed", "session", self->facts.id, "user", shown, NULL);
        return auth_refuse(self, why);
    }
    self->facts.user = user;
    host_run(self->inbound->services.host, BARID_STAGE_AUTH, &self->facts.scope, NULL, &outcome);
    if (outcome.verdict >= BARID_DEFER) {
        self->facts.user = NULL;
        return session_reply_outcome(self, &outcome);
    }
    barid_log(BARID_LOG_INFO, "auth.succeeded", "session", self->facts.id, "user", user, NULL);
    return session_reply(self, 235, "2.7.0", "authenticated");
}

static SessionStep
auth_answer(Session *self, AuthStep step)
{
    switch (step) {
    case AUTH_CANCELLED:
        return session_reply(self, 501, "5.7.0", "authentication cancelled");
    case AUTH_MALFORMED:
        return session_reply(self, 501, "5.5.2", "that is not valid base64");
    case AUTH_TOO_LONG:
        /* RFC 4954 section 6. */
        return session_reply(self, 500, "5.5.6", "authentication exchange line is too long");
    default:
        self->end_reason = "peer";
        return SESSION_BREAKS;
    }
}

/* RFC 4616: [authzid] NUL authcid NUL passwd. Acting for others is not supported. */
static SessionStep
auth_plain(Session *self, const SmtpCommand *command)
{
    g_auto(AuthSecret) message = {NULL, 0};
    AuthStep step = auth_first(self, command, "", &message);
    BaridSlice all, authzid, authcid;
    gssize first, second;

    if (step != AUTH_OK)
        return auth_answer(self, step);
    all = barid_slice(message.data, message.len);
    first = text_find(all, 0);
    second = first < 0
                 ? -1
                 : text_find(barid_slice(all.data + first + 1, all.len - (gsize)first - 1), 0);
    if (second < 1)
        return session_reply(self, 501, "5.5.2", "malformed PLAIN message");
    authzid = barid_slice(all.data, (gsize)first);
    authcid = barid_slice(all.data + first + 1, (gsize)second);
    if (authzid.len > 0 && !barid_slice_equal_nocase(authzid, authcid))
        return auth_refuse(self, NULL);
    return auth_check(self, authcid,
                      barid_slice(all.data + first + second + 2,
                                  all.len - (gsize)first - (gsize)second - 2));
}

static SessionStep
auth_login(Session *self, const SmtpCommand *command)
{
    g_auto(AuthSecret) name = {NULL, 0};
    g_auto(AuthSecret) password = {NULL, 0};
    AuthStep step = auth_first(self, command, "VXNlcm5hbWU6", &name);

    if (step == AUTH_OK)
        step = auth_ask(self, "UGFzc3dvcmQ6", &password);
    if (step != AUTH_OK)
        return auth_answer(self, step);
    return auth_check(self, barid_slice(name.data, name.len),
                      barid_slice(password.data, password.len));
}

static gboolean
auth_is_offered(Session *self, BaridSlice mechanism)
{
    for (const gchar *const *name = self->mechanisms; *name != NULL; name++) {
        if (barid_slice_equal_nocase(mechanism, barid_slice_from_text(*name)))
            return TRUE;
    }
    return FALSE;
}

SessionStep
cmd_auth(Session *self, const SmtpCommand *command)
{
    BaridSlice mechanism = command->as.auth.mechanism;

    if (!self->extended || self->txn.open)
        return session_reply(self, 503, "5.5.1", "AUTH belongs behind EHLO, before MAIL");
    if (self->facts.user != NULL)
        return session_reply(self, 503, "5.5.1", "authenticated already");
    if (self->mechanisms[0] == NULL)
        return session_reply(self, 502, "5.5.1", "AUTH is not available");
    if (self->facts.tls_version == NULL && !self->offer.auth)
        return session_reply(self, 538, "5.7.11", "encryption is required for that");
    if (!auth_is_offered(self, mechanism))
        return session_reply(self, 504, "5.5.4", "mechanism not available");
    if (barid_slice_equal_nocase(mechanism, BARID_SLICE_LITERAL("PLAIN")))
        return auth_plain(self, command);
    if (barid_slice_equal_nocase(mechanism, BARID_SLICE_LITERAL("LOGIN")))
        return auth_login(self, command);
    return session_reply(self, 504, "5.5.4", "mechanism not available");
}
