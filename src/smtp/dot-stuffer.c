/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp/dot-stuffer.h"

#include "base/text.h"

enum { STATE_IN_LINE, STATE_AFTER_CR, STATE_AT_START };

void
dot_stuffer_init(DotStuffer *self)
{
    self->state = STATE_AT_START;
}

/* The state behind (run), which is not empty. */
static guint
dot_stuffer_get_state(const DotStuffer *self, BaridSlice run)
{
    guint8 last = run.data[run.len - 1];

    if (last == '\r')
        return STATE_AFTER_CR;
    if (last != '\n')
        return STATE_IN_LINE;
    if (run.len >= 2)
        return run.data[run.len - 2] == '\r' ? STATE_AT_START : STATE_IN_LINE;
    return self->state == STATE_AFTER_CR ? STATE_AT_START : STATE_IN_LINE;
}

gboolean
dot_stuffer_feed(DotStuffer *self, BaridSlice block, DotStufferEmit emit, gpointer data)
{
    gsize sent = 0; /* of the block */
    gsize pos = 0;

    while (pos < block.len) {
        BaridSlice rest = barid_slice(block.data + pos, block.len - pos);
        gssize newline;

        if (self->state == STATE_AT_START && rest.data[0] == '.') {
            if ((pos > sent && !emit(barid_slice(block.data + sent, pos - sent), data)) ||
                !emit(BARID_SLICE_LITERAL("."), data))
                return FALSE;
            sent = pos;
        }
        newline = text_find(rest, '\n');
        rest.len = newline < 0 ? rest.len : (gsize)newline + 1;
        self->state = dot_stuffer_get_state(self, rest);
        pos += rest.len;
    }
    return sent == block.len || emit(barid_slice(block.data + sent, block.len - sent), data);
}

BaridSlice
dot_stuffer_get_end(const DotStuffer *self)
{
    return self->state == STATE_AT_START ? BARID_SLICE_LITERAL(".\r\n")
                                         : BARID_SLICE_LITERAL("\r\n.\r\n");
}
