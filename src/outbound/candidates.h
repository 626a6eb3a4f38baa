/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Candidates: the endpoints that one attempt may try, in order, made as they are needed
 * (RFC 5321 section 5.1). Hosts of equal preference are looked up together, so that an own
 * address among them is seen before any is tried; it cuts off them and all that follow.
 */
#ifndef CANDIDATES_H
#define CANDIDATES_H

#include "outbound/mx.h"
#include "outbound/outbound.h"
#include "outbound/route.h"
#include "outbound/smtp-client.h"

typedef struct {
    const gchar *name; /* of the host; "" for an address literal or a path */
    Endpoint endpoint;
} Candidate;

typedef struct {
    Outbound *outbound;
    BaridAttempt *attempt;
    Transcript *transcript;
    Arena *arena;
    const OutboundSettings *settings;
    MxFamily family;
    guint address_limit;
    gboolean is_configured; /* a [host]: loopback is allowed, nothing is looked at */
    guint16 port;
    MxHost *hosts;          /* not looked up yet, from (next_host) on */
    guint n_hosts, next_host;
    GArray *ready;          /* of Candidate; owned */
    guint next_ready;
    gboolean has_failure;
    SmtpClientFailure failure; /* why there are no more, or fewer, than one could think */
} Candidates;

/* Finds out where mail for (domain) goes by (route), which is no transport. Whether there
 * are candidates is seen by candidates_next(). (prefer) is the text of the endpoint to begin
 * with, or NULL. */
BARID_SUSPENDS void candidates_init(Candidates *self, Outbound *outbound, BaridAttempt *attempt,
                                    const Route *route, BaridSlice domain, const gchar *prefer,
                                    Transcript *transcript);
void candidates_clear(Candidates *self);
/* FALSE when there are no more. */
BARID_SUSPENDS gboolean candidates_next(Candidates *self, Candidate *out_candidate);
/* Of two reasons the temporary one counts, else the later one. */
void candidates_note_failure(Candidates *self, const SmtpClientFailure *failure);

#endif
