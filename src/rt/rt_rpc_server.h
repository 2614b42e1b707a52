/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server: takes connections in from a listener and has each answered as an RPC
 * connection (rt_rpc.h), up to a number of them. One more is told so and let
 * go; the others do not notice.
 *
 * Of one scheduler's thread. A server of many threads has one for each, with
 * listeners that share a port (rt_net.h).
 */
#ifndef RT_RPC_SERVER_H
#define RT_RPC_SERVER_H

#include "rt/rt_rpc.h"

struct rt_rpc_server;

struct rt_rpc_server_opts {
	struct rt_rpc_opts rpc;	/* of each connection */
	uint32_t sessions;	/* 0: VINE_RPC_SESSIONS */
};

/*
 * rt_rpc_server_new begins to serve a listener, which is the server's
 * afterwards. All its connections have one identity. Does not block. Returns 0,
 * or as rt_rpc_new.
 */
int rt_rpc_server_new(int fd, const struct rt_rpc_server_opts *opts,
		      struct rt_rpc_server **server);

/*
 * rt_rpc_server_free takes no more in, closes the listener and all connections,
 * waits until their tasks have ended, and frees the server. Blocks the calling
 * task, which is none of the server's.
 */
void rt_rpc_server_free(struct rt_rpc_server *server);

/* What a server did so far. */
struct rt_rpc_server_stats {
	uint32_t sessions;	/* now */
	uint64_t accepted;
	uint64_t refused;	/* there were too many, or no memory */
};

void rt_rpc_server_stats(const struct rt_rpc_server *server,
			 struct rt_rpc_server_stats *stats);

#endif
