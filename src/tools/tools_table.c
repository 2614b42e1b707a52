/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table is gone through twice: once for the widths of its columns, once to
 * print. Rows without a column's key leave it empty; what the first row does
 * not have is not shown.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tools_table.h"

#define COLUMNS_MAX 32u
#define CELL_MAX 64u

static int
ends_in(const char *key, const char *suffix)
{
	size_t n = strlen(key), m = strlen(suffix);

	return n > m && strcmp(key + n - m, suffix) == 0;
}

static void
bytes_cell(uint64_t n, char cell[CELL_MAX])
{
	static const char units[] = " KMGTP";
	int u = 0;
	double d = (double)n;

	while (d >= 1024 && u < 5) {
		d /= 1024;
		u++;
	}
	if (u == 0)
		snprintf(cell, CELL_MAX, "%" PRIu64, n);
	else
		snprintf(cell, CELL_MAX, "%.*f%c", d < 10 && d != (int)d, d,
			 units[u]);
}

static void
ns_cell(uint64_t n, char cell[CELL_MAX])
{
	if (n < 10000)
		snprintf(cell, CELL_MAX, "%" PRIu64 "ns", n);
	else if (n < 10000000)
		snprintf(cell, CELL_MAX, "%" PRIu64 "us", n / 1000);
	else if (n < UINT64_C(10000000000))
		snprintf(cell, CELL_MAX, "%" PRIu64 "ms", n / 1000000);
	else
		snprintf(cell, CELL_MAX, "%" PRIu64 "s", n / 1000000000);
}

/* A value of a key as it is shown. */
static const char *
cell_of(const struct tools_json *v, const char *key, char cell[CELL_MAX])
{
	uint64_t n;

	if (v == NULL || v->type == TOOLS_JSON_NULL)
		return "-";
	if (v->type == TOOLS_JSON_BOOL)
		return v->text[0] == 't' ? "yes" : "no";
	if (v->type == TOOLS_JSON_LIST || v->type == TOOLS_JSON_OBJECT)
		return "...";
	if (v->type == TOOLS_JSON_NUMBER && v->text[0] != '-' && key &&
	    (ends_in(key, "_bytes") || ends_in(key, "_ns"))) {
		n = strtoull(v->text, NULL, 10);
		if (ends_in(key, "_ns"))
			ns_cell(n, cell);
		else
			bytes_cell(n, cell);
		return cell;
	}
	return v->text[0] ? v->text : "-";
}

/* A key as it is shown, in a buffer of CELL_MAX bytes. */
static const char *
name_of(const char *key, char *name)
{
	size_t n;

	snprintf(name, CELL_MAX, "%s", key);
	n = strlen(name);
	if (ends_in(name, "_bytes"))
		n -= strlen("_bytes");
	else if (ends_in(name, "_ns"))
		n -= strlen("_ns");
	name[n] = '\0';
	for (char *c = name; *c; c++)
		if (*c == '_')
			*c = ' ';
	return name;
}

/* --- tables -------------------------------------------------------------- */

struct column {
	const char *key;
	int width;
	int left;		/* 1: has texts, and begins at the left */
};

static void
measure(const struct tools_json *row, struct column *c)
{
	const struct tools_json *v = tools_json_member(row, c->key);
	char cell[CELL_MAX];
	int n = (int)strlen(cell_of(v, c->key, cell));

	if (n > c->width)
		c->width = n;
	if (v && v->type == TOOLS_JSON_TEXT)
		c->left = 1;
}

static void
print_cell(const struct column *c, const char *text, int last, FILE *out)
{
	if (c->left && last)
		fprintf(out, "  %s", text);
	else
		fprintf(out, "  %*s", c->left ? -c->width : c->width, text);
}

static void
print_rows(const struct tools_json *list, FILE *out)
{
	struct column columns[COLUMNS_MAX];
	char cell[CELL_MAX];
	size_t count = 0;

	for (const struct tools_json *m = list->first->first;
	     m && count < COLUMNS_MAX; m = m->next)
		columns[count++] = (struct column){ .key = m->key,
			.width = (int)strlen(name_of(m->key, cell)) };
	for (const struct tools_json *row = list->first; row; row = row->next)
		for (size_t i = 0; i < count; i++)
			measure(row, &columns[i]);
	for (size_t i = 0; i < count; i++)
		print_cell(&columns[i], name_of(columns[i].key, cell),
			   i + 1 == count, out);
	fputc('\n', out);
	for (const struct tools_json *row = list->first; row; row = row->next) {
		for (size_t i = 0; i < count; i++)
			print_cell(&columns[i],
				   cell_of(tools_json_member(row,
							     columns[i].key),
					   columns[i].key, cell),
				   i + 1 == count, out);
		fputc('\n', out);
	}
}

/* --- lines --------------------------------------------------------------- */

static int
is_line(const struct tools_json *v)
{
	return v->type != TOOLS_JSON_LIST && v->type != TOOLS_JSON_OBJECT;
}

static void
print_lines(const struct tools_json *object, const char *indent, FILE *out)
{
	char name[CELL_MAX], cell[CELL_MAX];
	int width = 0;

	for (const struct tools_json *m = object->first; m; m = m->next) {
		int n = is_line(m) ? (int)strlen(name_of(m->key, name)) : 0;

		if (n > width)
			width = n;
	}
	for (const struct tools_json *m = object->first; m; m = m->next)
		if (is_line(m))
			fprintf(out, "%s%-*s  %s\n", indent, width,
				name_of(m->key, name),
				cell_of(m, m->key, cell));
}

static void
print_list(const struct tools_json *list, FILE *out)
{
	char cell[CELL_MAX];

	if (list->first->type == TOOLS_JSON_OBJECT) {
		print_rows(list, out);
		return;
	}
	for (const struct tools_json *v = list->first; v; v = v->next)
		fprintf(out, "  %s\n", cell_of(v, NULL, cell));
}

void
tools_table_print(const struct tools_json *object, FILE *out)
{
	char name[CELL_MAX];
	int lines = 0;

	for (const struct tools_json *m = object->first; m; m = m->next)
		lines |= is_line(m);
	print_lines(object, "", out);
	for (const struct tools_json *m = object->first; m; m = m->next) {
		if (is_line(m))
			continue;
		fprintf(out, "%s%s%s\n", lines ? "\n" : "",
			name_of(m->key, name), m->first ? "" : ": none");
		lines = 1;
		if (m->first && m->type == TOOLS_JSON_OBJECT)
			print_lines(m, "  ", out);
		else if (m->first)
			print_list(m, out);
	}
}
