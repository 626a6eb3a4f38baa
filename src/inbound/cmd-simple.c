/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that need no more than a few words: RSET, NOOP, HELP, QUIT, and those that are
 * not available. */
#include "inbound/commands.h"

SessionStep
cmd_simple(Session *self, const SmtpCommand *command)
{
    switch (command->verb) {
    case SMTP_RSET:
        transaction_end(self);
        return session_reply(self, 250, "2.0.0", "forgotten");
    case SMTP_NOOP:
        return session_reply(self, 250, "2.0.0", "OK");
    case SMTP_HELP:
        return session_reply(self, 214, "2.0.0",
                             "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT STARTTLS AUTH"
                             "\nsee RFC 5321");
    case SMTP_QUIT:
        self->end_reason = "quit";
        return session_reply(self, 221, "2.0.0", "%s goodbye", self->hostname);
    default:
        return session_reply(self, 502, "5.5.1", "%s is not available",
                             smtp_verb_name(command->verb));
    }
}
