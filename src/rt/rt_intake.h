/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intake: the connections of a listener, taken in ahead of who asks. With
 * io_uring one operation goes on taking them in (multishot); with epoll all
 * that wait are, when the listener becomes readable.
 *
 * About VINE_RT_ACCEPTS are taken in ahead, and what the kernel had under way
 * then. An intake is the listener's reader: rt_io_accept gets -EBUSY meanwhile.
 * One task at a time takes from it. All of it is the scheduler's thread's.
 */
#ifndef RT_INTAKE_H
#define RT_INTAKE_H

#include "rt/rt_inflow.h"

struct rt_intake {
	struct rt_inflow inflow;	/* first */
	int *fds;		/* a ring of those that nobody asked for */
	uint32_t head, tail;
	int error;		/* -errno, told behind them; 0: none */
};

/*
 * rt_intake_open begins with a listener that is O_NONBLOCK. The caller keeps
 * both in place until rt_intake_close. Returns 0, or -ENOMEM or an error of
 * rt_wait_submit.
 */
int rt_intake_open(struct rt_intake *intake, struct rt_wait *wait, int fd);

/*
 * rt_intake_next waits for the next connection and returns its descriptor,
 * O_NONBLOCK and closed on exec; or -ETIMEDOUT, -ECANCELED, -EPERM outside of a
 * task, -EBUSY where another task waits, or an error of accept4(2), after those
 * that came before it. The next call goes on then.
 */
int rt_intake_next(struct rt_intake *intake, uint64_t deadline);

/*
 * rt_intake_close ends it, before the listener is closed, and closes the
 * connections that nobody asked for. No task waits for it. By a task, which it
 * blocks for a moment, whether it is cancelled or not.
 */
void rt_intake_close(struct rt_intake *intake);

#endif
