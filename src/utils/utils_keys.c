/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How keys work: the tables are expanded once, with default, min and max as
 * text. They are read when needed, by the code that reads a file's values, so
 * a table says 256M where a person would, and a mistake in it is found by the
 * first test that reads a config.
 */
#include "utils/utils_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "utils/utils_config.h"

#define PAGE_SIZE 4096u
#define EDITS_MAX 2
#define WIDTH 72	/* columns of help text */

/* The words of the flags column. */
enum {
	REQUIRED = UTILS_KEYS_REQUIRED,
	MULTI = UTILS_KEYS_MULTI,
	RELOAD = UTILS_KEYS_RELOAD,
	APP = UTILS_KEYS_APP,
	DAEMON = UTILS_KEYS_DAEMON,
	POW2 = UTILS_KEYS_POW2,
	PAGE = UTILS_KEYS_PAGE,
};

/* "NULL" stands for no default; no key has that as its default. */
#define VALUE_OR_NULL(text) (sizeof(text) == sizeof("NULL") && \
			     (text)[0] == 'N' ? NULL : (text))

const struct utils_keys_row utils_keys_table[] = {
#define UTILS_KEY(name, type, value, min, max, flags, help) \
	{ #name, UTILS_KEYS_##type, VALUE_OR_NULL(#value), #min, #max, \
	  (unsigned int)(flags), help },
#include "utils/config_keys_all.def"
#undef UTILS_KEY
};

#define UTILS_KEY(name, ...) \
	_Static_assert(sizeof(#name) - 1 <= UTILS_KEYS_NAME_MAX, \
		       "the key " #name " is too long");
#include "utils/config_keys_all.def"
#undef UTILS_KEY

struct suffix {
	const char *text;
	uint64_t factor;
};

static const struct suffix no_suffixes[] = {
	{ "", 1 }, { NULL, 0 },
};

static const struct suffix size_suffixes[] = {
	{ "", 1 }, { "K", UINT64_C(1) << 10 }, { "M", UINT64_C(1) << 20 },
	{ "G", UINT64_C(1) << 30 }, { "T", UINT64_C(1) << 40 }, { NULL, 0 },
};

static const struct suffix ns_suffixes[] = {
	{ "", 1000000 }, { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 },
	{ "s", 1000000000 }, { NULL, 0 },
};

int
utils_keys_find(const char *name, size_t len)
{
	int i;

	for (i = 0; i < UTILS_KEY_COUNT; i++) {
		if (strlen(utils_keys_table[i].name) == len &&
		    memcmp(utils_keys_table[i].name, name, len) == 0)
			return i;
	}
	return -ENOENT;
}

static unsigned int
least(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int min = a < b ? a : b;

	return min < c ? min : c;
}

/* Levenshtein's distance, a row of his matrix at a time. */
static unsigned int
edits(const char *a, size_t alen, const char *b, size_t blen)
{
	unsigned int row[UTILS_KEYS_NAME_MAX + 1];
	size_t i, j;

	for (j = 0; j <= blen; j++)
		row[j] = (unsigned int)j;
	for (i = 0; i < alen; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i + 1;
		for (j = 0; j < blen; j++) {
			unsigned int above = row[j + 1];

			row[j + 1] = least(above + 1, row[j] + 1,
					   diagonal + (a[i] != b[j]));
			diagonal = above;
		}
	}
	return row[blen];
}

const char *
utils_keys_nearest(const char *name, size_t len)
{
	const char *nearest = NULL;
	unsigned int min = EDITS_MAX + 1;
	size_t i;

	/* longer ones are too far from any key */
	if (len > UTILS_KEYS_NAME_MAX + EDITS_MAX)
		return NULL;
	for (i = 0; i < UTILS_KEY_COUNT; i++) {
		const char *key = utils_keys_table[i].name;
		unsigned int n = edits(name, len, key, strlen(key));

		/* two edits turn any short word into any other */
		if (n < min && n < len) {
			min = n;
			nearest = key;
		}
	}
	return nearest;
}

/* Digits, then one of the suffixes, then nothing. */
static int
read_number(const char *text, int base, const struct suffix *suffixes,
	    uint64_t *number)
{
	unsigned long long n;
	char *end;
	size_t i;

	/* strtoull also takes white space, signs and nothing at all */
	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, base);
	if (errno == ERANGE)
		return -ERANGE;
	for (i = 0; suffixes[i].text; i++) {
		if (strcmp(end, suffixes[i].text) != 0)
			continue;
		if (__builtin_mul_overflow((uint64_t)n, suffixes[i].factor,
					   number))
			return -ERANGE;
		return 0;
	}
	return -EINVAL;
}

static int
read_enum(const char *names, const char *value, uint64_t *number)
{
	size_t len = strlen(value);
	uint64_t i;

	for (i = 0; names; i++) {
		size_t n = strcspn(names, "|");

		if (n == len && memcmp(names, value, len) == 0) {
			*number = i;
			return 0;
		}
		names = names[n] ? names + n + 1 : NULL;
	}
	return -EINVAL;
}

static int
read_value(enum utils_keys_type type, const char *text, uint64_t *number)
{
	switch (type) {
	case UTILS_KEYS_SIZE:
		return read_number(text, 0, size_suffixes, number);
	case UTILS_KEYS_NS:
		return read_number(text, 0, ns_suffixes, number);
	case UTILS_KEYS_MODE:
		return read_number(text, 8, no_suffixes, number);
	case UTILS_KEYS_BOOL:
		if ((text[0] != '0' && text[0] != '1') || text[1])
			return -EINVAL;
		*number = (uint64_t)(text[0] - '0');
		return 0;
	case UTILS_KEYS_U64:
	case UTILS_KEYS_STR: /* a limit of its length */
	case UTILS_KEYS_ENUM: /* not reached */
		break;
	}
	return read_number(text, 0, no_suffixes, number);
}

int
utils_keys_check(const struct utils_keys_row *row, const char *value,
		 uint64_t *number)
{
	uint64_t n, min, max;
	int rc = 0;

	if (row->type == UTILS_KEYS_ENUM)
		return read_enum(row->min, value, number);
	if (row->type == UTILS_KEYS_STR)
		n = strlen(value);
	else
		rc = read_value(row->type, value, &n);
	if (rc)
		return rc;
	if (read_value(row->type, row->min, &min) ||
	    read_value(row->type, row->max, &max))
		return -EINVAL;
	if (n < min || n > max)
		return -ERANGE;
	if ((row->flags & UTILS_KEYS_POW2) && (n == 0 || (n & (n - 1))))
		return -ERANGE;
	if ((row->flags & UTILS_KEYS_PAGE) && n % PAGE_SIZE)
		return -ERANGE;
	*number = n;
	return 0;
}

const char *
utils_keys_expected(const struct utils_keys_row *row,
		    char text[UTILS_KEYS_TEXT_MAX])
{
	static const struct {
		const char *what;
		const char *suffixes;
	} types[] = {
		[UTILS_KEYS_STR] = { "text of %s to %s bytes", "" },
		[UTILS_KEYS_U64] = { "a number from %s to %s", "" },
		[UTILS_KEYS_SIZE] = { "a size from %s to %s",
				      " (K, M, G, T may follow)" },
		[UTILS_KEYS_BOOL] = { "%s or %s", "" },
		[UTILS_KEYS_NS] = { "a duration from %s to %s",
				    " (ns, us, ms, s may follow; ms if none)" },
		[UTILS_KEYS_MODE] = { "octal permissions from %s to %s", "" },
		[UTILS_KEYS_ENUM] = { "one of %s", "" },
	};
	size_t len;

	snprintf(text, UTILS_KEYS_TEXT_MAX, types[row->type].what, row->min,
		 row->max);
	len = strlen(text);
	snprintf(text + len, UTILS_KEYS_TEXT_MAX - len, "%s%s%s",
		 row->flags & UTILS_KEYS_POW2 ? ", a power of two" : "",
		 row->flags & UTILS_KEYS_PAGE ? ", a multiple of 4096" : "",
		 types[row->type].suffixes);
	return text;
}

/* Prints text in lines of at most WIDTH bytes, each behind a tab. */
static void
print_wrapped(const char *text, FILE *out)
{
	size_t column = 0;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column && column + 1 + n > WIDTH) {
			fputc('\n', out);
			column = 0;
		}
		fprintf(out, "%s%.*s", column ? " " : "\t", (int)n, text);
		column += n + (column != 0);
		text += n;
		text += *text == ' ';
	}
	fputc('\n', out);
}

void
utils_keys_print(const struct utils_keys_row *row, FILE *out)
{
	static const struct {
		unsigned int flag;
		const char *text;
	} notes[] = {
		{ UTILS_KEYS_REQUIRED, "One of the keys that say this must be "
		  "set." },
		{ UTILS_KEYS_MULTI, "May be set more than once." },
		{ UTILS_KEYS_RELOAD, "vined takes a new value on SIGHUP." },
		{ UTILS_KEYS_APP, "Only applications use it." },
		{ UTILS_KEYS_DAEMON, "Only vined uses it." },
	};
	char text[UTILS_KEYS_TEXT_MAX];
	size_t i;

	fprintf(out, "%s: %s", row->name, utils_keys_expected(row, text));
	if (row->value)
		fprintf(out, "; default %s", row->value);
	fputc('\n', out);
	print_wrapped(row->help, out);
	for (i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		if (row->flags & notes[i].flag)
			fprintf(out, "\t%s\n", notes[i].text);
	}
}
