/* SPDX-License-Identifier: Apache-2.0 */
/* A dialogue script as it was read: steps in order, configuration and zone text. */
#ifndef DIALOGUE_SCRIPT_H
#define DIALOGUE_SCRIPT_H

#include <barid/error.h>

typedef struct {
    guint number;  /* of the line */
    gchar *word;   /* what stands before the colon, or the whole line */
    gchar *text;   /* what stands behind it */
    gchar *block;  /* the indented lines below, or NULL */
    gchar *line;   /* as written */
} DialogueStep;

typedef struct {
    GPtrArray *steps; /* of DialogueStep * */
    GString *config;  /* of all "config" blocks; lines have the script's numbers */
    GString *lists;   /* what "list" blocks make of the configuration; the same */
    GString *dns;     /* of all "dns" blocks; the same */
} DialogueScript;

/* FALSE when it cannot be read, or says nothing. */
gboolean dialogue_script_read(DialogueScript *self, const gchar *path, GError **error);
void dialogue_script_clear(DialogueScript *self);

#endif
