/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address lists of header fields (RFC 5322 section 3.4), read leniently: the mailboxes in
 * To, Cc, From and the like, one after another. Display names, comments and groups' names are
 * passed over; nothing is allocated.
 */
#ifndef BARID_ADDRESS_LIST_H
#define BARID_ADDRESS_LIST_H

#include <barid/slice.h>

/* Takes the next address from (*rest), which is at first a field's value, folded or not: as it
 * stands, "local@domain" without brackets, perhaps empty ("<>") or malformed. FALSE at the
 * end. */
gboolean barid_address_list_next(BaridSlice *rest, BaridSlice *out_address);

#endif
