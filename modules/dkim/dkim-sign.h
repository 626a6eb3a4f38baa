/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures that are made: the sections [signature NAME]. */
#ifndef DKIM_SIGN_H
#define DKIM_SIGN_H

#include "dkim-keys.h"

extern const BaridSection dkim_sections[];

typedef struct DkimSigners DkimSigners;

/* Reads all sections, and the keys that are known now. */
DkimSigners *dkim_signers_new(BaridStart *start, GError **error);
void dkim_signers_free(DkimSigners *self);
gboolean dkim_signers_has(const DkimSigners *self, const gchar *name);
/* Has the verifier hash bodies in the forms that the sections ask for. */
void dkim_signers_want_bodies(const DkimSigners *self, BaridVerifier *verifier);
/* Signs with the sections called (names), none of which signs another's field, and puts the
 * fields on top of the header. A section that has no domain for the message does nothing.
 * FALSE with the error, and without any field, when one cannot sign. */
BARID_SUSPENDS gboolean dkim_signers_sign(DkimSigners *self, BaridTransaction *txn,
                                          const gchar *const *names,
                                          const BaridVerifier *bodies, GError **error);

#endif
