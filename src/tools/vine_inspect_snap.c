/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header comes first and is judged; only then are the directories read, as
 * long as the plan says, which the header's two numbers lead to. The largest
 * plan has 23 MiB of directories.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/shm/arch_shm.h"
#include "tools/vine_inspect_snap.h"

int
vine_inspect_open(const char *name)
{
	const struct arch_shm_mapper *mapper = arch_shm_mapper_of(name);
	struct arch_shm_object o = { .fd = -1 };
	struct stat st;
	int fd;

	if (mapper == &arch_shm_file) {
		/* unlike those who map it we may follow a link: a memfd is
		 * reached by /proc/PID/fd/N */
		fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd < 0)
			fd = -errno;
	} else {
		fd = mapper->open(name, O_RDONLY | O_NONBLOCK, 0, &o);
		if (fd == 0)
			fd = o.fd;
	}
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

static int
read_all(int fd, uint64_t off, uint64_t len, void *to)
{
	uint8_t *at = to;

	while (len > 0) {
		ssize_t n = pread(fd, at, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)	/* it became shorter */
			return -ENODATA;
		at += n;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* Is it a header that our structs fit? Says in snap->fault why not. */
static int
judge(struct vine_inspect_snap *snap, uint64_t bytes)
{
	const struct vine_header_shm *h = &snap->header;
	uint64_t magic = arch_load64(&h->magic), size = arch_load64(&h->size);
	uint32_t slots = arch_load32(&h->queue_slots);
	uint32_t id = arch_load32(&h->layout_id);

	if (magic != VINE_MAGIC)
		snprintf(snap->fault, sizeof(snap->fault),
			 "magic %#" PRIx64 ", expected %#" PRIx64
			 ": not a libvine segment", magic, VINE_MAGIC);
	else if (arch_load32(&h->state) != VINE_SEG_READY)
		snprintf(snap->fault, sizeof(snap->fault),
			 "not formed, state %u", arch_load32(&h->state));
	else if (id != vine_layout_id())
		snprintf(snap->fault, sizeof(snap->fault),
			 "layout id %#x of version %u.%u, this program has "
			 "%#x of %u.%u", id, h->abi_major.v, h->abi_minor.v,
			 vine_layout_id(), VINE_ABI_MAJOR, VINE_ABI_MINOR);
	else if (size > bytes ||
		 vine_layout_plan(size, slots, &snap->layout) != 0 ||
		 snap->layout.size != size)
		snprintf(snap->fault, sizeof(snap->fault),
			 "%" PRIu64 " bytes and %u slots, the object has %"
			 PRIu64 " bytes", size, slots, bytes);
	return snap->fault[0] == '\0';
}

int
vine_inspect_snap_read(int fd, uint64_t off, struct vine_inspect_snap *snap)
{
	struct stat st;
	uint64_t bytes;
	int rc;

	memset(snap, 0, sizeof(*snap));
	if (fstat(fd, &st) != 0)
		return -errno;
	snap->fd = fd;
	snap->off = off;
	snap->object_bytes = (uint64_t)st.st_size;
	if (off > snap->object_bytes ||
	    snap->object_bytes - off < sizeof(snap->header))
		return -ENODATA;
	bytes = snap->object_bytes - off;
	rc = read_all(fd, off, sizeof(snap->header), &snap->header);
	if (rc || !judge(snap, bytes))
		return rc;
	snap->head = malloc(snap->layout.heap_off);
	if (snap->head == NULL)
		return -ENOMEM;
	rc = read_all(fd, off, snap->layout.heap_off, snap->head);
	if (rc)
		vine_inspect_snap_drop(snap);
	return rc;
}

void
vine_inspect_snap_drop(struct vine_inspect_snap *snap)
{
	free(snap->head);
	snap->head = NULL;
}

int
vine_inspect_snap_heap(const struct vine_inspect_snap *snap, vine_off_t off,
		       uint64_t len, void *to)
{
	const struct vine_layout *l = &snap->layout;

	if (off % 8 != 0 || off < l->heap_off || len > l->heap_size ||
	    off - l->heap_off > l->heap_size - len)
		return -ERANGE;
	return read_all(snap->fd, snap->off + off, len, to);
}
