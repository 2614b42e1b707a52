/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segment as a whole: what its header says, the extents of its heap, and
 * its counters.
 */
#include <inttypes.h>

#include "arch/shm/arch_shm.h"
#include "core/vine_seg.h"
#include "tools/vine_inspect_section.h"
#include "utils/utils_text.h"

static const char *
appliance_of(const struct sheet *out)
{
	static const char *const names[] = { "none", "serving", "draining" };
	uint32_t state = arch_load32(&out->snap->header.appliance);

	/* the word outlives an appliance that was killed; its lock does not */
	if (state != VINE_APPLIANCE_NONE &&
	    !sheet_is_locked(out, ARCH_SHM_BYTE_APPLIANCE))
		return "dead";
	return state < 3 ? names[state] : "unknown";
}

json_t *
vine_inspect_segment(struct sheet *out)
{
	static const char *const states[] = { "blank", "forming", "ready" };
	static const char *const clocks[] = { "none", "monotonic", "tsc",
		"cntvct" };
	const struct vine_header_shm *h = &out->snap->header;
	const struct vine_layout *l = &out->snap->layout;
	int known = out->snap->head != NULL;
	char name[512];

	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:o, s:o, s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:o, "
			 "s:o, s:o}",
		"name", utils_text_printable(name, sizeof(name), out->name),
		"object_bytes", sheet_count(out->snap->object_bytes),
		"offset", sheet_count(out->snap->off),
		"magic", sheet_hex(arch_load64(&h->magic)),
		"state", SHEET_NAME(states, arch_load32(&h->state)),
		"version", json_sprintf("%u.%u", h->abi_major.v,
					h->abi_minor.v),
		"layout_id", sheet_hex(arch_load32(&h->layout_id)),
		"compat", sheet_hex(arch_load32(&h->compat)),
		"incompat", sheet_hex(arch_load32(&h->incompat)),
		"ro_compat", sheet_hex(arch_load32(&h->ro_compat)),
		"size_bytes", sheet_count(arch_load64(&h->size)),
		"incarnation", sheet_hex(arch_load64(&h->incarnation)),
		"queue_slots", sheet_count(arch_load32(&h->queue_slots)),
		"generation", sheet_count(arch_load64(&h->generation)),
		"appliance", appliance_of(out),
		"heartbeat", sheet_count(arch_load64(&h->heartbeat)),
		"kernel", arch_load64(&h->boot_id) == vine_seg_boot_id() ?
			"this one" : "another",
		"clock", SHEET_NAME(clocks, arch_load32(&h->clock_kind)),
		"heap_bytes", sheet_count_or_null(known, l->heap_size),
		"session_slots", sheet_count_or_null(known, l->sessions),
		"queue_entries", sheet_count_or_null(known, l->queues),
		"extent_entries", sheet_count_or_null(known, l->extents));
}

json_t *
vine_inspect_extents(struct sheet *out)
{
	const struct vine_layout *l = &out->snap->layout;
	json_t *list = json_array();

	for (uint32_t i = 0; i < l->extents; i++) {
		const struct vine_extent_shm *e =
			VINE_INSPECT_AT(out->snap, extent, i);
		uint64_t off = arch_load64(&e->off), len = arch_load64(&e->len);
		uint32_t queue = arch_load32(&e->queue);

		if (len == 0)
			continue;
		sheet_add(out, list, json_pack("{s:o, s:o, s:o, s:o, s:o}",
			"extent", sheet_count(i),
			"offset", sheet_count(off),
			"length_bytes", sheet_count(len),
			"session", sheet_count(arch_load32(&e->session)),
			"rings_of_queue", sheet_count_or_null(queue != 0,
							      queue)));
		if (off < l->heap_off || len > l->heap_size ||
		    off - l->heap_off > l->heap_size - len)
			sheet_fault(out, "extent %u, %" PRIu64 " bytes at "
				    "%" PRIu64 ", is not in the heap", i, len,
				    off);
	}
	return list;
}

json_t *
vine_inspect_counters(struct sheet *out)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < VINE_COUNTERS_MAX; i++) {
		const struct vine_counter_shm *c =
			VINE_INSPECT_AT(out->snap, counter, i);

		if (arch_load8(&c->label[0]) == 0)
			continue;
		sheet_add(out, list, json_pack("{s:o, s:o}",
			"counter", sheet_text(c->label, sizeof(c->label)),
			"value", sheet_count(arch_load64(&c->value))));
	}
	return list;
}
