/* SPDX-License-Identifier: Apache-2.0 */
#include "fiber/stack.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(start, end) ((start), (end), 0u)
#endif

enum { FIBER_STACKS_KEPT = 256, FIBER_GUARD_BYTES = 4096 };

/* A free stack holds the link at its top, in the page that is touched anyway. */
typedef struct FiberFreeStack {
    struct FiberFreeStack *next;
} FiberFreeStack;

struct FiberStackPool {
    FiberFreeStack *free;
    guint n_free;
};

static _Atomic guint fiber_stacks_mapped;

/* Each stack and its guard are two mappings; a quarter of what the system allows stays
 * for everything else. */
static guint
fiber_stack_limit(void)
{
    static _Atomic guint limit;
    guint value = atomic_load(&limit);

    if (value == 0) {
        g_autofree gchar *text = NULL;
        guint64 maps = 65530;

        if (g_file_get_contents("/proc/sys/vm/max_map_count", &text, NULL, NULL))
            maps = g_ascii_strtoull(text, NULL, 10);
        value = (guint)MIN(maps * 3 / 8, G_MAXUINT / 2);
        atomic_store(&limit, MAX(value, 64));
    }
    return value;
}

gboolean
fiber_stack_has_room(void)
{
    return atomic_load_explicit(&fiber_stacks_mapped, memory_order_relaxed) < fiber_stack_limit();
}

static FiberFreeStack *
fiber_stack_link_of(guint8 *stack)
{
    return (FiberFreeStack *)(void *)(stack + FIBER_STACK_BYTES - sizeof(FiberFreeStack));
}

static guint8 *
fiber_stack_of_link(FiberFreeStack *link)
{
    return (guint8 *)link + sizeof(FiberFreeStack) - FIBER_STACK_BYTES;
}

FiberStackPool *
fiber_stack_pool_new(void)
{
    return g_new0(FiberStackPool, 1);
}

static void
fiber_stack_unmap(guint8 *stack)
{
    munmap(stack - FIBER_GUARD_BYTES, FIBER_STACK_BYTES + FIBER_GUARD_BYTES);
    atomic_fetch_sub(&fiber_stacks_mapped, 1);
}

void
fiber_stack_pool_free(FiberStackPool *self)
{
    if (self == NULL)
        return;
    while (self->free != NULL) {
        FiberFreeStack *link = self->free;

        self->free = link->next;
        fiber_stack_unmap(fiber_stack_of_link(link));
    }
    g_free(self);
}

static guint8 *
fiber_stack_map(void)
{
    guint8 *base;

    if (!fiber_stack_has_room())
        return NULL;
    base = mmap(NULL, FIBER_STACK_BYTES + FIBER_GUARD_BYTES, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    if (mprotect(base, FIBER_GUARD_BYTES, PROT_NONE) != 0) {
        munmap(base, FIBER_STACK_BYTES + FIBER_GUARD_BYTES);
        return NULL;
    }
    atomic_fetch_add(&fiber_stacks_mapped, 1);
    (void)VALGRIND_STACK_REGISTER(base + FIBER_GUARD_BYTES,
                                  base + FIBER_GUARD_BYTES + FIBER_STACK_BYTES);
    return base + FIBER_GUARD_BYTES;
}

guint8 *
fiber_stack_take(FiberStackPool *self)
{
    FiberFreeStack *link = self->free;

    if (link == NULL)
        return fiber_stack_map();
    self->free = link->next;
    self->n_free--;
    return fiber_stack_of_link(link);
}

void
fiber_stack_give(FiberStackPool *self, guint8 *stack)
{
    FiberFreeStack *link;

    if (self->n_free >= FIBER_STACKS_KEPT) {
        fiber_stack_unmap(stack);
        return;
    }
    link = fiber_stack_link_of(stack);
    link->next = self->free;
    self->free = link;
    self->n_free++;
}

void
fiber_stack_trim(guint8 *stack, const void *pointer)
{
    gsize used_from = (gsize)((const guint8 *)pointer - stack);
    gsize whole_pages = used_from / 4096 * 4096;

    /* The red zone of the ABI reaches 128 bytes below the pointer. */
    if (used_from - whole_pages < 128 && whole_pages >= 4096)
        whole_pages -= 4096;
    if (whole_pages > 0)
        madvise(stack, whole_pages, MADV_DONTNEED);
}

gsize
fiber_stack_get_touched(const guint8 *stack)
{
    guchar resident[FIBER_STACK_BYTES / 4096];

    if (mincore((void *)(guintptr)stack, FIBER_STACK_BYTES, resident) != 0)
        return 0;
    for (gsize page = 0; page < G_N_ELEMENTS(resident); page++) {
        if ((resident[page] & 1) != 0)
            return FIBER_STACK_BYTES - page * 4096;
    }
    return 0;
}
