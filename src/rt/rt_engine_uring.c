/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine of Linux 6.7 and later: watches are polls and the bells a
 * FUTEX_WAITV in one ring, and a sleep is one io_uring_enter with a timeout.
 *
 * The wait on the bells outlives a sleep that something else has ended: as long
 * as it has not completed, none of its words was rung since it was submitted.
 * So it is submitted again only after it completed, or for other words.
 */
#include <errno.h>
#include <liburing.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_engine.h"

/* In linux/io_uring.h since 6.7; liburing 2.3 is older. */
#define OP_FUTEX_WAITV 53

#define ENTRIES 64	/* submissions kept until the next enter */
#define EVENTS 64	/* completions taken at a time */

/* Only for its own thread, which runs completions when it enters. */
#define SETUP (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | \
	       IORING_SETUP_CLAMP)

/* Tags of the engine: a wait on bells carries its number. */
#define TAG_IGNORE (RT_ENGINE_TAG | UINT32_MAX)

struct uring {
	struct io_uring ring;
	struct futex_waitv words[RT_WAIT_BELLS_MAX + 1];
	uint32_t count;		/* of the wait on bells that is under way */
	uint32_t number;	/* of it; even */
	int waiting;		/* it is */
};

static int
uring_probe(void)
{
	struct io_uring_probe *probe;
	struct io_uring ring;
	int can = 0;

	if (io_uring_queue_init(2, &ring, SETUP) != 0)
		return -ENOSYS;
	probe = io_uring_get_probe_ring(&ring);
	if (probe) {
		can = io_uring_opcode_supported(probe, IORING_OP_POLL_ADD) &&
		      io_uring_opcode_supported(probe, OP_FUTEX_WAITV) &&
		      (ring.features & IORING_FEAT_EXT_ARG);
		io_uring_free_probe(probe);
	}
	io_uring_queue_exit(&ring);
	return can ? 0 : -ENOSYS;
}

static int
uring_open(void **state)
{
	struct uring *u = calloc(1, sizeof(*u));
	int rc;

	if (u == NULL)
		return -ENOMEM;
	rc = io_uring_queue_init(ENTRIES, &u->ring, SETUP);
	if (rc)
		free(u);
	else
		*state = u;
	return rc;
}

static void
uring_close(void *state)
{
	struct uring *u = state;

	io_uring_queue_exit(&u->ring);
	free(u);
}

/* A place for a submission, if need be by submitting the others. */
static struct io_uring_sqe *
submission(struct uring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (sqe == NULL && io_uring_submit(&u->ring) >= 0)
		sqe = io_uring_get_sqe(&u->ring);
	return sqe;
}

static int
uring_arm(void *state, int fd, uint32_t events, uint64_t tag)
{
	struct uring *u = state;
	struct io_uring_sqe *sqe = submission(u);

	if (sqe == NULL)
		return -ENOMEM;
	io_uring_prep_poll_add(sqe, fd, events);
	io_uring_sqe_set_data64(sqe, tag);
	return 0;
}

static void
cancel(struct uring *u, uint64_t tag)
{
	struct io_uring_sqe *sqe = submission(u);

	if (sqe == NULL)
		return;
	io_uring_prep_cancel64(sqe, tag, 0);
	io_uring_sqe_set_data64(sqe, TAG_IGNORE);
}

static void
uring_disarm(void *state, int fd, uint64_t tag)
{
	struct uring *u = state;

	(void)fd;
	cancel(u, tag);
	/* now, and to its end: the poll holds the file open */
	io_uring_submit_and_get_events(&u->ring);
}

static int
same_words(const struct uring *u, const struct arch_bell_seen *bells,
	   uint32_t count)
{
	if (count != u->count)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		if (u->words[i].uaddr != (uintptr_t)bells[i].word)
			return 0;
	return 1;
}

static int
wait_on_bells(struct uring *u, const struct arch_bell_seen *bells,
	      uint32_t count)
{
	struct io_uring_sqe *sqe;

	if (count == 0 || (u->waiting && same_words(u, bells, count)))
		return 0;
	if (u->waiting)
		cancel(u, RT_ENGINE_TAG | u->number);
	u->waiting = 0;
	sqe = submission(u);
	if (sqe == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		u->words[i] = (struct futex_waitv){
			.val = bells[i].seen,
			.uaddr = (uintptr_t)bells[i].word,
			.flags = FUTEX_32,
		};
	u->count = count;
	u->number += 2;
	io_uring_prep_rw(OP_FUTEX_WAITV, sqe, 0, u->words, count, 0);
	io_uring_sqe_set_data64(sqe, RT_ENGINE_TAG | u->number);
	u->waiting = 1;
	return 0;
}

/* Take what completed. Returns 0, or why the bells cannot be waited on. */
static int
take(struct uring *u, struct rt_wait *wait)
{
	struct io_uring_cqe *cqes[EVENTS];
	struct { uint64_t tag; int res; } got[EVENTS];
	unsigned int n = io_uring_peek_batch_cqe(&u->ring, cqes, EVENTS);
	int rc = 0;

	for (unsigned int i = 0; i < n; i++) {
		got[i].tag = io_uring_cqe_get_data64(cqes[i]);
		got[i].res = cqes[i]->res;
	}
	/* before the calls, which submit and may complete more */
	io_uring_cq_advance(&u->ring, n);
	for (unsigned int i = 0; i < n; i++) {
		if ((got[i].tag & RT_ENGINE_TAG) == 0) {
			rt_wait_fired(wait, got[i].tag, got[i].res < 0 ?
				      POLLERR : (uint32_t)got[i].res);
		} else if (got[i].tag == (RT_ENGINE_TAG | u->number)) {
			u->waiting = 0;
			if (got[i].res < 0 && got[i].res != -EAGAIN)
				rc = got[i].res;
		}
	}
	return rc;
}

static int
uring_sleep(void *state, struct rt_wait *wait,
	    const struct arch_bell_seen *bells, uint32_t count,
	    uint64_t limit_ns)
{
	struct __kernel_timespec most = {
		.tv_sec = (long long)(limit_ns / 1000000000u),
		.tv_nsec = (long long)(limit_ns % 1000000000u),
	};
	struct uring *u = state;
	struct io_uring_cqe *cqe;
	int rc = wait_on_bells(u, bells, count);

	if (rc == 0 && limit_ns == 0)
		rc = io_uring_submit_and_get_events(&u->ring);
	else if (rc == 0)
		rc = io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, &most,
						      NULL);
	if (rc < 0 && rc != -ETIME && rc != -EINTR)
		return rc;
	return take(u, wait);
}

const struct rt_engine_ops rt_engine_uring = {
	.name = "io_uring",
	.probe = uring_probe,
	.open = uring_open,
	.close = uring_close,
	.arm = uring_arm,
	.disarm = uring_disarm,
	.sleep = uring_sleep,
};
