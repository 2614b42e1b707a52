/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status: how a task ended, in numbers that are part of the segment format.
 *
 * The numbers are grouped by the largest thing that the failure ended: the
 * task, its accelerator, its session, the appliance. They never change
 * meaning; new ones are added at the end of a group.
 */
#ifndef VINE_STATUS_H
#define VINE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum vine_status {
	VINE_STATUS_OK = 0,		/* carried out */

	/* the task failed, nothing else */
	VINE_STATUS_FAILED = 16,	/* the procedure reported an error */
	VINE_STATUS_BAD_TASK = 17,	/* the descriptor was not valid */
	VINE_STATUS_BAD_DATA = 18,	/* data outside the session's memory */
	VINE_STATUS_BAD_PROC = 19,	/* no such procedure there */
	VINE_STATUS_REFUSED = 20,	/* not allowed by the config */
	VINE_STATUS_DEADLINE = 21,	/* the deadline passed before it */
	VINE_STATUS_CANCELED = 22,	/* cancelled before it completed */
	VINE_STATUS_BUSY = 23,		/* over a limit; try again later */

	/* the accelerator failed, or is gone */
	VINE_STATUS_BAD_ACCEL = 48,	/* no such accelerator, or released */
	VINE_STATUS_ACCEL_FAILED = 49,	/* the accelerator failed */

	/* the session ended */
	VINE_STATUS_SESSION_CLOSED = 80, /* closed while the task was pending */
	VINE_STATUS_SESSION_LOST = 81,	/* ended by the appliance */

	/* the appliance was killed while it had the task: it was carried out,
	 * or in part, or not; the session may go on with the next one */
	VINE_STATUS_APPLIANCE_LOST = 112,
};

/*
 * vine_status_name returns the constant's name in lower case without its
 * prefix ("bad_data"), or "unknown". The string is static. Never blocks.
 */
const char *vine_status_name(enum vine_status status);

/*
 * vine_status_errno returns the errno that stands for a status in functions
 * that return -errno: 0 for VINE_STATUS_OK, a positive errno otherwise.
 * FAILED has no fixed errno and gives EIO; a task's result carries the
 * procedure's own.
 */
int vine_status_errno(enum vine_status status);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
