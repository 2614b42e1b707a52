/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feed: what comes in on a socket, received ahead of who asks, into buffers of
 * a stock. With io_uring one operation goes on receiving (multishot), so many
 * small messages cost no submission each; with epoll, and in a confined ring,
 * all that is there is received when the socket becomes readable.
 *
 * A feed is the socket's reader: rt_io's receiving calls get -EBUSY meanwhile.
 * One task at a time takes from it. What was received before the stream ended
 * or failed comes before its end. All of it is the scheduler's thread's.
 */
#ifndef RT_FEED_H
#define RT_FEED_H

#include "rt/rt_inflow.h"
#include "rt/rt_stock.h"

struct rt_feed {
	struct rt_inflow inflow;	/* first */
	struct rt_stock *stock;
	struct rt_hungry hungry;
	uint32_t head, tail;	/* buffers that nobody has asked for */
	uint32_t count;		/* of them */
	int resting;		/* until some of them were asked for */
	int ended;		/* and `end` says how */
	int64_t end;
};

/*
 * rt_feed_open begins to receive from a socket that is open and O_NONBLOCK. The
 * caller keeps the feed in place, and socket and stock, until rt_feed_close.
 * Returns 0 or an error of rt_wait_submit.
 */
int rt_feed_open(struct rt_feed *feed, struct rt_stock *stock, int fd);

/*
 * rt_feed_next waits for the next bytes, at most those of one buffer, which the
 * caller gives back by rt_stock_put. Of a socket of datagrams each is one, cut
 * where the buffer ends; one without bytes reads as the end. Returns how many;
 * 0 at the stream's end; or -ETIMEDOUT, -ECANCELED, -EPERM outside of a task,
 * -EBUSY where another task waits, -EBADF where the socket was closed, or the
 * socket's error. There is no buffer to give back then. The end and errors of
 * the socket stay.
 */
int64_t rt_feed_next(struct rt_feed *feed, void **buffer, uint64_t deadline);

/*
 * rt_feed_close ends it; what nobody asked for is dropped. Before the socket is
 * closed; no task waits for it. By a task, which it blocks for a
 * moment, whether it is cancelled or not.
 */
void rt_feed_close(struct rt_feed *feed);

#endif
