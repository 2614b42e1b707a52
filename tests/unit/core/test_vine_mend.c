/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_mend: segments that were overwritten or cut short. */
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>

#include "arch/shm/arch_shm_guard.h"
#include "core/vine_life.h"
#include "core/vine_mend.h"
#include "core/vine_pipe.h"
#include "core/vine_session.h"
#include "rig.h"
#include "tests/lib/full.h"
#include "utils/utils_config.h"

static struct rig rig;

static uint64_t
counted(enum vine_count what)
{
	return atomic_load(&rig.pipe->lanes[0].count[what]);
}

/* A copy of all tables; whoever looks must not be served meanwhile. */
static uint8_t *
tables(void)
{
	const struct vine_seg *seg = rig.pipe->seg;
	uint8_t *copy = malloc(seg->layout.heap_off);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, seg->base, seg->layout.heap_off);
	return copy;
}

static void
same(const uint8_t *copy, uint64_t from, uint64_t to)
{
	ck_assert_msg(memcmp(rig.pipe->seg->base + from, copy + from,
			     to - from) == 0,
		      "bytes %llu to %llu are not what they were",
		      (unsigned long long)from, (unsigned long long)to);
}

START_TEST(an_overwritten_header_and_directory_are_restored)
{
	const struct vine_layout *l;
	vine_accel *vaccel;
	struct vine_session *s;
	uint8_t *copy;

	rig_open(&rig, 2 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	ck_assert_int_eq(vine_accel_open(rig_accel(s), -3, &vaccel), 0);
	rig_stop(&rig);
	l = &rig.pipe->seg->layout;
	vine_mend_segment(rig.pipe);
	ck_assert_uint_eq(counted(VINE_COUNT_HEADERS), 0);
	copy = tables();
	memset(rig.pipe->seg->base, 0xa5, 84);	/* up to the clock's kind */
	/* without the accelerators' statistics: a tick writes those */
	for (uint32_t i = 0; i < l->accels; i++)
		memset(vine_seg_accel(rig.pipe->seg, i), 0xa5, 84);
	memset(rig.pipe->seg->base + l->proc_off, 0xa5,
	       l->extent_off - l->proc_off);
	vine_mend_segment(rig.pipe);
	ck_assert_uint_eq(counted(VINE_COUNT_HEADERS), 1);
	same(copy, 0, 88);
	for (uint32_t i = 0; i < l->accels; i++) {
		uint64_t at = l->accel_off +
			i * sizeof(struct vine_accel_shm);
		const struct vine_accel_shm *a = (const void *)(copy + at);

		same(copy, at, at + (arch_load32(&a->handle) ? 84 : 4));
	}
	for (uint32_t i = 0; i < l->procs; i++) {
		uint64_t at = l->proc_off + i * sizeof(struct vine_proc_shm);
		const struct vine_proc_shm *p = (const void *)(copy + at);

		same(copy, at, at + 4);
		if (arch_load32(&p->handle))
			same(copy, at + 16, at + 88);
	}
	rig_start(&rig);
	ck_assert_int_eq(vine_accel_close(vaccel), 0);
	vine_session_close(s);
	rig_close(&rig);
	free(copy);
}
END_TEST

/* What a later version of libvine formed is not made one of ours. */
START_TEST(a_header_of_a_newer_minor_version_is_restored_as_it_was)
{
	struct vine_header_shm *h;
	struct vine_seg *stays;
	struct utils_config *config;

	rig_init(&rig, 2 * RIG_MIB, NULL);
	ck_assert_int_eq(utils_config_parse(rig.config, "test", &config), 0);
	ck_assert_int_eq(vine_seg_open(config, &stays), 0);
	h = vine_seg_header(stays);
	h->abi_minor.v = 3;
	arch_store32(&h->compat, 0x10);
	rig_serve_on(&rig);
	arch_store32(&h->compat, 0);
	h->abi_minor.v = 0;
	vine_mend_segment(rig.pipe);
	ck_assert_uint_eq(h->abi_minor.v, 3);
	ck_assert_uint_eq(arch_load32(&h->compat), 0x10);
	ck_assert_uint_eq(counted(VINE_COUNT_HEADERS), 1);
	vine_seg_close(stays);
	utils_config_free(config);
	rig_close(&rig);
}
END_TEST

START_TEST(it_says_again_that_it_serves_unless_it_drains)
{
	struct vine_header_shm *h;

	rig_init(&rig, 2 * RIG_MIB, NULL);
	rig_serve_on(&rig);
	h = vine_seg_header(rig.pipe->seg);
	arch_store32(&h->appliance, 77);
	vine_mend_segment(rig.pipe);
	ck_assert_uint_eq(arch_load32(&h->appliance), 77);
	vine_pipe_serve(rig.pipe);
	arch_store32(&h->appliance, VINE_APPLIANCE_NONE);
	vine_mend_segment(rig.pipe);
	ck_assert_uint_eq(arch_load32(&h->appliance), VINE_APPLIANCE_SERVING);
	vine_pipe_drain(rig.pipe);
	vine_mend_segment(rig.pipe);
	ck_assert_uint_eq(arch_load32(&h->appliance), VINE_APPLIANCE_DRAINING);
	rig_close(&rig);
}
END_TEST

static uint64_t
bytes_of(int fd)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return (uint64_t)st.st_size;
}

/* Where nobody has touched what is missing, it is noticed by the size. */
START_TEST(an_object_that_was_cut_short_is_mended_and_its_sessions_end)
{
	struct vine_session *s;
	struct vine_task_opts o;
	int fd;

	ck_assert_int_eq(arch_shm_guard_start(), 0);
	rig_open(&rig, 2 * RIG_MIB, NULL);
	fd = shm_open(rig.name, O_RDWR, 0);
	ck_assert_int_ge(fd, 0);
	for (int i = 0; i < 2; i++) {
		s = rig_attach(&rig);
		o = rig_opts(s, "nop");
		ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
		rig_stop(&rig);
		ck_assert_int_eq(ftruncate(fd, i ? 0 : RIG_MIB), 0);
		rig_listen();
		vine_mend_segment(rig.pipe);
		ck_assert_uint_eq(bytes_of(fd), 2 * RIG_MIB);
		ck_assert_uint_eq(counted(VINE_COUNT_TORN), (uint64_t)i + 1);
		ck_assert_ptr_nonnull(strstr(rig_log, i ? "was cut short at "
			"offset 0: it has its 2097152 bytes again" :
			"was cut short at offset 1048576"));
		rig_start(&rig);
		rig_await(vine_life_check(s) == -ECONNRESET);
		ck_assert_int_eq(s->lost, VINE_STATUS_SESSION_LOST);
		vine_session_close(s);
		rig_nap(1100000000);	/* so that it may log again */
	}
	s = rig_attach(&rig);
	o = rig_opts(s, "nop");
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	vine_session_close(s);
	close(fd);
	rig_close(&rig);
}
END_TEST

/* The object has its size, so it is not said to be cut short. Nobody can tell
 * by the signal: the file system is asked. */
START_TEST(a_file_system_without_room_is_named_and_its_sessions_end)
{
	volatile uint8_t *untouched;
	struct vine_session *s;
	struct vine_task_opts o;
	char text[512];
	int fd;

	if (!full_mount("6M"))
		return;
	ck_assert_int_eq(arch_shm_guard_start(), 0);
	rig_open(&rig, 16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	o = rig_opts(s, "nop");
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	rig_stop(&rig);
	fd = full_fill();
	ck_assert_int_ge(fd, 0);
	untouched = rig.pipe->seg->base + 8 * RIG_MIB;
	*untouched = 1;
	rig_listen();
	vine_mend_segment(rig.pipe);
	ck_assert_uint_eq(counted(VINE_COUNT_TORN), 1);
	snprintf(text, sizeof(text), "%s found no memory at offset %llu: what "
		 "it lies in is full;", rig.pipe->seg->name,
		 8ULL * RIG_MIB);
	ck_assert_msg(strstr(rig_log, text) != NULL, "%s", rig_log);
	ck_assert_ptr_nonnull(strstr(rig_log, " of its 16777216 bytes have"));
	ck_assert_ptr_null(strstr(rig_log, "cut short"));
	full_empty(fd);
	rig_start(&rig);
	rig_await(vine_life_check(s) == -ECONNRESET);
	vine_session_close(s);
	/* with room again it serves as before */
	s = rig_attach(&rig);
	o = rig_opts(s, "nop");
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	*untouched = 1;
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	ck_assert_uint_eq(counted(VINE_COUNT_TORN), 1);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(an_overwritten_header_and_directory_are_restored),
	RIG_CASE(a_header_of_a_newer_minor_version_is_restored_as_it_was),
	RIG_CASE(it_says_again_that_it_serves_unless_it_drains),
	RIG_CASE(an_object_that_was_cut_short_is_mended_and_its_sessions_end),
	/* last: it changes what the process has for a /dev/shm */
	RIG_CASE(a_file_system_without_room_is_named_and_its_sessions_end),
};

RIG_MAIN("vine_mend", cases)
