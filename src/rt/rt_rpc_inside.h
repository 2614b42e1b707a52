/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside: what the parts of an RPC connection know of each other. For
 * rt_rpc*.c.
 *
 *	rt_rpc.c	its life: made, closed, ended
 *	rt_rpc_call.c	the asking end
 *	rt_rpc_serve.c	the answering end
 *	rt_rpc_read.c	what comes in, by the connection's main task
 *	rt_rpc_write.c	what goes out, by its writer
 */
#ifndef RT_RPC_INSIDE_H
#define RT_RPC_INSIDE_H

#include "rt/rt_rendez.h"
#include "rt/rt_rpc.h"
#include "rt/rt_rpc_wire.h"
#include "rt/rt_sched.h"
#include "utils/utils_list.h"

/*
 * What is to be sent. It lies with whoever sends it and stays until `sent`:
 * when the kernel has it, or the connection has ended without that. `begun`
 * comes before its first byte can be on its way. Neither waits.
 */
struct rt_rpc_frame {
	struct utils_link link;
	uint8_t state;		/* enum rt_rpc_frame_state */
	const void *head;	/* with the arguments */
	uint32_t head_length;
	const void *data;
	uint32_t data_length;
	void (*begun)(struct rt_rpc *rpc, struct rt_rpc_frame *frame);
	void (*sent)(struct rt_rpc *rpc, struct rt_rpc_frame *frame);
};

enum rt_rpc_frame_state {
	RT_RPC_IDLE,
	RT_RPC_QUEUED,
	RT_RPC_SENDING,
};

struct rt_rpc_asked_place;
struct rt_rpc_server;
struct rt_rpc_served;

struct rt_rpc {
	struct rt_rpc_opts opts;	/* with the defaults in place */
	struct rt_sched *sched;
	int fd;
	uint32_t holds;
	int why;		/* -errno; 0: it has not ended */
	int over;		/* its tasks have ended, too */
	int ending;		/* all but the last, which calls `ended` */
	int headless;		/* the main overflowed: the writer is last */
	int open;		/* the peer said hello */
	uint64_t hello_by;	/* else it is cut off */
	int check;		/* all bodies have a CRC */
	uint32_t others;	/* tasks but the main one */
	struct rt_rendez alone;	/* the main one waits for them here */
	struct rt_rendez joined;
	struct rt_rendez opening;	/* calls wait for the hello here */
	struct rt_task *main;
	uint64_t peer;
	struct rt_rpc_stats stats;

	/* of a server; NULL: of none */
	struct rt_rpc_server *server;
	struct utils_link session;
	void (*session_ended)(struct rt_rpc *rpc, struct rt_rpc_server *server);

	/* asking */
	struct rt_rpc_asked_place *places;
	uint16_t *free_places;	/* a stack */
	uint32_t free_count;
	uint32_t place_count;
	uint32_t places_left;	/* that nobody was promised */
	uint32_t peer_data;	/* bytes that the peer takes in a frame */
	uint64_t peer_window;
	uint64_t window_left;	/* of that */
	struct utils_list turns;	/* calls that wait for a place */

	/* answering */
	struct rt_rpc_served **taken;	/* by place */
	struct utils_list running;	/* their handlers have not returned */
	struct utils_list spare;	/* may have memory */
	uint64_t window_used;

	/* what comes in */
	uint8_t *buffer;
	uint32_t at, end;	/* of what is in it */

	/* what goes out */
	struct rt_task *writer;
	struct rt_rendez work;
	struct utils_list queue;
	int sending;		/* the writer is */
	struct rt_rpc_frame hello;
	struct rt_rpc_frame bye;
	uint8_t hello_head[RT_RPC_HEAD + RT_RPC_HELLO_BYTES];
	uint8_t bye_head[RT_RPC_HEAD];
};

/* --- rt_rpc.c --- */

/* rt_rpc_opts_settle puts the defaults in. 0 or -EINVAL. In a scheduler. */
int rt_rpc_opts_settle(struct rt_rpc_opts *opts);

/*
 * rt_rpc_fail ends a connection with -errno. The peer is told, where it is not
 * what the peer did itself (-ECONNRESET) and can be. Never blocks.
 */
void rt_rpc_fail(struct rt_rpc *rpc, int why);

/* rt_rpc_gone says that a task but the main one has ended. */
void rt_rpc_gone(struct rt_rpc *rpc);

/* --- rt_rpc_write.c --- */

/* rt_rpc_writer sends until the end. The writer's. */
void rt_rpc_writer(struct rt_rpc *rpc);

/* rt_rpc_send queues a frame that is idle. Where it has ended, sent comes. */
void rt_rpc_send(struct rt_rpc *rpc, struct rt_rpc_frame *frame);

/* rt_rpc_unsend takes a frame back that is queued; sent does not come. */
void rt_rpc_unsend(struct rt_rpc_frame *frame);

/* rt_rpc_unsend_all has sent come for all that is queued. */
void rt_rpc_unsend_all(struct rt_rpc *rpc);

/* --- rt_rpc_read.c --- */

/* rt_rpc_read receives until the end. Returns why it ended. The main task's. */
int rt_rpc_read(struct rt_rpc *rpc);

/*
 * rt_rpc_args receives so many bytes of arguments, which stay where they are
 * until more is received. rt_rpc_chunk receives 1 to `most` bytes of data,
 * likewise, and rt_rpc_direct all of them, to where nobody takes them from.
 * They go on with the body's CRC. 0 or an error of the connection.
 */
int rt_rpc_args(struct rt_rpc *rpc, uint32_t length, const uint8_t **args,
		uint32_t *crc);
int rt_rpc_chunk(struct rt_rpc *rpc, uint32_t most, const uint8_t **at,
		 uint32_t *n, uint32_t *crc);
int rt_rpc_direct(struct rt_rpc *rpc, uint8_t *to, uint32_t length,
		  uint32_t *crc);

/* rt_rpc_body_ends checks the CRC of a body: 0 or -EBADMSG. */
int rt_rpc_body_ends(const struct rt_rpc_head *head, uint32_t crc);

/* --- rt_rpc_call.c --- */

/* rt_rpc_places_new makes places as a hello allows: 0 or -ENOMEM. */
int rt_rpc_places_new(struct rt_rpc *rpc, uint32_t credit, uint64_t window);

/* rt_rpc_answer_in receives an answer. 0 or an error of the connection. */
int rt_rpc_answer_in(struct rt_rpc *rpc, const struct rt_rpc_head *head);

/* rt_rpc_calls_end tells all who wait for an answer that none will come. */
void rt_rpc_calls_end(struct rt_rpc *rpc);

/* --- rt_rpc_serve.c --- */

/* rt_rpc_request_in receives a request and has it handled, likewise. */
int rt_rpc_request_in(struct rt_rpc *rpc, const struct rt_rpc_head *head);

/* rt_rpc_cancel_in cancels a handler, likewise. */
int rt_rpc_cancel_in(struct rt_rpc *rpc, const struct rt_rpc_head *head);

/* rt_rpc_served_cancel cancels all handlers. */
void rt_rpc_served_cancel(struct rt_rpc *rpc);

/*
 * rt_rpc_served_free frees what is spare, and a request that the main task was
 * at when it overflowed, when all has ended.
 */
void rt_rpc_served_free(struct rt_rpc *rpc);

#endif
