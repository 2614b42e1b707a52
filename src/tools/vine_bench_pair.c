/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pair: one control word says whose turn it is. IDLE: the server sleeps on it.
 * GO: it takes its orders. BUSY: it serves. The client writes IDLE to GO, the
 * server GO to BUSY and BUSY to IDLE.
 */
#include "tools/vine_bench_pair.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/vine_bench_guard.h"
#include "utils/utils_log.h"

enum turn { IDLE, GO, BUSY };

struct control {
	_Atomic uint32_t turn;
	vine_bench_serve serve;
	uint64_t arg;
};

struct vine_bench_pair {
	pid_t pid;
	struct control *control;	/* a page of its own */
	char *memory;
};

void
vine_bench_futex_wait(_Atomic uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

void
vine_bench_futex_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

int
vine_bench_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0) {
		log_error("cpu %d: cannot run on it: %s", cpu, strerror(errno));
		return -EINVAL;
	}
	return 0;
}

static void
turn_set(struct control *c, uint32_t turn)
{
	atomic_store_explicit(&c->turn, turn, memory_order_release);
	vine_bench_futex_wake(&c->turn);
}

static void
turn_await(struct control *c, uint32_t turn)
{
	uint32_t now;

	while ((now = atomic_load_explicit(&c->turn, memory_order_acquire)) !=
	       turn)
		vine_bench_futex_wait(&c->turn, now);
}

static void
server(struct vine_bench_pair *pair)
{
	struct control *c = pair->control;

	for (;;) {
		turn_await(c, GO);
		turn_set(c, BUSY);
		c->serve(pair->memory, c->arg);
		turn_set(c, IDLE);
	}
}

int
vine_bench_pair_open(const int cpu[2], struct vine_bench_pair **pair)
{
	const size_t bytes = VINE_BENCH_PAIR_BYTES + 4096;
	struct vine_bench_pair *p = calloc(1, sizeof(*p));
	pid_t parent = getpid();
	int rc = -ENOMEM;

	if (!p)
		return rc;
	p->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->memory == MAP_FAILED) {
		log_error("pair: cannot map %zu bytes: %s", bytes,
			  strerror(errno));
		goto free_pair;
	}
	p->control = (void *)(p->memory + VINE_BENCH_PAIR_BYTES);
	rc = vine_bench_pin(cpu[0]);
	if (rc)
		goto unmap;
	p->pid = fork();
	if (p->pid < 0) {
		rc = -errno;
		log_error("pair: cannot fork: %s", strerror(errno));
		goto unmap;
	}
	if (!p->pid) {
		vine_bench_guard_child(parent);
		if (vine_bench_pin(cpu[1]))
			_exit(1);
		server(p);
	}
	rc = vine_bench_guard_proc(p->pid, "server", NULL, 1);
	if (rc)
		goto unmap;
	*pair = p;
	return 0;
unmap:
	munmap(p->memory, bytes);
free_pair:
	free(p);
	return rc;
}

void
vine_bench_pair_close(struct vine_bench_pair *pair)
{
	if (!pair)
		return;
	vine_bench_guard_stop(pair->pid, 1000);
	munmap(pair->memory, VINE_BENCH_PAIR_BYTES + 4096);
	free(pair);
}

void *
vine_bench_pair_start(struct vine_bench_pair *pair, size_t clear,
		      vine_bench_serve serve, uint64_t arg)
{
	struct control *c = pair->control;

	memset(pair->memory, 0, clear);
	c->serve = serve;
	c->arg = arg;
	turn_set(c, GO);
	/* A short serve may have ended already: IDLE is as good as BUSY. */
	while (atomic_load_explicit(&c->turn, memory_order_acquire) == GO)
		vine_bench_futex_wait(&c->turn, GO);
	return pair->memory;
}

void
vine_bench_pair_join(struct vine_bench_pair *pair)
{
	turn_await(pair->control, IDLE);
}
