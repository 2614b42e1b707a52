/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RPC: the load that the ancestor of the runtime was measured with. 10 tasks
 * write 8 KiB and read 8 KiB by turns, over TCP on the loopback, from the one
 * process to the other; a request is a write or a read. A histogram has the
 * time of each, from its call until its answer.
 *
 * Bare: the same bytes, one request at a time, by a thread on each side that
 * blocks in send and recv.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "rt/rt_io.h"
#include "rt/rt_net.h"
#include "rt/rt_rpc.h"
#include "rt/rt_sched.h"
#include "tools/vine_bench_pause.h"
#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define TASKS 10
#define BYTES 8192
#define HEAD 64
#define ANCESTOR 56.8	/* thousand requests a second, three faults mended */
#define NOWHERE UINT32_MAX	/* the server could not listen */

enum { WRITE = 1, READ };

struct meeting {
	_Atomic uint32_t port;
};

static void
meet_at(struct meeting *m, int listener)
{
	struct rt_net_address a;
	uint32_t port = NOWHERE;

	if (listener >= 0 && rt_net_local(listener, &a) == 0)
		port = ntohs(((struct sockaddr_in *)&a.storage)->sin_port);
	atomic_store(&m->port, port);
}

static uint32_t
port_of(struct meeting *m)
{
	uint32_t port;

	while ((port = atomic_load(&m->port)) == 0)
		vine_bench_nap(1);
	return port;
}

/* --- bare ----------------------------------------------------------------- */

static int
send_two(int fd, void *head, void *data, size_t length)
{
	struct iovec v[2] = { { head, HEAD }, { data, length } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };

	return sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)(HEAD + length) ? 0 :
		-EIO;
}

static int
receive(int fd, void *to, size_t length)
{
	return recv(fd, to, length, MSG_WAITALL) == (ssize_t)length ? 0 : -EIO;
}

static void
serve_bare(void *memory, uint64_t arg)
{
	static char head[HEAD], data[BYTES];
	struct pollfd ready = { .events = POLLIN };
	int fd = -1, rc;

	(void)arg;
	rc = rt_net_announce("tcp:127.0.0.1:0", NULL, &ready.fd);
	meet_at(memory, rc ? -1 : ready.fd);
	if (rc == 0 && poll(&ready, 1, -1) == 1)
		fd = accept(ready.fd, NULL, NULL);	/* this one blocks */
	while (fd >= 0 && rc == 0 && receive(fd, head, HEAD) == 0) {
		if (head[0] == WRITE)
			rc = receive(fd, data, BYTES);
		if (rc == 0)
			rc = send_two(fd, head, data,
				      head[0] == READ ? BYTES : 0);
	}
	close(fd);
	close(ready.fd);
}

struct bare {
	int fd;
	int kind;		/* of the last request */
};

static int
bare_op(void *arg)
{
	static char head[HEAD], data[BYTES];
	struct bare *b = arg;
	int rc;

	b->kind = b->kind == WRITE ? READ : WRITE;
	head[0] = (char)b->kind;
	rc = send_two(b->fd, head, data, b->kind == WRITE ? BYTES : 0);
	if (rc == 0)
		rc = receive(b->fd, head, HEAD);
	if (rc == 0 && b->kind == READ)
		rc = receive(b->fd, data, BYTES);
	return rc;
}

int
vine_bench_run_rpc_bare(struct vine_bench_rig *rig,
			const struct vine_bench *bench,
			struct vine_bench_result *result)
{
	struct meeting *m = vine_bench_pair_start(rig->pair, sizeof(*m),
						  serve_bare, 0);
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct bare b = { .kind = READ };
	int on = 1, rc = 0;

	b.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	a.sin_port = htons((uint16_t)port_of(m));
	setsockopt(b.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(b.fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		rc = -errno;
	else
		rc = vine_bench_timer_each(&rig->timer, bare_op, &b, result);
	close(b.fd);
	vine_bench_pair_join(rig->pair);
	if (rc)
		log_error("%s: %s", bench->name, strerror(-rc));
	else
		result->value = result->mean =
			1e6 / utils_hist_mean(&result->hist);
	return rc;
}

/* --- rpc ------------------------------------------------------------------ */

/* Run one task to its end, on a scheduler of its own. */
static int
run_task(uint64_t engine, rt_task_fn fn, void *arg)
{
	struct rt_sched_opts opts = { .engine = (enum rt_wait_engine)engine };
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

static char disk[TASKS * BYTES];

static int
on_write(struct rt_rpc_request *r, void *user)
{
	(void)user;
	if (r->data_length != BYTES || r->id >= TASKS)
		return -EINVAL;
	memcpy(disk + r->id * BYTES, r->data, BYTES);
	return 0;
}

static int
on_read(struct rt_rpc_request *r, void *user)
{
	(void)user;
	if (r->room != BYTES || r->id >= TASKS)
		return -EINVAL;
	memcpy(r->answer, disk + r->id * BYTES, BYTES);
	r->answer_length = BYTES;
	return 0;
}

static const struct rt_rpc_type types[] = {
	{ WRITE, 0, on_write }, { READ, 0, on_read },
};

/* One connection, a task for each request. */
static int
serve(void *arg)
{
	const struct rt_rpc_opts opts = { .types = types, .type_count = 2 };
	struct rt_rpc *rpc;
	int listener, fd;

	if (rt_net_announce("tcp:127.0.0.1:0", NULL, &listener) != 0) {
		meet_at(arg, -1);
		return 0;
	}
	meet_at(arg, listener);
	fd = rt_io_accept(listener, NULL, NULL, RT_NEVER);
	if (fd >= 0 && rt_rpc_new(fd, &opts, &rpc) == 0) {
		rt_rpc_join(rpc, RT_NEVER);
		rt_rpc_drop(rpc);
	}
	return rt_io_close(listener);
}

static void
serve_rpc(void *memory, uint64_t engine)
{
	if (run_task(engine, serve, memory) != 0)
		meet_at(memory, -1);
}

struct client {
	struct meeting *meeting;
	const struct vine_bench_timer *timer;
	struct vine_bench_result *result;
	struct rt_rpc *rpc;
	uint32_t flags;
	uint64_t next;		/* task's number */
	uint64_t from, until;	/* ticks between which requests count */
	uint64_t count;
	int rc;
};

static int
one(struct client *c, struct rt_rpc_call *call)
{
	uint64_t begin = utils_clock_ticks(), now;
	int rc = rt_rpc_call(c->rpc, call, RT_NEVER);

	now = utils_clock_ticks();
	if (rc == 0)
		rc = call->status;
	if (rc == 0 && now >= c->from && now < c->until) {
		c->count++;
		utils_hist_record(&c->result->hist,
				  vine_bench_timer_span(c->timer, now - begin));
	}
	if (rc)
		c->rc = rc;
	return rc == 0 && now < c->until;
}

/* What was written is read; one in 64 is looked at. */
static int
write_and_read(void *arg)
{
	char data[BYTES], back[BYTES];
	struct client *c = arg;
	uint64_t id = c->next++, round = 0;
	int go_on = 1;

	while (go_on) {
		struct rt_rpc_call w = {
			.type = WRITE, .id = id, .data = data,
			.data_length = BYTES,
		}, r = {
			.type = READ, .id = id, .answer = back, .room = BYTES,
		};

		if (round % 64 == 0)
			memset(data, (int)(id + round / 64), BYTES);
		go_on = one(c, &w) && one(c, &r);
		if (go_on && round % 64 == 0 && memcmp(data, back, BYTES) != 0)
			c->rc = -EBADMSG;
		round++;
	}
	return 0;
}

static int
ask_all(struct client *c)
{
	struct rt_task *tasks[TASKS];
	uint32_t n;
	int rc = 0;

	c->from = vine_bench_now() + c->timer->warm;
	c->until = c->from + c->timer->run;
	for (n = 0; n < TASKS && rc == 0; n += rc == 0)
		rc = rt_task_create(rt_sched_self(), write_and_read, c, NULL,
				    &tasks[n]);
	while (n--)
		rt_task_join(tasks[n], NULL, RT_NEVER);
	return rc ? rc : c->rc;
}

static int
ask(void *arg)
{
	struct client *c = arg;
	const struct rt_rpc_opts opts = { .flags = c->flags };
	char text[RT_NET_TEXT];
	int fd;

	snprintf(text, sizeof(text), "tcp:127.0.0.1:%u", port_of(c->meeting));
	c->rc = rt_net_dial(text, RT_NEVER, &fd);
	if (c->rc)
		return 0;
	c->rc = rt_rpc_new(fd, &opts, &c->rpc);
	if (c->rc)
		return rt_io_close(fd);
	c->rc = ask_all(c);
	rt_rpc_free(c->rpc);
	return 0;
}

int
vine_bench_run_rpc(struct vine_bench_rig *rig, const struct vine_bench *bench,
		   struct vine_bench_result *result)
{
	struct client c = {
		.timer = &rig->timer, .result = result,
		.flags = (uint32_t)bench->b,
	};
	int rc;

	c.meeting = vine_bench_pair_start(rig->pair, sizeof(*c.meeting),
					  serve_rpc, bench->a);
	rc = run_task(bench->a, ask, &c);
	rc = rc ? rc : c.rc;
	vine_bench_pair_join(rig->pair);
	result->has_hist = 1;
	result->value = result->mean = (double)c.count * 1e6 /
		((double)rig->timer.run * rig->timer.ns_per_tick);
	result->limit_value = ANCESTOR;
	if (rc)
		log_error("%s: %s", bench->name, strerror(-rc));
	return rc;
}
