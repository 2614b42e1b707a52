/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was received stands in a chain of the stock's slots. Where the stock is
 * empty the operation ends with -ENOBUFS, and begins again when buffers come
 * back; where too many wait to be asked for, when some were. So who holds all
 * buffers holds up the senders, and no memory grows.
 */
#include <errno.h>

#include "rt/rt_feed.h"

static void
end(struct rt_feed *f, int64_t how)
{
	f->ended = 1;
	f->end = how;
	rt_inflow_wake(&f->inflow);
}

/* How many it may have ahead of who asks: others receive, too. */
static uint32_t
share(const struct rt_feed *f)
{
	return (f->stock->count + 1) / 2;
}

static int
fed(struct rt_op *op, int64_t length, uint32_t index)
{
	struct rt_feed *f = op->user;
	struct rt_slot *slots = f->stock->slots;

	slots[index] = (struct rt_slot){ RT_STOCK_NONE, (uint32_t)length };
	if (f->head == RT_STOCK_NONE)
		f->head = index;
	else
		slots[f->tail].next = index;
	f->tail = index;
	f->count++;
	rt_inflow_came(&f->inflow);
	return f->count < share(f);
}

static void
begin(struct rt_feed *f)
{
	int rc = rt_inflow_begin(&f->inflow);

	if (rc)
		end(f, rc);
}

static void
eat(struct rt_hungry *hungry)
{
	begin(utils_list_of(hungry, struct rt_feed, hungry));
}

static void
done(struct rt_op *op, int64_t result)
{
	struct rt_feed *f = op->user;

	if (result != -ENOBUFS || f->inflow.closing)
		end(f, result);
	else if (f->count >= share(f))
		f->resting = 1;
	else if (rt_stock_has_some(f->stock))
		begin(f);
	else
		rt_stock_await(f->stock, &f->hungry);
}

int
rt_feed_open(struct rt_feed *f, struct rt_stock *stock, int fd)
{
	*f = (struct rt_feed){
		.inflow = {
			.op = { .kind = RT_OP_FEED, .fd = fd, .data = stock,
				.done = done, .user = f, .fed = fed },
			.wait = stock->wait,
		},
		.stock = stock,
		.hungry = { .eat = eat },
		.head = RT_STOCK_NONE,
	};
	utils_link_init(&f->hungry.link);
	return rt_inflow_begin(&f->inflow);
}

int64_t
rt_feed_next(struct rt_feed *f, void **buffer, uint64_t deadline)
{
	struct rt_stock *s = f->stock;
	int rc = rt_inflow_may(&f->inflow);

	if (rc == 0 && f->head == RT_STOCK_NONE && !f->ended)
		rc = rt_inflow_await(&f->inflow, "feed", deadline);
	if (rc)
		return rc;
	if (f->head == RT_STOCK_NONE)
		return f->end;
	*buffer = rt_stock_at(s, f->head);
	rc = (int)s->slots[f->head].length;
	f->head = s->slots[f->head].next;
	f->count--;
	if (f->resting && f->count <= share(f) / 2) {
		f->resting = 0;
		begin(f);
	}
	return rc;
}

void
rt_feed_close(struct rt_feed *f)
{
	utils_list_remove(&f->hungry.link);
	rt_inflow_close(&f->inflow, "feed end");
	while (f->head != RT_STOCK_NONE) {
		uint32_t index = f->head;

		f->head = f->stock->slots[index].next;
		rt_stock_back(f->stock, index);
	}
}
