/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DataDecoder: the content of DATA (RFC 5321 section 4.5.2). Only CRLF "." CRLF ends a
 * message; dot-stuffing is removed; bare CR and bare LF are found, so that nothing can be
 * smuggled. Works on blocks cut at any offset; finds line ends with memchr, so that the
 * cost of a clean message is one pass.
 */
#ifndef SMTP_DATA_DECODER_H
#define SMTP_DATA_DECODER_H

#include <barid/slice.h>

typedef struct {
    guint state;
    gboolean saw_bare_cr, saw_bare_lf, saw_nul, saw_8bit;
    gsize longest_line; /* bytes without CRLF */
    gsize line_len;
} DataDecoder;

void data_decoder_init(DataDecoder *self);
/* Consumes from (block) until the end of data or the end of the block, giving runs of
 * decoded bytes to (emit) (slices of the block, or short constants). (*out_used) is the
 * number of bytes taken; bytes behind the end of data are left. TRUE at the end of data.
 * (emit) returning FALSE (no room) does not stop the decoder: the rest is swallowed. */
typedef gboolean (*DataDecoderEmit)(BaridSlice run, gpointer data);
gboolean data_decoder_feed(DataDecoder *self, BaridSlice block, DataDecoderEmit emit,
                           gpointer data, gsize *out_used);
/* Checks content that came by BDAT: the same findings, nothing changed. */
void data_decoder_inspect(DataDecoder *self, BaridSlice block);
/* The content that came by BDAT is complete: a CR at its very end is a bare one. */
void data_decoder_finish(DataDecoder *self);

#endif
