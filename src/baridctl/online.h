/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that the server answers. */
#ifndef ONLINE_H
#define ONLINE_H

#include <stdio.h>

#include "baridctl/ctl.h"

/* Asks, prints, and says how it went. */
CtlStatus online_run(const Options *options);
/* Takes the server's (line) apart, which answers (verb), and prints it. */
CtlStatus online_take_answer(const Options *options, const gchar *verb, const gchar *line);
/* Prints what (stream) tells, line by line, and what its successors tell. Takes the stream. */
CtlStatus follow_run(const Options *options, FILE *stream);
/* The name of the verb that the words begin with, as the core's table has it, or the first
 * word: it may be a module's command. */
gchar *online_dup_verb(const Options *options);

/* For options_parse(): asks the server, once, which options its modules' commands take.
 * (commands) is an OnlineCommands. */
typedef struct {
    const gchar *const *argv; /* for --socket and --state, wherever they stand */
    gboolean was_asked;
    GPtrArray *kinds; /* of OptionKind *, owned with their texts */
} OnlineCommands;
const OptionKind *online_find_option(const Options *options, const gchar *name,
                                     gpointer commands);
void online_commands_clear(OnlineCommands *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OnlineCommands, online_commands_clear)

#endif
