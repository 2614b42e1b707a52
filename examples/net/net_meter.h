/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Meter: what the connections of one thread have done.
 *
 * Its thread alone counts; the numbers may be read by others meanwhile. The
 * errors and the times of connects are for when the thread has ended.
 */
#ifndef NET_METER_H
#define NET_METER_H

#include <stdatomic.h>
#include <stdint.h>

#include "utils/utils_hist.h"

#define NET_ERRORS 16	/* kinds that are told apart */

struct net_error {
	const char *what;	/* "connect", "recv" */
	int error;		/* of errno.h */
	uint64_t count;
};

/* What the meters of a program share. */
struct net_times {
	_Atomic uint64_t opened;
	_Atomic uint64_t first;	/* ns when it was opened; 0: not yet */
	_Atomic uint64_t last;	/* the same of the last one */
};

struct net_meter {
	struct net_times *times;
	_Atomic uint64_t opened;
	_Atomic uint64_t closed;
	_Atomic uint64_t failed;	/* not opened, or ended by an error */
	_Atomic uint64_t in;		/* bytes */
	_Atomic uint64_t out;
	_Atomic uint64_t calls;		/* that moved them */
	_Atomic uint64_t *bytes;	/* of each connection, both ways */
	uint32_t room;			/* connections of which they are kept */
	struct utils_hist connect_ns;
	struct net_error errors[NET_ERRORS];
	uint32_t error_kinds;
} __attribute__((aligned(64)));

/*
 * net_meter_init begins a meter that keeps the bytes of `room` connections. 0
 * or -ENOMEM. net_meter_fini frees what it has.
 */
int net_meter_init(struct net_meter *meter, struct net_times *times,
		   uint32_t room);
void net_meter_fini(struct net_meter *meter);

/* net_meter_get reads a number, any thread. */
static inline uint64_t
net_meter_get(const _Atomic uint64_t *number)
{
	return atomic_load_explicit(number, memory_order_relaxed);
}

/* net_meter_add adds to a number of the thread's own. */
static inline void
net_meter_add(_Atomic uint64_t *number, uint64_t n)
{
	atomic_store_explicit(number, net_meter_get(number) + n,
			      memory_order_relaxed);
}

/*
 * net_meter_opened counts a connection. Returns its number, for net_meter_in
 * and net_meter_out: that of its place, or `room` where there is none.
 */
uint32_t net_meter_opened(struct net_meter *meter);

/* net_meter_in counts bytes that came, net_meter_out those that went. */
static inline void
net_meter_in(struct net_meter *meter, uint32_t number, uint64_t n)
{
	net_meter_add(&meter->in, n);
	net_meter_add(&meter->calls, 1);
	net_meter_add(&meter->bytes[number], n);
}

static inline void
net_meter_out(struct net_meter *meter, uint32_t number, uint64_t n)
{
	net_meter_add(&meter->out, n);
	net_meter_add(&meter->calls, 1);
	net_meter_add(&meter->bytes[number], n);
}

/* net_meter_closed counts one of those that were opened. */
void net_meter_closed(struct net_meter *meter);

/* net_meter_failed counts an error of a call; `error` is negative. */
void net_meter_failed(struct net_meter *meter, const char *what, int error);

#endif
