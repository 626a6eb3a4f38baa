/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting to a peer, from a fiber. */
#ifndef CONNECTOR_H
#define CONNECTOR_H

#include "base/address.h"
#include "net/stream.h"

/* Where a peer listens: a TCP address, or a socket in the file system. */
typedef struct {
    Address address;
    const gchar *unix_path; /* NULL: (address) counts */
} Endpoint;

/* Connects a stream on the running fiber's scheduler. (source) NULL lets the system choose;
 * its port is not used. (*out_local) is the own end, zero for a UNIX socket. The fiber's
 * deadline cuts it short. */
BARID_SUSPENDS Stream *connector_open(const Endpoint *endpoint, const Address *source,
                                      Address *out_local, GError **error);
/* For simulations: two streams that are connected to each other. */
gboolean connector_open_pair(Stream *out_ends[2], GError **error);
/* For simulations: from now on every connection is made by (dial) instead, process-wide. NULL
 * goes back to the network. */
typedef Stream *(*ConnectorDial)(const Endpoint *endpoint, const Address *source,
                                 Address *out_local, gpointer data, GError **error);
void connector_set_dial(ConnectorDial dial, gpointer data);
/* "192.0.2.1:25" or the path; (out_text) has room for ENDPOINT_TEXT_MAX bytes. */
#define ENDPOINT_TEXT_MAX 128
const gchar *endpoint_format(const Endpoint *self, gchar *out_text);

#endif
