/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way up from a domain to the root, and what the records on it come to (RFC 9989 section
 * 4.10). Which names are on it is known before anything is looked up, so that all can be asked
 * for side by side; what is found beyond the place where the walk stops does not count.
 * Pure. Domains are normalised: lower-cased A-labels without the final dot.
 */
#ifndef DMARC_WALK_H
#define DMARC_WALK_H

#include "dmarc-record.h"

/* Section 4.10: a longer name costs no more questions than this. */
#define DMARC_STEPS_MAX 8

typedef enum {
    DMARC_STEP_NONE,   /* no record, or several */
    DMARC_STEP_RECORD,
    DMARC_STEP_FAILED, /* nobody could tell */
} DmarcStepState;

typedef struct {
    const gchar *domain; /* borrowed from the walk's */
    DmarcStepState state;
    DmarcRecord record;
    gchar *text;         /* of the record, or NULL */
    gboolean exists;     /* the name "_dmarc.DOMAIN", with or without a record */
} DmarcStep;

typedef struct {
    gchar *domain;       /* where it starts */
    DmarcStep steps[DMARC_STEPS_MAX];
    guint n_steps;
    /* By RFC 7489, what the list of public suffixes says; NULL otherwise. */
    const gchar *organization;
} DmarcWalk;

typedef enum { DMARC_WALK_FOUND, DMARC_WALK_NOTHING, DMARC_WALK_FAILED } DmarcWalkResult;

/* Lists the names from (domain) upwards. */
void dmarc_walk_init(DmarcWalk *self, const gchar *domain);
/* RFC 7489 section 6.6.3: only the domain and (organization), which is the end of it. */
void dmarc_walk_init_fixed(DmarcWalk *self, const gchar *domain, const gchar *organization);
void dmarc_walk_clear(DmarcWalk *self);
/* Takes one TXT record of a step's name, which may be of another kind. Two of this kind are
 * none (section 4.10, step 2). */
void dmarc_walk_add_record(DmarcWalk *self, guint step, BaridSlice text);

/* The record that applies to mail from the domain (section 4.10.1); borrowed. */
DmarcWalkResult dmarc_walk_find_policy(const DmarcWalk *self, const DmarcStep **out_step);
/* The domain's organizational domain (section 4.10.2): itself when nothing is found; borrowed.
 * Not FOUND only when it FAILED. */
DmarcWalkResult dmarc_walk_find_organization(const DmarcWalk *self, const gchar **out_domain);

/* Whether (domain) is (above) or ends in it. */
gboolean dmarc_domain_is_below(const gchar *domain, const gchar *above);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DmarcWalk, dmarc_walk_clear)

#endif
