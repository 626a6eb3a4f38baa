/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streaming form of a MESSAGE hook: it sees header fields and body blocks while they
 * arrive, so that a hash or a count is ready when the last byte is, without a second pass.
 *
 *   static const BaridStreamHook digest_stream = {
 *       .struct_size = sizeof(BaridStreamHook), .begin = ..., .body = ..., .free = ...};
 *   BARID_HOOK_MESSAGE(digest_message, BARID_PHASE_INSPECT, .stream = &digest_stream)
 *
 * The hook itself is called as any other when the message is complete, and decides; it gets
 * what was collected from barid_transaction_get_stream(). These functions decide nothing.
 * Content that is refused or breaks off is never ended, only freed.
 */
#ifndef BARID_STREAM_H
#define BARID_STREAM_H

#include <barid/slice.h>
#include <barid/verdict.h>

typedef struct {
    gsize struct_size;
    /* Content is about to arrive. (state) is the module's. The result is given to the other
     * functions; NULL: this message is of no interest. */
    gpointer (*begin)(BaridTransaction *txn, gpointer state);
    /* One header field, in order: its name, its value with folding and without the final
     * CRLF, and all of it as it came. Needs BARID_READS_HEADERS. The slices live during the
     * call. May be NULL. */
    void (*field)(gpointer stream, BaridSlice name, BaridSlice value, BaridSlice whole);
    /* A block of the body, of any size, dot-stuffing removed. Together the blocks are what
     * barid_transaction_get_message() has behind the header. Needs BARID_READS_BODY. May be
     * NULL. */
    void (*body)(gpointer stream, BaridSlice block);
    /* The content is complete. May be NULL. */
    void (*end)(gpointer stream);
    /* The transaction ends. May be NULL. */
    void (*free)(gpointer stream);
} BaridStreamHook;

/* From the hook whose stream it is: what "begin" returned; NULL when the stream was not
 * begun, because "when" said no or the module was suspended at that time. */
gpointer barid_transaction_get_stream(BaridTransaction *txn);

#endif
