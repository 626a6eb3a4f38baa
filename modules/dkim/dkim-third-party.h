/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures for which the author's domain has authorised their signer (RFC 6541). */
#ifndef DKIM_THIRD_PARTY_H
#define DKIM_THIRD_PARTY_H

#include <barid/barid.h>

typedef struct DkimThirdParties DkimThirdParties;

/* Adds a question for each pending signature that names the author's domain, to a batch that is
 * not asked yet. */
DkimThirdParties *dkim_third_parties_new(BaridTransaction *txn, const BaridVerifier *verifier,
                                         BaridDnsBatch *batch);
void dkim_third_parties_free(DkimThirdParties *self);
/* Records the findings "dkim.atps" and "dkim.atps.domain", of the good signatures among them. The
 * batch is answered, and all signatures are settled. */
void dkim_third_parties_tell(const DkimThirdParties *self, BaridTransaction *txn,
                             const BaridVerifier *verifier, const BaridDnsBatch *batch);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DkimThirdParties, dkim_third_parties_free)

#endif
