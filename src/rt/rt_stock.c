/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Free buffers are the kernel's, in a ring that it shares with the engine, or
 * stand in a chain by number where it has none such.
 */
#include <errno.h>
#include <stdlib.h>

#include "rt/rt_engine.h"
#include "rt/rt_stock.h"

static uint32_t
rounded(uint32_t count)
{
	uint32_t n = 1;

	while (n < count)
		n *= 2;
	return n;
}

static void
release(struct rt_stock *s)
{
	free(s->memory);
	free(s->slots);
}

int
rt_stock_init(struct rt_stock *s, struct rt_wait *wait, uint32_t size,
	      uint32_t count)
{
	int rc;

	if (size == 0 || count == 0 || count > RT_STOCK_MAX)
		return -EINVAL;
	count = rounded(count);
	*s = (struct rt_stock){ .wait = wait, .size = size, .count = count,
				.idle = count };
	utils_list_init(&s->hungry);
	s->memory = malloc((size_t)count * size);
	s->slots = calloc(count, sizeof(*s->slots));
	if (s->memory == NULL || s->slots == NULL) {
		release(s);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < count; i++)
		s->slots[i].next = i + 1 < count ? i + 1 : RT_STOCK_NONE;
	rc = rt_wait_stock(wait, s);
	if (rc)
		release(s);
	return rc;
}

void
rt_stock_fini(struct rt_stock *s)
{
	rt_wait_unstock(s->wait, s);
	release(s);
}

uint32_t
rt_stock_take(struct rt_stock *s)
{
	uint32_t index = s->first;

	if (index == RT_STOCK_NONE)
		return index;
	s->first = s->slots[index].next;
	s->idle--;
	return index;
}

void
rt_stock_took(struct rt_stock *s)
{
	s->idle--;
}

void
rt_stock_untake(struct rt_stock *s, uint32_t index)
{
	s->idle++;
	s->slots[index].next = s->first;
	s->first = index;
}

/* All that wait: which of them has anything to receive is not known. */
static void
feed_hungry(struct rt_stock *s)
{
	struct utils_list list;
	struct utils_link *link;

	utils_list_init(&list);
	utils_list_move_all(&list, &s->hungry);
	while ((link = utils_list_pop_front(&list)) != NULL) {
		struct rt_hungry *h = utils_list_of(link, struct rt_hungry,
						    link);

		h->eat(h);
	}
}

void
rt_stock_back(struct rt_stock *s, uint32_t index)
{
	if (s->ring) {
		s->idle++;
		rt_wait_restock(s->wait, s, index);
	} else {
		rt_stock_untake(s, index);
	}
	if (rt_stock_has_some(s) && !utils_list_empty(&s->hungry))
		feed_hungry(s);
}

void
rt_stock_put(struct rt_stock *s, const void *buffer)
{
	size_t at = (size_t)((const char *)buffer - s->memory);

	rt_stock_back(s, (uint32_t)(at / s->size));
}

void
rt_stock_await(struct rt_stock *s, struct rt_hungry *hungry)
{
	utils_list_push_back(&s->hungry, &hungry->link);
}
