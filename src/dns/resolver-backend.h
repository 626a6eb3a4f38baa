/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind a DnsResolver: name servers, or a zone text of a test. */
#ifndef RESOLVER_BACKEND_H
#define RESOLVER_BACKEND_H

#include "dns/dns-answer.h"

typedef struct {
    /* (name) is normalised and none of (local_names). */
    BARID_SUSPENDS DnsAnswer *(*lookup)(gpointer self, const gchar *name, DnsType type,
                                        GError **error);
    void (*free)(gpointer self);
} DnsBackend;

/* Takes (data). (local_names), NULL-ended and borrowed, are answered without it. */
DnsResolver *dns_resolver_new_backend(const DnsBackend *backend, gpointer data,
                                      const gchar *const *local_names);

#endif
