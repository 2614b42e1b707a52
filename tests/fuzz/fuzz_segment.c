/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target: vine_seg_open, the header of a segment and the object that it is in,
 * and vine_accel_list, the directory of accelerators as an application reads
 * it. The input says how long the object is, what stands in its header and its
 * directory, which config opens it, and whether others use it. The object is a
 * memory file: this program's shm_open opens that and nothing else, and its
 * fstat says that it has a name.
 *
 * Either the segment is refused with an error that the header of vine_seg.h
 * names, or all its parts lie inside the object; an object of which somebody
 * else is a user keeps its size and its bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/shm/arch_shm.h"
#include "core/vine_accel.h"
#include "core/vine_seg.h"
#include "core/vine_session.h"
#include "tests/fuzz/fuzz.h"
#include "utils/utils_config.h"

#define OFF UINT64_C(4096)	/* shm_off where it is not 0 */

static int object = -1;		/* the memory file */
static int removed;		/* its name */

/* A descriptor of its own, with locks of its own. */
int
shm_open(const char *name, int flags, mode_t mode)
{
	char path[64];

	(void)name;
	(void)mode;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", object);
	return open(path, (flags & ~(O_CREAT | O_EXCL)) | O_CLOEXEC);
}

int
shm_unlink(const char *name)
{
	(void)name;
	removed = 1;
	return 0;
}

int
fstat(int fd, struct stat *st)
{
	int rc = fstatat(fd, "", st, AT_EMPTY_PATH);

	st->st_nlink = 1;
	return rc;
}

static void
write_at(const void *bytes, size_t size, uint64_t at)
{
	fuzz_check(pwrite(object, bytes, size, (off_t)at) == (ssize_t)size);
}

/* A header that would do, then what the input changes of it. */
static void
write_header(struct fuzz_in *in, uint64_t at, uint64_t size)
{
	struct vine_header_shm h;
	uint8_t changes = (uint8_t)fuzz_take(in, 1);

	memset(&h, 0, sizeof(h));
	arch_store64(&h.magic, VINE_MAGIC);
	arch_store32(&h.state, VINE_SEG_READY);
	arch_store32(&h.layout_id, vine_layout_id());
	h.abi_major.v = VINE_ABI_MAJOR;
	arch_store64(&h.size, size);
	arch_store32(&h.queue_slots, 64);
	for (int i = 0; i < (changes & 7); i++) {
		uint8_t where = (uint8_t)fuzz_take(in, 1);

		((uint8_t *)&h)[where % 128] = (uint8_t)fuzz_take(in, 1);
	}
	if (changes & 8)
		arch_store64(&h.size, fuzz_take(in, 8));
	if (changes & 16)
		arch_store32(&h.queue_slots, (uint32_t)fuzz_take(in, 4));
	if (changes & 32)
		arch_store32(&h.state, (uint32_t)fuzz_take(in, 1));
	if (!(changes & 64))
		write_at(&h, sizeof(h), at);
}

static void
check_part(const struct vine_layout *l, vine_off_t off, uint64_t bytes)
{
	fuzz_check(off >= VINE_PAGE && off % VINE_PAGE == 0);
	fuzz_check(off <= l->heap_off && bytes <= l->heap_off - off);
}

static void
check_layout(const struct vine_layout *l, uint64_t object_bytes)
{
	fuzz_check(l->size >= VINE_SEGMENT_MIN && l->size <= object_bytes);
	fuzz_check(l->queue_slots >= VINE_SLOTS_MIN &&
		   l->queue_slots <= VINE_SLOTS_MAX);
	check_part(l, l->session_off, l->sessions * UINT64_C(256));
	check_part(l, l->queue_off, l->queues * UINT64_C(256));
	check_part(l, l->accel_off, l->accels * UINT64_C(256));
	check_part(l, l->proc_off, l->procs * UINT64_C(128));
	check_part(l, l->extent_off, l->extents * UINT64_C(32));
	check_part(l, l->counter_off, VINE_COUNTERS_MAX * UINT64_C(64));
	check_part(l, l->bell_off, VINE_BELLS_MAX * UINT64_C(64));
	check_part(l, l->ready_off, VINE_BELLS_MAX * l->ready_stride);
	fuzz_check(l->heap_off < l->size &&
		   l->heap_size <= l->size - l->heap_off);
}

/* Forge entries of the directory, then read it as an application does. */
static void
list_accels(struct vine_seg *seg, struct fuzz_in *in)
{
	struct vine_session *s = calloc(1, sizeof(*s));
	vine_accel *accels[8];
	int n;

	fuzz_check(s != NULL);
	s->seg = seg;
	s->forks = vine_fork_count;
	pthread_mutex_init(&s->lock, NULL);
	for (int i = 0; i < 8 && in->left; i++) {
		uint32_t at = 1 + (uint32_t)fuzz_take(in, 1) %
			(seg->layout.accels - 1);
		struct vine_accel_shm *shm = vine_seg_accel(seg, at);
		uint8_t how = (uint8_t)fuzz_take(in, 1);

		fuzz_copy(in, shm, sizeof(*shm));
		if (how & 1)	/* an index that is right */
			arch_store32(&shm->handle, at | (uint32_t)how << 16);
		if (how & 2)
			arch_store32(&shm->phys, 0);
	}
	n = vine_accel_list_raw(s, ANY, accels, 8);
	fuzz_check(n >= 0 && (uint32_t)n < seg->layout.accels);
	for (int i = 0; i < n && i < 8; i++) {
		vine_accel_loc_s where;

		vine_accel_where(accels[i], &where);
		fuzz_check(strlen(vine_accel_name(accels[i])) < 48);
		fuzz_check(memchr(where.name, 0, sizeof(where.name)) != NULL);
	}
	vine_accel_free_all(s);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* How a byte of the input has the segment opened. */
struct way {
	uint64_t off;
	int trunc;
	int used;	/* somebody else is a user */
};

static struct utils_config *
config_of(const struct way *way)
{
	struct utils_config *config;
	char text[256];

	snprintf(text, sizeof(text), "shm_file fuzz\nshm_size 1M\nshm_off %llu\n"
		 "shm_trunc %d\nqueue_slots 64\n", (unsigned long long)way->off,
		 way->trunc);
	fuzz_check(utils_config_parse(text, "fuzz", &config) == 0);
	return config;
}

static void
open_it(const struct way *way, struct fuzz_in *in)
{
	struct utils_config *config = config_of(way);
	struct vine_seg *seg = NULL;
	struct stat before, after;
	int rc;

	fuzz_check(fstat(object, &before) == 0);
	rc = vine_seg_open(config, &seg);
	fuzz_check(fstat(object, &after) == 0);
	if (way->used)
		fuzz_check(before.st_size == after.st_size);
	if (rc == 0) {
		check_layout(&seg->layout, (uint64_t)after.st_size - way->off);
		fuzz_check(!(way->used && seg->formed && before.st_size >
			     (off_t)(way->off + VINE_PAGE) && way->trunc));
		list_accels(seg, in);
		fuzz_check(vine_seg_close(seg) == !way->used);
	} else {
		fuzz_check(rc == -EPROTO || rc == -ENOSPC || rc == -EINVAL ||
			   rc == -ENOMEM || rc == -EFBIG);
	}
	fuzz_check(removed == (rc == 0 && way->trunc && !way->used));
	utils_config_free(config);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t how = (uint8_t)fuzz_take(&in, 1);
	uint64_t bytes = fuzz_take(&in, 2) % 1024 * VINE_PAGE;
	struct way way = { how & 1 ? OFF : 0, how >> 1 & 1, how >> 2 & 1 };
	int user = -1;

	if (how & 8)
		bytes += fuzz_take(&in, 2);
	removed = 0;
	object = memfd_create("fuzz", MFD_CLOEXEC);
	fuzz_check(object >= 0 && ftruncate(object, (off_t)bytes) == 0);
	if (bytes >= way.off + VINE_PAGE)
		write_header(&in, way.off, bytes - way.off);
	if (way.used) {
		user = shm_open("", O_RDWR, 0);
		fuzz_check(user >= 0 && arch_shm_use(user) == 0);
	}
	open_it(&way, &in);
	if (user >= 0)
		close(user);
	close(object);
	return 0;
}
