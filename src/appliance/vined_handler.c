/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request belongs to the worker that took it, its home: it is answered there,
 * and asked there to be cancelled. A task elsewhere begins with mail from home
 * and ends with mail to home, the same that went out. A cancel goes by mail of
 * its own, which may arrive when the task is over; so a handler goes with the
 * last of the two.
 *
 * Of a worker's places a session takes as many as are left, at most: alone half
 * of them, two of them a third each. So there is a place for whoever comes,
 * whatever those that are there do.
 *
 * Source: A. Choudhury and E. Hahne, "Dynamic queue length thresholds for
 * shared-memory packet switches", IEEE/ACM Transactions on Networking 1998.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "appliance/vined_handler.h"
#include "appliance/vined_host.h"
#include "core/vine_lane.h"
#include "core/vine_req.h"
#include "core/vine_tally.h"
#include "rt/rt_mail.h"
#include "rt/rt_sched.h"
#include "services/svc.h"
#include "utils/utils_log.h"

struct handler {
	struct vine_req *req;
	struct svc_answer answer;
	struct rt_sched *home;
	struct rt_sched *at;
	struct rt_task *task;		/* at `at`; NULL: none, or over */
	struct rt_mail way;		/* there and back */
	struct rt_mail cancel;
	int canceled;			/* home's */
	_Atomic int refs;
};

static _Atomic uint32_t under_way;
static _Thread_local uint32_t here;	/* this worker's index */

void
vined_handlers_here(uint32_t index)
{
	here = index;
}

uint32_t
vined_handlers_left(void)
{
	return atomic_load(&under_way);
}

static void
drop(struct handler *h)
{
	if (atomic_fetch_sub(&h->refs, 1) != 1)
		return;
	free(h);
	atomic_fetch_sub(&under_way, 1);
}

/* At home. The request is gone then. */
static void
answer(struct handler *h)
{
	vine_req_complete(h->req, h->answer.status, h->answer.error,
			  h->answer.value);
	drop(h);
}

static void
come_home(struct rt_mail *mail)
{
	answer(mail->user);
}

/* The task is over, and its answer goes home. */
static void
leave(struct handler *h)
{
	h->task = NULL;
	h->req->pq->rec->handled[here]--;
	if (h->at == h->home) {
		answer(h);
	} else {
		h->way.call = come_home;
		rt_mail_post(h->home, &h->way);
	}
}

static int
run(void *arg)
{
	struct handler *h = arg;
	const struct vine_owner *owner = h->req->accel->owner;

	vined_host_ops(owner)->handle(owner->state, h->req, &h->answer);
	leave(h);
	return 0;
}

/* In the log it stands already, by the name of its procedure. */
static void
overflowed(struct rt_task *task, void *user)
{
	struct handler *h = user;
	const struct vine_owner *owner = h->req->accel->owner;
	const struct svc_ops *ops = vined_host_ops(owner);

	if (ops->overflowed)
		ops->overflowed(owner->state, h->req, task);
	h->answer = (struct svc_answer){ VINE_STATUS_FAILED, EOVERFLOW, 0 };
	leave(h);
}

/* Whether there is a place here for one more of the session. */
static int
has_place(const struct handler *h)
{
	static _Thread_local struct utils_log_rate rate;
	const struct vine_rec *rec = h->req->pq->rec;
	vine_pipe_s *pipe = h->req->lane->pipe;
	uint32_t all = rt_sched_tasks(h->at), mine = rec->handled[here];

	if (all < VINE_HANDLERS_MAX && mine < VINE_HANDLERS_MAX - all)
		return 1;
	vine_tally_add(pipe, VINE_COUNT_HANDLED, 1);
	utils_log_limited(&rate, UTILS_LOG_WARN, "segment %s session %u has %u "
			  "tasks that worker %u handles, of %u, expected less "
			  "than are left of %u", pipe->seg->name, rec->slot,
			  mine, here, all, VINE_HANDLERS_MAX);
	return 0;
}

static int
begin(struct handler *h)
{
	const struct rt_task_opts opts = {
		.name = vine_req_proc_name(h->req),
		.overflowed = overflowed,
		.user = h,
	};
	int rc;

	if (!has_place(h))
		return -EBUSY;
	rc = rt_task_create(h->at, run, h, &opts, &h->task);
	if (rc)
		return rc;
	h->req->pq->rec->handled[here]++;
	rt_task_detach(h->task);	/* until it is over */
	return 0;
}

static void
arrive(struct rt_mail *mail)
{
	struct handler *h = mail->user;
	int rc = begin(h);

	if (rc == 0)
		return;
	h->answer = (struct svc_answer){ VINE_STATUS_BUSY, -rc, 0 };
	h->way.call = come_home;
	rt_mail_post(h->home, &h->way);
}

int
svc_handle(struct vine_req *req, struct rt_sched *on)
{
	struct handler *h = calloc(1, sizeof(*h));
	int rc = 0;

	if (h == NULL)
		return -ENOMEM;
	h->req = req;
	h->home = rt_sched_self();
	h->at = on ? on : h->home;
	h->way.user = h;
	h->way.call = arrive;
	h->cancel.user = h;
	atomic_init(&h->refs, 1);
	if (h->at == h->home)
		rc = begin(h);
	if (rc) {
		free(h);
		return rc;
	}
	atomic_fetch_add(&under_way, 1);
	svc_hold(req);
	*svc_req_word(req) = h;
	if (h->at != h->home)
		rt_mail_post(h->at, &h->way);
	return 0;
}

static void
cancel_there(struct rt_mail *mail)
{
	struct handler *h = mail->user;

	if (h->task)
		rt_task_cancel(h->task);
	drop(h);
}

void
svc_cancel_handled(void *state, struct vine_req *req)
{
	struct handler *h = *svc_req_word(req);

	(void)state;
	if (h->canceled)
		return;
	h->canceled = 1;
	if (h->at == h->home) {
		if (h->task)
			rt_task_cancel(h->task);
		return;
	}
	atomic_fetch_add(&h->refs, 1);
	h->cancel.call = cancel_there;
	rt_mail_post(h->at, &h->cancel);
}
