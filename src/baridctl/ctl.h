/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of baridctl share: exit statuses, the command line, and text for people. */
#ifndef CTL_H
#define CTL_H

#include <libintl.h>

#include <glib.h>

#include "baridctl/options.h"

#define _(text) gettext(text)

typedef enum {
    CTL_DONE = 0,
    CTL_NO = 1,          /* the answer is no, or the input is wrong */
    CTL_USAGE = 2,
    CTL_UNREACHABLE = 3, /* no server answers */
    CTL_INTERNAL = 4,
} CtlStatus;

/* A verb that needs no server. */
typedef struct {
    const gchar *verb; /* "spool verify" */
    const gchar *usage;
    const gchar *summary;
    CtlStatus (*run)(const Options *options, const gchar *const *args);
} CtlVerb;

/* One line on stderr. */
void ctl_complain(const gchar *format, ...) G_GNUC_PRINTF(1, 2);
/* Prints an error: {"error", "code"} on stdout when JSON is wanted, and a line on stderr. */
CtlStatus ctl_fail(const Options *options, CtlStatus status, const gchar *code,
                   const gchar *message);

/* Prints the answer of (verb): the JSON document itself, or what people can read. */
void ctl_answer(const Options *options, const gchar *verb, const gchar *document);

/* Verbs that work alone; ended by a NULL verb. */
extern const CtlVerb offline_verbs[];

#endif
