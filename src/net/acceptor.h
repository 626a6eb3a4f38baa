/* SPDX-License-Identifier: Apache-2.0 */
/* Taking connections from a listening socket, and turning them away. */
#ifndef ACCEPTOR_H
#define ACCEPTOR_H

#include "base/address.h"

typedef enum {
    ACCEPTOR_TAKEN,     /* (*out_fd) is a connection, non-blocking */
    ACCEPTOR_NONE,      /* nobody waits */
    ACCEPTOR_EXHAUSTED, /* descriptors or memory are used up: come back later */
} AcceptorResult;

/* Addresses are zero for unix sockets; both may be NULL. */
AcceptorResult acceptor_next(int listen_fd, int *out_fd, Address *out_remote,
                             Address *out_local);
/* Sends (text) as far as possible without waiting, and closes. */
void acceptor_turn_away(int fd, const gchar *text);

#endif
