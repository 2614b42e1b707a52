/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: what two ends of an RPC say to each other over a stream of bytes.
 *
 * The stream is a sequence of frames in each direction. A frame is a head of 64
 * bytes, then so many bytes of arguments and so many of data as it says. All
 * numbers are little-endian.
 *
 *	 0 u32 magic	56 52 50 43: "VRPC"
 *	 4 u8  version	1
 *	 5 u8  kind	below
 *	 6 u16 flags	bit 0: `body` is valid; others are 0
 *	 8 u64 number	of a request: below; its answer and its cancel have it
 *	16 u64 id	chosen by who asks: the same where it asks again, maybe
 *			over another connection; 0: none. In a hello: who it is
 *	24 u32 type	what is asked for
 *	28 u32 status	of an answer, a bye: 0 or an errno of Linux
 *	32 u32 args	bytes of arguments, at most 256
 *	36 u32 data	bytes of data
 *	40 u32 room	of a request: bytes of data that the answer may have
 *	44 u32 credit	of a hello: requests that it takes at a time
 *	48 u32 wait	of a request: ms after which nobody waits for the
 *			answer; 0: no such time
 *	52 u32 body	CRC32C of the arguments and the data
 *	56 u32 0
 *	60 u32 head	CRC32C of the 60 bytes before
 *
 * Members that a kind does not name are 0 and not looked at.
 *
 * HELLO is the first frame each way, sent at once. Its arguments are
 *
 *	 0 u16 oldest	version that this end speaks
 *	 2 u16 newest
 *	 4 u32 wishes	bit 0: all bodies shall have a CRC
 *	 8 u32 data	bytes of data that a frame to this end may have
 *	12 u32 0
 *	16 u64 window	bytes that requests may take at a time; each takes its
 *			data and its room
 *
 * and maybe more, which is skipped. Both speak the newest version that both
 * know. Where either wishes it, all bodies have a CRC.
 *
 * REQUEST asks. Its number's low 16 bits are a place, below the credit of who
 * is asked; the rest differ each time. A place, and its bytes of the window,
 * are the request's until the answer begins to arrive. Who sends more is cut
 * off.
 *
 * ANSWER: each request has exactly one, in any order. An error of the request
 * is its status. Late or not, it gives place and bytes back.
 *
 * CANCEL: nobody waits for the answer. It may come after the answer was sent.
 *
 * BYE ends the connection: why, in the status.
 */
#ifndef RT_RPC_WIRE_H
#define RT_RPC_WIRE_H

#include <stdint.h>

#define RT_RPC_HEAD 64u		/* bytes of a head */
#define RT_RPC_HELLO_BYTES 24u	/* of a hello's arguments */
#define RT_RPC_PLACES 65536u	/* that a number can name */
#define RT_RPC_VERSION 1u

enum rt_rpc_kind {
	RT_RPC_HELLO = 1,
	RT_RPC_REQUEST,
	RT_RPC_ANSWER,
	RT_RPC_CANCEL,
	RT_RPC_BYE,
};

#define RT_RPC_FLAG_BODY 1u	/* there is a CRC of the body */
#define RT_RPC_WISH_BODY 1u	/* all shall have one */

/* A head, as numbers. */
struct rt_rpc_head {
	uint8_t kind;
	uint16_t flags;
	uint64_t number;
	uint64_t id;
	uint32_t type;
	uint32_t status;
	uint32_t args;
	uint32_t data;
	uint32_t room;
	uint32_t credit;
	uint32_t wait;
	uint32_t body;
};

/* The arguments of a hello. */
struct rt_rpc_hello {
	uint16_t oldest;
	uint16_t newest;
	uint32_t wishes;
	uint32_t data;
	uint64_t window;
};

/* rt_rpc_head_put writes a head with its magic, version and CRC. */
void rt_rpc_head_put(uint8_t to[RT_RPC_HEAD], const struct rt_rpc_head *head);

/*
 * rt_rpc_head_get reads one. Returns 0, or -EPROTO for another magic, a version
 * or a kind that is not known, or more arguments than there may be; -EBADMSG
 * for a wrong CRC. Then *head is not to be used.
 */
int rt_rpc_head_get(const uint8_t from[RT_RPC_HEAD], struct rt_rpc_head *head);

void rt_rpc_hello_put(uint8_t to[RT_RPC_HELLO_BYTES],
		      const struct rt_rpc_hello *hello);
void rt_rpc_hello_get(const uint8_t from[RT_RPC_HELLO_BYTES],
		      struct rt_rpc_hello *hello);

#endif
