/* SPDX-License-Identifier: Apache-2.0 */
/* Fiber stacks: mapped with a guard page below, committed on demand, pooled per thread. */
#ifndef FIBER_STACK_H
#define FIBER_STACK_H

#include <glib.h>

#ifdef BARID_SANITIZE
#define FIBER_STACK_BYTES (1024 * 1024)
#else
#define FIBER_STACK_BYTES (256 * 1024)
#endif

typedef struct FiberStackPool FiberStackPool;

/* The lowest usable byte of a stack is its handle. NULL when there is no room. */
FiberStackPool *fiber_stack_pool_new(void);
void fiber_stack_pool_free(FiberStackPool *self);
guint8 *fiber_stack_take(FiberStackPool *self);
void fiber_stack_give(FiberStackPool *self, guint8 *stack);
/* Gives the pages below (pointer) back to the system. */
void fiber_stack_trim(guint8 *stack, const void *pointer);
/* Bytes of the stack that were ever touched since the last trim, by asking the system. */
gsize fiber_stack_get_touched(const guint8 *stack);
/* Whether the system lets the process map more stacks. */
gboolean fiber_stack_has_room(void);

#endif
