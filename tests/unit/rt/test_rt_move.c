/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of rt_move: every kind of descriptor to every other. */
#include <errno.h>

#include "core/vine_limits.h"
#include "rt/rt_io.h"
#include "rt/rt_move.h"
#include "tests/unit/rt/io.h"

#define SIZE ((3u << 20) + 123)	/* more than a pipe or a socket holds */

static char out[SIZE], in[SIZE];

static void
fill(uint32_t seed)
{
	for (uint32_t i = 0; i < SIZE; i++)
		out[i] = (char)(i * seed + (i >> 9));
	memset(in, 0, SIZE);
}

/* A file whose bytes from `at` on are `out`. */
static int
filled_file(int in_memory, int64_t at)
{
	int fd = io_file(in_memory);

	ck_assert_int_eq(rt_io_write_all(fd, out, SIZE, at, RT_NEVER), 0);
	return fd;
}

struct side {
	int fd;
	int slow;
};

static int
read_it(void *arg)
{
	struct side *s = arg;
	size_t got = 0;

	while (got < SIZE) {
		size_t n = SIZE - got < 100000 ? SIZE - got : 100000;
		int rc = rt_io_read_all(s->fd, in + got, n, RT_IO_HERE,
					RT_NEVER);

		if (rc)
			return rc;
		got += n;
		if (s->slow && rt_task_delay(in_ms(1)) != 0)
			break;
	}
	return 0;
}

static int
write_it(void *arg)
{
	struct side *s = arg;

	return rt_io_write_all(s->fd, out, SIZE, RT_IO_HERE, RT_NEVER);
}

IO_CASE(a_file_is_sent_to_a_stream_that_is_read_slowly)
{
	int fds[2], file;

	for (int i = 0; i < 4; i++) {
		struct side reader = { .slow = i % 2 };
		struct rt_task *task;

		fill(3 + (uint32_t)i);
		io_pair(fds);
		reader.fd = fds[0];
		file = filled_file(i / 2, 777);
		task = go_joined(read_it, &reader);
		ck_assert_int_eq(rt_move(file, 777, fds[1], RT_IO_HERE, SIZE,
					 RT_NEVER), SIZE);
		ck_assert_int_eq(join(task), 0);
		ck_assert_int_eq(memcmp(in, out, SIZE), 0);
		rt_io_close(file);
		rt_io_close(fds[0]);
		rt_io_close(fds[1]);
	}
	return 0;
}

IO_CASE(a_stream_is_received_into_a_file)
{
	int fds[2], file = io_file(0);
	struct side writer;
	struct rt_task *task;

	fill(11);
	io_pair(fds);
	writer.fd = fds[1];
	task = go_joined(write_it, &writer);
	ck_assert_int_eq(rt_move(fds[0], RT_IO_HERE, file, 4096, SIZE,
				 RT_NEVER), SIZE);
	ck_assert_int_eq(join(task), 0);
	ck_assert_int_eq(rt_io_read_all(file, in, SIZE, 4096, RT_NEVER), 0);
	ck_assert_int_eq(memcmp(in, out, SIZE), 0);
	rt_io_close(file);
	rt_io_close(fds[0]);
	rt_io_close(fds[1]);
	return 0;
}

struct proxy {
	int from;
	int to;
	int64_t moved;
};

static int
move_all(void *arg)
{
	struct proxy *p = arg;

	p->moved = rt_move(p->from, RT_IO_HERE, p->to, RT_IO_HERE, UINT64_MAX,
			   RT_NEVER);
	return 0;
}

IO_CASE(a_stream_goes_to_another_until_it_ends)
{
	int a[2], b[2];
	struct proxy proxy;
	struct side reader, writer;
	struct rt_task *tasks[3];

	fill(13);
	io_pair(a);
	io_pair(b);
	proxy = (struct proxy){ .from = a[0], .to = b[1] };
	writer = (struct side){ .fd = a[1] };
	reader = (struct side){ .fd = b[0], .slow = 1 };
	tasks[0] = go_joined(move_all, &proxy);
	tasks[1] = go_joined(write_it, &writer);
	tasks[2] = go_joined(read_it, &reader);
	ck_assert_int_eq(join(tasks[1]), 0);
	rt_io_close(a[1]);
	ck_assert_int_eq(join(tasks[2]), 0);
	join(tasks[0]);
	ck_assert_int_eq(proxy.moved, SIZE);
	ck_assert_int_eq(memcmp(in, out, SIZE), 0);
	rt_io_close(a[0]);
	rt_io_close(b[0]);
	rt_io_close(b[1]);
	return 0;
}

IO_CASE(a_file_is_copied_on_a_disk_and_between_two)
{
	for (int i = 0; i < 4; i++) {
		int from, to = io_file(i / 2);

		fill(17 + (uint32_t)i);
		from = filled_file(i % 2, 100);
		ck_assert_int_eq(rt_move(from, 100, to, 5000, SIZE, RT_NEVER),
				 SIZE);
		ck_assert_int_eq(rt_io_read_all(to, in, SIZE, 5000, RT_NEVER),
				 0);
		ck_assert_int_eq(memcmp(in, out, SIZE), 0);
		/* what there is, where that is less */
		ck_assert_int_eq(rt_move(from, SIZE, to, 0, SIZE, RT_NEVER),
				 100);
		ck_assert_int_eq(rt_move(from, SIZE + 100, to, 0, SIZE,
					 RT_NEVER), 0);
		rt_io_close(from);
		rt_io_close(to);
	}
	return 0;
}

static int
move_one(void *arg)
{
	struct proxy *p = arg;

	p->moved = rt_move(p->from, RT_IO_HERE, p->to, RT_IO_HERE, SIZE,
			   RT_NEVER);
	return 0;
}

IO_CASE(a_move_ends_at_its_deadline_by_cancel_and_by_close)
{
	int a[2], b[2], file;
	struct proxy proxy;
	struct rt_task *task;

	fill(19);
	for (int i = 0; i < 2; i++) {
		io_pair(a);
		io_pair(b);
		/* nothing comes */
		ck_assert_int_eq(rt_move(a[0], RT_IO_HERE, b[0], RT_IO_HERE,
					 SIZE, in_ms(5)), -ETIMEDOUT);
		/* nobody reads */
		file = filled_file(0, 0);
		ck_assert_int_eq(rt_move(file, 0, b[0], RT_IO_HERE, SIZE,
					 in_ms(5)), -ETIMEDOUT);
		proxy = (struct proxy){ .from = a[0], .to = b[0] };
		task = go_joined(move_one, &proxy);
		settle();
		if (i)
			rt_task_cancel(task);
		else
			rt_io_close(a[0]);
		join(task);
		ck_assert_int_eq(proxy.moved, i ? -ECANCELED : -EBADF);
		ck_assert_int_eq(rt_io_close(a[0]), i ? 0 : -EBADF);
		rt_io_close(a[1]);
		rt_io_close(b[0]);
		rt_io_close(b[1]);
		rt_io_close(file);
	}
	return 0;
}

IO_CASE(what_cannot_be_moved_is_told)
{
	int fds[2], file = io_file(0);

	io_pair(fds);
	ck_assert_int_eq(rt_move(-1, RT_IO_HERE, fds[0], RT_IO_HERE, 1,
				 RT_NEVER), -EBADF);
	ck_assert_int_eq(rt_move(file, 0, 9999, 0, 1, RT_NEVER), -EBADF);
	ck_assert_int_eq(rt_io_write_all(file, "abc", 3, 0, RT_NEVER), 0);
	rt_io_close(fds[1]);
	ck_assert_int_eq(rt_move(file, 0, fds[0], RT_IO_HERE, 3, RT_NEVER),
			 -EPIPE);
	rt_io_close(fds[0]);
	rt_io_close(file);
	return 0;
}

START_TEST(outside_of_a_task_nothing_is_moved)
{
	ck_assert_int_eq(rt_move(0, 0, 1, 0, 1, 0), -EPERM);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("move");

	io_add_all(tc, a_file_is_sent_to_a_stream_that_is_read_slowly);
	io_add_all(tc, a_stream_is_received_into_a_file);
	io_add_all(tc, a_stream_goes_to_another_until_it_ends);
	io_add_all(tc, a_file_is_copied_on_a_disk_and_between_two);
	io_add_all(tc, a_move_ends_at_its_deadline_by_cancel_and_by_close);
	io_add(tc, what_cannot_be_moved_is_told);
	tcase_add_test(tc, outside_of_a_task_nothing_is_moved);
	return tasks_main("rt_move", tc);
}
