/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes in is read through a buffer, as much as there is at a time: many
 * small frames cost one system call. From there arguments and data are copied
 * to where they belong; the kernel writes to no memory of a caller, who so can
 * leave at any time. Only large data of requests, which have memory of the
 * connection's, are received in place.
 */
#include <errno.h>
#include <string.h>

#include "rt/rt_io.h"
#include "rt/rt_rpc_inside.h"
#include "utils/utils_crc32c.h"
#include "utils/utils_log.h"

/* Receive something behind what is in the buffer. */
static int
receive(struct rt_rpc *rpc, uint64_t deadline)
{
	int64_t n = rt_io_recv(rpc->fd, rpc->buffer + rpc->end,
			       VINE_RPC_BUFFER - rpc->end, 0, deadline);

	if (n <= 0)
		return n == 0 ? -ECONNRESET : (int)n;
	rpc->end += (uint32_t)n;
	return 0;
}

/* Have so many bytes in the buffer, in one piece. */
static int
fill(struct rt_rpc *rpc, uint32_t bytes, uint64_t deadline)
{
	uint32_t have = rpc->end - rpc->at;
	int rc = 0;

	if (have < bytes && rpc->at) {
		memmove(rpc->buffer, rpc->buffer + rpc->at, have);
		rpc->at = 0;
		rpc->end = have;
	}
	while (rc == 0 && rpc->end - rpc->at < bytes)
		rc = receive(rpc, deadline);
	return rc;
}

/* A hello has its time, of which its arguments are a part. */
static uint64_t
until(const struct rt_rpc *rpc)
{
	return rpc->open ? RT_NEVER : rpc->hello_by;
}

static void
go_on(uint32_t *crc, const void *data, uint32_t length)
{
	if (crc)
		*crc = utils_crc32c(*crc, data, length);
}

int
rt_rpc_args(struct rt_rpc *rpc, uint32_t length, const uint8_t **args,
	    uint32_t *crc)
{
	int rc = fill(rpc, length, until(rpc));

	if (rc)
		return rc;
	*args = rpc->buffer + rpc->at;
	rpc->at += length;
	go_on(crc, *args, length);
	return 0;
}

int
rt_rpc_chunk(struct rt_rpc *rpc, uint32_t most, const uint8_t **at, uint32_t *n,
	     uint32_t *crc)
{
	int rc = 0;

	if (rpc->at == rpc->end) {
		rpc->at = rpc->end = 0;
		rc = receive(rpc, RT_NEVER);
	}
	if (rc)
		return rc;
	*at = rpc->buffer + rpc->at;
	*n = rpc->end - rpc->at < most ? rpc->end - rpc->at : most;
	rpc->at += *n;
	go_on(crc, *at, *n);
	return 0;
}

int
rt_rpc_direct(struct rt_rpc *rpc, uint8_t *to, uint32_t length, uint32_t *crc)
{
	while (length) {
		const uint8_t *at;
		uint32_t n;
		int rc;

		if (rpc->at == rpc->end && length >= VINE_RPC_DIRECT) {
			int64_t got = rt_io_recv(rpc->fd, to, length, 0,
						 RT_NEVER);

			if (got <= 0)
				return got == 0 ? -ECONNRESET : (int)got;
			n = (uint32_t)got;
			go_on(crc, to, n);
		} else {
			rc = rt_rpc_chunk(rpc, length, &at, &n, crc);
			if (rc)
				return rc;
			memcpy(to, at, n);
		}
		to += n;
		length -= n;
	}
	return 0;
}

int
rt_rpc_body_ends(const struct rt_rpc_head *head, uint32_t crc)
{
	return (head->flags & RT_RPC_FLAG_BODY) && crc != head->body ?
		-EBADMSG : 0;
}

/* --- frames that are about the connection --------------------------------- */

static int
hello_in(struct rt_rpc *rpc, const struct rt_rpc_head *head)
{
	struct rt_rpc_hello hello;
	const uint8_t *args;
	int rc;

	if (rpc->open || head->data || head->args < RT_RPC_HELLO_BYTES)
		return -EPROTO;
	rc = rt_rpc_args(rpc, head->args, &args, NULL);
	rc = rc ? rc : rpc->why;
	if (rc)
		return rc;
	rt_rpc_hello_get(args, &hello);
	if (hello.oldest > RT_RPC_VERSION || hello.newest < RT_RPC_VERSION)
		return -EPROTONOSUPPORT;
	rc = rt_rpc_places_new(rpc, head->credit, hello.window);
	if (rc)
		return rc;
	rpc->check = (rpc->opts.flags & RT_RPC_CHECK) ||
		(hello.wishes & RT_RPC_WISH_BODY);
	rpc->peer = head->id;
	rpc->peer_data = hello.data;
	rpc->open = 1;
	rt_rendez_wake_all(&rpc->opening);
	if (rpc->opts.opened)
		rpc->opts.opened(rpc, rpc->opts.user);
	return 0;
}

static int
bye_in(const struct rt_rpc_head *head)
{
	static _Thread_local struct utils_log_rate rate;

	if (head->status == EBUSY)
		return -EBUSY;
	if (head->status)
		utils_log_limited(&rate, UTILS_LOG_WARN, "rpc: a peer says "
				  "bye: status %u", head->status);
	return -ECONNRESET;
}

static int
frame_in(struct rt_rpc *rpc, const struct rt_rpc_head *head)
{
	if (head->kind == RT_RPC_HELLO)
		return hello_in(rpc, head);
	if (head->kind == RT_RPC_BYE)
		return bye_in(head);
	if (!rpc->open ||
	    (rpc->check && (head->flags & RT_RPC_FLAG_BODY) == 0 &&
	     head->kind != RT_RPC_CANCEL))
		return -EPROTO;
	if (head->kind == RT_RPC_REQUEST)
		return rt_rpc_request_in(rpc, head);
	if (head->kind == RT_RPC_ANSWER)
		return rt_rpc_answer_in(rpc, head);
	return rt_rpc_cancel_in(rpc, head);
}

int
rt_rpc_read(struct rt_rpc *rpc)
{
	struct rt_rpc_head head;
	int rc = 0;

	rpc->hello_by = rt_sched_now(rpc->sched) +
		rpc->opts.stall_ms * UINT64_C(1000000);
	while (rc == 0 && rpc->why == 0) {
		rc = fill(rpc, RT_RPC_HEAD, until(rpc));
		rc = rc ? rc : rpc->why;
		if (rc == 0)
			rc = rt_rpc_head_get(rpc->buffer + rpc->at, &head);
		if (rc == 0) {
			rpc->at += RT_RPC_HEAD;
			rc = frame_in(rpc, &head);
		}
	}
	return rc == -ETIMEDOUT ? -ECONNABORTED : rc ? rc : rpc->why;
}
