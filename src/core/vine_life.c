/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the slot says, and whether somebody holds the appliance's lock, which is
 * a system call. Any thread may look; `lost` is written once, `away`, `back`
 * and `glanced` are atomics on which no order depends. No lock is taken.
 */
#include <errno.h>

#include "core/vine_life.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"

/* Nobody holds the appliance's lock. Is it away for too long by now? */
static int
is_over(struct vine_session *s)
{
	uint64_t now = utils_clock_ns(), since = 0;

	/* one that ends in order says so, and comes back to no session; nor
	 * does one that made the segment for its socket */
	if (s->restart_wait == 0 || s->seg->peer.sock >= 0 ||
	    arch_load32(&vine_seg_header(s->seg)->appliance) ==
	    VINE_APPLIANCE_NONE)
		return 1;
	if (atomic_compare_exchange_strong(&s->away, &since, now)) {
		log_warn("segment %s session %u: the appliance is gone; it "
			 "waits up to %lld ms for another", s->seg->name,
			 s->slot, (long long)s->restart_wait / 1000000);
		return 0;
	}
	return now - since >= (uint64_t)s->restart_wait;
}

/* VINE_STATUS_OK, or with what the tasks of a session that is gone end. */
static enum vine_status
look(struct vine_session *s)
{
	if (arch_load_acquire32(&s->shm->state) != VINE_SESSION_OPEN ||
	    arch_load64(&s->shm->echo) != s->nonce)
		return VINE_STATUS_SESSION_LOST;
	/* an appliance that was killed has not said so, but holds no lock */
	if (!vine_seg_has_appliance(s->seg))
		return is_over(s) ? VINE_STATUS_APPLIANCE_LOST : VINE_STATUS_OK;
	if (__builtin_expect(atomic_load(&s->away) != 0, 0)) {
		atomic_store(&s->back, utils_clock_ns());
		atomic_store(&s->away, 0);
	}
	return VINE_STATUS_OK;
}

/* Was the appliance killed, and may another come? */
int
vine_life_is_away(struct vine_session *s)
{
	return s->lost == 0 && look(s) == VINE_STATUS_OK &&
		atomic_load(&s->away) != 0;
}

int
vine_life_is_gone(struct vine_session *session)
{
	if (session->lost == 0 && look(session) == VINE_STATUS_OK)
		return 0;
	atomic_store(&session->glanced, 0);
	return 1;
}

int
vine_life_check(struct vine_session *s)
{
	if (s->lost == 0) {
		enum vine_status status = look(s);

		if (status == VINE_STATUS_OK)
			return 0;
		atomic_store(&s->lost, status);
		atomic_store_explicit(&s->key, 0, memory_order_relaxed);
		log_error("segment %s session %u: %s", s->seg->name, s->slot,
			  status == VINE_STATUS_SESSION_LOST ?
			  "ended by the appliance" : "the appliance is gone");
	}
	/* no callbacks hang on it, so any locks may be held here */
	if (s->control)
		vine_queue_fail(s->control, s->lost);
	return -ECONNRESET;
}

int
vine_life_glance(struct vine_session *s)
{
	uint64_t now;

	if (s->lost == 0 && arch_load32(&s->shm->state) == VINE_SESSION_OPEN) {
		now = utils_clock_ns();
		if (now - s->glanced < VINE_REAP_MS * UINT64_C(1000000))
			return 0;
		s->glanced = now;
	}
	return vine_life_check(s);
}
