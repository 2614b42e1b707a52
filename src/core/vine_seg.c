/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a segment is formed, joined and left.
 *
 * Two locks of the object do it. The attach byte is a mutex around everything
 * here. The users' shared flock says who has the object mapped; the kernel
 * drops it when a process dies, so "alone" is never wrong about a dead one. An
 * object that lost its name between our open and our lock belongs to the past:
 * we open again.
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
#include "core/vine_far.h"
#include "core/vine_seg.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"

#define ATTACH_TIMEOUT_NS INT64_C(30000000000)
#define OPEN_TRIES 100

/* What the config says about the segment. */
struct want {
	const char *file;
	uint64_t size;
	uint64_t off;
	mode_t mode;
	uint32_t slots;
	int trunc;
	uint64_t lease;
	struct vine_far_want far;
};

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

/* Under the lock of forks, so that no child keeps the descriptor. */
static void
close_fd(struct vine_seg *seg)
{
	vine_fork_lock();
	close(seg->fd);
	seg->fd = -1;
	vine_fork_unlock();
}

/* What a header of ours says, once it is formed. */
static void
plan_header(struct vine_seg *seg, uint64_t incarnation)
{
	const struct vine_layout *l = &seg->layout;
	struct vine_header_shm h = { 0 };

	arch_store64(&h.magic, VINE_MAGIC);
	arch_store32(&h.state, VINE_SEG_READY);
	arch_store32(&h.layout_id, vine_layout_id());
	h.abi_major.v = VINE_ABI_MAJOR;
	h.abi_minor.v = VINE_ABI_MINOR;
	arch_store32(&h.compat, VINE_COMPAT_ALL);
	arch_store32(&h.incompat, VINE_INCOMPAT_ALL);
	arch_store32(&h.ro_compat, VINE_RO_COMPAT_ALL);
	arch_store64(&h.size, l->size);
	arch_store64(&h.incarnation, incarnation);
	arch_store32(&h.queue_slots, l->queue_slots);
	memcpy(seg->header, &h, sizeof(seg->header));
}

/* Write the planned header where it is not there. */
static int
write_header(const struct vine_seg *seg)
{
	enum { STATE = offsetof(struct vine_header_shm, state) / 8 };
	le64_t *words = (le64_t *)seg->base;
	int changed = 0;

	for (size_t i = 0; i < VINE_SEG_FORMED; i++) {
		if (arch_load64(&words[i]) == seg->header[i])
			continue;
		changed = 1;
		if (i != STATE)
			arch_store64(&words[i], seg->header[i]);
	}
	/* SEG-R1 publishes the header; pairs with SEG-A1 in vine_seg_check().
	 * Without it a joining process could see READY and an old header. */
	if (changed)
		arch_store_release64(&words[STATE], seg->header[STATE]);
	return changed;
}

void
vine_seg_form(struct vine_seg *seg)
{
	plan_header(seg, vine_seg_random());
	write_header(seg);
}

void
vine_seg_formed(struct vine_seg *seg)
{
	const le64_t *words = (const le64_t *)seg->base;

	for (size_t i = 0; i < VINE_SEG_FORMED; i++)
		seg->header[i] = arch_load64(&words[i]);
}

int
vine_seg_restore(const struct vine_seg *seg)
{
	return write_header(seg);
}

int
vine_seg_mend(const struct vine_seg *seg, vine_off_t *at)
{
	struct stat st;
	int rc;

	/* far memory has no descriptor to give it a size by */
	if (seg->fd < 0)
		return seg->far && arch_shm_guard_torn(seg->base, at) ?
			-ENODEV : 0;
	if (!arch_shm_guard_torn(seg->base, at)) {
		if (fstat(seg->fd, &st) != 0)
			return -errno;
		if ((uint64_t)st.st_size >= seg->off + seg->layout.size)
			return 0;
		*at = (uint64_t)st.st_size < seg->off ? 0 :
			(uint64_t)st.st_size - seg->off;
	}
	rc = arch_shm_guard_mend(seg->fd, seg->off, seg->layout.size,
				 seg->base);
	return rc ? rc : 1;
}

int
vine_seg_check(const void *base, uint64_t bytes, const char *name,
	       struct vine_layout *layout)
{
	const struct vine_header_shm *h = base;
	uint32_t state, major, minor, incompat, ro, id, slots;
	uint64_t magic, size;

	/* SEG-A1: see write_header(). */
	state = arch_load_acquire32(&h->state);
	magic = arch_load64(&h->magic);
	major = __atomic_load_n(&h->abi_major.v, __ATOMIC_RELAXED);
	minor = __atomic_load_n(&h->abi_minor.v, __ATOMIC_RELAXED);
	incompat = arch_load32(&h->incompat);
	ro = arch_load32(&h->ro_compat);
	id = arch_load32(&h->layout_id);
	size = arch_load64(&h->size);
	slots = arch_load32(&h->queue_slots);
	if (magic != VINE_MAGIC) {
		log_error("segment %s magic %#" PRIx64 ", expected %#" PRIx64
			  ": not a libvine segment", name, magic, VINE_MAGIC);
		return -EPROTO;
	}
	if (state != VINE_SEG_READY) {
		log_error("segment %s is not formed, state %u", name, state);
		return -EPROTO;
	}
	if (major != VINE_ABI_MAJOR) {
		log_error("segment %s has layout version %u.%u, this libvine "
			  "has %u.%u", name, major, minor, VINE_ABI_MAJOR,
			  VINE_ABI_MINOR);
		return -EPROTO;
	}
	if ((incompat & ~VINE_INCOMPAT_ALL) || (ro & ~VINE_RO_COMPAT_ALL)) {
		log_error("segment %s of layout version %u.%u uses features "
			  "%#x/%#x, this libvine %u.%u knows %#x/%#x", name,
			  major, minor, incompat, ro, VINE_ABI_MAJOR,
			  VINE_ABI_MINOR, VINE_INCOMPAT_ALL,
			  VINE_RO_COMPAT_ALL);
		return -EPROTO;
	}
	if (id != vine_layout_id()) {
		log_error("segment %s of layout version %u.%u has layout id "
			  "%#x, this libvine %u.%u has %#x", name, major, minor,
			  id, VINE_ABI_MAJOR, VINE_ABI_MINOR, vine_layout_id());
		return -EPROTO;
	}
	if (size > bytes || vine_layout_plan(size, slots, layout) != 0 ||
	    layout->size != size) {
		log_error("segment %s says %" PRIu64 " bytes and %u slots, its "
			  "object has %" PRIu64 " bytes", name, size, slots,
			  bytes);
		return -EPROTO;
	}
	return 0;
}

/* Is there nothing but zeros from `off` on? Holes are not read. */
static int
is_blank(int fd, uint64_t off)
{
	uint8_t page[VINE_PAGE];
	off_t at = (off_t)off;

	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		ssize_t n = pread(fd, page, sizeof(page), at);

		for (ssize_t i = 0; i < n; i++)
			if (page[i] != 0)
				return 0;
		if (n <= 0)
			return 0;
		at += n;
	}
	return errno == ENXIO;	/* no data any more */
}

static int
read_header(int fd, uint64_t off, struct vine_header_shm *h)
{
	return pread(fd, h, sizeof(*h), (off_t)off) == sizeof(*h);
}

/* Did whoever formed it die before it was ready? */
static int
is_half_formed(int fd, uint64_t off)
{
	struct vine_header_shm h;

	return read_header(fd, off, &h) &&
	       arch_load64(&h.magic) == VINE_MAGIC &&
	       arch_load32(&h.state) != VINE_SEG_READY;
}

/*
 * A left-over object that is to be formed anew must be one of ours: what is
 * foreign, or of another version, may be precious.
 */
static int
may_reform(int fd, const struct want *w, uint64_t bytes)
{
	struct vine_header_shm h;
	struct vine_layout l;
	/* an object that ends before our place is judged by its beginning */
	uint64_t at = bytes <= w->off ? 0 : w->off;

	if (is_blank(fd, at))
		return 0;
	if (at != w->off || !read_header(fd, w->off, &h)) {
		log_error("segment %s holds %" PRIu64 " bytes that are not a "
			  "libvine segment; remove it or name another",
			  w->file, bytes);
		return -EPROTO;
	}
	if (is_half_formed(fd, w->off))
		return 0;
	return vine_seg_check(&h, bytes - w->off, w->file, &l);
}

/* Map what the plan says. */
static int
map(struct vine_seg *seg, const struct want *w)
{
	const struct arch_shm_object o = { .fd = seg->fd };
	void *base;
	int rc = arch_shm_map(&o, w->off, seg->layout.size, 0, &base);

	if (rc == 0)
		seg->base = base;
	else
		log_error("segment %s cannot be mapped, %" PRIu64 " bytes from "
			  "%" PRIu64 " on: %s", w->file, seg->layout.size,
			  w->off, strerror(-rc));
	return rc;
}

/* Give the object its size and form it. */
static int
form_sized(struct vine_seg *seg, const struct want *w, uint64_t bytes)
{
	int rc;

	if (w->trunc) {
		bytes = w->off + w->size;
		/* without it first: what was there is gone, and given back;
		 * what lies before our place is not ours */
		if (ftruncate(seg->fd, (off_t)w->off) != 0 ||
		    ftruncate(seg->fd, (off_t)bytes) != 0) {
			rc = -errno;
			log_error("segment %s cannot be given %" PRIu64
				  " bytes: %s", w->file, bytes, strerror(-rc));
			return rc;
		}
	}
	if (bytes <= w->off)
		rc = -ENOSPC;
	else
		rc = vine_layout_plan(bytes - w->off, w->slots, &seg->layout);
	if (rc) {
		log_error("segment %s has %" PRIu64 " bytes from offset %"
			  PRIu64 " on, expected at least %d", w->file,
			  bytes > w->off ? bytes - w->off : 0, w->off,
			  VINE_SEGMENT_MIN);
		return rc;
	}
	rc = map(seg, w);
	if (rc)
		return rc;
	vine_seg_form(seg);
	seg->formed = 1;
	return 0;
}

/* The object is nobody's or left over. Alone, under the attach byte. */
static int
form_new(struct vine_seg *seg, const struct want *w, uint64_t bytes)
{
	int rc = w->trunc ? may_reform(seg->fd, w, bytes) : 0;

	if (rc)
		return rc;
	rc = form_sized(seg, w, bytes);
	/* nobody is left who would remove it */
	if (rc && !seg->keep)
		seg->mapper->remove(w->file);
	return rc;
}

/* Map an object that is formed already; its size rules, not the config's. */
static int
join(struct vine_seg *seg, const struct want *w, uint64_t bytes)
{
	struct vine_header_shm h;
	int rc;

	if (bytes <= w->off || !read_header(seg->fd, w->off, &h)) {
		log_error("segment %s has %" PRIu64 " bytes, too few for a "
			  "header at offset %" PRIu64, w->file, bytes, w->off);
		return -EPROTO;
	}
	rc = vine_seg_check(&h, bytes - w->off, w->file, &seg->layout);
	if (rc)
		return rc;
	memcpy(seg->header, &h, sizeof(seg->header));
	return map(seg, w);
}

/* Under the attach byte: the object is ours to judge. */
static int
form_or_join(struct vine_seg *seg, const struct want *w)
{
	struct stat st;
	uint64_t bytes;
	int alone, blank, rc;

	seg->off = w->off;
	if (fstat(seg->fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode)) {
		log_error("segment %s is not a regular file or shared memory "
			  "object", w->file);
		return -EINVAL;
	}
	if (st.st_nlink == 0 && seg->mapper->remove)
		return -ESTALE;
	bytes = (uint64_t)st.st_size;
	alone = arch_shm_alone(seg->fd);
	rc = arch_shm_use(seg->fd);
	if (rc)
		return rc;
	blank = bytes <= w->off || is_blank(seg->fd, w->off) ||
		is_half_formed(seg->fd, w->off);
	if (alone && (w->trunc || blank))
		rc = form_new(seg, w, bytes);
	else
		rc = join(seg, w, bytes);
	if (rc == 0)
		seg->incarnation =
			arch_load64(&vine_seg_header(seg)->incarnation);
	return rc;
}

/* Form or join what is open; an error closes it. */
static int
enter(struct vine_seg *seg, const struct want *w)
{
	int rc = arch_shm_lock(seg->fd, ARCH_SHM_BYTE_ATTACH,
			       ATTACH_TIMEOUT_NS);

	if (rc == 0) {
		rc = form_or_join(seg, w);
		arch_shm_unlock(seg->fd, ARCH_SHM_BYTE_ATTACH);
	} else {
		log_error("segment %s is held by another attach for more than "
			  "30 s", w->file);
	}
	if (rc)
		close_fd(seg);
	return rc;
}

static int
try_open(struct vine_seg *seg, struct want *w)
{
	struct arch_shm_object o = { .fd = -1 };
	int rc;

	vine_fork_lock();
	rc = seg->mapper->open(w->file, O_RDWR | (w->trunc ? O_CREAT : 0),
			       w->mode, &o);
	seg->fd = rc ? -1 : o.fd;
	vine_fork_unlock();
	if (rc) {
		log_error("segment %s cannot be opened: %s", w->file,
			  strerror(-rc));
		return rc;
	}
	seg->far = o.far;
	if (!o.far)
		return enter(seg, w);
	w->far.off = w->off;
	w->far.slots = w->slots;
	rc = vine_far_enter(seg, &o, &w->far);
	close_fd(seg);	/* the mapping is all of it */
	return rc;
}

static void
read_want(const struct utils_config *c, struct want *w)
{
	w->file = utils_config_str(c, UTILS_KEY_shm_file);
	w->size = utils_config_u64(c, UTILS_KEY_shm_size);
	w->off = utils_config_u64(c, UTILS_KEY_shm_off);
	w->trunc = utils_config_bool(c, UTILS_KEY_shm_trunc);
	w->slots = (uint32_t)utils_config_u64(c, UTILS_KEY_queue_slots);
	w->mode = (mode_t)utils_config_u64(c, UTILS_KEY_shm_mode);
	w->lease = utils_config_u64(c, UTILS_KEY_lease);
	w->far.own = 0;
	w->far.timeout = utils_config_u64(c, UTILS_KEY_attach_timeout);
	if (utils_config_bool(c, UTILS_KEY_shm_ivshmem)) {
		if (w->file == NULL)
			w->file = "pci:";	/* the only device */
		w->off += VINE_PAGE;	/* VineTalk kept the first page free */
		w->trunc = 0;
	}
}

static struct vine_seg *
seg_new(const struct want *w, const struct arch_shm_mapper *mapper)
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

/* The same for a segment from a socket: all of an object without a name. */
static void
read_want_of_socket(const struct utils_config *c, int trunc, struct want *w)
{
	read_want(c, w);
	w->file = utils_config_str(c, UTILS_KEY_socket);
	w->off = 0;
	w->trunc = trunc;
}

int
vine_seg_make(const struct utils_config *config, struct vine_seg **out)
{
	struct vine_seg *seg;
	struct want w;
	int rc;

	read_want_of_socket(config, 1, &w);
	seg = seg_new(&w, &arch_shm_memfd);
	if (seg == NULL)
		return -ENOMEM;
	rc = try_open(seg, &w);
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
	plan_header(seg, incarnation);
	write_header(seg);
	return 0;
}

int
vine_seg_adopt(const struct utils_config *config, int fd, uint64_t size,
	       uint32_t slots, uint64_t incarnation, struct vine_seg **out)
{
	struct vine_seg *seg;
	struct want w;
	int rc;

	read_want_of_socket(config, 0, &w);
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
	struct want w;
	int rc;

	read_want_of_socket(config, 0, &w);
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
		rc = enter(seg, &w);
	if (rc) {
		seg_free(seg);
		return rc;
	}
	*out = seg;
	return 0;
}

static int
open_named(struct want *w, struct vine_seg **out)
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
		rc = try_open(seg, w);
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
	struct want w;

	if (utils_config_is_set(config, UTILS_KEY_socket))
		return vine_seg_join(config, (int64_t)
			utils_config_u64(config, UTILS_KEY_attach_timeout),
			out);
	read_want(config, &w);
	return open_named(&w, out);
}

int
vine_seg_open_own(const struct utils_config *config, struct vine_seg **out)
{
	struct want w;

	read_want(config, &w);
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
		vine_seg_form(seg);
		seg->formed = 1;
	} else if (rc == 0) {
		await_formed(h);
		rc = vine_seg_check(mem, size, seg->name, &seg->layout);
		vine_seg_formed(seg);
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
			  ATTACH_TIMEOUT_NS : 0) == 0) {
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
