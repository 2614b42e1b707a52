/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segment view: what the directories of a running segment say, mapped for
 * reading as a tool does.
 */
#ifndef SEGMENT_VIEW_H
#define SEGMENT_VIEW_H

#include "appliance.h"
#include "core/vine_layout.h"

struct segment_view {
	const uint8_t *base;
	struct vine_layout layout;
};

/* What is taken of a segment's slots. Equal when nothing leaked. */
struct segment_use {
	uint64_t extent_bytes;
	uint32_t sessions;
	uint32_t queues;
	uint32_t extents;
	uint32_t procs;
	uint32_t vaccels;
};

/* segment_map maps the segment of an appliance; until the process ends. */
static inline void
segment_map(const struct appliance *a, struct segment_view *v)
{
	char path[256];
	struct stat st;
	void *base;
	int fd;

	snprintf(path, sizeof(path), "/dev/shm/%s", a->name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(base, MAP_FAILED);
	close(fd);
	v->base = base;
	ck_assert_int_eq(vine_layout_plan((uint64_t)st.st_size,
		arch_load32(&((struct vine_header_shm *)base)->queue_slots),
		&v->layout), 0);
}

#define SEGMENT_AT(v, kind, i) \
	((const struct vine_##kind##_shm *)((v)->base + \
		(v)->layout.kind##_off) + (i))

/* segment_count counts what is taken now. */
static inline struct segment_use
segment_count(const struct segment_view *v)
{
	struct segment_use u = { 0 };

	for (uint32_t i = 0; i < v->layout.sessions; i++)
		u.sessions += arch_load32(&SEGMENT_AT(v, session, i)->claim)
			!= 0;
	for (uint32_t i = 0; i < v->layout.queues; i++)
		u.queues += arch_load32(&SEGMENT_AT(v, queue, i)->state) != 0;
	for (uint32_t i = 0; i < v->layout.extents; i++) {
		uint64_t len = arch_load64(&SEGMENT_AT(v, extent, i)->len);

		u.extents += len != 0;
		u.extent_bytes += len;
	}
	for (uint32_t i = 0; i < v->layout.procs; i++)
		u.procs += arch_load32(&SEGMENT_AT(v, proc, i)->handle) != 0;
	for (uint32_t i = 0; i < v->layout.accels; i++)
		u.vaccels += arch_load32(&SEGMENT_AT(v, accel, i)->handle)
			!= 0;
	return u;
}

/* segment_counter returns the counter of that label. */
static inline uint64_t
segment_counter(const struct segment_view *v, const char *label)
{
	for (uint32_t i = 0; i < VINE_COUNTERS_MAX; i++) {
		const struct vine_counter_shm *c = SEGMENT_AT(v, counter, i);

		if (strcmp((const char *)c->label, label) == 0)
			return arch_load64(&c->value);
	}
	ck_abort_msg("no counter \"%s\"", label);
	return 0;
}

/* Not by memcmp: what pads the struct differs. */
static inline int
segment_same(const struct segment_use *a, const struct segment_use *b)
{
	return a->extent_bytes == b->extent_bytes &&
	       a->sessions == b->sessions && a->queues == b->queues &&
	       a->extents == b->extents && a->procs == b->procs &&
	       a->vaccels == b->vaccels;
}

/* segment_settles waits until no more than `u` is taken. */
static inline void
segment_settles(const struct segment_view *v, const struct segment_use *u)
{
	int64_t end = appliance_now() + APPLIANCE_PATIENCE_MS;
	struct segment_use now;

	do {
		now = segment_count(v);
		if (segment_same(&now, u))
			return;
		appliance_nap(5);
	} while (appliance_now() < end);
	ck_abort_msg("taken: %u sessions (were %u), %u queues (%u), %u extents "
		     "(%u) of %llu bytes (%llu), %u procedures (%u), %u "
		     "accelerators (%u)", now.sessions, u->sessions, now.queues,
		     u->queues, now.extents, u->extents,
		     (unsigned long long)now.extent_bytes,
		     (unsigned long long)u->extent_bytes, now.procs, u->procs,
		     now.vaccels, u->vaccels);
}

#endif
