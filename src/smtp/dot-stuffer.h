/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DotStuffer: content on its way into DATA (RFC 5321 section 4.5.2), the counterpart of
 * the data decoder. A line begins after CRLF only; content with a bare CR or LF must not
 * come here, since somebody might see another line there.
 */
#ifndef SMTP_DOT_STUFFER_H
#define SMTP_DOT_STUFFER_H

#include <barid/slice.h>

typedef struct {
    guint state; /* bytes of CRLF seen just before: 0, 1, 2 */
} DotStuffer;

/* Receives runs in order: slices of the block, or a constant dot. FALSE stops. */
typedef gboolean (*DotStufferEmit)(BaridSlice run, gpointer data);

void dot_stuffer_init(DotStuffer *self);
/* Blocks may be cut at any offset. FALSE when (emit) gave FALSE. */
gboolean dot_stuffer_feed(DotStuffer *self, BaridSlice block, DotStufferEmit emit, gpointer data);
/* What ends the data: with a CRLF before the dot when the last line lacks its own. */
BaridSlice dot_stuffer_get_end(const DotStuffer *self);

#endif
