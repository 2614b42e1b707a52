/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application's half of the handshake that vine_door.h describes.
 *
 * Writing: the claim's word by compare-and-swap, the rest of our half of the
 * slot by whoever has it. The byte lock of the slot is held through the
 * segment's descriptor; when this process dies, however it dies, the kernel
 * drops it and the appliance takes everything back. No lock of the session is
 * taken here: nobody else has it yet, or any more.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "arch/shm/arch_shm.h"
#include "arch/spin/arch_bell.h"
#include "core/vine_bell.h"
#include "core/vine_claim.h"
#include "core/vine_life.h"
#include "core/vine_queue.h"
#include "core/vine_ready.h"
#include "core/vine_session.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"

#define LOOK_NS UINT64_C(10000000)	/* between two looks at the answer */

/* Is an appliance there to answer? */
static int
is_served(const struct vine_seg *seg)
{
	/* SERVE-A1: pairs with SERVE-R1 in vine_pipe_serve(). */
	if (arch_load_acquire32(&vine_seg_header(seg)->appliance) !=
	    VINE_APPLIANCE_SERVING)
		return 0;
	/* the word outlives an appliance that was killed */
	return vine_seg_has_appliance(seg);
}

static int
await_appliance(const struct vine_seg *seg, uint64_t start, int64_t timeout)
{
	struct timespec nap = { 0, 1000000 };

	while (!is_served(seg)) {
		if (utils_clock_ns() - start >= (uint64_t)timeout) {
			log_error("segment %s: no appliance serves it after "
				  "%lld ms", seg->name,
				  (long long)timeout / 1000000);
			return -ETIMEDOUT;
		}
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < 20000000)
			nap.tv_nsec *= 2;
	}
	return 0;
}

/* Claim a slot: the word first, then the lock, then the word again. */
static int
claim(struct vine_session *s)
{
	struct vine_seg *seg = s->seg;
	uint32_t tag = vine_seg_claim(s->nonce);
	uint32_t n = seg->layout.sessions;

	for (uint32_t slot = 0; slot < n; slot++) {
		uint32_t byte = ARCH_SHM_BYTE_SESSION + slot;
		struct vine_session_shm *shm = vine_seg_session(seg, slot);

		if (arch_load32(&shm->claim) != 0 ||
		    !arch_cas32(&shm->claim, 0, tag))
			continue;
		if (seg->fd >= 0 && arch_shm_lock(seg->fd, byte, 0) != 0) {
			/* somebody dead, or about to be: not this one */
			arch_cas32(&shm->claim, tag, 0);
			continue;
		}
		if (arch_load32(&shm->claim) == tag) {
			s->slot = slot;
			s->shm = shm;
			vine_bell_of_slot(s);
			return 0;
		}
		if (seg->fd >= 0)
			arch_shm_unlock(seg->fd, byte);
	}
	log_error("segment %s: all %u session slots are taken", seg->name, n);
	return -EUSERS;
}

static void
knock(const struct vine_session *s, enum vine_session_request request)
{
	struct vine_ready door;

	/* DOOR-R1: our half before the request; pairs with DOOR-A1 in
	 * look_at() of vine_door.c. */
	arch_store_release32(&s->shm->request, request);
	vine_ready_bind(s->seg, 0, &door);
	vine_ready_ring(&door, VINE_READY_DOOR);
}

/* Wait until the appliance has answered our nonce. */
static int
await_answer(struct vine_session *s, enum vine_session_state not_yet,
	     uint64_t start, int64_t timeout)
{
	for (;;) {
		uint32_t seen = arch_bell_look(&s->bell);
		/* DOOR-A2: the echo before the state that it vouches for; pairs
		 * with DOOR-R2 in vine_door_say(). */
		uint64_t echo = arch_load_acquire64(&s->shm->echo);
		uint32_t state = arch_load_acquire32(&s->shm->state);

		if (echo == s->nonce && state != not_yet)
			return (int)state;
		if (utils_clock_ns() - start >= (uint64_t)timeout)
			return -ETIMEDOUT;
		if (arch_bell_wait(&s->bell, seen, ~0u, LOOK_NS) ==
		    -EFAULT) {
			struct timespec nap = { 0, 100000 };

			nanosleep(&nap, NULL);
		}
	}
}

/* What the appliance needs to know of how we live. */
static uint32_t
flags_of(const struct vine_session *s)
{
	uint32_t flags = arch_bell_register() ? VINE_SESSION_F_MEMBARRIER : 0;

	if (s->seg->far)
		flags |= VINE_SESSION_F_BEATS;
	if (s->seg->far && s->seg->registers == NULL)
		flags |= VINE_SESSION_F_MUTE;
	if (s->msi.bell.fd >= 0)
		flags |= VINE_SESSION_F_HEARS;
	else if (s->port.fd >= 0)
		flags |= VINE_SESSION_F_PORT;
	return flags;
}

static void
introduce(struct vine_session *s)
{
	/* what a dead claimant asked for is not ours */
	arch_store_release32(&s->shm->request, VINE_REQUEST_NONE);
	arch_store_release64(&s->shm->nonce, s->nonce);
	arch_store32(&s->shm->flags, flags_of(s));
	arch_store64(&s->shm->heartbeat, 0);
	arch_store64(&s->shm->boot_id, vine_seg_boot_id());
	for (size_t i = 0; i < sizeof(s->shm->label); i++)
		arch_store8(&s->shm->label[i], (uint8_t)s->label[i]);
	arch_store32(&s->shm->weight, s->weight);
	arch_store32(&s->shm->peer, s->seg->peer.id);
	knock(s, VINE_REQUEST_ATTACH);
}

/* Is the slot ours? Without a lock it is given to another when our machine
 * stood still for a lease. */
static int
is_ours(const struct vine_session *s)
{
	return !s->seg->far ||
	       arch_load32(&s->shm->claim) == vine_seg_claim(s->nonce);
}

/* Give the slot back: our last word in it. */
static void
unclaim(struct vine_session *s)
{
	arch_cas32(&s->shm->claim, vine_seg_claim(s->nonce), 0);
	if (s->seg->fd >= 0)
		arch_shm_unlock(s->seg->fd, ARCH_SHM_BYTE_SESSION + s->slot);
}

/* Why the appliance refused: an errno, if it is one. */
static int
refusal(const struct vine_session *s)
{
	uint32_t error = arch_load32(&s->shm->error);

	return error > 0 && error < 4096 ? -(int)error : -EPROTO;
}

/* Leave without waiting: an answer that is late finds a slot that asks to. */
static void
give_up(struct vine_session *s)
{
	knock(s, VINE_REQUEST_DETACH);
	unclaim(s);
}

/* What the answer says of the session that we have now. */
static int
read_answer(struct vine_session *s)
{
	const struct vine_header_shm *h = vine_seg_header(s->seg);
	uint64_t mailbox = arch_load64(&s->shm->mailbox);

	s->fence = arch_load32(&s->shm->fence);
	s->same_clock = arch_load32(&h->clock_kind) == utils_clock_kind_now &&
		arch_load64(&h->boot_id) == vine_seg_boot_id();
	s->mailbox = vine_seg_at(s->seg, mailbox, VINE_CTL_NAME, 8);
	if (s->mailbox == NULL)
		return -EPROTO;
	return vine_queue_bind(s, arch_load32(&s->shm->queue), &s->control);
}

int
vine_claim_make(struct vine_session *s)
{
	uint64_t start = utils_clock_ns();
	int rc = await_appliance(s->seg, start, s->attach_timeout);

	if (rc == 0)
		rc = claim(s);
	if (rc)
		return rc;
	vine_bell_take_port(s);
	introduce(s);
	rc = await_answer(s, VINE_SESSION_FREE, start, s->attach_timeout);
	if (rc == VINE_SESSION_OPEN)
		rc = 0;
	else if (rc == VINE_SESSION_REFUSED)
		rc = refusal(s);
	else if (rc > 0)
		rc = -ECONNRESET;
	if (rc) {
		log_error("segment %s session %u was not admitted: %s",
			  s->seg->name, s->slot, strerror(-rc));
		give_up(s);
		return rc == -EDQUOT || rc == -ENOMEM ? -EUSERS : rc;
	}
	rc = read_answer(s);
	if (rc)
		give_up(s);
	return rc;
}

int
vine_claim_end(struct vine_session *s)
{
	uint64_t start = utils_clock_ns();
	int rc = -ETIMEDOUT;

	if (!is_ours(s))
		return 0;
	knock(s, VINE_REQUEST_DETACH);
	while (rc == -ETIMEDOUT &&
	       utils_clock_ns() - start < (uint64_t)s->attach_timeout &&
	       (is_served(s->seg) || vine_life_is_away(s)))
		rc = await_answer(s, s->lost ? VINE_SESSION_LOST :
				  VINE_SESSION_OPEN, utils_clock_ns(),
				  200000000);
	unclaim(s);
	return rc < 0 ? rc : 0;
}
