/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LineReader: bounded lines from a stream. A line ends with CRLF; a bare LF is taken too,
 * since people type at servers (the content of messages is not read through this).
 */
#ifndef LINE_READER_H
#define LINE_READER_H

#include "net/stream.h"

typedef enum {
    LINE_OK,
    LINE_TOO_LONG, /* the whole line was swallowed */
    LINE_FAILED,   /* (error) says why: closed, timeout, cancelled */
} LineResult;

typedef struct {
    Stream *stream;
    gsize pending; /* bytes of the line given last, still to be consumed */
} LineReader;

void line_reader_init(LineReader *self, Stream *stream);
/* The next line without its end, valid until the next call. At most (limit) bytes, line
 * end included; (limit) is below BLOCK_BYTES. */
BARID_SUSPENDS LineResult line_reader_next(LineReader *self, gsize limit, BaridSlice *out_line,
                                           GError **error);
/* Gives the bytes of the last line back to the stream's caller: afterwards the stream's
 * input begins behind it. */
void line_reader_release(LineReader *self);
/* Whether another line, or a part of one, is already here: replies may wait. */
gboolean line_reader_has_input(LineReader *self);

#endif
