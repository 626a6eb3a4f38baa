/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ConnectionPool: open connections of one worker thread that wait for another message. A
 * connection is known by its key: endpoint, protocol, TLS, credentials, source address and
 * HELO name, so that none is used for what it was not opened for. What is idle for too long
 * is ended with QUIT by a fiber of the pool.
 */
#ifndef CONNECTION_POOL_H
#define CONNECTION_POOL_H

#include "outbound/smtp-client.h"

/* Connections kept at once on a thread; the one idle longest gives way. */
#define CONNECTION_POOL_MAX 100

typedef struct ConnectionPool ConnectionPool;

/* (group) is where the pool's fibers run. */
ConnectionPool *connection_pool_new(FiberGroup *group, gint64 idle_ms, guint messages_max);
/* All fibers of the group must have ended. */
void connection_pool_free(ConnectionPool *self);
/* A kept connection, the one used last; NULL when there is none. The caller owns it. */
SmtpClient *connection_pool_take(ConnectionPool *self, const gchar *key);
/* Takes (client); keeps it, or ends it when it has served enough. */
void connection_pool_give(ConnectionPool *self, const gchar *key, SmtpClient *client);
/* Ends all and keeps none from now on. */
void connection_pool_drain(ConnectionPool *self);
guint connection_pool_get_n_idle(const ConnectionPool *self);
/* The key of (options); caller owns it. */
gchar *connection_pool_make_key(const SmtpClientOptions *options);

#endif
