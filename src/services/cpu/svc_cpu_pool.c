/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pool: a ring of pointers under one lock. A queued request's word is the
 * number of its cell plus 1, or NULL once a thread or the caller has it, so
 * that taking one out is a store: its cell becomes a gap, which a thread steps
 * over. A list through the word would have to be walked, by a worker that has
 * other guests to serve.
 *
 * One lock, `lock`, guards all members but run and threads, and the words of
 * queued requests. Nothing is called with it held but svc_req_word.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cpu/svc_cpu_pool.h"
#include "services/svc.h"
#include "utils/utils_log.h"

struct svc_cpu_pool {
	pthread_mutex_t lock;
	pthread_cond_t work;	/* a request was pushed, or stopping */
	struct vine_req **cells; /* SVC_CPU_POOL_CELLS of them; NULL: gap */
	size_t head;		/* free-running: next to run */
	size_t tail;		/* free-running: next to fill */
	size_t gaps;		/* between head and tail */
	int stopping;
	void (*run)(struct vine_req *req);
	uint32_t threads;	/* started */
	pthread_t thread[];
};

static struct vine_req **
svc_cpu_pool_cell(struct svc_cpu_pool *pool, size_t place)
{
	return &pool->cells[place % SVC_CPU_POOL_CELLS];
}

/* Stores a request at the tail; there is room. Under the lock. */
static void
svc_cpu_pool_append(struct svc_cpu_pool *pool, struct vine_req *req)
{
	size_t cell = pool->tail % SVC_CPU_POOL_CELLS;

	pool->cells[cell] = req;
	*svc_req_word(req) = (void *)(uintptr_t)(cell + 1);
	pool->tail++;
}

/*
 * Closes the gaps of a full queue. Only where they are an eighth of it: an
 * application that adds and cancels would otherwise buy 65,536 steps with each
 * task. Returns whether there is room now. Under the lock.
 */
static int
svc_cpu_pool_compact(struct svc_cpu_pool *pool)
{
	size_t end = pool->tail;
	struct vine_req *req;
	size_t place;

	if (pool->gaps < SVC_CPU_POOL_CELLS / 8)
		return 0;
	pool->tail = pool->head;
	pool->gaps = 0;
	for (place = pool->head; place != end; place++) {
		req = *svc_cpu_pool_cell(pool, place);
		if (req)
			svc_cpu_pool_append(pool, req);
	}
	return 1;
}

/* Takes the oldest request, or NULL. Under the lock. */
static struct vine_req *
svc_cpu_pool_pop(struct svc_cpu_pool *pool)
{
	struct vine_req *req;

	while (pool->head != pool->tail) {
		req = *svc_cpu_pool_cell(pool, pool->head++);
		if (req) {
			*svc_req_word(req) = NULL;
			return req;
		}
		pool->gaps--;
	}
	return NULL;
}

static void *
svc_cpu_pool_main(void *arg)
{
	struct svc_cpu_pool *pool = arg;
	struct vine_req *req;

	for (;;) {
		pthread_mutex_lock(&pool->lock);
		while (!(req = svc_cpu_pool_pop(pool)) && !pool->stopping)
			pthread_cond_wait(&pool->work, &pool->lock);
		pthread_mutex_unlock(&pool->lock);
		if (!req)
			return NULL;
		pool->run(req);
	}
}

static int
svc_cpu_pool_thread(struct svc_cpu_pool *pool)
{
	pthread_t *thread = &pool->thread[pool->threads];
	char name[16];
	int err;

	err = pthread_create(thread, NULL, svc_cpu_pool_main, pool);
	if (err)
		return -err;
	snprintf(name, sizeof(name), "vine-cpu-%u", pool->threads);
	pthread_setname_np(*thread, name);
	pool->threads++;
	return 0;
}

/* Signals are the daemon's main thread's: ours are born with all blocked. */
static int
svc_cpu_pool_spawn(struct svc_cpu_pool *pool, uint32_t threads)
{
	sigset_t all, old;
	int err = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (!err && pool->threads < threads)
		err = svc_cpu_pool_thread(pool);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		log_error("cpu: thread %u of %u: %s", pool->threads + 1,
			  threads, strerror(-err));
	return err;
}

int
svc_cpu_pool_start(uint32_t threads, void (*run)(struct vine_req *req),
		   struct svc_cpu_pool **pool)
{
	struct svc_cpu_pool *p;
	int err;

	if (!threads || threads > SVC_CPU_POOL_THREADS)
		return -EINVAL;
	p = calloc(1, sizeof(*p) + threads * sizeof(p->thread[0]));
	if (!p)
		return -ENOMEM;
	p->cells = calloc(SVC_CPU_POOL_CELLS, sizeof(*p->cells));
	if (!p->cells) {
		free(p);
		return -ENOMEM;
	}
	p->run = run;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	err = svc_cpu_pool_spawn(p, threads);
	if (err) {
		svc_cpu_pool_stop(p);
		return err;
	}
	*pool = p;
	return 0;
}

int
svc_cpu_pool_push(struct svc_cpu_pool *pool, struct vine_req *req)
{
	int room;

	pthread_mutex_lock(&pool->lock);
	room = pool->tail - pool->head < SVC_CPU_POOL_CELLS ||
	       svc_cpu_pool_compact(pool);
	if (room)
		svc_cpu_pool_append(pool, req);
	pthread_mutex_unlock(&pool->lock);
	if (!room)
		return -EBUSY;
	pthread_cond_signal(&pool->work);
	return 0;
}

int
svc_cpu_pool_remove(struct svc_cpu_pool *pool, struct vine_req *req)
{
	uintptr_t cell;

	pthread_mutex_lock(&pool->lock);
	cell = (uintptr_t)*svc_req_word(req);
	if (cell) {
		pool->cells[cell - 1] = NULL;
		pool->gaps++;
		*svc_req_word(req) = NULL;
	}
	pthread_mutex_unlock(&pool->lock);
	return cell != 0;
}

void
svc_cpu_pool_stop(struct svc_cpu_pool *pool)
{
	uint32_t i;

	pthread_mutex_lock(&pool->lock);
	pool->stopping = 1;
	pthread_mutex_unlock(&pool->lock);
	pthread_cond_broadcast(&pool->work);
	for (i = 0; i < pool->threads; i++)
		pthread_join(pool->thread[i], NULL);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool->cells);
	free(pool);
}
