/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of arch_shm_guard: objects that are cut short under their mappings. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "../core/rig.h"
#include "arch/shm/arch_shm.h"
#include "arch/arch_thread.h"
#include "arch/shm/arch_shm_guard.h"

enum { SIZE = 1 << 20, PAGE = 4096 };

static char name[96];

/* An object of SIZE bytes, without a name, and its mapping. */
static int
make(void **base)
{
	struct arch_shm_object o = { .fd = -1 };

	rig_name(name);
	ck_assert_int_eq(arch_shm_posix.open(name, O_RDWR | O_CREAT, 0600, &o),
			 0);
	shm_unlink(name);
	ck_assert_int_eq(ftruncate(o.fd, SIZE), 0);
	ck_assert_int_eq(arch_shm_map(&o, 0, SIZE, 0, base), 0);
	return o.fd;
}

static volatile uint8_t *
at(void *base, size_t offset)
{
	return (volatile uint8_t *)base + offset;
}

static uint8_t
in_object(int fd, off_t offset)
{
	uint8_t byte;

	ck_assert_int_eq(pread(fd, &byte, 1, offset), 1);
	return byte;
}

START_TEST(a_byte_that_was_cut_off_reads_as_zero_and_the_mapping_is_torn)
{
	uint64_t where = 1;
	void *base, *whole;
	int fd;

	ck_assert_int_eq(arch_shm_guard_start(), 0);
	fd = make(&base);
	make(&whole);
	*at(base, 5) = 1;
	*at(base, SIZE - 7) = 2;
	ck_assert_int_eq(ftruncate(fd, PAGE), 0);
	ck_assert_int_eq(*at(base, 5), 1);
	ck_assert_int_eq(arch_shm_guard_torn(base, &where), 0);
	ck_assert_uint_eq(where, 1);
	errno = EDOM;
	ck_assert_int_eq(*at(base, SIZE - 7), 0);
	ck_assert_int_eq(errno, EDOM);
	ck_assert_int_eq(arch_shm_guard_torn(base, &where), 1);
	ck_assert_uint_eq(where, SIZE - 7);
	ck_assert_int_eq(*at(base, 5), 0);	/* all of it */
	*at(base, 6) = 3;
	ck_assert_int_eq(in_object(fd, 6), 0);	/* and nobody else's */
	ck_assert_int_eq(arch_shm_guard_torn(whole, &where), 0);
	arch_shm_unmap(base, SIZE);
	ck_assert_int_eq(arch_shm_guard_torn(base, &where), 0);
}
END_TEST

START_TEST(mending_gives_the_object_its_size_and_shares_it_again)
{
	uint64_t where;
	struct stat st;
	void *base;
	int fd;

	ck_assert_int_eq(arch_shm_guard_start(), 0);
	fd = make(&base);
	for (int i = 0; i < 3; i++) {
		*at(base, 5) = 1;
		ck_assert_int_eq(ftruncate(fd, i * PAGE), 0);
		*at(base, SIZE - 1) = 2;
		ck_assert_int_eq(arch_shm_guard_mend(fd, 0, SIZE, base), 0);
		ck_assert_int_eq(arch_shm_guard_torn(base, &where), 0);
		ck_assert_int_eq(fstat(fd, &st), 0);
		ck_assert_int_eq(st.st_size, SIZE);
		ck_assert_int_eq(*at(base, 5), i ? 1 : 0);
		ck_assert_int_eq(*at(base, SIZE - 1), 0);
		*at(base, SIZE - 1) = 3;
		ck_assert_int_eq(in_object(fd, SIZE - 1), 3);
	}
	/* one that is larger keeps what it has */
	ck_assert_int_eq(ftruncate(fd, 2 * SIZE), 0);
	ck_assert_int_eq(arch_shm_guard_mend(fd, 0, SIZE, base), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, 2 * SIZE);
	ck_assert_int_eq(*at(base, SIZE - 1), 3);
}
END_TEST

START_TEST(what_cannot_be_mended_stays_torn)
{
	uint64_t where;
	void *base;
	int fd, closed;

	ck_assert_int_eq(arch_shm_guard_start(), 0);
	fd = make(&base);
	closed = dup(fd);
	close(closed);
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	*at(base, 0) = 9;
	ck_assert_int_eq(arch_shm_guard_mend(closed, 0, SIZE, base), -EBADF);
	/* an offset that is no page's is mmap's error */
	ck_assert_int_eq(arch_shm_guard_mend(fd, 1, SIZE, base), -EINVAL);
	ck_assert_int_eq(arch_shm_guard_torn(base, &where), 1);
	ck_assert_int_eq(*at(base, 0), 9);
	ck_assert_int_eq(arch_shm_guard_mend(fd, 0, SIZE, base), 0);
	ck_assert_int_eq(arch_shm_guard_torn(base, &where), 0);
}
END_TEST

/* The status of a child that runs fn; a sanitizer's own handler is in the way
 * of what the kernel would do. */
static int
ended_by(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		signal(SIGBUS, SIG_DFL);
		fn();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
touch_unguarded(void)
{
	char *elsewhere;
	void *base;
	int fd;

	if (arch_shm_guard_start() != 0)
		return;
	fd = make(&base);
	elsewhere = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (ftruncate(fd, 0) == 0)
		(void)*(volatile char *)elsewhere;
}

static void
touch_without_a_guard(void)
{
	void *base;
	int fd = make(&base);

	if (ftruncate(fd, 0) == 0)
		(void)*at(base, 0);
}

static void
send_it(void)
{
	if (arch_shm_guard_start() == 0)
		raise(SIGBUS);
}

START_TEST(any_other_sigbus_still_ends_the_process)
{
	ck_assert_int_eq(ended_by(touch_without_a_guard), SIGBUS);
	ck_assert_int_eq(ended_by(touch_unguarded), SIGBUS);
	ck_assert_int_eq(ended_by(send_it), SIGBUS);
}
END_TEST

START_TEST(one_mapping_too_many_is_refused_and_the_next_place_is_used_again)
{
	void *bases[ARCH_SHM_GUARDS], *more;
	struct arch_shm_object o = { .fd = -1 };

	ck_assert_int_eq(arch_shm_guard_start(), 0);
	o.fd = make(&bases[0]);
	for (int i = 1; i < ARCH_SHM_GUARDS; i++)
		ck_assert_int_eq(arch_shm_map(&o, 0, SIZE, 0, &bases[i]), 0);
	ck_assert_int_eq(arch_shm_map(&o, 0, SIZE, 0, &more), -ENOSPC);
	arch_shm_unmap(bases[5], SIZE);
	ck_assert_int_eq(arch_shm_map(&o, 0, SIZE, 0, &more), 0);
	ck_assert_int_eq(ftruncate(o.fd, 0), 0);
	ck_assert_int_eq(*at(more, 0), 0);
	for (int i = 0; i < ARCH_SHM_GUARDS; i++)
		if (i != 5)
			ck_assert_int_eq(*at(bases[i], SIZE - 1), 0);
}
END_TEST

static _Atomic int over;
static void *shared_base;

static void *
scribble(void *arg)
{
	uint64_t state = (uintptr_t)arg;

	while (!over)
		__atomic_fetch_add((uint64_t *)shared_base +
				   rig_random(&state) % (SIZE / 8), 1,
				   __ATOMIC_RELAXED);
	return NULL;
}

START_TEST(threads_go_on_while_it_is_cut_and_mended_again_and_again)
{
	pthread_t threads[3];
	uint64_t state = 1, torn = 0, where;
	int fd;

	ck_assert_int_eq(arch_shm_guard_start(), 0);
	fd = make(&shared_base);
	for (uintptr_t i = 0; i < 3; i++)
		ck_assert_int_eq(arch_thread_start(&threads[i], scribble,
						   (void *)(i + 1)), 0);
	for (int i = 0; i < 300; i++) {
		ck_assert_int_eq(ftruncate(fd, (off_t)(rig_random(&state) %
						       SIZE)), 0);
		rig_nap(rig_random(&state) % 500000);
		torn += (uint64_t)arch_shm_guard_torn(shared_base, &where);
		ck_assert_int_eq(arch_shm_guard_mend(fd, 0, SIZE, shared_base),
				 0);
	}
	over = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_gt(torn, 0);
	/* one that came late may have torn it once more */
	ck_assert_int_eq(arch_shm_guard_mend(fd, 0, SIZE, shared_base), 0);
	*at(shared_base, 8) = 77;
	ck_assert_int_eq(in_object(fd, 8), 77);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_byte_that_was_cut_off_reads_as_zero_and_the_mapping_is_torn),
	RIG_CASE(mending_gives_the_object_its_size_and_shares_it_again),
	RIG_CASE(what_cannot_be_mended_stays_torn),
	RIG_CASE(any_other_sigbus_still_ends_the_process),
	RIG_CASE(
	one_mapping_too_many_is_refused_and_the_next_place_is_used_again),
	RIG_CASE(threads_go_on_while_it_is_cut_and_mended_again_and_again),
};

RIG_MAIN("arch_shm_guard", cases)
