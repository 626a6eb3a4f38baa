/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ARC sets of a message (RFC 8617 sections 4.1 and 4.2): collected in any order, then put
 * into the order of their instances and checked for being a chain. Pure.
 */
#ifndef ARC_CHAIN_H
#define ARC_CHAIN_H

#include <barid/tag-list.h>

#define ARC_INSTANCE_MAX 50 /* section 4.2.1 */
/* Of all fields of the sets together: each seal covers those before it. */
#define ARC_BYTES_MAX (256 * 1024)

typedef enum { ARC_RESULTS, ARC_MESSAGE, ARC_SEAL, ARC_N_FIELDS } ArcField;
typedef enum { ARC_CV_NONE, ARC_CV_PASS, ARC_CV_FAIL } ArcValidation;

typedef struct {
    BaridSlice whole[ARC_N_FIELDS]; /* the chain's */
    BaridSlice payload;             /* of the results: all behind "i=N;" */
    /* Of the seal; slices into its field. */
    BaridSlice algorithm, domain, selector, bytes, hole;
    ArcValidation validation;       /* "cv=" */
} ArcSet;

typedef struct {
    ArcSet sets[ARC_INSTANCE_MAX]; /* instance 1 first */
    guint n_sets;                  /* the highest instance that was seen */
    const gchar *problem;          /* why it is no chain, for people; or NULL */
    gboolean has_failed;           /* the newest seal says so */
    gsize n_bytes;
    GPtrArray *copies;
} ArcChain;

/* "ARC-Seal", ... */
const gchar *arc_field_get_name(ArcField field);

ArcChain *arc_chain_new(void);
void arc_chain_free(ArcChain *self);
/* Takes one field of the message, if it is of a set; (whole) with name and line end. */
void arc_chain_add(ArcChain *self, BaridSlice name, BaridSlice whole);
/* After all fields: sets (problem) unless the sets are a chain. Without sets there is none. */
void arc_chain_end(ArcChain *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ArcChain, arc_chain_free)

#endif
