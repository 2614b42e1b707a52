/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Office: being the appliance of a segment, which one process at a time is.
 */
#ifndef VINE_OFFICE_H
#define VINE_OFFICE_H

struct utils_config;
struct vine_pipe_s;
struct vine_seg;

/* What a pipe is opened on. */
struct vine_origin {
	const struct utils_config *config; /* NULL: memory of the program's */
	int has_socket;
	int keep;	/* has_socket: left by an earlier appliance; -1: none */
};

/*
 * vine_office_lock takes the office; vine_office_unlock gives it back before
 * anybody was told of it. Whoever was handed what an earlier appliance left is
 * that one, whatever a guest has locked meanwhile. Blocks for up to a lease,
 * where far memory has an appliance whose heartbeat stands still. Returns 0, or
 * -EBUSY, logged.
 */
int vine_office_lock(struct vine_seg *seg, const struct vine_origin *from);
void vine_office_unlock(struct vine_seg *seg);

/*
 * vine_office_take writes the appliance's part of the header and takes up what
 * an earlier one left, of a pipe that has its tables. Returns 0, or as
 * vine_heir_take_up.
 */
int vine_office_take(struct vine_pipe_s *pipe);

/* vine_office_leave tells applications and tools that nobody is here any more,
 * and the keep that nothing in it counts. */
void vine_office_leave(struct vine_pipe_s *pipe);

#endif
