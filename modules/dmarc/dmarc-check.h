/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up the policy of an author's domain, and whether a message keeps to it. */
#ifndef DMARC_CHECK_H
#define DMARC_CHECK_H

#include "dmarc-suffix.h"
#include "dmarc-walk.h"

typedef enum {
    DMARC_RESULT_NONE, /* there is no policy */
    DMARC_RESULT_PASS,
    DMARC_RESULT_FAIL,
    DMARC_RESULT_TEMPERROR,
    DMARC_RESULT_PERMERROR, /* there is one that says nothing */
} DmarcResult;

typedef struct {
    BaridScope *scope;             /* whose look-ups these are */
    const DmarcSuffixes *suffixes; /* NULL: RFC 9989; else RFC 7489 with them. Borrowed */
    DmarcResult result;
    DmarcWalk walk;                /* from the author's domain */
    const DmarcStep *step;         /* whose record applies, or NULL */
    const gchar *organization;     /* of the author's domain; NULL when it is not known */
    DmarcPolicy policy;            /* what is published for this domain */
    DmarcPolicy requested;         /* the same, milder where the record says so */
    gboolean is_policy_unknown;    /* whether the domain exists could not be told */
    gboolean is_sampled_out;       /* "pct" of RFC 7489 */
    gboolean spf_is_aligned;
    gchar *dkim_domain;            /* of the good signature that is aligned, or NULL */
    const gchar *problem;          /* for people; or NULL */
} DmarcCheck;

/* Finds the policy for (domain), which is normalised; the caller readies (scope) and (suffixes)
 * before. The result is FAIL when there is one; else it stands. */
BARID_SUSPENDS void dmarc_check_discover(DmarcCheck *self, const gchar *domain);
/* Waits for what SPF and DKIM found, and comes to the result. */
BARID_SUSPENDS void dmarc_check_evaluate(DmarcCheck *self);
void dmarc_check_clear(DmarcCheck *self);
/* "pass", ... */
const gchar *dmarc_result_get_name(DmarcResult result);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DmarcCheck, dmarc_check_clear)

#endif
