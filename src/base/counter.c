/* SPDX-License-Identifier: Apache-2.0 */
#include "base/counter.h"

#include <stdatomic.h>

typedef struct CounterBlock {
    struct CounterBlock *next;
    _Atomic guint64 values[COUNTERS_MAX];
} CounterBlock;

static GMutex counter_lock;
static const gchar *counter_names[COUNTERS_MAX];
static guint counter_count;
/* Blocks of ended threads stay, so that sums never go back. */
static CounterBlock *counter_blocks;
static _Thread_local CounterBlock *counter_mine;

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

static CounterBlock *
counter_block_new(void)
{
    CounterBlock *block = g_new0(CounterBlock, 1);

    g_mutex_lock(&counter_lock);
    block->next = counter_blocks;
    counter_blocks = block;
    g_mutex_unlock(&counter_lock);
    return block;
}

void
counter_add(CounterId id, guint64 amount)
{
    if (G_UNLIKELY(counter_mine == NULL))
        counter_mine = counter_block_new();
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
