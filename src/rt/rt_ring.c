/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table, rt_ring.def, says what a kernel must have and what a confined ring
 * may carry out. A stock's buffers lie in a ring of their own that the kernel
 * takes them from; areas in a table of the kernel's, a piece of at most 1 GiB
 * in each place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rt/rt_ring.h"

#define OP_FIXED_FD_INSTALL 54	/* in linux/io_uring.h since 6.8 */

#define ENTRIES 256	/* submissions kept until the next enter */
#define COMPLETIONS 4096	/* kept in the ring; more cost the kernel memory */

/* Only for its own thread, which runs completions when it enters, and can see
 * without entering whether there are any. */
#define SETUP (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | \
	       IORING_SETUP_CLAMP | IORING_SETUP_TASKRUN_FLAG | \
	       IORING_SETUP_CQSIZE)

#define AREA_MAX ((size_t)1 << 30)	/* of one; the kernel's own bound */

/* Set-up of a ring for so many completions. */
static struct io_uring_params
params(uint32_t completions)
{
	return (struct io_uring_params){
		.flags = SETUP,
		.cq_entries = completions,
	};
}

/* What it submits, and the list of rt_ring.def. */
static const struct {
	uint8_t code;
	uint8_t list;
} codes[] = {
#define ALWAYS 0
#define DATA RT_WAIT_DATA
#define SOCKETS RT_WAIT_SOCKETS
#define DISKS RT_WAIT_DISKS
#define AREAS 0x80	/* no RT_WAIT_ of a caller's */
#define URING_OP(code, list) { (code), (list) },
#include "rt/rt_ring.def"
#undef URING_OP
#undef ALWAYS
#undef DATA
#undef SOCKETS
#undef DISKS
#undef AREAS
};

#define CODES (sizeof(codes) / sizeof(codes[0]))

static int
has_all(struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	int can = (ring->features & IORING_FEAT_EXT_ARG) &&
		(ring->features & IORING_FEAT_NODROP);

	if (probe == NULL)
		return 0;
	for (size_t i = 0; i < CODES; i++)
		can = can && io_uring_opcode_supported(probe, codes[i].code);
	io_uring_free_probe(probe);
	return can;
}

int
rt_ring_probe(void)
{
	struct io_uring_params p = params(4);
	struct io_uring ring;
	int can;

	if (io_uring_queue_init_params(2, &ring, &p) != 0)
		return -ENOSYS;
	can = has_all(&ring);
	io_uring_queue_exit(&ring);
	return can ? 0 : -ENOSYS;
}

static int
make(struct rt_ring *r, unsigned int more_flags)
{
	struct io_uring_params p = params(COMPLETIONS);

	*r = (struct rt_ring){ .groups = 0 };
	p.flags |= more_flags;
	return io_uring_queue_init_params(ENTRIES, &r->io, &p);
}

int
rt_ring_open(struct rt_ring *r)
{
	return make(r, 0);
}

void
rt_ring_close(struct rt_ring *r)
{
	io_uring_queue_exit(&r->io);
}

int
rt_ring_cancel(struct rt_ring *r, uint64_t tag)
{
	struct io_uring_sqe *sqe = rt_ring_submission(r);

	if (sqe == NULL)
		return 0;
	io_uring_prep_cancel64(sqe, tag, 0);
	io_uring_sqe_set_data64(sqe, RT_RING_IGNORE);
	return 1;
}

/*
 * A kernel that lets a ring be sent to another process would let one in that
 * nobody has confined. That one has not got OP_FIXED_FD_INSTALL yet.
 */
static int
may_be_sent(struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	int may = probe == NULL ||
		!io_uring_opcode_supported(probe, OP_FIXED_FD_INSTALL);

	io_uring_free_probe(probe);
	return may;
}

/* Not all of liburing 2.3 exports what its header has of these. */
static int
call_register(struct io_uring *ring, unsigned int what, void *arg,
	      unsigned int count)
{
	long rc = syscall(SYS_io_uring_register, ring->ring_fd, what, arg,
			  count);

	return rc < 0 ? -errno : 0;
}

/* No call of io_uring_register and no flag of a submission is on the list. */
static int
restrict_to(struct io_uring *ring, uint32_t may)
{
	struct io_uring_restriction list[CODES];
	unsigned int n = 0;
	int rc;

	memset(list, 0, sizeof(list));
	for (size_t i = 0; i < CODES; i++) {
		if (codes[i].list && !(codes[i].list & may & 0x7f))
			continue;
		list[n].opcode = IORING_RESTRICTION_SQE_OP;
		list[n++].sqe_op = codes[i].code;
	}
	rc = call_register(ring, IORING_REGISTER_RESTRICTIONS, list, n);
	/* the ring's one thread is the one that enables it */
	if (rc == 0)
		rc = call_register(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	return rc == 0 || rc == -ENOMEM ? rc : -ENOSYS;
}

int
rt_ring_confine(struct rt_ring *r, uint32_t may)
{
	int rc = make(r, IORING_SETUP_R_DISABLED);

	if (rc)
		return rc;
	r->confined = 1;
	rc = may_be_sent(&r->io) ? -ENOSYS : restrict_to(&r->io, may);
	if (rc)
		rt_ring_close(r);
	return rc;
}

/* --- stocks ------------------------------------------------------------ */

static void
put_buffer(struct rt_stock *stock, uint32_t index, uint32_t place)
{
	io_uring_buf_ring_add(stock->ring, rt_stock_at(stock, index),
			      stock->size, (unsigned short)index,
			      io_uring_buf_ring_mask(stock->count), (int)place);
}

/* A confined ring cannot be told of any. */
int
rt_ring_stock(struct rt_ring *r, struct rt_stock *stock)
{
	const size_t size = stock->count * sizeof(struct io_uring_buf);
	struct io_uring_buf_reg reg = { .ring_entries = stock->count };
		int rc;

	if (r->confined)
		return 0;
	stock->ring = aligned_alloc(4096, (size + 4095) / 4096 * 4096);
	if (stock->ring == NULL)
		return -ENOMEM;
	stock->group = r->groups++ & UINT16_MAX;
	reg.ring_addr = (uintptr_t)stock->ring;
	reg.bgid = (uint16_t)stock->group;
	io_uring_buf_ring_init(stock->ring);
	rc = io_uring_register_buf_ring(&r->io, &reg, 0);
	if (rc) {
		free(stock->ring);
		stock->ring = NULL;
		return rc;
	}
	for (uint32_t i = 0; i < stock->count; i++)
		put_buffer(stock, i, i);
	io_uring_buf_ring_advance(stock->ring, (int)stock->count);
	return 0;
}

void
rt_ring_unstock(struct rt_ring *r, struct rt_stock *stock)
{
	io_uring_unregister_buf_ring(&r->io, (int)stock->group);
	free(stock->ring);
}

void
rt_ring_restock(struct rt_stock *stock, uint32_t index)
{
	put_buffer(stock, index, 0);
	io_uring_buf_ring_advance(stock->ring, 1);
}

/* --- areas ------------------------------------------------------------- */

static int
set_area(struct rt_ring *r, uint32_t i, void *base, size_t length)
{
	struct iovec piece = { base, length };
	struct io_uring_rsrc_update2 update = {
		.offset = i, .data = (uintptr_t)&piece, .nr = 1,
	};
	long rc = syscall(SYS_io_uring_register, r->io.ring_fd,
			  IORING_REGISTER_BUFFERS_UPDATE, &update,
			  sizeof(update));

	if (rc < 0)
		return -errno;
	r->areas[i] = (struct rt_area){ base, length };
	return 0;
}

void
rt_ring_drop(struct rt_ring *r, const void *base, size_t length)
{
		const char *from = base;

	for (uint32_t i = 0; i < VINE_RT_AREAS; i++)
		if (r->areas[i].length && r->areas[i].base >= from &&
		    r->areas[i].base < from + length)
			set_area(r, i, NULL, 0);
}

static int
make_table(struct rt_ring *r)
{
	struct io_uring_rsrc_register table = {
		.nr = VINE_RT_AREAS, .flags = IORING_RSRC_REGISTER_SPARSE,
	};
	int rc = 0;

	if (!r->has_areas)
		rc = call_register(&r->io, IORING_REGISTER_BUFFERS2, &table,
				   sizeof(table));
	r->has_areas |= rc == 0;
	return rc;
}

/* In pieces, each in a free place. */
int
rt_ring_area(struct rt_ring *r, void *base, size_t length)
{
		size_t done = 0;
	int rc = r->confined ? -EACCES : make_table(r);

	for (uint32_t i = 0; rc == 0 && done < length; i++) {
		size_t n = length - done < AREA_MAX ? length - done : AREA_MAX;

		if (i == VINE_RT_AREAS) {
			rc = -ENOSPC;
		} else if (r->areas[i].length == 0) {
			rc = set_area(r, i, (char *)base + done, n);
			done += n;
		}
	}
	if (rc)
		rt_ring_drop(r, base, length);
	return rc;
}

/*
 * The area that a file's data lie in, or -1. To look costs a part of what it
 * saves, which is the pinning of pages: where there are many, past the page
 * cache.
 */
int
rt_ring_area_of(const struct rt_ring *r, const struct rt_op *op)
{
	if (!r->has_areas || op->length < VINE_RT_AREA_MIN ||
	    op->offset == RT_OP_HERE)
		return -1;
	for (int i = 0; i < (int)VINE_RT_AREAS; i++) {
		const struct rt_area *a = &r->areas[i];
		size_t at = (size_t)((char *)op->data - a->base);

		if (a->length && (char *)op->data >= a->base &&
		    at < a->length && op->length <= a->length - at)
			return fcntl(op->fd, F_GETFL) & O_DIRECT ? i : -1;
	}
	return -1;
}
