/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pool: two schedulers, one inside the other. The outer one chooses a tenant (a
 * segment), whose own one chooses level and session. What is filed there are
 * cells, one a waiting request; a request's word is the number of its cell plus
 * 1, or NULL once a thread or the caller has it, so it is found in one step.
 *
 * A request is charged when a thread takes it, and all alike: a session of the
 * default weight has one a turn. How long it runs is not charged, because it
 * holds up a thread and not the choice. Tenants and sessions are kept until the
 * pool ends; they are as many as there are segments and session slots.
 *
 * One lock, `lock`, guards all members but run and threads, and the words of
 * queued requests. Nothing is called with it held but svc_req_word.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch_thread.h"
#include "core/vine_sched.h"
#include "services/cpu/svc_cpu_pool.h"
#include "services/svc.h"
#include "utils/utils_log.h"

/* A request that waits, or, where req is NULL, a free place for one. */
struct svc_cpu_cell {
	struct vine_sched_item item;
	struct vine_req *req;
	struct svc_cpu_tenant *tenant;
	struct svc_cpu_cell *next;	/* free ones */
};

struct svc_cpu_tenant {
	const void *id;
	struct vine_sched_session share; /* beside the other tenants */
	struct vine_sched_item item;	/* filed while it has requests */
	struct vine_sched sched;
	struct vine_sched_session *sessions[VINE_SESSIONS_MAX];
};

struct svc_cpu_pool {
	pthread_mutex_t lock;
	pthread_cond_t work;	/* a request was pushed, or stopping */
	struct svc_cpu_cell *cells; /* SVC_CPU_POOL_CELLS of them */
	struct svc_cpu_cell *free;
	struct vine_sched sched;	/* tenants, all of one level */
	struct svc_cpu_tenant *tenants[SVC_CPU_POOL_TENANTS];
	uint32_t tenant_count;
	int stopping;
	void (*run)(struct vine_req *req);
	uint32_t threads;	/* started */
	pthread_t thread[];
};

/* The tenant of that id, made if it is new; NULL: no memory. Under the lock. */
static struct svc_cpu_tenant *
svc_cpu_pool_tenant(struct svc_cpu_pool *pool, const struct svc_rank *rank)
{
	struct svc_cpu_tenant *tenant;
	uint32_t i;

	for (i = 0; i < pool->tenant_count; i++)
		if (pool->tenants[i]->id == rank->tenant)
			return pool->tenants[i];
	if (i == SVC_CPU_POOL_TENANTS)
		return NULL;
	tenant = calloc(1, sizeof(*tenant));
	if (!tenant)
		return NULL;
	tenant->id = rank->tenant;
	vine_sched_session_init(&tenant->share, rank->tenant_weight);
	vine_sched_init(&tenant->sched);
	pool->tenants[pool->tenant_count++] = tenant;
	return tenant;
}

/*
 * The session of a slot. A slot is used again and again: while nothing of it
 * waits, the weight of whoever has it now can be put in. Under the lock.
 */
static struct vine_sched_session *
svc_cpu_pool_session(struct svc_cpu_tenant *tenant,
		     const struct svc_rank *rank)
{
	struct vine_sched_session **session = &tenant->sessions[rank->session];

	if (!*session) {
		*session = calloc(1, sizeof(**session));
		if (!*session)
			return NULL;
	}
	if (!(*session)->entered)
		vine_sched_session_init(*session, rank->session_weight);
	return *session;
}

/* Files a request. Returns 0 or -EBUSY. Under the lock. */
static int
svc_cpu_pool_file(struct svc_cpu_pool *pool, struct vine_req *req,
		  const struct svc_rank *rank)
{
	struct svc_cpu_cell *cell = pool->free;
	struct svc_cpu_tenant *tenant = svc_cpu_pool_tenant(pool, rank);
	struct vine_sched_session *session = tenant ?
		svc_cpu_pool_session(tenant, rank) : NULL;

	if (!cell || !session)
		return -EBUSY;
	pool->free = cell->next;
	cell->req = req;
	cell->tenant = tenant;
	*svc_req_word(req) = (void *)(uintptr_t)(cell - pool->cells + 1);
	vine_sched_enter(&tenant->sched, session);
	vine_sched_add(&tenant->sched, session, &cell->item, rank->level);
	if (!tenant->item.session)
		vine_sched_add(&pool->sched, &tenant->share, &tenant->item,
			       VINE_LEVEL_NORMAL);
	return 0;
}

/* Takes a filed request out of its cell. Under the lock. */
static struct vine_req *
svc_cpu_pool_empty(struct svc_cpu_pool *pool, struct svc_cpu_cell *cell)
{
	struct svc_cpu_tenant *tenant = cell->tenant;
	struct vine_req *req = cell->req;

	vine_sched_leave(&tenant->sched, cell->item.session);
	vine_sched_remove(&tenant->sched, &cell->item);
	if (!vine_sched_next(&tenant->sched))
		vine_sched_remove(&pool->sched, &tenant->item);
	*svc_req_word(req) = NULL;
	cell->req = NULL;
	cell->next = pool->free;
	pool->free = cell;
	return req;
}

/* Takes the request whose turn it is, or NULL. Under the lock. */
static struct vine_req *
svc_cpu_pool_pop(struct svc_cpu_pool *pool)
{
	struct vine_sched_item *item = vine_sched_next(&pool->sched);
	struct svc_cpu_tenant *tenant;

	if (!item)
		return NULL;
	tenant = utils_list_of(item, struct svc_cpu_tenant, item);
	vine_sched_charge(&pool->sched, item, 1, VINE_WEIGHT_DEFAULT);
	item = vine_sched_next(&tenant->sched);
	vine_sched_charge(&tenant->sched, item, 1, VINE_WEIGHT_DEFAULT);
	return svc_cpu_pool_empty(pool, utils_list_of(item, struct svc_cpu_cell,
						      item));
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

	err = arch_thread_start(thread, svc_cpu_pool_main, pool);
	if (err)
		return err;
	snprintf(name, sizeof(name), "vine-cpu-%u", pool->threads);
	pthread_setname_np(*thread, name);
	pool->threads++;
	return 0;
}

static int
svc_cpu_pool_spawn(struct svc_cpu_pool *pool, uint32_t threads)
{
	int err = 0;

	while (!err && pool->threads < threads)
		err = svc_cpu_pool_thread(pool);
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
	for (uint32_t i = SVC_CPU_POOL_CELLS; i-- > 0;) {
		p->cells[i].next = p->free;
		p->free = &p->cells[i];
	}
	vine_sched_init(&p->sched);
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
	struct svc_rank rank;
	int err;

	svc_req_rank(req, &rank);
	pthread_mutex_lock(&pool->lock);
	err = svc_cpu_pool_file(pool, req, &rank);
	pthread_mutex_unlock(&pool->lock);
	if (err)
		return err;
	pthread_cond_signal(&pool->work);
	return 0;
}

int
svc_cpu_pool_remove(struct svc_cpu_pool *pool, struct vine_req *req)
{
	uintptr_t cell;

	pthread_mutex_lock(&pool->lock);
	cell = (uintptr_t)*svc_req_word(req);
	if (cell)
		svc_cpu_pool_empty(pool, &pool->cells[cell - 1]);
	pthread_mutex_unlock(&pool->lock);
	return cell != 0;
}

static void
svc_cpu_tenant_free(struct svc_cpu_tenant *tenant)
{
	uint32_t i;

	for (i = 0; i < VINE_SESSIONS_MAX; i++)
		free(tenant->sessions[i]);
	free(tenant);
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
	for (i = 0; i < pool->tenant_count; i++)
		svc_cpu_tenant_free(pool->tenants[i]);
	free(pool->cells);
	free(pool);
}
