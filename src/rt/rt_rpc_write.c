/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer sends all that is queued at once, heads and data of many frames by
 * one system call. It is woken by the first that queues something and has its
 * turn after all tasks that are ready then, so what they answer goes along.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "rt/rt_io.h"
#include "rt/rt_rpc_inside.h"

/* Frames that are being sent, and the pieces of them that are left. */
struct batch {
	struct rt_rpc_frame *frames[VINE_RPC_BATCH];
	uint32_t count;
	struct iovec pieces[2 * VINE_RPC_BATCH];
	uint32_t at, end;
};

void
rt_rpc_send(struct rt_rpc *rpc, struct rt_rpc_frame *frame)
{
	if (rpc->why) {
		frame->sent(rpc, frame);
		return;
	}
	frame->state = RT_RPC_QUEUED;
	utils_list_push_back(&rpc->queue, &frame->link);
	rt_rendez_wake(&rpc->work);
}

void
rt_rpc_unsend(struct rt_rpc_frame *frame)
{
	utils_list_remove(&frame->link);
	frame->state = RT_RPC_IDLE;
}

static void
is_sent(struct rt_rpc *rpc, struct rt_rpc_frame *frame)
{
	frame->state = RT_RPC_IDLE;
	if (frame->sent)
		frame->sent(rpc, frame);
}

void
rt_rpc_unsend_all(struct rt_rpc *rpc)
{
	struct utils_link *link;

	while ((link = utils_list_pop_front(&rpc->queue)) != NULL)
		is_sent(rpc, utils_list_of(link, struct rt_rpc_frame, link));
}

static void
add_piece(struct batch *b, const void *from, uint32_t length)
{
	if (length)
		b->pieces[b->end++] = (struct iovec){
			(void *)(uintptr_t)from, length,
		};
}

static void
gather(struct rt_rpc *rpc, struct batch *b)
{
	uint64_t bytes = 0;

	b->count = b->at = b->end = 0;
	while (b->count < VINE_RPC_BATCH && bytes < VINE_RPC_BATCH_BYTES) {
		struct utils_link *link = utils_list_pop_front(&rpc->queue);
		struct rt_rpc_frame *f;

		if (link == NULL)
			return;
		f = utils_list_of(link, struct rt_rpc_frame, link);
		f->state = RT_RPC_SENDING;
		if (f->begun)
			f->begun(rpc, f);
		b->frames[b->count++] = f;
		add_piece(b, f->head, f->head_length);
		add_piece(b, f->data, f->data_length);
		bytes += f->head_length + (uint64_t)f->data_length;
	}
}

static void
take_off(struct batch *b, uint64_t n)
{
	while (b->at < b->end && n >= b->pieces[b->at].iov_len)
		n -= b->pieces[b->at++].iov_len;
	if (n) {
		struct iovec *p = &b->pieces[b->at];

		p->iov_base = (char *)p->iov_base + n;
		p->iov_len -= n;
	}
}

/* A bye goes out if it can at once; all else, as long as the peer reads. */
static int
send_batch(struct rt_rpc *rpc, struct batch *b)
{
	const uint64_t stall = rpc->opts.stall_ms * UINT64_C(1000000);

	while (b->at < b->end) {
		struct msghdr message = {
			.msg_iov = b->pieces + b->at,
			.msg_iovlen = b->end - b->at,
		};
		int64_t n = rt_io_sendmsg(rpc->fd, &message, 0, rpc->why ? 0 :
					  rt_sched_now(rpc->sched) + stall);

		if (n < 0)
			return n == -EPIPE ? -ECONNRESET :
				n == -ETIMEDOUT ? -ECONNABORTED : (int)n;
		take_off(b, (uint64_t)n);
		rpc->stats.sends++;
	}
	rpc->stats.sent += b->count;
	return 0;
}

void
rt_rpc_writer(struct rt_rpc *rpc)
{
	struct batch b;
	int rc = 0;

	rpc->writer = rt_task_self();
	while (rc == 0) {
		gather(rpc, &b);
		if (b.count == 0 && rpc->why)
			break;
		if (b.count == 0) {
			rc = rt_rendez_sleep(&rpc->work, RT_NEVER);
			continue;
		}
		rpc->sending = 1;
		rc = send_batch(rpc, &b);
		rpc->sending = 0;
		if (rc)
			rt_rpc_fail(rpc, rc);
		for (uint32_t i = 0; i < b.count; i++)
			is_sent(rpc, b.frames[i]);
	}
	rpc->writer = NULL;
	rt_rpc_fail(rpc, rc ? rc : -EPIPE);
	rt_rpc_gone(rpc);
}
