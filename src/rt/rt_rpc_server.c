/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One task accepts. A connection is on the server's list from its making until
 * its tasks have ended; the server holds it that long.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_io.h"
#include "rt/rt_rpc_inside.h"
#include "rt/rt_rpc_server.h"
#include "utils/utils_log.h"

struct rt_rpc_server {
	struct rt_rpc_server_opts opts;
	struct rt_rpc_server_stats stats;
	struct utils_list sessions;
	struct rt_rendez empty;
	struct rt_task *task;
	int fd;
};

static void
session_ended(struct rt_rpc *rpc, struct rt_rpc_server *s)
{
	utils_list_remove(&rpc->session);
	s->stats.sessions--;
	if (s->stats.sessions == 0)
		rt_rendez_wake_all(&s->empty);
	rt_rpc_drop(rpc);
}

static void
refuse(struct rt_rpc_server *s, int fd, const char *why)
{
	static _Thread_local struct utils_log_rate rate;

	s->stats.refused++;
	utils_log_limited(&rate, UTILS_LOG_WARN, "rpc: a connection is "
			  "refused: %s; there are %u", why, s->stats.sessions);
	rt_rpc_refuse(fd, EBUSY);
}

static void
take_in(struct rt_rpc_server *s, int fd)
{
	struct rt_rpc *rpc;
	int rc;

	if (s->stats.sessions >= s->opts.sessions) {
		refuse(s, fd, "no more are allowed");
		return;
	}
	rc = rt_rpc_new(fd, &s->opts.rpc, &rpc);
	if (rc) {
		refuse(s, fd, strerror(-rc));
		return;
	}
	rpc->server = s;
	rpc->session_ended = session_ended;
	utils_list_push_back(&s->sessions, &rpc->session);
	s->stats.sessions++;
	s->stats.accepted++;
}

/* What goes wrong with one connection, or for now, does not end the server. */
static int
accept_all(void *arg)
{
	static _Thread_local struct utils_log_rate rate;
	struct rt_rpc_server *s = arg;
	const uint64_t pause = VINE_RPC_RETRY_MS * UINT64_C(1000000);

	for (;;) {
		int fd = rt_io_accept(s->fd, NULL, NULL, RT_NEVER);

		if (fd >= 0) {
			take_in(s, fd);
			continue;
		}
		if (rt_task_check() || fd == -EBADF || fd == -EINVAL)
			return fd;
		utils_log_limited(&rate, UTILS_LOG_WARN, "rpc: no connection "
				  "can be taken in: %s", strerror(-fd));
		if (rt_task_delay(rt_sched_now(rt_sched_self()) + pause))
			return -ECANCELED;
	}
}

int
rt_rpc_server_new(int fd, const struct rt_rpc_server_opts *opts,
		  struct rt_rpc_server **server)
{
	static const struct rt_task_opts named = { .name = "rpc server" };
	struct rt_rpc_server_opts with = *opts;
	struct rt_rpc_server *s;
	int rc;

	if (rt_sched_self() == NULL)
		return -EPERM;
	rc = rt_rpc_opts_settle(&with.rpc);
	if (rc)
		return rc;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	s->opts = with;
	s->fd = fd;
	if (s->opts.sessions == 0)
		s->opts.sessions = VINE_RPC_SESSIONS;
	utils_list_init(&s->sessions);
	rt_rendez_init(&s->empty);
	s->empty.name = "end of rpc server";
	rc = rt_task_create(rt_sched_self(), accept_all, s, &named, &s->task);
	if (rc)
		free(s);
	else
		*server = s;
	return rc;
}

void
rt_rpc_server_free(struct rt_rpc_server *s)
{
	rt_task_hold_cancel();
	rt_task_cancel(s->task);
	rt_task_join(s->task, NULL, RT_NEVER);
	rt_io_close(s->fd);
	utils_list_each(&s->sessions, link)
		rt_rpc_close(utils_list_of(link, struct rt_rpc, session));
	while (s->stats.sessions)
		rt_rendez_sleep(&s->empty, RT_NEVER);
	rt_task_let_cancel();
	free(s);
}

void
rt_rpc_server_stats(const struct rt_rpc_server *server,
		    struct rt_rpc_server_stats *stats)
{
	*stats = server->stats;
}
