/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keep's file: where it lies, whose it must be, what is in it.
 *
 * Its name is made of the segment's, so the next appliance on that segment
 * finds it, and one that is left over is used again. It is ours alone: a
 * directory and a file of our user that no other may write, and a lock for as
 * long as it is mapped. A full tmpfs is noticed where memory is asked for
 * (vine_keep_back), never by a store.
 *
 * Records are written by those whose they are, under the pipe's lock but for
 * the words of a queue's positions, which are its lane's.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <vine_pipe.h>

#include "arch/shm/arch_shm.h"
#include "core/vine_keep.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"

#define KEEP_MAGIC UINT64_C(0x5045454b454e4956)	/* "VINEKEEP" */
#define KEEP_VERSION 2u
#define TMPFS_MAGIC 0x01021994
#define OPEN_TRIES 10

/* --- its parts ---------------------------------------------------------- */

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

/* Another build may know other records. */
static uint32_t
keep_id(void)
{
	static const uint32_t sizes[] = {
		sizeof(struct vine_keep_header),
		sizeof(struct vine_keep_session),
		sizeof(struct vine_keep_queue), sizeof(struct vine_keep_extent),
		sizeof(struct vine_keep_accel), sizeof(struct vine_keep_proc),
		sizeof(struct vine_keep_desc), VINE_BELLS_MAX,
	};
	uint32_t hash = vine_layout_id();

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		hash = (hash ^ sizes[i]) * 16777619u;	/* FNV-1a, 32 bits */
	return hash;
}

/* --- is it one that we know, and does it make sense? --------------------- */

static void
identify(const struct vine_keep *k, struct vine_keep_header *h)
{
	struct stat st = { 0 };

	memset(h, 0, sizeof(*h));
	h->magic = KEEP_MAGIC;
	h->version = KEEP_VERSION;
	h->id = keep_id();
	h->size = k->size;
	h->segment_size = k->seg->layout.size;
	h->queue_slots = k->seg->layout.queue_slots;
	h->incarnation = k->seg->incarnation;
	h->boot_id = vine_seg_boot_id();
	if (k->seg->fd >= 0 && fstat(k->seg->fd, &st) == 0) {
		h->device = st.st_dev;
		h->inode = st.st_ino;
	}
}

/* Returns NULL, or why it is not the keep of our segment. */
static const char *
foreign(const struct vine_keep *k)
{
	const struct vine_keep_header *h = k->header;
	struct vine_keep_header our;

	identify(k, &our);
	/* KEEP-A3: what counts is complete; pairs with KEEP-R3 in
	 * vine_keep_set(). */
	if (__atomic_load_n(&h->state, __ATOMIC_ACQUIRE) != VINE_KEEP_VALID)
		return "it was given up";
	if (h->magic != our.magic || h->version != our.version ||
	    h->id != our.id || h->size != our.size ||
	    h->segment_size != our.segment_size ||
	    h->queue_slots != our.queue_slots)
		return "it is of another version or size";
	if (h->boot_id != our.boot_id)
		return "it is from before a boot of the machine";
	if (h->incarnation != our.incarnation || h->device != our.device ||
	    h->inode != our.inode)
		return "the segment is another";
	return NULL;
}

static int
in_heap(const struct vine_layout *l, uint64_t off, uint64_t len)
{
	return off >= l->heap_off && len <= l->heap_size &&
	       off - l->heap_off <= l->heap_size - len;
}

static int
sound_sessions(const struct vine_keep *k)
{
	const struct vine_layout *l = &k->seg->layout;

	for (uint32_t i = 0; i < l->sessions; i++) {
		const struct vine_keep_session *s = &k->sessions[i];

		if (s->state > VINE_KEEP_SESSION_CLOSED)
			return 0;
		if (s->state != VINE_KEEP_SESSION_OPEN)
			continue;
		if (s->serial == 0 || s->serial >> 31 || s->nonce == 0 ||
		    !in_heap(l, s->mailbox, VINE_PAGE) ||
		    s->control == 0 || s->control >= l->queues)
			return 0;
		for (uint32_t j = 0; j < i; j++)
			if (k->sessions[j].state == VINE_KEEP_SESSION_OPEN &&
			    k->sessions[j].serial == s->serial)
				return 0;
	}
	return 1;
}

static int
sound_queues(const struct vine_keep *k)
{
	const struct vine_layout *l = &k->seg->layout;

	for (uint32_t i = 0; i < l->queues; i++) {
		const struct vine_keep_queue *q = &k->queues[i];
		uint32_t slots = q->control ? VINE_SLOTS_CTL : l->queue_slots;

		if (q->state == 0)
			continue;
		if (q->state != 1 || i == 0 || q->serial == 0 ||
		    q->slot >= l->sessions || q->slots != slots ||
		    q->control > 1 || q->lane >= VINE_BELLS_MAX ||
		    q->sub % VINE_LINE || q->comp % VINE_LINE ||
		    !in_heap(l, q->sub, slots * sizeof(struct vine_desc_shm)) ||
		    !in_heap(l, q->comp,
			     2 * slots * sizeof(struct vine_comp_shm)))
			return 0;
	}
	return 1;
}

/* Pages that are all of one are noted in `free`, once. */
static int
sound_extents(const struct vine_keep *k, struct vine_runs *free)
{
	const struct vine_layout *l = &k->seg->layout;

	for (uint32_t i = 0; i < l->extents; i++) {
		const struct vine_keep_extent *e = &k->extents[i];

		if (e->serial == 0)
			continue;
		if (e->slot >= l->sessions || e->queue >= l->queues ||
		    e->off % VINE_PAGE || e->len % VINE_PAGE || e->len == 0 ||
		    !in_heap(l, e->off, e->len) ||
		    vine_runs_claim(free, (uint32_t)((e->off - l->heap_off) /
						     VINE_PAGE),
				    (uint32_t)(e->len / VINE_PAGE)) != 0)
			return 0;
	}
	return 1;
}

static int
is_text(const char *text, size_t size)
{
	return text[0] != '\0' && strnlen(text, size) < size;
}

static int
sound_accels(const struct vine_keep *k)
{
	const struct vine_layout *l = &k->seg->layout;

	for (uint32_t i = 0; i < l->accels; i++) {
		const struct vine_keep_accel *a = &k->accels[i];

		if (a->state == VINE_KEEP_ACCEL_NONE)
			continue;
		if (i == 0 || a->state > VINE_KEEP_ACCEL_VIRTUAL ||
		    a->type >= VINE_ACCEL_TYPES || a->slot >= l->sessions ||
		    a->priority < -8 || a->priority > 7)
			return 0;
		if (a->state == VINE_KEEP_ACCEL_PHYSICAL &&
		    !is_text(a->name, sizeof(a->name)))
			return 0;
	}
	return 1;
}

static uint32_t
code_pages(uint64_t size)
{
	return size ? (uint32_t)(pages(size) / VINE_PAGE) : 1;
}

/* Their code is noted in the keep's own runs. */
static int
sound_procs(struct vine_keep *k)
{
	const struct vine_layout *l = &k->seg->layout;

	for (uint32_t i = 0; i < l->procs; i++) {
		const struct vine_keep_proc *p = &k->procs[i];

		if (p->state == VINE_KEEP_PROC_NONE)
			continue;
		if (i == 0 || p->state > VINE_KEEP_PROC_CODE ||
		    p->type >= VINE_ACCEL_TYPES ||
		    !is_text(p->name, sizeof(p->name)))
			return 0;
		if (p->state == VINE_KEEP_PROC_CODE &&
		    (p->code_size > VINE_PROC_CODE_MAX ||
		     p->code % VINE_PAGE || p->code > l->heap_size ||
		     code_pages(p->code_size) >
		     (l->heap_size - p->code) / VINE_PAGE ||
		     vine_runs_claim(&k->code_runs,
				     (uint32_t)(p->code / VINE_PAGE),
				     code_pages(p->code_size)) != 0))
			return 0;
	}
	return 1;
}

/*
 * Returns 1 if every record can be what it says: no index, offset or length
 * leads out of where it belongs, no page has two owners. 0, or -ENOMEM.
 */
static int
sound(struct vine_keep *k)
{
	uint32_t n = (uint32_t)(k->seg->layout.heap_size / VINE_PAGE);
	struct vine_runs free;
	int good;

	if (vine_runs_init(&free, n) != 0)
		return -ENOMEM;
	vine_runs_free(&free, 0, n);
	good = sound_sessions(k) && sound_queues(k) &&
		sound_extents(k, &free) && sound_accels(k) && sound_procs(k);
	vine_runs_fini(&free);
	return good;
}

/* --- the directory and the file ------------------------------------------ */

static int
is_tmpfs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

/* /run/vined, or $XDG_RUNTIME_DIR/vined, where that is memory. */
static void
dir_name(char *dir, size_t size, const struct utils_config *config)
{
	const char *base = geteuid() == 0 ? "/run" :
		secure_getenv("XDG_RUNTIME_DIR");

	if (utils_config_is_set(config, UTILS_KEY_state_dir))
		snprintf(dir, size, "%s",
			 utils_config_str(config, UTILS_KEY_state_dir));
	else if (base && base[0] == '/' && is_tmpfs(base))
		snprintf(dir, size, "%s/vined", base);
	else
		snprintf(dir, size, "/dev/shm/vined-%u", (unsigned)geteuid());
}

/* Returns a descriptor of the directory, or -errno, logged. */
static int
dir_open(const char *dir, int make)
{
	struct stat st;
	int fd, rc;

	if (make && mkdir(dir, 0700) != 0 && errno != EEXIST) {
		rc = -errno;
		log_warn("state_dir %s cannot be made: %s", dir,
			 strerror(-rc));
		return rc;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		rc = -errno;
		if (make)
			log_warn("state_dir %s cannot be opened: %s", dir,
				 rc == -ELOOP || rc == -ENOTDIR ?
				 "it is no directory" : strerror(-rc));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (st.st_uid == geteuid() && (st.st_mode & 022) == 0)
		return fd;
	if (make)
		log_warn("state_dir %s is of user %u with mode %03o, expected "
			 "user %u and no right to write for others", dir,
			 (unsigned)st.st_uid, (unsigned)st.st_mode & 0777,
			 (unsigned)geteuid());
	close(fd);
	return -EPERM;
}

/* A name that only this segment has: readable, and unique by a hash. */
static void
file_name(char *name, size_t size, const struct vine_seg *seg)
{
	uint64_t hash = UINT64_C(14695981039346656037);	/* FNV-1a, 64 bits */
	char text[65];
	size_t n = strlen(seg->name), from = n > 64 ? n - 64 : 0;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (uint8_t)seg->name[i]) *
			UINT64_C(1099511628211);
	snprintf(text, sizeof(text), "%s", seg->name + from);
	for (char *c = text; *c; c++)
		if (*c == '/')
			*c = '_';
	snprintf(name, size, "%s-%016" PRIx64 ".keep", text, hash);
}

/* Is this file ours alone? Returns 0, -ESTALE for one that was just removed,
 * or -errno, logged. */
static int
file_judge(const struct vine_keep *k, struct stat *st)
{
	if (fstat(k->fd, st) != 0)
		return -errno;
	if (!S_ISREG(st->st_mode) || st->st_uid != geteuid() ||
	    st->st_nlink > 1 || (st->st_mode & 022)) {
		log_warn("%s is of user %u with mode %o and %u links, expected "
			 "a file of user %u that no other may write", k->path,
			 (unsigned)st->st_uid, (unsigned)st->st_mode,
			 (unsigned)st->st_nlink, (unsigned)geteuid());
		return -EPERM;
	}
	if (flock(k->fd, LOCK_EX | LOCK_NB) != 0) {
		log_warn("%s is in use by another appliance", k->path);
		return -EBUSY;
	}
	/* it may have lost its name before we had the lock */
	if (fstat(k->fd, st) != 0)
		return -errno;
	return st->st_nlink ? 0 : -ESTALE;
}

/* Under the lock of forks, so that no child keeps the descriptor. Until then a
 * child closes it. */
static void
file_close(struct vine_keep *k)
{
	if (k->fd < 0)
		return;
	vine_fork_lock();
	close(k->fd);
	k->fd = -1;
	vine_fork_unlock();
	vine_fork_remove(&k->known);
}

/* Returns 0 with the file open, locked and judged, or -errno, logged. */
static int
file_open(struct vine_keep *k, int dir, const char *name, struct stat *st)
{
	int rc = -ESTALE;

	for (int i = 0; i < OPEN_TRIES && rc == -ESTALE; i++) {
		vine_fork_lock();
		k->fd = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW |
			       O_CLOEXEC, 0600);
		vine_fork_unlock();
		if (k->fd < 0) {
			rc = -errno;
			log_warn("%s cannot be opened: %s", k->path,
				 strerror(-rc));
			return rc;
		}
		vine_fork_add(&k->known, vine_fork_close, &k->fd);
		rc = file_judge(k, st);
		if (rc)
			file_close(k);
	}
	return rc;
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
	identify(k, k->header);
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

/* What an earlier appliance left, if it can be used: 1; else 0, or -errno. */
static int
find(struct vine_keep *k, const struct stat *st)
{
	const char *why = "it is of another version or size";
	int rc;

	if (st->st_size == 0)
		return 0;
	if ((uint64_t)st->st_size == k->size) {
		rc = map(k);
		if (rc)
			return rc;
		why = foreign(k);
		rc = why ? 0 : sound(k);
		if (rc == 1)
			k->header->pid = (uint32_t)getpid();
		if (rc)
			return rc;
		if (why == NULL)
			why = "it makes no sense";
		unmap(k);
	}
	log_info("%s is made anew: %s", k->path, why);
	return runs_anew(k);
}

static int
open_file(struct vine_keep *k, const struct utils_config *config)
{
	char dir[256], name[128];
	struct stat st;
	int fd, rc;

	dir_name(dir, sizeof(dir), config);
	file_name(name, sizeof(name), k->seg);
	snprintf(k->path, sizeof(k->path), "%s/%s", dir, name);
	fd = dir_open(dir, 1);
	if (fd < 0)
		return fd;
	rc = file_open(k, fd, name, &st);
	close(fd);
	if (rc)
		return rc;
	rc = find(k, &st);
	k->found = rc == 1;
	if (rc == 0)
		rc = make(k);
	if (rc < 0) {
		unmap(k);
		unlink(k->path);
		file_close(k);
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

/* --- memory without a name ----------------------------------------------- */

int
vine_keep_peek(int fd, const char *name, struct vine_keep_header *h)
{
	const char *why = NULL;
	struct stat st;

	if (!arch_shm_is_sealed(fd) || fstat(fd, &st) != 0)
		why = "it is no sealed memory";
	else if (pread(fd, h, sizeof(*h), 0) != sizeof(*h) ||
		 h->magic != KEEP_MAGIC)
		why = "it is no keep";
	else if (h->state != VINE_KEEP_VALID)
		why = "it was given up";
	else if (h->version != KEEP_VERSION || h->id != keep_id())
		why = "it is of another build";
	else if (h->boot_id != vine_seg_boot_id())
		why = "it is from before a boot of the machine";
	else if (h->size != (uint64_t)st.st_size)
		why = "it is of another size";
	if (why == NULL)
		return 0;
	log_warn("the keep of segment %s cannot be used: %s", name, why);
	return -EPROTO;
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

/* What an earlier appliance left: all of it makes sense, or none is used. */
static int
find_memory(struct vine_keep *k)
{
	const char *why = "it is of another size";
	struct stat st;
	int rc = 0;

	if (fstat(k->fd, &st) == 0 && (uint64_t)st.st_size == k->size) {
		rc = map(k);
		if (rc)
			return -ENOMEM;
		why = foreign(k);
		rc = why ? 0 : sound(k);
		if (rc == 1)
			k->header->pid = (uint32_t)getpid();
		if (rc)
			return rc;
		if (why == NULL)
			why = "it makes no sense";
		unmap(k);
	}
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
		file_close(k);
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

/* --- its end ------------------------------------------------------------- */

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
	file_close(keep);
	vine_runs_fini(&keep->code_runs);
}

pid_t
vine_keep_holder(const struct vine_seg *seg, const struct utils_config *config)
{
	char dir[256], name[128];
	struct vine_keep_header h;
	pid_t pid = 0;
	int at, fd;

	if (config == NULL)
		return 0;
	dir_name(dir, sizeof(dir), config);
	file_name(name, sizeof(name), seg);
	at = dir_open(dir, 0);
	if (at < 0)
		return 0;
	fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	close(at);
	if (fd < 0)
		return 0;
	if (pread(fd, &h, sizeof(h), 0) == sizeof(h) &&
	    h.magic == KEEP_MAGIC && h.version == KEEP_VERSION)
		pid = (pid_t)h.pid;
	close(fd);
	return pid;
}

/* --- memory behind it ---------------------------------------------------- */

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
	    vine_runs_take(&keep->code_runs, code_pages(size), 0, &page) != 0)
		return NULL;
	return keep->code + (uint64_t)page * VINE_PAGE;
}

void
vine_keep_code_drop(struct vine_keep *keep, const uint8_t *code, uint64_t size)
{
	uint32_t n = code_pages(size);

	vine_keep_unback(keep, code, (uint64_t)n * VINE_PAGE);
	vine_runs_free(&keep->code_runs,
		       (uint32_t)((uint64_t)(code - keep->code) / VINE_PAGE),
		       n);
}
