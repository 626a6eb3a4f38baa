/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name servers of one resolver, with what is remembered of each: when it last failed,
 * and whether it chokes on EDNS. All threads use them at once.
 */
#ifndef NAME_SERVERS_H
#define NAME_SERVERS_H

#include <stdatomic.h>

#include "dns/tls-exchange.h"

enum {
    NAME_SERVERS_MAX = 8,
    NAME_SERVER_PORT = 53,
    NAME_SERVER_REST_MS = 60000,         /* one that failed is asked last so long */
    NAME_SERVER_PLAIN_MS = 15 * 60000,   /* and one that chokes on EDNS is spared it */
};

typedef struct {
    Address address;
    gboolean trusted; /* its AD bit is believed */
    gboolean over_tls;
    gchar *name;      /* that its certificate is for; NULL: its address */
    TlsExchange *tls; /* once its certificate's issuers are known */
    _Atomic gint64 rests_until_ms;
    _Atomic gint64 plain_until_ms;
} NameServer;

typedef struct {
    NameServer servers[NAME_SERVERS_MAX];
    guint n_servers;
    gint64 timeout_ms; /* of resolv.conf's options; 0 unless said there */
    guint attempts;
    gboolean trusts_ad;
} NameServers;

/* Adds "127.0.0.1", "127.0.0.1:5353", "::1" or "[::1]:53", or one of these between "tls://" and
 * "#NAME"; FALSE when it is none of these. More than NAME_SERVERS_MAX are left out. */
gboolean name_servers_add(NameServers *self, const gchar *text);
/* Whether TLS has to be prepared, and for those that need it. */
gboolean name_servers_need_trust(const NameServers *self);
void name_servers_set_trust(NameServers *self, TlsTrust *trust);
void name_servers_clear(NameServers *self);
/* Reads the text of a resolv.conf: nameserver, options timeout, attempts and trust-ad. The
 * loopback address stands in where it names no server (resolv.conf(5)). */
void name_servers_read(NameServers *self, const gchar *text);
/* Writes the order of trial: those that failed lately come last. */
void name_servers_order(NameServers *self, NameServer *out_order[NAME_SERVERS_MAX]);
void name_server_failed(NameServer *self);
void name_server_answered(NameServer *self);
gboolean name_server_takes_edns(NameServer *self);
void name_server_refused_edns(NameServer *self);

#endif
