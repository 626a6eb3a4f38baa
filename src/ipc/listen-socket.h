/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets: made by the supervisor, used by workers. A unix socket is made, given
 * and removed in a folder held open: whoever may rename what is above that folder leads
 * nothing elsewhere. Its path says what it is called there, and is what errors quote.
 */
#ifndef LISTEN_SOCKET_H
#define LISTEN_SOCKET_H

#include <sys/types.h>

#include <barid/error.h>

#include "base/address.h"

/* A non-blocking TCP socket that listens on (address); -1 with the address in the error. */
int listen_socket_open_tcp(const Address *address, GError **error);
/* A stream socket with permissions (mode); an old socket file that nobody listens on is
 * replaced, anything else at its place is an error. Sets the umask for a moment: for
 * processes without threads. */
int listen_socket_open_unix(int folder_fd, const gchar *path, guint mode, GError **error);
/* Gives the file of a socket that this process has made to another user. */
gboolean listen_socket_give_unix(int folder_fd, const gchar *path, uid_t uid, gid_t gid,
                                 GError **error);
/* Removes the file, if it is one of a socket. */
void listen_socket_remove_unix(int folder_fd, const gchar *path);

#endif
