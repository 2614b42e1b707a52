/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaching, detaching, control tasks, and noticing that the appliance is gone.
 *
 * The handshake is described in vine_door.h. The byte lock of our slot is held
 * through the segment's descriptor; when this process dies, however it dies,
 * the kernel drops it and the appliance takes everything back.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arch/shm/arch_shm.h"
#include "arch/spin/arch_bell.h"
#include "arch/spin/arch_bias.h"
#include "core/vine_accel.h"
#include "core/vine_beat.h"
#include "core/vine_hangup.h"
#include "core/vine_proc.h"
#include "core/vine_queue.h"
#include "core/vine_ready.h"
#include "core/vine_session.h"
#include "core/vine_task.h"
#include "core/vine_wait.h"
#include "core/vine_watch.h"
#include "utils/utils_clock.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"
#include "utils/utils_trace.h"

#define AGAIN_TRIES 100			/* half a ms each */
#define LOOK_NS UINT64_C(10000000)	/* between two looks while attaching */

/* Under the lock of forks, see vine_fork.h. */
static struct vine_session *all;
static uint64_t next_id;

struct vine_session *
vine_session_lock_all(uint64_t id)
{
	struct vine_session *s;

	vine_fork_lock();
	for (s = all; s && s->id != id; s = s->next)
		;
	return s;
}

void
vine_session_unlock_all(void)
{
	vine_fork_unlock();
}

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

/*
 * The bell at which we wait: a futex in the slot. In far memory there is no
 * futex; the threads of this process have a word of their own then.
 */
static void
make_bell(struct vine_session *s)
{
	s->mute = s->msi.bell.fd < 0 && s->seg->far;
	s->bell = arch_bell_of_word(s->seg->far ? &s->own_bell : &s->shm->bell);
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
			make_bell(s);
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

static void
drop_port(struct vine_session *s)
{
	if (s->port.fd < 0)
		return;
	vine_fork_remove(&s->known_port);
	vine_fork_lock();
	vine_port_close(&s->port);
	vine_fork_unlock();
}

/* Wait until the appliance has answered our nonce. */
static int
await_answer(struct vine_session *s, enum vine_session_state not_yet,
	     uint64_t start, int64_t timeout)
{
	for (;;) {
		uint32_t seen = arch_bell_look(&s->bell);
		/* DOOR-A2: the echo before the state that it vouches for; pairs
		 * with DOOR-R2 in answer() of vine_door.c. */
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

/* A port of the machine is the way to wake us where its device is none. */
static void
take_port(struct vine_session *s)
{
	const char *why;
	int rc;

	if (!s->mute)
		return;
	vine_fork_lock();
	rc = vine_port_open(&s->port, s->port_name, s->slot, s->nonce, &why);
	vine_fork_unlock();
	if (rc == 0) {
		/* a child would keep the port busy */
		vine_fork_add(&s->known_port, vine_fork_close, &s->port.fd);
		rc = vine_port_greet(&s->port, VINE_PORT_ANSWER_MS, &why);
		s->mute = rc != 0;
		if (rc)
			drop_port(s);
	}
	if (rc)
		log_debug("segment %s: no bell by serial port \"%s\", %s: %s",
			  s->seg->name, s->port_name, why, strerror(-rc));
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

static int
attach(struct vine_session *s)
{
	uint64_t start = utils_clock_ns(), mailbox;
	int rc = await_appliance(s->seg, start, s->attach_timeout);

	if (rc == 0)
		rc = claim(s);
	if (rc)
		return rc;
	take_port(s);
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
	s->fence = arch_load32(&s->shm->fence);
	s->same_clock = arch_load32(&vine_seg_header(s->seg)->clock_kind) ==
		utils_clock_kind_now &&
		arch_load64(&vine_seg_header(s->seg)->boot_id) ==
		vine_seg_boot_id();
	mailbox = arch_load64(&s->shm->mailbox);
	s->mailbox = vine_seg_at(s->seg, mailbox, VINE_CTL_NAME, 8);
	rc = s->mailbox ? vine_queue_bind(s, arch_load32(&s->shm->queue),
					  &s->control) : -EPROTO;
	if (rc)
		give_up(s);
	return rc;
}

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
static int
is_away(struct vine_session *s)
{
	return s->lost == 0 && look(s) == VINE_STATUS_OK &&
		atomic_load(&s->away) != 0;
}

static int
detach(struct vine_session *s)
{
	uint64_t start = utils_clock_ns();
	int rc = -ETIMEDOUT;

	if (!is_ours(s))
		return 0;
	knock(s, VINE_REQUEST_DETACH);
	while (rc == -ETIMEDOUT &&
	       utils_clock_ns() - start < (uint64_t)s->attach_timeout &&
	       (is_served(s->seg) || is_away(s)))
		rc = await_answer(s, s->lost ? VINE_SESSION_LOST :
				  VINE_SESSION_OPEN, utils_clock_ns(),
				  200000000);
	unclaim(s);
	return rc < 0 ? rc : 0;
}

static int
check_opts(const struct vine_session_opts *o)
{
	if (o == NULL)
		return 0;
	if (o->size != sizeof(*o) || o->wait_mode > VINE_WAIT_SPIN ||
	    o->weight > VINE_WEIGHT_MAX || o->attach_timeout < 0)
		return -EINVAL;
	return 0;
}

static int
wants_spin(const struct vine_session_opts *o, const struct utils_config *c)
{
	if (o && o->wait_mode != VINE_WAIT_DEFAULT)
		return o->wait_mode == VINE_WAIT_SPIN;
#ifdef VINE_WAIT_BUILT_SPIN
	if (!utils_config_is_set(c, UTILS_KEY_wait))
		return 1;
#endif
	return strcmp(utils_config_str(c, UTILS_KEY_wait), "spin") == 0;
}

static struct vine_session *
session_new(const struct vine_session_opts *o, const struct utils_config *c)
{
	struct vine_session *s = calloc(1, sizeof(*s));
	const char *label = o && o->label ? o->label :
		program_invocation_short_name;

	if (s == NULL)
		return NULL;
	arch_bias_register();
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->ctl_lock, NULL);
	s->nonce = vine_seg_random();
	s->msi.bell = arch_bell_of_fd(-1);
	s->port.fd = -1;
	snprintf(s->port_name, sizeof(s->port_name), "%s",
		 utils_config_str(c, UTILS_KEY_bell_port));
	s->forks = vine_fork_count;
	s->spin = wants_spin(o, c);
	s->weight = o && o->weight ? o->weight :
		(uint32_t)utils_config_u64(c, UTILS_KEY_session_weight);
	s->recycle = utils_config_u64(c, UTILS_KEY_recycle_size);
	s->throttle = (int64_t)utils_config_u64(c, UTILS_KEY_throttle);
	s->attach_timeout = o && o->attach_timeout ? o->attach_timeout :
		(int64_t)utils_config_u64(c, UTILS_KEY_attach_timeout);
	s->restart_wait = (int64_t)utils_config_u64(c, UTILS_KEY_restart_wait);
	s->glanced = utils_clock_ns();
	snprintf(s->label, sizeof(s->label), "%s", label);
	return s;
}

/*
 * The appliance's way to wake us, where the device has a server and a driver
 * that lets us have its interrupt. Without it we look now and then.
 */
static void
take_interrupt(struct vine_session *s)
{
	int *const fds[] = { &s->msi.device, &s->msi.group,
			     &s->msi.container };
	const char *why;
	int rc;

	if (s->seg->registers == NULL)
		return;
	vine_fork_lock();
	rc = arch_msi_open(s->seg->device, &s->msi, &why);
	vine_fork_unlock();
	if (rc) {
		log_debug("segment %s, device %s: no interrupts, %s: %s",
			  s->seg->name, s->seg->device, why, strerror(-rc));
		return;
	}
	/* a child would keep the device busy */
	for (int i = 0; i < 3; i++)
		vine_fork_add(&s->known_msi[i], vine_fork_close, fds[i]);
}

static void
drop_interrupt(struct vine_session *s)
{
	if (s->msi.bell.fd < 0)
		return;
	for (int i = 0; i < 3; i++)
		vine_fork_remove(&s->known_msi[i]);
	vine_fork_lock();
	arch_msi_close(&s->msi);
	vine_fork_unlock();
}

static void
session_free(struct vine_session *s)
{
	struct vine_queue *q, *next;

	for (q = s->queues; q; q = next) {
		next = q->next;
		vine_queue_free(q);
	}
	if (s->control)
		vine_queue_free(s->control);
	vine_accel_free_all(s);
	vine_proc_free_all(s);
	if (s->heap.session)
		vine_heap_fini(&s->heap);
	drop_interrupt(s);
	drop_port(s);
	if (s->seg)
		vine_seg_close(s->seg);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->ctl_lock);
	free(s);
}

/* In a forked child: the short roads are closed. */
static void
forget(void *arg)
{
	struct vine_session *s = arg;

	atomic_store_explicit(&s->key, 0, memory_order_relaxed);
}

static int
session_start(const struct vine_session_opts *opts,
	      const struct utils_config *config, struct vine_session **out)
{
	struct vine_session *s = session_new(opts, config);
	int rc;

	if (s == NULL)
		return -ENOMEM;
	if (utils_config_is_set(config, UTILS_KEY_socket))
		rc = vine_seg_join(config, s->attach_timeout, &s->seg);
	else
		rc = vine_seg_open(config, &s->seg);
	if (rc == 0)
		rc = vine_heap_init(&s->heap, s);
	if (rc == 0)
		take_interrupt(s);
	if (rc == 0)
		rc = attach(s);
	if (rc == 0) {
		rc = vine_beat_start(s);
		if (rc)
			detach(s);
	}
	if (rc) {
		session_free(s);
		return rc;
	}
	vine_hangup_start(s);
	vine_fork_add(&s->known, forget, s);
	vine_fork_lock();
	s->id = ++next_id;
	atomic_store_explicit(&s->key, s->id, memory_order_relaxed);
	s->next = all;
	all = s;
	vine_fork_unlock();
	*out = s;
	return 0;
}

int
vine_session_open(const struct vine_session_opts *opts,
		  struct vine_session **session)
{
	struct utils_config *config;
	int rc = check_opts(opts);

	if (rc)
		return rc;
	if (opts && opts->config)
		rc = utils_config_parse(opts->config, "options", &config);
	else
		rc = utils_config_read(opts ? opts->config_file : NULL,
				       &config);
	if (rc)
		return rc;
	utils_trace_start(config);
	{
		UTILS_TRACE_BEGIN(t);

		rc = session_start(opts, config, session);
		UTILS_TRACE_END_TEXT(t, vine_session_open, rc,
				     opts ? opts->label : NULL,
				     opts ? opts->attach_timeout : 0,
				     rc ? NULL : *session);
	}
	utils_config_free(config);
	if (rc)
		utils_trace_stop();
	return rc;
}

/* Have the tasks in flight end before their memory goes. */
static int
done_idle(void *arg)
{
	struct vine_queue *q = arg;

	return vine_queue_busy(q) == 0;
}

static void
settle(struct vine_session *s)
{
	for (struct vine_queue *q = s->queues; q; q = q->next) {
		struct arch_ladder ladder;

		arch_ladder_init(&ladder, 0);
		if (vine_wait(&q, 1, &ladder, done_idle, q,
			      s->attach_timeout) != 0)
			log_warn("segment %s session %u queue %u closes with "
				 "%u tasks in flight", s->seg->name, s->slot,
				 q->index, vine_queue_busy(q));
	}
}

static void
unlist(struct vine_session *s)
{
	struct vine_session **at = &all;

	vine_fork_lock();
	while (*at && *at != s)
		at = &(*at)->next;
	if (*at)
		*at = s->next;
	vine_fork_unlock();
}

/* End every task in flight, with its callbacks. No lock may be held. */
static void
fail_all(struct vine_session *s)
{
	struct vine_queue *q;

	pthread_mutex_lock(&s->lock);
	q = s->queues;
	pthread_mutex_unlock(&s->lock);
	for (; q; q = q->next)
		vine_queue_fail(q, s->lost);
}

void
vine_session_close(struct vine_session *session)
{
	UTILS_TRACE_BEGIN(t);

	if (session == NULL)
		return;
	unlist(session);
	if (session->forks != vine_fork_count)
		return;	/* a child has nothing to close */
	vine_fork_remove(&session->known);
	vine_watch_stop(session);
	if (vine_session_check(session) == 0)
		settle(session);
	if (session->lost)
		fail_all(session);
	if (detach(session) != 0 && !session->lost)
		log_warn("segment %s session %u closed without an answer of "
			 "the appliance", session->seg->name, session->slot);
	vine_hangup_stop(session);
	vine_beat_stop(session);
	session_free(session);
	UTILS_TRACE_END(t, vine_session_close, 0, session);
	utils_trace_stop();
}

int
vine_session_is_gone(struct vine_session *session)
{
	if (session->lost == 0 && look(session) == VINE_STATUS_OK)
		return 0;
	atomic_store(&session->glanced, 0);
	return 1;
}

int
vine_session_check(struct vine_session *s)
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
vine_session_glance(struct vine_session *s)
{
	uint64_t now;

	if (s->lost == 0 && arch_load32(&s->shm->state) == VINE_SESSION_OPEN) {
		now = utils_clock_ns();
		if (now - s->glanced < VINE_REAP_MS * UINT64_C(1000000))
			return 0;
		s->glanced = now;
	}
	return vine_session_check(s);
}

static int
done_task(void *arg)
{
	return vine_task_is_done(arg);
}

static int
done_room(void *arg)
{
	struct vine_queue *q = arg;

	return vine_queue_room(q) || q->session->lost;
}

/* Has the appliance been away lately, or is the session lost? */
static int
is_excused(struct vine_session *s)
{
	return vine_session_check(s) != 0 || atomic_load(&s->away) ||
	       utils_clock_ns() - atomic_load(&s->back) <
	       (uint64_t)s->attach_timeout;
}

/* Wait for something of the control queue. While the appliance is away the
 * time does not count: that has a limit of its own. */
static int
control_wait(struct vine_session *s, int (*done)(void *arg), void *arg)
{
	struct vine_queue *q = s->control;
	int rc;

	do
		rc = vine_wait(&q, 1, &q->ladder, done, arg, s->attach_timeout);
	while (rc == -ETIMEDOUT && is_excused(s));
	return rc;
}

/* One try. -ERESTART: the appliance was killed while it was at it. */
static int
control(struct vine_session *s, enum vine_ctl op, const uint64_t operand[3],
	uint64_t *value)
{
	struct vine_queue *q = s->control;
	struct vine_body body = { { operand[0], operand[1], operand[2], 0 } };
	struct vine_task_s *task;
	int rc;

	/* full: earlier ones were not answered in time, and may be now */
	rc = control_wait(s, done_room, q);
	if (rc)
		return rc;
	if (s->lost)
		return -ECONNRESET;
	task = vine_task_new(q);
	if (task == NULL)
		return -ENOMEM;
	task->cb = NULL;
	task->cookie = vine_queue_next_cookie(q);
	vine_queue_put(q, task, (uint64_t)op << 32,
		       vine_desc_w2(0, 0, 0, VINE_DESC_NOSTAMP, 0), 0, body);
	vine_queue_knock(q, s->fence);
	rc = control_wait(s, done_task, task);
	if (rc == 0 && s->lost)
		rc = -ECONNRESET;
	else if (rc == 0 && vine_comp_status(task->how) != VINE_STATUS_OK)
		rc = vine_comp_error(task->how) ?
			-(int)vine_comp_error(task->how) : -EPROTO;
	if (rc == 0 && value)
		*value = task->value;
	vine_task_unref(task);
	return rc;
}

/*
 * Carry a control task out, as often as appliances are killed at it. What the
 * one that died had made for it was undone; what it had taken back was not, and
 * cannot be taken back again: then that was all there was to do.
 */
static int
control_over(struct vine_session *s, enum vine_ctl op,
	     const uint64_t operand[3], uint64_t *value)
{
	int rc = control(s, op, operand, value), again = rc == -ERESTART;

	while (rc == -ERESTART)
		rc = control(s, op, operand, value);
	if (again && rc == -EINVAL &&
	    (op == VINE_CTL_RETURN || op == VINE_CTL_ACCEL_CLOSE ||
	     op == VINE_CTL_PROC_PUT))
		return 0;
	return rc;
}

int
vine_session_control(struct vine_session *session, enum vine_ctl op,
		     uint64_t a, uint64_t b, uint64_t c, const char *text,
		     uint64_t *value)
{
	const uint64_t operand[3] = { a, b, c };
	int rc = vine_session_usable(session);

	if (rc)
		return rc;
	pthread_mutex_lock(&session->ctl_lock);
	if (text) {
		memset(session->mailbox, 0, VINE_CTL_NAME);
		memcpy(session->mailbox, text,
		       strnlen(text, VINE_CTL_NAME - 1));
	}
	rc = control_over(session, op, operand, value);
	/* memory that was given back is in use by a task until it ends */
	for (int i = 0; rc == -EAGAIN && i < AGAIN_TRIES; i++) {
		struct timespec nap = { 0, 500000 };

		nanosleep(&nap, NULL);
		rc = control_over(session, op, operand, value);
	}
	pthread_mutex_unlock(&session->ctl_lock);
	return rc == -EAGAIN ? -ENOMEM : rc;
}

int
vine_session_reap(struct vine_session *session)
{
	UTILS_TRACE_BEGIN(t);
	int rc = vine_session_usable(session);
	uint32_t n = 0;

	if (rc == 0)
		rc = vine_session_glance(session);
	if (rc == -ECONNRESET)	/* its tasks end here */
		fail_all(session);
	if (rc == 0) {
		struct vine_queue *q;

		vine_watch_clear(session);
		pthread_mutex_lock(&session->lock);
		q = session->queues;
		pthread_mutex_unlock(&session->lock);
		/* queues are added in front and stay until the close */
		for (; q; q = q->next)
			n += vine_queue_take(q);
		vine_watch_again(session);
		rc = (int)n;
	}
	UTILS_TRACE_END(t, vine_session_reap, rc, session);
	return rc;
}

int
vine_session_fd(struct vine_session *session, int *fd)
{
	UTILS_TRACE_BEGIN(t);
	int rc = vine_session_usable(session);

	if (rc == 0)
		rc = vine_watch_start(session, fd);
	UTILS_TRACE_END(t, vine_session_fd, rc, session, rc ? -1 : *fd);
	return rc;
}

uint32_t
vine_session_scarce(const struct vine_session *session)
{
	return arch_load32(&vine_seg_header(session->seg)->scarce);
}

uint64_t
vine_session_memory(const struct vine_session *session)
{
	uint64_t quota = arch_load64(&session->shm->quota_memory);

	return quota ? quota - quota % VINE_PAGE : UINT64_MAX;
}

/* What the appliance says of quotas. It trusts nobody with them: these are
 * copies for us. */
static void
info_quotas(const struct vine_session_shm *s, struct vine_session_info *info)
{
	uint32_t queues = arch_load32(&s->queues);

	info->memory.used = arch_load64(&s->granted);
	info->memory.quota = arch_load64(&s->quota_memory);
	info->tasks.used = arch_load32(&s->tasks);
	info->tasks.quota = arch_load32(&s->quota_tasks);
	info->thread_queues.used = queues ? queues - 1 : 0; /* control */
	info->thread_queues.quota = arch_load32(&s->quota_queues);
	info->vaccels.used = arch_load32(&s->vaccels);
	info->vaccels.quota = arch_load32(&s->quota_vaccels);
	info->procs.used = arch_load32(&s->procs);
	info->procs.quota = arch_load32(&s->quota_procs);
	info->code.used = arch_load64(&s->code);
	info->code.quota = arch_load64(&s->quota_code);
}

int
vine_session_info(struct vine_session *session, struct vine_session_info *info)
{
	if (info == NULL || info->size != sizeof(*info))
		return -EINVAL;
	info->segment_size = session->seg->layout.size;
	info->heap_size = session->seg->layout.heap_size;
	info->granted = session->heap.granted;
	info->incarnation = session->seg->incarnation;
	info->generation = arch_load64(&session->shm->generation);
	info->session_id = session->slot;
	info->queues = session->queue_count;
	info_quotas(session->shm, info);
	return 0;
}
