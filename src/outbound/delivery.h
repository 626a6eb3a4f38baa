/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery: one job on its way through routing and transports, in one fiber. */
#ifndef DELIVERY_H
#define DELIVERY_H

#include "outbound/connection-pool.h"
#include "outbound/outbound.h"
#include "outbound/route.h"

/* A transport that is open. */
typedef struct {
    const gchar *name;
    const HostModule *module; /* that offers it */
    const BaridTransportDriver *driver;
    gpointer self;
} OutboundTransport;

const OutboundTransport *outbound_find_transport(const Outbound *self, const gchar *name);
const OutboundServices *outbound_get_services(const Outbound *self);

/* One recipient as it was routed. */
typedef struct {
    guint index; /* in the job */
    const gchar *mailbox;
    const gchar *detail;
    Route route;
} DeliveryRecipient;

/* What a transport sees: the recipients of one call. */
typedef struct {
    BaridAttempt facts; /* first */
    QueueJob *job;
    const DeliveryRecipient **recipients;
    guint n_recipients;
    gint64 started_us;
    gchar id[QUEUE_ID_TEXT_LEN + 1];
} DeliveryAttempt;

/* The record of the attempt holds what was decided about it. */
void delivery_keep_decisions(QueueJob *job, const BaridScope *scope);
/* Fills in the job's results. (pool) is the calling thread's. */
BARID_SUSPENDS void delivery_run(Outbound *outbound, ConnectionPool *pool, QueueJob *job);

#endif
