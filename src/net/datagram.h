/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A UDP socket for one question to one peer: connected, so that the kernel drops what
 * comes from anybody else, with a port that the kernel chose at random (RFC 6056).
 */
#ifndef DATAGRAM_H
#define DATAGRAM_H

#include "base/address.h"
#include "fiber/fiber.h"

typedef struct {
    FiberWatch watch;
    int fd;
} Datagram;

/* On the running fiber's scheduler. */
gboolean datagram_open(Datagram *self, const Address *peer, GError **error);
void datagram_close(Datagram *self);
BARID_SUSPENDS gboolean datagram_send(Datagram *self, BaridSlice bytes, GError **error);
/* Waits for one datagram and puts at most (room) bytes of it into (out_bytes). An ICMP
 * refusal is BARID_ERROR_IO. */
BARID_SUSPENDS gboolean datagram_receive(Datagram *self, guint8 *out_bytes, gsize room,
                                         gsize *out_len, GError **error);

#endif
