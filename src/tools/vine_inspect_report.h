/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Report: what a snap says, as JSON, a section a directory.
 */
#ifndef VINE_INSPECT_REPORT_H
#define VINE_INSPECT_REPORT_H

#include <stdint.h>

#include <jansson.h>

#include "tools/vine_inspect_snap.h"

/* VINE_INSPECT_SECTION(name): in their order. */
#define VINE_INSPECT_SECTIONS(X) \
	X(segment) X(sessions) X(quotas) X(queues) X(extents) X(accelerators) \
	X(procedures) X(counters)

enum vine_inspect_section {
#define X(name) VINE_INSPECT_##name,
	VINE_INSPECT_SECTIONS(X)
#undef X
	VINE_INSPECT_SECTION_COUNT
};

/* vine_inspect_section_of returns the section of that name, or -EINVAL. */
int vine_inspect_section_of(const char *name);

/*
 * vine_inspect_report makes an object with the sections of the set (bit n:
 * section n) and "faults": what no honest peer would have written, a text each.
 * The caller owns it. *faults becomes how many there are; the first 64 are
 * named. Returns NULL where there is no memory.
 */
json_t *vine_inspect_report(const struct vine_inspect_snap *snap,
			    const char *name, uint32_t sections,
			    uint32_t *faults);

#endif
