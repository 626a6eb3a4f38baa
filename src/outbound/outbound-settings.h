/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of [outbound] and of each [host NAME]. Read-only once made. Rules see the
 * attempt: rcpt-domain, sender, sender-domain, priority, retry-count, and, once they are
 * known, mx, local-ip, remote-ip.
 */
#ifndef OUTBOUND_SETTINGS_H
#define OUTBOUND_SETTINGS_H

#include "conf/settings.h"
#include "net/connector.h"
#include "net/tls.h"

typedef enum { HOST_SMTP, HOST_LMTP } HostProtocol;
typedef enum { HOST_CHECK_WITH_PASSWORD, HOST_CHECK_ALWAYS, HOST_CHECK_NEVER } HostCheck;

/* One address of a [host NAME]. */
typedef struct {
    Endpoint endpoint;  /* its address is not set while (name) has to be looked up */
    const gchar *name;  /* host name; NULL for an address or a path */
} HostTarget;

/* A named next hop. */
typedef struct {
    gchar *name;
    gchar **addresses;
    gint protocol; /* HostProtocol */
    gint tls;      /* SmtpClientTls */
    gint check;    /* HostCheck: of its certificate */
    gchar *trust_path;
    gchar *user, *password; /* NULL or "" without */
    gboolean lookup_mx;
    gchar *local_ip;
    gint64 concurrency;
    BaridRate rate;
    /* From these: */
    GArray *targets; /* of HostTarget */
    gboolean has_source;
    Address source;
    TlsTrust *trust; /* NULL when its certificate is not checked */
} OutboundHost;

typedef enum {
    OUTBOUND_TIMEOUT_CONNECT,
    OUTBOUND_TIMEOUT_GREETING,
    OUTBOUND_TIMEOUT_TLS,
    OUTBOUND_TIMEOUT_EHLO,
    OUTBOUND_TIMEOUT_MAIL,
    OUTBOUND_TIMEOUT_RCPT,
    OUTBOUND_TIMEOUT_DATA,
    OUTBOUND_N_TIMEOUTS,
} OutboundTimeout;

typedef struct {
    BaridRule *next_hop;
    BaridRule *helo_name;
    BaridRule *mx_limit, *address_limit, *address_family;
    BaridRule *source_ipv4, *source_ipv6;
    BaridRule *timeouts[OUTBOUND_N_TIMEOUTS];
    BaridRule *tls, *tls_fallback;
    BaridRule *pipelining, *chunking;
    BaridRule *concurrency, *rate;
    BaridRule *recipients;
    gint64 reuse_messages, reuse_idle_ms;
    gint64 port;
    gboolean allow_loopback;
    GPtrArray *hosts; /* of OutboundHost * */
} OutboundSettings;

/* Never NULL; problems go to the context. */
OutboundSettings *outbound_settings_new(SettingsContext *context);
void outbound_settings_free(OutboundSettings *self);
const OutboundHost *outbound_settings_find_host(const OutboundSettings *self, const gchar *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(OutboundSettings, outbound_settings_free)

#endif
