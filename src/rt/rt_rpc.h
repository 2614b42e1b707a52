/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RPC: a connection over which two ends ask each other for things, many at a
 * time, and answer in any order. Both ends are alike. The wire is that of
 * rt_rpc_wire.h.
 *
 * A task that asks waits for its answer while others go on. What the peer asks
 * for is answered by handlers: each in a task of its own, where it may wait; or
 * inline, in the task that receives, where it may not.
 *
 * What a peer can make this end hold is bounded: the requests and the bytes
 * that it may have here at a time are fixed when the connection begins. A
 * request that is let in has the memory for its data and for its answer. A peer
 * that sends more, or garbage, or does not read, loses its own connection and
 * costs nobody else anything.
 *
 * When a connection ends, for whatever reason, all who wait for an answer are
 * told at once, the handlers that run are cancelled, and the descriptor is
 * closed. Whether a request that got no answer was carried out is not known;
 * `id` is there for those that may be sent again.
 *
 * Of one scheduler's thread, as all that waits. A connection is alive while
 * somebody holds it: who made it, and its own tasks.
 */
#ifndef RT_RPC_H
#define RT_RPC_H

#include <stdint.h>

#include "core/vine_limits.h"

struct rt_rpc;

/* --- asking --- */

/* What is asked, and where the answer goes. Zero what you do not need. */
struct rt_rpc_call {
	uint32_t type;
	uint64_t id;		/* the same where it is sent again; 0: none */
	const void *args;
	uint32_t args_length;	/* at most VINE_RPC_ARGS */
	const void *data;	/* must not change until the call returns */
	uint32_t data_length;
	void *answer;		/* the answer's data go here */
	uint32_t room;		/* so many bytes of them at most */

	/* when 0 was returned */
	int status;		/* 0 or -errno, of the other end's handler */
	uint32_t answer_length;
	uint32_t answer_args_length;
	uint8_t answer_args[VINE_RPC_ARGS];
};

/*
 * rt_rpc_call asks and waits for the answer; first for its turn, where the peer
 * takes no more requests now. Returns 0, and status says what the other end
 * says. Else there is no answer:
 *
 *	-ETIMEDOUT	the deadline came
 *	-ECANCELED	the task was cancelled
 *	-EINVAL		more arguments than VINE_RPC_ARGS
 *	-EMSGSIZE	more data or room than the peer, or this end, takes
 *	-EPIPE		this end closed the connection
 *	-ECONNRESET	the peer did, or its stream ended
 *	-EPROTO		the peer broke the protocol: this end closed it
 *	-EBADMSG	what it sent was damaged on the way: likewise
 *	-ECONNABORTED	it said no hello or read nothing for too long: likewise
 *	-EPROTONOSUPPORT the two speak no version that both know
 *	-EBUSY		the peer has too many connections
 *	-EOVERFLOW	an inline handler of this end, or `opened`, ran over the
 *			stack: this end closed it
 *	-EOPNOTSUPP	the peer answers nothing
 *	-EPERM		not in a task
 *
 * or another error of the connection. Where the deadline or a cancel comes
 * while the request is being sent, the call ends when it has been, or when the
 * peer has not read for stall_ms. The other end is told that nobody waits any
 * more.
 */
int rt_rpc_call(struct rt_rpc *rpc, struct rt_rpc_call *call,
		uint64_t deadline);

/* --- answering --- */

/* What the peer asks for. It is the handler's until that returns. */
struct rt_rpc_request {
	struct rt_rpc *rpc;
	uint32_t type;
	uint64_t id;		/* of who asks; 0: none */
	uint64_t deadline;	/* nobody waits after it; RT_NEVER: none */
	const void *args;
	uint32_t args_length;
	void *data;		/* aligned to 4 KiB, or NULL */
	uint32_t data_length;
	uint32_t room;		/* for the answer's data */

	/* the handler's to set */
	void *answer;		/* room for it, also aligned; or set to data */
	uint32_t answer_length;	/* 0 as it comes; at most room */
	uint32_t answer_args_length;
	uint8_t *answer_args;	/* room for VINE_RPC_ARGS */
};

/*
 * A handler does what is asked and returns the answer's status, 0 or -errno.
 * Memory of the request is not zeroed: it sends no more than it wrote. Where
 * nobody waits for the answer any more, its task is cancelled. One that asks
 * back has a deadline for that: handlers of both ends may wait for each other's
 * turns. One that runs over its stack is answered with -EOVERFLOW; an inline
 * one ends the connection with that.
 */
typedef int (*rt_rpc_handler)(struct rt_rpc_request *request, void *user);

#define RT_RPC_INLINE 1u	/* the handler does not wait */

struct rt_rpc_type {
	uint32_t type;
	uint32_t flags;
	rt_rpc_handler handle;
};

/* --- a connection --- */

#define RT_RPC_CHECK 1u		/* all bodies have a CRC, both ways */

struct rt_rpc_opts {
	const struct rt_rpc_type *types;	/* kept by the caller */
	uint32_t type_count;	/* at most VINE_RPC_TYPES; others are ENOSYS */
	uint32_t flags;
	void *user;		/* for the handlers and the functions below */
	uint64_t identity;	/* told to the peer; 0: some */
	uint32_t requests;	/* of the peer; 0: VINE_RPC_REQUESTS */
	uint32_t data_max;	/* bytes of data; 0: VINE_RPC_DATA */
	uint64_t window;	/* bytes; 0: VINE_RPC_WINDOW, or more */
	uint32_t stall_ms;	/* for a hello, or to read anything; 0:
				 * VINE_RPC_STALL_MS */
	/* called once each, in a task that must not wait; may be NULL */
	void (*opened)(struct rt_rpc *rpc, void *user);
	void (*ended)(struct rt_rpc *rpc, int why, void *user);
};

/*
 * rt_rpc_new makes a connection of a socket, of a stream, that is connected and
 * O_NONBLOCK. The socket is the connection's afterwards; the caller holds it.
 * opts may be NULL. Does not block: calls wait for the peer's hello. Returns 0,
 * or -EINVAL for limits beyond those of limits.def or a window below data_max,
 * -ENOMEM, -ESHUTDOWN, -EPERM where the thread has entered no scheduler.
 */
int rt_rpc_new(int fd, const struct rt_rpc_opts *opts, struct rt_rpc **rpc);

/*
 * rt_rpc_close ends a connection: calls return -EPIPE, later ones too, handlers
 * are cancelled. `ended` comes when its tasks have ended. Never blocks.
 */
void rt_rpc_close(struct rt_rpc *rpc);

/* rt_rpc_hold holds a connection; rt_rpc_drop ends that, and closes nothing. */
void rt_rpc_hold(struct rt_rpc *rpc);
void rt_rpc_drop(struct rt_rpc *rpc);

/*
 * rt_rpc_join waits until a connection has ended and none of its tasks is left.
 * Returns 0, or -ETIMEDOUT, -ECANCELED; -EPERM outside of a task.
 */
int rt_rpc_join(struct rt_rpc *rpc, uint64_t deadline);

/* rt_rpc_free closes, waits as rt_rpc_join, however long, and drops. */
void rt_rpc_free(struct rt_rpc *rpc);

/* rt_rpc_why returns why a connection has ended, 0 where it has not. */
int rt_rpc_why(const struct rt_rpc *rpc);

/* rt_rpc_peer returns the identity that the peer told; 0 before its hello. */
uint64_t rt_rpc_peer(const struct rt_rpc *rpc);

/* rt_rpc_user returns the user of its options. */
void *rt_rpc_user(const struct rt_rpc *rpc);

/* What it did so far. */
struct rt_rpc_stats {
	uint64_t asked;		/* requests that were sent, or begun to be */
	uint64_t late;		/* answers that nobody waited for any more */
	uint64_t handled;	/* requests let in */
	uint64_t sends;		/* system calls that sent */
	uint64_t sent;		/* frames that they did */
	uint64_t held;		/* bytes of memory for the peer's requests */
	uint64_t held_most;
};

void rt_rpc_stats(const struct rt_rpc *rpc, struct rt_rpc_stats *stats);

/*
 * rt_rpc_refuse tells a peer why it is not let in, by a bye with an errno, and
 * closes its socket. A task's; does not wait.
 */
void rt_rpc_refuse(int fd, int why);

#endif
