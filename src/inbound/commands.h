/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of a session: one file each, in the table of session.c. */
#ifndef INBOUND_COMMANDS_H
#define INBOUND_COMMANDS_H

#include "inbound/session.h"

typedef SessionStep (*SessionCommand)(Session *self, const SmtpCommand *command);
SessionStep cmd_auth(Session *self, const SmtpCommand *command);
SessionStep cmd_bdat(Session *self, const SmtpCommand *command);
SessionStep cmd_data(Session *self, const SmtpCommand *command);
SessionStep cmd_ehlo(Session *self, const SmtpCommand *command);
SessionStep cmd_helo(Session *self, const SmtpCommand *command);
SessionStep cmd_lhlo(Session *self, const SmtpCommand *command);
SessionStep cmd_mail(Session *self, const SmtpCommand *command);
SessionStep cmd_rcpt(Session *self, const SmtpCommand *command);
SessionStep cmd_simple(Session *self, const SmtpCommand *command);
SessionStep cmd_starttls(Session *self, const SmtpCommand *command);
SessionStep cmd_vrfy(Session *self, const SmtpCommand *command);

#endif
