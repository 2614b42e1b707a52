/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `state` alone says whether far memory is formed, for it has no locks: the
 * appliance forms what is blank, everybody else waits for that, and nobody ever
 * forms it anew. The appliance first marks it with our magic, then takes the
 * word that says who serves, and only then forms it: so one does. Its size is
 * the object's, of which a segment may use less.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arch/shm/arch_pci.h"
#include "arch/shm/arch_shm.h"
#include "core/vine_far.h"
#include "core/vine_header.h"
#include "core/vine_seg.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"

/* Is whoever forms it yet to come, or at it? */
static int
is_unformed(const struct vine_header_shm *h)
{
	const le64_t *words = (const le64_t *)h;
	uint64_t any = 0;

	if (arch_load64(&h->magic) == VINE_MAGIC)
		return arch_load_acquire32(&h->state) != VINE_SEG_READY;
	for (size_t i = 0; i < sizeof(*h) / sizeof(*words); i++)
		any |= arch_load64(&words[i]);
	return any == 0;
}

static int
await_formed(const struct vine_seg *seg, const struct vine_far_want *w)
{
	const struct vine_header_shm *h = seg->mapped;
	uint64_t start = utils_clock_ns();
	struct timespec nap = { 0, 10000000 };

	while (is_unformed(h)) {
		if (utils_clock_ns() - start >= w->timeout) {
			log_error("segment %s is blank at offset %" PRIu64 " "
				  "after %" PRIu64 " ms: does an appliance "
				  "serve the same memory, from the same offset "
				  "on?", seg->name, w->off,
				  w->timeout / 1000000);
			return -ETIMEDOUT;
		}
		nanosleep(&nap, NULL);
	}
	return 0;
}

/* What vine_far_form is going to form: blank memory, or such at which another
 * appliance died. */
static int
mark(struct vine_seg *seg, const struct vine_far_want *w)
{
	struct vine_header_shm *h = seg->mapped;
	int rc = vine_layout_plan(seg->mapped_size, w->slots, &seg->layout);

	if (rc) {
		log_error("segment %s has %" PRIu64 " bytes from offset %"
			  PRIu64 " on, expected at least %d", seg->name,
			  seg->mapped_size, w->off, VINE_SEGMENT_MIN);
		return rc;
	}
	arch_store64(&h->magic, VINE_MAGIC);
	seg->base = seg->mapped;
	seg->formed = 1;
	return 0;
}

void
vine_far_form(struct vine_seg *seg)
{
	/* a blank header is no promise of what is behind it */
	memset(seg->base + VINE_PAGE, 0, seg->layout.heap_off - VINE_PAGE);
	vine_header_form(seg, vine_seg_random());
	seg->incarnation = arch_load64(&vine_seg_header(seg)->incarnation);
}

/* What a read of memory that no processor keeps costs, ns. */
static uint64_t
read_ns(const struct vine_header_shm *h)
{
	uint64_t start = utils_clock_ns();

	for (int i = 0; i < 1000; i++)
		arch_load32(&h->state);
	return (utils_clock_ns() - start) / 1000;
}

/* Is the memory kept in caches? It need not, but its stores must stay in order.
 * What the kernel does not tell is taken for what was asked for. */
static int
judge_cache(struct vine_seg *seg, const struct arch_shm_object *o)
{
	enum arch_pci_cache cache;
	struct arch_pci pci;
	int rc;

	seg->cache = ARCH_PCI_WRITE_BACK;
	if (o->device[0] == '\0')
		return 0;
	rc = arch_pci_find(o->device, &pci);
	if (rc)
		return rc;
	if (arch_pci_cache(&pci, &cache) != 0)
		cache = o->begin ? ARCH_PCI_WRITE_BACK : ARCH_PCI_UNCACHED;
	if (cache == ARCH_PCI_COMBINING) {
		log_error("segment %s is mapped write-combined by another "
			  "program: its stores would be seen out of order; "
			  "end who uses resource2_wc of device %s", seg->name,
			  o->device);
		return -ENOTSUP;
	}
	if (cache == ARCH_PCI_UNCACHED)
		log_warn("segment %s, device %s, is uncached: %" PRIu64 " ns a "
			 "read; write-back needs BAR 2 above 4 GiB, which is "
			 "at %#" PRIx64 ", and the right to open /dev/mem",
			 seg->name, o->device, read_ns(seg->mapped), pci.begin);
	else
		log_debug("segment %s, device %s, is write-back", seg->name,
			  o->device);
	seg->cache = cache;
	return 0;
}

/* The way to ring the appliance, where the device has one and a server. */
static void
map_registers(struct vine_seg *seg, const struct arch_shm_object *o)
{
	struct arch_shm_object bar = { .size = VINE_PAGE };
	struct arch_pci pci;
	uint32_t position;
	void *base;

	if (o->device[0] == '\0' || arch_pci_find(o->device, &pci) != 0)
		return;
	bar.fd = arch_pci_open_bar(&pci, 0);
	if (bar.fd < 0 || arch_shm_map(&bar, 0, VINE_PAGE, 0, &base) != 0) {
		log_warn("segment %s, device %s: its registers cannot be "
			 "mapped, so the appliance is not woken", seg->name,
			 o->device);
	} else {
		seg->registers = base;
		position = arch_load32(&seg->registers->position);
		/* 0 is of a device without a server, ones are before one */
		if (position > 0 && position < VINE_PEER_IDS) {
			seg->peer.id = position;
		} else {
			arch_shm_unmap(base, VINE_PAGE);
			seg->registers = NULL;
		}
	}
	if (bar.fd >= 0)
		close(bar.fd);
}

static int
join_far(struct vine_seg *seg, const struct vine_far_want *w,
	 const struct arch_shm_object *o)
{
	int rc = judge_cache(seg, o);

	if (rc == 0 && w->own && is_unformed(seg->mapped))
		return mark(seg, w);
	if (rc == 0)
		rc = await_formed(seg, w);
	if (rc == 0)
		rc = vine_header_check(seg->mapped, seg->mapped_size, seg->name,
				       &seg->layout);
	if (rc)
		return rc;
	seg->base = seg->mapped;
	vine_header_formed(seg);
	seg->incarnation = arch_load64(&vine_seg_header(seg)->incarnation);
	if (!w->own)
		map_registers(seg, o);
	return 0;
}

int
vine_far_enter(struct vine_seg *seg, const struct arch_shm_object *o,
	       const struct vine_far_want *w)
{
	uint64_t bytes = 0;
	int rc = arch_shm_bytes(o, &bytes);

	if (rc == 0 && (bytes <= w->off || bytes - w->off < VINE_SEGMENT_MIN)) {
		log_error("segment %s has %" PRIu64 " bytes, expected at least "
			  "%d from offset %" PRIu64 " on", seg->name, bytes,
			  VINE_SEGMENT_MIN, w->off);
		return -ENOSPC;
	}
	if (rc == 0)
		rc = arch_shm_map(o, w->off, bytes - w->off, 0, &seg->mapped);
	if (rc) {
		log_error("segment %s cannot be mapped: %s", seg->name,
			  strerror(-rc));
		return rc;
	}
	seg->mapped_size = bytes - w->off;
	memcpy(seg->device, o->device, sizeof(seg->device));
	rc = join_far(seg, w, o);
	if (rc)
		arch_shm_unmap(seg->mapped, seg->mapped_size);
	return rc;
}

void
vine_far_leave(struct vine_seg *seg)
{
	if (seg->registers)
		arch_shm_unmap(seg->registers, VINE_PAGE);
	arch_shm_unmap(seg->mapped, seg->mapped_size);
}

int
vine_far_find(const char *file, uint64_t off, char name[static VINE_FAR_NAME])
{
	uint64_t id = strtoull(file + strlen("pci:"), NULL, 16);
	struct arch_pci all[ARCH_PCI_MAX];
	int count = arch_pci_list(all);

	for (int i = 0; i < count; i++) {
		struct arch_shm_object o = { .fd = -1 };
		uint64_t there = 0;
		void *base;

		snprintf(name, VINE_FAR_NAME, "pci:%.12s", all[i].address);
		if (arch_shm_pci.open(name, O_RDWR, 0, &o) != 0)
			continue;
		if (arch_shm_map(&o, off, VINE_PAGE, 1, &base) == 0) {
			there = arch_load64(&((struct vine_header_shm *)
					      base)->incarnation);
			arch_shm_unmap(base, VINE_PAGE);
		}
		close(o.fd);
		if (there == id)
			return 0;
	}
	log_error("segment %016" PRIx64 " is in none of %d ivshmem devices",
		  id, count < 0 ? 0 : count);
	return -ENODEV;
}

int
vine_far_is_id(const char *file)
{
	const char *id = file + strlen("pci:");

	return strncmp(file, "pci:", strlen("pci:")) == 0 &&
	       strlen(id) == 16 && strspn(id, "0123456789abcdef") == 16;
}
