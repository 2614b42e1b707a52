/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each section goes through its directory in the copy. What a word says is
 * printed as it is, or judged and named a fault; it is never an index or a
 * length without a check. Rings are read when their queue's turn comes: of all
 * together no more bytes than the heap has, because those of honest queues do
 * not overlap.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/shm/arch_shm.h"
#include "core/vine_seg.h"
#include "tools/vine_inspect_report.h"
#include "tools/vine_inspect_stops.h"
#include "utils/utils_text.h"

#define FAULTS_MAX 64u

struct report {
	const struct vine_inspect_snap *snap;
	const char *name;
	int failed;			/* 1: there was no memory */
	uint64_t ring_bytes;		/* that may still be read */
	struct vine_desc_shm *sub;	/* room for the largest rings */
	struct vine_comp_shm *comp;
	uint32_t fault_count;
	json_t *faults;
};

/* Add a row, or anything, to a list; NULL: there was no memory for it. */
static void
add(struct report *r, json_t *list, json_t *row)
{
	if (json_array_append_new(list, row) != 0)
		r->failed = 1;
}

static void __attribute__((format(printf, 2, 3)))
fault(struct report *r, const char *format, ...)
{
	char text[160];
	va_list args;

	if (r->fault_count++ >= FAULTS_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	add(r, r->faults, json_string(text));
}

/* A number that is a name: 64 bits are more than many readers of JSON keep. */
static json_t *
hex(uint64_t n)
{
	return json_sprintf("0x%" PRIx64, n);
}

/* A count. JSON's are of 63 bits; what has more cannot be one. */
static json_t *
count(uint64_t n)
{
	return n > INT64_MAX ? hex(n) : json_integer((json_int_t)n);
}

static json_t *
count_or_null(int known, uint64_t n)
{
	return known ? count(n) : json_null();
}

/* A number that stands for a name; any other is shown as it is. */
static json_t *
name_of(const char *const *names, size_t n, uint32_t number)
{
	return number < n ? json_string(names[number]) :
		json_sprintf("unknown %u", number);
}

#define NAME_OF(names, number) \
	name_of(names, sizeof(names) / sizeof((names)[0]), number)

/* A text of the segment: up to its NUL or its end. */
static json_t *
text_of(const le8_t *bytes, size_t size)
{
	char text[128] = "", shown[128];

	for (size_t i = 0; i < size && i < sizeof(text) - 1; i++)
		text[i] = (char)arch_load8(&bytes[i]);
	return json_string(utils_text_printable(shown, sizeof(shown), text));
}

static int
is_locked(const struct report *r, uint32_t byte)
{
	return arch_shm_locked(r->snap->fd, byte);
}

/* --- the segment --------------------------------------------------------- */

static const char *
appliance_of(const struct report *r)
{
	static const char *const names[] = { "none", "serving", "draining" };
	uint32_t state = arch_load32(&r->snap->header.appliance);

	/* the word outlives an appliance that was killed; its lock does not */
	if (state != VINE_APPLIANCE_NONE &&
	    !is_locked(r, ARCH_SHM_BYTE_APPLIANCE))
		return "dead";
	return state < 3 ? names[state] : "unknown";
}

static json_t *
make_segment(struct report *r)
{
	static const char *const states[] = { "blank", "forming", "ready" };
	static const char *const clocks[] = { "none", "monotonic", "tsc",
		"cntvct" };
	const struct vine_header_shm *h = &r->snap->header;
	const struct vine_layout *l = &r->snap->layout;
	int known = r->snap->head != NULL;
	char name[512];

	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:o, s:o, s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:o, "
			 "s:o, s:o}",
		"name", utils_text_printable(name, sizeof(name), r->name),
		"object_bytes", count(r->snap->object_bytes),
		"offset", count(r->snap->off),
		"magic", hex(arch_load64(&h->magic)),
		"state", NAME_OF(states, arch_load32(&h->state)),
		"version", json_sprintf("%u.%u", h->abi_major.v,
					h->abi_minor.v),
		"layout_id", hex(arch_load32(&h->layout_id)),
		"compat", hex(arch_load32(&h->compat)),
		"incompat", hex(arch_load32(&h->incompat)),
		"ro_compat", hex(arch_load32(&h->ro_compat)),
		"size_bytes", count(arch_load64(&h->size)),
		"incarnation", hex(arch_load64(&h->incarnation)),
		"queue_slots", count(arch_load32(&h->queue_slots)),
		"generation", count(arch_load64(&h->generation)),
		"appliance", appliance_of(r),
		"heartbeat", count(arch_load64(&h->heartbeat)),
		"kernel", arch_load64(&h->boot_id) == vine_seg_boot_id() ?
			"this one" : "another",
		"clock", NAME_OF(clocks, arch_load32(&h->clock_kind)),
		"heap_bytes", count_or_null(known, l->heap_size),
		"session_slots", count_or_null(known, l->sessions),
		"queue_entries", count_or_null(known, l->queues),
		"extent_entries", count_or_null(known, l->extents));
}

/* --- sessions ------------------------------------------------------------ */

static json_t *
session_row(struct report *r, uint32_t slot, const struct vine_session_shm *s)
{
	static const char *const states[] = { "free", "open", "refused",
		"closed", "lost" };
	static const char *const requests[] = { "none", "attach", "detach" };
	uint64_t nonce = arch_load64(&s->nonce);

	return json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:b, s:I, s:o, s:o, "
			 "s:o, s:o, s:o, s:o, s:o, s:b}",
		"slot", count(slot),
		"label", text_of(s->label, sizeof(s->label)),
		"state", NAME_OF(states, arch_load32(&s->state)),
		"alive", is_locked(r, ARCH_SHM_BYTE_SESSION + slot),
		"request", NAME_OF(requests, arch_load32(&s->request)),
		"nonce", hex(nonce),
		/* else the state is that of an earlier session in this slot */
		"answered", arch_load64(&s->echo) == nonce,
		/* how many appliances have come since the one that answered */
		"generations_ago", (json_int_t)
			(arch_load64(&r->snap->header.generation) -
			 arch_load64(&s->generation)),
		"error", count(arch_load32(&s->error)),
		"weight", count(arch_load32(&s->weight)),
		"granted_bytes", count(arch_load64(&s->granted)),
		"queues", count(arch_load32(&s->queues)),
		"vaccels", count(arch_load32(&s->vaccels)),
		"procedures", count(arch_load32(&s->procs)),
		"tasks", count(arch_load32(&s->tasks)),
		"fences", arch_load32(&s->fence) != 0);
}

static json_t *
make_sessions(struct report *r)
{
	uint32_t n = r->snap->layout.sessions;
	json_t *list = json_array();

	for (uint32_t i = 0; i < n; i++) {
		const struct vine_session_shm *s =
			VINE_INSPECT_AT(r->snap, session, i);

		if (arch_load32(&s->claim) == 0)
			continue;
		add(r, list, session_row(r, i, s));
		if (arch_load32(&s->state) == VINE_SESSION_OPEN &&
		    arch_load64(&s->granted) > r->snap->layout.heap_size)
			fault(r, "session %u has %" PRIu64 " bytes, the heap "
			      "%" PRIu64, i, arch_load64(&s->granted),
			      r->snap->layout.heap_size);
	}
	return list;
}

/* --- quotas -------------------------------------------------------------- */

/* What a session has of each, and may have; null: as much as there is. The
 * queue of its control tasks does not count. */
static json_t *
quota_row(uint32_t slot, const struct vine_session_shm *s)
{
	uint64_t memory = arch_load64(&s->quota_memory);
	uint64_t code = arch_load64(&s->quota_code);
	uint32_t tasks = arch_load32(&s->quota_tasks);
	uint32_t queues = arch_load32(&s->quota_queues);
	uint32_t has = arch_load32(&s->queues);
	uint32_t vaccels = arch_load32(&s->quota_vaccels);
	uint32_t procs = arch_load32(&s->quota_procs);

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:o, s:o, s:o}",
		"slot", count(slot),
		"memory_bytes", count(arch_load64(&s->granted)),
		"quota_memory_bytes", count_or_null(memory != 0, memory),
		"tasks", count(arch_load32(&s->tasks)),
		"quota_tasks", count_or_null(tasks != 0, tasks),
		"queues", count(has ? has - 1 : 0),
		"quota_queues", count_or_null(queues != 0, queues),
		"vaccels", count(arch_load32(&s->vaccels)),
		"quota_vaccels", count_or_null(vaccels != 0, vaccels),
		"procs", count(arch_load32(&s->procs)),
		"quota_procs", count_or_null(procs != 0, procs),
		"code_bytes", count(arch_load64(&s->code)),
		"quota_code_bytes", count_or_null(code != 0, code));
}

static json_t *
make_quotas(struct report *r)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < r->snap->layout.sessions; i++) {
		const struct vine_session_shm *s =
			VINE_INSPECT_AT(r->snap, session, i);

		if (arch_load32(&s->claim) != 0)
			add(r, list, quota_row(i, s));
	}
	return list;
}

/* --- queues -------------------------------------------------------------- */

/* Is it the queue of control tasks of the session that it names? */
static int
is_control(const struct report *r, uint32_t index,
	   const struct vine_queue_shm *q)
{
	uint32_t slot = arch_load32(&q->session);

	return slot < r->snap->layout.sessions &&
	       arch_load32(&VINE_INSPECT_AT(r->snap, session, slot)->queue) ==
	       index;
}

/* Copy a queue's rings. Returns 0, or -EINVAL after naming the fault. */
static int
read_rings(struct report *r, uint32_t index, const struct vine_queue_shm *q,
	   struct vine_inspect_rings *rings)
{
	uint32_t slots = arch_load32(&q->sub_slots);
	uint32_t comps = arch_load32(&q->comp_slots);
	uint64_t sub_bytes = slots * (uint64_t)sizeof(*r->sub);
	uint64_t comp_bytes = comps * (uint64_t)sizeof(*r->comp);

	if ((slots != r->snap->layout.queue_slots && slots != VINE_SLOTS_CTL) ||
	    comps != 2 * slots) {
		fault(r, "queue %u has rings of %u and %u slots", index, slots,
		      comps);
		return -EINVAL;
	}
	if (sub_bytes + comp_bytes > r->ring_bytes) {
		fault(r, "queue %u: the rings of all queues are more than the "
		      "heap", index);
		return -EINVAL;
	}
	r->ring_bytes -= sub_bytes + comp_bytes;
	/* completions first: no task is then completed before it was issued */
	if (vine_inspect_snap_heap(r->snap, arch_load64(&q->comp), comp_bytes,
				   r->comp) != 0 ||
	    vine_inspect_snap_heap(r->snap, arch_load64(&q->sub), sub_bytes,
				   r->sub) != 0) {
		fault(r, "queue %u: rings at %" PRIu64 " and %" PRIu64
		      " are not in the heap", index, arch_load64(&q->sub),
		      arch_load64(&q->comp));
		return -EINVAL;
	}
	*rings = (struct vine_inspect_rings){
		.sub = r->sub, .comp = r->comp, .sub_slots = slots,
		.comp_slots = comps, .taken = arch_load32(&q->taken),
		.completed = arch_load64(&q->completed),
	};
	return 0;
}

static json_t *
queue_row(struct report *r, uint32_t index, const struct vine_queue_shm *q)
{
	struct vine_inspect_rings rings;
	struct vine_inspect_stops stops = { 0 };
	int known = read_rings(r, index, q, &rings) == 0;

	if (known)
		vine_inspect_stops_of(&rings, &stops);
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:b, s:b, s:o, s:o, s:o, "
			 "s:o}",
		"queue", count(index),
		"session", count(arch_load32(&q->session)),
		"for", is_control(r, index, q) ? "control" : "tasks",
		"worker", count(arch_load32(&q->bell)),
		"slots", count(arch_load32(&q->sub_slots)),
		"armed", arch_load32(&q->armed) != 0,
		"waiting", arch_load32(&q->waiting) != 0,
		"published", count_or_null(known, stops.published),
		"taken", count_or_null(known, stops.taken),
		"unreaped_most", count_or_null(known, stops.unreaped),
		"completed", count_or_null(known, stops.completed));
}

static json_t *
make_queues(struct report *r)
{
	uint32_t n = r->snap->layout.queues;
	json_t *list = json_array();

	r->sub = malloc(VINE_SLOTS_MAX * sizeof(*r->sub));
	r->comp = malloc(2 * VINE_SLOTS_MAX * sizeof(*r->comp));
	if (r->sub == NULL || r->comp == NULL)
		r->failed = 1;
	for (uint32_t i = 1; i < n && !r->failed; i++) {
		const struct vine_queue_shm *q =
			VINE_INSPECT_AT(r->snap, queue, i);

		if (arch_load32(&q->state) == 0)
			continue;
		add(r, list, queue_row(r, i, q));
		if (arch_load32(&q->session) >= r->snap->layout.sessions)
			fault(r, "queue %u is of session %u, there are %u", i,
			      arch_load32(&q->session),
			      r->snap->layout.sessions);
		if (arch_load32(&q->bell) >= VINE_BELLS_MAX)
			fault(r, "queue %u is of worker %u, there can be %d",
			      i, arch_load32(&q->bell), VINE_BELLS_MAX);
	}
	free(r->sub);
	free(r->comp);
	return list;
}

/* --- extents ------------------------------------------------------------- */

static json_t *
make_extents(struct report *r)
{
	const struct vine_layout *l = &r->snap->layout;
	json_t *list = json_array();

	for (uint32_t i = 0; i < l->extents; i++) {
		const struct vine_extent_shm *e =
			VINE_INSPECT_AT(r->snap, extent, i);
		uint64_t off = arch_load64(&e->off), len = arch_load64(&e->len);
		uint32_t queue = arch_load32(&e->queue);

		if (len == 0)
			continue;
		add(r, list, json_pack("{s:o, s:o, s:o, s:o, s:o}",
			"extent", count(i),
			"offset", count(off),
			"length_bytes", count(len),
			"session", count(arch_load32(&e->session)),
			"rings_of_queue", count_or_null(queue != 0, queue)));
		if (off < l->heap_off || len > l->heap_size ||
		    off - l->heap_off > l->heap_size - len)
			fault(r, "extent %u, %" PRIu64 " bytes at %" PRIu64
			      ", is not in the heap", i, len, off);
	}
	return list;
}

/* --- accelerators and procedures ----------------------------------------- */

static const char *const types[] = {
	"ANY", "GPU", "GPU_SOFT", "CPU", "FPGA", "VINE_NET"
};

static json_t *
accel_row(const struct vine_accel_shm *a)
{
	uint32_t phys = arch_load32(&a->phys);
	/* only physical ones are counted */
	uint64_t counted = phys ? 0 : UINT64_MAX;

	return json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:o, s:o, s:o}",
		"handle", hex(arch_load32(&a->handle)),
		"name", text_of(a->name, sizeof(a->name)),
		"type", NAME_OF(types, arch_load32(&a->type)),
		"in_service", arch_load32(&a->state) == 1,
		"virtual_of", phys ? hex(phys) : json_null(),
		"session", count_or_null(phys != 0, arch_load32(&a->session)),
		"priority", phys ? json_integer((int32_t)
				arch_load32(&a->priority)) : json_null(),
		"units", count(arch_load32(&a->units)),
		"vaccels", count(arch_load32(&a->vaccels) & counted),
		"in_flight", count(arch_load64(&a->in_flight) & counted),
		"completed", count(arch_load64(&a->completed) & counted),
		"failed", count(arch_load64(&a->failed) & counted),
		"busy_ns", count(arch_load64(&a->busy_ns) & counted));
}

static json_t *
make_accelerators(struct report *r)
{
	json_t *list = json_array();

	for (uint32_t i = 1; i < r->snap->layout.accels; i++) {
		const struct vine_accel_shm *a =
			VINE_INSPECT_AT(r->snap, accel, i);
		uint32_t handle = arch_load32(&a->handle);

		if (handle == 0)
			continue;
		add(r, list, accel_row(a));
		if ((handle & 0xffff) != i)
			fault(r, "accelerator %u has the handle %#x", i,
			      handle);
	}
	return list;
}

static json_t *
make_procedures(struct report *r)
{
	json_t *list = json_array();

	for (uint32_t i = 1; i < r->snap->layout.procs; i++) {
		const struct vine_proc_shm *p =
			VINE_INSPECT_AT(r->snap, proc, i);
		uint32_t handle = arch_load32(&p->handle);

		if (handle == 0)
			continue;
		add(r, list, json_pack("{s:o, s:o, s:o, s:o, s:o}",
			"handle", hex(handle),
			"name", text_of(p->name, sizeof(p->name)),
			"type", NAME_OF(types, arch_load32(&p->type)),
			"users", count(arch_load32(&p->users)),
			"code_bytes", count(arch_load64(&p->code_size))));
		if ((handle & 0xffff) != i)
			fault(r, "procedure %u has the handle %#x", i, handle);
	}
	return list;
}

static json_t *
make_counters(struct report *r)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < VINE_COUNTERS_MAX; i++) {
		const struct vine_counter_shm *c =
			VINE_INSPECT_AT(r->snap, counter, i);

		if (arch_load8(&c->label[0]) == 0)
			continue;
		add(r, list, json_pack("{s:o, s:o}",
			"counter", text_of(c->label, sizeof(c->label)),
			"value", count(arch_load64(&c->value))));
	}
	return list;
}

/* --- all of it ----------------------------------------------------------- */

static const struct {
	const char *name;
	json_t *(*make)(struct report *r);
} sections_table[] = {
#define X(name) { #name, make_##name },
	VINE_INSPECT_SECTIONS(X)
#undef X
};

int
vine_inspect_section_of(const char *name)
{
	for (int i = 0; i < VINE_INSPECT_SECTION_COUNT; i++)
		if (strcmp(sections_table[i].name, name) == 0)
			return i;
	return -EINVAL;
}

static void
set(struct report *r, json_t *root, const char *key, json_t *value)
{
	if (json_object_set_new(root, key, value) != 0)
		r->failed = 1;
}

json_t *
vine_inspect_report(const struct vine_inspect_snap *snap, const char *name,
		    uint32_t sections, uint32_t *faults)
{
	struct report r = { .snap = snap, .name = name,
		.ring_bytes = snap->head ? snap->layout.heap_size : 0,
		.faults = json_array() };
	json_t *root = json_object();

	if (snap->fault[0])
		fault(&r, "%s", snap->fault);
	for (uint32_t i = 0; i < VINE_INSPECT_SECTION_COUNT; i++)
		if (sections >> i & 1 &&
		    (i == VINE_INSPECT_segment || snap->head))
			set(&r, root, sections_table[i].name,
			    sections_table[i].make(&r));
	set(&r, root, "faults", r.faults);
	if (r.failed) {
		json_decref(root);
		return NULL;
	}
	*faults = r.fault_count;
	return root;
}
