/* SPDX-License-Identifier: Apache-2.0 */
#include "fiber/switch.h"

#include <string.h>

#ifdef FIBER_SWITCH_ASM

/* In switch-x86-64.S: saves the callee-saved registers and the pointer in (*from). */
void fiber_switch_stacks(void **from, void *to);

/* What fiber_switch_stacks() pops: control words, six registers, the return address. */
typedef struct {
    guint32 mxcsr;
    guint16 x87_control;
    guint16 padding;
    guint64 registers[6];
    void (*entry)(void);
    guint64 alignment;
} SwitchFrame;

void
fiber_context_prepare(FiberContext *self, guint8 *stack, gsize size, void (*entry)(void))
{
    guintptr top = ((guintptr)stack + size) & ~(guintptr)15;
    SwitchFrame *frame = (SwitchFrame *)(top - sizeof(SwitchFrame));

    /* After the entry address is popped the pointer must be 8 below a multiple of 16, as
     * after a call (System V ABI section 3.2.2); the spare word does that. */
    memset(frame, 0, sizeof *frame);
    __asm__("stmxcsr %0\n\tfnstcw %1" : "=m"(frame->mxcsr), "=m"(frame->x87_control));
    frame->entry = entry;
    self->stack_pointer = frame;
}

void
fiber_context_switch(FiberContext *from, FiberContext *to)
{
    fiber_switch_stacks(&from->stack_pointer, to->stack_pointer);
}

const void *
fiber_context_get_pointer(const FiberContext *self)
{
    return self->stack_pointer;
}

#else

void
fiber_context_prepare(FiberContext *self, guint8 *stack, gsize size, void (*entry)(void))
{
    getcontext(&self->ucontext);
    self->ucontext.uc_stack.ss_sp = stack;
    self->ucontext.uc_stack.ss_size = size;
    self->ucontext.uc_link = NULL;
    makecontext(&self->ucontext, entry, 0);
}

void
fiber_context_switch(FiberContext *from, FiberContext *to)
{
    swapcontext(&from->ucontext, &to->ucontext);
}

const void *
fiber_context_get_pointer(const FiberContext *self)
{
    /* Registers are machine-dependent: leaving the stack whole is always right. */
    return self->ucontext.uc_stack.ss_sp;
}

#endif
