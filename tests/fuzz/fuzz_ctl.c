/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target: vine_ctl_run, the control tasks. The input is a row of them with any
 * operands, or with such as were answered before (handles, offsets), the text
 * in the mailbox, and tasks that use what is being taken back. Each is answered
 * once; what a session has is what it was counted; and when it has left, the
 * appliance has as much as before it came.
 */
#include "tests/fuzz/fuzz_pipe.h"

#define STEPS 64
#define KNOWN 8u	/* answers remembered */

/* Bytes that the appliance says the session holds, and that it does hold. */
static void
check_granted(const struct fuzz_session *s)
{
	const struct vine_extents *x = &s->fuzz->pipe->extents;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < x->max; i++)
		if (x->entries[i].state == VINE_EXTENT_GRANTED &&
		    x->entries[i].serial == s->rec->serial)
			bytes += x->entries[i].len;
	fuzz_check(bytes == x->use[s->rec->slot].held -
		   x->use[s->rec->slot].resting);
	fuzz_check(arch_load64(&s->shm->granted) == bytes);
	fuzz_check(s->rec->vaccels <= VINE_SESSION_ACCELS_DEFAULT);
	fuzz_check(s->rec->procs <= VINE_SESSION_PROCS_DEFAULT);
}

static uint64_t
operand(struct fuzz_in *in, const uint64_t *known, uint8_t how)
{
	switch (how & 3) {
	case 0:
		return fuzz_take(in, 1);
	case 1:
		return fuzz_take(in, 8);
	default:
		return known[fuzz_take(in, 1) % KNOWN];
	}
}

static void
ask(struct fuzz_session *s, struct fuzz_in *in, uint64_t *known,
    uint32_t *count)
{
	uint8_t *mailbox = s->fuzz->pipe->seg->base + s->rec->mailbox;
	uint32_t op = (uint32_t)fuzz_take(in, 1) % (VINE_CTL_MAX + 2);
	uint8_t how = (uint8_t)fuzz_take(in, 1);
	uint64_t a = operand(in, known, how);
	uint64_t b = operand(in, known, how >> 2);
	uint64_t c = operand(in, known, how >> 4);
	int64_t value;

	if (how & 0x80)
		fuzz_copy(in, mailbox, VINE_CTL_NAME);
	else if (how & 0x40)	/* one of a few short names */
		snprintf((char *)mailbox, VINE_CTL_NAME, "p%u",
			 (unsigned int)fuzz_take(in, 1) % 4);
	value = fuzz_control(s, op, a, b, c);
	if (value >= 0)
		known[(*count)++ % KNOWN] = (uint64_t)value;
	check_granted(s);
}

/* A task of the second session: it may use what the first just registered. */
static void
push_task(struct fuzz_session *s, struct fuzz_in *in, const uint64_t *known)
{
	uint8_t how = (uint8_t)fuzz_take(in, 1);
	struct vine_ref ref = { operand(in, known, how), fuzz_take(in, 2) };
	struct vine_ref none = { 0, 0 };
	struct vine_body body = vine_desc_body(1, ref, none);
	uint32_t accel = how & 4 ? s->fuzz->accel->handle :
		(uint32_t)operand(in, known, 2);
	uint32_t proc = how & 8 ? s->fuzz->proc :
		(uint32_t)operand(in, known, 2);
	uint64_t w[8] = { 0, accel | (uint64_t)proc << 32,
			  vine_desc_w2(how >> 4 & 1, ~how >> 4 & 1, 0, 0, 0),
			  0, body.w[0], body.w[1], body.w[2], body.w[3] };
	struct vine_comp comp;

	fuzz_push(s, w, (uint32_t)fuzz_take(in, 1));
	fuzz_poll(s->fuzz);
	while (vine_cring_pop(&s->comp, &comp))
		;
}

static void
leave(struct fuzz_session *s)
{
	arch_store_release32(&s->shm->request, VINE_REQUEST_DETACH);
	fuzz_knock(s->fuzz);
	fuzz_poll(s->fuzz);
	fuzz_check(s->rec->state == VINE_REC_CLOSED);
}

static uint32_t
free_pages(const struct fuzz_pipe *f)
{
	uint32_t pages = 0;

	for (uint32_t i = 0; i < f->pipe->extents.pages; i++)
		pages += f->pipe->extents.owner[i] == 0;
	return pages;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_pipe *f = fuzz_pipe_new();
	struct fuzz_in in = { data, size };
	struct fuzz_session s[2];
	uint64_t known[KNOWN] = { 0 };
	uint32_t count = 0, pages;

	fuzz_check(fuzz_pipe_serve(f) == 0);
	pages = free_pages(f);
	for (uint32_t i = 0; i < 2; i++) {
		fuzz_attach(&s[i], f, i);
		fuzz_equip(&s[i], 1);
	}
	known[count++] = f->accel->handle;
	known[count++] = f->proc;
	known[count++] = s[0].off;
	known[count++] = s[1].off;
	for (int i = 0; i < STEPS && in.left; i++) {
		uint8_t what = (uint8_t)fuzz_take(&in, 1);

		if (what % 4 == 3)
			push_task(&s[what >> 7], &in, known);
		else if (what % 8 == 2 && f->held_count)
			fuzz_answer(f, what % f->held_count);
		else
			ask(&s[what >> 7], &in, known, &count);
	}
	while (f->held_count)
		fuzz_answer(f, 0);
	leave(&s[0]);
	leave(&s[1]);
	fuzz_tick(f, 2000);
	fuzz_tick(f, 2000);
	/* as before they came */
	fuzz_check(free_pages(f) == pages && f->built == 0);
	fuzz_check(f->pipe->registry.code_bytes == 0);
	fuzz_check(f->accel->vaccels == 0);
	fuzz_pipe_free(f);
	return 0;
}
