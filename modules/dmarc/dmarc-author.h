/* SPDX-License-Identifier: Apache-2.0 */
/* Whose mail it says it is: the domain in the field From (RFC 9989 section 5.3.1). Pure. */
#ifndef DMARC_AUTHOR_H
#define DMARC_AUTHOR_H

#include <barid/barid.h>

/* More addresses than anybody writes a message together with. */
#define DMARC_AUTHORS_MAX 100

/* The one domain of all addresses in the (n_values) fields From, normalised; the caller owns it.
 * NULL when there is none, or not one; (*out_problem) says why, or is NULL. */
gchar *dmarc_author_dup_domain(const BaridSlice *values, guint n_values,
                               const gchar **out_problem);

#endif
