/* SPDX-License-Identifier: Apache-2.0 */
#include "mime/header-splitter.h"

/* Taken at a time, so that a large block behind a small header is not copied whole. */
enum { SPLITTER_PIECE = 4096 };

void
header_splitter_init(HeaderSplitter *self, const HeaderSplitterSink *sink)
{
    *self = (HeaderSplitter){.sink = *sink};
    buffer_init(&self->header, HEADER_BYTES_MAX + 2 * SPLITTER_PIECE);
}

void
header_splitter_clear(HeaderSplitter *self)
{
    buffer_clear(&self->header);
}

/* Finds the end of the line at hand; FALSE while it has not arrived. Each byte is looked at
 * once, however small the pieces are. */
static gboolean
splitter_find_line_end(HeaderSplitter *self)
{
    const Buffer *header = &self->header;
    gsize from = MAX(self->scanned, MAX(self->iter.pos, self->line_end));
    const guint8 *newline = memchr(header->data + from, '\n', header->len - from);

    if (newline == NULL) {
        self->scanned = header->len;
        return FALSE;
    }
    self->line_end = (gsize)(newline - header->data) + 1;
    self->scanned = self->line_end;
    return TRUE;
}

/* Whether what comes next can be told without seeing more. */
static gboolean
splitter_is_decided(HeaderSplitter *self)
{
    const Buffer *header = &self->header;
    gsize first_line;

    if (self->line_end == 0 && !splitter_find_line_end(self))
        return FALSE;
    first_line = self->line_end - self->iter.pos;
    if (first_line == 1 || (first_line == 2 && header->data[self->iter.pos] == '\r'))
        return TRUE; /* the empty line */
    while (self->line_end < header->len) {
        guint8 next = header->data[self->line_end];

        if (next != ' ' && next != '\t')
            return TRUE;
        if (!splitter_find_line_end(self))
            return FALSE;
    }
    return FALSE;
}

static void
splitter_begin_body(HeaderSplitter *self)
{
    gsize pos = self->iter.pos;

    self->in_body = TRUE;
    if (pos < self->header.len)
        self->sink.body(barid_slice(self->header.data + pos, self->header.len - pos),
                        self->sink.data);
    buffer_clear(&self->header);
}

static void
splitter_take_fields(HeaderSplitter *self, gboolean is_complete)
{
    while (!self->in_body && self->iter.pos < self->header.len) {
        HeaderField field;

        /* Past the limit the iterator can decide in any case; an empty line needs a byte more. */
        if (!is_complete && self->header.len <= HEADER_BYTES_MAX + 1 &&
            !splitter_is_decided(self))
            return;
        self->iter.message = buffer_get_slice(&self->header);
        if (header_iter_next(&self->iter, &field) != HEADER_FIELD) {
            splitter_begin_body(self);
            return;
        }
        self->sink.field(&field, self->sink.data);
        self->line_end = 0;
        self->scanned = self->iter.pos;
    }
}

void
header_splitter_feed(HeaderSplitter *self, BaridSlice block)
{
    while (!self->in_body && !self->has_failed && block.len > 0) {
        gsize part = MIN(block.len, SPLITTER_PIECE);

        self->has_failed = !buffer_append(&self->header, block.data, part);
        block = barid_slice(block.data + part, block.len - part);
        if (!self->has_failed)
            splitter_take_fields(self, FALSE);
    }
    if (self->in_body && block.len > 0)
        self->sink.body(block, self->sink.data);
}

void
header_splitter_finish(HeaderSplitter *self)
{
    if (!self->has_failed)
        splitter_take_fields(self, TRUE);
}
