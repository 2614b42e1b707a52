/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys: the rows of the config key tables, and what a value of each may be.
 *
 * For utils_config.c, which knows about files and lines, and for whoever takes
 * a key and a value from elsewhere; this knows about one of each. All functions
 * may be called from any thread and never block; texts they return are static.
 */
#ifndef UTILS_KEYS_H
#define UTILS_KEYS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define UTILS_KEYS_NAME_MAX 32	/* bytes of a key */
#define UTILS_KEYS_TEXT_MAX 160	/* bytes of utils_keys_expected, with NUL */

/* Flags; what they mean stands in config_keys.def. */
#define UTILS_KEYS_REQUIRED 1u
#define UTILS_KEYS_MULTI 2u
#define UTILS_KEYS_RELOAD 4u
#define UTILS_KEYS_APP 8u
#define UTILS_KEYS_DAEMON 16u
#define UTILS_KEYS_POW2 32u
#define UTILS_KEYS_PAGE 64u

enum utils_keys_type {
	UTILS_KEYS_STR,
	UTILS_KEYS_U64,
	UTILS_KEYS_SIZE,
	UTILS_KEYS_BOOL,
	UTILS_KEYS_NS,
	UTILS_KEYS_MODE,
	UTILS_KEYS_ENUM,
};

/* One row. Its index in the table is its enum utils_key. */
struct utils_keys_row {
	const char *name;
	enum utils_keys_type type;
	const char *value;	/* the default as in a file, or NULL */
	const char *min;	/* as in a file; of an ENUM: its names */
	const char *max;
	unsigned int flags;
	const char *help;
};

/* The table: UTILS_KEY_COUNT rows. */
extern const struct utils_keys_row utils_keys_table[];

/*
 * utils_keys_find returns the index of the key with that name, or -ENOENT. The
 * name is `len` bytes, not terminated.
 */
int utils_keys_find(const char *name, size_t len);

/*
 * utils_keys_nearest returns the name of the key that is at most two edits
 * (one character more, less or other) away, the nearest one, or NULL.
 */
const char *utils_keys_nearest(const char *name, size_t len);

/*
 * utils_keys_check reads a value as the key's type. Sets *number: the value of
 * a number, bytes, ns, the bits of a mode, the index of an ENUM's name, the
 * length of a STR. Returns 0, or -EINVAL: not of the type, -ERANGE: not in the
 * range or not as the flags ask; *number is unchanged then.
 */
int utils_keys_check(const struct utils_keys_row *row, const char *value,
		     uint64_t *number);

/*
 * utils_keys_expected writes what a value of the key must be, such as "a number
 * from 16 to 4096, a power of two", and returns text.
 */
const char *utils_keys_expected(const struct utils_keys_row *row,
				char text[UTILS_KEYS_TEXT_MAX]);

/* utils_keys_print prints one row for people: name, type, default, help. */
void utils_keys_print(const struct utils_keys_row *row, FILE *out);

#endif
