/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_fork: what a child has, and that forking is always possible. */
#include <fcntl.h>
#include <signal.h>

#include "rig.h"
#include "core/vine_fork.h"

static int
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(a_child_has_no_descriptor_that_is_known)
{
	struct vine_fork_child a, b, none;
	int fd = dup(0), gone = dup(0), nothing = -1, other = dup(0);
	int before = fd;
	pid_t pid;

	vine_fork_add(&a, vine_fork_close, &fd);
	vine_fork_add(&none, vine_fork_close, &nothing);
	vine_fork_add(&b, vine_fork_close, &gone);
	vine_fork_remove(&b);
	pid = fork();
	if (pid == 0) {
		if (fd != -1 || is_open(before))
			_exit(1);
		if (!is_open(gone) || !is_open(other))
			_exit(2);
		vine_fork_add(&a, vine_fork_close, &other);	/* it can have its own */
		if (fork() == 0)
			_exit(other != -1);
		wait(&fd);
		_exit(WEXITSTATUS(fd));
	}
	ck_assert_int_eq(rig_child_ended(pid), 0);
	ck_assert_int_eq(fd, before);
	ck_assert(is_open(fd));
	vine_fork_remove(&a);
	vine_fork_remove(&none);
}
END_TEST

START_TEST(forks_are_counted_in_the_child)
{
	uint64_t was = vine_fork_count;
	pid_t pid;

	vine_fork_lock();
	vine_fork_unlock();
	pid = fork();
	if (pid == 0)
		_exit(vine_fork_count != was + 1);
	ck_assert_int_eq(rig_child_ended(pid), 0);
	ck_assert_uint_eq(vine_fork_count, was);
}
END_TEST

static void *
open_and_close(void *arg)
{
	_Atomic int *stop = arg;
	struct vine_fork_child known;
	int fd = -1;

	vine_fork_add(&known, vine_fork_close, &fd);
	while (!*stop) {
		vine_fork_lock();
		fd = open("/dev/zero", O_RDONLY);
		vine_fork_unlock();
		vine_fork_lock();
		close(fd);
		fd = -1;
		vine_fork_unlock();
	}
	vine_fork_remove(&known);
	return NULL;
}

/* Among its descriptors is none that the other thread was just opening. */
START_TEST(a_fork_amid_an_open_leaves_the_child_nothing_and_no_lock)
{
	_Atomic int stop = 0;
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, open_and_close, &stop),
			 0);
	for (int i = 0; i < 200; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			char path[32], to[32];
			ssize_t n;

			vine_fork_lock();
			vine_fork_unlock();
			for (int fd = 0; fd < 64; fd++) {
				snprintf(path, sizeof(path),
					 "/proc/self/fd/%d", fd);
				n = readlink(path, to, sizeof(to));
				if (n == 9 && memcmp(to, "/dev/zero", 9) == 0)
					_exit(1);
			}
			_exit(0);
		}
		ck_assert_int_eq(rig_child_ended(pid), 0);
	}
	stop = 1;
	pthread_join(thread, NULL);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_child_has_no_descriptor_that_is_known),
	RIG_CASE(forks_are_counted_in_the_child),
	RIG_CASE(a_fork_amid_an_open_leaves_the_child_nothing_and_no_lock),
};

RIG_MAIN("vine_fork", cases)
