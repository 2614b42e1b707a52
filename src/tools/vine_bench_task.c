/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Task: the whole API, as an application uses it, on vined's accelerator
 * "noop", or, where data is touched on both sides, by "copy" of "cpu0". Every
 * wait has a bound, and how a task ended is looked at for one task in 64, so a
 * road that fails fast cannot pass for a fast road. An output that was copied
 * is compared each time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vine_bench_rates.h"
#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define LOOK_MASK 63u		/* look at the outcome of one task in 64 */
#define WINDOW_MAX 512
#define TOUCHED 64		/* bytes of an input or output */

/* One place of the window: its task and the two data it works on. */
struct place {
	vine_task *task;	/* NULL: none in flight */
	vine_data *data[2];
	struct vine_slice in, out;
	uint64_t *in_ptr;
	const uint64_t *out_ptr;
	uint64_t written;	/* first word of the input */
};

struct client {
	struct vine_task_opts opts;
	struct place place[WINDOW_MAX];
	struct vine_task_opts batch[WINDOW_MAX];
	vine_task *batched[WINDOW_MAX];
	uint64_t window;	/* a power of two, or 0 */
	uint64_t count;		/* tasks finished, and places passed over */
	int touch;
	int second;		/* the half of a batched window that is next */
};

/* client_free waits for what is in flight, then frees the places. */
static void
client_free(struct client *c)
{
	struct place *p;

	if (!c)
		return;
	for (p = c->place; p < c->place + WINDOW_MAX; p++) {
		if (p->task)
			vine_task_wait_for(p->task, VINE_BENCH_WAIT_NS);
		vine_task_free(p->task);
		vine_data_free(p->data[0]);
		vine_data_free(p->data[1]);
	}
	free(c);
}

static int
place_init(struct place *p, struct vine_session *session)
{
	int i, rc;

	for (i = 0; i < 2; i++) {
		rc = vine_data_alloc_in(session, TOUCHED, 0, &p->data[i]);
		if (rc) {
			log_error("no data of %d bytes: %s", TOUCHED,
				  strerror(-rc));
			return rc;
		}
	}
	p->in = vine_slice_all(p->data[0]);
	p->out = vine_slice_all(p->data[1]);
	p->in_ptr = vine_slice_ptr(&p->in);
	p->out_ptr = vine_slice_ptr(&p->out);
	memset(p->in_ptr, 0, TOUCHED);
	memset(vine_slice_ptr(&p->out), 0, TOUCHED);
	return 0;
}

/* client_new makes `window` places; flags are those of the tasks. */
static int
client_new(struct vine_bench_rig *rig, uint64_t window, uint32_t flags,
	   int touch, struct client **client)
{
	struct vine_bench_appliance *app = rig->appliance;
	struct client *c;
	uint64_t i;
	int rc = 0;

	if (touch && !app->cpu)
		return -EOPNOTSUPP;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->opts.size = sizeof(c->opts);
	c->opts.accel = touch ? app->cpu : app->accel;
	c->opts.proc = touch ? app->copy : app->noop;
	c->opts.flags = flags;
	c->window = window;
	c->touch = touch;
	for (i = 0; i < window && !rc; i++)
		rc = place_init(&c->place[i], app->session);
	if (rc) {
		client_free(c);
		return rc;
	}
	*client = c;
	return 0;
}

/* with_data puts a place's slices into the options. */
VINE_BENCH_INLINE void
with_data(struct vine_task_opts *opts, const struct place *p)
{
	opts->in = &p->in;
	opts->out = &p->out;
	opts->in_count = opts->out_count = 1;
}

VINE_BENCH_INLINE void
write_input(struct client *c, struct place *p)
{
	int i;

	p->written = c->count;
	for (i = 0; i < TOUCHED / 8; i++)
		p->in_ptr[i] = c->count + (uint64_t)i;
}

/* read_output compares every word with what was written for this task. */
VINE_BENCH_INLINE int
read_output(const struct place *p)
{
	uint64_t wrong = 0;
	int i;

	for (i = 0; i < TOUCHED / 8; i++)
		wrong |= p->out_ptr[i] ^ (p->written + (uint64_t)i);
	return wrong ? -EBADMSG : 0;
}

/* finish waits for a task, looks at some, and frees it. */
VINE_BENCH_INLINE int
finish(struct client *c, vine_task *task)
{
	int rc = vine_task_wait_for(task, VINE_BENCH_WAIT_NS);

	if (__builtin_expect(!rc && !(c->count++ & LOOK_MASK), 0))
		rc = vine_bench_outcome(task, NULL);
	vine_task_free(task);
	return rc;
}

VINE_BENCH_INLINE int
empty_op(void *arg)
{
	struct client *c = arg;
	vine_task *task;
	int rc = vine_task_issue_opts(&c->opts, &task);

	return rc ? rc : finish(c, task);
}

VINE_BENCH_INLINE int
touch_op(void *arg)
{
	struct client *c = arg;
	int rc;

	write_input(c, &c->place[0]);
	rc = empty_op(c);
	return rc ? rc : read_output(&c->place[0]);
}

/* failed says which benchmark it was, and passes the error on. */
static int
failed(const struct vine_bench *bench, int rc)
{
	if (rc)
		log_error("%s: %s", bench->name, strerror(-rc));
	return rc;
}

int
vine_bench_run_task_rtt(struct vine_bench_rig *rig,
			const struct vine_bench *bench,
			struct vine_bench_result *result)
{
	struct client *c;
	int rc = client_new(rig, 0, (uint32_t)bench->a, 0, &c);

	if (rc)
		return rc;
	rc = vine_bench_timer_rtt(&rig->timer, empty_op, c, result);
	client_free(c);
	return failed(bench, rc);
}

int
vine_bench_run_task_touch(struct vine_bench_rig *rig,
			  const struct vine_bench *bench,
			  struct vine_bench_result *result)
{
	struct client *c;
	int rc = client_new(rig, 1, 0, 1, &c);

	if (rc)
		return rc;
	with_data(&c->opts, &c->place[0]);
	rc = vine_bench_timer_rtt(&rig->timer, touch_op, c, result);
	client_free(c);
	return failed(bench, rc);
}

/* slide waits for the oldest task of the window and issues one in its place. */
VINE_BENCH_INLINE int
slide(void *arg)
{
	struct client *c = arg;
	struct place *p = &c->place[c->count & (c->window - 1)];
	vine_task *task = p->task;
	int rc;

	p->task = NULL;
	if (task) {
		rc = finish(c, task);
		if (!rc && c->touch)
			rc = read_output(p);
		if (rc)
			return rc;
	} else {
		c->count++;
	}
	if (c->touch)
		write_input(c, p);
	with_data(&c->opts, p);
	return vine_task_issue_opts(&c->opts, &p->task);
}

int
vine_bench_run_task_rate(struct vine_bench_rig *rig,
			 const struct vine_bench *bench,
			 struct vine_bench_result *result)
{
	const int touch = !!(bench->b & VINE_BENCH_RATE_TOUCH);
	const uint32_t flags = bench->b & VINE_BENCH_RATE_NOSTAMP ?
			       VINE_TASK_NOSTAMP : 0;
	const uint64_t chunk = vine_bench_rate_chunk(bench->a);
	struct client *c;
	int rc = client_new(rig, bench->a, flags, touch, &c);

	if (rc)
		return rc;
	rc = vine_bench_timer_chunks(&rig->timer, chunk, slide, c);
	if (!rc)
		vine_bench_timer_rate(&rig->timer, chunk, 1, result);
	client_free(c);
	return failed(bench, rc);
}

static void
batch_prepare(struct client *c)
{
	uint64_t i;

	for (i = 0; i < c->window; i++) {
		c->batch[i] = c->opts;
		with_data(&c->batch[i], &c->place[i]);
	}
}

/* half ends one half of the window and issues it anew; the other half flies. */
VINE_BENCH_INLINE int
half(void *arg)
{
	struct client *c = arg;
	const uint64_t n = c->window / 2;
	const uint64_t first = c->second ? n : 0;
	uint64_t i;
	int rc;

	c->second = !c->second;
	for (i = first; i < first + n && c->place[i].task; i++) {
		rc = finish(c, c->place[i].task);
		c->place[i].task = NULL;
		if (rc)
			return rc;
	}
	rc = vine_task_issue_batch(&c->batch[first], n, c->batched);
	if (rc < 0)
		return rc;
	for (i = 0; i < (uint64_t)rc; i++)
		c->place[first + i].task = c->batched[i];
	return (uint64_t)rc == n ? 0 : -EAGAIN;
}

int
vine_bench_run_task_batch(struct vine_bench_rig *rig,
			  const struct vine_bench *bench,
			  struct vine_bench_result *result)
{
	const uint64_t window = 2 * bench->a;
	const uint64_t halves = vine_bench_rate_chunk(window) / bench->a;
	struct client *c;
	int rc = client_new(rig, window, 0, 0, &c);

	if (rc)
		return rc;
	batch_prepare(c);
	rc = vine_bench_timer_chunks(&rig->timer, halves, half, c);
	if (!rc)
		vine_bench_timer_rate(&rig->timer, halves,
				      (double)bench->a, result);
	client_free(c);
	return failed(bench, rc);
}
