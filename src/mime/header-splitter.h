/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HeaderSplitter: header fields and body of a message that arrives in pieces cut anywhere.
 * It gives exactly the fields that a HeaderIter finds in the whole message, and the body
 * that begins where that one ends. Of the message it keeps the header only.
 */
#ifndef HEADER_SPLITTER_H
#define HEADER_SPLITTER_H

#include "mime/header.h"

typedef struct {
    void (*field)(const HeaderField *field, gpointer data); /* slices live during the call */
    void (*body)(BaridSlice block, gpointer data);          /* never empty */
    gpointer data;
} HeaderSplitterSink;

typedef struct {
    HeaderSplitterSink sink;
    Buffer header;
    HeaderIter iter;
    gsize line_end; /* behind the newest complete line of the field at hand; 0 without one */
    gsize scanned;  /* up to here it was looked for */
    gboolean in_body;
    gboolean has_failed; /* no memory: nothing more is given */
} HeaderSplitter;

void header_splitter_init(HeaderSplitter *self, const HeaderSplitterSink *sink);
void header_splitter_feed(HeaderSplitter *self, BaridSlice block);
/* The message is complete. */
void header_splitter_finish(HeaderSplitter *self);
void header_splitter_clear(HeaderSplitter *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HeaderSplitter, header_splitter_clear)

#endif
