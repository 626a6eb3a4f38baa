/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands: verbs that a module adds to baridctl and the control interface.
 *
 * A command is declared with its options; the core reads and checks them before it calls.
 * The answer is JSON; for people it may set a text besides.
 */
#ifndef BARID_COMMAND_H
#define BARID_COMMAND_H

#include <barid/setting.h>
#include <barid/slice.h>
#include <barid/store.h>

/* One "--NAME". (type) is BARID_TYPE_BOOL (given or not, takes no value), INTEGER, SIZE,
 * DURATION or TEXT. */
typedef struct {
    const gchar *name; /* NULL ends the table */
    BaridSettingType type;
    const gchar *summary;
} BaridCommandOption;

typedef struct BaridCommandCall BaridCommandCall;

typedef struct {
    const gchar *name;  /* a word, or the module's name and a word; NULL ends the table */
    const gchar *usage; /* such as "greylist forget --ip IP [--store NAME]" */
    const gchar *summary;
    /* Gives the answer, JSON text that the caller owns, or NULL with the error: then
     * BARID_ERROR_INVALID means that it was called wrongly. May suspend. */
    gchar *(*run)(BaridCommandCall *call, gpointer state, GError **error);
    const BaridCommandOption *options; /* or NULL */
    guint min_args, max_args;          /* words behind the name */
} BaridCommand;

guint barid_command_get_n_args(BaridCommandCall *call);
const gchar *barid_command_get_arg(BaridCommandCall *call, guint index);
/* Whether a BOOL was given. */
gboolean barid_command_has(BaridCommandCall *call, const gchar *option);
/* A TEXT; NULL when it was not given. */
const gchar *barid_command_get_text(BaridCommandCall *call, const gchar *option);
/* An INTEGER, a SIZE in bytes or a DURATION in milliseconds. */
gint64 barid_command_get_integer(BaridCommandCall *call, const gchar *option, gint64 fallback);
/* Whether the caller wants JSON only (--json, and programs); the text is not used then. */
gboolean barid_command_wants_json(BaridCommandCall *call);
/* What people see in the place of the answer's members; may hold several lines. */
void barid_command_set_text(BaridCommandCall *call, const gchar *text);
/* The [store NAME], borrowed. Needs BARID_USES_STORE. */
BaridStore *barid_command_get_store(BaridCommandCall *call, const gchar *name, GError **error);

#endif
