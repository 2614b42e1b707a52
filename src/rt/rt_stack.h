/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stack: memory for a task to run on, out of a pool of one thread's.
 *
 * Below each stack lies a guard that nobody can touch: who runs over the end of
 * a stack faults there. Stacks of a pool are of one size and are used again,
 * last in, first out. Where a stack begins differs by up to a page from one to
 * the next (its colour), or the tops of all would share few lines of a cache.
 */
#ifndef RT_STACK_H
#define RT_STACK_H

#include <stdint.h>

#include "utils/utils_list.h"

struct rt_stack {
	struct rt_stack *next;	/* free one */
	char *base;		/* the lowest byte, above the guard */
	char *top;		/* the highest plus 1, by its colour; of 64 */
	uint32_t id;		/* valgrind's */
};

/* How the kernel was asked for guards. */
enum rt_stack_guard {
	RT_STACK_GUARD_INSTALL,	/* MADV_GUARD_INSTALL, Linux 6.13: no limit */
	RT_STACK_GUARD_PROTECT,	/* mprotect: 32,000 or so a process */
};

struct rt_stacks {
	uint32_t size;		/* of each, without its guard */
	uint32_t chunks;	/* mapped */
	uint32_t warm;		/* free ones that keep their memory */
	enum rt_stack_guard guard;
	struct rt_stack *free;
	struct rt_stack *cold;	/* free ones that do not */
	struct utils_list all;	/* chunks */
};

/*
 * rt_stacks_init makes a pool of stacks of `size` bytes, rounded up to pages.
 * Nothing is mapped yet. Returns 0, or -EINVAL for less than VINE_STACK_MIN.
 * rt_stacks_fini unmaps them all; none is in use.
 */
int rt_stacks_init(struct rt_stacks *stacks, uint32_t size);
void rt_stacks_fini(struct rt_stacks *stacks);

/*
 * rt_stack_get takes a stack. What is on it is not defined. Maps
 * VINE_STACK_CHUNK of them where none is free. Returns 0 or -ENOMEM.
 */
int rt_stack_get(struct rt_stacks *stacks, struct rt_stack **stack);

/*
 * rt_stack_put gives one back; nothing that lies on it is used any more. With
 * `empty`, or where VINE_STACKS_KEPT others are free, its memory goes back to
 * the kernel.
 */
void rt_stack_put(struct rt_stacks *stacks, struct rt_stack *stack, int empty);

/* rt_stack_overrun tells whether an address is in the guard of a stack. */
int rt_stack_overrun(const struct rt_stack *stack, uintptr_t address);

#endif
