/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canonical forms of header fields and bodies, as they are signed (RFC 6376 section 3.4).
 * Bytes go to a sink as they are found, in pieces; nothing is allocated. Pure: no I/O.
 *
 * Line ends are CRLF. A CR or LF alone is content like any other byte.
 */
#ifndef CANONICAL_H
#define CANONICAL_H

#include <barid/signature.h>

#include "mime/header.h"

/* Takes a piece; what it is made of dies with the call. */
typedef void (*CanonicalSink)(BaridSlice piece, gpointer data);

/* A whole field with its line end, which it gets if it has none (sections 3.4.1, 3.4.2). */
void canonical_field(BaridCanonicalForm form, const HeaderField *field, CanonicalSink sink,
                     gpointer data);
/* The same for the field that holds the signature itself: without the bytes of (hole), a slice
 * of the field, and without its line end (section 3.7). */
void canonical_signature_field(BaridCanonicalForm form, const HeaderField *field, BaridSlice hole,
                               CanonicalSink sink, gpointer data);

/* --- bodies --- */

#define CANONICAL_STEP 1024

/* A body that comes in pieces of any size (sections 3.4.3, 3.4.4). Initialise with
 * canonical_body_init(); there is nothing to clear. */
typedef struct {
    BaridCanonicalForm form;
    CanonicalSink sink;
    gpointer data;
    guint64 limit;    /* bytes that go to the sink: "l=" */
    guint64 n_bytes;  /* of the canonical form so far, whatever the limit */
    guint64 n_empty;  /* line ends that wait for content behind them */
    gboolean has_cr;  /* a CR waits for what follows */
    gboolean has_gap; /* white space waits for content behind it */
    gsize n_gathered;
    guint8 gathered[CANONICAL_STEP];
} CanonicalBody;

/* (limit) is G_MAXUINT64 without one. */
void canonical_body_init(CanonicalBody *self, BaridCanonicalForm form, guint64 limit,
                         CanonicalSink sink, gpointer data);
void canonical_body_feed(CanonicalBody *self, BaridSlice piece);
/* After the last piece. */
void canonical_body_end(CanonicalBody *self);

#endif
