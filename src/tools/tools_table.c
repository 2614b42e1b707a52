/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table is gone through twice: once for the widths of its columns, once to
 * print. Rows without a column's key leave it empty; what the first row does
 * not have is not shown. A row's lists of texts are no columns: they stand
 * below it.
 */
#include <inttypes.h>
#include <string.h>

#include "tools/tools_table.h"
#include "utils/utils_text.h"

#define COLUMNS_MAX 32u
#define CELL_MAX 256u	/* longer texts are cut */

/* Has it values of its own? */
static int
is_inside(const json_t *v)
{
	return json_is_array(v) || json_is_object(v);
}

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

/* A number, with the unit that the key says. */
static void
number_cell(json_int_t n, const char *key, char cell[CELL_MAX])
{
	if (n >= 0 && key && ends_in(key, "_ns"))
		ns_cell((uint64_t)n, cell);
	else if (n >= 0 && key && ends_in(key, "_bytes"))
		bytes_cell((uint64_t)n, cell);
	else
		snprintf(cell, CELL_MAX, "%" JSON_INTEGER_FORMAT, n);
}

/* A value of a key as it is shown. */
static const char *
cell_of(const json_t *v, const char *key, char cell[CELL_MAX])
{
	if (v == NULL || json_is_null(v))
		return "-";
	if (json_is_boolean(v))
		return json_is_true(v) ? "yes" : "no";
	if (is_inside(v))
		return "...";
	if (json_is_integer(v))
		number_cell(json_integer_value(v), key, cell);
	else if (json_is_real(v))
		snprintf(cell, CELL_MAX, "%g", json_real_value(v));
	else
		utils_text_printable(cell, CELL_MAX, json_string_value(v));
	return cell[0] ? cell : "-";
}

/* A key as it is shown, in a buffer of CELL_MAX bytes. */
static const char *
name_of(const char *key, char *name)
{
	size_t n;

	utils_text_printable(name, CELL_MAX, key);
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
measure(const json_t *row, struct column *c)
{
	const json_t *v = json_object_get(row, c->key);
	char cell[CELL_MAX];
	int n = (int)strlen(cell_of(v, c->key, cell));

	if (n > c->width)
		c->width = n;
	if (json_is_string(v))
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

static int
is_texts(const json_t *v)
{
	return json_is_string(json_array_get(v, 0));
}

/* The lists of texts of a row. */
static void
print_below(json_t *row, FILE *out)
{
	char cell[CELL_MAX];
	const char *key;
	json_t *list, *v;
	size_t i;

	json_object_foreach(row, key, list)
		if (is_texts(list))
			json_array_foreach(list, i, v)
				fprintf(out, "      %s\n", cell_of(v, NULL, cell));
}

static void
print_rows(const json_t *list, FILE *out)
{
	struct column columns[COLUMNS_MAX];
	char cell[CELL_MAX];
	size_t count = 0, i, k;
	const char *key;
	json_t *v;

	json_object_foreach(json_array_get(list, 0), key, v)
		if (count < COLUMNS_MAX && !is_texts(v))
			columns[count++] = (struct column){ .key = key,
				.width = (int)strlen(name_of(key, cell)) };
	json_array_foreach(list, k, v)
		for (i = 0; i < count; i++)
			measure(v, &columns[i]);
	for (i = 0; i < count; i++)
		print_cell(&columns[i], name_of(columns[i].key, cell),
			   i + 1 == count, out);
	fputc('\n', out);
	json_array_foreach(list, k, v) {
		for (i = 0; i < count; i++)
			print_cell(&columns[i],
				   cell_of(json_object_get(v, columns[i].key),
					   columns[i].key, cell),
				   i + 1 == count, out);
		fputc('\n', out);
		print_below(v, out);
	}
}

/* --- lines --------------------------------------------------------------- */

/* Returns whether there were any. */
static int
print_lines(json_t *object, const char *indent, FILE *out)
{
	char name[CELL_MAX], cell[CELL_MAX];
	int width = 0;
	const char *key;
	json_t *v;

	json_object_foreach(object, key, v) {
		int n = is_inside(v) ? 0 : (int)strlen(name_of(key, name));

		if (n > width)
			width = n;
	}
	json_object_foreach(object, key, v)
		if (!is_inside(v))
			fprintf(out, "%s%-*s  %s\n", indent, width,
				name_of(key, name), cell_of(v, key, cell));
	return width > 0;
}

static void
print_list(const json_t *list, FILE *out)
{
	char cell[CELL_MAX];
	size_t i;
	json_t *v;

	if (json_is_object(json_array_get(list, 0))) {
		print_rows(list, out);
		return;
	}
	json_array_foreach(list, i, v)
		fprintf(out, "  %s\n", cell_of(v, NULL, cell));
}

void
tools_table_print(json_t *object, FILE *out)
{
	int before = print_lines(object, "", out);
	char name[CELL_MAX];
	const char *key;
	json_t *v;

	json_object_foreach(object, key, v) {
		int empty = json_array_size(v) == 0 && json_object_size(v) == 0;

		if (!is_inside(v))
			continue;
		fprintf(out, "%s%s%s\n", before ? "\n" : "",
			name_of(key, name), empty ? ": none" : "");
		before = 1;
		if (json_is_object(v))
			print_lines(v, "  ", out);
		else
			print_list(v, out);
	}
}
