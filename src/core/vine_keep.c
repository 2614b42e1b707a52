/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where its parts lie, and whose memory they are: a file's (vine_shelf.h), that
 * of an object without a name, or anonymous. What is found is used as a whole,
 * or not at all (vine_judge.h). A full tmpfs is noticed where memory is asked
 * for (vine_keep_back), never by a store.
 *
 * Records are written by those whose they are, under the pipe's lock but for
 * the words of a queue's positions, which are its lane's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/shm/arch_shm.h"
#include "core/vine_judge.h"
#include "core/vine_keep.h"
#include "core/vine_shelf.h"
#include "utils/utils_log.h"

enum part {
	HEADER, SESSIONS, QUEUES, EXTENTS, ACCELS, PROCS, REFS,
	JOURNALS,	/* what is before has memory from the start */
	DESCS, CODE, PARTS
};

static uint64_t
pages(uint64_t bytes)
{
	return (bytes + VINE_PAGE - 1) & ~(uint64_t)(VINE_PAGE - 1);
}

/* Where each part begins; the last is the size. */
static void
plan(struct vine_keep *k, uint64_t at[PARTS + 1])
{
	const struct vine_layout *l = &k->seg->layout;
	uint64_t places = 2 * (uint64_t)l->queue_slots;
	uint64_t bytes[PARTS];

	k->refs_stride = (l->procs + 63) / 64 * 8;
	k->journal_stride = places * sizeof(uint32_t);
	k->descs_stride = pages(places * sizeof(struct vine_keep_desc));
	bytes[HEADER] = sizeof(struct vine_keep_header);
	bytes[SESSIONS] = l->sessions * sizeof(struct vine_keep_session);
	bytes[QUEUES] = l->queues * sizeof(struct vine_keep_queue);
	bytes[EXTENTS] = l->extents * sizeof(struct vine_keep_extent);
	bytes[ACCELS] = l->accels * sizeof(struct vine_keep_accel);
	bytes[PROCS] = l->procs * sizeof(struct vine_keep_proc);
	bytes[REFS] = l->sessions * k->refs_stride;
	bytes[JOURNALS] = l->queues * k->journal_stride;
	bytes[DESCS] = l->queues * k->descs_stride;
	bytes[CODE] = l->heap_size;
	at[0] = 0;
	for (int i = 0; i < PARTS; i++)
		at[i + 1] = at[i] + pages(bytes[i]);
	k->fixed = at[JOURNALS];
	k->size = at[PARTS];
}

static void
bind(struct vine_keep *k, uint8_t *base)
{
	uint64_t at[PARTS + 1];

	plan(k, at);
	k->base = base;
	k->header = (struct vine_keep_header *)base;
	k->sessions = (struct vine_keep_session *)(base + at[SESSIONS]);
	k->queues = (struct vine_keep_queue *)(base + at[QUEUES]);
	k->extents = (struct vine_keep_extent *)(base + at[EXTENTS]);
	k->accels = (struct vine_keep_accel *)(base + at[ACCELS]);
	k->procs = (struct vine_keep_proc *)(base + at[PROCS]);
	k->refs = base + at[REFS];
	k->journals = base + at[JOURNALS];
	k->descs = base + at[DESCS];
	k->code = base + at[CODE];
}

static int
map(struct vine_keep *k)
{
	int flags = k->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *base = mmap(NULL, k->size, PROT_READ | PROT_WRITE,
			  flags | MAP_NORESERVE, k->fd, 0);

	if (base == MAP_FAILED)
		return -errno;
	/* a child has no pipe; and the lock ends with the last mapping */
	madvise(base, k->size, MADV_DONTFORK);
	bind(k, base);
	return 0;
}

static void
unmap(struct vine_keep *k)
{
	if (k->base)
		munmap(k->base, k->size);
	k->base = NULL;
}

/* Not posix_fallocate, which writes where the file system cannot do it. */
static int
allocate(const struct vine_keep *k, uint64_t off, uint64_t len)
{
	while (fallocate(k->fd, 0, (off_t)off, (off_t)len) != 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* A new one: void until its header is complete. */
static int
make(struct vine_keep *k)
{
	int rc = 0;

	if (k->fd >= 0 && (ftruncate(k->fd, 0) != 0 ||
			   ftruncate(k->fd, (off_t)k->size) != 0))
		rc = -errno;
	if (rc == 0 && k->fd >= 0)
		rc = allocate(k, 0, k->fixed);
	if (rc == 0)
		rc = map(k);
	if (rc) {
		log_warn("%s cannot be given %llu bytes: %s", k->path,
			 (unsigned long long)k->fixed, strerror(-rc));
		return rc;
	}
	vine_judge_identify(k, k->header);
	k->header->pid = (uint32_t)getpid();
	vine_keep_set(&k->header->state, VINE_KEEP_VALID);
	return 0;
}

static int
runs_anew(struct vine_keep *k)
{
	uint32_t n = (uint32_t)(k->seg->layout.heap_size / VINE_PAGE);

	vine_runs_fini(&k->code_runs);
	if (vine_runs_init(&k->code_runs, n) != 0)
		return -ENOMEM;
	vine_runs_free(&k->code_runs, 0, n);
	return 0;
}

/*
 * What an earlier appliance left, of so many bytes, is mapped if it can be
 * used: 1. Else 0 and *why, or -errno where there was no memory.
 */
static int
find(struct vine_keep *k, uint64_t bytes, const char **why)
{
	int rc;

	*why = "it is of another version or size";
	if (bytes != k->size)
		return 0;
	rc = map(k);
	if (rc)
		return rc;
	*why = vine_judge_foreign(k);
	rc = *why ? 0 : vine_judge_sound(k);
	if (rc == 1)
		k->header->pid = (uint32_t)getpid();
	if (rc)
		return rc;
	if (*why == NULL)
		*why = "it makes no sense";
	unmap(k);
	return 0;
}

/* As find, of a file; what cannot be used is forgotten. */
static int
find_file(struct vine_keep *k, uint64_t bytes)
{
	const char *why;
	int rc = bytes ? find(k, bytes, &why) : 0;

	if (rc || bytes == 0)
		return rc;
	log_info("%s is made anew: %s", k->path, why);
	return runs_anew(k);
}

static int
open_file(struct vine_keep *k, const struct utils_config *config)
{
	uint64_t bytes;
	int rc = vine_shelf_open(k, config, &bytes);

	if (rc)
		return rc;
	rc = find_file(k, bytes);
	k->found = rc == 1;
	if (rc == 0)
		rc = make(k);
	if (rc < 0) {
		unmap(k);
		unlink(k->path);
		vine_shelf_close(k);
		return rc;
	}
	return 0;
}

int
vine_keep_open(struct vine_keep *keep, const struct vine_seg *seg,
	       const struct utils_config *config)
{
	uint64_t at[PARTS + 1];
	int rc;

	memset(keep, 0, sizeof(*keep));
	keep->seg = seg;
	keep->fd = -1;
	plan(keep, at);
	rc = runs_anew(keep);
	if (rc)
		return rc;
	if (config && seg->fd >= 0) {
		if (open_file(keep, config) == 0)
			return 0;
		log_warn("segment %s: when this appliance is killed its "
			 "sessions will be lost", seg->name);
		rc = runs_anew(keep);
	}
	if (rc == 0)
		rc = make(keep);
	if (rc)
		vine_runs_fini(&keep->code_runs);
	return rc ? -ENOMEM : 0;
}

/* Have a descriptor of our own: of what was left, or of new memory. */
static int
memory_fd(struct vine_keep *k, int left)
{
	struct arch_shm_object object = { .fd = -1 };
	int rc = 0;

	vine_fork_lock();
	if (left < 0)
		rc = arch_shm_memfd.open(k->path, 0, 0, &object);
	else if ((object.fd = fcntl(left, F_DUPFD_CLOEXEC, 3)) < 0)
		rc = -errno;
	k->fd = rc ? -1 : object.fd;
	vine_fork_unlock();
	if (rc == 0)
		vine_fork_add(&k->known, vine_fork_close, &k->fd);
	return rc;
}

/* As find, of memory: all of it makes sense, or none is used. */
static int
find_memory(struct vine_keep *k)
{
	const char *why;
	struct stat st;
	int rc = find(k, fstat(k->fd, &st) == 0 ? (uint64_t)st.st_size : 0,
		      &why);

	if (rc)
		return rc;
	log_warn("the keep of segment %s cannot be used: %s", k->seg->name,
		 why);
	return -EPROTO;
}

/* A new one: sealed when it has its size. */
static int
make_memory(struct vine_keep *k)
{
	int rc = make(k);

	if (rc == 0)
		rc = arch_shm_seal(k->fd);
	if (rc)
		unmap(k);
	return rc;
}

static int
open_memory(struct vine_keep *k, int left)
{
	int rc = memory_fd(k, left);

	if (rc)
		return rc;
	rc = left >= 0 ? find_memory(k) : make_memory(k);
	k->found = rc == 1;
	if (rc < 0)
		vine_shelf_close(k);
	return rc < 0 ? rc : 0;
}

int
vine_keep_open_memory(struct vine_keep *keep, const struct vine_seg *seg,
		      int fd)
{
	uint64_t at[PARTS + 1];
	int rc;

	memset(keep, 0, sizeof(*keep));
	keep->seg = seg;
	keep->fd = -1;
	snprintf(keep->path, sizeof(keep->path), "keep of %s", seg->name);
	plan(keep, at);
	rc = runs_anew(keep);
	if (rc)
		return rc;
	rc = open_memory(keep, fd);
	if (rc && fd < 0) {
		log_warn("segment %s: when this appliance is killed its "
			 "sessions will be lost: %s", seg->name, strerror(-rc));
		rc = runs_anew(keep) == 0 && make(keep) == 0 ? 0 : -ENOMEM;
	}
	if (rc)
		vine_runs_fini(&keep->code_runs);
	return rc == 0 || rc == -EPROTO ? rc : -ENOMEM;
}

/* Has it a name in a directory? */
static int
is_file(const struct vine_keep *keep)
{
	return keep->fd >= 0 && keep->path[0] == '/';
}

void
vine_keep_void(struct vine_keep *keep)
{
	vine_keep_set(&keep->header->state, VINE_KEEP_VOID);
	if (is_file(keep))
		unlink(keep->path);
}

void
vine_keep_close(struct vine_keep *keep)
{
	int is_void;

	if (keep->base == NULL)
		return;
	is_void = keep->header->state == VINE_KEEP_VOID;
	unmap(keep);
	/* its name may be out of our reach, if we were root once */
	if (is_void && is_file(keep) && ftruncate(keep->fd, 0) != 0)
		log_debug("%s keeps its memory", keep->path);
	vine_shelf_close(keep);
	vine_runs_fini(&keep->code_runs);
}

pid_t
vine_keep_holder(const struct vine_seg *seg, const struct utils_config *config)
{
	int fd = config ? vine_shelf_look(seg, config) : -1;
	struct vine_keep_header h;
	pid_t pid = 0;

	if (fd < 0)
		return 0;
	if (pread(fd, &h, sizeof(h), 0) == sizeof(h) && vine_judge_knows(&h))
		pid = (pid_t)h.pid;
	close(fd);
	return pid;
}

int
vine_keep_back(struct vine_keep *keep, const void *at, uint64_t len)
{
	uint64_t off = (uint64_t)((const uint8_t *)at - keep->base);

	if (keep->fd < 0 || len == 0)
		return 0;
	return allocate(keep, off, len) == 0 ? 0 : -ENOMEM;
}

void
vine_keep_unback(struct vine_keep *keep, const void *at, uint64_t len)
{
	uint64_t off = (uint64_t)((const uint8_t *)at - keep->base);

	/* where that cannot be done they stay, and are used again */
	if (keep->fd < 0)
		(void)madvise(keep->base + off, len, MADV_DONTNEED);
	else if (fallocate(keep->fd, FALLOC_FL_PUNCH_HOLE |
			   FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len) != 0)
		log_debug("%s keeps %llu bytes: %s", keep->path,
			  (unsigned long long)len, strerror(errno));
}

uint8_t *
vine_keep_code(struct vine_keep *keep, uint64_t size)
{
	uint32_t page;

	if (size > keep->seg->layout.heap_size ||
	    vine_runs_take(&keep->code_runs, vine_keep_code_pages(size), 0,
			   &page) != 0)
		return NULL;
	return keep->code + (uint64_t)page * VINE_PAGE;
}

void
vine_keep_code_drop(struct vine_keep *keep, const uint8_t *code, uint64_t size)
{
	uint32_t n = vine_keep_code_pages(size);

	vine_keep_unback(keep, code, (uint64_t)n * VINE_PAGE);
	vine_runs_free(&keep->code_runs,
		       (uint32_t)((uint64_t)(code - keep->code) / VINE_PAGE),
		       n);
}
