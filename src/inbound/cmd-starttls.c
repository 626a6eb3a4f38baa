/* SPDX-License-Identifier: Apache-2.0 */
/* STARTTLS (RFC 3207). */
#include "inbound/commands.h"

SessionStep
cmd_starttls(Session *self, const SmtpCommand *command G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    HostOutcome outcome;
    gint64 deadline;
    gboolean ok;

    if (self->facts.tls_version != NULL)
        return session_reply(self, 503, "5.5.1", "TLS is on already");
    if (self->listener->tls == NULL || self->listener->settings.tls != LISTENER_TLS_STARTTLS)
        return session_reply(self, 502, "5.5.1", "TLS is not available");
    if (session_reply(self, 220, "2.0.0", "go ahead") != SESSION_GOES_ON ||
        !stream_flush(self->stream, NULL))
        return SESSION_BREAKS;
    /* The line is consumed; what came behind it in the clear is dropped by the stream. */
    line_reader_release(&self->reader);
    deadline = fiber_deadline_push(self->timeout_ms);
    ok = stream_start_tls_server(self->stream, self->listener->tls, &error);
    fiber_deadline_restore(deadline);
    if (!ok) {
        self->end_reason = "tls";
        barid_log(BARID_LOG_INFO, "tls.failed", "session", self->facts.id, "error",
                  error->message, NULL);
        return SESSION_BREAKS;
    }
    /* RFC 3207 section 4.2: everything learned before is forgotten. */
    session_forget(self);
    self->facts.tls_version = stream_get_tls(self->stream)->version;
    self->facts.tls_cipher = stream_get_tls(self->stream)->cipher;
    host_run(self->inbound->services.host, BARID_STAGE_TLS, &self->facts.scope, NULL, &outcome);
    if (outcome.verdict >= BARID_DEFER)
        return session_close(self, "4.7.0", "policy", outcome.text);
    return SESSION_GOES_ON;
}
