/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of rt_sim_disk: what is safe after a power cut, and every fault. */
#include <fcntl.h>

#include "rt/rt_io.h"
#include "rt/rt_sim.h"
#include "tests/unit/rt/sim.h"

#define SECTOR 512
#define SECTORS 8

static struct rt_sim *sim;
static struct rt_sim_node *node;

/* Run a task on a node of its own, on a disk that does as it is told. */
static void
on_node(const struct rt_sim_opts *opts, uint64_t seed, rt_task_fn fn)
{
	sim = sim_new(opts, seed);
	node = sim_node(sim, "disk", fn, NULL);
	ck_assert_int_eq(rt_sim_run(sim, RT_NEVER), 0);
}

static int
open_it(const char *path, int flags)
{
	int fd = rt_io_open(path, flags, 0600, RT_NEVER);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void
put(int fd, int what, size_t length, int64_t offset)
{
	static char bytes[1 << 20];

	memset(bytes, what, length);
	ck_assert_int_eq(rt_io_write_all(fd, bytes, length, offset, RT_NEVER),
			 0);
}

static void
close_it(int fd)
{
	ck_assert_int_eq(rt_io_close(fd), 0);
}

/* --- a disk that works ---------------------------------------------------- */

static int
use_files(void *arg)
{
	char bytes[5000];
	struct iovec pieces[2] = { { bytes, 2 }, { bytes + 2, 3 } };
	int fd = open_it("a", O_RDWR | O_CREAT | O_EXCL), other;

	(void)arg;
	ck_assert_int_eq(rt_io_open("a", O_CREAT | O_EXCL, 0, RT_NEVER),
			 -EEXIST);
	ck_assert_int_eq(rt_io_open("b", O_RDWR, 0, RT_NEVER), -ENOENT);
	put(fd, 'x', 3000, 100);
	ck_assert_int_eq(rt_io_size(fd, RT_NEVER), 3100);
	ck_assert_int_eq(rt_io_read(fd, bytes, 5000, 0, RT_NEVER), 3100);
	ck_assert_int_eq(bytes[99], 0);
	ck_assert_int_eq(bytes[100], 'x');
	ck_assert_int_eq(rt_io_read(fd, bytes, 10, 3100, RT_NEVER), 0);
	ck_assert_int_eq(rt_io_readv(fd, pieces, 2, 98, RT_NEVER), 5);
	ck_assert_mem_eq(bytes, "\0\0xxx", 5);
	ck_assert_int_eq(rt_io_write(fd, "12", 2, RT_IO_HERE, RT_NEVER), 2);
	ck_assert_int_eq(rt_io_write(fd, "34", 2, RT_IO_HERE, RT_NEVER), 2);
	ck_assert_int_eq(rt_io_read(fd, bytes, 4, 0, RT_NEVER), 4);
	ck_assert_mem_eq(bytes, "1234", 4);
	ck_assert_int_eq(rt_io_truncate(fd, 102, RT_NEVER), 0);
	ck_assert_int_eq(rt_io_truncate(fd, 200, RT_NEVER), 0);
	ck_assert_int_eq(rt_io_read(fd, bytes, 5000, 100, RT_NEVER), 100);
	ck_assert_mem_eq(bytes, "xx\0\0", 4);
	ck_assert_int_eq(rt_io_allocate(fd, 0, 0, 9000, RT_NEVER), 0);
	ck_assert_int_eq(rt_io_size(fd, RT_NEVER), 9000);
	ck_assert_int_eq(rt_io_allocate(fd, FALLOC_FL_PUNCH_HOLE |
					FALLOC_FL_KEEP_SIZE, 0, 101, RT_NEVER),
			 0);
	ck_assert_int_eq(rt_io_read(fd, bytes, 3, 99, RT_NEVER), 3);
	ck_assert_mem_eq(bytes, "\0\0x", 3);
	ck_assert_int_eq(rt_io_rename("a", "c", RT_NEVER), 0);
	ck_assert_int_eq(rt_io_rename("a", "c", RT_NEVER), -ENOENT);
	ck_assert_int_eq(rt_io_open("a", O_RDONLY, 0, RT_NEVER), -ENOENT);
	other = open_it("c", O_RDONLY);
	ck_assert_int_eq(rt_io_write(other, "x", 1, 0, RT_NEVER), -EBADF);
	ck_assert_int_eq(rt_io_unlink("c", RT_NEVER), 0);
	ck_assert_int_eq(rt_io_unlink("c", RT_NEVER), -ENOENT);
	/* it lives as long as it is open */
	ck_assert_int_eq(rt_io_size(other, RT_NEVER), 9000);
	close_it(other);
	close_it(fd);
	ck_assert_int_eq(rt_io_read(fd, bytes, 1, 0, RT_NEVER), -EBADF);
	fd = open_it("d", O_RDWR | O_CREAT | O_DIRECT);
	ck_assert_int_eq(rt_io_write(fd, bytes, 100, 0, RT_NEVER), -EINVAL);
	ck_assert_int_eq(rt_io_write(fd, bytes, 512, 1024, RT_NEVER), 512);
	close_it(fd);
	return 0;
}

START_TEST(files_are_as_files_are)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		on_node(NULL, seed, use_files);
		sim_end(sim);
	}
}
END_TEST

/* Reads that are under way at a time, in the order in which they end. */
static char ends[5];

static int
read_one(void *arg)
{
	char byte;

	ck_assert_int_eq(rt_io_read(*(int *)arg, &byte, 1, 0, RT_NEVER), 1);
	ends[strlen(ends)] = (char)('a' + ((int *)arg)[1]);
	return 0;
}

static int
read_four(void *arg)
{
	static int args[4][2];
	int fd = open_it("a", O_RDWR | O_CREAT);

	(void)arg;
	put(fd, 'x', 10, 0);
	for (int i = 0; i < 4; i++) {
		args[i][0] = fd;
		args[i][1] = i;
		sim_go(read_one, args[i]);
	}
	return 0;
}

START_TEST(operations_of_a_disk_pass_each_other)
{
	char first[5];
	int others = 0;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		memset(ends, 0, sizeof(ends));
		on_node(NULL, seed, read_four);
		sim_end(sim);
		if (seed == 1)
			memcpy(first, ends, sizeof(first));
		others += strcmp(first, ends) != 0;
	}
	ck_assert_int_gt(others, 10);
}
END_TEST

/* --- a power cut ---------------------------------------------------------- */

/*
 * A file with sectors of 's', safe; then 'a' and 'b' are written over all of
 * it, and 'c' behind its end, all unsafe.
 */
static int
write_and_fall(void *arg)
{
	int fd = open_it("f", O_RDWR | O_CREAT);

	(void)arg;
	put(fd, 's', SECTORS * SECTOR, 0);
	ck_assert_int_eq(rt_io_fsync(fd, RT_NEVER), 0);
	ck_assert_int_eq(rt_io_sync_dir(".", RT_NEVER), 0);
	put(fd, 'a', SECTORS * SECTOR, 0);
	put(fd, 'b', SECTORS * SECTOR, 0);
	put(fd, 'c', 2 * SECTOR, SECTORS * SECTOR);
	rt_sim_crash(rt_sim_node_self());
	return 0;
}

/* What a sector holds: one byte all over, or -1. */
static int
whole(const char *sector)
{
	for (int i = 1; i < SECTOR; i++)
		if (sector[i] != sector[0])
			return -1;
	return sector[0];
}

START_TEST(each_sector_is_one_that_was_written_and_all_mixtures_come)
{
	int old = 0, middle = 0, latest = 0, torn = 0, grown = 0, holes = 0;

	for (uint64_t seed = 1; seed <= 300; seed++) {
		char bytes[(SECTORS + 2) * SECTOR];
		int64_t n;
		int seen = 0;

		on_node(NULL, seed, write_and_fall);
		n = rt_sim_peek(node, "f", 0, bytes, sizeof(bytes));
		ck_assert(n == SECTORS * SECTOR || n == sizeof(bytes));
		for (int i = 0; i < SECTORS; i++) {
			int c = whole(bytes + i * SECTOR);

			ck_assert_msg(c == 's' || c == 'a' || c == 'b',
				      "sector %d: %d", i, c);
			seen |= c == 's' ? 1 : c == 'a' ? 2 : 4;
		}
		for (int i = SECTORS; i * SECTOR < n; i++) {
			int c = whole(bytes + i * SECTOR);

			ck_assert(c == 0 || c == 'c');
			holes += c == 0;
		}
		old += seen == 1;
		middle += (seen & 2) != 0;
		latest += seen == 4;
		torn += seen == 7;
		grown += n > SECTORS * SECTOR;
		sim_end(sim);
	}
	ck_assert_int_gt(old, 10);
	ck_assert_int_gt(middle, 10);
	ck_assert_int_gt(latest, 10);
	ck_assert_int_gt(torn, 10);
	ck_assert_int_gt(grown, 10);
	ck_assert_int_gt(holes, 10);
}
END_TEST

static int
write_safely(void *arg)
{
	struct iovec piece = { (void *)(uintptr_t)"xyz", 3 };
	int fd = open_it("f", O_RDWR | O_CREAT), sync;

	(void)arg;
	ck_assert_int_eq(rt_io_sync_dir(".", RT_NEVER), 0);
	put(fd, 'a', 2000, 0);
	ck_assert_int_eq(rt_io_fdatasync(fd, RT_NEVER), 0);
	put(fd, 'b', 1000, 500);
	ck_assert_int_eq(rt_io_fsync(fd, RT_NEVER), 0);
	put(fd, 'u', 100, 1900);	/* not safe */
	sync = open_it("f", O_RDWR | O_DSYNC);
	/* of one sector with what is not */
	ck_assert_int_eq(rt_io_writev(sync, &piece, 1, 1800, RT_NEVER), 3);
	rt_sim_crash(rt_sim_node_self());
	return 0;
}

START_TEST(what_was_made_safe_is_there)
{
	for (uint64_t seed = 1; seed <= 100; seed++) {
		char bytes[3000];

		on_node(NULL, seed, write_safely);
		ck_assert_int_eq(rt_sim_peek(node, "f", 0, bytes, 3000), 2000);
		for (int i = 0; i < 1800; i++)
			ck_assert_int_eq(bytes[i], i < 500 ? 'a' : i < 1500 ?
					 'b' : 'a');
		ck_assert_mem_eq(bytes + 1800, "xyz", 3);
		/* 1900 lies in the sector that became safe, with all it held */
		ck_assert_int_eq(bytes[1900], 'u');
		sim_end(sim);
	}
}
END_TEST

/* Names: a is safe; then b is made, a becomes c, and d is made and synced. */
static int
name_and_fall(void *arg)
{
	(void)arg;
	close_it(open_it("/x/a", O_RDWR | O_CREAT));
	ck_assert_int_eq(rt_io_sync_dir("/x", RT_NEVER), 0);
	close_it(open_it("/y/d", O_RDWR | O_CREAT));
	ck_assert_int_eq(rt_io_sync_dir("/y/", RT_NEVER), 0);
	close_it(open_it("/x/b", O_RDWR | O_CREAT));
	ck_assert_int_eq(rt_io_rename("/x/a", "/x/c", RT_NEVER), 0);
	rt_sim_crash(rt_sim_node_self());
	return 0;
}

static int
is_there(const char *path)
{
	char byte;

	return rt_sim_peek(node, path, 0, &byte, 1) == 0;
}

START_TEST(a_name_is_whole_and_safe_when_its_directory_is)
{
	int made = 0, renamed = 0, both = 0;

	for (uint64_t seed = 1; seed <= 400; seed++) {
		on_node(NULL, seed, name_and_fall);
		ck_assert(is_there("/y/d"));
		/* one of its names, and one only */
		ck_assert_int_eq(is_there("/x/a") + is_there("/x/c"), 1);
		made += is_there("/x/b") && is_there("/x/a");
		renamed += is_there("/x/c") && !is_there("/x/b");
		both += is_there("/x/c") && is_there("/x/b");
		sim_end(sim);
	}
	ck_assert_int_gt(made, 10);
	ck_assert_int_gt(renamed, 10);
	ck_assert_int_gt(both, 10);
}
END_TEST

/* A write that is under way when power is cut. */
static int
write_late(void *arg)
{
	char bytes[4 * SECTOR];

	memset(bytes, 'n', sizeof(bytes));
	ck_assert_int_eq(rt_io_write_all(*(int *)arg, bytes, sizeof(bytes), 0,
					 RT_NEVER), -EIO);
	return 0;
}

static int
fall_meanwhile(void *arg)
{
	static int fd;

	(void)arg;
	fd = open_it("f", O_RDWR | O_CREAT);
	put(fd, 'o', 4 * SECTOR, 0);
	ck_assert_int_eq(rt_io_fsync(fd, RT_NEVER), 0);
	ck_assert_int_eq(rt_io_sync_dir(".", RT_NEVER), 0);
	sim_go(write_late, &fd);
	rt_task_delay(sim_in(5000));
	rt_sim_crash(rt_sim_node_self());
	return 0;
}

START_TEST(a_write_under_way_comes_to_the_disk_or_not)
{
	int none = 0, all = 0, torn = 0;

	for (uint64_t seed = 1; seed <= 200; seed++) {
		char bytes[4 * SECTOR];
		int n = 0;

		on_node(NULL, seed, fall_meanwhile);
		ck_assert_int_eq(rt_sim_peek(node, "f", 0, bytes,
					     sizeof(bytes)), sizeof(bytes));
		for (int i = 0; i < 4; i++)
			n += whole(bytes + i * SECTOR) == 'n';
		none += n == 0;
		all += n == 4;
		torn += n && n < 4;
		ck_assert_uint_eq(rt_sim_node_stats(node)->torn, n && n < 4);
		sim_end(sim);
	}
	ck_assert_int_gt(none, 10);
	ck_assert_int_gt(all, 10);
	ck_assert_int_gt(torn, 10);
}
END_TEST

START_TEST(sectors_of_4096_bytes_are_not_torn_within)
{
	const struct rt_sim_opts opts = { .sector = 4096 };

	for (uint64_t seed = 1; seed <= 50; seed++) {
		char bytes[4 * SECTOR];

		on_node(&opts, seed, fall_meanwhile);
		rt_sim_peek(node, "f", 0, bytes, sizeof(bytes));
		ck_assert_int_eq(bytes[0], bytes[sizeof(bytes) - 1]);
		ck_assert_uint_eq(rt_sim_node_stats(node)->torn, 0);
		sim_end(sim);
	}
}
END_TEST

/* --- faults: each is seen, and by whom it ought to ------------------------ */

#define ROUNDS 200

static struct rt_sim_faults faults;
static struct rt_sim_stats stats;
static int errors, shorts, wrong;

/* Write, sync and read again and again; count what was not as it should be. */
static int
use_bad_disk(void *arg)
{
	char bytes[4096], back[4096];
	int fd = open_it("f", O_RDWR | O_CREAT);

	(void)arg;
	errors = shorts = wrong = 0;
	rt_sim_set_faults(rt_sim_node_self(), &faults);
	for (int i = 0; i < ROUNDS; i++) {
		int64_t at = i * 4096, n;

		memset(bytes, 'A' + i % 26, sizeof(bytes));
		n = rt_io_write(fd, bytes, sizeof(bytes), at, RT_NEVER);
		errors += n < 0;
		shorts += n >= 0 && n < 4096;
		errors += rt_io_fsync(fd, RT_NEVER) != 0;
		n = rt_io_read(fd, back, sizeof(back), at, RT_NEVER);
		errors += n < 0;
		shorts += n >= 0 && n < 4096;
		wrong += n > 0 && memcmp(bytes, back, (size_t)n) != 0;
	}
	close_it(fd);
	return 0;
}

static void
run_faults(uint64_t seed)
{
	on_node(NULL, seed, use_bad_disk);
	stats = *rt_sim_node_stats(node);
	memset(&faults, 0, sizeof(faults));
	sim_end(sim);
}

START_TEST(each_fault_of_a_disk_happens_and_is_told)
{
	run_faults(1);
	ck_assert_int_eq(errors + shorts + wrong, 0);

	faults.read_eio = 10;
	run_faults(1);
	ck_assert_uint_gt(stats.read_eio, 5);
	ck_assert_uint_eq(stats.read_eio, (uint64_t)errors);

	faults.write_eio = 10;
	run_faults(1);
	ck_assert_uint_gt(stats.write_eio, 5);
	ck_assert_uint_eq(stats.write_eio, (uint64_t)errors);

	faults.sync_eio = 10;
	run_faults(1);
	ck_assert_uint_gt(stats.sync_eio, 5);
	ck_assert_uint_eq(stats.sync_eio, (uint64_t)errors);

	faults.no_space = 10;
	run_faults(1);
	ck_assert_uint_gt(stats.no_space, 5);
	ck_assert_uint_eq(stats.no_space, (uint64_t)errors);

	faults.short_write = 10;
	run_faults(1);
	ck_assert_uint_gt(stats.short_write, 5);
	ck_assert_int_gt(shorts, 5);
	ck_assert_int_eq(errors, 0);

	faults.short_read = 10;
	run_faults(1);
	ck_assert_uint_eq(stats.short_read, (uint64_t)shorts);
	ck_assert_int_eq(errors + wrong, 0);

	faults.bad_sector = 10;
	run_faults(1);
	ck_assert_uint_gt(stats.bad_sector, 5);
	ck_assert_int_gt(errors, 5);

	faults.bit_flip = 10;
	run_faults(1);
	ck_assert_uint_gt(stats.bit_flip, 5);
	ck_assert_uint_eq(stats.bit_flip, (uint64_t)wrong);

	faults.misdirected = 10;
	run_faults(1);
	ck_assert_uint_gt(stats.misdirected, 5);
	ck_assert_int_gt(wrong + shorts, 5);
}
END_TEST

static uint64_t took;

static int
take_time(void *arg)
{
	uint64_t begin = rt_sched_now(rt_sched_self());

	use_bad_disk(arg);
	took = rt_sched_now(rt_sched_self()) - begin;
	return 0;
}

START_TEST(a_slow_disk_is_slow)
{
	uint64_t usual;

	on_node(NULL, 1, take_time);
	sim_end(sim);
	usual = took;
	faults.slow_disk = 10;
	on_node(NULL, 1, take_time);
	sim_end(sim);
	memset(&faults, 0, sizeof(faults));
	ck_assert_uint_gt(took, usual * 4);
}
END_TEST

static int
fill(void *arg)
{
	static char bytes[65536];
	int fd = open_it("f", O_RDWR | O_CREAT), rc = 0;
	int64_t at = 0;

	(void)arg;
	for (; rc == 0; at += 65536)
		rc = rt_io_write_all(fd, bytes, sizeof(bytes), at, RT_NEVER);
	ck_assert_int_eq(rc, -ENOSPC);
	ck_assert_int_eq(at, 5 * 65536);
	/* what has its place can be written; what is given back, again */
	put(fd, 'x', 65536, 0);
	ck_assert_int_eq(rt_io_allocate(fd, 0, 4 * 65536, 4096, RT_NEVER),
			 -ENOSPC);
	ck_assert_int_eq(rt_io_allocate(fd, FALLOC_FL_PUNCH_HOLE |
					FALLOC_FL_KEEP_SIZE, 0, 65536,
					RT_NEVER), 0);
	ck_assert_int_eq(rt_io_allocate(fd, 0, 4 * 65536, 65536, RT_NEVER), 0);
	put(fd, 'x', 65536, 4 * 65536);
	ck_assert_int_eq(rt_io_write(fd, bytes, 4096, 0, RT_NEVER), -ENOSPC);
	return 0;
}

START_TEST(a_disk_is_full_when_it_is)
{
	const struct rt_sim_opts opts = { .disk_bytes = 4 * 65536 };

	on_node(&opts, 1, fill);
	sim_end(sim);
}
END_TEST

/* Sync once, with a disk that lies, or fails and then says that all is well. */
static int
sync_and_fall(void *arg)
{
	int fd = open_it("f", O_RDWR | O_CREAT);

	(void)arg;
	ck_assert_int_eq(rt_io_sync_dir(".", RT_NEVER), 0);
	put(fd, 'o', SECTOR, 0);
	ck_assert_int_eq(rt_io_fsync(fd, RT_NEVER), 0);
	put(fd, 'n', SECTOR, 0);
	rt_sim_set_faults(rt_sim_node_self(), &faults);
	errors += rt_io_fsync(fd, RT_NEVER) == -EIO;
	rt_sim_set_faults(rt_sim_node_self(), NULL);
	if (faults.sync_eio)
		ck_assert_int_eq(rt_io_fsync(fd, RT_NEVER), 0);
	rt_sim_crash(rt_sim_node_self());
	return 0;
}

static int
count_lost(void)
{
	int lost = 0;

	errors = 0;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		char bytes[SECTOR];

		on_node(NULL, seed, sync_and_fall);
		ck_assert_int_eq(rt_sim_peek(node, "f", 0, bytes, SECTOR),
				 SECTOR);
		lost += whole(bytes) == 'o';
		sim_end(sim);
	}
	return lost;
}

START_TEST(an_fsync_that_lies_or_fails_may_lose_what_it_was_for)
{
	ck_assert_int_eq(count_lost(), 0);
	faults.lying_sync = 1;
	ck_assert_int_gt(count_lost(), 10);
	ck_assert_int_eq(errors, 0);
	memset(&faults, 0, sizeof(faults));
	faults.sync_eio = 1;
	ck_assert_int_gt(count_lost(), 10);
	ck_assert_int_eq(errors, 100);
	memset(&faults, 0, sizeof(faults));
}
END_TEST

static int
damage(void *arg)
{
	char bytes[4 * SECTOR];
	int fd = open_it("f", O_RDWR | O_CREAT);

	(void)arg;
	put(fd, 'a', sizeof(bytes), 0);
	ck_assert_int_eq(rt_sim_flip(node, "f", 700, 1), 0);
	ck_assert_int_eq(rt_io_read(fd, bytes, sizeof(bytes), 0, RT_NEVER),
			 sizeof(bytes));
	ck_assert_int_eq(bytes[700], 'a' ^ 2);
	ck_assert_int_eq(bytes[699], 'a');
	ck_assert_int_eq(rt_sim_spoil(node, "f", 1030), 0);
	ck_assert_int_eq(rt_io_read(fd, bytes, 1024, 0, RT_NEVER), 1024);
	ck_assert_int_eq(rt_io_read(fd, bytes, 1025, 0, RT_NEVER), -EIO);
	ck_assert_int_eq(rt_io_read(fd, bytes, 1, 1535, RT_NEVER), -EIO);
	ck_assert_int_eq(rt_io_read(fd, bytes, 1, 1536, RT_NEVER), 1);
	put(fd, 'a', 511, 1024);	/* not all of it */
	ck_assert_int_eq(rt_io_read(fd, bytes, 1, 1024, RT_NEVER), -EIO);
	put(fd, 'a', 512, 1024);
	ck_assert_int_eq(rt_io_read(fd, bytes, 1, 1024, RT_NEVER), 1);
	ck_assert_int_eq(rt_sim_flip(node, "g", 0, 0), -ENOENT);
	ck_assert_int_eq(rt_sim_spoil(node, "f", 1 << 20), -EINVAL);
	return 0;
}

START_TEST(a_test_can_do_damage_where_it_wants)
{
	on_node(NULL, 1, damage);
	sim_end(sim);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("rt_sim_disk");

	tcase_add_test(tc, files_are_as_files_are);
	tcase_add_test(tc, operations_of_a_disk_pass_each_other);
	tcase_add_test(tc,
		each_sector_is_one_that_was_written_and_all_mixtures_come);
	tcase_add_test(tc, what_was_made_safe_is_there);
	tcase_add_test(tc, a_name_is_whole_and_safe_when_its_directory_is);
	tcase_add_test(tc, a_write_under_way_comes_to_the_disk_or_not);
	tcase_add_test(tc, sectors_of_4096_bytes_are_not_torn_within);
	tcase_add_test(tc, each_fault_of_a_disk_happens_and_is_told);
	tcase_add_test(tc, a_slow_disk_is_slow);
	tcase_add_test(tc, a_disk_is_full_when_it_is);
	tcase_add_test(tc, an_fsync_that_lies_or_fails_may_lose_what_it_was_for);
	tcase_add_test(tc, a_test_can_do_damage_where_it_wants);
	return sim_main("rt_sim_disk", tc);
}
