/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dump has the addresses of its tasks and of those that they wait for, and
 * nobody follows these: a task may have ended with its lock. Here they are
 * looked for among the dump's own, sorted.
 *
 * A large dump is taken down a slice at a time, and locks change hands between
 * two of them. But a task that has waited since before the first slice gives
 * nothing back meanwhile; so a circle of such tasks is one.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_holders.h"

struct entry {
	uintptr_t address;
	const struct rt_dump_task *task;
};

struct rt_holders {
	const struct rt_dump *dump;
	uint32_t count;
	struct entry entries[];		/* by address */
};

static int
by_address(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	return (a->address > b->address) - (a->address < b->address);
}

int
rt_holders_new(const struct rt_dump *dump, struct rt_holders **holders)
{
	uint32_t n = rt_dump_count(dump);
	struct rt_holders *h = malloc(sizeof(*h) + n * sizeof(h->entries[0]));

	if (h == NULL)
		return -ENOMEM;
	h->dump = dump;
	h->count = n;
	for (uint32_t i = 0; i < n; i++) {
		h->entries[i].task = rt_dump_task(dump, i);
		h->entries[i].address = h->entries[i].task->address;
	}
	qsort(h->entries, n, sizeof(h->entries[0]), by_address);
	*holders = h;
	return 0;
}

void
rt_holders_free(struct rt_holders *holders)
{
	free(holders);
}

/* The task that has what t waits for, NULL where the dump has none such. */
static const struct rt_dump_task *
holder_of(const struct rt_holders *h, const struct rt_dump_task *t)
{
	struct entry key = { t->holder, NULL }, *found = NULL;

	if (t->holder)
		found = bsearch(&key, h->entries, h->count, sizeof(key),
				by_address);
	return found ? found->task : NULL;
}

char *
rt_holders_text(const struct rt_holders *h, const struct rt_dump_task *t,
		char *text, size_t size)
{
	const struct rt_dump_task *holder = holder_of(h, t);

	text[0] = '\0';
	if (t->kind != RT_OBJECT_QLOCK && t->kind != RT_OBJECT_RWLOCK)
		return text;
	if (holder)
		snprintf(text, size, "%s", holder->name);
	else if (t->holder)
		snprintf(text, size, "a task that is %s",
			 rt_dump_left_out(h->dump) ? "left out" : "gone");
	else if (t->readers)
		snprintf(text, size, "%u reader%s", t->readers,
			 t->readers > 1 ? "s" : "");
	return text;
}

/* The next of the circle. */
static const struct rt_dump_task *
after(const struct rt_holders *h, const struct rt_dump_task *t)
{
	return t->settled && t->state == RT_TASK_BLOCKED ? holder_of(h, t) :
		NULL;
}

/* Returns how many tasks a circle has whose first in the dump is t; or 0. */
static uint32_t
measure(const struct rt_holders *h, const struct rt_dump_task *t)
{
	const struct rt_dump_task *at = t;

	for (uint32_t n = 1; n <= VINE_RT_CIRCLE; n++) {
		at = after(h, at);
		if (at == NULL || at < t)
			return 0;
		if (at == t)
			return n;
	}
	return 0;
}

int
rt_holders_circle(const struct rt_holders *h, uint32_t i, char *text,
		  size_t size)
{
	const struct rt_dump_task *at = rt_dump_task(h->dump, i), *next;
	uint32_t count = measure(h, at);
	char object[RT_DUMP_OBJECT];
	size_t used = 0;

	for (uint32_t n = 0; n < count && used < size; n++, at = next) {
		next = after(h, at);
		used += (size_t)snprintf(text + used, size - used,
			"%s%s waits for %s (%s %s)", n ? ", " : "", at->name,
			next->name, at->what,
			rt_dump_object(at, object, sizeof(object)));
	}
	return count != 0;
}
