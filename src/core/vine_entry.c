/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two locks of the object do it. The attach byte is a mutex around everything
 * that forms or joins. The users' shared flock says who has the object mapped;
 * the kernel drops it when a process dies, so "alone" is never wrong about a
 * dead one. An object that lost its name between our open and our lock belongs
 * to the past: -ESTALE, and we open again.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/shm/arch_shm.h"
#include "core/vine_entry.h"
#include "core/vine_fork.h"
#include "core/vine_header.h"
#include "core/vine_seg.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"

void
vine_entry_read(const struct utils_config *c, struct vine_entry *w)
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

/* The same for a segment from a socket: all of an object without a name. */
void
vine_entry_read_socket(const struct utils_config *c, int trunc,
		       struct vine_entry *w)
{
	vine_entry_read(c, w);
	w->file = utils_config_str(c, UTILS_KEY_socket);
	w->off = 0;
	w->trunc = trunc;
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
may_reform(int fd, const struct vine_entry *w, uint64_t bytes)
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
	return vine_header_check(&h, bytes - w->off, w->file, &l);
}

/* Map what the plan says. */
static int
map(struct vine_seg *seg, const struct vine_entry *w)
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

/*
 * Header and directories are written by whoever attaches, who would die of a
 * page that is not to be had: they have their memory from the start. What the
 * heap has is taken as it is used.
 */
static int
back_head(const struct vine_seg *seg, const struct vine_entry *w)
{
	int rc = arch_shm_back(seg->fd, w->off, seg->layout.heap_off);

	if (rc)
		log_error("segment %s finds no memory for the first %" PRIu64
			  " of its %" PRIu64 " bytes, which it needs to begin: "
			  "what it lies in is full: %s", w->file,
			  seg->layout.heap_off, seg->layout.size,
			  strerror(-rc));
	return rc;
}

/* Give the object its size and form it. */
static int
form_sized(struct vine_seg *seg, const struct vine_entry *w, uint64_t bytes)
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
	rc = back_head(seg, w);
	if (rc == 0)
		rc = map(seg, w);
	if (rc)
		return rc;
	vine_header_form(seg, vine_seg_random());
	seg->formed = 1;
	return 0;
}

/* The object is nobody's or left over. Alone, under the attach byte. */
static int
form_new(struct vine_seg *seg, const struct vine_entry *w, uint64_t bytes)
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
join(struct vine_seg *seg, const struct vine_entry *w, uint64_t bytes)
{
	struct vine_header_shm h;
	int rc;

	if (bytes <= w->off || !read_header(seg->fd, w->off, &h)) {
		log_error("segment %s has %" PRIu64 " bytes, too few for a "
			  "header at offset %" PRIu64, w->file, bytes, w->off);
		return -EPROTO;
	}
	rc = vine_header_check(&h, bytes - w->off, w->file, &seg->layout);
	if (rc)
		return rc;
	memcpy(seg->header, &h, sizeof(seg->header));
	return map(seg, w);
}

/* Under the attach byte: the object is ours to judge. */
static int
form_or_join(struct vine_seg *seg, const struct vine_entry *w)
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
int
vine_entry_enter(struct vine_seg *seg, const struct vine_entry *w)
{
	int rc = arch_shm_lock(seg->fd, ARCH_SHM_BYTE_ATTACH,
			       VINE_ENTRY_TIMEOUT_NS);

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

int
vine_entry_open(struct vine_seg *seg, struct vine_entry *w)
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
		return vine_entry_enter(seg, w);
	w->far.off = w->off;
	w->far.slots = w->slots;
	rc = vine_far_enter(seg, &o, &w->far);
	close_fd(seg);	/* the mapping is all of it */
	return rc;
}
