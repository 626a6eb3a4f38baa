/* SPDX-License-Identifier: Apache-2.0 */
/* Input and output blocks, pooled per thread: an idle connection holds none. */
#ifndef BLOCK_POOL_H
#define BLOCK_POOL_H

#include <glib.h>

#define BLOCK_BYTES (16 * 1024)

guint8 *block_take(void);
/* NULL is allowed. Same thread as the take. */
void block_give(guint8 *block);
/* Frees the calling thread's stock; at thread end. */
void block_pool_drain(void);

#endif
