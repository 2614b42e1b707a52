/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch of aarch64, AAPCS64: x19 to x30 and the lower halves of v8 to v15
 * are kept.
 */
#if defined(__aarch64__)
	.text

	.globl rt_switch
	.type rt_switch, %function
	.p2align 4
rt_switch:
	.cfi_startproc
	stp x19, x20, [sp, #-160]!
	.cfi_adjust_cfa_offset 160
	.cfi_rel_offset x19, 0
	.cfi_rel_offset x20, 8
	stp x21, x22, [sp, #16]
	.cfi_rel_offset x21, 16
	.cfi_rel_offset x22, 24
	stp x23, x24, [sp, #32]
	.cfi_rel_offset x23, 32
	.cfi_rel_offset x24, 40
	stp x25, x26, [sp, #48]
	.cfi_rel_offset x25, 48
	.cfi_rel_offset x26, 56
	stp x27, x28, [sp, #64]
	.cfi_rel_offset x27, 64
	.cfi_rel_offset x28, 72
	stp x29, x30, [sp, #80]
	.cfi_rel_offset x29, 80
	.cfi_rel_offset x30, 88
	stp d8, d9, [sp, #96]
	stp d10, d11, [sp, #112]
	stp d12, d13, [sp, #128]
	stp d14, d15, [sp, #144]
	mov x9, sp
	str x9, [x0]
	mov sp, x1
	ldp d14, d15, [sp, #144]
	ldp d12, d13, [sp, #128]
	ldp d10, d11, [sp, #112]
	ldp d8, d9, [sp, #96]
	ldp x29, x30, [sp, #80]
	ldp x27, x28, [sp, #64]
	ldp x25, x26, [sp, #48]
	ldp x23, x24, [sp, #32]
	ldp x21, x22, [sp, #16]
	ldp x19, x20, [sp], #160
	.cfi_adjust_cfa_offset -160
	.cfi_restore x19
	.cfi_restore x20
	.cfi_restore x21
	.cfi_restore x22
	.cfi_restore x23
	.cfi_restore x24
	.cfi_restore x25
	.cfi_restore x26
	.cfi_restore x27
	.cfi_restore x28
	.cfi_restore x29
	.cfi_restore x30
	br x30
	.cfi_endproc
	.size rt_switch, . - rt_switch

	.globl rt_switch_start
	.type rt_switch_start, %function
	.p2align 4
rt_switch_start:
	.cfi_startproc
	.cfi_undefined x30	/* nobody called: a backtrace ends here */
	mov x0, x20
	blr x19
	brk #1
	.cfi_endproc
	.size rt_switch_start, . - rt_switch_start

	.section .note.GNU-stack, "", %progbits
#endif
