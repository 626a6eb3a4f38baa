/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a message while it arrives, and whether its chain is good. */
#ifndef ARC_MESSAGE_H
#define ARC_MESSAGE_H

#include <barid/barid.h>

#include "arc-chain.h"

typedef struct {
    ArcChain *chain;
    BaridVerifier *verifier; /* of the newest message signatures, the newest first */
    gboolean has_header;     /* all fields have been seen */
} ArcMessage;

typedef struct {
    const gchar *result;  /* "none", "pass", "fail" or "temperror" */
    gchar *problem;       /* or NULL */
    guint oldest_pass;    /* section 5.2, step 4: 0 when all message signatures are good */
} ArcOutcome;

ArcMessage *arc_message_new(void);
/* Has the body hashed for a signature that will be made; before any field. */
void arc_message_want_body(ArcMessage *self);
void arc_message_free(gpointer self);
void arc_message_field(gpointer self, BaridSlice name, BaridSlice value, BaridSlice whole);
void arc_message_body(gpointer self, BaridSlice block);
void arc_message_end(gpointer self);
/* The same for a message that is here as a whole, to be sealed; the caller owns it. */
ArcMessage *arc_message_read(BaridTransaction *txn);

/* Validates the chain (section 5.2); (*out) is for arc_outcome_clear(). Once. */
BARID_SUSPENDS void arc_message_validate(ArcMessage *self, BaridTransaction *txn,
                                         ArcOutcome *out);
void arc_outcome_clear(ArcOutcome *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ArcOutcome, arc_outcome_clear)

#endif
