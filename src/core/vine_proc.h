/* SPDX-License-Identifier: Apache-2.0 */
/* Procedure: what a vine_proc points to, at either end. */
#ifndef VINE_CORE_PROC_H
#define VINE_CORE_PROC_H

#include <stdatomic.h>
#include <stdint.h>

#include <vine/proc.h>
#include <vine_pipe.h>

struct vine_owner;
struct vine_session;

struct vine_proc_s {
	uint32_t handle;
	vine_accel_type_e type;
	char name[64];
	struct vine_proc_s *next;
	uint32_t users;		/* references: the process's, or sessions' */

	/* the application's end */
	struct vine_session *session;

	/* the appliance's end */
	const struct vine_owner *owner;	/* NULL: an application's code */
	void *ctx;
	void *code;		/* NULL: built in */
	size_t code_size;
	const struct vine_owner *builder; /* whose build made ctx */
	_Atomic uint32_t holds;	/* held requests that run it */
	uint64_t epoch;		/* of a dropped one */
};

/* What the public functions do, without their trace. */
int vine_proc_find_raw(struct vine_session *session, vine_accel_type_e type,
		       const char *name, struct vine_proc_s **proc);
int vine_proc_add_raw(struct vine_session *session, vine_accel_type_e type,
		      const char *name, const void *code, size_t size,
		      struct vine_proc_s **proc);
int vine_proc_release_raw(struct vine_proc_s *proc);

/* vine_proc_free_all frees the application's procedures of a session. */
void vine_proc_free_all(struct vine_session *session);

#endif
