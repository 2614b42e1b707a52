/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channel: items of one size, from tasks that send to tasks that receive.
 *
 * It holds up to `room` items that were sent and not received. With room for
 * none, a send and a receive meet: each waits for the other. Items come in the
 * order in which they were sent, waiting tasks are served first come first.
 *
 * rt_chan_alt does one of several sends and receives, whichever can be done
 * first; of several that can, one by lot.
 *
 * Of one scheduler's thread; errors as of rt_qlock.h. A channel that is closed
 * takes no more items; those that it holds can still be received, then -EPIPE.
 */
#ifndef RT_CHAN_H
#define RT_CHAN_H

#include <stddef.h>
#include <stdint.h>

#include "rt/rt_task.h"
#include "utils/utils_list.h"

struct rt_chan {
	const char *name;	/* for dumps, of who wants one; or NULL */
	size_t item_size;
	uint32_t room;
	uint32_t count;		/* items held */
	uint32_t first;		/* the oldest of them */
	char *items;
	struct utils_list senders;	/* cases of rt_chan_alt */
	struct utils_list receivers;
	int closed;
};

enum rt_chan_op { RT_CHAN_SEND, RT_CHAN_RECEIVE };

/* A send or a receive. Set the first three. */
struct rt_chan_case {
	struct rt_chan *chan;	/* NULL: this one is left out */
	enum rt_chan_op op;
	void *item;		/* sent, or written; NULL: received and lost */

	/* the channel's */
	struct utils_link link;
	struct rt_chan_wait *wait;
};

/*
 * rt_chan_init makes a channel. `items` is room times item_size bytes of the
 * caller's, who keeps them as long as the channel; NULL where room is 0.
 */
void rt_chan_init(struct rt_chan *chan, size_t item_size, uint32_t room,
		  void *items);

/*
 * rt_chan_send copies an item into the channel or to who waits for it;
 * rt_chan_receive copies one out. Return 0 or an error as above.
 */
int rt_chan_send(struct rt_chan *chan, const void *item, uint64_t deadline);
int rt_chan_receive(struct rt_chan *chan, void *item, uint64_t deadline);

/* The same without a wait: -EAGAIN where there would be one. Also outside of a
 * task. */
int rt_chan_try_send(struct rt_chan *chan, const void *item);
int rt_chan_try_receive(struct rt_chan *chan, void *item);

/*
 * rt_chan_alt does one of the cases. A case of a closed channel can be done: it
 * fails. Writes the number of the one that was done, or failed, to *which; not
 * for other errors. Returns 0; or -EPIPE where that channel is closed, or an
 * error as above; -EINVAL where every case is left out. With a deadline that has
 * passed nothing is waited for: -ETIMEDOUT.
 */
int rt_chan_alt(struct rt_chan_case *cases, uint32_t count, uint32_t *which,
		uint64_t deadline);

/* rt_chan_close ends all waits, these and later ones, with -EPIPE. */
void rt_chan_close(struct rt_chan *chan);

#endif
