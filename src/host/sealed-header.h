/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a message as it will leave: what is put in front of it, what is cut out. */
#ifndef SEALED_HEADER_H
#define SEALED_HEADER_H

#include "base/buffer.h"
#include "host/scope.h"

/* Past it nothing is added any more. */
#define SEALED_HEADER_MAX (4 * 1024 * 1024)

/* Appends the server's own fields, then the edits' ones, the last on top. */
void sealed_header_append_new(const BaridTransaction *txn, Buffer *out);
gboolean sealed_header_has_removals(const BaridTransaction *txn);
/* Appends the message's header without what is removed, with the empty line behind it. Returns
 * the body. */
BaridSlice sealed_header_append_kept(const BaridTransaction *txn, Buffer *out);

#endif
