/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first code on a stack: takes the argument and the function that
 * rt_switch_make put there. Nobody called it, so a backtrace ends here.
 */
	.text
	.globl rt_switch_start
#if defined(__x86_64__)
	.type rt_switch_start, @function
	.p2align 4
rt_switch_start:
	.cfi_startproc
	.cfi_undefined %rip
	popq %rdi
	popq %rax
	call *%rax
	ud2
	.cfi_endproc
	.size rt_switch_start, . - rt_switch_start
	.section .note.GNU-stack, "", @progbits
#elif defined(__aarch64__)
	.type rt_switch_start, %function
	.p2align 4
rt_switch_start:
	.cfi_startproc
	.cfi_undefined x30
	ldp x0, x9, [sp], #16
	blr x9
	brk #1
	.cfi_endproc
	.size rt_switch_start, . - rt_switch_start
	.section .note.GNU-stack, "", %progbits
#endif
