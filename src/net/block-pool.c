/* SPDX-License-Identifier: Apache-2.0 */
#include "net/block-pool.h"

enum { BLOCKS_KEPT = 64 };

static _Thread_local struct {
    guint8 *blocks[BLOCKS_KEPT];
    guint count;
} block_pool;

guint8 *
block_take(void)
{
    return block_pool.count > 0 ? block_pool.blocks[--block_pool.count] : g_malloc(BLOCK_BYTES);
}

void
block_give(guint8 *block)
{
    if (block == NULL)
        return;
    if (block_pool.count < BLOCKS_KEPT)
        block_pool.blocks[block_pool.count++] = block;
    else
        g_free(block);
}

void
block_pool_drain(void)
{
    while (block_pool.count > 0)
        g_free(block_pool.blocks[--block_pool.count]);
}
