/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address lists of header fields (RFC 5322 section 3.4), read leniently: the mailboxes in
 * To, Cc, From and the like, one after another. Display names, comments and groups' names are
 * passed over; nothing is allocated.
 */
#ifndef ADDRESS_LIST_H
#define ADDRESS_LIST_H

#include <barid/slice.h>

typedef struct {
    BaridSlice rest;
} AddressList;

/* (value) is a field's body, folded or not. */
void address_list_init(AddressList *self, BaridSlice value);
/* The next address, as it stands: "local@domain" without brackets, perhaps empty ("<>") or
 * malformed. FALSE at the end. */
gboolean address_list_next(AddressList *self, BaridSlice *out_address);

#endif
