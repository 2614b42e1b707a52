/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Section: a directory of a snap as a JSON value, for vine_inspect_report.c.
 *
 * What a word says is printed as it is, or judged and named a fault; it is
 * never an index or a length without a check.
 */
#ifndef VINE_INSPECT_SECTION_H
#define VINE_INSPECT_SECTION_H

#include "tools/vine_inspect_report.h"
#include "tools/vine_inspect_sheet.h"

/* vine_inspect_NAME makes a section, which is the caller's. NULL where there is
 * no memory. All but the segment's want a snap with a head. */
#define X(name) json_t *vine_inspect_##name(struct sheet *sheet);
VINE_INSPECT_SECTIONS(X)
#undef X

#endif
