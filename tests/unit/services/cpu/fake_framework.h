/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fake framework: a test double for the appliance around a service. It records
 * what the service offers and how each request ends; requests are filled by
 * the test. It stands in for services/svc.h and for the vine_req part of
 * vine_pipe.h. One source of a program includes it.
 */
#ifndef FAKE_FRAMEWORK_H
#define FAKE_FRAMEWORK_H

#include <check.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "services/svc.h"

enum { FAKE_PROCS = 64 };

struct vine_req {
	struct vine_view in[2];
	struct vine_view out[2];
	uint32_t in_count;
	uint32_t out_count;
	const void *args;
	uint32_t args_size;
	void *ctx;
	int expired;		/* what svc_req_expired says */
	void *word;
	struct svc_rank rank;	/* zeroed: of a session like all others */
	int held;		/* calls of svc_hold */
	int executed;		/* calls of vine_req_execute */
	int completed;		/* calls of vine_req_complete */
	int order;		/* how many were completed before */
	enum vine_status status;
	int error;
	uint64_t value;
	pthread_t thread;	/* that completed it */
};

struct svc_host {
	char accel[48];
	vine_accel_type_e accel_type;
	uint32_t units;
	int accels;
	struct fake_proc {
		char name[64];
		vine_accel_type_e type;
		void *ctx;
	} procs[FAKE_PROCS];
	int proc_count;
	int refuse_proc;	/* number of the proc that is -ENOSPC; -1 */
	int (*build)(void *state, const char *name, const void *code,
		     size_t size, void **ctx);
	void (*drop)(void *state, void *ctx);
};

/* Guards held to order of all requests. */
static pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t fake_done = PTHREAD_COND_INITIALIZER;
static int fake_order;

int
svc_add_accel(struct svc_host *host, vine_accel_type_e type, const char *name,
	      uint32_t units)
{
	strcpy(host->accel, name);
	host->accel_type = type;
	host->units = units;
	host->accels++;
	return 0;
}

int
svc_add_proc(struct svc_host *host, vine_accel_type_e type, const char *name,
	     void *ctx)
{
	struct fake_proc *proc = &host->procs[host->proc_count];

	if (host->proc_count == host->refuse_proc)
		return -ENOSPC;
	ck_assert_int_lt(host->proc_count, FAKE_PROCS);
	strcpy(proc->name, name);
	proc->type = type;
	proc->ctx = ctx;
	host->proc_count++;
	return 0;
}

void
svc_allow_app_code(struct svc_host *host, vine_accel_type_e type,
		   int (*build)(void *state, const char *name,
				const void *code, size_t size, void **ctx),
		   void (*drop)(void *state, void *ctx))
{
	ck_assert_int_eq(type, CPU);
	host->build = build;
	host->drop = drop;
}

void
svc_hold(struct vine_req *req)
{
	pthread_mutex_lock(&fake_lock);
	req->held++;
	pthread_mutex_unlock(&fake_lock);
}

void **
svc_req_word(struct vine_req *req)
{
	return &req->word;
}

void
svc_req_rank(const struct vine_req *req, struct svc_rank *rank)
{
	*rank = req->rank;
}

int
svc_req_expired(const struct vine_req *req)
{
	return req->expired;
}

void *
vine_req_ctx(const struct vine_req *req)
{
	return req->ctx;
}

const struct vine_view *
vine_req_in(const struct vine_req *req, uint32_t *count)
{
	*count = req->in_count;
	return req->in;
}

const struct vine_view *
vine_req_out(const struct vine_req *req, uint32_t *count)
{
	*count = req->out_count;
	return req->out;
}

const void *
vine_req_args(const struct vine_req *req, uint32_t *size)
{
	*size = req->args_size;
	return req->args;
}

void
vine_req_execute(struct vine_req *req)
{
	pthread_mutex_lock(&fake_lock);
	req->executed++;
	pthread_mutex_unlock(&fake_lock);
}

void
vine_req_complete(struct vine_req *req, enum vine_status status, int error,
		  uint64_t value)
{
	pthread_mutex_lock(&fake_lock);
	req->completed++;
	req->order = fake_order++;
	req->status = status;
	req->error = error;
	req->value = value;
	req->thread = pthread_self();
	pthread_cond_broadcast(&fake_done);
	pthread_mutex_unlock(&fake_lock);
}

/* fake_wait waits until a request is completed, once. */
static inline void
fake_wait(struct vine_req *req)
{
	pthread_mutex_lock(&fake_lock);
	while (!req->completed)
		pthread_cond_wait(&fake_done, &fake_lock);
	ck_assert_int_eq(req->completed, 1);
	pthread_mutex_unlock(&fake_lock);
}

#endif
