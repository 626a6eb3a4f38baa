/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace fields (RFC 5321 section 4.4): what this host puts on top of a message. Pure
 * functions of what is known about the session; whatever the client chose is made
 * harmless here.
 */
#ifndef MIME_TRACE_H
#define MIME_TRACE_H

#include "base/address.h"
#include "base/buffer.h"

typedef enum {
    TRACE_ESMTP = 1 << 0, /* EHLO was given, not HELO */
    TRACE_LMTP = 1 << 1,
    TRACE_TLS = 1 << 2,
    TRACE_AUTH = 1 << 3,
    TRACE_UTF8 = 1 << 4, /* the transaction has SMTPUTF8 */
} TraceProtocol;

typedef struct {
    const Address *client;    /* NULL leaves out the whole "from" clause (privacy, local) */
    BaridSlice helo;          /* as given by the client */
    const gchar *client_name; /* verified reverse name; NULL gives "unknown" */
    const gchar *by;          /* this host */
    const gchar *queue_id;
    guint protocol;           /* TraceProtocol */
    const gchar *tls_version, *tls_cipher; /* with TRACE_TLS; NULL leaves the note out */
    guint tls_bits;           /* 0: not known */
    BaridSlice recipient;     /* the only one, or empty: naming one of several would tell
                                 about blind copies (RFC 5321 section 7.2) */
    gint64 date_ms;
} TraceReceived;

/* "ESMTPSA", "UTF8LMTPS" and so on (RFC 3848, RFC 6531 section 4.3). */
const gchar *trace_get_with_keyword(guint protocol);
/* Appends the Received field, folded. FALSE, with nothing appended, past the limit. */
gboolean trace_append_received(Buffer *out, const TraceReceived *received);
/* Appends "Return-Path: <sender>"; (sender) is a checked address, or empty. FALSE, with
 * nothing appended, past the limit or when (sender) may not stand in a field. */
gboolean trace_append_return_path(Buffer *out, BaridSlice sender);

#endif
