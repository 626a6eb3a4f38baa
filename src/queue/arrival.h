/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrival: the content of a message while it comes in: memory up to a threshold, then a
 * nameless file in the spool's folder, mapped when it is complete, so that hooks always
 * see one contiguous slice. At commit the file is linked, never copied again.
 */
#ifndef ARRIVAL_H
#define ARRIVAL_H

#include "base/buffer.h"

struct Queue;

typedef struct {
    struct Queue *queue; /* gives the file; NULL: one in memory */
    Buffer memory;
    gsize memory_bytes; /* the threshold */
    gsize limit_bytes;  /* the message size limit; 0 for none */
    guint64 len;
    int fd;             /* -1 while in memory */
    void *map;
    GError *error;      /* the first failure; later bytes are swallowed */
    gboolean too_large;
} Arrival;

void arrival_init(Arrival *self, struct Queue *queue, gsize memory_bytes, gsize limit_bytes);
/* FALSE when the message is over its limit or cannot be stored: (too_large) or (error)
 * says which; what was kept so far is dropped and later calls only count. */
gboolean arrival_append(Arrival *self, BaridSlice bytes);
/* The whole message; valid until arrival_clear(). FALSE with an error as above. */
gboolean arrival_finish(Arrival *self, BaridSlice *out_message, GError **error);
void arrival_clear(Arrival *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Arrival, arrival_clear)

#endif
