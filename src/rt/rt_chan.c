/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A send or receive is an alt of one case. An alt that has to wait puts each of
 * its cases into its channel's list; all name one wait, on the task's stack.
 * Who meets one of them copies the item, takes all cases out of their lists and
 * wakes the task. So an item is with its receiver, or still with its sender,
 * whatever happens to either afterwards.
 *
 * Senders wait only where the channel is full, receivers only where it is
 * empty, so at most one of its two lists is not.
 */
#include <string.h>

#include "rt/rt_chan.h"
#include "rt/rt_sched.h"
#include "rt/rt_waiter.h"

/* A task that waits for one of its cases. */
struct rt_chan_wait {
	struct rt_block block;
	struct rt_chan_case *cases;
	uint32_t count;
	uint32_t which;		/* that was done */
};

void
rt_chan_init(struct rt_chan *c, size_t item_size, uint32_t room, void *items)
{
	*c = (struct rt_chan){ .item_size = item_size, .room = room,
			       .items = items };
	utils_list_init(&c->senders);
	utils_list_init(&c->receivers);
}

static void
copy(const struct rt_chan *c, void *to, const void *from)
{
	if (to && c->item_size)
		memcpy(to, from, c->item_size);
}

static void *
item_at(const struct rt_chan *c, uint32_t i)
{
	if (c->item_size == 0)	/* only counted */
		return NULL;
	return c->items + (size_t)((c->first + i) % c->room) * c->item_size;
}

static void
take_out(struct rt_chan_wait *w)
{
	for (uint32_t i = 0; i < w->count; i++)
		utils_list_remove(&w->cases[i].link);
}

static int
undo(struct rt_block *block, int why)
{
	(void)why;
	take_out((struct rt_chan_wait *)(void *)block);
	return 0;
}

/* The case is done, or failed: its task goes on. */
static void
finish(struct rt_chan_case *c, int rc)
{
	struct rt_chan_wait *w = c->wait;

	take_out(w);
	w->which = (uint32_t)(c - w->cases);
	rt_task_wake(&w->block, rc);
}

static struct rt_chan_case *
first_of(const struct utils_list *list)
{
	struct utils_link *link = utils_list_first(list);

	return link ? utils_list_of(link, struct rt_chan_case, link) : NULL;
}

int
rt_chan_try_send(struct rt_chan *c, const void *item)
{
	struct rt_chan_case *other = first_of(&c->receivers);

	if (c->closed)
		return -EPIPE;
	if (other) {
		copy(c, other->item, item);
		finish(other, 0);
		return 0;
	}
	if (c->count == c->room)
		return -EAGAIN;
	copy(c, item_at(c, c->count++), item);
	return 0;
}

int
rt_chan_try_receive(struct rt_chan *c, void *item)
{
	struct rt_chan_case *other = first_of(&c->senders);

	if (c->count) {
		copy(c, item, item_at(c, 0));
		c->first = (c->first + 1) % c->room;
		c->count--;
		if (other) {	/* it waited for room */
			copy(c, item_at(c, c->count++), other->item);
			finish(other, 0);
		}
		return 0;
	}
	if (other) {
		copy(c, item, other->item);
		finish(other, 0);
		return 0;
	}
	return c->closed ? -EPIPE : -EAGAIN;
}

/* Could it be done now, or fail? */
static int
can(const struct rt_chan_case *c)
{
	const struct rt_chan *chan = c->chan;

	if (chan == NULL)
		return 0;
	if (c->op == RT_CHAN_SEND)
		return chan->closed || chan->count < chan->room ||
			!utils_list_empty(&chan->receivers);
	return chan->closed || chan->count ||
		!utils_list_empty(&chan->senders);
}

/* One of those that could be done now, by lot; `count` where there is none. */
static uint32_t
choose(const struct rt_chan_case *cases, uint32_t count)
{
	uint32_t ready = 0, chosen = count;

	for (uint32_t i = 0; i < count; i++) {
		if (!can(&cases[i]))
			continue;
		/* the nth takes the place of the one before in 1 of n lots */
		if (++ready == 1 ||
		    rt_sched_random(rt_sched_self()) % ready == 0)
			chosen = i;
	}
	return chosen;
}

static int
do_case(struct rt_chan_case *c)
{
	return c->op == RT_CHAN_SEND ? rt_chan_try_send(c->chan, c->item) :
		rt_chan_try_receive(c->chan, c->item);
}

static int
wait_for(struct rt_chan_case *cases, uint32_t count, uint32_t *which,
	 uint64_t deadline)
{
	struct rt_chan_wait w = {
		.block = { .what = "channel", .kind = RT_OBJECT_NAMED,
			   .undo = undo },
		.cases = cases, .count = count };
	uint32_t open = 0;
	int rc;

	for (uint32_t i = 0; i < count; i++) {
		struct rt_chan_case *c = &cases[i];

		utils_link_init(&c->link);
		c->wait = &w;
		if (c->chan == NULL)
			continue;
		w.block.object = c->chan;
		utils_list_push_back(c->op == RT_CHAN_SEND ?
				     &c->chan->senders : &c->chan->receivers,
				     &c->link);
		open++;
	}
	if (open == 0)
		return -EINVAL;
	rc = rt_task_block(&w.block, deadline);
	if (rc == 0 || rc == -EPIPE)
		*which = w.which;
	return rc;
}

int
rt_chan_alt(struct rt_chan_case *cases, uint32_t count, uint32_t *which,
	    uint64_t deadline)
{
	int rc = rt_task_check();
	uint32_t i;

	if (rc)
		return rc;
	i = choose(cases, count);
	if (i == count)
		return wait_for(cases, count, which, deadline);
	*which = i;
	return do_case(&cases[i]);
}

int
rt_chan_send(struct rt_chan *c, const void *item, uint64_t deadline)
{
	/* nothing is written through it */
	struct rt_chan_case one = { .chan = c, .op = RT_CHAN_SEND,
				    .item = (void *)(uintptr_t)item };
	uint32_t which;

	return rt_chan_alt(&one, 1, &which, deadline);
}

int
rt_chan_receive(struct rt_chan *c, void *item, uint64_t deadline)
{
	struct rt_chan_case one = { .chan = c, .op = RT_CHAN_RECEIVE,
				    .item = item };
	uint32_t which;

	return rt_chan_alt(&one, 1, &which, deadline);
}

void
rt_chan_close(struct rt_chan *c)
{
	struct rt_chan_case *other;

	c->closed = 1;
	while ((other = first_of(&c->senders)) != NULL)
		finish(other, -EPIPE);
	while ((other = first_of(&c->receivers)) != NULL)
		finish(other, -EPIPE);
}
