/* SPDX-License-Identifier: Apache-2.0 */
/* Policy records (RFC 9989 sections 4.7 and 4.8). Pure; all slices are borrowed from the text. */
#ifndef DMARC_RECORD_H
#define DMARC_RECORD_H

#include <barid/slice.h>

typedef enum {
    DMARC_POLICY_ABSENT,  /* the tag is not there */
    DMARC_POLICY_INVALID,
    DMARC_POLICY_NONE,
    DMARC_POLICY_QUARANTINE,
    DMARC_POLICY_REJECT,
} DmarcPolicy;

typedef enum { DMARC_PSD_UNKNOWN, DMARC_PSD_YES, DMARC_PSD_NO } DmarcPsd;

typedef struct {
    DmarcPolicy p, sp, np;
    gboolean dkim_is_strict, spf_is_strict; /* "adkim", "aspf" */
    gboolean is_testing;                    /* "t=y" */
    DmarcPsd psd;
    guint percent;   /* "pct" of RFC 7489; 100 without */
    BaridSlice rua, ruf, fo;
} DmarcRecord;

/* Whether a TXT record is one at all: the others of a name do not count. */
gboolean dmarc_record_is(BaridSlice text);
/* Reads one that dmarc_record_is(). What is not understood has its default, of a tag that is
 * there twice the first counts. */
void dmarc_record_parse(BaridSlice text, DmarcRecord *out);
/* "none", "quarantine" or "reject"; NULL for what is no policy. */
const gchar *dmarc_policy_get_name(DmarcPolicy policy);
DmarcPolicy dmarc_policy_parse(BaridSlice word);

#endif
