/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: who has a slot, and what of each quota it has and may have.
 */
#include <inttypes.h>

#include "arch/shm/arch_shm.h"
#include "tools/vine_inspect_section.h"

static json_t *
session_row(struct sheet *out, uint32_t slot,
	    const struct vine_session_shm *s)
{
	static const char *const states[] = { "free", "open", "refused",
		"closed", "lost" };
	static const char *const requests[] = { "none", "attach", "detach" };
	uint64_t nonce = arch_load64(&s->nonce);

	return json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:b, s:I, s:o, s:o, "
			 "s:o, s:o, s:o, s:o, s:o, s:b}",
		"slot", sheet_count(slot),
		"label", sheet_text(s->label, sizeof(s->label)),
		"state", SHEET_NAME(states, arch_load32(&s->state)),
		"alive", sheet_is_locked(out, ARCH_SHM_BYTE_SESSION + slot),
		"request", SHEET_NAME(requests, arch_load32(&s->request)),
		"nonce", sheet_hex(nonce),
		/* else the state is that of an earlier session in this slot */
		"answered", arch_load64(&s->echo) == nonce,
		/* how many appliances have come since the one that answered */
		"generations_ago", (json_int_t)
			(arch_load64(&out->snap->header.generation) -
			 arch_load64(&s->generation)),
		"error", sheet_count(arch_load32(&s->error)),
		"weight", sheet_count(arch_load32(&s->weight)),
		"granted_bytes", sheet_count(arch_load64(&s->granted)),
		"queues", sheet_count(arch_load32(&s->queues)),
		"vaccels", sheet_count(arch_load32(&s->vaccels)),
		"procedures", sheet_count(arch_load32(&s->procs)),
		"tasks", sheet_count(arch_load32(&s->tasks)),
		"fences", arch_load32(&s->fence) != 0);
}

json_t *
vine_inspect_sessions(struct sheet *out)
{
	uint32_t n = out->snap->layout.sessions;
	json_t *list = json_array();

	for (uint32_t i = 0; i < n; i++) {
		const struct vine_session_shm *s =
			VINE_INSPECT_AT(out->snap, session, i);

		if (arch_load32(&s->claim) == 0)
			continue;
		sheet_add(out, list, session_row(out, i, s));
		if (arch_load32(&s->state) == VINE_SESSION_OPEN &&
		    arch_load64(&s->granted) > out->snap->layout.heap_size)
			sheet_fault(out, "session %u has %" PRIu64 " bytes, "
				    "the heap %" PRIu64, i,
				    arch_load64(&s->granted),
				    out->snap->layout.heap_size);
	}
	return list;
}

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
		"slot", sheet_count(slot),
		"memory_bytes", sheet_count(arch_load64(&s->granted)),
		"quota_memory_bytes", sheet_count_or_null(memory != 0, memory),
		"tasks", sheet_count(arch_load32(&s->tasks)),
		"quota_tasks", sheet_count_or_null(tasks != 0, tasks),
		"queues", sheet_count(has ? has - 1 : 0),
		"quota_queues", sheet_count_or_null(queues != 0, queues),
		"vaccels", sheet_count(arch_load32(&s->vaccels)),
		"quota_vaccels", sheet_count_or_null(vaccels != 0, vaccels),
		"procs", sheet_count(arch_load32(&s->procs)),
		"quota_procs", sheet_count_or_null(procs != 0, procs),
		"code_bytes", sheet_count(arch_load64(&s->code)),
		"quota_code_bytes", sheet_count_or_null(code != 0, code));
}

json_t *
vine_inspect_quotas(struct sheet *out)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < out->snap->layout.sessions; i++) {
		const struct vine_session_shm *s =
			VINE_INSPECT_AT(out->snap, session, i);

		if (arch_load32(&s->claim) != 0)
			sheet_add(out, list, quota_row(i, s));
	}
	return list;
}
