/* SPDX-License-Identifier: Apache-2.0 */
/* A set of one's own on top of the chain (RFC 8617 section 5.1). */
#ifndef ARC_SEAL_H
#define ARC_SEAL_H

#include "arc-message.h"

/* What a set says; all is borrowed. */
typedef struct {
    const gchar *domain, *selector;
    BaridPrivateKey *key;
    const gchar *const *headers; /* names of the fields that the message signature covers */
    const gchar *results;        /* the authserv-id and what it found */
    ArcValidation validation;    /* of the chain so far */
} ArcSeal;

/* Appends what a field Authentication-Results of (id) says to (payload), which holds the id and
 * results found so far. FALSE when the field is another one's. */
gboolean arc_seal_append_results(GString *payload, BaridSlice field, const gchar *id);
/* What the results say about the chain themselves: NULL, or "pass", "fail", "none". Several
 * such results, and other words, are "fail". */
const gchar *arc_seal_get_claim(const gchar *payload);
/* Puts the three fields of a new set on top of the header, as it is at SEAL. FALSE with the
 * error, and without any field. */
BARID_SUSPENDS gboolean arc_seal_add(const ArcSeal *self, BaridTransaction *txn,
                                     const ArcMessage *message, GError **error);

#endif
