/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a row says is a value that owns what it shows; what came out of the
 * segment is made printable here, so that no section can forget it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "arch/shm/arch_shm.h"
#include "tools/vine_inspect_sheet.h"
#include "utils/utils_text.h"

#define FAULTS_MAX 64u

void
sheet_add(struct sheet *sheet, json_t *list, json_t *row)
{
	if (json_array_append_new(list, row) != 0)
		sheet->failed = 1;
}

void
sheet_fault(struct sheet *sheet, const char *format, ...)
{
	char text[160];
	va_list args;

	if (sheet->fault_count++ >= FAULTS_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sheet_add(sheet, sheet->faults, json_string(text));
}

int
sheet_is_locked(const struct sheet *sheet, uint32_t byte)
{
	return arch_shm_locked(sheet->snap->fd, byte);
}

json_t *
sheet_hex(uint64_t n)
{
	return json_sprintf("0x%" PRIx64, n);
}

json_t *
sheet_count(uint64_t n)
{
	return n > INT64_MAX ? sheet_hex(n) : json_integer((json_int_t)n);
}

json_t *
sheet_count_or_null(int known, uint64_t n)
{
	return known ? sheet_count(n) : json_null();
}

json_t *
sheet_name(const char *const *names, size_t n, uint32_t number)
{
	return number < n ? json_string(names[number]) :
		json_sprintf("unknown %u", number);
}

json_t *
sheet_text(const le8_t *bytes, size_t size)
{
	char text[128] = "", shown[128];

	for (size_t i = 0; i < size && i < sizeof(text) - 1; i++)
		text[i] = (char)arch_load8(&bytes[i]);
	return json_string(utils_text_printable(shown, sizeof(shown), text));
}
