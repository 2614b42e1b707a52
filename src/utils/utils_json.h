/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Json: a JSON text that is written from its beginning to its end.
 *
 * The text grows in memory up to a limit. What goes wrong is remembered: later
 * calls do nothing, and utils_json_end says what it was. Texts may hold any
 * bytes: all but printable ASCII is escaped, a byte as the character of that
 * number, so what comes out is valid and harms no terminal.
 *
 * A key is the name of a member; NULL where the value stands in a list, or is
 * the whole text. One thread at a time.
 */
#ifndef UTILS_JSON_H
#define UTILS_JSON_H

#include <stddef.h>
#include <stdint.h>

/* Zero it, set max. */
struct utils_json {
	size_t max;		/* bytes that the text may have */
	char *text;
	size_t len;
	size_t room;
	int error;		/* 0 or a negative errno */
};

/* utils_json_object and _list begin one; utils_json_close_* end it. */
void utils_json_object(struct utils_json *j, const char *key);
void utils_json_close_object(struct utils_json *j);
void utils_json_list(struct utils_json *j, const char *key);
void utils_json_close_list(struct utils_json *j);

/* utils_json_text writes a text; NULL becomes null. */
void utils_json_text(struct utils_json *j, const char *key, const char *text);

/* utils_json_format writes a text made as by printf, of at most 511 bytes. */
void utils_json_format(struct utils_json *j, const char *key,
		       const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void utils_json_u64(struct utils_json *j, const char *key, uint64_t value);
void utils_json_i64(struct utils_json *j, const char *key, int64_t value);
void utils_json_bool(struct utils_json *j, const char *key, int value);
void utils_json_null(struct utils_json *j, const char *key);

/*
 * utils_json_hex writes a number as a text like "0x1f": 64 bits are more than
 * many readers of JSON keep of a number.
 */
void utils_json_hex(struct utils_json *j, const char *key, uint64_t value);

/*
 * utils_json_end ends the text with a newline and hands it to the caller, who
 * frees it. Returns 0, or -ENOMEM, or -EMSGSIZE where it would be longer than
 * max; then there is nothing to free. The json is as new afterwards.
 */
int utils_json_end(struct utils_json *j, char **text, size_t *len);

/* utils_json_drop throws away what was written. */
void utils_json_drop(struct utils_json *j);

#endif
