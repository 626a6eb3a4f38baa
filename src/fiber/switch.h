/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switching stacks: the only machine-dependent unit. A context is what is needed to go on
 * where a stack was left. Assembly on x86-64, swapcontext elsewhere.
 */
#ifndef FIBER_SWITCH_H
#define FIBER_SWITCH_H

#include <glib.h>
#ifndef FIBER_SWITCH_ASM
#include <ucontext.h>
#endif

typedef struct {
#ifdef FIBER_SWITCH_ASM
    void *stack_pointer;
#else
    ucontext_t ucontext;
#endif
} FiberContext;

/* Prepares (self) to call (entry) on the stack [stack, stack + size); it never returns. */
void fiber_context_prepare(FiberContext *self, guint8 *stack, gsize size, void (*entry)(void));
/* Leaves the running stack in (from) and goes on in (to). */
void fiber_context_switch(FiberContext *from, FiberContext *to);
/* About where the stack of a context that is not running ends. */
const void *fiber_context_get_pointer(const FiberContext *self);

#endif
