/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Route: where a recipient goes next: to a transport of a module, to a [host NAME], or to
 * the mail exchangers of its domain.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include "outbound/outbound-settings.h"

typedef enum { ROUTE_TRANSPORT, ROUTE_HOST, ROUTE_MX } RouteKind;

typedef struct {
    RouteKind kind;
    gconstpointer transport;  /* OutboundTransport, for ROUTE_TRANSPORT */
    const OutboundHost *host; /* for ROUTE_HOST */
} Route;

static inline gboolean
route_equal(const Route *a, const Route *b)
{
    return a->kind == b->kind && a->transport == b->transport && a->host == b->host;
}

#endif
