/* SPDX-License-Identifier: Apache-2.0 */
/* The settings [resolver], and the resolver that asks name servers. */
#ifndef DNS_SETTINGS_H
#define DNS_SETTINGS_H

#include "conf/settings.h"
#include "dns/resolver.h"
#include "net/tls.h"

typedef enum { DNS_TRUST_LOOPBACK, DNS_TRUST_ALWAYS, DNS_TRUST_NEVER } DnsTrust;

typedef struct {
    gchar **servers; /* none: resolv.conf's */
    gchar *trust_path;
    TlsTrust *trust; /* for servers over TLS; NULL: the system's */
    gchar *resolv_conf;
    gint trust_ad;     /* DnsTrust */
    gint64 timeout_ms; /* 0: resolv.conf's, or 5 s */
    gint64 attempts;   /* 0: resolv.conf's, or 2 */
    gint64 parallel;   /* servers asked at once, at most; 0 as 1 */
    gboolean edns;
    gboolean tcp_on_error;
    gint64 cache_entries, cache_bytes;
    gint64 max_ttl_ms, min_ttl_ms, max_negative_ttl_ms, failure_ttl_ms;
    gchar **local_names;
} DnsOptions;

/* Copies what it needs of (options). BARID_ERROR_INVALID names a server that is none. */
DnsResolver *dns_resolver_new(const DnsOptions *options, GError **error);
/* From [resolver]; NULL when that is wrong, with the problem added. */
DnsResolver *dns_resolver_new_from_settings(SettingsContext *context);

#endif
