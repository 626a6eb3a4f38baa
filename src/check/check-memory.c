/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting memory: the functions below stand in for those of the C library, as its manual
 * allows ("Replacing malloc"), and call them. What mallinfo2() tells will not do: blocks that a
 * thread keeps at hand count as taken.
 */
#include "check/check-memory.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic gint64 check_memory_used;

static struct {
    void *(*malloc)(size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    void *(*aligned)(size_t, size_t);
    size_t (*size)(void *);
} check_memory_next;

/* POSIX lets data pointers be functions' where dlsym() is (dlsym(3)). */
static void
check_memory_find(void *out_function, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    memcpy(out_function, &found, sizeof found);
}

static void __attribute__((constructor))
check_memory_init(void)
{
    if (check_memory_next.malloc != NULL)
        return;
    check_memory_find(&check_memory_next.size, "malloc_usable_size");
    check_memory_find(&check_memory_next.aligned, "memalign");
    check_memory_find(&check_memory_next.free, "free");
    check_memory_find(&check_memory_next.realloc, "realloc");
    check_memory_find(&check_memory_next.malloc, "malloc");
}

static void *
check_memory_count(void *block)
{
    if (block != NULL)
        atomic_fetch_add_explicit(&check_memory_used, (gint64)check_memory_next.size(block),
                                  memory_order_relaxed);
    return block;
}

static void
check_memory_discount(void *block)
{
    if (block != NULL)
        atomic_fetch_sub_explicit(&check_memory_used, (gint64)check_memory_next.size(block),
                                  memory_order_relaxed);
}

gint64
check_memory_get_used(void)
{
    return atomic_load_explicit(&check_memory_used, memory_order_relaxed);
}

/* --- what stands in --- */

void *
malloc(size_t size)
{
    check_memory_init();
    return check_memory_count(check_memory_next.malloc(size));
}

void *
calloc(size_t n, size_t size)
{
    size_t all;
    void *block = __builtin_mul_overflow(n, size, &all) ? NULL : malloc(all);

    if (block != NULL)
        memset(block, 0, all);
    return block;
}

void *
realloc(void *block, size_t size)
{
    void *moved;
    gint64 before;

    check_memory_init();
    before = block == NULL ? 0 : (gint64)check_memory_next.size(block);
    moved = check_memory_next.realloc(block, size);
    if (moved != NULL || size == 0)
        atomic_fetch_sub_explicit(&check_memory_used, before, memory_order_relaxed);
    return check_memory_count(moved);
}

void
free(void *block)
{
    if (block == NULL)
        return;
    check_memory_init();
    check_memory_discount(block);
    check_memory_next.free(block);
}

void *
memalign(size_t alignment, size_t size)
{
    check_memory_init();
    return check_memory_count(check_memory_next.aligned(alignment, size));
}

void *
aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int
posix_memalign(void **out_block, size_t alignment, size_t size)
{
    void *block = memalign(alignment, size);

    if (block == NULL)
        return ENOMEM;
    *out_block = block;
    return 0;
}
