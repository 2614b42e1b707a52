/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of utils_log: what reaches the receiver, what reaches stderr, and that
 * threads, signals, forks and cancellation leave the log usable.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

#include "utils/utils_log.h"

#define THREADS 4
#define LINES 500
#define HOUR_NS UINT64_C(3600000000000)

/* What the receiver saw; not locked: lines come one at a time. */
static struct {
	unsigned int lines;
	unsigned long long said;	/* by "(N more like it in between)" */
	enum utils_log_level level;
	char text[2048];
	void *user;
} seen;

static void
receive(enum utils_log_level level, const char *text, void *user)
{
	const char *more = strrchr(text, '(');

	seen.lines++;
	seen.level = level;
	seen.user = user;
	strcpy(seen.text, text);
	if (more)
		seen.said += strtoull(more + 1, NULL, 10);
}

static void
setup(void)
{
	memset(&seen, 0, sizeof(seen));
	utils_log_set(UTILS_LOG_DEBUG, receive, &seen);
}

static void
teardown(void)
{
	utils_log_set(UTILS_LOG_WARN, NULL, NULL);
}

static int saved_stderr, pipe_out;

/* From here on stderr is a pipe. */
static void
catch_stderr(void)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	saved_stderr = dup(STDERR_FILENO);
	ck_assert_int_ge(saved_stderr, 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	pipe_out = ends[0];
}

/* Gives stderr back and what was written meanwhile, less than a pipe holds. */
static void
caught_stderr(char *text, size_t size)
{
	size_t done = 0;
	ssize_t n;

	ck_assert_int_eq(dup2(saved_stderr, STDERR_FILENO), STDERR_FILENO);
	close(saved_stderr);
	while ((n = read(pipe_out, text + done, size - 1 - done)) > 0)
		done += (size_t)n;
	close(pipe_out);
	text[done] = '\0';
}

START_TEST(a_line_reaches_the_receiver_with_its_level)
{
	log_info("guest %d slot %d", 3, 17);
	ck_assert_uint_eq(seen.lines, 1);
	ck_assert_int_eq(seen.level, UTILS_LOG_INFO);
	ck_assert_str_eq(seen.text, "guest 3 slot 17");
	ck_assert_ptr_eq(seen.user, &seen);
}
END_TEST

START_TEST(lines_beyond_the_level_are_left_out)
{
	struct utils_log_rate rate = { 0, 0 };

	utils_log_set(UTILS_LOG_WARN, receive, NULL);
	log_info("no");
	log_debug("no");
	utils_log_limited(&rate, UTILS_LOG_INFO, "no");
	ck_assert_uint_eq(seen.lines, 0);
	ck_assert_uint_eq(rate.last_ns, 0);
	log_warn("yes");
	log_error("yes");
	ck_assert_uint_eq(seen.lines, 2);
	ck_assert(utils_log_enabled(UTILS_LOG_WARN));
	ck_assert(!utils_log_enabled(UTILS_LOG_INFO));
}
END_TEST

START_TEST(a_long_line_is_cut_at_1023_bytes)
{
	char text[3000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
	ck_assert_uint_eq(strlen(seen.text), 1023);
	ck_assert_int_eq(strncmp(seen.text, text, 1023), 0);
}
END_TEST

START_TEST(a_line_that_cannot_be_formatted_shows_its_format)
{
	/* the C locale has no bytes for this character */
	log_error("name %ls", L"\u20ac");
	ck_assert_str_eq(seen.text,
			 "a line could not be formatted: name %ls");
}
END_TEST

START_TEST(control_characters_cannot_make_a_second_line)
{
	log_error("name %s", "a\nvine: error: b\x1b[0m\x7f \xc3\xa9");
	ck_assert_str_eq(seen.text,
			 "name a?vine: error: b?[0m? \xc3\xa9");
}
END_TEST

static void
spoil_errno(enum utils_log_level level, const char *text, void *user)
{
	receive(level, text, user);
	errno = EBADF;
}

START_TEST(errno_is_kept)
{
	struct utils_log_rate rate = { 0, 0 };

	utils_log_set(UTILS_LOG_DEBUG, spoil_errno, NULL);
	errno = ENOSPC;
	log_error("x");
	ck_assert_int_eq(errno, ENOSPC);
	utils_log_limited(&rate, UTILS_LOG_WARN, "x");
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_uint_eq(seen.lines, 2);
}
END_TEST

START_TEST(without_a_receiver_warnings_go_to_stderr)
{
	char text[512];

	utils_log_set(UTILS_LOG_WARN, NULL, NULL);
	catch_stderr();
	log_error("one %d", 1);
	log_warn("two");
	log_info("three");
	caught_stderr(text, sizeof(text));
	ck_assert_str_eq(text, "vine: error: one 1\nvine: warn: two\n");
	ck_assert_uint_eq(seen.lines, 0);
}
END_TEST

START_TEST(levels_are_known_by_name)
{
	enum utils_log_level level = UTILS_LOG_WARN;

	ck_assert_int_eq(utils_log_level_of("error", &level), 0);
	ck_assert_int_eq(level, UTILS_LOG_ERROR);
	ck_assert_int_eq(utils_log_level_of("debug", &level), 0);
	ck_assert_int_eq(level, UTILS_LOG_DEBUG);
	ck_assert_int_eq(utils_log_level_of("Debug", &level), -EINVAL);
	ck_assert_int_eq(utils_log_level_of("", &level), -EINVAL);
	ck_assert_int_eq(level, UTILS_LOG_DEBUG);
}
END_TEST

static void
log_again(enum utils_log_level level, const char *text, void *user)
{
	receive(level, text, user);
	log_error("from the receiver");
}

START_TEST(a_receiver_that_logs_writes_to_stderr)
{
	char text[512];

	utils_log_set(UTILS_LOG_DEBUG, log_again, NULL);
	catch_stderr();
	log_warn("first");
	caught_stderr(text, sizeof(text));
	ck_assert_str_eq(text, "vine: error: from the receiver\n");
	ck_assert_uint_eq(seen.lines, 1);
	ck_assert_str_eq(seen.text, "first");
}
END_TEST

static void
log_signal(int number)
{
	log_error("signal %d", number == SIGUSR1);
}

static void
raise_signal(enum utils_log_level level, const char *text, void *user)
{
	receive(level, text, user);
	raise(SIGUSR1);
}

START_TEST(a_signal_inside_the_log_does_not_hang)
{
	char text[512];

	ck_assert(signal(SIGUSR1, log_signal) != SIG_ERR);
	utils_log_set(UTILS_LOG_DEBUG, raise_signal, NULL);
	catch_stderr();
	log_warn("first");
	caught_stderr(text, sizeof(text));
	signal(SIGUSR1, SIG_DFL);
	ck_assert_str_eq(text, "vine: error: signal 1\n");
	ck_assert_uint_eq(seen.lines, 1);
}
END_TEST

static void
replace_receiver(enum utils_log_level level, const char *text, void *user)
{
	receive(level, text, user);
	utils_log_set(UTILS_LOG_DEBUG, receive, NULL);
}

START_TEST(a_receiver_may_replace_itself)
{
	utils_log_set(UTILS_LOG_DEBUG, replace_receiver, &seen);
	log_warn("first");
	ck_assert_ptr_eq(seen.user, &seen);
	log_warn("second");
	ck_assert_str_eq(seen.text, "second");
	ck_assert_ptr_null(seen.user);
}
END_TEST

static void *
log_lines(void *arg)
{
	int i;

	for (i = 0; i < LINES; i++)
		log_info("thread %p line %d", arg, i);
	return NULL;
}

static void
start_threads(pthread_t *threads, void *(*fn)(void *), void *arg)
{
	int i;

	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, fn, arg),
				 0);
}

static void
join_threads(pthread_t *threads)
{
	int i;

	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}

START_TEST(lines_of_many_threads_come_one_at_a_time)
{
	pthread_t threads[THREADS];

	start_threads(threads, log_lines, NULL);
	join_threads(threads);
	ck_assert_uint_eq(seen.lines, THREADS * LINES);
}
END_TEST

/*
 * In a child: ends by SIGKILL if the line came, else by SIGALRM or _exit.
 * (At an _exit ThreadSanitizer asks after the parent's threads.)
 */
static void
log_in_child(void)
{
	alarm(60);
	seen.lines = 0;
	log_info("child");
	if (seen.lines == 1)
		raise(SIGKILL);
	_exit(1);
}

static int
could_log(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

START_TEST(a_child_forked_while_threads_log_can_log)
{
	pthread_t threads[THREADS];
	int i, status;

	start_threads(threads, log_lines, NULL);
	for (i = 0; i < 20; i++) {
		pid_t child = fork();

		ck_assert_int_ge(child, 0);
		if (child == 0)
			log_in_child();
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_msg(could_log(status), "status %#x", status);
	}
	join_threads(threads);
	ck_assert_uint_eq(seen.lines, THREADS * LINES);
}
END_TEST

static int child_status;

static void
fork_inside(enum utils_log_level level, const char *text, void *user)
{
	pid_t child;

	receive(level, text, user);
	utils_log_set(UTILS_LOG_DEBUG, receive, NULL);
	child = fork();
	if (child)
		waitpid(child, &child_status, 0);
	else
		seen.user = &child_status; /* marks the child */
}

START_TEST(a_receiver_may_fork)
{
	child_status = 0;
	utils_log_set(UTILS_LOG_DEBUG, fork_inside, NULL);
	log_info("fork");
	if (seen.user == &child_status)
		log_in_child();
	ck_assert_msg(could_log(child_status), "status %#x", child_status);
	log_info("parent");
	ck_assert_str_eq(seen.text, "parent");
}
END_TEST

static pthread_t to_cancel;

static void
cancel_inside(enum utils_log_level level, const char *text, void *user)
{
	receive(level, text, user);
	pthread_cancel(to_cancel);
	pthread_testcancel();
	seen.user = &to_cancel;	/* still here */
}

static void *
log_once(void *arg)
{
	to_cancel = pthread_self();
	log_info("cancel");
	pthread_testcancel();
	return arg;
}

START_TEST(a_thread_cancelled_inside_the_log_leaves_it_usable)
{
	pthread_t thread;
	void *result;

	utils_log_set(UTILS_LOG_DEBUG, cancel_inside, NULL);
	ck_assert_int_eq(pthread_create(&thread, NULL, log_once, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	ck_assert_ptr_eq(seen.user, &to_cancel);
	utils_log_set(UTILS_LOG_DEBUG, receive, NULL);
	log_info("after");
	ck_assert_str_eq(seen.text, "after");
}
END_TEST

START_TEST(a_limited_line_passes_once_and_tells_what_was_left_out)
{
	struct utils_log_rate rate = { 0, 0 };

	utils_log_limited(&rate, UTILS_LOG_WARN, "bad slot %d", 1);
	ck_assert_str_eq(seen.text, "bad slot 1");
	ck_assert_uint_ne(rate.last_ns, 0);
	/* an hour ahead: "less than a second ago" for as long as it takes */
	rate.last_ns += HOUR_NS;
	utils_log_limited(&rate, UTILS_LOG_WARN, "bad slot %d", 3);
	utils_log_limited(&rate, UTILS_LOG_WARN, "bad slot %d", 4);
	ck_assert_uint_eq(seen.lines, 1);
	ck_assert_uint_eq(rate.skipped, 2);
	rate.last_ns -= HOUR_NS + UINT64_C(1000000001);
	utils_log_limited(&rate, UTILS_LOG_WARN, "bad slot %d", 2);
	ck_assert_str_eq(seen.text,
			 "bad slot 2 (2 more like it in between)");
	ck_assert_uint_eq(rate.skipped, 0);
	ck_assert_uint_eq(seen.lines, 2);
}
END_TEST

static void *
log_limited(void *arg)
{
	int i;

	for (i = 0; i < LINES; i++)
		utils_log_limited(arg, UTILS_LOG_WARN, "bad slot");
	return NULL;
}

START_TEST(every_limited_line_of_many_threads_is_counted)
{
	struct utils_log_rate rate = { 0, 0 };
	pthread_t threads[THREADS];

	start_threads(threads, log_limited, &rate);
	join_threads(threads);
	ck_assert_uint_ge(seen.lines, 1);
	ck_assert_uint_eq(seen.lines + seen.said + rate.skipped,
			  THREADS * LINES);
	/* 2000 lines that take no minute: most were left out */
	ck_assert_uint_lt(seen.lines, 60);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("utils_log");
	TCase *tcase = tcase_create("log");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_line_reaches_the_receiver_with_its_level);
	tcase_add_test(tcase, lines_beyond_the_level_are_left_out);
	tcase_add_test(tcase, a_long_line_is_cut_at_1023_bytes);
	tcase_add_test(tcase,
		       a_line_that_cannot_be_formatted_shows_its_format);
	tcase_add_test(tcase, control_characters_cannot_make_a_second_line);
	tcase_add_test(tcase, errno_is_kept);
	tcase_add_test(tcase, without_a_receiver_warnings_go_to_stderr);
	tcase_add_test(tcase, levels_are_known_by_name);
	tcase_add_test(tcase, a_receiver_that_logs_writes_to_stderr);
	tcase_add_test(tcase, a_signal_inside_the_log_does_not_hang);
	tcase_add_test(tcase, a_receiver_may_replace_itself);
	tcase_add_test(tcase, lines_of_many_threads_come_one_at_a_time);
	tcase_add_test(tcase, a_child_forked_while_threads_log_can_log);
	tcase_add_test(tcase, a_receiver_may_fork);
	tcase_add_test(tcase,
		       a_thread_cancelled_inside_the_log_leaves_it_usable);
	tcase_add_test(tcase,
		       a_limited_line_passes_once_and_tells_what_was_left_out);
	tcase_add_test(tcase, every_limited_line_of_many_threads_is_counted);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
