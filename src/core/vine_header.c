/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever forms a segment writes the header, `state` last; who joins reads it
 * and checks the copy. Nobody else writes this part of it, but the appliance
 * where a guest has: it keeps a copy in seg->header, and never reads it back.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/vine_header.h"
#include "core/vine_seg.h"
#include "utils/utils_log.h"

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
	/* SEG-R1 publishes the header; pairs with SEG-A1 in
	 * vine_header_check(). Without it a joining process could see READY
	 * and an old header. */
	if (changed)
		arch_store_release64(&words[STATE], seg->header[STATE]);
	return changed;
}

void
vine_header_form(struct vine_seg *seg, uint64_t incarnation)
{
	plan_header(seg, incarnation);
	write_header(seg);
}

void
vine_header_formed(struct vine_seg *seg)
{
	const le64_t *words = (const le64_t *)seg->base;

	for (size_t i = 0; i < VINE_SEG_FORMED; i++)
		seg->header[i] = arch_load64(&words[i]);
}

int
vine_header_restore(const struct vine_seg *seg)
{
	return write_header(seg);
}

int
vine_header_check(const void *base, uint64_t bytes, const char *name,
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
