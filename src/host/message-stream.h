/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds arriving content to the streaming hooks (<barid/stream.h>) of modules. */
#ifndef MESSAGE_STREAM_H
#define MESSAGE_STREAM_H

#include "host/host.h"

typedef struct MessageStream MessageStream;

/* Begins the streams of all hooks that have one; NULL where none has, which costs nothing.
 * Lives in the transaction's arena, and so do the streams: they are freed with it. */
BARID_SUSPENDS MessageStream *message_stream_begin(Host *host, BaridTransaction *txn);
BARID_SUSPENDS void message_stream_feed(MessageStream *self, BaridSlice block);
/* The content is complete; before the MESSAGE stage is run. */
BARID_SUSPENDS void message_stream_end(MessageStream *self);
/* What the stream of (hook) collected, or NULL. */
gpointer message_stream_get(const MessageStream *self, const BaridHook *hook);

/* All three for a message that is there already. */
BARID_SUSPENDS void message_stream_run(Host *host, BaridTransaction *txn);

#endif
