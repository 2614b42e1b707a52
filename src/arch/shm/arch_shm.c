/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapping and locks, alike for every kind of object.
 *
 * flock and byte locks are two lock spaces of the kernel, so one cannot block
 * the other. A lock that must be waited for is polled with a pause: a stopped
 * process that holds it then costs its waiters their timeout, not for ever.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "arch/shm/arch_shm.h"
#include "arch/shm/arch_shm_guard.h"
#include "utils/utils_clock.h"

#define LOCK_BASE (INT64_C(1) << 62)
#define PAUSE_MAX_NS UINT64_C(200000000)

static const struct arch_shm_mapper *const mappers[] = {
	&arch_shm_pci,
	&arch_shm_dax,
	&arch_shm_file,
	&arch_shm_posix,	/* matches every name: last */
};

const struct arch_shm_mapper *
arch_shm_mapper_of(const char *name)
{
	size_t i = 0;

	while (!mappers[i]->matches(name))
		i++;
	return mappers[i];
}

/* A child has no session: a stray access there is a fault, not a race with its
 * parent. Large pages where the kernel gives them. */
static void
advise(void *base, uint64_t size)
{
	madvise(base, size, MADV_DONTFORK);
	madvise(base, size, MADV_HUGEPAGE);
}

int
arch_shm_bytes(const struct arch_shm_object *o, uint64_t *bytes)
{
	struct stat st;

	if (o->size == 0 && fstat(o->fd, &st) != 0)
		return -errno;
	*bytes = o->size ? o->size : (uint64_t)st.st_size;
	return 0;
}

/* Not posix_fallocate, which writes where the file system cannot do it. */
int
arch_shm_back(int fd, uint64_t off, uint64_t len)
{
	int rc;

	do
		rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len);
	while (rc != 0 && errno == EINTR);
	if (rc != 0 && (errno == ENOSPC || errno == EDQUOT || errno == ENOMEM))
		return -errno;
	return 0;
}

int
arch_shm_map(const struct arch_shm_object *o, uint64_t off, uint64_t size,
	     int read_only, void **base)
{
	int prot = read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	uint64_t bytes;
	int rc = arch_shm_bytes(o, &bytes);
	void *p;

	if (rc)
		return rc;
	if (size > bytes || off > bytes - size)
		return -ERANGE;
	p = mmap(NULL, size, prot, MAP_SHARED, o->fd,
		 (off_t)(o->begin + off));
	if (p == MAP_FAILED)
		return -errno;
	advise(p, size);
	rc = arch_shm_guard_add(p, size);
	if (rc) {
		munmap(p, size);
		return rc;
	}
	*base = p;
	return 0;
}

int
arch_shm_map_at(int fd, uint64_t off, uint64_t size, void *base)
{
	/* the call itself: ThreadSanitizer takes mmap() for a write to all of
	 * it, and other threads are at work there */
	if (syscall(SYS_mmap, base, size, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, fd, (off_t)off) == -1)
		return -errno;
	advise(base, size);
	return 0;
}

void
arch_shm_unmap(void *base, uint64_t size)
{
	arch_shm_guard_remove(base);
	munmap(base, size);
}

static struct flock
byte_lock(short type, uint32_t byte)
{
	return (struct flock){
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = LOCK_BASE + byte,
		.l_len = 1,
	};
}

int
arch_shm_lock(int fd, uint32_t byte, int64_t timeout_ns)
{
	uint64_t start = utils_clock_ns();
	uint64_t pause_ns = 50000, jitter = start;

	for (;;) {
		struct flock lock = byte_lock(F_WRLCK, byte);
		struct timespec pause;

		if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES)
			return -errno;
		if (utils_clock_ns() - start >= (uint64_t)timeout_ns)
			return -EBUSY;
		/* a thousand that wait must not all look all the time, nor all
		 * at the same time */
		jitter = jitter * UINT64_C(6364136223846793005) + 1;
		pause.tv_sec = 0;
		pause.tv_nsec = (long)(pause_ns / 2 +
				       (jitter >> 33) % pause_ns);
		nanosleep(&pause, NULL);
		if (pause_ns < PAUSE_MAX_NS)
			pause_ns += pause_ns / 2;
	}
}

void
arch_shm_unlock(int fd, uint32_t byte)
{
	struct flock lock = byte_lock(F_UNLCK, byte);

	fcntl(fd, F_OFD_SETLK, &lock);
}

void
arch_shm_unlock_all(int fd)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	fcntl(fd, F_OFD_SETLK, &lock);	/* from 0 to the end */
	flock(fd, LOCK_UN);
}

int
arch_shm_locked(int fd, uint32_t byte)
{
	struct flock lock = byte_lock(F_WRLCK, byte);

	if (fcntl(fd, F_OFD_GETLK, &lock) != 0)
		return 1;	/* not known: assume a living holder */
	return lock.l_type != F_UNLCK;
}

int
arch_shm_use(int fd)
{
	return flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : -errno;
}

void
arch_shm_leave(int fd)
{
	flock(fd, LOCK_UN);
}

int
arch_shm_alone(int fd)
{
	int alone = flock(fd, LOCK_EX | LOCK_NB) == 0;

	/* a conversion that fails drops the lock that was there. Nobody else
	 * changes these locks while we hold the attach byte, so going back to
	 * shared cannot be overtaken. */
	flock(fd, LOCK_SH | LOCK_NB);
	return alone;
}
