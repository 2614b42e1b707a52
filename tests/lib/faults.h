/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults: calls that fail when a test says so, and what is left of those that
 * did not.
 *
 * The linker leads the calls of libvine and of the test named below to here
 * (--wrap; tests/CMakeLists.txt does it for test_faults*.c). While armed, the
 * nth of them fails as it does where memory, descriptors or threads have run
 * out: those of one thread, of all others, or of the whole process. What was allocated, mapped
 * or opened and not given back is counted; not so what a thread with
 * faults_others allocates, which lives as long as it likes. Calls from inside the C library, and
 * from other libraries, are not touched.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define FAULTS_UNUSED __attribute__((unused))
#define FAULTS_MANY 100000u	/* more calls than anything makes */
#define FAULTS_LIVE (1u << 16)	/* pointers that can be kept, a power of two */

/* What can fail: the call's type, name, parameters, arguments, error. */
#define FAULTS_POINTERS(X) \
	X(malloc, (size_t size), (size)) \
	X(calloc, (size_t n, size_t size), (n, size)) \
	X(aligned_alloc, (size_t align, size_t size), (align, size)) \
	X(strdup, (const char *text), (text))
#define FAULTS_DESCRIPTORS(X) \
	X(shm_open, (const char *name, int flags, mode_t mode), \
	  (name, flags, mode)) \
	X(eventfd, (unsigned int value, int flags), (value, flags)) \
	X(socket, (int domain, int type, int protocol), \
	  (domain, type, protocol)) \
	X(memfd_create, (const char *name, unsigned int flags), \
	  (name, flags)) \
	X(epoll_create1, (int flags), (flags)) \
	X(signalfd, (int fd, const void *mask, int flags), (fd, mask, flags)) \
	X(ftruncate, (int fd, off_t length), (fd, length))
#define FAULTS_MEMORY(X) \
	X(mprotect, (void *at, size_t size, int prot), (at, size, prot)) \
	X(madvise, (void *at, size_t size, int what), (at, size, what))


/* Calls of sockets and files; they fail in programs with FAULTS_IO alone. */
#define FAULTS_IO_CALLS(X) \
	X(int, accept4, (int fd, void *name, void *length, int flags), \
	  (fd, name, length, flags), EMFILE) \
	X(int, pipe2, (int *fds, int flags), (fds, flags), EMFILE) \
	X(int, connect, (int fd, const void *name, unsigned int length), \
	  (fd, name, length), ENOMEM) \
	X(int, bind, (int fd, const void *name, unsigned int length), \
	  (fd, name, length), ENOMEM) \
	X(int, listen, (int fd, int backlog), (fd, backlog), ENOMEM) \
	X(int, epoll_ctl, (int ep, int what, int fd, void *event), \
	  (ep, what, fd, event), ENOMEM) \
	X(ssize_t, send, (int fd, const void *data, size_t length, int flags), \
	  (fd, data, length, flags), ENOMEM) \
	X(ssize_t, recv, (int fd, void *data, size_t length, int flags), \
	  (fd, data, length, flags), ENOMEM) \
	X(ssize_t, sendmsg, (int fd, const void *message, int flags), \
	  (fd, message, flags), ENOMEM) \
	X(ssize_t, recvmsg, (int fd, void *message, int flags), \
	  (fd, message, flags), ENOMEM) \
	X(ssize_t, pread, (int fd, void *data, size_t length, off_t at), \
	  (fd, data, length, at), ENOMEM) \
	X(ssize_t, pwrite, (int fd, const void *data, size_t length, off_t at), \
	  (fd, data, length, at), ENOMEM) \
	X(ssize_t, splice, (int from, loff_t *at, int to, loff_t *to_at, \
			    size_t length, unsigned int flags), \
	  (from, at, to, to_at, length, flags), ENOMEM) \
	X(ssize_t, copy_file_range, (int from, loff_t *at, int to, \
				     loff_t *to_at, size_t length, \
				     unsigned int flags), \
	  (from, at, to, to_at, length, flags), ENOMEM) \
	X(ssize_t, readv, (int fd, const void *pieces, int count), \
	  (fd, pieces, count), ENOMEM) \
	X(ssize_t, writev, (int fd, const void *pieces, int count), \
	  (fd, pieces, count), ENOMEM) \
	X(ssize_t, preadv, (int fd, const void *pieces, int count, off_t at), \
	  (fd, pieces, count, at), ENOMEM) \
	X(ssize_t, pwritev, (int fd, const void *pieces, int count, off_t at), \
	  (fd, pieces, count, at), ENOMEM) \
	X(int, fallocate, (int fd, int mode, off_t at, off_t length), \
	  (fd, mode, at, length), ENOMEM) \
	X(int, fsync, (int fd), (fd), ENOMEM) \
	X(int, fdatasync, (int fd), (fd), ENOMEM)

#ifdef FAULTS_IO
#define FAULTS_IO_STRIKE(name) faults_strike(name)
#else
#define FAULTS_IO_STRIKE(name) 0
#endif

/* Whose calls fail. */
enum faults_whose {
	FAULTS_MINE,		/* those of the thread that arms */
	FAULTS_ALL,
	FAULTS_THEIRS,		/* of all but the thread that arms */
};

static _Atomic int faults_all;		/* armed, for the whole process */
static _Thread_local int faults_mine;	/* armed, for this thread */
static _Thread_local int faults_spared;	/* not, where it is for all */
static _Thread_local int faults_others;	/* its memory is not counted */
static _Atomic int64_t faults_left;	/* calls until one fails */
static _Atomic uint32_t faults_done;	/* calls that failed */
static const char *_Atomic faults_name;	/* of the last one that did */

/* faults_arm has the nth call from here on fail. */
static FAULTS_UNUSED void
faults_arm(uint32_t n, enum faults_whose whose)
{
	atomic_store(&faults_done, 0);
	atomic_store(&faults_left, n);
	faults_mine = whose == FAULTS_MINE;
	faults_spared = whose == FAULTS_THEIRS;
	atomic_store(&faults_all, whose != FAULTS_MINE);
}

/* faults_disarm ends that. Returns how many calls failed: 1 or 0. */
static FAULTS_UNUSED uint32_t
faults_disarm(void)
{
	atomic_store(&faults_all, 0);
	faults_mine = 0;
	faults_spared = 0;
	return atomic_load(&faults_done);
}

/* faults_spare lets no call fail from here on; any thread. */
static FAULTS_UNUSED void
faults_spare(void)
{
	atomic_store(&faults_left, 0);
}

static int
faults_strike(const char *name)
{
	if (!faults_mine && (faults_spared || !atomic_load(&faults_all)))
		return 0;
	if (atomic_fetch_sub(&faults_left, 1) != 1)
		return 0;
	atomic_store(&faults_name, name);
	atomic_fetch_add(&faults_done, 1);
	return 1;
}

/* --- what is left --- */

static pthread_mutex_t faults_lock = PTHREAD_MUTEX_INITIALIZER;
static const void *faults_live[FAULTS_LIVE];	/* a set, by hash */
static int64_t faults_live_count;
static _Atomic int64_t faults_maps;

static uint32_t
faults_place(const void *p)
{
	uint64_t hash = (uintptr_t)p * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(hash >> 40) & (FAULTS_LIVE - 1);
}

static void
faults_keep(const void *p)
{
	uint32_t i = faults_place(p);

	if (p == NULL || faults_others)
		return;
	pthread_mutex_lock(&faults_lock);
	while (faults_live[i])
		i = (i + 1) & (FAULTS_LIVE - 1);
	faults_live[i] = p;
	if (++faults_live_count > FAULTS_LIVE / 2)
		abort();
	pthread_mutex_unlock(&faults_lock);
}

static void
faults_forget(const void *p)
{
	uint32_t i = faults_place(p), hole, home;

	pthread_mutex_lock(&faults_lock);
	while (faults_live[i] && faults_live[i] != p)
		i = (i + 1) & (FAULTS_LIVE - 1);
	if (p && faults_live[i]) {
		faults_live_count--;
		/* those behind it move up, unless they are at home there */
		for (hole = i; faults_live[i = (i + 1) & (FAULTS_LIVE - 1)];) {
			home = faults_place(faults_live[i]);
			if (((i - home) & (FAULTS_LIVE - 1)) <
			    ((i - hole) & (FAULTS_LIVE - 1)))
				continue;
			faults_live[hole] = faults_live[i];
			hole = i;
		}
		faults_live[hole] = NULL;
	}
	pthread_mutex_unlock(&faults_lock);
}

/* What there is: pieces of memory, mappings, open descriptors. */
struct faults_left {
	int64_t pieces;
	int64_t maps;
	int64_t fds;
};

static FAULTS_UNUSED struct faults_left
faults_count(void)
{
	struct faults_left left = { .maps = atomic_load(&faults_maps) };
	DIR *dir = opendir("/proc/self/fd");

	while (dir && readdir(dir))
		left.fds++;
	if (dir)
		closedir(dir);
	pthread_mutex_lock(&faults_lock);
	left.pieces = faults_live_count;
	pthread_mutex_unlock(&faults_lock);
	return left;
}

/* faults_same tells whether nothing more is left, and says what is. */
static FAULTS_UNUSED int
faults_same(const struct faults_left *a, const struct faults_left *b)
{
	if (a->pieces == b->pieces && a->maps == b->maps && a->fds == b->fds)
		return 1;
	fprintf(stderr, "left after %s failed: %lld pieces of memory, %lld "
		"mappings, %lld descriptors\n", atomic_load(&faults_name),
		(long long)(b->pieces - a->pieces),
		(long long)(b->maps - a->maps), (long long)(b->fds - a->fds));
	return 0;
}

/* --- the calls --- */

#define FAULTS_POINTER(name, parameters, arguments) \
	void *__real_##name parameters; \
	void *__wrap_##name parameters; \
	void * \
	__wrap_##name parameters \
	{ \
		void *p; \
		if (faults_strike(#name)) { \
			errno = ENOMEM; \
			return NULL; \
		} \
		p = __real_##name arguments; \
		faults_keep(p); \
		return p; \
	}
FAULTS_POINTERS(FAULTS_POINTER)

#define FAULTS_CALL(name, parameters, arguments, error) \
	int __real_##name parameters; \
	int __wrap_##name parameters; \
	int \
	__wrap_##name parameters \
	{ \
		if (!faults_strike(#name)) \
			return __real_##name arguments; \
		errno = error; \
		return -1; \
	}
#define FAULTS_DESCRIPTOR(name, parameters, arguments) \
	FAULTS_CALL(name, parameters, arguments, EMFILE)
FAULTS_DESCRIPTORS(FAULTS_DESCRIPTOR)
#define FAULTS_MEMORY_CALL(name, parameters, arguments) \
	FAULTS_CALL(name, parameters, arguments, ENOMEM)
FAULTS_MEMORY(FAULTS_MEMORY_CALL)


#define FAULTS_IO_CALL(type, name, parameters, arguments, error) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type \
	__wrap_##name parameters \
	{ \
		if (!FAULTS_IO_STRIKE(#name)) \
			return __real_##name arguments; \
		errno = error; \
		return -1; \
	}
FAULTS_IO_CALLS(FAULTS_IO_CALL)

#ifdef FAULTS_URING	/* for programs that have liburing */
int __real_io_uring_queue_init_params(unsigned int n, void *ring, void *p);
int __wrap_io_uring_queue_init_params(unsigned int n, void *ring, void *p);

int
__wrap_io_uring_queue_init_params(unsigned int n, void *ring, void *p)
{
	return faults_strike("io_uring_queue_init_params") ? -ENOMEM :
		__real_io_uring_queue_init_params(n, ring, p);
}

/* The ring takes nothing this time. */
int __real_io_uring_submit_and_wait_timeout(void *ring, void *cqe,
					    unsigned int n, void *timeout,
					    void *mask);
int __wrap_io_uring_submit_and_wait_timeout(void *ring, void *cqe,
					    unsigned int n, void *timeout,
					    void *mask);

int
__wrap_io_uring_submit_and_wait_timeout(void *ring, void *cqe, unsigned int n,
					void *timeout, void *mask)
{
	if (faults_strike("io_uring_submit_and_wait_timeout"))
		return -EAGAIN;
	return __real_io_uring_submit_and_wait_timeout(ring, cqe, n, timeout,
						       mask);
}

int __real_io_uring_submit_and_wait(void *ring, unsigned int n);
int __wrap_io_uring_submit_and_wait(void *ring, unsigned int n);

int
__wrap_io_uring_submit_and_wait(void *ring, unsigned int n)
{
	return faults_strike("io_uring_submit_and_wait") ? -EAGAIN :
		__real_io_uring_submit_and_wait(ring, n);
}

int __real_io_uring_submit(void *ring);
int __wrap_io_uring_submit(void *ring);

int
__wrap_io_uring_submit(void *ring)
{
	return faults_strike("io_uring_submit") ? -EBUSY :
		__real_io_uring_submit(ring);
}
#endif

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *
__wrap_realloc(void *old, size_t size)
{
	void *p;

	if (faults_strike("realloc")) {
		errno = ENOMEM;
		return NULL;
	}
	/* first: another thread may get the place at once */
	faults_forget(old);
	p = __real_realloc(old, size);
	faults_keep(p ? p : old);
	return p;
}

void __real_free(void *p);
void __wrap_free(void *p);

void
__wrap_free(void *p)
{
	faults_forget(p);
	__real_free(p);
}

void *__real_mmap(void *at, size_t size, int prot, int flags, int fd,
		  off_t off);
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd,
		  off_t off);

void *
__wrap_mmap(void *at, size_t size, int prot, int flags, int fd, off_t off)
{
	void *p = (void *)(uintptr_t)-1;

	errno = ENOMEM;
	if (!faults_strike("mmap"))
		p = __real_mmap(at, size, prot, flags, fd, off);
	atomic_fetch_add(&faults_maps, p != (void *)(uintptr_t)-1);
	return p;
}

int __real_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size);

int
__wrap_munmap(void *at, size_t size)
{
	atomic_fetch_sub(&faults_maps, 1);
	return __real_munmap(at, size);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

int
__wrap_open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list args;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (!faults_strike("open"))
		return __real_open(path, flags, mode);
	errno = EMFILE;
	return -1;
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*run)(void *arg), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*run)(void *arg), void *arg);

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
		      void *(*run)(void *arg), void *arg)
{
	if (faults_strike("pthread_create"))
		return EAGAIN;
	return __real_pthread_create(thread, attr, run, arg);
}

/* --- a sweep --- */

/* What is swept: returns 0 or the first -errno. */
typedef int (*faults_life)(void);

struct faults_turn {
	faults_life life;
	enum faults_whose whose;
	uint32_t n;		/* 0: no call fails */
	uint32_t failed;	/* calls that did */
	int rc;
};

/*
 * In a thread of its own, which leaves nothing behind when it has ended. A
 * life says nothing to Check while all is well: Check allocates.
 */
static void *
faults_live_through(void *arg)
{
	struct faults_turn *t = arg;

	if (t->n)
		faults_arm(t->n, t->whose);
	t->rc = t->life();
	t->failed = faults_disarm();
	return NULL;
}

static FAULTS_UNUSED struct faults_turn
faults_turn(faults_life life, enum faults_whose whose, uint32_t n)
{
	struct faults_turn t = { .life = life, .whose = whose, .n = n };
	pthread_t thread;

	faults_spared = 1;	/* Check allocates here meanwhile */
	ck_assert_int_eq(pthread_create(&thread, NULL,
					faults_live_through, &t), 0);
	pthread_join(thread, NULL);
	return t;
}

/* No call of a segment's users fails with what means something else. */
static int
faults_clear(int rc)
{
	return rc == -ENOMEM || rc == -EMFILE || rc == -EAGAIN;
}

/*
 * faults_sweep_of has each call of a life fail, one a life, and checks that it
 * succeeds or is refused with a clear error, that nothing is left, and that the
 * next life is well. Returns how many calls there were. faults_sweep does so
 * with the calls of the life's own thread.
 */
static FAULTS_UNUSED uint32_t
faults_sweep_of(const char *what, faults_life life, enum faults_whose whose)
{
	struct faults_left before, after;
	uint32_t n;

	/* what is made once for the process is made now */
	ck_assert_int_eq(faults_turn(life, whose, 0).rc, 0);
	before = faults_count();
	for (n = 1; n < FAULTS_MANY; n++) {
		struct faults_turn t = faults_turn(life, whose, n);

		after = faults_count();
		ck_assert_msg(faults_same(&before, &after), "%s, call %u, %s",
			      what, n, atomic_load(&faults_name));
		if (t.failed == 0) {
			ck_assert_int_eq(t.rc, 0);
			break;
		}
		ck_assert_msg(t.rc == 0 || faults_clear(t.rc),
			      "%s, call %u, %s: %s", what, n,
			      atomic_load(&faults_name), strerror(-t.rc));
		t = faults_turn(life, whose, 0);
		ck_assert_msg(t.rc == 0, "%s after call %u, %s: %s", what, n,
			      atomic_load(&faults_name), strerror(-t.rc));
		after = faults_count();
		ck_assert(faults_same(&before, &after));
	}
	printf("%s: %u calls\n", what, n - 1);
	fflush(stdout);
	return n - 1;
}

static FAULTS_UNUSED uint32_t
faults_sweep(const char *what, faults_life life)
{
	return faults_sweep_of(what, life, FAULTS_MINE);
}

#endif
