/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pool: the CPU accelerator's threads and the queue of requests before them,
 * first in, first out. A request in the queue can be taken out again.
 */
#ifndef SVC_CPU_POOL_H
#define SVC_CPU_POOL_H

#include <stdint.h>

struct svc_cpu_pool;
struct vine_req;

enum {
	SVC_CPU_POOL_CELLS = 65536, /* requests that may wait */
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
 * held for a few instructions, or, when the queue is full of gaps, for its
 * compaction. Any thread. Returns 0, or -EBUSY: the queue is full and the
 * request still the caller's.
 */
int svc_cpu_pool_push(struct svc_cpu_pool *pool, struct vine_req *req);

/*
 * svc_cpu_pool_remove takes a request out of the queue, whatever its place. It
 * must have been pushed and its memory must still be a request. Returns 1: it
 * is the caller's again; or 0: a thread has it. Never blocks beyond the lock.
 * Any thread.
 */
int svc_cpu_pool_remove(struct svc_cpu_pool *pool, struct vine_req *req);

/*
 * svc_cpu_pool_stop ends the threads after the requests that are queued, and
 * frees the pool. Blocks until then. Nobody else may use the pool.
 */
void svc_cpu_pool_stop(struct svc_cpu_pool *pool);

#endif
