/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sheet: what vine-inspect writes a report on: the snap that it is of, the
 * faults that were found, and the values that rows are made of.
 *
 * A sheet is one thread's. Whatever is added to it is its own from then on.
 * Where there is no memory `failed` becomes 1, and the report is none.
 */
#ifndef VINE_INSPECT_SHEET_H
#define VINE_INSPECT_SHEET_H

#include <stdint.h>

#include <jansson.h>

#include "tools/vine_inspect_snap.h"

struct sheet {
	const struct vine_inspect_snap *snap;
	const char *name;
	int failed;			/* 1: there was no memory */
	uint64_t ring_bytes;		/* that may still be read */
	uint32_t fault_count;
	json_t *faults;
};

/* sheet_add appends a row, or anything, to a list; NULL: there was no memory
 * for it. */
void sheet_add(struct sheet *sheet, json_t *list, json_t *row);

/* sheet_fault notes what no honest peer would have written; the first 64 are
 * named, the others counted. */
void sheet_fault(struct sheet *sheet, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* sheet_is_locked tells whether somebody has locked a byte of the object. */
int sheet_is_locked(const struct sheet *sheet, uint32_t byte);

/* sheet_hex is a number that is a name: 64 bits are more than many readers of
 * JSON keep. */
json_t *sheet_hex(uint64_t n);

/* sheet_count is a count. JSON's are of 63 bits; what has more cannot be one,
 * and is shown as a name. */
json_t *sheet_count(uint64_t n);
json_t *sheet_count_or_null(int known, uint64_t n);

/* sheet_name is a number that stands for a name; any other is shown as it
 * is. */
json_t *sheet_name(const char *const *names, size_t n, uint32_t number);

#define SHEET_NAME(names, number) \
	sheet_name(names, sizeof(names) / sizeof((names)[0]), number)

/* sheet_text is a text of the segment: up to its NUL or its end. */
json_t *sheet_text(const le8_t *bytes, size_t size);

#endif
