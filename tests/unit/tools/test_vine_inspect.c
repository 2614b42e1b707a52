/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vine-inspect's parts over segments that say anything: the stops of a queue by
 * its rings, and reports that are JSON whatever the bytes are.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/tools_table.h"
#include "tools/vine_inspect_report.h"
#include "tools/vine_inspect_stops.h"

#define MIB (UINT64_C(1) << 20)

static uint64_t
rnd(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(0x2545f4914f6cdd1d);
}

/* --- stops --------------------------------------------------------------- */

enum { SUB = 16, COMP = 32 };

static struct vine_desc_shm sub[SUB];
static struct vine_comp_shm comp[COMP];

/* Rings after `published` tasks of which `completed` are. */
static struct vine_inspect_stops
stops_after(uint32_t published, uint32_t taken, uint32_t completed,
	    uint32_t said)
{
	struct vine_inspect_rings r = { sub, comp, SUB, COMP, taken, said };
	struct vine_inspect_stops stops;

	memset(sub, 0, sizeof(sub));
	memset(comp, 0, sizeof(comp));
	for (uint32_t i = 0; i < SUB && i < published; i++)
		arch_store64(&sub[(published - 1 - i) % SUB].w[0],
			     published - i);
	for (uint32_t i = 0; i < COMP && i < completed; i++)
		arch_store64(&comp[(completed - 1 - i) % COMP].w[0],
			     completed - i);
	vine_inspect_stops_of(&r, &stops);
	return stops;
}

#define CHECK_STOPS(s, p, t, u, c) \
	do { \
		struct vine_inspect_stops s_ = (s); \
		ck_assert_uint_eq(s_.published, p); \
		ck_assert_uint_eq(s_.taken, t); \
		ck_assert_uint_eq(s_.unreaped, u); \
		ck_assert_uint_eq(s_.completed, c); \
	} while (0)

START_TEST(a_new_queue_has_nothing_at_any_stop)
{
	CHECK_STOPS(stops_after(0, 0, 0, 0), 0, 0, 0, 0);
}
END_TEST

START_TEST(tasks_are_counted_at_the_stop_where_they_are)
{
	/* 5 published, none taken; 5 of 8 taken; 3 of those completed */
	CHECK_STOPS(stops_after(5, 0, 0, 0), 5, 0, 0, 0);
	CHECK_STOPS(stops_after(8, 5, 0, 0), 3, 5, 0, 0);
	CHECK_STOPS(stops_after(8, 5, 3, 3), 3, 2, 3, 3);
	/* laps later, with both rings full of what was */
	CHECK_STOPS(stops_after(1008, 1005, 1003, 1003), 3, 2, 27, 1003);
	/* a ring of tasks that nobody takes */
	CHECK_STOPS(stops_after(1016, 1000, 1000, 1000), 16, 0, 16, 1000);
}
END_TEST

START_TEST(completions_tell_more_than_the_words_that_come_late)
{
	CHECK_STOPS(stops_after(20, 8, 12, 8), 8, 0, 12, 12);
	/* the words are more than a lap of completions behind */
	CHECK_STOPS(stops_after(136, 130, 135, 100), 1, 0, 31, 135);
}
END_TEST

START_TEST(counts_hold_where_numbers_go_round)
{
	struct vine_inspect_rings r = { sub, comp, SUB, COMP, UINT32_MAX - 1,
		UINT64_C(0x1fffffffe) };
	struct vine_inspect_stops stops;

	memset(sub, 0, sizeof(sub));
	memset(comp, 0, sizeof(comp));
	/* positions 2^32 - 2 to 1: sequences 2^32 - 1, 0, 1, 2 */
	for (uint32_t i = 0; i < 4; i++)
		arch_store64(&sub[(UINT32_MAX - 1 + i) % SUB].w[0],
			     (uint32_t)(UINT32_MAX + i));
	arch_store64(&comp[(UINT32_MAX - 1) % COMP].w[0], UINT32_MAX);
	/* the lap before: a slot of zeros would be the sequence that is next */
	arch_store64(&comp[UINT32_MAX % COMP].w[0], UINT32_MAX - COMP + 1);
	vine_inspect_stops_of(&r, &stops);
	ck_assert_uint_eq(stops.published, 3);
	ck_assert_uint_eq(stops.taken, 0);
	ck_assert_uint_eq(stops.completed, UINT64_C(0x1ffffffff));
}
END_TEST

START_TEST(forged_sequences_stay_within_the_rings)
{
	uint64_t seed = 7;

	for (int i = 0; i < 100000; i++) {
		struct vine_inspect_rings r = { sub, comp, SUB, COMP,
			(uint32_t)rnd(&seed), rnd(&seed) };
		struct vine_inspect_stops stops;

		for (uint32_t k = 0; k < SUB; k++)
			arch_store64(&sub[k].w[0], rnd(&seed) % 3 ?
				     r.taken + rnd(&seed) % 40 : rnd(&seed));
		for (uint32_t k = 0; k < COMP; k++)
			arch_store64(&comp[k].w[0], rnd(&seed) % 3 ?
				     r.completed + rnd(&seed) % 80 :
				     rnd(&seed));
		vine_inspect_stops_of(&r, &stops);
		ck_assert_uint_le(stops.published, SUB);
		ck_assert_uint_le(stops.taken, COMP);
		ck_assert_uint_le(stops.unreaped, COMP);
	}
}
END_TEST

/* --- reports ------------------------------------------------------------- */

static int fd;
static uint8_t *base;

/* A segment of 1 MiB with a header as it should be, and else as it may. */
static void
form(void)
{
	struct vine_header_shm *h;

	fd = memfd_create("vine-inspect", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)MIB), 0);
	base = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(base, MAP_FAILED);
	h = (struct vine_header_shm *)base;
	arch_store64(&h->magic, VINE_MAGIC);
	arch_store32(&h->state, VINE_SEG_READY);
	arch_store32(&h->layout_id, vine_layout_id());
	h->abi_major.v = VINE_ABI_MAJOR;
	arch_store64(&h->size, MIB);
	arch_store32(&h->queue_slots, 128);
}

static void
forget(void)
{
	munmap(base, MIB);
	close(fd);
}

/* Report on it: JSON of whatever it says, and a table. Returns the faults. */
static uint32_t
report(char **text)
{
	struct vine_inspect_snap snap;
	uint32_t faults;
	json_t *root;
	FILE *out = fopen("/dev/null", "w");

	ck_assert_int_eq(vine_inspect_snap_read(fd, 0, &snap), 0);
	root = vine_inspect_report(&snap, "x", ~0u, &faults);
	vine_inspect_snap_drop(&snap);
	ck_assert_ptr_nonnull(root);
	*text = json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII);
	ck_assert_ptr_nonnull(*text);
	tools_table_print(root, out);
	fclose(out);
	json_decref(root);
	return faults;
}

START_TEST(a_segment_of_any_bytes_is_reported)
{
	uint64_t seed = (uint64_t)_i + 1;

	form();
	for (int round = 0; round < 30; round++) {
		char *text;
		uint64_t from = rnd(&seed) % 4096 + 64;

		for (uint64_t at = from & ~UINT64_C(7); at < MIB; at += 8) {
			uint64_t v = rnd(&seed);

			/* numbers that could be right, too */
			if (v >> 62 == 0)
				v &= 0x3f;
			else if (v >> 62 == 1)
				v &= 0xffff8;
			memcpy(base + at, &v, 8);
		}
		report(&text);
		free(text);
	}
	forget();
}
END_TEST

START_TEST(a_header_of_any_bytes_is_shown_and_no_more)
{
	uint64_t seed = 5;

	form();
	for (int round = 0; round < 3000; round++) {
		uint64_t at = rnd(&seed) % 12 * 8, was, v = rnd(&seed);
		char *text;

		memcpy(&was, base + at, 8);
		if (v & 1)
			v >>= rnd(&seed) % 64;
		memcpy(base + at, &v, 8);
		report(&text);
		free(text);
		memcpy(base + at, &was, 8);
	}
	forget();
}
END_TEST

START_TEST(what_cannot_be_right_is_named)
{
	struct vine_layout l;
	struct vine_queue_shm *q;
	struct vine_extent_shm *e;
	struct vine_accel_shm *a;
	char *text;

	form();
	ck_assert_uint_eq(report(&text), 0);
	free(text);
	ck_assert_int_eq(vine_layout_plan(MIB, 128, &l), 0);
	q = (struct vine_queue_shm *)(base + l.queue_off) + 3;
	arch_store32(&q->state, 1);
	arch_store32(&q->session, 999);
	arch_store32(&q->bell, 16);
	arch_store64(&q->sub, MIB - 8);
	arch_store64(&q->comp, l.heap_off);
	arch_store32(&q->sub_slots, 128);
	arch_store32(&q->comp_slots, 256);
	q++;
	arch_store32(&q->state, 1);
	arch_store32(&q->sub_slots, 1u << 31);
	e = (struct vine_extent_shm *)(base + l.extent_off) + 5;
	arch_store64(&e->off, UINT64_MAX - 4095);
	arch_store64(&e->len, 8192);
	a = (struct vine_accel_shm *)(base + l.accel_off) + 2;
	arch_store32(&a->handle, 77);
	ck_assert_uint_eq(report(&text), 6);
	ck_assert_ptr_nonnull(strstr(text, "queue 3: rings at 1048568"));
	ck_assert_ptr_nonnull(strstr(text, "queue 3 is of session 999"));
	ck_assert_ptr_nonnull(strstr(text, "queue 3 is of worker 16"));
	ck_assert_ptr_nonnull(strstr(text, "queue 4 has rings of 2147483648"));
	ck_assert_ptr_nonnull(strstr(text, "extent 5, 8192 bytes at 18446"));
	ck_assert_ptr_nonnull(strstr(text, "accelerator 2 has the handle 0x4d"));
	free(text);
	forget();
}
END_TEST

START_TEST(rings_that_overlap_are_read_no_more_often_than_the_heap_is_long)
{
	struct vine_layout l;
	char *text, *at;
	uint32_t known = 0;

	form();
	ck_assert_int_eq(vine_layout_plan(MIB, 128, &l), 0);
	for (uint32_t i = 1; i < l.queues; i++) {
		struct vine_queue_shm *q =
			(struct vine_queue_shm *)(base + l.queue_off) + i;

		arch_store32(&q->state, 1);
		arch_store64(&q->sub, l.heap_off);
		arch_store64(&q->comp, l.heap_off + 8192);
		arch_store32(&q->sub_slots, 128);
		arch_store32(&q->comp_slots, 256);
	}
	ck_assert_uint_gt(report(&text), 0);
	for (at = text; (at = strstr(at, "\"published\":0")) != NULL; at++)
		known++;
	ck_assert_uint_eq(known, l.heap_size / (128 * 64 + 256 * 32));
	free(text);
	forget();
}
END_TEST

START_TEST(a_count_that_no_json_number_holds_is_a_text)
{
	struct vine_layout l;
	struct vine_session_shm *s;
	char *text;

	form();
	ck_assert_int_eq(vine_layout_plan(MIB, 128, &l), 0);
	s = (struct vine_session_shm *)(base + l.session_off) + 2;
	arch_store32(&s->claim, 1);
	arch_store64(&s->granted, INT64_MAX);
	arch_store64(&s->code, UINT64_MAX);
	arch_store32(&s->quota_procs, 12);
	ck_assert_uint_eq(report(&text), 0);
	ck_assert_ptr_nonnull(strstr(text, "\"quotas\":[{\"slot\":2,"
		"\"memory_bytes\":9223372036854775807,"
		"\"quota_memory_bytes\":null,"));
	ck_assert_ptr_nonnull(strstr(text, "\"procs\":0,\"quota_procs\":12,"
		"\"code_bytes\":\"0xffffffffffffffff\","
		"\"quota_code_bytes\":null}"));
	free(text);
	forget();
}
END_TEST

/* --- no memory ----------------------------------------------------------- */

static long allocs_left, allocs_live;

static void *
scarce_malloc(size_t n)
{
	if (allocs_left-- <= 0)
		return NULL;
	allocs_live++;
	return malloc(n);
}

static void
scarce_free(void *p)
{
	allocs_live -= p != NULL;
	free(p);
}

START_TEST(without_memory_there_is_no_report_and_nothing_is_left)
{
	struct vine_inspect_snap snap;
	struct vine_layout l;
	struct vine_session_shm *s;
	uint32_t faults = 77;
	json_t *root = NULL;
	long n;

	form();
	ck_assert_int_eq(vine_layout_plan(MIB, 128, &l), 0);
	s = (struct vine_session_shm *)(base + l.session_off);
	arch_store32(&s->claim, 1);
	arch_store32(&s->state, 9);
	ck_assert_int_eq(vine_inspect_snap_read(fd, 0, &snap), 0);
	json_set_alloc_funcs(scarce_malloc, scarce_free);
	for (n = 0; root == NULL && n < 100000; n++) {
		allocs_left = n;
		root = vine_inspect_report(&snap, "x", ~0u, &faults);
		if (root == NULL) {
			ck_assert_int_eq(allocs_live, 0);
			ck_assert_uint_eq(faults, 77);
		}
	}
	ck_assert_int_gt(n, 100);
	ck_assert_ptr_nonnull(root);
	json_decref(root);
	ck_assert_int_eq(allocs_live, 0);
	json_set_alloc_funcs(malloc, free);
	vine_inspect_snap_drop(&snap);
	forget();
}
END_TEST

START_TEST(an_object_that_is_too_short_is_an_error)
{
	struct vine_inspect_snap snap;
	char *text;

	form();
	ck_assert_int_eq(vine_inspect_snap_read(fd, MIB - 8, &snap), -ENODATA);
	ck_assert_int_eq(vine_inspect_snap_read(fd, UINT64_MAX, &snap),
			 -ENODATA);
	ck_assert_int_eq(ftruncate(fd, MIB - 1), 0);
	ck_assert_uint_eq(report(&text), 1);	/* the header alone */
	free(text);
	ck_assert_int_eq(ftruncate(fd, 4095), 0);
	ck_assert_int_eq(vine_inspect_snap_read(fd, 0, &snap), -ENODATA);
	forget();
}
END_TEST

START_TEST(a_label_cannot_steer_a_terminal)
{
	static const char label[] = "\x1b]0;owned\x07\xff";
	struct vine_layout l;
	struct vine_session_shm *s;
	char *text;

	form();
	ck_assert_int_eq(vine_layout_plan(MIB, 128, &l), 0);
	s = (struct vine_session_shm *)(base + l.session_off);
	arch_store32(&s->claim, 1);
	memcpy(s->label, label, sizeof(label));
	ck_assert_uint_eq(report(&text), 0);
	ck_assert_ptr_nonnull(strstr(text, "\"label\":\"?]0;owned??\""));
	for (char *c = text; *c; c++)
		ck_assert(*c == '\n' || (*c >= ' ' && *c <= '~'));
	free(text);
	forget();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("vine_inspect");
	TCase *tcase = tcase_create("inspect");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_new_queue_has_nothing_at_any_stop);
	tcase_add_test(tcase, tasks_are_counted_at_the_stop_where_they_are);
	tcase_add_test(tcase,
		completions_tell_more_than_the_words_that_come_late);
	tcase_add_test(tcase, counts_hold_where_numbers_go_round);
	tcase_add_test(tcase, forged_sequences_stay_within_the_rings);
	tcase_add_loop_test(tcase, a_segment_of_any_bytes_is_reported, 0, 4);
	tcase_add_test(tcase, a_header_of_any_bytes_is_shown_and_no_more);
	tcase_add_test(tcase, what_cannot_be_right_is_named);
	tcase_add_test(tcase,
		rings_that_overlap_are_read_no_more_often_than_the_heap_is_long);
	tcase_add_test(tcase, a_count_that_no_json_number_holds_is_a_text);
	tcase_add_test(tcase,
		without_memory_there_is_no_report_and_nothing_is_left);
	tcase_add_test(tcase, an_object_that_is_too_short_is_an_error);
	tcase_add_test(tcase, a_label_cannot_steer_a_terminal);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
