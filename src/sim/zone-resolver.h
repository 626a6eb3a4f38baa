/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A resolver that answers from a text instead of from name servers: no cache, no network.
 *
 * The text is a master file (RFC 1035 section 5); names without a final dot are complete
 * all the same, because the origin is the root until $ORIGIN says otherwise. A line of its
 * own may hold, for a name and all types:
 *
 *   $SERVFAIL NAME   the servers fail
 *   $TIMEOUT NAME    nobody answers: the question fails after ten seconds
 *   $SLOW NAME       answers come after five seconds
 *   $SECURE NAME     answers for the name and all below it are authentic
 *   $BOGUS NAME      the contrary: they fail as a validating server lets them
 *
 * What is not in the text does not exist. "*.NAME" is a wildcard (RFC 4592).
 */
#ifndef ZONE_RESOLVER_H
#define ZONE_RESOLVER_H

#include "dns/resolver.h"

/* NULL with BARID_ERROR_INVALID and the line's number. */
DnsResolver *zone_resolver_new(const gchar *text, GError **error);
/* The same; each answer takes (latency_ms), so that whoever asks has to wait. */
DnsResolver *zone_resolver_new_distant(const gchar *text, gint64 latency_ms, GError **error);

#endif
