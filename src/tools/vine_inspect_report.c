/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report is a sheet with sections, each made by the file whose noun it is, in
 * the order of VINE_INSPECT_SECTIONS.
 */
#include <errno.h>
#include <string.h>

#include "tools/vine_inspect_section.h"

static const struct {
	const char *name;
	json_t *(*make)(struct sheet *sheet);
} sections_table[] = {
#define X(name) { #name, vine_inspect_##name },
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
set(struct sheet *sheet, json_t *root, const char *key, json_t *value)
{
	if (json_object_set_new(root, key, value) != 0)
		sheet->failed = 1;
}

json_t *
vine_inspect_report(const struct vine_inspect_snap *snap, const char *name,
		    uint32_t sections, uint32_t *faults)
{
	struct sheet sheet = { .snap = snap, .name = name,
		.ring_bytes = snap->head ? snap->layout.heap_size : 0,
		.faults = json_array() };
	json_t *root = json_object();

	if (snap->fault[0])
		sheet_fault(&sheet, "%s", snap->fault);
	for (uint32_t i = 0; i < VINE_INSPECT_SECTION_COUNT; i++)
		if (sections >> i & 1 &&
		    (i == VINE_INSPECT_segment || snap->head))
			set(&sheet, root, sections_table[i].name,
			    sections_table[i].make(&sheet));
	set(&sheet, root, "faults", sheet.faults);
	if (sheet.failed) {
		json_decref(root);
		return NULL;
	}
	*faults = sheet.fault_count;
	return root;
}
