/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine_pipe and vine_req: an appliance on memory of its own, and
 * descriptors that no libvine would write, put straight into the ring.
 */
#include "rig.h"
#include "core/vine_accel.h"
#include "core/vine_errand.h"
#include "core/vine_pipe.h"
#include "core/vine_proc.h"
#include "core/vine_ready.h"
#include "core/vine_ring.h"
#include "core/vine_session.h"

static struct rig rig;
static struct vine_session *s;

START_TEST(raw_memory_becomes_a_segment_with_a_pipe)
{
	void *mem = mmap(NULL, 4 * RIG_MIB, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	vine_pipe_s *pipe = vine_pipe_init(mem, 4 * RIG_MIB, 64);
	struct vine_req *req = NULL;
	vine_accel_s *a, *b;
	vine_proc_s *p;

	ck_assert_ptr_nonnull(pipe);
	ck_assert_int_eq(vine_pipe_add_accel(pipe, GPU, "one", &a), 0);
	ck_assert_int_eq(vine_pipe_add_accel(pipe, CPU, "two", &b), 0);
	ck_assert_int_eq(vine_pipe_add_accel(pipe, CPU, "two", &b), -EEXIST);
	ck_assert_ptr_eq(vine_pipe_find_accel(pipe, "one", ANY), a);
	ck_assert_ptr_eq(vine_pipe_find_accel(pipe, NULL, CPU), b);
	ck_assert_ptr_null(vine_pipe_find_accel(pipe, "one", CPU));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(vine_pipe_delete_accel(pipe, a), 1);
	ck_assert_int_eq(vine_pipe_delete_accel(pipe, a), 0);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_null(vine_pipe_find_accel(pipe, "one", ANY));
	ck_assert_int_eq(vine_pipe_add_proc(pipe, CPU, "f", mem, &p), 0);
	ck_assert_ptr_eq(vine_pipe_find_proc(pipe, "f", CPU), p);
	ck_assert_ptr_null(vine_pipe_find_proc(pipe, "g", CPU));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_null(vine_pipe_find_proc(pipe, NULL, CPU));
	ck_assert_int_eq(vine_pipe_take(pipe, 0, &req), -ETIMEDOUT);
	ck_assert_int_eq(vine_pipe_take(pipe, 20000000, &req), -ETIMEDOUT);
	vine_pipe_exit(pipe);
	ck_assert_int_eq(vine_pipe_exit(NULL), 0);
}
END_TEST

START_TEST(bad_memory_is_refused)
{
	void *mem = mmap(NULL, 4 * RIG_MIB, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	rig_listen();
#define REFUSED(e, ...) \
	do { \
		errno = 0; \
		ck_assert_ptr_null(vine_pipe_init(__VA_ARGS__)); \
		ck_assert_int_eq(errno, e); \
	} while (0)
	REFUSED(EINVAL, NULL, RIG_MIB, 0);
	REFUSED(EINVAL, (char *)mem + 64, RIG_MIB, 0);
	REFUSED(EINVAL, mem, 4 * RIG_MIB, 8);
	REFUSED(EINVAL, mem, 4 * RIG_MIB, 100);
	REFUSED(EINVAL, mem, 4 * RIG_MIB, 8192);
	REFUSED(EINVAL, mem, 4 * RIG_MIB, (UINT64_C(1) << 32) + 64);
	memset(mem, 0xa5, 8192);
	REFUSED(EPROTO, mem, 4 * RIG_MIB, 64);
}
END_TEST

START_TEST(a_second_appliance_on_an_object_is_ebusy)
{
	struct vine_pipe_opts opts = { .size = sizeof(opts) };
	vine_pipe_s *other = NULL;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	opts.config = rig.config;
	rig_listen();
	ck_assert_int_eq(vine_pipe_open(&opts, &other), -EBUSY);
	ck_assert_msg(strstr(rig_log, rig.name), "log: %s", rig_log);
	vine_session_close(rig_attach(&rig));
	rig_close(&rig);
	rig_open(&rig, 4 * RIG_MIB, NULL);
	rig_close(&rig);
}
END_TEST

START_TEST(a_program_cannot_serve_a_socket_and_is_told_so)
{
	struct vine_pipe_opts opts = { .size = sizeof(opts),
				       .config = "socket /run/vine\n" };
	vine_pipe_s *pipe = NULL;

	rig_listen();
	ck_assert_int_eq(vine_pipe_open(&opts, &pipe), -EINVAL);
	ck_assert_ptr_nonnull(strstr(rig_log, "only vined serves one"));
}
END_TEST

START_TEST(a_second_appliance_on_memory_is_ebusy)
{
	void *mem = mmap(NULL, 4 * RIG_MIB, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	vine_pipe_s *pipe = vine_pipe_init(mem, 4 * RIG_MIB, 64), *other;

	ck_assert_ptr_nonnull(pipe);
	errno = 0;
	rig_listen();
	other = vine_pipe_init(mem, 4 * RIG_MIB, 64);
	ck_assert_msg(other == NULL, "a second appliance serves the memory");
	ck_assert_int_eq(errno, EBUSY);
	vine_pipe_exit(pipe);
	pipe = vine_pipe_init(mem, 4 * RIG_MIB, 64);
	ck_assert_ptr_nonnull(pipe);
	vine_pipe_exit(pipe);
}
END_TEST

/* --- forged descriptors --- */

struct forged {
	uint64_t w[8];
};

static uint64_t handles_of_sum;

/* A queue that only we know of: its rings, without vine_queue. */
static uint32_t queue;
static struct vine_ring sub;
static struct vine_cring comp;
static struct vine_ready ready;

static void
open_queue(void)
{
	struct vine_queue_shm *shm;
	uint64_t index;

	ck_assert_int_eq(vine_errand_run(s, VINE_CTL_QUEUE_OPEN, 0, 0, 0,
					 NULL, &index), 0);
	queue = (uint32_t)index;
	shm = vine_seg_queue(s->seg, queue);
	memset(&sub, 0, sizeof(sub));
	memset(&comp, 0, sizeof(comp));
	sub.slots = vine_seg_at(s->seg, arch_load64(&shm->sub), 64, 64);
	sub.mask = arch_load32(&shm->sub_slots) - 1;
	comp.slots = vine_seg_at(s->seg, arch_load64(&shm->comp), 64, 64);
	comp.mask = arch_load32(&shm->comp_slots) - 1;
	vine_ready_bind(s->seg, arch_load32(&shm->bell), &ready);
}

static void
begin(void)
{
	struct vine_task_opts o;

	rig_open(&rig, 16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	o = rig_opts(s, "sum");
	handles_of_sum = o.accel->handle | (uint64_t)o.proc->handle << 32;
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	utils_log_set(UTILS_LOG_WARN, rig_hear, NULL);
	open_queue();
}

static void
end(void)
{
	struct vine_task_opts o = rig_opts(s, "nop");

	/* a well-made task is served all the same */
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	vine_session_close(s);
	rig_close(&rig);
}

static struct forged
well_made(uint32_t in, uint32_t out, uint32_t args, uint32_t flags)
{
	struct forged f = { .w = { 0 } };

	f.w[1] = handles_of_sum;
	f.w[2] = vine_desc_w2(in, out, args, flags, 0);
	return f;
}

static void
put_ref(struct forged *f, uint32_t i, uint64_t off, uint64_t len)
{
	uint32_t parts[3] = {
		(uint32_t)off, (uint32_t)len,
		((uint32_t)(off >> 32) & 0xffff) | (uint32_t)(len >> 32) << 16,
	};

	memcpy((uint8_t *)&f->w[4] + i * VINE_DESC_REF, parts, sizeof(parts));
}

/* Give a descriptor in as it is; returns the status of its completion. */
static int
issue_forged(const struct forged *f)
{
	struct vine_desc_shm *slot = vine_ring_slot(&sub);
	uint64_t from = rig_ns();
	struct vine_comp c;

	for (int i = 1; i < 8; i++)
		arch_store64(&slot->w[i], f->w[i]);
	vine_ring_push(&sub, sub.pos * 3);
	vine_ready_ring(&ready, queue);
	while (!vine_cring_pop(&comp, &c)) {
		rig_check(rig_ns() - from < 60 * (uint64_t)SECOND);
		sched_yield();
	}
	rig_check(c.cookie == (sub.pos - 1) * 3);
	return (int)vine_comp_status(c.how);
}

static int
with_ref(uint64_t off, uint64_t len)
{
	struct forged f = well_made(1, 0, 0, 0);

	put_ref(&f, 0, off, len);
	return issue_forged(&f);
}

START_TEST(a_forged_task_that_is_well_made_is_served)
{
	struct forged f;

	begin();
	f = well_made(0, 0, 0, 0);
	ck_assert_int_eq(issue_forged(&f), VINE_STATUS_OK);
	end();
}
END_TEST

START_TEST(bad_counts_and_flags_are_bad_task)
{
	static const uint32_t bad[][4] = {
		{ 3, 0, 0, 0 }, { 0, 3, 0, 0 }, { 2, 1, 0, 0 },
		{ 255, 255, 255, 0 }, { 0, 0, 33, 0 }, { 1, 0, 21, 0 },
		{ 1, 1, 9, 0 }, { 0, 0, 0, 0x80 }, { 0, 0, 0, 0xff },
		{ 0, 0, 0, VINE_DESC_TABLE }, { 2, 0, 0, VINE_DESC_TABLE },
	};

	begin();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct forged f = well_made(bad[i][0], bad[i][1], bad[i][2],
					    bad[i][3]);

		ck_assert_int_eq(issue_forged(&f), VINE_STATUS_BAD_TASK);
	}
	end();
}
END_TEST

START_TEST(bad_handles_are_bad_accel_and_bad_proc)
{
	static const uint32_t handles[] = { 0, 1, 0xffff, 0x10000, 0xffffffff,
		0x7fffffff };

	begin();
	for (size_t i = 0; i < sizeof(handles) / sizeof(*handles); i++) {
		struct forged f = well_made(0, 0, 0, 0);
		uint32_t accel = (uint32_t)f.w[1];

		if (handles[i] != accel) {
			f.w[1] = handles[i] | f.w[1] >> 32 << 32;
			ck_assert_int_eq(issue_forged(&f),
					 VINE_STATUS_BAD_ACCEL);
		}
		f.w[1] = accel | (uint64_t)handles[i] << 32;
		if (handles[i] >> 16 != 1)
			ck_assert_int_eq(issue_forged(&f),
					 VINE_STATUS_BAD_PROC);
	}
	end();
}
END_TEST

/* What a queue remembers of its last task is never what such a task asks for. */
START_TEST(a_task_of_no_accelerator_and_no_procedure_is_bad_accel)
{
	struct forged none = { .w = { 0 } }, f, bad;

	begin();
	ck_assert_int_eq(issue_forged(&none), VINE_STATUS_BAD_ACCEL);
	f = well_made(0, 0, 0, 0);
	ck_assert_int_eq(issue_forged(&f), VINE_STATUS_OK);
	ck_assert_int_eq(issue_forged(&none), VINE_STATUS_BAD_ACCEL);
	bad = f;
	bad.w[1] = UINT64_MAX;
	ck_assert_int_eq(issue_forged(&bad), VINE_STATUS_BAD_ACCEL);
	ck_assert_int_eq(issue_forged(&none), VINE_STATUS_BAD_ACCEL);
	ck_assert_int_eq(issue_forged(&f), VINE_STATUS_OK);
	end();
}
END_TEST

START_TEST(references_outside_the_session_are_bad_data)
{
	struct vine_session *other;
	vine_data *mine, *theirs;
	uint64_t size;

	begin();
	size = s->seg->layout.size;
	other = rig_attach(&rig);
	ck_assert_int_eq(vine_data_alloc_in(s, 4096, 0, &mine), 0);
	ck_assert_int_eq(vine_data_alloc_in(other, 4096, 0, &theirs), 0);
	ck_assert_int_eq(with_ref(mine->off, 4096), VINE_STATUS_OK);
	ck_assert_int_eq(with_ref(mine->off, 0), VINE_STATUS_OK);
	ck_assert_int_eq(with_ref(UINT64_MAX & VINE_REF_MAX, 0),
			 VINE_STATUS_OK);
	ck_assert_int_eq(with_ref(theirs->off, 1), VINE_STATUS_BAD_DATA);
	ck_assert_int_eq(with_ref(0, 1), VINE_STATUS_BAD_DATA);
	ck_assert_int_eq(with_ref(0, 4096), VINE_STATUS_BAD_DATA);
	ck_assert_int_eq(with_ref(s->seg->layout.heap_off - 1, 2),
			 VINE_STATUS_BAD_DATA);
	ck_assert_int_eq(with_ref(size, 1), VINE_STATUS_BAD_DATA);
	ck_assert_int_eq(with_ref(size - 1, 2), VINE_STATUS_BAD_DATA);
	ck_assert_int_eq(with_ref(VINE_REF_MAX, VINE_REF_MAX),
			 VINE_STATUS_BAD_DATA);
	ck_assert_int_eq(with_ref(mine->off, VINE_REF_MAX),
			 VINE_STATUS_BAD_DATA);
	/* the rings of our own queue are not ours to name */
	ck_assert_int_eq(with_ref((uint64_t)((uint8_t *)sub.slots -
					     s->seg->base), 64),
			 VINE_STATUS_BAD_DATA);
	vine_session_close(other);
	end();
}
END_TEST

/* The appliance remembers what the last task of a queue was allowed. */
START_TEST(what_is_taken_back_is_refused_although_it_was_used_last)
{
	struct forged f;
	uint64_t off, vaccel;

	begin();
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(vine_errand_run(s, VINE_CTL_GRANT, 65536,
						 0, 0, NULL, &off), 0);
		ck_assert_int_eq(with_ref(off, 4096), VINE_STATUS_OK);
		ck_assert_int_eq(with_ref(off + 61440, 4096), VINE_STATUS_OK);
		ck_assert_int_eq(with_ref(off + 61440, 4097),
				 VINE_STATUS_BAD_DATA);
		ck_assert_int_eq(with_ref(off - 1, 2), VINE_STATUS_BAD_DATA);
		ck_assert_int_eq(vine_errand_run(s, VINE_CTL_RETURN, off,
						 0, 0, NULL, NULL), 0);
		ck_assert_int_eq(with_ref(off, 4096), VINE_STATUS_BAD_DATA);

		f = well_made(0, 0, 0, 0);
		ck_assert_int_eq(vine_errand_run(s, VINE_CTL_ACCEL_OPEN,
						 (uint32_t)f.w[1], 0, 0,
						 NULL, &vaccel), 0);
		f.w[1] = vaccel | f.w[1] >> 32 << 32;
		ck_assert_int_eq(issue_forged(&f), VINE_STATUS_OK);
		ck_assert_int_eq(issue_forged(&f), VINE_STATUS_OK);
		ck_assert_int_eq(vine_errand_run(s, VINE_CTL_ACCEL_CLOSE,
						 vaccel, 0, 0, NULL,
						 NULL), 0);
		ck_assert_int_eq(issue_forged(&f), VINE_STATUS_BAD_ACCEL);
	}
	end();
}
END_TEST

static int
with_table(vine_data *d, uint64_t at, uint64_t len)
{
	struct forged f = well_made(1, 0, 0, VINE_DESC_TABLE);

	put_ref(&f, 0, d->off + at, len);
	return issue_forged(&f);
}

START_TEST(forged_tables_are_refused)
{
	struct vine_table_shm *t;
	struct vine_tref_shm *r;
	vine_data *d;

	begin();
	ck_assert_int_eq(vine_data_alloc_in(s, 8192, 4096, &d), 0);
	memset(vine_data_deref(d), 0, 8192);
	t = vine_data_deref(d);
	r = (struct vine_tref_shm *)(t + 1);
	ck_assert_int_eq(with_table(d, 0, 8192), VINE_STATUS_OK);
	ck_assert_int_eq(with_table(d, 0, 16), VINE_STATUS_OK);
	ck_assert_int_eq(with_table(d, 0, 15), VINE_STATUS_BAD_DATA);
	ck_assert_int_eq(with_table(d, 0, 0), VINE_STATUS_BAD_DATA);
	ck_assert_int_eq(with_table(d, 4, 64), VINE_STATUS_BAD_DATA);
	ck_assert_int_eq(with_table(d, 0, VINE_REF_MAX), VINE_STATUS_BAD_DATA);
#define COUNTS(in, out, args) \
	(arch_store32(&t->in_count, in), arch_store32(&t->out_count, out), \
	 arch_store32(&t->args_size, args))
	COUNTS(65, 0, 0);
	ck_assert_int_eq(with_table(d, 0, 8192), VINE_STATUS_BAD_TASK);
	COUNTS(33, 32, 0);
	ck_assert_int_eq(with_table(d, 0, 8192), VINE_STATUS_BAD_TASK);
	COUNTS(UINT32_MAX, 2, 0);
	ck_assert_int_eq(with_table(d, 0, 8192), VINE_STATUS_BAD_TASK);
	COUNTS(1, UINT32_MAX, 0);
	ck_assert_int_eq(with_table(d, 0, 8192), VINE_STATUS_BAD_TASK);
	COUNTS(0, 0, 1025);
	ck_assert_int_eq(with_table(d, 0, 8192), VINE_STATUS_BAD_TASK);
	COUNTS(0, 0, UINT32_MAX);
	ck_assert_int_eq(with_table(d, 0, 8192), VINE_STATUS_BAD_TASK);
	COUNTS(2, 1, 1);	/* one byte too short for it */
	ck_assert_int_eq(with_table(d, 0, 16 + 48 + 7), VINE_STATUS_BAD_TASK);
	ck_assert_int_eq(with_table(d, 0, 16 + 48 + 8), VINE_STATUS_OK);
	COUNTS(1, 0, 0);
	arch_store64(&r->off, UINT64_MAX);
	arch_store64(&r->len, 2);
	ck_assert_int_eq(with_table(d, 0, 8192), VINE_STATUS_BAD_DATA);
	arch_store64(&r->off, 0);
	arch_store64(&r->len, UINT64_MAX);
	ck_assert_int_eq(with_table(d, 0, 8192), VINE_STATUS_BAD_DATA);
	arch_store64(&r->off, d->off);
	arch_store64(&r->len, 8192);
	ck_assert_int_eq(with_table(d, 0, 8192), VINE_STATUS_OK);
	end();
}
END_TEST

START_TEST(random_descriptors_are_answered_one_for_one)
{
	uint32_t rounds = RIG_SANITIZED ? 20000 : 100000;
	uint64_t seed = 12345, from = rig_ns();
	vine_data *d;

	begin();
	ck_assert_int_eq(vine_data_alloc_in(s, 65536, 0, &d), 0);
	for (uint32_t i = 0; !rig_enough(i, rounds, from); i++) {
		struct forged f = well_made(0, 0, 0, 0);
		uint64_t keep = f.w[1];

		for (int k = 1; k < 8; k++)
			f.w[k] = rig_random(&seed);
		if (i % 4)
			f.w[1] = keep;
		if (i % 8 < 6)
			f.w[2] = vine_desc_w2(i % 3, i % 2, i % 9, i / 8 % 4,
					      0);
		if (i % 2)
			put_ref(&f, 0, d->off + (rig_random(&seed) % 70000 &
						 ~7u),
				rig_random(&seed) % 70000);
		issue_forged(&f);
	}
	end();
}
END_TEST

START_TEST(random_control_tasks_are_answered_one_for_one)
{
	uint64_t seed = 777;

	begin();
	for (uint32_t i = 0; i < 4000; i++) {
		uint32_t op = (uint32_t)rig_random(&seed) % 12;
		uint64_t a = rig_random(&seed) >> (i % 64), v;

		vine_errand_run(s, (enum vine_ctl)op, a,
				rig_random(&seed) >> (i * 3 % 64),
				rig_random(&seed) >> (i * 5 % 64), "junk",
				&v);
	}
	end();
}
END_TEST

/* --- figures --- */

static void *
complete_elsewhere(void *arg)
{
	(void)arg;
	rig_await(rig.kept_count == 1);
	rig_release(&rig, 0, 0);
	return NULL;
}

START_TEST(busy_time_is_at_most_the_time_that_passed)
{
	vine_accel_stats_s stats;
	struct vine_task_opts o;
	uint64_t from = rig_ns();
	vine_task *task;
	pthread_t thread;

	begin();
	o = rig_opts(s, "keep");
	o.flags = VINE_TASK_NOSTAMP;
	pthread_create(&thread, NULL, complete_elsewhere, NULL);
	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
	pthread_join(thread, NULL);
	do {
		rig_nap(10000000);
		vine_accel_stat(rig_accel(s), &stats);
	} while (stats.tasks_completed < 2 && rig_ns() - from < 30 * SECOND);
	ck_assert_uint_ge(stats.tasks_completed, 2);
	ck_assert_msg(stats.busy_ns <= rig_ns() - from,
		      "busy for %llu ms, the test runs for %llu ms",
		      (unsigned long long)stats.busy_ns / 1000000,
		      (unsigned long long)(rig_ns() - from) / 1000000);
	vine_task_free(task);
	end();
}
END_TEST

START_TEST(a_deleted_accelerator_refuses_and_answers_what_it_has)
{
	struct vine_task_opts o;
	vine_task *held;

	begin();
	o = rig_opts(s, "keep");
	ck_assert_int_eq(vine_task_issue_opts(&o, &held), 0);
	rig_await(rig.kept_count == 1);
	rig_stop(&rig);
	ck_assert_int_eq(vine_pipe_delete_accel(rig.pipe, rig.accel), 1);
	rig_start(&rig);
	o.proc = rig_proc(s, "nop");
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_BAD_ACCEL);
	ck_assert_int_eq(vine_accel_stat(o.accel, NULL), accel_failed);
	rig_release(&rig, 0, 5);
	ck_assert_int_eq(vine_task_wait_for(held, 60 * SECOND), 0);
	ck_assert_int_eq(rig_result(held).status, VINE_STATUS_OK);
	vine_task_free(held);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

/* Each table is 3 KiB: a guest could leave them behind for good. */
START_TEST(a_lane_keeps_no_more_requests_than_it_needs)
{
	enum { EACH = 3000, REFS = 3 };
	struct vine_session *s;
	static vine_task *task[EACH];
	struct vine_lane *lane;
	struct vine_slice slice[REFS];
	struct vine_task_opts o;
	vine_data *d;

	rig_open(&rig, 16 * RIG_MIB, "queue_slots 2048\n");
	lane = &rig.pipe->lanes[0];
	s = rig_attach(&rig);
	o = rig_opts(s, "keep");
	ck_assert_int_eq(vine_data_alloc_in(s, 64, 0, &d), 0);
	for (int i = 0; i < REFS; i++)
		slice[i] = vine_slice_all(d);
	o.in = slice;
	o.in_count = REFS;
	for (int i = 0; i < EACH; i++)
		ck_assert_int_eq(vine_task_issue_opts(&o, &task[i]), 0);
	rig_await(rig.kept_count == EACH);
	rig_stop(&rig);
	ck_assert_uint_eq(lane->tables, EACH);
	rig_start(&rig);
	for (int i = 0; i < EACH; i++)
		rig_release(&rig, 0, 0);
	for (int i = 0; i < EACH; i++) {
		ck_assert_int_eq(vine_task_wait_for(task[i], 60 * SECOND), 0);
		vine_task_free(task[i]);
	}
	rig_stop(&rig);
	ck_assert_uint_le(lane->tables, VINE_TABLES_KEPT);
	ck_assert_uint_le(lane->reqs, VINE_REQS_KEPT);
	rig_start(&rig);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_lane_keeps_no_more_requests_than_it_needs),
	RIG_CASE(raw_memory_becomes_a_segment_with_a_pipe),
	RIG_CASE(bad_memory_is_refused),
	RIG_CASE(a_second_appliance_on_an_object_is_ebusy),
	RIG_CASE(a_program_cannot_serve_a_socket_and_is_told_so),
	RIG_CASE(a_second_appliance_on_memory_is_ebusy),
	RIG_CASE(a_forged_task_that_is_well_made_is_served),
	RIG_CASE(bad_counts_and_flags_are_bad_task),
	RIG_CASE(bad_handles_are_bad_accel_and_bad_proc),
	RIG_CASE(a_task_of_no_accelerator_and_no_procedure_is_bad_accel),
	RIG_CASE(references_outside_the_session_are_bad_data),
	RIG_CASE(what_is_taken_back_is_refused_although_it_was_used_last),
	RIG_CASE(forged_tables_are_refused),
	RIG_CASE(random_descriptors_are_answered_one_for_one),
	RIG_CASE(random_control_tasks_are_answered_one_for_one),
	RIG_CASE(busy_time_is_at_most_the_time_that_passed),
	RIG_CASE(a_deleted_accelerator_refuses_and_answers_what_it_has),
};

RIG_MAIN("vine_pipe", cases)
