/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accelerator: what a vine_accel points to, at either end. An application has
 * physical ones, cached from the directory, and virtual ones of its own; an
 * appliance has physical ones.
 */
#ifndef VINE_CORE_ACCEL_H
#define VINE_CORE_ACCEL_H

#include <stdatomic.h>
#include <stdint.h>

#include <vine/accel.h>
#include <vine_pipe.h>

#include "core/vine_limits.h"

struct vine_owner;

/* What one lane did on an accelerator; only that lane writes it. */
struct vine_accel_count {
	_Atomic uint64_t taken;
	_Atomic uint64_t completed;
	_Atomic uint64_t failed;
	_Atomic uint64_t busy_ticks;
	uint64_t pad[4];	/* a line each */
};

struct vine_accel_s {
	uint32_t handle;
	vine_accel_type_e type;
	char name[48];
	struct vine_accel_s *next;

	/* the application's end */
	struct vine_session *session;
	struct vine_accel_s *phys;	/* NULL: this is a physical one */

	/* the appliance's end */
	const struct vine_owner *owner;
	uint32_t units;
	uint32_t vaccels;	/* open on it */
	_Atomic int dropped;
	struct vine_accel_count count[VINE_BELLS_MAX]
		__attribute__((aligned(64)));
};

struct vine_session;

/* What the public functions do, without their trace. */
int vine_accel_list_raw(struct vine_session *session, vine_accel_type_e type,
			struct vine_accel_s **accels, size_t max);
int vine_accel_open_raw(struct vine_accel_s *accel, int priority,
			struct vine_accel_s **vaccel);
int vine_accel_close_raw(struct vine_accel_s *vaccel);

/* vine_accel_where and vine_accel_look read what the directory says of it. */
void vine_accel_where(const struct vine_accel_s *accel,
		      vine_accel_loc_s *location);
vine_accel_state_e vine_accel_look(const struct vine_accel_s *accel,
				   vine_accel_stats_s *stats);

/* vine_accel_free_all frees the application's accelerators of a session. */
void vine_accel_free_all(struct vine_session *session);

#endif
