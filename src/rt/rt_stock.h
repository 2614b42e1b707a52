/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stock: buffers of one size, into which the feeds of a scheduler's streams
 * receive (rt_feed.h). A buffer is taken when bytes are there, so a stream that
 * is quiet has none, and all streams together have `count`. Where all are in
 * use nothing more is received until a quarter of them has come back. One stream
 * has at most about half of them ahead of who asks.
 *
 * With io_uring the kernel picks the buffers. A stock belongs to the thread of
 * its wait.
 */
#ifndef RT_STOCK_H
#define RT_STOCK_H

#include <stdint.h>

#include "rt/rt_wait.h"
#include "utils/utils_list.h"

#define RT_STOCK_MAX 32768u	/* buffers; of the kernel's ring */
#define RT_STOCK_NONE UINT32_MAX

struct rt_slot {
	uint32_t next;		/* free, or of the same feed; or NONE */
	uint32_t length;
};

/* Who waits for a buffer. `eat` is called once, off the list. */
struct rt_hungry {
	struct utils_link link;
	void (*eat)(struct rt_hungry *hungry);
};

struct rt_stock {
	struct rt_wait *wait;
	char *memory;
	struct rt_slot *slots;
	uint32_t size;		/* of a buffer */
	uint32_t count;		/* of them; a power of two */
	uint32_t idle;		/* that nobody has */
	uint32_t first;		/* of them, where the kernel has none */
	struct utils_list hungry;
	void *ring;		/* the engine's; NULL: the kernel has none */
	uint32_t group;		/* its number there */
};

/*
 * rt_stock_init makes at least `count` buffers of `size` bytes. The wait's
 * thread. Returns 0, or -ENOMEM, -EINVAL for no bytes or more than RT_STOCK_MAX
 * buffers, or an error of making what the wait's engine needs.
 * rt_stock_fini frees them: all are back, and no feed is open.
 */
int rt_stock_init(struct rt_stock *stock, struct rt_wait *wait, uint32_t size,
		  uint32_t count);
void rt_stock_fini(struct rt_stock *stock);

/* rt_stock_at returns the buffer of a number. */
static inline void *
rt_stock_at(const struct rt_stock *stock, uint32_t index)
{
	return stock->memory + (size_t)index * stock->size;
}

/*
 * rt_stock_put gives a buffer back, any byte of which is named; whoever waits
 * for one goes on. Never blocks.
 */
void rt_stock_put(struct rt_stock *stock, const void *buffer);

/* rt_stock_has_some tells whether who waits for a buffer would go on. */
static inline int
rt_stock_has_some(const struct rt_stock *stock)
{
	return stock->idle * 4 >= stock->count;
}

/* rt_stock_await has hungry->eat called when enough buffers have come back. */
void rt_stock_await(struct rt_stock *stock, struct rt_hungry *hungry);

/*
 * For the engines. rt_stock_take returns a free buffer's number, or
 * RT_STOCK_NONE, where the kernel has none; rt_stock_untake gives it back, for
 * nothing had come; rt_stock_took notes that the kernel took one; rt_stock_back
 * is rt_stock_put by number.
 */
uint32_t rt_stock_take(struct rt_stock *stock);
void rt_stock_untake(struct rt_stock *stock, uint32_t index);
void rt_stock_took(struct rt_stock *stock);
void rt_stock_back(struct rt_stock *stock, uint32_t index);

#endif
