/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks are mapped in chunks, each stack with its guard below it, and stay
 * mapped. What is known of a stack lies beside its chunk and not on the stack,
 * so that a stack whose memory was given back is not touched until its use.
 *
 * MADV_GUARD_INSTALL marks pages within a mapping, and a chunk stays one
 * mapping. mprotect cuts it in pieces, of which a process has 65,530.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(start, end) 0u
#define VALGRIND_STACK_DEREGISTER(id) (void)(id)
#endif

#include "core/vine_limits.h"
#include "rt/rt_fiber.h"
#include "rt/rt_stack.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102	/* Linux 6.13 */
#endif
#define NO_ADVICE 0x7fffffff	/* a kernel says EINVAL */

#define PAGE 4096u
#define COLOURS 64u	/* lines of a page */
#define LINE 64u

struct chunk {
	struct utils_link link;
	void *base;
	size_t size;
	struct rt_stack stacks[VINE_STACK_CHUNK];
};

int
rt_stacks_init(struct rt_stacks *stacks, uint32_t size)
{
	if (size < VINE_STACK_MIN || size > UINT32_MAX / VINE_STACK_CHUNK)
		return -EINVAL;
	*stacks = (struct rt_stacks){
		/* a page for the colours, which take from each less than one */
		.size = (size + PAGE - 1) / PAGE * PAGE + PAGE,
		/* who takes any advice, an emulator, follows none */
		.guard = madvise(NULL, 0, NO_ADVICE) == 0 ?
			RT_STACK_GUARD_PROTECT : RT_STACK_GUARD_INSTALL,
	};
	utils_list_init(&stacks->all);
	return 0;
}

void
rt_stacks_fini(struct rt_stacks *stacks)
{
	struct utils_link *link;

	while ((link = utils_list_pop_front(&stacks->all)) != NULL) {
		struct chunk *c = utils_list_of(link, struct chunk, link);

		for (uint32_t i = 0; i < VINE_STACK_CHUNK; i++)
			VALGRIND_STACK_DEREGISTER(c->stacks[i].id);
		munmap(c->base, c->size);
		free(c);
	}
}

/* Make the lowest bytes of a stack's place untouchable. */
static int
install_guard(struct rt_stacks *stacks, void *at)
{
	if (stacks->guard == RT_STACK_GUARD_INSTALL) {
		if (madvise(at, VINE_STACK_GUARD, MADV_GUARD_INSTALL) == 0)
			return 0;
		if (errno != EINVAL)
			return -errno;
		/* an older kernel */
		stacks->guard = RT_STACK_GUARD_PROTECT;
	}
	return mprotect(at, VINE_STACK_GUARD, PROT_NONE) == 0 ? 0 : -errno;
}

static int
map_chunk(struct rt_stacks *stacks, struct chunk *c)
{
	size_t stride = (size_t)VINE_STACK_GUARD + stacks->size;
	int rc = 0;

	c->size = stride * VINE_STACK_CHUNK;
	c->base = mmap(NULL, c->size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK,
		       -1, 0);
	if (c->base == MAP_FAILED)
		return -ENOMEM;
	/* or a stack could take 2 MiB where it uses a page */
	madvise(c->base, c->size, MADV_NOHUGEPAGE);
	for (uint32_t i = 0; i < VINE_STACK_CHUNK && rc == 0; i++)
		rc = install_guard(stacks, (char *)c->base + i * stride);
	if (rc) {
		munmap(c->base, c->size);
		return -ENOMEM;
	}
	return 0;
}

static int
add_chunk(struct rt_stacks *stacks)
{
	size_t stride = (size_t)VINE_STACK_GUARD + stacks->size;
	struct chunk *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -ENOMEM;
	if (map_chunk(stacks, c) != 0) {
		free(c);
		return -ENOMEM;
	}
	for (uint32_t i = VINE_STACK_CHUNK; i-- > 0;) {
		struct rt_stack *s = &c->stacks[i];
		uint32_t number = stacks->chunks * VINE_STACK_CHUNK + i;
		char *place = (char *)c->base + i * stride;

		s->base = place + VINE_STACK_GUARD;
		s->top = place + stride - number % COLOURS * LINE;
		s->id = VALGRIND_STACK_REGISTER(s->base, place + stride);
		s->next = stacks->cold;
		stacks->cold = s;
	}
	stacks->chunks++;
	utils_list_push_back(&stacks->all, &c->link);
	return 0;
}

int
rt_stack_get(struct rt_stacks *stacks, struct rt_stack **stack)
{
	struct rt_stack *s = stacks->free;

	if (s) {
		stacks->free = s->next;
		stacks->warm--;
	} else {
		if (stacks->cold == NULL && add_chunk(stacks) != 0)
			return -ENOMEM;
		s = stacks->cold;
		stacks->cold = s->next;
	}
	*stack = s;
	return 0;
}

void
rt_stack_put(struct rt_stacks *stacks, struct rt_stack *stack, int empty)
{
	rt_fiber_unpoison(stack->base, stack->top);
	if (!empty && stacks->warm < VINE_STACKS_KEPT) {
		stack->next = stacks->free;
		stacks->free = stack;
		stacks->warm++;
		return;
	}
	/* that it fails is no harm: the memory stays */
	madvise(stack->base, stacks->size, MADV_DONTNEED);
	stack->next = stacks->cold;
	stacks->cold = stack;
}

int
rt_stack_overrun(const struct rt_stack *stack, uintptr_t address)
{
	uintptr_t base = (uintptr_t)stack->base;

	return address < base && base - address <= VINE_STACK_GUARD;
}
