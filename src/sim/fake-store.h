/* SPDX-License-Identifier: Apache-2.0 */
/* A store driver for tests: keeps everything in memory as the driver "memory" does, but takes
 * its time, so that whoever asks has to wait, and fails when it is told to. */
#ifndef FAKE_STORE_H
#define FAKE_STORE_H

#include <barid/store.h>

/* What the driver's "open" gets as settings; it is read at each call. */
typedef struct {
    gint64 latency_ms;
    gboolean failing;
} FakeStoreControl;

extern const BaridStoreDriver fake_store_driver;

#endif
