/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch of x86-64, System V ABI: rbx, rbp and r12 to r15 are kept. Both
 * stacks look alike where they are exchanged, so what is said of the frame
 * (.cfi) holds for either.
 */
#if defined(__x86_64__)
	.text

	.globl rt_switch
	.type rt_switch, @function
	.p2align 4
rt_switch:
	.cfi_startproc
	pushq %rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq %rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq %r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq %r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq %r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq %r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	popq %r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r14
	popq %r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	popq %r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	popq %rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	popq %rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	popq %rcx
	.cfi_adjust_cfa_offset -8
	.cfi_register %rip, %rcx
	jmp *%rcx
	.cfi_endproc
	.size rt_switch, . - rt_switch

	.globl rt_switch_start
	.type rt_switch_start, @function
	.p2align 4
rt_switch_start:
	.cfi_startproc
	.cfi_undefined %rip	/* nobody called: a backtrace ends here */
	movq %r13, %rdi
	call *%r12
	ud2
	.cfi_endproc
	.size rt_switch_start, . - rt_switch_start

	.section .note.GNU-stack, "", @progbits
#endif
