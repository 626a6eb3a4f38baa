/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to the server's control socket: blocking, one request. */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdio.h>

#include "baridctl/options.h"

#define CLIENT_ERROR (client_error_quark())
GQuark client_error_quark(void);

/* The socket that the options name, or the one where the server should be. */
gchar *client_dup_socket_path(const Options *options);
/* The request's line for the words and options. */
gchar *client_dup_request(const Options *options);
/* Whether a server is where the options say; one that does not let us in is there, too. */
gboolean client_has_server(const Options *options);
/* Connects and sends; the stream is read with client_read_line(), closed with fclose(). */
FILE *client_open(const Options *options, GError **error);
/* The answer of the server that (where) names to (words), a command line; NULL with the
 * error. */
gchar *client_ask(const Options *where, const gchar *const *words, GError **error);
/* The next line without its end; NULL with an error, or without one at the end. */
gchar *client_read_line(FILE *stream, GError **error);

#endif
