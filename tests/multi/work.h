/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work: what an application does while its vined is killed under it, and how it
 * knows that nothing was lost, done wrong or done twice.
 *
 * Each task writes into data of its own how often it was carried out, and what
 * its arguments said; some may be run again, some have a callback. Processes
 * that work are children of the test and have no Check: they say what is wrong
 * and end.
 */
#ifndef WORK_H
#define WORK_H

#include <pthread.h>
#include <stdatomic.h>

#include <vine/vine.h>

#include "appliance.h"

#define SECOND INT64_C(1000000000)
#define PATIENCE (60 * SECOND)

/* A child of the test has no Check: it says what is wrong and ends. */
#define MUST(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, \
				__LINE__, #condition); \
			_exit(1); \
		} \
	} while (0)

/* What kernels do with their output. */
struct tally {
	uint64_t count;		/* how often it was carried out */
	uint64_t mark;		/* what the arguments say, turned round */
	uint8_t fill[112];
};

struct order {
	uint32_t us;		/* how long it takes */
	uint32_t mark;
};

/*
 * work_kernels makes the kernels "tally", on a thread of the pool, and "quick",
 * on the worker, and writes the lines of a config that load them, and `more`.
 */
static inline void
work_kernels(char *lines, size_t size, const char *more)
{
	const char *tree = getenv("VINE_SRC_DIR"), *cc = getenv("CC");
	char source[256], object[256], command[2048];

	appliance_path(source, sizeof(source), "tally.c");
	appliance_path(object, sizeof(object), "tally.so");
	appliance_write(source,
		"#include <errno.h>\n"
		"#include <string.h>\n"
		"#include <time.h>\n"
		"#include <vine/kernel.h>\n"
		"struct tally { uint64_t count, mark; uint8_t fill[112]; };\n"
		"static int tally(struct vine_kernel_call *call)\n"
		"{\n"
		"	struct tally *t = call->out[0].ptr;\n"
		"	const uint32_t *o = call->args;\n"
		"	struct timespec nap = { o[0] / 1000000,\n"
		"				o[0] % 1000000 * 1000L };\n"
		"	if (call->out[0].length != sizeof(*t))\n"
		"		return -EINVAL;\n"
		"	__atomic_fetch_add(&t->count, 1, __ATOMIC_SEQ_CST);\n"
		"	while (o[0] && nanosleep(&nap, &nap) && errno == EINTR)\n"
		"		;\n"
		"	t->mark = ~(uint64_t)o[1];\n"
		"	memset(t->fill, (int)o[1], sizeof(t->fill));\n"
		"	call->value = o[1];\n"
		"	return 0;\n"
		"}\n"
		"static const struct vine_kernel k[] = {\n"
		"	{ \"tally\", tally, 0, 0 }, { \"quick\", tally, 1, 0 } };\n"
		"const struct vine_kernel_table vine_kernels =\n"
		"	{ VINE_KERNEL_ABI, 2, k };\n");
	snprintf(command, sizeof(command), "%s -shared -fPIC -I'%s/include' "
		 "-o '%s' '%s'", cc ? cc : "cc", tree ? tree : ".", object,
		 source);
	ck_assert_int_eq(system(command), 0);
	snprintf(lines, size, "cpu_kernels %s\n%s", object, more);
}

static inline struct vine_task_opts
opts_of(struct vine_session *s, const char *proc)
{
	struct vine_task_opts o = { .size = sizeof(o) };

	MUST(vine_accel_find(s, CPU, "cpu0", &o.accel) == 0);
	MUST(vine_proc_find(s, CPU, proc, &o.proc) == 0);
	return o;
}

static inline enum vine_status
status_of(vine_task *task)
{
	struct vine_task_result r = { .size = sizeof(r) };

	MUST(vine_task_wait_for(task, PATIENCE) == 0);
	MUST(vine_task_result(task, &r) == 0);
	return r.status;
}

static inline uint64_t
random_of(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#define WINDOW 24
#define THREADS 3
#define PROCESSES 2

/* One task and the data that it may write. */
struct slot {
	vine_data *data;
	vine_task *task;
	struct vine_slice out;
	struct order order;
	uint32_t flags;
	_Atomic int calls;	/* of its callback */
	int with_cb;
};

struct worker {
	struct vine_session *s;
	struct vine_task_opts tally, quick;
	struct slot slots[WINDOW];
	uint64_t seed;
	uint64_t good, lost;
	const _Atomic int *stop;
};

static inline void
called(vine_task *task, void *user)
{
	struct slot *slot = user;

	(void)task;
	atomic_fetch_add(&slot->calls, 1);
}

static inline void
issue(struct worker *w, struct slot *slot)
{
	uint64_t r = random_of(&w->seed);
	struct vine_task_opts o = r & 1 ? w->tally : w->quick;

	memset(vine_data_deref(slot->data), 0, sizeof(struct tally));
	slot->order.us = r & 1 ? (uint32_t)(r >> 8) % 400 : 0;
	slot->order.mark = (uint32_t)(r >> 32);
	slot->flags = r & 6 ? 0 : VINE_TASK_IDEMPOTENT;
	slot->with_cb = (r & 24) == 0;
	slot->calls = 0;
	slot->out = vine_slice_all(slot->data);
	o.out = &slot->out;
	o.out_count = 1;
	o.args = &slot->order;
	o.args_size = sizeof(slot->order);
	o.flags = slot->flags;
	if (slot->with_cb) {
		o.cb = called;
		o.cb_user = slot;
	}
	MUST(vine_task_issue_opts(&o, &slot->task) == 0);
}

/* Its task is done: was it carried out once, or may it be that it was not? */
static inline void
check(struct worker *w, struct slot *slot)
{
	const struct tally *t = vine_data_deref(slot->data);
	struct vine_task_result r = { .size = sizeof(r) };

	MUST(vine_task_result(slot->task, &r) == 0);
	MUST(!slot->with_cb || slot->calls == 1);
	if (r.status == VINE_STATUS_APPLIANCE_LOST) {
		MUST(!(slot->flags & VINE_TASK_IDEMPOTENT));
		MUST(t->count <= 1);
		w->lost++;
	} else {
		MUST(r.status == VINE_STATUS_OK);
		MUST(r.value == slot->order.mark);
		MUST(t->mark == ~(uint64_t)slot->order.mark);
		for (size_t i = 0; i < sizeof(t->fill); i++)
			MUST(t->fill[i] == (uint8_t)slot->order.mark);
		MUST(t->count == 1 || (t->count > 1 && slot->flags));
		w->good++;
	}
	vine_task_free(slot->task);
	slot->task = NULL;
}

static inline void *
work(void *arg)
{
	struct worker *w = arg;
	vine_task *tasks[WINDOW];
	size_t i = 0;

	while (!atomic_load(w->stop)) {
		for (int n = 0; n < WINDOW; n++) {
			if (w->slots[n].task == NULL)
				issue(w, &w->slots[n]);
			tasks[n] = w->slots[n].task;
		}
		MUST(vine_task_wait_any(tasks, WINDOW, PATIENCE, &i) == 0);
		while (w->slots[i].with_cb && w->slots[i].calls == 0)
			sched_yield();
		check(w, &w->slots[i]);
	}
	for (int n = 0; n < WINDOW; n++) {
		struct slot *slot = &w->slots[n];

		if (slot->task == NULL)
			continue;
		MUST(vine_task_wait_for(slot->task, PATIENCE) == 0);
		while (slot->with_cb && slot->calls == 0)
			sched_yield();
		check(w, slot);
	}
	return NULL;
}

static inline _Atomic int *
shared_word(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

/* work_until has several threads of a process work until *stop, then ends the
 * session and the process, and adds to stop[1] how many tasks were lost. */
static inline void
work_until(struct vine_session *s, _Atomic int *stop, uint64_t seed)
{
	struct worker w[THREADS];
	pthread_t threads[THREADS];
	uint64_t good = 0, lost = 0;

	for (int i = 0; i < THREADS; i++) {
		memset(&w[i], 0, sizeof(w[i]));
		w[i].s = s;
		w[i].tally = opts_of(s, "tally");
		w[i].quick = opts_of(s, "quick");
		w[i].seed = seed * 16 + (uint64_t)i + 1;
		w[i].stop = stop;
		for (int n = 0; n < WINDOW; n++)
			MUST(vine_data_alloc_in(s, sizeof(struct tally), 64,
						&w[i].slots[n].data) == 0);
		MUST(pthread_create(&threads[i], NULL, work, &w[i]) == 0);
	}
	for (int i = 0; i < THREADS; i++) {
		MUST(pthread_join(threads[i], NULL) == 0);
		good += w[i].good;
		lost += w[i].lost;
	}
	MUST(good > 0);
	printf("# %llu tasks done, %llu in flight when vined was killed\n",
	       (unsigned long long)good, (unsigned long long)lost);
	fflush(stdout);
	atomic_fetch_add(&stop[1], (int)lost);
	vine_session_close(s);
	_exit(0);
}

#endif
