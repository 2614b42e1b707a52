/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever holds the appliance's byte lock has the office, or, in memory without
 * locks, whoever changed the word `appliance` by compare-and-swap. The
 * appliance alone writes its part of the header, from the thread that opens or
 * ends the pipe.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "arch/shm/arch_shm.h"
#include "core/vine_door.h"
#include "core/vine_heir.h"
#include "core/vine_mend.h"
#include "core/vine_office.h"
#include "core/vine_pipe.h"
#include "core/vine_tally.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"

/*
 * Memory without locks: the word itself must do. In far memory it may be left
 * over from an appliance that died, whose heartbeat stands still.
 */
static int
take_word(const struct vine_seg *seg)
{
	struct vine_header_shm *h = vine_seg_header(seg);
	uint64_t start = utils_clock_ns(), beat = arch_load64(&h->heartbeat);
	struct timespec nap = { 0, 10000000 };

	while (!arch_cas32(&h->appliance, VINE_APPLIANCE_NONE,
			   VINE_APPLIANCE_DRAINING)) {
		uint32_t was = arch_load32(&h->appliance);

		if (!seg->far || arch_load64(&h->heartbeat) != beat)
			return -EBUSY;
		if (utils_clock_ns() - start >= seg->lease &&
		    arch_cas32(&h->appliance, was, VINE_APPLIANCE_DRAINING))
			return 0;
		nanosleep(&nap, NULL);
	}
	return 0;
}

/*
 * One appliance serves a segment. Whoever was handed what an earlier one left
 * is that one, whatever a guest has locked meanwhile. Returns 0 or -EBUSY,
 * logged.
 */
int
vine_office_lock(struct vine_seg *seg, const struct vine_origin *from)
{
	char who[32] = "";
	pid_t pid;

	if (from->keep >= 0) {
		if (arch_shm_lock(seg->fd, ARCH_SHM_BYTE_APPLIANCE, 0) != 0)
			log_warn("segment %s: a peer holds the appliance's "
				 "lock", seg->name);
		return 0;
	}

	if (seg->fd >= 0 &&
	    arch_shm_lock(seg->fd, ARCH_SHM_BYTE_APPLIANCE, 0) != 0) {
		pid = from->has_socket ? 0 :
			vine_keep_holder(seg, from->config);
		if (pid)
			snprintf(who, sizeof(who), ", process %ld", (long)pid);
		log_error("segment %s is served by another appliance%s",
			  seg->name, who);
		return -EBUSY;
	}
	if (seg->fd < 0 && take_word(seg) != 0) {
		log_error("segment %s has an appliance", seg->name);
		return -EBUSY;
	}
	return 0;
}

void
vine_office_unlock(struct vine_seg *seg)
{
	/* of an object the lock goes with the descriptor */
	if (seg->fd < 0)
		arch_store32(&vine_seg_header(seg)->appliance,
			     VINE_APPLIANCE_NONE);
}

/* The appliance's part of the header, and what an earlier one left. */
int
vine_office_take(struct vine_pipe_s *pipe)
{
	pipe->boot_id = vine_seg_boot_id();
	pipe->generation = 1 +
		(pipe->keep.found ? pipe->keep.header->generation :
		 arch_load64(&vine_seg_header(pipe->seg)->generation));
	pipe->keep.header->generation = pipe->generation;
	for (uint32_t i = 0; i < VINE_COUNT_MAX; i++)
		arch_store64(&vine_seg_counter(pipe->seg, i)->value, 0);
	vine_mend_tell(pipe);
	return pipe->seg->formed ? 0 : vine_heir_take_up(pipe);
}

/* Say to applications and tools that nobody is here any more. */
void
vine_office_leave(struct vine_pipe_s *pipe)
{
	const struct vine_seg *seg = pipe->seg;

	vine_keep_void(&pipe->keep);
	vine_door_close_all(pipe);
	vine_tally_publish(pipe);
	for (uint32_t i = 1; i < seg->layout.accels; i++)
		arch_store32(&vine_seg_accel(seg, i)->handle, 0);
	for (uint32_t i = 1; i < seg->layout.procs; i++)
		arch_store32(&vine_seg_proc(seg, i)->handle, 0);
	arch_store_release32(&vine_seg_header(seg)->appliance,
			     VINE_APPLIANCE_NONE);
}
