/* SPDX-License-Identifier: Apache-2.0 */
#include "net/line-reader.h"

#include "base/text.h"
#include "net/block-pool.h"

void
line_reader_init(LineReader *self, Stream *stream)
{
    *self = (LineReader){.stream = stream};
}

void
line_reader_release(LineReader *self)
{
    stream_consume(self->stream, self->pending);
    self->pending = 0;
}

gboolean
line_reader_has_input(LineReader *self)
{
    return stream_get_input(self->stream).len > self->pending;
}

/* Reads on until the end of an overlong line. */
static LineResult
line_reader_swallow(LineReader *self, GError **error)
{
    for (;;) {
        BaridSlice input = stream_get_input(self->stream);
        gssize end = text_find(input, '\n');

        if (end >= 0) {
            stream_consume(self->stream, (gsize)end + 1);
            return LINE_TOO_LONG;
        }
        stream_consume(self->stream, input.len);
        if (!stream_fill(self->stream, error))
            return LINE_FAILED;
    }
}

LineResult
line_reader_next(LineReader *self, gsize limit, BaridSlice *out_line, GError **error)
{
    gsize looked = 0;

    g_assert(limit < BLOCK_BYTES);
    line_reader_release(self);
    for (;;) {
        BaridSlice input = stream_get_input(self->stream);
        gssize end = text_find(barid_slice(input.data + looked, input.len - looked), '\n');

        if (end >= 0) {
            gsize len = looked + (gsize)end + 1;

            if (len > limit) {
                stream_consume(self->stream, len);
                return LINE_TOO_LONG;
            }
            self->pending = len;
            len -= len >= 2 && input.data[len - 2] == '\r' ? 2 : 1;
            *out_line = barid_slice(input.data, len);
            return LINE_OK;
        }
        if (input.len >= limit)
            return line_reader_swallow(self, error);
        looked = input.len;
        if (!stream_fill(self->stream, error))
            return LINE_FAILED;
    }
}
