/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RelayContent: a queued message made fit for the peer at hand. The stored message is never
 * touched; what has to be converted is converted once an attempt, in memory.
 */
#ifndef RELAY_CONTENT_H
#define RELAY_CONTENT_H

#include "base/buffer.h"
#include "outbound/smtp-client.h"
#include "queue/queue.h"

typedef struct {
    const QueueJob *job;
    BaridSlice pieces[2];
    gboolean has_8bit, has_controls; /* NUL, bare CR, bare LF */
    gboolean has_utf8_address, has_utf8_header;
    Buffer converted;
    gboolean is_converted;
} RelayContent;

void relay_content_init(RelayContent *self, const QueueJob *job);
void relay_content_clear(RelayContent *self);
/* Fills in what the content decides of (out_message). FALSE with a permanent failure when
 * the message cannot go to (peer). */
BARID_SUSPENDS gboolean relay_content_prepare(RelayContent *self, const SmtpPeer *peer,
                                              SmtpClientMessage *out_message,
                                              SmtpClientFailure *out_failure);

#endif
