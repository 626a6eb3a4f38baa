/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up the keys of a message's signatures, and what is found with them. */
#ifndef DKIM_VERIFY_H
#define DKIM_VERIFY_H

#include <barid/barid.h>

/* Looks up all keys side by side and settles every signature; records what the authors' domains
 * say of third parties. */
BARID_SUSPENDS void dkim_verify(BaridTransaction *txn, BaridVerifier *verifier);
/* Records the findings of the settled signatures. */
void dkim_tell(BaridTransaction *txn, const BaridVerifier *verifier);

#endif
