/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Echo: a round trip of a few bytes over TCP on the loopback, between the two
 * processes. Bare: each side is a thread that blocks in recv. As tasks: each
 * side is the only task of a scheduler.
 *
 * The server listens at some port, which it writes into the memory between
 * them, takes one connection in and answers until it ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rt/rt_io.h"
#include "rt/rt_net.h"
#include "rt/rt_sched.h"
#include "tools/vine_bench_pause.h"
#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define BYTES 64
#define NOWHERE UINT32_MAX	/* the server could not listen */

struct meeting {
	_Atomic uint32_t port;
};

/* --- bare ----------------------------------------------------------------- */

static int
listen_bare(struct meeting *m)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	socklen_t n = sizeof(a);
	uint32_t port = NOWHERE;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 1) == 0 &&
	    getsockname(fd, (struct sockaddr *)&a, &n) == 0)
		port = ntohs(a.sin_port);
	atomic_store(&m->port, port);
	return fd;
}

static void
serve_bare(void *memory, uint64_t arg)
{
	int listener = listen_bare(memory);
	int fd = accept(listener, NULL, NULL);
	char bytes[BYTES];

	(void)arg;
	while (fd >= 0 && recv(fd, bytes, BYTES, MSG_WAITALL) == BYTES)
		if (send(fd, bytes, BYTES, MSG_NOSIGNAL) != BYTES)
			break;
	close(fd);
	close(listener);
}

static uint32_t
port_of(struct meeting *m)
{
	uint32_t port;

	while ((port = atomic_load(&m->port)) == 0)
		vine_bench_nap(1);
	return port;
}

static int
bare_op(void *arg)
{
	int fd = *(int *)arg;
	char bytes[BYTES] = { 0 };

	if (send(fd, bytes, BYTES, MSG_NOSIGNAL) != BYTES ||
	    recv(fd, bytes, BYTES, MSG_WAITALL) != BYTES)
		return errno ? -errno : -EIO;
	return 0;
}

int
vine_bench_run_tcp(struct vine_bench_rig *rig, const struct vine_bench *bench,
		   struct vine_bench_result *result)
{
	struct meeting *m = vine_bench_pair_start(rig->pair, sizeof(*m),
						  serve_bare, 0);
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, rc = 0;

	a.sin_port = htons((uint16_t)port_of(m));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		rc = -errno;
	else
		rc = vine_bench_timer_each(&rig->timer, bare_op, &fd, result);
	close(fd);
	vine_bench_by_median(result);
	vine_bench_pair_join(rig->pair);
	if (rc)
		log_error("%s: %s", bench->name, strerror(-rc));
	return rc;
}

/* --- tasks ---------------------------------------------------------------- */

/* Run one task to its end, on a scheduler of its own. */
static int
run_task(enum rt_wait_engine engine, rt_task_fn fn, void *arg)
{
	struct rt_sched_opts opts = { .engine = engine };
	struct rt_sched *sched;
	int rc = rt_sched_new(&opts, &sched);

	if (rc)
		return rc;
	rc = rt_task_create(sched, fn, arg, NULL, NULL);
	if (rc == 0)
		rc = rt_sched_run(sched);
	rt_sched_free(sched);
	return rc;
}

static int
echo(void *arg)
{
	struct meeting *m = arg;
	struct rt_net_address a;
	char bytes[BYTES];
	int listener, fd;

	if (rt_net_announce("tcp:127.0.0.1:0", NULL, &listener) != 0 ||
	    rt_net_local(listener, &a) != 0) {
		atomic_store(&m->port, NOWHERE);
		return 0;
	}
	atomic_store(&m->port, (uint32_t)ntohs(((struct sockaddr_in *)
						&a.storage)->sin_port));
	fd = rt_io_accept(listener, NULL, NULL, RT_NEVER);
	while (fd >= 0 && rt_io_read_all(fd, bytes, BYTES, RT_IO_HERE,
					 RT_NEVER) == 0)
		if (rt_io_write_all(fd, bytes, BYTES, RT_IO_HERE, RT_NEVER))
			break;
	if (fd >= 0)
		rt_io_close(fd);
	return rt_io_close(listener);
}

static void
serve_tasks(void *memory, uint64_t engine)
{
	struct meeting *m = memory;

	if (run_task((enum rt_wait_engine)engine, echo, memory) != 0)
		atomic_store(&m->port, NOWHERE);
}

struct client {
	struct meeting *meeting;
	struct vine_bench_rig *rig;
	struct vine_bench_result *result;
	int fd;
	int rc;
};

static int
task_op(void *arg)
{
	const struct client *c = arg;
	char bytes[BYTES] = { 0 };
	int rc = rt_io_write_all(c->fd, bytes, BYTES, RT_IO_HERE, RT_NEVER);

	return rc ? rc : rt_io_read_all(c->fd, bytes, BYTES, RT_IO_HERE,
					RT_NEVER);
}

static int
measure(void *arg)
{
	struct client *c = arg;
	char text[RT_NET_TEXT];

	snprintf(text, sizeof(text), "tcp:127.0.0.1:%u", port_of(c->meeting));
	c->rc = rt_net_dial(text, RT_NEVER, &c->fd);
	if (c->rc)
		return 0;
	c->rc = vine_bench_timer_each(&c->rig->timer, task_op, c, c->result);
	return rt_io_close(c->fd);
}

int
vine_bench_run_io_echo(struct vine_bench_rig *rig,
		       const struct vine_bench *bench,
		       struct vine_bench_result *result)
{
	struct client c = { .rig = rig, .result = result };
	int rc;

	c.meeting = vine_bench_pair_start(rig->pair, sizeof(*c.meeting),
					  serve_tasks, bench->a);
	rc = run_task((enum rt_wait_engine)bench->a, measure, &c);
	rc = rc ? rc : c.rc;
	vine_bench_by_median(result);
	vine_bench_pair_join(rig->pair);
	if (rc)
		log_error("%s: %s", bench->name, strerror(-rc));
	return rc;
}
