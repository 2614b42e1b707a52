/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of arch_shm: byte locks, the users' lock, who inherits what. */
#include <stdlib.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "../core/rig.h"
#include "arch/shm/arch_shm.h"

static char name[96];

static int
open_again(int flags)
{
	struct arch_shm_object o = { .fd = -1 };

	ck_assert_int_eq(arch_shm_posix.open(name, O_RDWR | flags, 0600, &o),
			 0);
	return o.fd;
}

static int
new_memfd(void)
{
	struct arch_shm_object o = { .fd = -1 };

	ck_assert_int_eq(arch_shm_memfd.open("x", 0, 0, &o), 0);
	return o.fd;
}

static int
make(void)
{
	int fd;

	rig_name(name);
	fd = open_again(O_CREAT);
	ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
	return fd;
}

START_TEST(a_name_with_a_slash_is_a_file_and_any_other_is_posix)
{
	struct arch_shm_object o = { .fd = -1 };

	ck_assert_ptr_eq(arch_shm_mapper_of("/tmp/x"), &arch_shm_file);
	ck_assert_ptr_eq(arch_shm_mapper_of("x"), &arch_shm_posix);
	ck_assert_ptr_eq(arch_shm_mapper_of("file:/tmp/x"), &arch_shm_file);
	ck_assert_ptr_eq(arch_shm_mapper_of("pci:"), &arch_shm_pci);
	ck_assert_ptr_eq(arch_shm_mapper_of("dax:/tmp/x"), &arch_shm_dax);
	ck_assert_int_eq(arch_shm_file.open("/nonexistent/x", O_RDWR, 0, &o),
			 -ENOENT);
	ck_assert_int_eq(arch_shm_posix.remove("vine-test-none"), -ENOENT);
}
END_TEST

START_TEST(a_locked_byte_is_busy_for_another_description)
{
	int a = make(), b = open_again(0);

	ck_assert_int_eq(arch_shm_lock(a, 7, 0), 0);
	ck_assert_int_eq(arch_shm_locked(b, 7), 1);
	ck_assert_int_eq(arch_shm_locked(b, 8), 0);
	ck_assert_int_eq(arch_shm_lock(b, 7, 0), -EBUSY);
	ck_assert_int_eq(arch_shm_lock(b, 8, 0), 0);
	arch_shm_unlock(a, 7);
	ck_assert_int_eq(arch_shm_locked(b, 7), 0);
	ck_assert_int_eq(arch_shm_lock(b, 7, 0), 0);
	close(a);
	close(b);
	shm_unlink(name);
}
END_TEST

START_TEST(a_lock_waits_at_least_its_timeout)
{
	int a = make(), b = open_again(0);
	uint64_t from;

	ck_assert_int_eq(arch_shm_lock(a, 0, 0), 0);
	from = rig_ns();
	ck_assert_int_eq(arch_shm_lock(b, 0, 20000000), -EBUSY);
	ck_assert_uint_ge(rig_ns() - from, 20000000);
	shm_unlink(name);
}
END_TEST

START_TEST(a_killed_holder_loses_its_lock)
{
	int a = make(), go[2];
	char c;
	pid_t pid;

	ck_assert_int_eq(pipe(go), 0);
	pid = fork();
	if (pid == 0) {
		int b = open_again(0);

		if (arch_shm_lock(b, 3, 0) == 0 && write(go[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	ck_assert_int_eq(read(go[0], &c, 1), 1);
	ck_assert_int_eq(arch_shm_locked(a, 3), 1);
	kill(pid, SIGKILL);
	rig_child_ended(pid);
	ck_assert_int_eq(arch_shm_locked(a, 3), 0);
	shm_unlink(name);
}
END_TEST

START_TEST(alone_holds_while_there_is_no_other_user)
{
	int a = make(), b = open_again(0);

	ck_assert_int_eq(arch_shm_use(a), 0);
	ck_assert_int_eq(arch_shm_alone(a), 1);
	ck_assert_int_eq(arch_shm_use(b), 0);
	ck_assert_int_eq(arch_shm_alone(a), 0);
	close(b);
	ck_assert_int_eq(arch_shm_alone(a), 1);
	close(a);
	shm_unlink(name);
}
END_TEST

/* "and changes nothing", also where the answer is no */
START_TEST(who_is_told_that_it_is_not_alone_is_still_a_user)
{
	int a = make(), b = open_again(0);

	ck_assert_int_eq(arch_shm_use(a), 0);
	ck_assert_int_eq(arch_shm_use(b), 0);
	ck_assert_int_eq(arch_shm_alone(a), 0);
	ck_assert_msg(!arch_shm_alone(b), "a user was lost by asking");
	close(a);
	close(b);
	shm_unlink(name);
}
END_TEST

START_TEST(flock_and_byte_locks_do_not_meet)
{
	int a = make(), b = open_again(0);

	ck_assert_int_eq(arch_shm_lock(a, 0, 0), 0);
	ck_assert_int_eq(arch_shm_use(b), 0);
	ck_assert_int_eq(arch_shm_alone(b), 1);
	shm_unlink(name);
}
END_TEST

START_TEST(two_mappings_share_and_a_child_has_none)
{
	const struct arch_shm_object o = { .fd = make() };
	void *a, *b;
	pid_t pid;

	if (getenv("VINE_EMULATED"))
		return;	/* qemu ignores MADV_DONTFORK */
	ck_assert_int_eq(arch_shm_map(&o, 0, 1 << 20, 0, &a), 0);
	ck_assert_int_eq(arch_shm_map(&o, 4096, 4096, 1, &b), 0);
	((char *)a)[4096] = 'x';
	ck_assert_int_eq(((char *)b)[0], 'x');
	pid = fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		_exit(((volatile char *)a)[4096] == 'x' ? 0 : 1);
	}
	/* a signal, or a sanitizer's report of it */
	ck_assert_int_ne(rig_child_ended(pid), 0);
	arch_shm_unmap(a, 1 << 20);
	arch_shm_unmap(b, 4096);
	ck_assert_int_eq(arch_shm_map(&o, 1, 4096, 0, &a), -EINVAL);
	shm_unlink(name);
}
END_TEST

START_TEST(a_sealed_memfd_keeps_its_size_and_a_file_has_no_seals)
{
	int fd = new_memfd(), file = make();

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_ptr_null(arch_shm_memfd.remove);
	ck_assert_int_eq(arch_shm_is_sealed(fd), 0);
	ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
	ck_assert_int_eq(arch_shm_seal(fd), 0);
	ck_assert_int_eq(arch_shm_is_sealed(fd), 1);
	ck_assert_int_eq(ftruncate(fd, 1 << 19), -1);
	ck_assert_int_eq(ftruncate(fd, 1 << 21), -1);
	ck_assert_int_eq(arch_shm_seal(fd), -EPERM);
	ck_assert_int_eq(arch_shm_is_sealed(file), 0);
	ck_assert_int_ne(arch_shm_seal(file), 0);
	shm_unlink(name);
}
END_TEST

START_TEST(a_reopened_memfd_has_locks_of_its_own_and_a_copy_has_not)
{
	int a = new_memfd(), b, copy = dup(a);

	ck_assert_int_eq(ftruncate(a, 1 << 20), 0);
	ck_assert_int_eq(arch_shm_seal(a), 0);
	b = arch_shm_reopen(a);
	ck_assert_int_ge(b, 0);
	ck_assert_int_eq(fcntl(b, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(arch_shm_lock(a, 7, 0), 0);
	ck_assert_int_eq(arch_shm_lock(copy, 7, 0), 0);
	ck_assert_int_eq(arch_shm_lock(b, 7, 0), -EBUSY);
	ck_assert_int_eq(arch_shm_use(a), 0);
	ck_assert_int_eq(arch_shm_use(b), 0);
	ck_assert_int_eq(arch_shm_alone(a), 0);
	close(a);
	close(copy);
	ck_assert_int_eq(arch_shm_locked(b, 7), 0);
	ck_assert_int_eq(arch_shm_alone(b), 1);
	ck_assert_int_eq(arch_shm_reopen(-1), -ENOENT);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_name_with_a_slash_is_a_file_and_any_other_is_posix),
	RIG_CASE(a_locked_byte_is_busy_for_another_description),
	RIG_CASE(a_lock_waits_at_least_its_timeout),
	RIG_CASE(a_killed_holder_loses_its_lock),
	RIG_CASE(alone_holds_while_there_is_no_other_user),
	RIG_CASE(who_is_told_that_it_is_not_alone_is_still_a_user),
	RIG_CASE(flock_and_byte_locks_do_not_meet),
	RIG_CASE(two_mappings_share_and_a_child_has_none),
	RIG_CASE(a_sealed_memfd_keeps_its_size_and_a_file_has_no_seals),
	RIG_CASE(a_reopened_memfd_has_locks_of_its_own_and_a_copy_has_not),
};

RIG_MAIN("arch_shm", cases)
