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

#define FAULTS_MAX 64u

struct report {
	const struct vine_inspect_snap *snap;
	const char *name;
	struct utils_json *json;
	uint64_t ring_bytes;		/* that may still be read */
	struct vine_desc_shm *sub;	/* room for the largest rings */
	struct vine_comp_shm *comp;
	uint32_t fault_count;
	char faults[FAULTS_MAX][128];
};

static void __attribute__((format(printf, 2, 3)))
fault(struct report *r, const char *format, ...)
{
	va_list args;

	if (r->fault_count < FAULTS_MAX) {
		va_start(args, format);
		vsnprintf(r->faults[r->fault_count], sizeof(r->faults[0]),
			  format, args);
		va_end(args);
	}
	r->fault_count++;
}

/* A number that stands for a name; any other is shown as it is. */
static void
put_name(struct report *r, const char *key, const char *const *names,
	 uint32_t count, uint32_t number)
{
	if (number < count)
		utils_json_text(r->json, key, names[number]);
	else
		utils_json_format(r->json, key, "unknown %u", number);
}

#define PUT_NAME(r, key, names, number) \
	put_name(r, key, names, sizeof(names) / sizeof((names)[0]), number)

/* A text of the segment: up to its NUL or its end. */
static void
put_bytes(struct report *r, const char *key, const le8_t *bytes, size_t size)
{
	char text[128] = "";

	for (size_t i = 0; i < size && i < sizeof(text) - 1; i++)
		text[i] = (char)arch_load8(&bytes[i]);
	utils_json_text(r->json, key, text);
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

static void
write_segment(struct report *r)
{
	static const char *const states[] = { "blank", "forming", "ready" };
	static const char *const clocks[] = { "none", "monotonic", "tsc",
		"cntvct" };
	const struct vine_header_shm *h = &r->snap->header;
	struct utils_json *j = r->json;

	utils_json_object(j, "segment");
	utils_json_text(j, "name", r->name);
	utils_json_u64(j, "object_bytes", r->snap->object_bytes);
	utils_json_u64(j, "offset", r->snap->off);
	utils_json_hex(j, "magic", arch_load64(&h->magic));
	PUT_NAME(r, "state", states, arch_load32(&h->state));
	utils_json_format(j, "version", "%u.%u", h->abi_major.v,
			  h->abi_minor.v);
	utils_json_hex(j, "layout_id", arch_load32(&h->layout_id));
	utils_json_hex(j, "compat", arch_load32(&h->compat));
	utils_json_hex(j, "incompat", arch_load32(&h->incompat));
	utils_json_hex(j, "ro_compat", arch_load32(&h->ro_compat));
	utils_json_u64(j, "size_bytes", arch_load64(&h->size));
	utils_json_hex(j, "incarnation", arch_load64(&h->incarnation));
	utils_json_u64(j, "queue_slots", arch_load32(&h->queue_slots));
	utils_json_u64(j, "generation", arch_load64(&h->generation));
	utils_json_text(j, "appliance", appliance_of(r));
	utils_json_u64(j, "heartbeat", arch_load64(&h->heartbeat));
	utils_json_text(j, "kernel", arch_load64(&h->boot_id) ==
			vine_seg_boot_id() ? "this one" : "another");
	PUT_NAME(r, "clock", clocks, arch_load32(&h->clock_kind));
	if (r->snap->head) {
		const struct vine_layout *l = &r->snap->layout;

		utils_json_u64(j, "heap_bytes", l->heap_size);
		utils_json_u64(j, "session_slots", l->sessions);
		utils_json_u64(j, "queue_entries", l->queues);
		utils_json_u64(j, "extent_entries", l->extents);
	}
	utils_json_close_object(j);
}

/* --- sessions ------------------------------------------------------------ */

static void
write_session(struct report *r, uint32_t slot,
	      const struct vine_session_shm *s, int alive)
{
	static const char *const states[] = { "free", "open", "refused",
		"closed", "lost" };
	static const char *const requests[] = { "none", "attach", "detach" };
	struct utils_json *j = r->json;
	uint64_t nonce = arch_load64(&s->nonce);

	utils_json_object(j, NULL);
	utils_json_u64(j, "slot", slot);
	put_bytes(r, "label", s->label, sizeof(s->label));
	PUT_NAME(r, "state", states, arch_load32(&s->state));
	utils_json_bool(j, "alive", alive);
	PUT_NAME(r, "request", requests, arch_load32(&s->request));
	utils_json_hex(j, "nonce", nonce);
	/* else the state is that of an earlier session in this slot */
	utils_json_bool(j, "answered", arch_load64(&s->echo) == nonce);
	/* how many appliances have come since the one that answered */
	utils_json_i64(j, "generations_ago",
		       (int64_t)(arch_load64(&r->snap->header.generation) -
				 arch_load64(&s->generation)));
	utils_json_u64(j, "error", arch_load32(&s->error));
	utils_json_u64(j, "weight", arch_load32(&s->weight));
	utils_json_u64(j, "granted_bytes", arch_load64(&s->granted));
	utils_json_u64(j, "queues", arch_load32(&s->queues));
	utils_json_u64(j, "vaccels", arch_load32(&s->vaccels));
	utils_json_bool(j, "fences", arch_load32(&s->fence) != 0);
	utils_json_close_object(j);
}

static void
write_sessions(struct report *r)
{
	uint32_t n = r->snap->layout.sessions;

	utils_json_list(r->json, "sessions");
	for (uint32_t i = 0; i < n; i++) {
		const struct vine_session_shm *s =
			VINE_INSPECT_AT(r->snap, session, i);

		if (arch_load32(&s->claim) == 0)
			continue;
		write_session(r, i, s,
			      is_locked(r, ARCH_SHM_BYTE_SESSION + i));
		if (arch_load32(&s->state) == VINE_SESSION_OPEN &&
		    arch_load64(&s->granted) > r->snap->layout.heap_size)
			fault(r, "session %u has %" PRIu64 " bytes, the heap "
			      "%" PRIu64, i, arch_load64(&s->granted),
			      r->snap->layout.heap_size);
	}
	utils_json_close_list(r->json);
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

static void
write_stops(struct report *r, const struct vine_inspect_stops *stops)
{
	struct utils_json *j = r->json;

	if (stops == NULL) {	/* the same columns for all rows */
		utils_json_null(j, "published");
		utils_json_null(j, "taken");
		utils_json_null(j, "unreaped_most");
		utils_json_null(j, "completed");
		return;
	}
	utils_json_u64(j, "published", stops->published);
	utils_json_u64(j, "taken", stops->taken);
	utils_json_u64(j, "unreaped_most", stops->unreaped);
	utils_json_u64(j, "completed", stops->completed);
}

static void
write_queue(struct report *r, uint32_t index, const struct vine_queue_shm *q)
{
	struct vine_inspect_rings rings;
	struct vine_inspect_stops stops;
	struct utils_json *j = r->json;
	int known = read_rings(r, index, q, &rings) == 0;

	if (known)
		vine_inspect_stops_of(&rings, &stops);
	utils_json_object(j, NULL);
	utils_json_u64(j, "queue", index);
	utils_json_u64(j, "session", arch_load32(&q->session));
	utils_json_text(j, "for", is_control(r, index, q) ? "control" :
			"tasks");
	utils_json_u64(j, "worker", arch_load32(&q->bell));
	utils_json_u64(j, "slots", arch_load32(&q->sub_slots));
	utils_json_bool(j, "armed", arch_load32(&q->armed) != 0);
	utils_json_bool(j, "waiting", arch_load32(&q->waiting) != 0);
	write_stops(r, known ? &stops : NULL);
	utils_json_close_object(j);
}

static void
write_queues(struct report *r)
{
	uint32_t n = r->snap->layout.queues;

	utils_json_list(r->json, "queues");
	r->sub = malloc(VINE_SLOTS_MAX * sizeof(*r->sub));
	r->comp = malloc(2 * VINE_SLOTS_MAX * sizeof(*r->comp));
	for (uint32_t i = 1; i < n; i++) {
		const struct vine_queue_shm *q =
			VINE_INSPECT_AT(r->snap, queue, i);

		if (arch_load32(&q->state) == 0)
			continue;
		if (r->sub == NULL || r->comp == NULL) {
			r->json->error = -ENOMEM;
			break;
		}
		write_queue(r, i, q);
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
	utils_json_close_list(r->json);
}

/* --- extents ------------------------------------------------------------- */

static void
write_extents(struct report *r)
{
	const struct vine_layout *l = &r->snap->layout;

	utils_json_list(r->json, "extents");
	for (uint32_t i = 0; i < l->extents; i++) {
		const struct vine_extent_shm *e =
			VINE_INSPECT_AT(r->snap, extent, i);
		uint64_t off = arch_load64(&e->off), len = arch_load64(&e->len);

		if (len == 0)
			continue;
		utils_json_object(r->json, NULL);
		utils_json_u64(r->json, "extent", i);
		utils_json_u64(r->json, "offset", off);
		utils_json_u64(r->json, "length_bytes", len);
		utils_json_u64(r->json, "session", arch_load32(&e->session));
		if (arch_load32(&e->queue))
			utils_json_u64(r->json, "rings_of_queue",
				       arch_load32(&e->queue));
		else
			utils_json_null(r->json, "rings_of_queue");
		utils_json_close_object(r->json);
		if (off < l->heap_off || len > l->heap_size ||
		    off - l->heap_off > l->heap_size - len)
			fault(r, "extent %u, %" PRIu64 " bytes at %" PRIu64
			      ", is not in the heap", i, len, off);
	}
	utils_json_close_list(r->json);
}

/* --- accelerators and procedures ----------------------------------------- */

static const char *const types[] = { "ANY", "GPU", "GPU_SOFT", "CPU", "FPGA" };

static void
write_accel(struct report *r, const struct vine_accel_shm *a)
{
	uint32_t phys = arch_load32(&a->phys);
	struct utils_json *j = r->json;

	utils_json_object(j, NULL);
	utils_json_hex(j, "handle", arch_load32(&a->handle));
	put_bytes(r, "name", a->name, sizeof(a->name));
	PUT_NAME(r, "type", types, arch_load32(&a->type));
	utils_json_bool(j, "in_service", arch_load32(&a->state) == 1);
	if (phys == 0) {
		utils_json_null(j, "virtual_of");
		utils_json_null(j, "session");
		utils_json_null(j, "priority");
	} else {
		utils_json_hex(j, "virtual_of", phys);
		utils_json_u64(j, "session", arch_load32(&a->session));
		utils_json_i64(j, "priority",
			       (int32_t)arch_load32(&a->priority));
	}
	utils_json_u64(j, "units", arch_load32(&a->units));
	utils_json_u64(j, "vaccels", phys ? 0 : arch_load32(&a->vaccels));
	/* only physical ones are counted */
	utils_json_u64(j, "in_flight", phys ? 0 : arch_load64(&a->in_flight));
	utils_json_u64(j, "completed", phys ? 0 : arch_load64(&a->completed));
	utils_json_u64(j, "failed", phys ? 0 : arch_load64(&a->failed));
	utils_json_u64(j, "busy_ns", phys ? 0 : arch_load64(&a->busy_ns));
	utils_json_close_object(j);
}

static void
write_accelerators(struct report *r)
{
	utils_json_list(r->json, "accelerators");
	for (uint32_t i = 1; i < r->snap->layout.accels; i++) {
		const struct vine_accel_shm *a =
			VINE_INSPECT_AT(r->snap, accel, i);
		uint32_t handle = arch_load32(&a->handle);

		if (handle == 0)
			continue;
		write_accel(r, a);
		if ((handle & 0xffff) != i)
			fault(r, "accelerator %u has the handle %#x", i,
			      handle);
	}
	utils_json_close_list(r->json);
}

static void
write_procedures(struct report *r)
{
	struct utils_json *j = r->json;

	utils_json_list(j, "procedures");
	for (uint32_t i = 1; i < r->snap->layout.procs; i++) {
		const struct vine_proc_shm *p =
			VINE_INSPECT_AT(r->snap, proc, i);
		uint32_t handle = arch_load32(&p->handle);

		if (handle == 0)
			continue;
		utils_json_object(j, NULL);
		utils_json_hex(j, "handle", handle);
		put_bytes(r, "name", p->name, sizeof(p->name));
		PUT_NAME(r, "type", types, arch_load32(&p->type));
		utils_json_u64(j, "users", arch_load32(&p->users));
		utils_json_u64(j, "code_bytes", arch_load64(&p->code_size));
		utils_json_close_object(j);
		if ((handle & 0xffff) != i)
			fault(r, "procedure %u has the handle %#x", i, handle);
	}
	utils_json_close_list(j);
}

static void
write_counters(struct report *r)
{
	utils_json_list(r->json, "counters");
	for (uint32_t i = 0; i < VINE_COUNTERS_MAX; i++) {
		const struct vine_counter_shm *c =
			VINE_INSPECT_AT(r->snap, counter, i);

		if (arch_load8(&c->label[0]) == 0)
			continue;
		utils_json_object(r->json, NULL);
		put_bytes(r, "counter", c->label, sizeof(c->label));
		utils_json_u64(r->json, "value", arch_load64(&c->value));
		utils_json_close_object(r->json);
	}
	utils_json_close_list(r->json);
}

/* --- all of it ----------------------------------------------------------- */

static const struct {
	const char *name;
	void (*write)(struct report *r);
} sections_table[] = {
#define X(name) { #name, write_##name },
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

uint32_t
vine_inspect_report(const struct vine_inspect_snap *snap, const char *name,
		    uint32_t sections, struct utils_json *json)
{
	struct report r = { .snap = snap, .name = name, .json = json,
		.ring_bytes = snap->head ? snap->layout.heap_size : 0 };

	if (snap->fault[0])
		fault(&r, "%s", snap->fault);
	utils_json_object(json, NULL);
	for (uint32_t i = 0; i < VINE_INSPECT_SECTION_COUNT; i++)
		if (sections >> i & 1 &&
		    (i == VINE_INSPECT_segment || snap->head))
			sections_table[i].write(&r);
	utils_json_list(json, "faults");
	for (uint32_t i = 0; i < r.fault_count && i < FAULTS_MAX; i++)
		utils_json_text(json, NULL, r.faults[i]);
	utils_json_close_list(json);
	utils_json_close_object(json);
	return r.fault_count;
}
