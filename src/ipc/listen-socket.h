/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: made by the supervisor, used by workers. */
#ifndef LISTEN_SOCKET_H
#define LISTEN_SOCKET_H

#include <barid/error.h>

#include "base/address.h"

/* A non-blocking TCP socket that listens on (address); -1 with the address in the error. */
int listen_socket_open_tcp(const Address *address, GError **error);
/* A stream socket at (path) with permissions (mode); an old socket file that nobody listens
 * on is replaced. */
int listen_socket_open_unix(const gchar *path, guint mode, GError **error);

#endif
