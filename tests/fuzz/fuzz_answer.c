/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target: vine_queue_bind and vine_queue_take, what an application believes of
 * an appliance that lies: the queue's directory entry, `taken`, and completions
 * with any words. The application issues, frees and cancels on. No task ends
 * twice, none that was not issued ends, and each that the appliance gives up is
 * ended by vine_queue_fail.
 */
#include "core/vine_queue.h"
#include "core/vine_seg.h"
#include "core/vine_session.h"
#include "core/vine_task.h"
#include "tests/fuzz/fuzz.h"

#define SIZE ((uint64_t)VINE_SEGMENT_MIN)
#define SLOTS 16u
#define STEPS 128
#define TASKS 64u

struct app {
	struct vine_session session;
	struct vine_queue *queue;
	struct vine_cring forge;	/* the appliance's end */
	struct vine_task_s *tasks[TASKS];
	uint32_t calls[TASKS];		/* times its callback ran */
	uint32_t issued;
	uint32_t ended;
};

static void
on_end(vine_task *task, void *user)
{
	struct app *a = user;

	fuzz_check(task->user < a->issued);
	fuzz_check(++a->calls[task->user] == 1);
	fuzz_check(vine_task_is_done(task));
	a->ended++;
}

/* The queue's entry: right, then with what the input makes of it. */
static void
write_entry(struct vine_seg *seg, uint32_t index, struct fuzz_in *in)
{
	struct vine_queue_shm *q = vine_seg_queue(seg, index);
	uint64_t off = seg->layout.heap_off;
	uint8_t changes = (uint8_t)fuzz_take(in, 1);

	arch_store64(&q->sub, off);
	arch_store64(&q->comp, off + SLOTS * 64);
	arch_store32(&q->sub_slots, SLOTS);
	arch_store32(&q->comp_slots, 2 * SLOTS);
	if (changes & 1)
		arch_store64(&q->sub, fuzz_take(in, 8));
	if (changes & 2)
		arch_store64(&q->comp, fuzz_take(in, 8));
	if (changes & 4)
		arch_store32(&q->sub_slots, (uint32_t)fuzz_take(in, 4));
	if (changes & 8)
		arch_store32(&q->comp_slots, (uint32_t)fuzz_take(in, 4));
	if (changes & 16)
		arch_store32(&q->bell, (uint32_t)fuzz_take(in, 4));
}

static void
issue(struct app *a)
{
	struct vine_queue *q = a->queue;
	struct vine_body body = { { 0 } };
	struct vine_task_s *task;

	if (a->issued == TASKS || !vine_queue_room(q))
		return;
	task = vine_task_new(q);
	fuzz_check(task != NULL);
	task->user = a->issued;
	task->cb = on_end;
	task->cb_user = a;
	task->issue = 0;
	task->cookie = vine_queue_next_cookie(q);
	a->tasks[a->issued++] = task;
	vine_queue_put(q, task, 1, vine_desc_w2(0, 0, 0, 0, 0), 0, body);
	vine_queue_knock(q, 0);
}

/* A completion: of a task in flight, or of any cookie. */
static void
answer(struct app *a, struct fuzz_in *in)
{
	uint8_t how = (uint8_t)fuzz_take(in, 1);
	struct vine_comp c = { 0 };

	if ((how & 1) && a->issued)
		c.cookie = a->tasks[how / 2 % a->issued]->cookie;
	else
		c.cookie = (uint32_t)fuzz_take(in, 4);
	c.value = fuzz_take(in, 1);
	c.how = fuzz_take(in, 8);
	c.times = fuzz_take(in, 8);
	vine_cring_push(&a->forge, &c);
}

static void
look_at_results(struct app *a)
{
	for (uint32_t i = 0; i < a->issued; i++) {
		struct vine_task_result r = { .size = sizeof(r) };

		if (vine_task_is_done(a->tasks[i]))
			fuzz_check(vine_task_result_raw(a->tasks[i], &r) == 0);
	}
}

static void
step(struct app *a, struct fuzz_in *in)
{
	struct vine_queue *q = a->queue;
	uint32_t slot;

	switch (fuzz_take(in, 1) % 8) {
	case 0: case 1:
		issue(a);
		break;
	case 2: case 3:
		answer(a, in);
		break;
	case 4:
		arch_store32(&q->shm->taken, (uint32_t)fuzz_take(in, 4));
		break;
	case 5:
		slot = (uint32_t)fuzz_take(in, 1);
		arch_store64(&q->comp.slots[slot & q->comp.mask].w[slot >> 6],
			     fuzz_take(in, 8));
		break;
	case 6:
		look_at_results(a);
		break;
	default:
		vine_queue_take(q);
		break;
	}
}

/* The appliance is given up: what is in flight ends now. */
static void
end(struct app *a)
{
	vine_queue_fail(a->queue, VINE_STATUS_APPLIANCE_LOST);
	fuzz_check(vine_queue_busy(a->queue) == 0);
	fuzz_check(a->ended == a->issued);
	look_at_results(a);
	for (uint32_t i = 0; i < a->issued; i++)
		vine_task_unref(a->tasks[i]);
	vine_queue_free(a->queue);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct app *a = calloc(1, sizeof(*a));
	uint8_t *mem = aligned_alloc(VINE_PAGE, SIZE);
	struct vine_seg *seg;

	fuzz_check(a != NULL && mem != NULL);
	memset(mem, 0, SIZE);
	fuzz_check(vine_seg_wrap(mem, SIZE, SLOTS, &seg) == 0);
	a->session.seg = seg;
	write_entry(seg, 1, &in);
	if (vine_queue_bind(&a->session, 1, &a->queue) == 0) {
		a->forge = a->queue->comp;
		for (int i = 0; i < STEPS && in.left; i++)
			step(a, &in);
		end(a);
	}
	vine_seg_close(seg);
	free(mem);
	free(a);
	return 0;
}
