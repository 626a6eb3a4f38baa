/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dialogue scripts: a session as C: and S: lines, run by the code of the worker over a
 * connection in memory, on a virtual clock, with a queue of its own in a new folder.
 *
 *   # comment
 *   config:                     indented lines below are added to the configuration
 *       [rcpt]
 *       relay = yes
 *   dns:                        indented lines below are what the name servers know, in
 *       example.org MX 10 mx    the form of sim/zone-resolver.h; nothing else exists
 *   client: 192.0.2.7:4711      the client's address (default 127.0.0.1:40000)
 *   listener: NAME              which listener (default: smtp)
 *   connect                     opens a session; a second one may be opened after the end
 *   C: TEXT                     sends TEXT and CRLF
 *   C-raw: TEXT                 sends TEXT alone; \r \n \0 \t \\ \xNN are escapes
 *   C-repeat: N TEXT            sends TEXT N times, "%d" counting from 1
 *   S: PATTERN                  the next reply line; * and ? are wild, the end is free
 *   S-repeat: N PATTERN
 *   S-all: CODE                 a whole reply, its last line with CODE
 *   tls                         handshakes as client, after 220 to STARTTLS or at once
 *   wait: DURATION              lets time pass
 *   disk: WORD                  from now on the queue's disk works, is full, fails (writes)
 *                               or sync-fails
 *   directory: WORD [NAME]      from now on the directory NAME (default: inline) fails or
 *                               works
 *   restart                     the queue is closed and opened again from its disk, and from
 *                               now on delivers
 *   delivered                   waits until the queue is empty
 *   closed                      the server must have closed
 *   close                       the client closes
 *   queue: N                    so many messages are in the queue
 *   queued: TEXT                their description holds TEXT; no-queued: the contrary
 *   content: TEXT               the newest message's bytes hold TEXT (escapes); no-content:
 *   history: TEXT               the history holds TEXT
 *
 * The module "judge" (sim/judge.h) stands for modules that refuse by what they looked up.
 * Every reply line must be expected: what is left over when the script goes on fails it.
 */
#ifndef DIALOGUE_H
#define DIALOGUE_H

#include <barid/error.h>

#define DIALOGUE_ERROR (dialogue_error_quark())
GQuark dialogue_error_quark(void);

/* Runs the script in (path). (base_config) is put in front of each script's own. On
 * failure the error says "FILE:LINE: what was expected and what came". */
gboolean dialogue_run_file(const gchar *path, const gchar *base_config, GError **error);

#endif
