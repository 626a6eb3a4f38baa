/* SPDX-License-Identifier: Apache-2.0 */
#include "base/counter.h"

#include <stdatomic.h>

typedef struct CounterBlock {
    struct CounterBlock *next;
    gboolean is_free; /* its thread has ended */
    _Atomic guint64 values[COUNTERS_MAX];
} CounterBlock;

static GMutex counter_lock;
static const gchar *counter_names[COUNTERS_MAX];
static guint counter_count;
/* Blocks of ended threads stay, so that sums never go back; the next thread goes on with one. */
static CounterBlock *counter_blocks;
static _Thread_local CounterBlock *counter_mine;
static void counter_block_release(gpointer block);
static GPrivate counter_key = G_PRIVATE_INIT(counter_block_release); /* tells when it ends */

CounterId
counter_register(const gchar *name)
{
    guint id = 0;

    g_mutex_lock(&counter_lock);
    while (id < counter_count && g_strcmp0(counter_names[id], name) != 0)
        id++;
    if (id == counter_count) {
        g_assert(counter_count < COUNTERS_MAX);
        counter_names[counter_count++] = name;
    }
    g_mutex_unlock(&counter_lock);
    return (CounterId)id;
}

static void
counter_block_release(gpointer block)
{
    g_mutex_lock(&counter_lock);
    ((CounterBlock *)block)->is_free = TRUE;
    g_mutex_unlock(&counter_lock);
}

static CounterBlock *
counter_block_take(void)
{
    CounterBlock *block;

    g_mutex_lock(&counter_lock);
    for (block = counter_blocks; block != NULL && !block->is_free;)
        block = block->next;
    if (block == NULL) {
        block = g_new0(CounterBlock, 1);
        block->next = counter_blocks;
        counter_blocks = block;
    }
    block->is_free = FALSE;
    g_mutex_unlock(&counter_lock);
    g_private_set(&counter_key, block);
    return block;
}

void
counter_add(CounterId id, guint64 amount)
{
    if (G_UNLIKELY(counter_mine == NULL))
        counter_mine = counter_block_take();
    /* Only this thread writes the block: a plain load and store is enough. */
    atomic_store_explicit(
        &counter_mine->values[id],
        atomic_load_explicit(&counter_mine->values[id], memory_order_relaxed) + amount,
        memory_order_relaxed);
}

guint64
counter_get(CounterId id)
{
    guint64 sum = 0;

    g_mutex_lock(&counter_lock);
    for (CounterBlock *block = counter_blocks; block != NULL; block = block->next)
        sum += atomic_load_explicit(&block->values[id], memory_order_relaxed);
    g_mutex_unlock(&counter_lock);
    return sum;
}

guint
counter_get_count(void)
{
    guint count;

    g_mutex_lock(&counter_lock);
    count = counter_count;
    g_mutex_unlock(&counter_lock);
    return count;
}

const gchar *
counter_get_name(CounterId id)
{
    return counter_names[id];
}
