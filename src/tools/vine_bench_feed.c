/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feed: what it costs to receive small messages, and to take connections in:
 * cpu time of the receiving thread for each, of a thread that is busy: there is
 * more whenever it looks. By one operation
 * for each (rt_io_recv, rt_io_accept), and ahead (rt_feed, rt_intake).
 *
 * The server sends rounds: 64 bytes to each of 32 sockets over TCP on the
 * loopback, one for each of 32 tasks; or 32 connections to one listener. The
 * client looks when all of a round are there, and the server begins the next
 * when all were received.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "arch/arch_atomic.h"
#include "rt/rt_feed.h"
#include "rt/rt_intake.h"
#include "rt/rt_io.h"
#include "rt/rt_net.h"
#include "rt/rt_sched.h"
#include "tools/vine_bench_pause.h"
#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define BYTES 64
#define COUNT 32u		/* sockets, tasks */
#define BUFFERS 64u

/* Between the two. */
struct round {
	_Atomic uint32_t port;
	_Atomic uint64_t sent;
	_Atomic uint64_t received;
	_Atomic int stop;
};

struct rx {
	struct round *round;
	struct vine_bench_rig *rig;
	struct vine_bench_result *result;
	struct rt_stock stock;
	struct rt_intake intake;
	int ahead;		/* by a feed, an intake */
	int listener;
	int fds[COUNT];
	uint32_t next;		/* task */
	uint64_t count;
	uint64_t from;		/* cpu time at the round's begin, ns */
	uint64_t warm, end;	/* ticks */
	int rc;
};

/* --- the server ----------------------------------------------------------- */

static int
connect_to(uint32_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons((uint16_t)port) };
	struct linger hard = { 1, 0 };	/* nothing stays behind */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
await(struct round *r, const _Atomic uint64_t *counter, uint64_t count)
{
	while (atomic_load(counter) < count && !atomic_load(&r->stop))
		arch_pause();
}

/* A round is there; and has been received. */
static void
end_round(struct round *r, uint64_t sent)
{
	atomic_store(&r->sent, sent);
	await(r, &r->received, sent);
}

static uint32_t
port_of(struct round *r)
{
	uint32_t port;

	while ((port = atomic_load(&r->port)) == 0)
		vine_bench_nap(1);
	return port;
}

static void
send_rounds(void *memory, uint64_t arg)
{
	struct round *r = memory;
	char bytes[BYTES] = { 0 };
	uint64_t sent = 0;
	int fds[COUNT];

	(void)arg;
	for (uint32_t i = 0; i < COUNT; i++)
		fds[i] = connect_to(port_of(r));
	while (!atomic_load(&r->stop)) {
		for (uint32_t i = 0; i < COUNT; i++)
			sent += send(fds[i], bytes, BYTES, MSG_NOSIGNAL) > 0;
		end_round(r, sent);
	}
	for (uint32_t i = 0; i < COUNT; i++)
		close(fds[i]);
}

static void
connect_rounds(void *memory, uint64_t arg)
{
	struct round *r = memory;
	uint64_t made = 0;
	int fds[COUNT];

	(void)arg;
	while (!atomic_load(&r->stop)) {
		for (uint32_t i = 0; i < COUNT; i++) {
			fds[i] = connect_to(port_of(r));
			made += fds[i] >= 0;
		}
		end_round(r, made);
		for (uint32_t i = 0; i < COUNT; i++)
			close(fds[i]);
	}
}

/* --- the client ----------------------------------------------------------- */

static uint64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/*
 * One more was received: the last of a round waits for the next. Returns
 * whether there are to be more.
 */
static int
note(struct rx *x)
{
	struct round *r = x->round;
	uint64_t now;

	if (++x->count % COUNT == 0) {
		uint64_t spent = cpu_ns() - x->from;

		now = vine_bench_now();
		if (now >= x->warm && x->from)
			utils_hist_record(&x->result->hist, spent / COUNT);
		if (now >= x->end)
			atomic_store(&r->stop, 1);
		atomic_store(&r->received, x->count);
		await(r, &r->sent, x->count + COUNT);
		x->from = cpu_ns();
	}
	return !atomic_load(&r->stop);
}

static int
receive(void *arg)
{
	struct rx *x = arg;
	int fd = x->fds[x->next++];
	char bytes[BYTES];

	while (rt_io_recv(fd, bytes, BYTES, 0, RT_NEVER) > 0 && note(x))
		;
	return rt_io_close(fd);
}

static int
receive_ahead(void *arg)
{
	struct rx *x = arg;
	int fd = x->fds[x->next++];
	struct rt_feed feed;
	void *bytes;

	x->rc = rt_feed_open(&feed, &x->stock, fd);
	if (x->rc)
		return 0;
	while (rt_feed_next(&feed, &bytes, RT_NEVER) > 0) {
		rt_stock_put(&x->stock, bytes);
		if (!note(x))
			break;
	}
	rt_feed_close(&feed);
	return rt_io_close(fd);
}

static int
announce(struct rx *x)
{
	struct rt_net_address a;
	int rc = rt_net_announce("tcp:127.0.0.1:0", NULL, &x->listener);

	if (rc == 0)
		rc = rt_net_local(x->listener, &a);
	if (rc == 0)
		atomic_store(&x->round->port, (uint32_t)ntohs(
			((struct sockaddr_in *)&a.storage)->sin_port));
	return rc;
}

static int
receive_all(void *arg)
{
	struct rx *x = arg;
	struct rt_task *tasks[COUNT];

	x->rc = announce(x);
	for (uint32_t i = 0; i < COUNT && x->rc == 0; i++) {
		x->fds[i] = rt_io_accept(x->listener, NULL, NULL, RT_NEVER);
		x->rc = x->fds[i] < 0 ? x->fds[i] : 0;
	}
	if (x->rc == 0 && x->ahead)
		x->rc = rt_stock_init(&x->stock, rt_sched_wait(rt_sched_self()),
				      4096, BUFFERS);
	for (uint32_t i = 0; i < COUNT && x->rc == 0; i++)
		x->rc = rt_task_create(rt_sched_self(), x->ahead ?
				       receive_ahead : receive, x, NULL,
				       &tasks[i]);
	for (uint32_t i = 0; i < COUNT && x->rc == 0; i++)
		rt_task_join(tasks[i], NULL, RT_NEVER);
	if (x->rc == 0 && x->ahead)
		rt_stock_fini(&x->stock);
	atomic_store(&x->round->stop, 1);
	return rt_io_close(x->listener);
}

static int
take_in(void *arg)
{
	struct rx *x = arg;
	int fd;

	x->rc = announce(x);
	if (x->rc == 0 && x->ahead)
		x->rc = rt_intake_open(&x->intake,
				       rt_sched_wait(rt_sched_self()),
				       x->listener);
	if (x->rc)
		return x->rc;
	do {
		fd = x->ahead ? rt_intake_next(&x->intake, RT_NEVER) :
			rt_io_accept(x->listener, NULL, NULL, RT_NEVER);
		if (fd >= 0)
			rt_io_close(fd);
	} while (fd >= 0 && note(x));
	atomic_store(&x->round->stop, 1);
	x->rc = fd < 0 ? fd : 0;
	if (x->ahead)
		rt_intake_close(&x->intake);
	return rt_io_close(x->listener);
}

static int
run(struct vine_bench_rig *rig, const struct vine_bench *bench,
    struct vine_bench_result *result, vine_bench_serve serve, rt_task_fn fn)
{
	struct rt_sched_opts opts = {
		.engine = (enum rt_wait_engine)bench->a };
	struct rx x = { .rig = rig, .result = result, .ahead = (int)bench->b };
	struct rt_sched *sched;
	int rc = rt_sched_new(&opts, &sched);

	if (rc)
		return rc;
	x.round = vine_bench_pair_start(rig->pair, sizeof(*x.round), serve, 0);
	x.warm = vine_bench_now() + rig->timer.warm;
	x.end = x.warm + rig->timer.run;
	rc = rt_task_create(sched, fn, &x, NULL, NULL);
	if (rc == 0)
		rc = rt_sched_run(sched);
	rt_sched_free(sched);
	atomic_store(&x.round->stop, 1);
	vine_bench_by_median(result);
	vine_bench_pair_join(rig->pair);
	rc = rc ? rc : x.rc;
	if (rc)
		log_error("%s: %s", bench->name, strerror(-rc));
	return rc;
}

int
vine_bench_run_io_recv(struct vine_bench_rig *rig,
		       const struct vine_bench *bench,
		       struct vine_bench_result *result)
{
	return run(rig, bench, result, send_rounds, receive_all);
}

int
vine_bench_run_io_accept(struct vine_bench_rig *rig,
			 const struct vine_bench *bench,
			 struct vine_bench_result *result)
{
	return run(rig, bench, result, connect_rounds, take_in);
}
