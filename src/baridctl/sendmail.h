/* SPDX-License-Identifier: Apache-2.0 */
/* The command line that programs expect of a mail system. */
#ifndef SENDMAIL_H
#define SENDMAIL_H

#include <glib.h>

/* Runs a verb of baridctl, asking the server of the state folder (state), which may be
 * NULL; the exit status. */
typedef int (*SendmailVerb)(const gchar *const *words, const gchar *state);

/* (name) is sendmail, mailq or newaliases; (argv) what stands behind it. The exit status is
 * one of sysexits.h. */
int sendmail_run(const gchar *name, const gchar *const *argv, SendmailVerb run_verb);

#endif
