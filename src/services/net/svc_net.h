/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Net: sockets of the appliance for applications (vine/net.h). What its parts
 * share.
 */
#ifndef SVC_NET_H
#define SVC_NET_H

#include <stddef.h>
#include <stdint.h>

#include <vine/net.h>

#include "services/net/svc_net_rules.h"
#include "services/net/svc_net_socket.h"
#include "services/svc.h"

struct svc_net {
	struct svc_net_table table;
	struct svc_net_rule *listen;
	struct svc_net_rule *connect;
	size_t listen_count;
	size_t connect_count;
	int files;		/* a directory; -1: none */
};

/* One task of a procedure, on its way. */
struct svc_net_call {
	struct svc_net *net;
	const struct vine_view *in;
	const struct vine_view *out;
	uint32_t in_count;
	uint32_t out_count;
	const void *args;	/* a copy, of the procedure's size */
	struct svc_rank rank;
	struct svc_net_socket *socket;	/* of those that have one */
	uint32_t number;	/* of it */
	int closed;		/* it was, while the task was at work on it */
	uint64_t deadline;
	uint64_t value;
};

/*
 * What a procedure does, in a task of its socket's worker. Returns 0; or a
 * negative errno for the task's FAILED; or SVC_NET_REFUSED, where the config
 * does not allow it.
 */
#define SVC_NET_REFUSED 1

/* svc_net_until returns when a timeout has passed: RT_NEVER for 0. In a task. */
uint64_t svc_net_until(uint64_t timeout_ns);

int svc_net_listen(struct svc_net_call *call);
int svc_net_connect(struct svc_net_call *call);
int svc_net_bind(struct svc_net_call *call);
int svc_net_accept(struct svc_net_call *call);
int svc_net_address(struct svc_net_call *call);
int svc_net_shutdown(struct svc_net_call *call);
int svc_net_close(struct svc_net_call *call);

int svc_net_send(struct svc_net_call *call);
int svc_net_receive(struct svc_net_call *call);
int svc_net_send_to(struct svc_net_call *call);
int svc_net_receive_from(struct svc_net_call *call);
int svc_net_send_file(struct svc_net_call *call);

#endif
