/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctest: timeout=300
 *
 * Faults of tasks' I/O: a server and a client, files and moves, on each engine,
 * while the nth call of libc, of the ring or for memory fails, of the thread of
 * the tasks or of the helpers beside it. Whatever fails, everybody ends and
 * nothing is left.
 */
#include <check.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAULTS_URING 1
#define FAULTS_IO 1
#include "tests/lib/faults.h"
#include "core/vine_limits.h"
#include "rt/rt_feed.h"
#include "rt/rt_intake.h"
#include "rt/rt_io.h"
#include "rt/rt_move.h"
#include "rt/rt_net.h"
#include "rt/rt_sched.h"
#include "tests/unit/rt/life.h"

#define SIZE 100000

static enum rt_wait_engine engine;
static char data[SIZE];

/* What a life has. */
struct scene {
	int listener;
	int client;
	int served;
	int file;
	int rc;			/* the first error */
};

static int
close_them(struct scene *s)
{
	const int fds[] = { s->listener, s->client, s->served, s->file };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			rt_io_close(fds[i]);
	return s->rc;
}

/* Says what it hears, and sends a file behind it. */
static int
answer(struct scene *s)
{
	char bytes[8];
	struct iovec v = { bytes, sizeof(bytes) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	int64_t n = rt_io_recvmsg(s->served, &m, 0, RT_NEVER);

	if (n < 0)
		return (int)n;
	v.iov_len = (size_t)n;
	n = rt_io_sendmsg(s->served, &m, 0, RT_NEVER);
	if (n < 0)
		return (int)n;
	n = rt_move(s->file, 0, s->served, RT_IO_HERE, SIZE, RT_NEVER);
	return n == SIZE ? 0 : (int)n;
}

/* Takes one in; hangs up on whoever waits if anything fails. */
static int
serve(void *arg)
{
	struct scene *s = arg;
	int rc = rt_io_accept(s->listener, NULL, NULL, RT_NEVER);

	s->served = rc < 0 ? -1 : rc;
	if (rc >= 0)
		rc = answer(s);
	if (rc && s->served >= 0)
		shutdown(s->served, SHUT_RDWR);
	if (rc) {
		rt_io_close(s->listener);
		s->listener = -1;
	}
	return rc;
}

static int
write_file(struct scene *s)
{
	int64_t n;
	int rc = rt_io_write_all(s->file, data, SIZE, 0, RT_NEVER);

	if (rc == 0)
		rc = rt_io_fdatasync(s->file, RT_NEVER);
	if (rc)
		return rc;
	n = rt_move(s->file, 0, s->file, SIZE, SIZE, RT_NEVER);
	return n == SIZE ? 0 : (int)n;
}

static int
talk(struct scene *s)
{
	struct rt_net_address a;
	static char back[SIZE];
	char text[RT_NET_TEXT];
	int rc = rt_net_local(s->listener, &a);

	if (rc)
		return rc;
	rt_net_print(&a, text);
	rc = rt_net_dial(text, RT_NEVER, &s->client);
	if (rc == 0)
		rc = (int)rt_io_send(s->client, "hello", 5, 0, RT_NEVER);
	if (rc == 5)
		rc = rt_io_read_all(s->client, back, 5, RT_IO_HERE, RT_NEVER);
	if (rc == 0)
		rc = rt_io_read_all(s->client, back, SIZE, RT_IO_HERE,
				    RT_NEVER);
	if (rc == 0 && memcmp(back, data, SIZE) != 0)
		rc = -EIO;
	return rc;
}

/* Of two errors one may be the other's consequence, and says so. */
static int
play(void *arg)
{
	struct scene *s = arg;
	struct rt_task *server;
	int served, rc = write_file(s);

	if (rc == 0)
		rc = rt_net_announce("tcp:127.0.0.1:0", NULL, &s->listener);
	if (rc == 0)
		rc = rt_task_create(rt_sched_self(), serve, s, NULL, &server);
	s->rc = rc;
	if (rc)
		return close_them(s);
	rc = talk(s);
	if (rc)
		rt_task_cancel(server);
	rt_task_join(server, &served, RT_NEVER);
	s->rc = faults_clear(rc) || served == 0 || served == -ECANCELED ? rc :
		served;
	return close_them(s);
}

static int
live(void)
{
	struct rt_sched_opts opts = { .engine = engine };
	struct scene s = { -1, -1, -1, -1, 0 };
	struct rt_sched *sched;
	int ended, rc = rt_sched_new(&opts, &sched);

	if (rc)
		return rc;
	s.file = open("/dev/shm", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (s.file < 0)
		rc = -errno;
	if (rc == 0)
		rc = rt_task_create(sched, play, &s, NULL, NULL);
	if (rc == 0)
		rc = rt_sched_run(sched);
	else if (s.file >= 0)
		close(s.file);
	ended = rt_sched_free(sched);
	if (ended == -ENOMEM)	/* its thread had no stack for signals */
		ended = rt_sched_free(sched);
	return rc ? rc : ended ? ended : s.rc;
}

/* --- ahead of who asks ---------------------------------------------------- */

static int
hear(int fd, struct rt_stock *stock)
{
	struct rt_feed feed;
	int heard = 0, rc;
	void *bytes;

	rc = rt_feed_open(&feed, stock, fd);
	if (rc)
		return rc;
	while (heard < 5 && rc >= 0) {
		rc = (int)rt_feed_next(&feed, &bytes, RT_NEVER);
		if (rc > 0)
			rt_stock_put(stock, bytes);
		heard += rc;
	}
	rt_feed_close(&feed);
	return rc < 0 ? rc : 0;
}

/* One connection, and what it says. */
static int
take_in(struct scene *s, struct rt_intake *intake)
{
	struct rt_net_address a;
	struct rt_stock stock;
	char text[RT_NET_TEXT];
	int rc = rt_net_local(s->listener, &a);

	if (rc)
		return rc;
	rt_net_print(&a, text);
	rc = rt_net_dial(text, RT_NEVER, &s->client);
	if (rc)
		return rc;
	rc = (int)rt_io_send(s->client, "hello", 5, 0, RT_NEVER);
	if (rc < 0)
		return rc;
	s->served = rt_intake_next(intake, RT_NEVER);
	if (s->served < 0)
		return s->served;
	rc = rt_stock_init(&stock, rt_sched_wait(rt_sched_self()), 2, 4);
	if (rc)
		return rc;
	rc = hear(s->served, &stock);
	rt_stock_fini(&stock);
	return rc;
}

static int
play_ahead(void *arg)
{
	struct rt_intake intake;
	struct scene *s = arg;

	s->rc = rt_net_announce("tcp:127.0.0.1:0", NULL, &s->listener);
	if (s->rc == 0)
		s->rc = rt_intake_open(&intake,
				       rt_sched_wait(rt_sched_self()),
				       s->listener);
	if (s->rc)
		return close_them(s);
	s->rc = take_in(s, &intake);
	rt_intake_close(&intake);
	return close_them(s);
}

static int
live_ahead(void)
{
	struct rt_sched_opts opts = { .engine = engine };
	struct scene s = { -1, -1, -1, -1, 0 };
	int rc = life_run(&opts, play_ahead, &s);

	return rc ? rc : s.rc;
}

/* --- what helpers do ------------------------------------------------------ */

static int64_t
make_and_free(void *arg)
{
	void *piece = malloc(100);

	(void)arg;
	if (piece == NULL)
		return -ENOMEM;
	free(piece);
	return 7;
}

/* What is in pieces is what one write has written. */
static int
use_pieces(int fd, char *back)
{
	struct iovec out[2] = { { data, 1000 }, { data + 1000, SIZE - 1000 } };
	struct iovec in[2] = { { back, 5000 }, { back + 5000, SIZE - 5000 } };
	int rc = rt_io_writev_all(fd, out, 2, 0, RT_NEVER);

	memset(back, 0, SIZE);
	if (rc == 0)
		rc = rt_io_fsync(fd, RT_NEVER);
	if (rc == 0)
		rc = rt_io_readv_all(fd, in, 2, 0, RT_NEVER);
	if (rc == 0 && memcmp(back, data, SIZE) != 0)
		rc = -EIO;
	memset(back, 0, SIZE);
	if (rc == 0)
		rc = rt_io_read_all(fd, back, SIZE, 0, RT_NEVER);
	return rc ? rc : memcmp(back, data, SIZE) == 0 ? 0 : -EIO;
}

static int
use_file(int fd, char *back)
{
	struct scene s = { .file = fd };
	int64_t n = rt_io_allocate(fd, 0, 0, SIZE, RT_NEVER);

	if (n == 0)
		n = use_pieces(fd, back);
	if (n == 0)
		n = write_file(&s);
	if (n == 0)
		n = rt_io_size(fd, RT_NEVER);
	if (n == SIZE * 2)
		n = rt_io_truncate(fd, SIZE, RT_NEVER);
	if (n == 0)
		n = rt_io_size(fd, RT_NEVER);
	if (n != SIZE)
		return n < 0 ? (int)n : -EIO;
	n = rt_io_call(make_and_free, NULL, RT_NEVER);
	return n == 7 ? 0 : n < 0 ? (int)n : -EIO;
}

#define FILES (VINE_RT_HELPERS + 2)	/* more than there are helpers */

static uint32_t files;
static char backs[FILES][SIZE];

static int
use_own_file(void *arg)
{
	char path[64];
	int rc, fd;

	snprintf(path, sizeof(path), "/dev/shm/vine-faults-%d-%p",
		 (int)getpid(), arg);
	fd = rt_io_open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600,
			RT_NEVER);
	if (fd < 0)
		return fd;
	unlink(path);
	rc = use_file(fd, arg);
	rt_io_close(fd);
	return rc;
}

static int
play_files(void *arg)
{
	struct rt_task *tasks[FILES];
	int *rc = arg, one;
	uint32_t n = 0;

	for (; n < files && *rc == 0; n += *rc == 0)
		*rc = rt_task_create(rt_sched_self(), use_own_file, backs[n],
				     NULL, &tasks[n]);
	while (n--) {
		rt_task_join(tasks[n], &one, RT_NEVER);
		*rc = *rc ? *rc : one;
	}
	return 0;
}

static int
live_files(void)
{
	struct rt_sched_opts opts = { .engine = engine };
	int played = 0, rc = life_run(&opts, play_files, &played);

	return rc ? rc : played;
}

static const struct {
	const char *name;
	enum rt_wait_engine engine;
	uint32_t files;
	uint32_t calls;		/* of helpers, at least */
} ways[] = {
	{ "helpers of whatever there is", RT_WAIT_AUTO, 1, 2 },
	{ "helpers of epoll, one file", RT_WAIT_EPOLL, 1, 10 },
	{ "helpers of epoll, many files", RT_WAIT_EPOLL, FILES, 10 * FILES },
};

START_TEST(a_fault_in_a_helper_is_that_of_who_asked_it)
{
	engine = ways[_i].engine;
	files = ways[_i].files;
	ck_assert_uint_ge(faults_sweep_of(ways[_i].name, live_files,
					  FAULTS_THEIRS), ways[_i].calls);
}
END_TEST

START_TEST(files_bear_each_fault_of_their_tasks_thread)
{
	engine = ways[_i].engine;
	files = ways[_i].files;
	ck_assert_uint_ge(faults_sweep_of(ways[_i].name, live_files,
					  FAULTS_MINE), 6);
}
END_TEST

START_TEST(moves_bear_each_fault_of_the_helpers)
{
	engine = _i ? RT_WAIT_EPOLL : RT_WAIT_AUTO;
	ck_assert_uint_ge(faults_sweep_of("helpers of moves", live,
					  FAULTS_THEIRS), _i ? 3 : 1);
}
END_TEST

/* --- the sweeps ----------------------------------------------------------- */

START_TEST(feeds_and_intakes_bear_each_fault)
{
	engine = _i ? RT_WAIT_EPOLL : RT_WAIT_AUTO;
	ck_assert_uint_ge(faults_sweep(_i ? "epoll" : "whatever there is",
				       live_ahead), 15);
}
END_TEST

START_TEST(tasks_io_bears_each_fault)
{
	engine = _i ? RT_WAIT_EPOLL : RT_WAIT_AUTO;
	ck_assert_uint_ge(faults_sweep(_i ? "epoll" : "whatever there is",
				       live), 20);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rt faults of io");
	TCase *tc = tcase_create("io");
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < SIZE; i++)
		data[i] = (char)(i * 7);
	tcase_add_loop_test(tc, tasks_io_bears_each_fault, 0, 2);
	tcase_add_loop_test(tc, feeds_and_intakes_bear_each_fault, 0, 2);
	tcase_add_loop_test(tc, a_fault_in_a_helper_is_that_of_who_asked_it,
			    0, 3);
	tcase_add_loop_test(tc, files_bear_each_fault_of_their_tasks_thread,
			    0, 3);
	tcase_add_loop_test(tc, moves_bear_each_fault_of_the_helpers, 0, 2);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
