/* SPDX-License-Identifier: Apache-2.0 */
/* void fiber_switch_stacks(void **from, void *to): System V ABI, x86-64. */
    .text
    .globl fiber_switch_stacks
    .hidden fiber_switch_stacks
    .type fiber_switch_stacks, @function
fiber_switch_stacks:
    .cfi_startproc
    endbr64
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    /* A ret would be mispredicted: the return stack of the processor knows the other fiber. */
    popq %rcx
    notrack jmp *%rcx
    .cfi_endproc
    .size fiber_switch_stacks, . - fiber_switch_stacks
    .section .note.GNU-stack,"",@progbits
