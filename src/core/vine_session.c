/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing: segment, heap, bell, claim, beat and hang-up, in this
 * order, and back; and what does not belong to a part of it.
 *
 * All sessions of the process stand in one list, under the lock of forks. A
 * session's queues are added in front under its lock and stay until the close,
 * so who has the first one may walk on without it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arch/spin/arch_bias.h"
#include "core/vine_accel.h"
#include "core/vine_beat.h"
#include "core/vine_bell.h"
#include "core/vine_claim.h"
#include "core/vine_hangup.h"
#include "core/vine_life.h"
#include "core/vine_proc.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "core/vine_wait.h"
#include "core/vine_watch.h"
#include "utils/utils_clock.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"
#include "utils/utils_trace.h"

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
	vine_bell_close(s);
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
		vine_bell_take_interrupt(s);
	if (rc == 0)
		rc = vine_claim_make(s);
	if (rc == 0) {
		rc = vine_beat_start(s);
		if (rc)
			vine_claim_end(s);
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
	if (vine_life_check(session) == 0)
		settle(session);
	if (session->lost)
		fail_all(session);
	if (vine_claim_end(session) != 0 && !session->lost)
		log_warn("segment %s session %u closed without an answer of "
			 "the appliance", session->seg->name, session->slot);
	vine_hangup_stop(session);
	vine_beat_stop(session);
	session_free(session);
	UTILS_TRACE_END(t, vine_session_close, 0, session);
	utils_trace_stop();
}

int
vine_session_reap(struct vine_session *session)
{
	UTILS_TRACE_BEGIN(t);
	int rc = vine_session_usable(session);
	uint32_t n = 0;

	if (rc == 0)
		rc = vine_life_glance(session);
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
