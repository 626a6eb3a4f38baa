/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a connection. */
#include "outbound/smtp-client.h"

#include "outbound/smtp-client-private.h"

enum { QUIT_TIMEOUT_MS = 5000 };

/* --- greeting and EHLO --- */

static void
client_on_ehlo_line(guint number, BaridSlice text, gpointer data)
{
    SmtpClient *self = data;

    if (number > 0)
        smtp_peer_take_line(&self->peer, text);
}

static gboolean
client_command(SmtpClient *self, const gchar *command, SmtpClientReply *reply,
               SmtpClientFailure *out_failure)
{
    return smtp_client_put(self, out_failure, "%s", command) &&
           smtp_client_flush(self, OUTBOUND_TIMEOUT_EHLO, out_failure) &&
           smtp_client_read(self, OUTBOUND_TIMEOUT_EHLO, command, reply, out_failure);
}

/* Servers from before RFC 1869 know HELO only; who needs what EHLO offers is not helped. */
static gboolean
client_helo(SmtpClient *self, SmtpClientReply *reply, SmtpClientFailure *out_failure)
{
    g_autofree gchar *command = g_strconcat("HELO ", self->options.helo_name, NULL);

    if (!client_command(self, command, reply, out_failure))
        return FALSE;
    if (reply->code == 250)
        return TRUE;
    smtp_client_failure_set_reply(out_failure, reply);
    return FALSE;
}

static gboolean
client_ehlo(SmtpClient *self, SmtpClientFailure *out_failure)
{
    const gchar *verb = self->options.protocol == HOST_LMTP ? "LHLO" : "EHLO";
    SmtpClientReply reply;

    self->peer = (SmtpPeer){0};
    if (!smtp_client_put(self, out_failure, "%s %s", verb, self->options.helo_name) ||
        !smtp_client_flush(self, OUTBOUND_TIMEOUT_EHLO, out_failure) ||
        !smtp_client_read_lines(self, OUTBOUND_TIMEOUT_EHLO, verb, client_on_ehlo_line, self,
                                &reply, out_failure))
        return FALSE;
    if (reply.code == 250)
        return TRUE;
    self->peer = (SmtpPeer){0};
    if (reply.code >= 500 && self->options.protocol == HOST_SMTP)
        return client_helo(self, &reply, out_failure);
    smtp_client_failure_set_reply(out_failure, &reply);
    return FALSE;
}

static gboolean
client_greet(SmtpClient *self, SmtpClientFailure *out_failure)
{
    SmtpClientReply reply;

    if (!smtp_client_read(self, OUTBOUND_TIMEOUT_GREETING, "the connection", &reply, out_failure))
        return FALSE;
    if (reply.code == 220)
        return TRUE;
    smtp_client_failure_set_reply(out_failure, &reply);
    return FALSE;
}

/* --- TLS --- */

static gboolean
client_handshake(SmtpClient *self, SmtpClientFailure *out_failure)
{
    g_autoptr(GError) error = NULL;
    const gchar *name = self->options.host_name[0] != '\0' ? self->options.host_name : NULL;
    gchar address[ADDRESS_TEXT_MAX];
    const TlsClientOptions options = {
        .server_name = name,
        .trust = self->options.trust,
        .certificate_name =
            name != NULL ? name : address_format_ip(&self->options.endpoint.address, address),
    };
    gint64 deadline = fiber_deadline_push(self->options.timeouts_ms[OUTBOUND_TIMEOUT_TLS]);
    gboolean ok = stream_start_tls_client(self->stream, &options, &error);

    fiber_deadline_restore(deadline);
    if (ok) {
        const TlsInfo *info = stream_get_tls(self->stream);

        transcript_note(self->transcript, "(%s %s)", info->version, info->cipher);
        return TRUE;
    }
    transcript_note(self->transcript, "(TLS failed: %s)", error->message);
    smtp_client_failure_set(out_failure, FALSE, "4.7.5", "TLS: %s", error->message);
    out_failure->tls_failed = TRUE;
    return FALSE;
}

/* With TLS 1.3 a server objects to a handshake only when it is over for us: a connection that
 * breaks then is one whose handshake failed. */
static gboolean
client_begin_tls(SmtpClient *self, SmtpClientFailure *out_failure)
{
    if (!client_handshake(self, out_failure))
        return FALSE;
    if (client_ehlo(self, out_failure))
        return TRUE;
    out_failure->tls_failed = !out_failure->is_reply;
    return FALSE;
}

/* Nothing is sent behind STARTTLS before its answer (RFC 3207 section 4.2), and what the
 * peer said in the clear is forgotten. */
static gboolean
client_starttls(SmtpClient *self, SmtpClientFailure *out_failure)
{
    /* Where a password would follow, it is what does not go on without TLS. */
    gboolean required = self->options.tls == SMTP_CLIENT_TLS_REQUIRED ||
                        (self->options.trust != NULL && self->options.user == NULL);
    SmtpClientReply reply;

    if (!smtp_peer_offers(&self->peer, SMTP_PEER_STARTTLS)) {
        if (required)
            smtp_client_failure_set(out_failure, TRUE, "5.7.10",
                                    "TLS is required, and the host does not offer it");
        return !required;
    }
    if (!client_command(self, "STARTTLS", &reply, out_failure)) {
        out_failure->tls_failed = TRUE;
        return FALSE;
    }
    if (reply.code == 220)
        return client_begin_tls(self, out_failure);
    if (!required && !self->is_closing)
        return TRUE;
    if (required)
        smtp_client_failure_set(out_failure, FALSE, "4.7.5",
                                "TLS is required, and the host answered: %.400s", reply.text);
    else
        smtp_client_failure_set_reply(out_failure, &reply);
    out_failure->tls_failed = self->is_closing;
    return FALSE;
}

/* --- AUTH (RFC 4954) --- */

static void
client_wipe(gchar *text)
{
    if (text != NULL)
        gnutls_memset(text, 0, strlen(text));
    g_free(text);
}

static gboolean
client_put_encoded(SmtpClient *self, const gchar *before, const guint8 *data, gsize len,
                   SmtpClientFailure *out_failure)
{
    gchar *encoded = g_base64_encode(data, len);
    gchar *line = g_strconcat(before, encoded, NULL);
    gboolean ok = smtp_client_put_secret(self, *before != '\0' ? "AUTH PLAIN (not shown)"
                                                               : "(not shown)",
                                         line, out_failure) &&
                  smtp_client_flush(self, OUTBOUND_TIMEOUT_EHLO, out_failure);

    client_wipe(encoded);
    client_wipe(line);
    return ok;
}

static gboolean
client_auth_plain(SmtpClient *self, SmtpClientReply *reply, SmtpClientFailure *out_failure)
{
    gsize user_len = strlen(self->options.user);
    gsize password_len = strlen(self->options.password);
    gsize len = user_len + password_len + 2;
    guint8 *secret = g_malloc0(len + 1);
    gboolean ok;

    memcpy(secret + 1, self->options.user, user_len);
    memcpy(secret + user_len + 2, self->options.password, password_len);
    ok = client_put_encoded(self, "AUTH PLAIN ", secret, len, out_failure);
    gnutls_memset(secret, 0, len);
    g_free(secret);
    return ok && smtp_client_read(self, OUTBOUND_TIMEOUT_EHLO, "AUTH", reply, out_failure);
}

static gboolean
client_auth_login(SmtpClient *self, SmtpClientReply *reply, SmtpClientFailure *out_failure)
{
    const gchar *answers[] = {self->options.user, self->options.password};

    if (!client_command(self, "AUTH LOGIN", reply, out_failure))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(answers) && reply->code == 334; i++) {
        if (!client_put_encoded(self, "", (const guint8 *)answers[i], strlen(answers[i]),
                                out_failure) ||
            !smtp_client_read(self, OUTBOUND_TIMEOUT_EHLO, "AUTH", reply, out_failure))
            return FALSE;
    }
    return TRUE;
}

static gboolean
client_auth(SmtpClient *self, SmtpClientFailure *out_failure)
{
    SmtpClientReply reply;
    gboolean ok;

    if (self->options.user == NULL)
        return TRUE;
    /* A password goes in the clear only where the administrator wrote tls = none. */
    if (self->options.tls != SMTP_CLIENT_TLS_NONE && stream_get_tls(self->stream) == NULL) {
        smtp_client_failure_set(out_failure, FALSE, "4.7.10",
                                "the password is not sent without TLS");
        return FALSE;
    }
    if ((self->peer.auth & SMTP_PEER_AUTH_PLAIN) != 0) {
        ok = client_auth_plain(self, &reply, out_failure);
    } else if ((self->peer.auth & SMTP_PEER_AUTH_LOGIN) != 0) {
        ok = client_auth_login(self, &reply, out_failure);
    } else {
        smtp_client_failure_set(out_failure, TRUE, "5.7.4",
                                "the host offers no known way to authenticate");
        return FALSE;
    }
    if (!ok || reply.code == 235)
        return ok;
    /* Credentials that are refused today may be put right by the administrator in time. */
    smtp_client_failure_set_reply(out_failure, &reply);
    out_failure->permanent = FALSE;
    g_strlcpy(out_failure->status, "4.7.8", sizeof out_failure->status);
    return FALSE;
}

/* --- life --- */

static gboolean
client_connect(SmtpClient *self, SmtpClientFailure *out_failure)
{
    g_autoptr(GError) error = NULL;
    gint64 deadline = fiber_deadline_push(self->options.timeouts_ms[OUTBOUND_TIMEOUT_CONNECT]);

    self->stream =
        connector_open(&self->options.endpoint, self->options.source, &self->local, &error);
    fiber_deadline_restore(deadline);
    if (self->stream != NULL)
        return TRUE;
    transcript_note(self->transcript, "(%s)", error->message);
    smtp_client_failure_set(out_failure, FALSE,
                            error->code == BARID_ERROR_CANCELLED ? "4.3.2" : "4.4.1", "%s",
                            error->message);
    out_failure->is_cancelled = error->code == BARID_ERROR_CANCELLED;
    return FALSE;
}

static gboolean
client_set_up(SmtpClient *self, SmtpClientFailure *out_failure)
{
    if (!client_connect(self, out_failure) ||
        (self->options.tls == SMTP_CLIENT_TLS_IMPLICIT && !client_handshake(self, out_failure)) ||
        !client_greet(self, out_failure) || !client_ehlo(self, out_failure))
        return FALSE;
    if ((self->options.tls == SMTP_CLIENT_TLS_OPPORTUNISTIC ||
         self->options.tls == SMTP_CLIENT_TLS_REQUIRED) &&
        !client_starttls(self, out_failure))
        return FALSE;
    return client_auth(self, out_failure);
}

/* A kept connection outlives the attempt that opened it. */
static void
client_copy_options(SmtpClient *self, const SmtpClientOptions *options)
{
    self->options = *options;
    self->options.host_name = g_strdup(options->host_name);
    self->options.helo_name = g_strdup(options->helo_name);
    self->options.endpoint.unix_path = g_strdup(options->endpoint.unix_path);
    self->options.source = NULL;
    if (options->source != NULL) {
        self->source = *options->source;
        self->options.source = &self->source;
    }
}

SmtpClient *
smtp_client_open(const SmtpClientOptions *options, Transcript *transcript,
                 SmtpClientFailure *out_failure)
{
    SmtpClient *self = g_new0(SmtpClient, 1);
    gchar text[ENDPOINT_TEXT_MAX];

    client_copy_options(self, options);
    self->transcript = transcript;
    transcript_note(transcript, "connecting to %s%s%s", options->host_name,
                    options->host_name[0] != '\0' ? " at " : "",
                    endpoint_format(&options->endpoint, text));
    if (client_set_up(self, out_failure))
        return self;
    /* A peer that still listens is told; there is nothing to wait for. */
    if (self->stream != NULL && !self->is_closing && !out_failure->tls_failed) {
        SmtpClientFailure ignored;

        if (smtp_client_put(self, &ignored, "QUIT"))
            stream_end(self->stream);
    }
    smtp_client_free(self);
    return NULL;
}

void
smtp_client_free(SmtpClient *self)
{
    if (self == NULL)
        return;
    stream_free(self->stream);
    g_free((gchar *)(guintptr)self->options.host_name);
    g_free((gchar *)(guintptr)self->options.helo_name);
    g_free((gchar *)(guintptr)self->options.endpoint.unix_path);
    g_free(self);
}

void
smtp_client_quit(SmtpClient *self)
{
    SmtpClientFailure ignored;
    SmtpClientReply reply;
    gint64 deadline = fiber_deadline_push(QUIT_TIMEOUT_MS);

    self->transcript = NULL;
    if (!self->is_closing && smtp_client_put(self, &ignored, "QUIT") &&
        smtp_client_flush(self, OUTBOUND_TIMEOUT_EHLO, &ignored) &&
        smtp_client_read(self, OUTBOUND_TIMEOUT_EHLO, "QUIT", &reply, &ignored))
        stream_end(self->stream);
    fiber_deadline_restore(deadline);
    smtp_client_free(self);
}

void
smtp_client_set_transcript(SmtpClient *self, Transcript *transcript)
{
    self->transcript = transcript;
}

const SmtpPeer *
smtp_client_get_peer(const SmtpClient *self)
{
    return &self->peer;
}

const gchar *
smtp_client_get_host_name(const SmtpClient *self)
{
    return self->options.host_name;
}

gboolean
smtp_client_is_dead(const SmtpClient *self)
{
    return self->is_closing || !stream_is_quiet(self->stream);
}

const Address *
smtp_client_get_local(const SmtpClient *self)
{
    return &self->local;
}

const TlsInfo *
smtp_client_get_tls(const SmtpClient *self)
{
    return stream_get_tls(self->stream);
}

guint
smtp_client_get_n_transactions(const SmtpClient *self)
{
    return self->n_transactions;
}
