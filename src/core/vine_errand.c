/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One at a time: ctl_lock is held until the answer is there. The control queue
 * has no owner and no callbacks; besides us only vine_life.c touches it, to end
 * its tasks when the session is lost.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "core/vine_errand.h"
#include "core/vine_life.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "core/vine_task.h"
#include "core/vine_wait.h"
#include "utils/utils_clock.h"

#define AGAIN_TRIES 100		/* half a ms each */

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
	return vine_life_check(s) != 0 || atomic_load(&s->away) ||
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
vine_errand_run(struct vine_session *session, enum vine_ctl op,
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
