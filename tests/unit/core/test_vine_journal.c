/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine_journal: tasks are put through it by the rules of a lane, on
 * rings of their own, and cut off after each store.
 */
#include "rig.h"
#include "step.h"
#include "core/vine_journal.h"

#define SLOTS 16u

static struct vine_seg seg;
static struct vine_keep keep;
static struct vine_journal j;
static struct vine_desc_shm sub_slots[SLOTS];
static struct vine_comp_shm comp_slots[2 * SLOTS];
static struct vine_ring sub = { sub_slots, SLOTS - 1, 0 };
static RIG_UNUSED struct vine_cring comp = { comp_slots, 2 * SLOTS - 1, 0 };

static void
setup(void)
{
	memset(&seg, 0, sizeof(seg));
	ck_assert_int_eq(vine_layout_plan(RIG_MIB, SLOTS, &seg.layout), 0);
	ck_assert_int_eq(vine_keep_open(&keep, &seg, NULL), 0);
	ck_assert_int_eq(vine_journal_open(&j, &keep, 3, SLOTS), 0);
}

static void
teardown(void)
{
	vine_keep_close(&keep);
}

/* A task as an application numbers it. */
static struct vine_desc
task(uint32_t place, uint32_t pos, uint32_t flags)
{
	struct vine_desc d = { { 0 } };

	d.w[0] = (pos + 1) | (uint64_t)(place | pos << 16) << 32;
	d.w[2] = vine_desc_w2(0, 0, 0, flags, 0);
	return d;
}

static RIG_UNUSED void
push(const struct vine_desc *d)
{
	struct vine_ring end = sub;

	end.pos = (uint32_t)d->w[0] - 1;
	vine_ring_push(&end, vine_desc_cookie(d));
}

/* The cookies in flight; returns how many. */
static int
listed(uint32_t *cookies)
{
	uint32_t *entries;
	int n = vine_journal_list(&j, &entries);

	ck_assert_int_ge(n, 0);
	ck_assert_int_eq(n, (int)vine_journal_count(&j));
	for (int i = 0; i < n; i++)
		cookies[i] = entries[i] & ~VINE_JOURNAL_MARKS;
	free(entries);
	return n;
}

START_TEST(a_task_is_in_flight_from_take_to_answer)
{
	struct vine_desc a = task(5, 0, 0), b = task(6, 1, 0);
	uint32_t cookies[2 * SLOTS];

	setup();
	ck_assert_int_eq(listed(cookies), 0);
	vine_journal_take(&j, &a, 1);
	vine_journal_take(&j, &b, 2);
	ck_assert_uint_eq(j.queue->sub_pos, 2);
	ck_assert_int_eq(listed(cookies), 2);
	ck_assert_uint_eq(cookies[0], vine_desc_cookie(&a));
	ck_assert_uint_eq(cookies[1], vine_desc_cookie(&b));
	vine_journal_answer(&j, cookies[0], 1);
	ck_assert_uint_eq(j.queue->comp_pos, 1);
	ck_assert_int_eq(listed(cookies), 1);
	ck_assert_uint_eq(cookies[0], vine_desc_cookie(&b));
	vine_journal_put_back(&j, cookies[0], 1);
	ck_assert_uint_eq(j.queue->sub_pos, 1);
	ck_assert_int_eq(listed(cookies), 0);
	teardown();
}
END_TEST

START_TEST(cookie_0_is_a_cookie)
{
	struct vine_desc d = task(0, 0, 0);
	uint32_t cookies[2 * SLOTS];

	setup();
	ck_assert_uint_eq(vine_desc_cookie(&d), 0);
	vine_journal_take(&j, &d, 1);
	ck_assert_int_eq(listed(cookies), 1);
	ck_assert_uint_eq(cookies[0], 0);
	teardown();
}
END_TEST

START_TEST(the_oldest_comes_first_also_where_positions_begin_anew)
{
	/* places are given out in turn, one that is in use is left out */
	static const uint32_t from[] = { 0, 65530, UINT32_MAX - 5 };
	uint32_t cookies[2 * SLOTS];

	for (size_t k = 0; k < sizeof(from) / sizeof(from[0]); k++) {
		uint32_t pos = from[k];

		setup();
		for (uint32_t i = 0; i < 12; i++, pos++) {
			struct vine_desc d = task((i * 7) % 32, pos, 0);

			vine_journal_take(&j, &d, pos + 1);
		}
		ck_assert_int_eq(listed(cookies), 12);
		for (uint32_t i = 0; i < 12; i++)
			ck_assert_uint_eq(cookies[i] & 31, (i * 7) % 32);
		teardown();
	}
}
END_TEST

START_TEST(forged_cookies_stay_in_the_journal_of_their_queue)
{
	uint32_t cookies[2 * SLOTS], *words;
	uint32_t before, after;
	uint64_t seed = 77;

	setup();
	words = j.entries;
	before = words[-1];
	after = words[2 * SLOTS];
	for (int i = 0; i < 100000; i++) {
		struct vine_desc d = { { rig_random(&seed) } };

		vine_journal_take(&j, &d, (uint32_t)i);
		if (i % 3 == 0)
			vine_journal_answer(&j, vine_desc_cookie(&d),
					    (uint32_t)i);
	}
	ck_assert_uint_eq(words[-1], before);
	ck_assert_uint_eq(words[2 * SLOTS], after);
	ck_assert_int_le(listed(cookies), 2 * SLOTS);
	teardown();
}
END_TEST

START_TEST(the_descriptor_of_a_task_that_may_run_again_is_kept_whole)
{
	struct vine_desc d = task(9, 0, VINE_DESC_IDEMPOTENT);
	uint32_t *entries;

	setup();
	for (int i = 3; i < 8; i++)
		d.w[i] = UINT64_C(0x1111111111111111) * (uint64_t)i;
	vine_journal_take(&j, &d, 1);
	ck_assert_int_eq(vine_journal_list(&j, &entries), 1);
	ck_assert(entries[0] & VINE_JOURNAL_AGAIN);
	ck_assert_mem_eq(&j.descs[9], &d, sizeof(d));
	free(entries);
	vine_journal_close(&j);
	ck_assert_uint_eq(j.queue->state, 0);
	ck_assert_uint_eq(j.queue->descs, 0);
	teardown();
}
END_TEST

#if STEP_CAN

/*
 * A lane takes two tasks, puts one back, takes it again and answers both; it
 * dies after each of its stores. At each instant a task is in its slot, or in
 * flight, or its completion is in the ring: one of them, and the next appliance
 * finds which. All of it lies on one page, of which each store makes a copy.
 */
struct page {
	struct vine_desc_shm sub[SLOTS];
	struct vine_comp_shm comp[2 * SLOTS];
	struct vine_keep_queue queue;
	uint32_t entries[2 * SLOTS];
};

_Static_assert(sizeof(struct page) <= STEP_PAGE, "is more than a page");

static struct page *live, copies[64];
static int copied;

static void
copy_page(struct step step)
{
	if (step.store) {
		rig_check(copied < 64);
		copies[copied++] = *live;
	}
}

static void
bind(struct page *p)
{
	j = (struct vine_journal){ p->entries, &p->queue, 2 * SLOTS - 1, NULL,
		&keep };
	sub = (struct vine_ring){ p->sub, SLOTS - 1, 0 };
	comp = (struct vine_cring){ p->comp, 2 * SLOTS - 1, 0 };
}

/* How far a task is in a copy: 0 in its slot, 1 in flight, 2 answered. */
static int
how_far(struct page *p, const struct vine_desc *d)
{
	uint32_t cookies[2 * SLOTS], cookie = vine_desc_cookie(d);
	uint32_t pos = (uint32_t)d->w[0] - 1;
	int in_slot, noted = 0, answered = 0, n;

	bind(p);
	vine_journal_settle(&j, &sub, &comp);
	vine_journal_settle(&j, &sub, &comp);	/* its writer died too */
	in_slot = p->queue.sub_pos <= pos;
	n = listed(cookies);
	for (int i = 0; i < n; i++)
		noted += cookies[i] == cookie;
	for (uint32_t i = 0; i < p->queue.comp_pos; i++)
		answered += arch_load64(&p->comp[i].w[0]) >> 32 == cookie;
	ck_assert_msg(in_slot + noted + answered == 1, "%d in its slot, %d in "
		      "flight, %d answered", in_slot, noted, answered);
	return noted + 2 * answered;
}

START_TEST(whatever_the_instant_a_task_is_in_one_place)
{
	struct vine_desc a = task(4, 0, 0), b = task(5, 1, 0);
	struct vine_comp c = { .cookie = vine_desc_cookie(&b) };
	int far, was[2] = { 0, 0 }, back = 0;

	setup();
	live = mmap(NULL, STEP_PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(live, MAP_FAILED);
	bind(live);
	push(&a);
	push(&b);
	step_begin(live, NULL, copy_page);
	vine_journal_take(&j, &a, 1);
	vine_journal_take(&j, &b, 2);
	vine_journal_put_back(&j, vine_desc_cookie(&b), 1);
	vine_journal_take(&j, &b, 2);
	vine_cring_push(&comp, &c);
	vine_journal_answer(&j, c.cookie, comp.pos);
	c.cookie = vine_desc_cookie(&a);
	vine_cring_push(&comp, &c);
	vine_journal_answer(&j, c.cookie, comp.pos);
	step_end();
	ck_assert_int_ge(copied, 4 * 2 + 2 * 6);
	for (int i = 0; i < copied; i++) {
		far = how_far(&copies[i], &a);
		ck_assert_int_ge(far, was[0]);
		was[0] = far;
		far = how_far(&copies[i], &b);
		back += far < was[1];
		was[1] = far;
	}
	ck_assert_int_eq(was[0], 2);
	ck_assert_int_eq(was[1], 2);
	ck_assert_int_eq(back, 1);	/* when it was put back */
	teardown();
}
END_TEST

#endif

static const struct rig_case cases[] = {
	RIG_CASE(a_task_is_in_flight_from_take_to_answer),
	RIG_CASE(cookie_0_is_a_cookie),
	RIG_CASE(the_oldest_comes_first_also_where_positions_begin_anew),
	RIG_CASE(forged_cookies_stay_in_the_journal_of_their_queue),
	RIG_CASE(the_descriptor_of_a_task_that_may_run_again_is_kept_whole),
#if STEP_CAN
	RIG_CASE(whatever_the_instant_a_task_is_in_one_place),
#endif
};

RIG_MAIN("vine_journal", cases)
