/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each control task is a function of its four operands that returns a value or
 * a negative errno. Texts are copied out of the mailbox page before anything
 * else; what a session may have is checked here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_ctl.h"
#include "core/vine_door.h"
#include "core/vine_pipe.h"
#include "core/vine_pq.h"

/* Code of an application on its way into private memory. */
struct vine_ctl_job {
	uint32_t cookie;	/* of its control task */
	uint32_t handle;	/* of the procedure it is compared with; 0 */
	vine_accel_type_e type;
	vine_off_t off;		/* inside an extent of the session */
	size_t size;
	size_t done;		/* bytes copied, or compared */
	uint8_t *code;		/* the copy; counted by the registry */
	char name[VINE_CTL_NAME];
};

struct ctl {
	struct vine_pipe_s *pipe;
	struct vine_lane *lane;
	struct vine_pq *pq;
	uint32_t cookie;
	struct vine_rec *rec;
	uint64_t a;
	uint64_t b;
	uint64_t c;
	char name[VINE_CTL_NAME];
};

static int64_t
run_queue_open(struct ctl *c)
{
	/* but for the control queue */
	if (!vine_quota_allows(c->lane, c->rec, VINE_QUOTA_QUEUES,
			       c->rec->queues - 1, 1))
		return -EDQUOT;
	return vine_pq_open(c->pipe, c->rec, 0);
}

static int64_t
run_grant(struct ctl *c)
{
	const struct vine_extents_use *use =
		&c->pipe->extents.use[c->rec->slot];
	uint64_t quota = vine_quota_of(&c->pipe->quotas, VINE_QUOTA_MEMORY);
	vine_off_t off = 0;
	int rc;

	if (c->a > c->pipe->extents.heap_size)
		return -ENOMEM;
	c->a = (c->a + VINE_PAGE - 1) & ~(uint64_t)(VINE_PAGE - 1);
	vine_pipe_sweep(c->pipe, VINE_SWEEP);
	/* what it gave back and a task still uses is its own until then */
	if (c->a <= quota && use->held > quota - c->a &&
	    use->held - use->resting <= quota - c->a)
		return -EAGAIN;
	if (!vine_quota_allows(c->lane, c->rec, VINE_QUOTA_MEMORY, use->held,
			       c->a))
		return -EDQUOT;
	rc = vine_extents_grant(&c->pipe->extents, c->rec->serial,
				c->rec->slot, 0, c->a, &off);
	if (rc == -ENOMEM)
		c->pipe->scarce = 1;
	if (rc == -ENOMEM && c->pipe->extents.resting)
		return -EAGAIN;	/* there may be enough in a moment */
	c->lane->work += (uint32_t)(c->a / VINE_PAGE / VINE_CTL_UNIT_PAGES);
	return rc ? rc : (int64_t)off;
}

static int64_t
run_give_back(struct ctl *c)
{
	int64_t bytes = vine_extents_return(&c->pipe->extents, c->rec->serial,
					    c->a, vine_pipe_rest(c->pipe));

	if (bytes < 0)
		return bytes;
	vine_pipe_sweep(c->pipe, VINE_SWEEP);
	return 0;
}

static int64_t
run_accel_open(struct ctl *c)
{
	uint32_t handle;
	int rc;

	if (!vine_quota_allows(c->lane, c->rec, VINE_QUOTA_VACCELS,
			       c->rec->vaccels, 1))
		return -EDQUOT;
	rc = vine_registry_open(&c->pipe->registry, (uint32_t)c->a,
				c->rec->serial, c->rec->slot,
				(int)(int64_t)c->b, &handle);
	if (rc)
		return rc;
	c->rec->vaccels++;
	return handle;
}

static int64_t
run_accel_close(struct ctl *c)
{
	int rc = vine_registry_close(&c->pipe->registry, (uint32_t)c->a,
				     c->rec->serial);

	if (rc == 0)
		c->rec->vaccels--;
	return rc;
}

/* A session counts once on each procedure, however many uses it has. */
static int64_t
refer(struct ctl *c, struct vine_proc_s *proc)
{
	uint32_t i = proc->handle & 0xffff;
	uint8_t bit = (uint8_t)(1u << (i & 7));

	if (!(c->rec->proc_refs[i / 8] & bit)) {
		c->rec->proc_refs[i / 8] |= bit;
		c->rec->procs += proc->code != NULL;
		c->rec->code += proc->code_size;
		vine_registry_use(&c->pipe->registry, proc);
	}
	return proc->handle;
}

/* The directory is as long as others have made it: going through it counts. */
static struct vine_proc_s *
find_proc(struct ctl *c, vine_accel_type_e type, const char *name)
{
	uint32_t compared;
	struct vine_proc_s *proc =
		vine_registry_find_proc(&c->pipe->registry, type, name,
					&compared);

	c->lane->work += compared / VINE_CTL_UNIT_PROCS;
	return proc;
}

static int64_t
run_proc_get(struct ctl *c)
{
	struct vine_proc_s *proc;

	if (c->a >= VINE_ACCEL_TYPES || c->name[0] == '\0')
		return -EINVAL;
	proc = find_proc(c, (vine_accel_type_e)c->a, c->name);
	return proc ? refer(c, proc) : -ENOENT;
}

/* All of the code is here: have it built, and known. */
static int
proc_new(struct ctl *c, struct vine_ctl_job *job, struct vine_proc_s **out)
{
	const struct vine_owner *builder =
		vine_registry_builder(&c->pipe->registry, job->type);
	void *ctx = NULL;
	int rc = 0;

	if (builder)
		rc = builder->build(builder->state, job->name, job->code,
				    job->size, &ctx);
	if (rc)
		return rc;
	rc = vine_registry_adopt_proc(&c->pipe->registry, job->type, job->name,
				      job->code, job->size, builder, ctx, out);
	if (rc == 0)
		job->code = NULL;
	else if (builder && builder->drop)
		builder->drop(builder->state, ctx);
	return rc == -ENOSPC ? -EDQUOT : rc;
}

/* The code is compared with that of a procedure, or copied. */
static int
job_begin(struct ctl *c, struct vine_ctl_job *job)
{
	struct vine_proc_s *proc = find_proc(c, job->type, job->name);

	if (proc && proc->type != job->type)
		proc = NULL;	/* ANY finds every type */
	job->done = 0;
	job->handle = proc ? proc->handle : 0;
	if (proc)
		return proc->code_size == job->size ? 0 : -EEXIST;
	if (job->code)
		return 0;
	if (!vine_quota_allows(c->lane, c->rec, VINE_QUOTA_PROCS,
			       c->rec->procs, 1) ||
	    !vine_quota_allows(c->lane, c->rec, VINE_QUOTA_CODE,
			       c->rec->code, job->size))
		return -EDQUOT;
	job->code = vine_registry_code(&c->pipe->registry, job->size);
	return job->code ? 0 : -EDQUOT;
}

/* The next piece. The comparison only says whether they were alike: for that
 * no copy is due. */
static int
job_piece(struct ctl *c, struct vine_ctl_job *job,
	  const struct vine_proc_s *proc)
{
	const uint8_t *from = c->pipe->seg->base + job->off + job->done;
	size_t n = job->size - job->done;

	if (n > VINE_CODE_PIECE)
		n = VINE_CODE_PIECE;
	c->lane->work += (uint32_t)n / VINE_CTL_UNIT_BYTES;
	if (n && proc && memcmp((uint8_t *)proc->code + job->done, from, n))
		return -EEXIST;
	if (n && proc == NULL) {
		if (vine_keep_back(&c->pipe->keep, job->code + job->done, n))
			return -ENOMEM;
		memcpy(job->code + job->done, from, n);
	}
	job->done += n;
	return job->done < job->size ? -EINPROGRESS : 0;
}

static int64_t
job_go_on(struct ctl *c, struct vine_ctl_job *job)
{
	struct vine_proc_s *proc =
		vine_registry_proc(&c->pipe->registry, job->handle);
	int rc = 0;

	/* what it was compared with is gone meanwhile */
	if (job->handle && proc == NULL)
		rc = job_begin(c, job);
	if (rc == 0 && job->handle)
		proc = vine_registry_proc(&c->pipe->registry, job->handle);
	if (rc == 0)
		rc = job_piece(c, job, proc);
	if (rc == 0 && proc == NULL) {
		rc = proc_new(c, job, &proc);
		if (rc == -EEXIST) {	/* somebody was faster */
			rc = job_begin(c, job);
			rc = rc ? rc : -EINPROGRESS;
		}
	}
	return rc ? rc : refer(c, proc);
}

/*
 * Code may be large, and this thread is everybody's: it is taken a piece at a
 * visit, as a job of the control queue. The session cannot give the memory back
 * meanwhile, for its control tasks are done one after the other.
 */
static int64_t
run_proc_add(struct ctl *c)
{
	struct vine_ctl_job *job;
	uint64_t size = c->c;
	int rc;

	if (c->a >= VINE_ACCEL_TYPES || c->name[0] == '\0' ||
	    size > VINE_PROC_CODE_MAX)
		return -EINVAL;
	if (size && vine_extents_find(&c->pipe->extents, c->rec->serial, c->b,
				      size) == NULL)
		return -EINVAL;
	job = calloc(1, sizeof(*job));
	if (job == NULL)
		return -ENOMEM;
	job->cookie = c->cookie;
	job->type = (vine_accel_type_e)c->a;
	job->off = size ? c->b : 0;
	job->size = size;
	memcpy(job->name, c->name, sizeof(job->name));
	c->pq->job = job;
	rc = job_begin(c, job);
	return rc ? rc : job_go_on(c, job);
}

static void
job_free(struct vine_pq *pq)
{
	struct vine_ctl_job *job = pq->job;

	pq->job = NULL;
	if (job->code)
		vine_registry_code_drop(&pq->lane->pipe->registry, job->code,
					job->size);
	free(job);
}

void
vine_ctl_drop(struct vine_pq *pq)
{
	pthread_mutex_lock(&pq->lane->pipe->lock);
	job_free(pq);
	pthread_mutex_unlock(&pq->lane->pipe->lock);
}

static int64_t
run_proc_put(struct ctl *c)
{
	struct vine_proc_s *proc =
		vine_registry_proc(&c->pipe->registry, (uint32_t)c->a);
	uint32_t i = (uint32_t)c->a & 0xffff;
	uint8_t bit = (uint8_t)(1u << (i & 7));

	if (proc == NULL || !(c->rec->proc_refs[i / 8] & bit))
		return -EINVAL;
	c->rec->proc_refs[i / 8] &= (uint8_t)~bit;
	c->rec->procs -= proc->code != NULL;
	c->rec->code -= proc->code_size;
	vine_registry_unuse(&c->pipe->registry, proc, vine_pipe_rest(c->pipe));
	vine_pipe_sweep(c->pipe, VINE_SWEEP);
	return 0;
}

/* A cancellation on its way to the lane that has the task. */
struct cancel {
	struct vine_post post;
	struct vine_rec *rec;
	uint32_t serial;
	uint32_t queue;
	uint32_t cookie;
};

static void
cancel_here(struct vine_lane *lane, struct vine_post *post)
{
	struct cancel *x = (struct cancel *)post;
	struct vine_pq *pq = vine_lane_queue(lane, x->queue);
	struct vine_req *r;

	if (pq && pq->serial == x->serial) {
		for (r = pq->held; r; r = r->held_next)
			if (r->cookie == x->cookie)
				break;
		if (r && !r->canceled) {
			const struct vine_owner *owner = r->accel->owner;

			r->canceled = 1;
			if (owner->cancel)
				owner->cancel(owner->state, r);
		} else if (r == NULL) {	/* not taken yet, or long gone */
			struct vine_cancel c = { x->cookie, pq->sub.pos };

			if (pq->cancels == VINE_CANCELS_PENDING)
				pq->cancels--;	/* the last gives way */
			pq->cancel[pq->cancels++] = c;
		}
	}
	free(x);
}

static int64_t
run_cancel(struct ctl *c)
{
	uint32_t at = c->a < c->pipe->seg->layout.queues ?
		atomic_load(&c->pipe->queue_lanes[c->a]) : 0;
	struct cancel *x;

	if (at == 0)
		return -EINVAL;
	x = calloc(1, sizeof(*x));
	if (x == NULL)
		return -ENOMEM;
	x->post.fn = cancel_here;
	x->serial = c->rec->serial;
	x->queue = (uint32_t)c->a;
	x->cookie = (uint32_t)c->b;
	vine_lane_post(&c->pipe->lanes[at - 1], &x->post);
	return 0;
}

static int64_t
run(struct ctl *c, uint32_t op)
{
	switch (op) {
#define VINE_CTL(number, NAME, name, what) \
	case VINE_CTL_##NAME: \
		return run_##name(c);
#include "core/ctl.def"
#undef VINE_CTL
	default:
		return -ENOSYS;
	}
}

static void
copy_name(struct ctl *c)
{
	const le8_t *text = (const le8_t *)
		(c->pipe->seg->base + c->rec->mailbox);

	for (uint32_t i = 0; i < VINE_CTL_NAME; i++)
		c->name[i] = (char)arch_load8(&text[i]);
	c->name[VINE_CTL_NAME - 1] = '\0';
}

static void
answer(struct vine_pq *pq, uint32_t cookie, int64_t rc)
{
	struct vine_keep *keep = &pq->lane->pipe->keep;
	struct vine_comp comp = { .cookie = cookie };

	if (rc < 0) {
		comp.how = vine_comp_how(VINE_STATUS_FAILED, (uint32_t)-rc, 0);
	} else {
		comp.how = vine_comp_how(VINE_STATUS_OK, 0, 0);
		comp.value = (uint64_t)rc;
	}
	vine_cring_push(&pq->comp, &comp);
	vine_journal_answer(&pq->journal, cookie, pq->comp.pos);
	/* what was made until here is known, and is no longer undone */
	keep->sessions[pq->rec->slot].task++;
	pq->completed++;
	vine_lane_wake_peer(pq);
}

/* Under the lock. */
static int64_t
run_open(struct ctl *c, const struct vine_desc *desc)
{
	int64_t rc = -ECONNRESET;

	if (c->rec->state == VINE_REC_OPEN)
		rc = c->pq->job ? job_go_on(c, c->pq->job) :
			run(c, vine_desc_proc(desc));
	if (c->pq->job && rc != -EINPROGRESS)
		job_free(c->pq);
	if (rc >= 0)
		vine_rec_tell(c->pipe, c->rec);
	return rc;
}

int
vine_ctl_run(struct vine_lane *lane, struct vine_pq *pq,
	     const struct vine_desc *desc)
{
	struct ctl c = {
		.pipe = lane->pipe,
		.lane = lane,
		.pq = pq,
		.rec = pq->rec,
		/* the slot of a job may be another task by now: not its */
		.cookie = pq->job ? pq->job->cookie : vine_desc_cookie(desc),
		.a = desc->w[4],
		.b = desc->w[5],
		.c = desc->w[6],
	};
	int64_t rc = -EINVAL;

	lane->work += VINE_CTL_UNITS;
	if (pq->job || vine_desc_accel(desc) == 0) {
		copy_name(&c);
		pthread_mutex_lock(&lane->pipe->lock);
		rc = run_open(&c, desc);
		pthread_mutex_unlock(&lane->pipe->lock);
	}
	if (rc == -EINPROGRESS)
		return 0;
	vine_lane_count(lane, VINE_COUNT_CONTROL, 1);
	answer(pq, c.cookie, rc);
	return 1;
}
