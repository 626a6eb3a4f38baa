/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store driver "memory": lives as long as the process. Bounded: past its size the
 * entries that were used longest ago go.
 */
#ifndef STORE_MEMORY_H
#define STORE_MEMORY_H

#include <barid/store.h>

typedef struct {
    gint64 max_size_bytes;
} StoreMemorySettings;

extern const BaridStoreDriver store_memory_driver;

#endif
