/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of "baridctl replay" share: from the history to a script, see
 * sim/dialogue-replay.c, which both configurations run. */
#ifndef REPLAY_H
#define REPLAY_H

#include <json-glib/json-glib.h>

/* Appends the records of (history), an answer to "explain", oldest first, with the answers of name
 * servers that they hold. */
void replay_make_script(JsonObject *history, GString *script);
/* Appends the words "store NAME:" of the file (path), which holds nothing else. */
gboolean replay_append_stores(GString *script, const gchar *path, GError **error);

#endif
