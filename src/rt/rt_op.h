/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Op: one asynchronous operation of the kernel, from when it is submitted at a
 * wait until its done is called, on the thread of the wait, out of
 * rt_wait_sleep or rt_wait_poll.
 *
 * An op is a struct of the caller's, on a stack most often; nothing is
 * allocated for it. It and what it points to stay in place until done, which
 * comes exactly once for each op that was submitted, cancelled or not. Done may
 * submit the same op again, or others.
 *
 * Streams (sockets, pipes, bells) must be O_NONBLOCK. They have a place for a
 * reader and one for a writer: a second op of a kind that takes the same place
 * is refused. On files there may be any number, at offsets.
 *
 * A descriptor with ops is closed by an op: RT_OP_CLOSE cancels the others,
 * and the number is free when none of them can use it any more. They end with
 * -EBADF. Nobody may close it in another way meanwhile.
 */
#ifndef RT_OP_H
#define RT_OP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "utils/utils_list.h"

struct rt_wait;

enum rt_op_kind {
#define RT_OP(NAME, name, side) RT_OP_##NAME,
#include "rt/rt_op.def"
#undef RT_OP
	RT_OP_KINDS,
};

#define RT_OP_HERE (-1)		/* an offset: where the stream is */

/*
 * What an op is told, by kind. The rest of the struct is zeroed before the
 * first submission and then the wait's.
 *
 *	READ WRITE	data, length; offset; flags of preadv2(2)
 *	READV WRITEV	data: struct iovec, length: how many; offset, flags
 *	RECV SEND	data, length; flags of recv(2), send(2)
 *	RECVMSG SENDMSG	data: struct msghdr; flags
 *	ACCEPT		address or NULL, and the room in address_length, which
 *			becomes its length; flags of accept4(2)
 *	ACCEPTS		fed, for each connection; flags of accept4(2)
 *	FEED		data: struct rt_stock; fed, for the bytes in each buffer
 *			of it, whose number is `index`; flags of recv(2). Ends
 *			with 0 at the end of the stream
 *	CONNECT		address, address_length
 *	SIZE		the result is the file's size
 *	TRUNCATE	offset: its new size
 *	ALLOCATE	offset, length; flags of fallocate(2)
 *	POLL		flags: events of poll(2); the result is those of them that
 *			are there, and POLLERR, POLLHUP
 *	PULL		as many bytes as length, at most, into `pipe`, which has
 *			room; offset
 *	PUSH		the same out of `pipe`, which is not empty
 *	CALL		call, which may block: it runs in a thread of the wait's
 *			helpers and returns the result
 *
 * ACCEPTS and FEED go on until they fail, or are cancelled, or there is no
 * buffer: -ENOBUFS. `fed` is called out of a submission or a sleep, before done;
 * it submits nothing, and returns 1, or 0 where it wants no more: -ENOBUFS, too,
 * and what came in before that is known is fed.
 *
 * Where nobody reads any more, all that write end with -EPIPE. No SEND or SENDMSG
 * raises SIGPIPE; the others do, so it is blocked in a thread that has entered a
 * scheduler (rt_sched_enter), and in helpers.
 */
struct rt_op {
	void (*done)(struct rt_op *op, int64_t result);	/* or -errno */
	void *user;		/* kept for you */
	enum rt_op_kind kind;
	int fd;
	void *data;
	size_t length;
	int64_t offset;		/* RT_OP_HERE for streams */
	uint32_t flags;
	socklen_t address_length;
	int pipe;		/* the caller's own: nobody closes it */
	struct sockaddr *address;
	union {
		int64_t (*call)(struct rt_op *op);
		int (*fed)(struct rt_op *op, int64_t result, uint32_t index);
	};

	uint8_t state;		/* enum rt_op_state */
	uint8_t begun;		/* the engine's: the kernel has it */
	uint8_t tried;		/* by rt_wait_try, and it would block */
	uint8_t leaving;	/* the engine's: it is being cancelled */
	void *engine;		/* the engine's, while it has the op */
	uint8_t vain;		/* how often it was told to go on in vain */
	uint8_t enough;		/* the engine's: `fed` wants no more */
	struct rt_op *before, *after;	/* of its descriptor, at an offset */
	struct utils_link queued;	/* with its engine, at rest, finished */
	int64_t result;
};

enum rt_op_state {
	RT_OP_IDLE,		/* not submitted, or done */
	RT_OP_UNDER_WAY,
	RT_OP_HELPED,		/* the same; a helper has it */
	RT_OP_CLOSING,		/* the same; waits for the others */
	RT_OP_FINISHED,		/* done is about to be called */
};

/* What rt_op_side returns. */
#define RT_OP_IN 1u
#define RT_OP_OUT 2u

/*
 * rt_wait_try carries an op out now, if that does not block and is what the
 * engine would do first; done is not called. Else it returns -EAGAIN, and the
 * op may be submitted. The wait's thread. Returns the op's result otherwise, or
 * what rt_wait_submit refuses with.
 */
int64_t rt_wait_try(struct rt_wait *wait, struct rt_op *op);

/*
 * rt_wait_submit begins an op. Does not block, but that an op on a stream may
 * be carried out now. The wait's thread. Returns 0: done will come; or -EINVAL
 * for no such kind, -EBUSY if the op is under way or another has its place, or
 * the descriptor is watched, -EBADF if it is not open or is being closed,
 * -ENOMEM, -EMFILE, -EAGAIN: there is no memory, descriptor or thread for what
 * the first op needs. Every other error comes with done.
 */
int rt_wait_submit(struct rt_wait *wait, struct rt_op *op);

/*
 * rt_wait_cancel asks for the early end of an op; done comes with -ECANCELED,
 * or as if it had not been asked. The kernel has let go of the op's memory
 * then. A connection that was being made is in no state to be used again. The
 * wait's thread; does not block. Returns 0, or -ENOENT if the op is not under
 * way, -EBUSY for RT_OP_CLOSE.
 */
int rt_wait_cancel(struct rt_wait *wait, struct rt_op *op);

/* rt_wait_ops returns how many ops are under way. The wait's thread. */
uint32_t rt_wait_ops(const struct rt_wait *wait);

/*
 * rt_op_is_helped tells whether an op is one that helpers carry out with every
 * engine: what is rare, and blocks.
 */
int rt_op_is_helped(const struct rt_op *op);

/* rt_op_name returns the name of a kind. */
const char *rt_op_name(enum rt_op_kind kind);

/* rt_op_side returns the places of a descriptor that an op takes up. */
uint32_t rt_op_side(const struct rt_op *op);

/*
 * rt_op_carry carries an op out by a plain system call and returns its result.
 * On a stream it does not block: -EAGAIN, until what rt_op_events says is there.
 * On a file it blocks. Not for RT_OP_CLOSE. Any thread that has the op.
 */
int64_t rt_op_carry(struct rt_op *op);

/* rt_op_events returns what an op waits for: POLLIN, POLLOUT. */
uint32_t rt_op_events(const struct rt_op *op);

#endif
