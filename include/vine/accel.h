/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accelerator: what executes tasks. A physical one is offered by the
 * appliance and shared by everybody; a virtual one is opened by a session on a
 * physical one, and tasks issued on it are scheduled by its priority.
 */
#ifndef VINE_ACCEL_H
#define VINE_ACCEL_H

#include <vine/handle.h>
#include <vine_talk.h>
#include <vine/session.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/*
 * vine_accel_list_in writes up to `max` physical accelerators of `type` (ANY:
 * all) to accels, which may be NULL if max is 0, and returns how many there
 * are, or -ECHILD, -ECONNRESET, -ENOMEM. The session owns the accelerators; they
 * stay valid until it is closed. Never blocks.
 */
int vine_accel_list_in(struct vine_session *session, vine_accel_type_e type,
		       vine_accel **accels, size_t max);

/*
 * vine_accel_find writes the physical accelerator of that name and type (ANY:
 * of any type). The session owns it. Never blocks. Returns 0, or -ENOENT,
 * -ECHILD, -ECONNRESET, -ENOMEM.
 */
int vine_accel_find(struct vine_session *session, vine_accel_type_e type,
		    const char *name, vine_accel **accel);

/*
 * vine_accel_open opens a virtual accelerator on a physical one. priority 0 is
 * normal; higher is served first, lower later, from -8 to 7. It counts among
 * the queues of the segment: where the next tasks of several wait, the one of
 * the highest priority is taken, but for one task in 17, which is of a lower
 * one. The tasks that a thread issues stay in their order whatever their
 * priorities, so one of low priority holds up those behind it. The caller owns
 * *vaccel and ends it with vine_accel_close. Blocks for one round trip.
 * Returns 0, or -EINVAL (priority; accel is itself virtual), -ENODEV (accel is
 * gone), -EDQUOT (too many virtual accelerators), -ENOMEM, -ETIMEDOUT,
 * -ECONNRESET.
 */
int vine_accel_open(vine_accel *accel, int priority, vine_accel **vaccel);

/*
 * vine_accel_close ends a virtual accelerator. Tasks in flight on it finish;
 * later ones fail with VINE_STATUS_BAD_ACCEL. Blocks for one round trip.
 * Returns 0, or -EINVAL where accel is a physical one.
 */
int vine_accel_close(vine_accel *vaccel);

/*
 * vine_accel_name returns the accelerator's name; it lives as long as accel.
 */
const char *vine_accel_name(const vine_accel *accel);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
