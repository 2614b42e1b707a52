/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control: tasks for the appliance itself. They travel the road of every other
 * task, on a session's control queue, with accelerator handle 0.
 */
#ifndef VINE_CTL_H
#define VINE_CTL_H

#include "core/vine_desc.h"

struct vine_lane;
struct vine_pq;

enum vine_ctl {
#define VINE_CTL(number, NAME, name, what) VINE_CTL_##NAME = (number),
#include "core/ctl.def"
#undef VINE_CTL
	VINE_CTL_MAX = 9,
};

/* Names in the mailbox are NUL-terminated and at most this long with it. */
#define VINE_CTL_NAME 64u

/*
 * vine_ctl_run carries a control task out and answers it, or a piece of it, and
 * adds to lane->work what that cost. Returns 1, or 0 where it must be called
 * again to go on with it. The thread of the lane that the control queue belongs
 * to; takes the pipe's lock.
 */
int vine_ctl_run(struct vine_lane *lane, struct vine_pq *pq,
		 const struct vine_desc *desc);

/* vine_ctl_drop forgets what a control queue was at. Takes the pipe's lock. */
void vine_ctl_drop(struct vine_pq *pq);

#endif
