/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each procedure is a row of a table: what its tasks must look like, and a
 * function that is straight-line code. A task of a socket is handled on the
 * worker that the socket belongs to, any other where it was taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/vine_limits.h"
#include "rt/rt_sched.h"
#include "services/net/svc_net.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"

/* A procedure: how many slices its tasks have, least and most. */
struct proc {
	const char *name;
	int (*run)(struct svc_net_call *call);
	uint32_t args_size;
	uint32_t flags;		/* enum vine_net_flag, those that it knows */
	uint8_t has_socket;	/* args begin with struct vine_net_io */
	uint8_t side;		/* of the socket: RT_OP_IN, RT_OP_OUT */
	uint8_t in_least, in_most;
	uint8_t out_least, out_most;
};

static const struct proc procs[] = {
	{ "net_listen", svc_net_listen, sizeof(struct vine_net_open),
	  VINE_NET_SHARE | VINE_NET_DELAY, 0, 0, 0, 0, 0, 0 },
	{ "net_connect", svc_net_connect, sizeof(struct vine_net_open),
	  VINE_NET_DELAY, 0, 0, 0, 0, 0, 0 },
	{ "net_bind", svc_net_bind, sizeof(struct vine_net_open),
	  VINE_NET_SHARE, 0, 0, 0, 0, 0, 0 },
	{ "net_accept", svc_net_accept, sizeof(struct vine_net_io),
	  0, 1, RT_OP_IN, 0, 0, 0, 1 },
	{ "net_send", svc_net_send, sizeof(struct vine_net_io),
	  VINE_NET_ALL, 1, RT_OP_OUT, 1, 64, 0, 0 },
	{ "net_receive", svc_net_receive, sizeof(struct vine_net_io),
	  VINE_NET_ALL, 1, RT_OP_IN, 0, 0, 1, 64 },
	{ "net_send_to", svc_net_send_to, sizeof(struct vine_net_to),
	  0, 1, RT_OP_OUT, 1, 64, 0, 0 },
	{ "net_receive_from", svc_net_receive_from, sizeof(struct vine_net_io),
	  0, 1, RT_OP_IN, 0, 0, 2, 64 },
	{ "net_send_file", svc_net_send_file, sizeof(struct vine_net_file),
	  0, 1, RT_OP_OUT, 0, 0, 0, 0 },
	{ "net_address", svc_net_address, sizeof(struct vine_net_io),
	  VINE_NET_PEER, 1, 0, 0, 0, 1, 1 },
	{ "net_shutdown", svc_net_shutdown, sizeof(struct vine_net_io),
	  VINE_NET_IN | VINE_NET_OUT, 1, 0, 0, 0, 0, 0 },
	{ "net_close", svc_net_close, sizeof(struct vine_net_io),
	  0, 1, 0, 0, 0, 0, 0 },
};

#define PROCS (sizeof(procs) / sizeof(procs[0]))

/* --- a task --- */

/* Both kinds of arguments have the flags in the same place. */
_Static_assert(offsetof(struct vine_net_io, flags) ==
	       offsetof(struct vine_net_open, flags), "fits() reads them");

static int
fits(const struct proc *proc, const struct vine_req *req)
{
	uint32_t in, out, size;
	const struct vine_net_io *io = vine_req_args(req, &size);

	vine_req_in(req, &in);
	vine_req_out(req, &out);
	return size == proc->args_size && !(io->flags & ~proc->flags) &&
		in >= proc->in_least && in <= proc->in_most &&
		out >= proc->out_least && out <= proc->out_most;
}

static void
submit(void *state, struct vine_req *req)
{
	const struct proc *proc = vine_req_ctx(req);
	struct svc_net *net = state;
	struct rt_sched *on = NULL;
	const struct vine_net_io *io;
	uint32_t size;
	int rc;

	if (!fits(proc, req)) {
		vine_req_complete(req, VINE_STATUS_FAILED, EINVAL, 0);
		return;
	}
	if (proc->has_socket) {
		io = vine_req_args(req, &size);
		on = svc_net_socket_owner(&net->table, io->socket);
		if (on == NULL) {
			vine_req_complete(req, VINE_STATUS_FAILED, EBADF, 0);
			return;
		}
	}
	rc = svc_handle(req, on);
	if (rc)
		vine_req_complete(req, VINE_STATUS_BUSY, -rc, 0);
}

/* What the function says, in the words of a status. */
static void
fill_answer(const struct svc_net_call *call, int rc, struct svc_answer *answer)
{
	answer->value = call->value;
	if (rc == SVC_NET_REFUSED) {
		answer->status = VINE_STATUS_REFUSED;
		answer->error = EACCES;
	} else if (rc && call->closed) {
		answer->status = VINE_STATUS_FAILED;
		answer->error = ECANCELED;
	} else if (rc == -ECANCELED) {
		answer->status = VINE_STATUS_CANCELED;
		answer->error = ECANCELED;
	} else if (rc) {
		answer->status = VINE_STATUS_FAILED;
		answer->error = -rc;
	}
}

/* The side that a task keeps from others until it ends, not while it waits. */
static uint8_t
kept(const struct proc *proc, const struct svc_net_call *call)
{
	const struct vine_net_io *io = call->args;

	return io->flags & VINE_NET_ALL || proc->run == svc_net_send_file ?
		proc->side : 0;
}

/*
 * Nobody closes the socket's descriptor while the function runs, and where it
 * makes several calls nobody comes in between: what it has of a stream is in
 * one piece.
 */
static int
run(const struct proc *proc, struct svc_net_call *call)
{
	struct svc_net_user user;
	uint8_t keeps;
	int rc;

	if (call->socket == NULL)
		return proc->run(call);
	if (call->socket->busy & proc->side)
		return -EBUSY;
	keeps = kept(proc, call);
	call->socket->busy |= keeps;
	svc_net_socket_use(call->socket, &user);
	rc = proc->run(call);
	call->socket->busy &= (uint8_t)~keeps;
	call->closed = call->socket->number != call->number;
	svc_net_socket_leave_off(&call->net->table, call->socket, &user);
	return rc;
}

uint64_t
svc_net_until(uint64_t timeout_ns)
{
	uint64_t now = rt_sched_now(rt_sched_self());

	return timeout_ns && timeout_ns < RT_NEVER - now ? now + timeout_ns :
		RT_NEVER;
}

static void
handle(void *state, struct vine_req *req, struct svc_answer *answer)
{
	const struct proc *proc = vine_req_ctx(req);
	struct svc_net_call call = { .net = state };
	const struct vine_net_io *io;
	uint32_t size;
	int rc;

	call.in = vine_req_in(req, &call.in_count);
	call.out = vine_req_out(req, &call.out_count);
	call.args = vine_req_args(req, &size);
	svc_req_rank(req, &call.rank);
	vine_req_execute(req);
	if (proc->has_socket) {
		io = call.args;
		call.deadline = svc_net_until(io->timeout_ns);
		call.number = io->socket;
		call.socket = svc_net_socket_find(&call.net->table, call.number,
						  call.rank.tenant,
						  call.rank.serial);
	}
	if (proc->has_socket && call.socket == NULL)
		rc = -EBADF;
	else
		rc = run(proc, &call);
	fill_answer(&call, rc, answer);
}

static void
leave(void *state, const void *tenant, uint32_t serial)
{
	struct svc_net *net = state;

	svc_net_socket_leave(&net->table, tenant, serial);
}

/* --- start --- */

/* All rules of a key. */
static int
read_rules(const struct utils_config *config, int key, const char *name,
	   struct svc_net_rule **rules, size_t *count)
{
	size_t n = utils_config_count(config, key);

	if (n == 0)
		return 0;
	*rules = calloc(n, sizeof(**rules));
	if (*rules == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *text = utils_config_nth(config, key, i), *why;

		if (svc_net_rule_read(text, &(*rules)[i], &why) == 0)
			continue;
		log_error("%s: %s %s: %s", utils_config_name(config), name,
			  text, why);
		return -EINVAL;
	}
	*count = n;
	return 0;
}

static int
open_files(const struct utils_config *config, struct svc_net *net)
{
	const char *path = utils_config_str(config, UTILS_KEY_net_files);

	net->files = -1;
	if (path == NULL)
		return 0;
	net->files = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (net->files >= 0)
		return 0;
	log_error("%s: net_files %s: %s", utils_config_name(config), path,
		  strerror(errno));
	return -errno;
}

static void
stop(void *state)
{
	struct svc_net *net = state;

	if (net->table.sockets)
		svc_net_table_fini(&net->table);
	if (net->files >= 0)
		close(net->files);
	free(net->listen);
	free(net->connect);
	free(net);
}

static int
offer(struct svc_host *host)
{
	int rc = svc_add_accel(host, VINE_NET, VINE_NET_ACCEL,
			       VINE_HANDLERS_MAX);

	for (size_t i = 0; i < PROCS && rc == 0; i++)
		rc = svc_add_proc(host, VINE_NET, procs[i].name,
				  (void *)(uintptr_t)&procs[i]);
	return rc;
}

static int
set_up(struct svc_host *host, const struct utils_config *config,
       struct svc_net *net)
{
	int rc = open_files(config, net);

	if (rc == 0)
		rc = read_rules(config, UTILS_KEY_net_listen, "net_listen",
				&net->listen, &net->listen_count);
	if (rc == 0)
		rc = read_rules(config, UTILS_KEY_net_connect, "net_connect",
				&net->connect, &net->connect_count);
	if (rc == 0)
		rc = svc_net_table_init(
			&net->table, (uint32_t)utils_config_u64(
				config, UTILS_KEY_net_sockets_max),
			(uint32_t)utils_config_u64(config,
						   UTILS_KEY_net_sockets));
	return rc ? rc : offer(host);
}

/* Without a rule nothing would be allowed. */
static int
probe(const struct utils_config *config)
{
	return utils_config_count(config, UTILS_KEY_net_listen) ||
		utils_config_count(config, UTILS_KEY_net_connect) ? 0 :
		-ENODEV;
}

static void
overflowed(void *state, struct vine_req *req, struct rt_task *task)
{
	struct svc_net *net = state;

	(void)req;
	svc_net_socket_forget(&net->table, task);
}

static int
start(struct svc_host *host, const struct utils_config *config, void **state)
{
	struct svc_net *net = calloc(1, sizeof(*net));
	int rc;

	if (net == NULL)
		return -ENOMEM;
	rc = set_up(host, config, net);
	if (rc) {
		stop(net);
		return rc;
	}
	*state = net;
	return 0;
}

const struct svc_ops svc_net_ops = {
	.size = sizeof(struct svc_ops),
	.name = "net",
	.flags = SVC_OPENS_SOCKETS,
	.probe = probe,
	.start = start,
	.submit = submit,
	.handle = handle,
	.overflowed = overflowed,
	.cancel = svc_cancel_handled,
	.leave = leave,
	.stop = stop,
};
