/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a segment comes from: an object with a name, one without that the
 * appliance makes and hands out, memory of the caller's; and how it is left. A
 * name is removed by the last user, under the attach byte (vine_entry.c). The
 * descriptors change under the lock of forks, so that no child keeps them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "arch/shm/arch_shm.h"
#include "arch/shm/arch_shm_guard.h"
#include "core/vine_entry.h"
#include "core/vine_far.h"
#include "core/vine_header.h"
#include "core/vine_seg.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"

#define OPEN_TRIES 100

uint64_t
vine_seg_random(void)
{
	uint64_t r = 0;

	while (r == 0)
		if (getrandom(&r, sizeof(r), 0) != sizeof(r))
			r = 0;
	return r;
}

uint64_t
vine_seg_boot_id(void)
{
	uint64_t hash = UINT64_C(14695981039346656037);	/* FNV-1a, 64 bits */
	char id[64];
	ssize_t n = 0;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		n = read(fd, id, sizeof(id));
		close(fd);
	}
	if (n <= 0)	/* unknown: like no other, so fences are used */
		return vine_seg_random();
	for (ssize_t i = 0; i < n; i++)
		hash = (hash ^ (uint8_t)id[i]) * UINT64_C(1099511628211);
	return hash ? hash : 1;
}

int
vine_seg_mend(const struct vine_seg *seg, vine_off_t *at)
{
	struct stat st;
	int rc, torn, cut;

	torn = arch_shm_guard_torn(seg->base, at);
	/* far memory has no descriptor to give it a size by */
	if (seg->fd < 0)
		return seg->far && torn ? -ENODEV : VINE_SEG_WHOLE;
	if (fstat(seg->fd, &st) != 0)
		return -errno;
	cut = (uint64_t)st.st_size < seg->off + seg->layout.size;
	if (!torn && !cut)
		return VINE_SEG_WHOLE;
	if (!torn)
		*at = (uint64_t)st.st_size < seg->off ? 0 :
			(uint64_t)st.st_size - seg->off;
	rc = arch_shm_guard_mend(seg->fd, seg->off, seg->layout.size,
				 seg->base);
	return rc ? rc : cut ? VINE_SEG_CUT : VINE_SEG_STARVED;
}

int
vine_seg_back(const struct vine_seg *seg, vine_off_t at, uint64_t *has)
{
	uint64_t page = at & ~(uint64_t)(VINE_PAGE - 1);
	struct stat st;
	int rc = arch_shm_back(seg->fd, seg->off + page, VINE_PAGE);

	*has = fstat(seg->fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
	return rc;
}

static struct vine_seg *
seg_new(const struct vine_entry *w, const struct arch_shm_mapper *mapper)
{
	struct vine_seg *seg = calloc(1, sizeof(*seg));

	if (seg == NULL)
		return NULL;
	snprintf(seg->name, sizeof(seg->name), "%s", w->file);
	seg->mapper = mapper;
	seg->keep = !w->trunc || mapper->remove == NULL;
	seg->lease = w->lease;
	seg->fd = -1;
	seg->peer.sock = -1;
	vine_fork_add(&seg->known, vine_fork_close, &seg->fd);
	vine_fork_add(&seg->known_sock, vine_fork_close, &seg->peer.sock);
	return seg;
}

/* Its descriptors, the object's first: the connection's end is the last that
 * an appliance hears of us. */
static void
seg_free(struct vine_seg *seg)
{
	vine_fork_lock();
	vine_fork_close(&seg->fd);
	vine_fork_close(&seg->peer.sock);
	vine_fork_unlock();
	vine_fork_remove(&seg->known);
	vine_fork_remove(&seg->known_sock);
	free(seg);
}

int
vine_seg_make(const struct utils_config *config, struct vine_seg **out)
{
	struct vine_seg *seg;
	struct vine_entry w;
	int rc;

	vine_entry_read_socket(config, 1, &w);
	seg = seg_new(&w, &arch_shm_memfd);
	if (seg == NULL)
		return -ENOMEM;
	rc = vine_entry_open(seg, &w);
	if (rc == 0) {
		rc = arch_shm_seal(seg->fd);
		if (rc == 0) {
			*out = seg;
			return 0;
		}
		log_error("segment %s cannot be sealed: %s", w.file,
			  strerror(-rc));
		arch_shm_unmap(seg->base, seg->layout.size);
	}
	seg_free(seg);
	return rc;
}

/* No lock is waited for: a guest may hold any. */
static int
adopt(struct vine_seg *seg, uint64_t size, uint32_t slots, uint64_t incarnation)
{
	const struct arch_shm_object object = { .fd = seg->fd };
	struct stat st;
	void *base;
	int rc;

	if (!arch_shm_is_sealed(seg->fd) || fstat(seg->fd, &st) != 0 ||
	    (uint64_t)st.st_size < size ||
	    vine_layout_plan(size, slots, &seg->layout) != 0 ||
	    seg->layout.size != size) {
		log_warn("segment %s is not the sealed memory of %" PRIu64
			 " bytes that an earlier appliance made", seg->name,
			 size);
		return -EPROTO;
	}
	rc = arch_shm_map(&object, 0, size, 0, &base);
	if (rc) {
		log_error("segment %s cannot be mapped, %" PRIu64 " bytes: %s",
			  seg->name, size, strerror(-rc));
		return rc;
	}
	(void)arch_shm_use(seg->fd);
	seg->base = base;
	seg->incarnation = incarnation;
	vine_header_form(seg, incarnation);
	return 0;
}

int
vine_seg_adopt(const struct utils_config *config, int fd, uint64_t size,
	       uint32_t slots, uint64_t incarnation, struct vine_seg **out)
{
	struct vine_seg *seg;
	struct vine_entry w;
	int rc;

	vine_entry_read_socket(config, 0, &w);
	seg = seg_new(&w, &arch_shm_memfd);
	if (seg == NULL)
		return -ENOMEM;
	vine_fork_lock();
	rc = arch_shm_reopen(fd);
	seg->fd = rc < 0 ? -1 : rc;
	vine_fork_unlock();
	if (rc < 0)
		log_error("segment %s cannot be opened by /proc/self/fd: %s",
			  w.file, strerror(-rc));
	else
		rc = adopt(seg, size, slots, incarnation);
	if (rc) {
		seg_free(seg);
		return rc;
	}
	*out = seg;
	return 0;
}

int
vine_seg_join(const struct utils_config *config, int64_t timeout_ns,
	      struct vine_seg **out)
{
	struct vine_seg *seg;
	struct vine_entry w;
	int rc;

	vine_entry_read_socket(config, 0, &w);
	seg = seg_new(&w, &arch_shm_memfd);
	if (seg == NULL)
		return -ENOMEM;
	rc = vine_peer_attach(w.file, timeout_ns, &seg->peer, &seg->fd);
	if (rc == 0 && !arch_shm_is_sealed(seg->fd)) {
		log_error("segment %s is not sealed, expected memory that "
			  "nobody can cut off", w.file);
		rc = -EPROTO;
	}
	if (rc == 0)
		rc = vine_entry_enter(seg, &w);
	if (rc) {
		seg_free(seg);
		return rc;
	}
	*out = seg;
	return 0;
}

static int
open_named(struct vine_entry *w, struct vine_seg **out)
{
	struct vine_seg *seg;
	char name[VINE_FAR_NAME];
	int rc = -ESTALE;

	if (w->file == NULL) {
		log_error("no segment is named: expected shm_file, socket or "
			  "shm_ivshmem 1");
		return -EINVAL;
	}
	if (vine_far_is_id(w->file)) {
		int none = vine_far_find(w->file, w->off, name);

		if (none)
			return none;
		w->file = name;
	}
	seg = seg_new(w, arch_shm_mapper_of(w->file));
	if (seg == NULL)
		return -ENOMEM;
	/* ESTALE: the last user removed the name between open and lock */
	for (int i = 0; i < OPEN_TRIES && rc == -ESTALE; i++)
		rc = vine_entry_open(seg, w);
	if (rc) {
		seg_free(seg);
		return rc;
	}
	*out = seg;
	return 0;
}

int
vine_seg_open(const struct utils_config *config, struct vine_seg **out)
{
	struct vine_entry w;

	if (utils_config_is_set(config, UTILS_KEY_socket))
		return vine_seg_join(config, (int64_t)
			utils_config_u64(config, UTILS_KEY_attach_timeout),
			out);
	vine_entry_read(config, &w);
	return open_named(&w, out);
}

int
vine_seg_open_own(const struct utils_config *config, struct vine_seg **out)
{
	struct vine_entry w;

	vine_entry_read(config, &w);
	w.far.own = 1;
	return open_named(&w, out);
}

/* Another process may be at it; one that died at it is not waited for long. */
static void
await_formed(const struct vine_header_shm *h)
{
	struct timespec nap = { 0, 1000000 };

	for (int i = 0; i < 1000 &&
	     arch_load_acquire32(&h->state) == VINE_SEG_FORMING; i++)
		nanosleep(&nap, NULL);
}

int
vine_seg_wrap(void *mem, uint64_t size, uint32_t queue_slots,
	      struct vine_seg **out)
{
	struct vine_header_shm *h = mem;
	struct vine_seg *seg;
	int rc;

	if (mem == NULL || (uintptr_t)mem % VINE_PAGE != 0)
		return -EINVAL;
	seg = calloc(1, sizeof(*seg));
	if (seg == NULL)
		return -ENOMEM;
	seg->fd = -1;
	seg->peer.sock = -1;
	seg->keep = 1;
	seg->base = mem;
	snprintf(seg->name, sizeof(seg->name), "at %p", mem);
	rc = vine_layout_plan(size, queue_slots, &seg->layout);
	if (rc == 0 &&
	    arch_cas32(&h->state, VINE_SEG_BLANK, VINE_SEG_FORMING)) {
		vine_header_form(seg, vine_seg_random());
		seg->formed = 1;
	} else if (rc == 0) {
		await_formed(h);
		rc = vine_header_check(mem, size, seg->name, &seg->layout);
		vine_header_formed(seg);
	}
	if (rc) {
		free(seg);
		return rc;
	}
	seg->incarnation = arch_load64(&h->incarnation);
	*out = seg;
	return 0;
}

int
vine_seg_has_appliance(const struct vine_seg *seg)
{
	if (seg->peer.sock >= 0)
		return vine_peer_is_served(&seg->peer);
	if (seg->far)
		return !atomic_load(&seg->silent);
	return seg->fd < 0 || arch_shm_locked(seg->fd, ARCH_SHM_BYTE_APPLIANCE);
}

int
vine_seg_close(struct vine_seg *seg)
{
	int last = 0;

	if (seg->far) {
		vine_far_leave(seg);
		seg_free(seg);
		return 0;
	}
	if (seg->fd < 0) {	/* the caller's memory */
		free(seg);
		return 0;
	}
	arch_shm_unmap(seg->base, seg->layout.size);
	/* a name that another attach holds on to stays: it is theirs. Where
	 * there is none, nothing depends on who is the last */
	if (arch_shm_lock(seg->fd, ARCH_SHM_BYTE_ATTACH, seg->mapper->remove ?
			  VINE_ENTRY_TIMEOUT_NS : 0) == 0) {
		last = arch_shm_alone(seg->fd);
		if (last && !seg->keep)
			seg->mapper->remove(seg->name);
		/* no longer a user when the next one looks who is */
		arch_shm_leave(seg->fd);
		arch_shm_unlock(seg->fd, ARCH_SHM_BYTE_ATTACH);
	}
	seg_free(seg);	/* and with the descriptor every lock */
	return last;
}
