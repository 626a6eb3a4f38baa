/* SPDX-License-Identifier: Apache-2.0 */
#include "inbound/session.h"

#include <pwd.h>
#include <stdarg.h>

#include "base/chance.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "inbound/commands.h"

static const SessionCommand session_commands[SMTP_N_VERBS] = {
    [SMTP_EHLO] = cmd_ehlo,     [SMTP_HELO] = cmd_helo,     [SMTP_LHLO] = cmd_lhlo,
    [SMTP_MAIL] = cmd_mail,     [SMTP_RCPT] = cmd_rcpt,     [SMTP_DATA] = cmd_data,
    [SMTP_BDAT] = cmd_bdat,     [SMTP_RSET] = cmd_simple,   [SMTP_NOOP] = cmd_simple,
    [SMTP_VRFY] = cmd_vrfy,     [SMTP_EXPN] = cmd_vrfy,     [SMTP_HELP] = cmd_simple,
    [SMTP_QUIT] = cmd_simple,   [SMTP_STARTTLS] = cmd_starttls, [SMTP_AUTH] = cmd_auth,
    [SMTP_ETRN] = cmd_simple,   [SMTP_ATRN] = cmd_simple,   [SMTP_BURL] = cmd_simple,
};

enum { SESSION_FIRST_CHUNK = 512, SESSION_REPLY_MAX = 2048 };

/* --- replies --- */

static SessionStep
session_put_reply(Session *self, guint code, const gchar *enhanced, const gchar *text)
{
    guint8 bytes[SESSION_REPLY_MAX];
    Buffer out = {.data = bytes, .capacity = sizeof bytes, .limit = sizeof bytes};

    if (!smtp_reply_append(&out, code, enhanced, text))
        return SESSION_BREAKS;
    if (!stream_put(self->stream, buffer_get_slice(&out), NULL))
        return SESSION_BREAKS;
    return code == 221 || code == 421 ? SESSION_ENDS : SESSION_GOES_ON;
}

SessionStep
session_close(Session *self, const gchar *enhanced, const gchar *reason, const gchar *text)
{
    gchar line[400];

    self->end_reason = reason;
    g_snprintf(line, sizeof line, "%s %s", self->hostname, text);
    return session_put_reply(self, 421, enhanced, line) == SESSION_BREAKS ? SESSION_BREAKS
                                                                         : SESSION_ENDS;
}

gboolean
session_has_too_many_errors(Session *self)
{
    return self->n_errors >= rule_eval_explained(self->inbound->session.max_errors,
                                                 &self->facts.scope, self->arena,
                                                 &self->why.max_errors);
}

SessionStep
session_reply(Session *self, guint code, const gchar *enhanced, const gchar *format, ...)
{
    gchar formatted[1024];
    const gchar *text = format;
    va_list args;
    SessionStep step;

    /* Most replies are fixed texts, in which there is nothing to format. */
    if (strchr(format, '%') != NULL) {
        va_start(args, format);
        g_vsnprintf(formatted, sizeof formatted, format, args);
        va_end(args);
        text = formatted;
    }
    step = session_put_reply(self, code, enhanced, text);
    if (step != SESSION_GOES_ON || code < 500)
        return step;
    /* Errors, not commands, are counted: a long honest session must not run into the
     * limit meant for harvesters. */
    self->n_errors++;
    if (session_has_too_many_errors(self))
        return session_close_by(self, "session", self->why.max_errors, "4.7.0",
                                "too-many-errors", "too many errors");
    return SESSION_GOES_ON;
}

SessionStep
session_reply_outcome(Session *self, const HostOutcome *outcome)
{
    self->n_refusals++;
    counter_add(self->inbound->n_refused, 1);
    if (outcome->verdict == BARID_DROP)
        return session_close(self, outcome->enhanced, outcome->reason, outcome->text);
    return session_reply(self, outcome->code, outcome->enhanced, "%s", outcome->text);
}

void
session_tell(const Session *self, InboundEvent event, BaridScope *scope)
{
    if (self->inbound->witness != NULL)
        self->inbound->witness(event, scope, self->inbound->witness_data);
}

gboolean
session_delay(Session *self, gint64 duration_ms)
{
    if (duration_ms <= 0)
        return TRUE;
    return stream_flush(self->stream, NULL) && barid_sleep(duration_ms, NULL);
}

/* --- the dialogue --- */

static SessionStep
session_parse_error(Session *self, const SmtpCommand *command)
{
    gchar parameter[80];

    g_snprintf(parameter, sizeof parameter, "%.*s", (int)MIN(command->parameter.len, 60),
               command->parameter.len > 0 ? (const gchar *)command->parameter.data : "");
    switch (command->result) {
    case SMTP_BAD_ADDRESS:
        /* RFC 3463: 5.1.7 is a bad sender's syntax, 5.1.3 a recipient's. */
        return session_reply(self, 501, command->verb == SMTP_MAIL ? "5.1.7" : "5.1.3",
                             "bad address: %s",
                             mail_address_result_describe(command->address_result));
    case SMTP_BAD_PARAMETER:
        return session_reply(self, 501, "5.5.4", "bad parameter %s", parameter);
    case SMTP_UNKNOWN_PARAMETER:
        return session_reply(self, 555, "5.5.4", "unknown parameter %s", parameter);
    default:
        return session_reply(self, 501, "5.5.2", "syntax: %s", smtp_verb_usage(command->verb));
    }
}

static SessionStep
session_execute(Session *self, BaridSlice line)
{
    SmtpCommand command;

    smtp_command_parse(line, &command);
    if (command.verb == SMTP_UNKNOWN)
        return session_reply(self, 500, "5.5.1", "command not recognised");
    if (command.result != SMTP_PARSED)
        return session_parse_error(self, &command);
    return session_commands[command.verb](self, &command);
}

static SessionStep
session_lost(Session *self, const GError *error)
{
    if (self->thread->draining || g_error_matches(error, FIBER_ERROR, BARID_ERROR_CANCELLED))
        return session_close(self, "4.3.2", "shutdown", "shutting down, please come back");
    if (g_error_matches(error, FIBER_ERROR, BARID_ERROR_TIMEOUT)) {
        if (clock_monotonic_ms() >= self->ends_ms)
            return session_close_by(self, "session", self->why.duration, "4.3.2", "loiter",
                                    "the session has lasted too long");
        return session_close_by(self, "session", self->why.timeout, "4.4.2", "timeout",
                                "timeout, closing");
    }
    self->end_reason = g_error_matches(error, NET_ERROR, BARID_ERROR_CLOSED) ? "peer" : "error";
    return SESSION_BREAKS;
}

static gboolean
session_has_line(Session *self)
{
    BaridSlice input = stream_get_input(self->stream);

    return text_find(barid_slice(input.data + self->reader.pending,
                                 input.len - self->reader.pending), '\n') >= 0;
}

/* Replies wait while whole commands are here already (RFC 2920 section 3.2). */
static SessionStep
session_next(Session *self)
{
    g_autoptr(GError) error = NULL;
    gint64 deadline = fiber_deadline_push(self->timeout_ms);
    BaridSlice line;
    LineResult result;

    if (!session_has_line(self) && !stream_flush(self->stream, NULL))
        return SESSION_BREAKS;
    self->waiting = !self->txn.open;
    result = line_reader_next(&self->reader, SESSION_LINE_MAX, &line, &error);
    self->waiting = FALSE;
    fiber_deadline_restore(deadline);
    if (result == LINE_FAILED)
        return session_lost(self, error);
    if (result == LINE_TOO_LONG)
        return session_reply(self, 500, "5.5.2", "line too long");
    if (stream_get_n_received(self->stream) > (guint64)self->transfer_limit)
        return session_close_over_transfer_limit(self);
    return session_execute(self, line);
}

static SessionStep
session_greet(Session *self)
{
    g_autofree gchar *greeting = NULL;
    HostOutcome outcome;

    host_run(self->inbound->services.host, BARID_STAGE_CONNECT, &self->facts.scope, NULL, &outcome);
    if (outcome.verdict >= BARID_DEFER) {
        self->n_refusals++;
        self->end_reason = outcome.reason != NULL ? outcome.reason : "policy";
        /* RFC 5321 section 3.1: 554 instead of the greeting; 421 for later. */
        if (outcome.verdict == BARID_REJECT)
            session_put_reply(self, 554, outcome.enhanced, outcome.text);
        else
            session_close(self, outcome.enhanced, self->end_reason, outcome.text);
        return SESSION_ENDS;
    }
    greeting = barid_rule_dup_text(self->listener->settings.greeting, &self->facts);
    return session_reply(self, 220, NULL, "%s %s", self->hostname, greeting);
}

static gboolean
session_begin_tls(Session *self)
{
    g_autoptr(GError) error = NULL;
    gint64 deadline;
    gboolean ok;

    if (self->listener->settings.tls != LISTENER_TLS_IMPLICIT)
        return TRUE;
    deadline = fiber_deadline_push(self->timeout_ms);
    ok = stream_start_tls_server(self->stream, self->listener->tls, &error);
    fiber_deadline_restore(deadline);
    if (!ok) {
        self->end_reason = "tls";
        barid_log(BARID_LOG_INFO, "tls.failed", "session", self->facts.id, "error",
                  error->message, NULL);
        return FALSE;
    }
    self->facts.tls_version = stream_get_tls(self->stream)->version;
    self->facts.tls_cipher = stream_get_tls(self->stream)->cipher;
    return TRUE;
}

static void
session_dialogue(Session *self)
{
    SessionStep step;
    HostOutcome outcome;

    if (!session_begin_tls(self))
        return;
    if (self->facts.tls_version != NULL) {
        host_run(self->inbound->services.host, BARID_STAGE_TLS, &self->facts.scope, NULL, &outcome);
        if (outcome.verdict >= BARID_DEFER) {
            session_close(self, "4.7.0", "policy", outcome.text);
            stream_flush(self->stream, NULL);
            return;
        }
    }
    step = session_greet(self);
    while (step == SESSION_GOES_ON)
        step = session_next(self);
    if (step == SESSION_ENDS) {
        gint64 deadline = fiber_deadline_push(10000);

        /* A cancelled session still says its 421. */
        if (!stream_finish(self->stream, NULL))
            stream_end(self->stream);
        fiber_deadline_restore(deadline);
    }
}

/* --- life --- */

void
session_forget(Session *self)
{
    transaction_end(self);
    self->greeted = FALSE;
    self->extended = FALSE;
    self->facts.helo = BARID_SLICE_EMPTY;
    self->facts.helo_domain = BARID_SLICE_EMPTY;
    self->offer = (SessionOffer){0};
}

/* Who comes over a unix socket is a user of this host: the kernel says who. */
static void
session_identify_local(Session *self)
{
    static const Address loopback = {.bytes = {127, 0, 0, 1}};
    gchar buffer[1024];
    struct passwd entry, *found = NULL;
    uid_t uid;

    if (!self->listener->is_local || !stream_get_peer_user(self->stream, &uid))
        return;
    self->facts.remote = self->facts.local = loopback;
    self->facts.user = getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found != NULL
                           ? arena_dup_text(self->arena, found->pw_name)
                           : arena_printf(self->arena, "uid-%u", (guint)uid);
}

/* What a rule makes of it may be no name. */
static const gchar *
session_choose_hostname(Session *self)
{
    g_autofree gchar *name = barid_rule_dup_text(self->listener->settings.hostname, &self->facts);

    if (*name == '\0')
        return self->listener->hostname;
    if (mail_domain_is_valid(barid_slice_from_text(name)))
        return arena_dup_text(self->arena, name);
    barid_log(BARID_LOG_WARNING, "session.bad-hostname", "session", self->facts.id, "listener",
              self->listener->name, NULL);
    return self->listener->hostname;
}

static void
session_init(Session *self, InboundThread *thread, InboundListener *listener, Stream *stream,
             const Address *remote, const Address *local)
{
    Inbound *inbound = thread->inbound;

    self->thread = thread;
    self->inbound = inbound;
    self->listener = listener;
    self->stream = stream;
    line_reader_init(&self->reader, stream);
    fiber_group_init(&self->observers, thread->scheduler);
    scope_init(&self->facts.scope, SCOPE_SESSION, self->arena, NULL, &self->observers);
    self->facts.remote = *remote;
    self->facts.local = *local;
    self->facts.listener = listener->name;
    session_identify_local(self);
    self->facts.lmtp = listener->settings.protocol == LISTENER_LMTP;
    g_snprintf(self->facts.id, sizeof self->facts.id, "s%012" G_GINT64_MODIFIER "x",
               chance_u64() >> 16);
    self->hostname = session_choose_hostname(self);
    self->facts.hostname = self->hostname;
    self->mechanisms = barid_rule_eval_list(NULL, NULL);
    self->timeout_ms = rule_eval_explained(inbound->session.timeout, &self->facts.scope,
                                           self->arena, &self->why.timeout);
    self->transfer_limit = rule_eval_explained(inbound->session.transfer_limit,
                                               &self->facts.scope, self->arena,
                                               &self->why.transfer_limit);
    self->started_ms = clock_wall_ms();
    self->end_reason = "quit";
    self->next = thread->first;
    if (self->next != NULL)
        self->next->previous = self;
    thread->first = self;
    session_tell(self, INBOUND_SESSION_BEGINS, &self->facts.scope);
}

static void
session_unlink(Session *self)
{
    if (self->previous != NULL)
        self->previous->next = self->next;
    else
        self->thread->first = self->next;
    if (self->next != NULL)
        self->next->previous = self->previous;
}

/* What its messages' records do not say of it. */
static gboolean
session_is_memorable(const Session *self)
{
    return self->n_refusals > 0 || self->is_cut_off || self->keeps_differences ||
           (self->facts.scope.decisions.differs && self->n_messages == 0);
}

/* A session in which something was refused can be explained afterwards. */
static void
session_remember(Session *self)
{
    g_autoptr(GString) document = NULL;
    gchar ip[ADDRESS_TEXT_MAX];
    JsonWriter writer;

    if (!session_is_memorable(self) || self->inbound->services.queue == NULL)
        return;
    document = g_string_sized_new(512);
    json_writer_init(&writer, document);
    json_writer_begin_object(&writer, NULL);
    json_writer_text(&writer, "kind", "session");
    json_writer_text(&writer, "id", self->facts.id);
    json_writer_time(&writer, "created", self->started_ms);
    json_writer_time(&writer, "finished", clock_wall_ms());
    json_writer_text(&writer, "listener", self->listener->name);
    json_writer_text(&writer, "remote_ip", address_format_ip(&self->facts.remote, ip));
    json_writer_slice(&writer, "helo", self->facts.helo);
    json_writer_text(&writer, "user", self->facts.user);
    json_writer_text(&writer, "end", self->end_reason);
    json_writer_integer(&writer, "messages", self->n_messages);
    decision_record_write(&self->facts.scope.decisions, &writer, "decisions");
    json_writer_end_object(&writer);
    queue_note_session(self->inbound->services.queue, self->facts.id,
                       g_string_free(g_steal_pointer(&document), FALSE));
}

static void
session_log_end(const Session *self)
{
    gchar ip[ADDRESS_TEXT_MAX];
    gchar messages[12];

    if (!log_is_enabled(BARID_LOG_DEBUG))
        return;
    g_snprintf(messages, sizeof messages, "%u", self->n_messages);
    barid_log(BARID_LOG_DEBUG, "session.end", "session", self->facts.id, "remote-ip",
              address_format_ip(&self->facts.remote, ip), "reason", self->end_reason, "messages",
              messages, NULL);
}

/* What observers of the session are still looking up is of no use to anybody any more, and
 * would keep the session among those that limits count. */
static void
session_end_observers(Session *self)
{
    fiber_group_cancel(&self->observers);
    fiber_group_join(&self->observers);
    fiber_group_init(&self->observers, self->thread->scheduler);
}

static void
session_finish(Session *self)
{
    HostOutcome outcome;

    transaction_end(self);
    session_end_observers(self);
    if (host_has_hooks(self->inbound->services.host, BARID_STAGE_CLOSE))
        host_run(self->inbound->services.host, BARID_STAGE_CLOSE, &self->facts.scope, NULL,
                 &outcome);
    fiber_group_join(&self->observers);
    session_tell(self, INBOUND_SESSION_ENDS, &self->facts.scope);
    session_remember(self);
    session_log_end(self);
    session_unlink(self);
    if (self->txn.arena != NULL)
        arena_free(self->txn.arena);
    /* The session itself is in its arena. */
    arena_free(self->arena);
}

void
session_run(InboundThread *thread, InboundListener *listener, Stream *stream_taken,
            const Address *remote, const Address *local)
{
    Arena *arena = arena_new(sizeof(Session) + SESSION_FIRST_CHUNK);
    Session *self = arena_new0(arena, Session);
    gint64 duration_ms;
    gint64 deadline;

    self->arena = arena;
    session_init(self, thread, listener, stream_taken, remote, local);
    duration_ms = rule_eval_explained(thread->inbound->session.duration, &self->facts.scope, arena,
                                      &self->why.duration);
    self->ends_ms = clock_monotonic_ms() + duration_ms;
    deadline = fiber_deadline_push(duration_ms);
    session_dialogue(self);
    fiber_deadline_restore(deadline);
    /* The client is rid of us before the book-keeping. */
    stream_end(self->stream);
    stream_free(self->stream);
    self->stream = NULL;
    session_finish(self);
}
