/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pool: the CPU accelerator's threads and the requests that wait for one. Of
 * those, segments and sessions have shares by their weights; within a segment
 * a higher priority goes first; the requests of a session run in the order of
 * their coming. One that waits can be taken out again.
 */
#ifndef SVC_CPU_POOL_H
#define SVC_CPU_POOL_H

#include <stdint.h>

struct svc_cpu_pool;
struct vine_req;

enum {
	SVC_CPU_POOL_CELLS = 65536, /* requests that may wait */
	SVC_CPU_POOL_TENANTS = 32, /* segments of a vined */
	SVC_CPU_POOL_THREADS = 256, /* at most; OpenBLAS as Debian builds it
				     * ends the process somewhere above */
};

/*
 * svc_cpu_pool_start starts the threads, 1 to SVC_CPU_POOL_THREADS, which call
 * run with one request at a time; run completes it. The caller owns *pool and
 * ends it with svc_cpu_pool_stop. Returns 0, or -EINVAL, -ENOMEM, or the
 * -errno of pthread_create, logged.
 */
int svc_cpu_pool_start(uint32_t threads, void (*run)(struct vine_req *req),
		       struct svc_cpu_pool **pool);

/*
 * svc_cpu_pool_push queues a request that is held (svc_hold); from here on it
 * is the pool's, which uses its svc_req_word. Waits only for a lock that is
 * held for a few instructions; the first request of a session slot allocates.
 * Worker thread, inside submit. Returns 0, or -EBUSY: too many wait, or there
 * is no memory, and the request is still the caller's.
 */
int svc_cpu_pool_push(struct svc_cpu_pool *pool, struct vine_req *req);

/*
 * svc_cpu_pool_remove takes a request that waits out, whatever its place. It
 * must have been pushed and its memory must still be a request. Returns 1: it
 * is the caller's again; or 0: a thread has it. Never blocks beyond the lock.
 * Any thread.
 */
int svc_cpu_pool_remove(struct svc_cpu_pool *pool, struct vine_req *req);

/*
 * svc_cpu_pool_stop ends the threads after the requests that wait, and
 * frees the pool. Blocks until then. Nobody else may use the pool.
 */
void svc_cpu_pool_stop(struct svc_cpu_pool *pool);

#endif
