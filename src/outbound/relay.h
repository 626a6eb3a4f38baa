/* SPDX-License-Identifier: Apache-2.0 */
/* Relay: one attempt over SMTP or LMTP: candidates in order, connections, transactions, and
 * a result for each recipient. */
#ifndef RELAY_H
#define RELAY_H

#include "outbound/connection-pool.h"
#include "outbound/delivery.h"
#include "outbound/route.h"

BARID_SUSPENDS void relay_deliver(Outbound *outbound, ConnectionPool *pool,
                                  DeliveryAttempt *attempt, const Route *route);

#endif
