/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request belongs to the worker that took it, its home: it is answered there,
 * and asked there to be cancelled. A task elsewhere begins with mail from home
 * and ends with mail to home, the same that went out. A cancel goes by mail of
 * its own, which may arrive when the task is over; so a handler goes with the
 * last of the two.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "appliance/vined_handler.h"
#include "appliance/vined_host.h"
#include "core/vine_req.h"
#include "rt/rt_mail.h"
#include "rt/rt_sched.h"
#include "services/svc.h"

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

static int
run(void *arg)
{
	struct handler *h = arg;
	const struct vine_owner *owner = h->req->accel->owner;

	vined_host_ops(owner)->handle(owner->state, h->req, &h->answer);
	h->task = NULL;
	if (h->at == h->home) {
		answer(h);
	} else {
		h->way.call = come_home;
		rt_mail_post(h->home, &h->way);
	}
	return 0;
}

static int
begin(struct handler *h)
{
	const struct rt_task_opts opts = {
		.name = vine_req_proc_name(h->req),
	};
	int rc;

	if (rt_sched_tasks(h->at) >= VINE_HANDLERS_MAX)
		return -EBUSY;
	rc = rt_task_create(h->at, run, h, &opts, &h->task);
	if (rc == 0)
		rt_task_detach(h->task);	/* until it is over */
	return rc;
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
