/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a comma is due can be seen at the last byte: it is an opening brace
 * or bracket only where nothing has come yet, as every text ends with a quote.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utils/utils_json.h"

static void
put(struct utils_json *j, const char *bytes, size_t n)
{
	size_t room = j->room ? j->room : 256;
	char *more;

	if (j->error)
		return;
	if (n > j->max - j->len) {
		j->error = -EMSGSIZE;
		return;
	}
	while (room - j->len < n)
		room *= 2;
	if (room != j->room) {
		more = realloc(j->text, room);
		if (more == NULL) {
			j->error = -ENOMEM;
			return;
		}
		j->text = more;
		j->room = room;
	}
	memcpy(j->text + j->len, bytes, n);
	j->len += n;
}

static void
put_string(struct utils_json *j, const char *text)
{
	char escaped[8];

	put(j, "\"", 1);
	for (const char *c = text; *c; c++) {
		unsigned char byte = (unsigned char)*c;

		if (byte == '"' || byte == '\\') {
			escaped[0] = '\\';
			escaped[1] = *c;
			put(j, escaped, 2);
		} else if (byte < 0x20 || byte > 0x7e) {
			snprintf(escaped, sizeof(escaped), "\\u%04x", byte);
			put(j, escaped, 6);
		} else {
			put(j, c, 1);
		}
	}
	put(j, "\"", 1);
}

/* What stands before a value: a comma, the key. */
static void
begin(struct utils_json *j, const char *key)
{
	char last = j->len ? j->text[j->len - 1] : '{';

	if (last != '{' && last != '[')
		put(j, ",", 1);
	if (key) {
		put_string(j, key);
		put(j, ":", 1);
	}
}

void
utils_json_object(struct utils_json *j, const char *key)
{
	begin(j, key);
	put(j, "{", 1);
}

void
utils_json_close_object(struct utils_json *j)
{
	put(j, "}", 1);
}

void
utils_json_list(struct utils_json *j, const char *key)
{
	begin(j, key);
	put(j, "[", 1);
}

void
utils_json_close_list(struct utils_json *j)
{
	put(j, "]", 1);
}

void
utils_json_text(struct utils_json *j, const char *key, const char *text)
{
	if (text == NULL) {
		utils_json_null(j, key);
		return;
	}
	begin(j, key);
	put_string(j, text);
}

void
utils_json_format(struct utils_json *j, const char *key, const char *format,
		  ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	utils_json_text(j, key, text);
}

/* A value that is no text. */
static void __attribute__((format(printf, 3, 4)))
bare(struct utils_json *j, const char *key, const char *format, ...)
{
	char text[32];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	begin(j, key);
	put(j, text, (size_t)n);
}

void
utils_json_u64(struct utils_json *j, const char *key, uint64_t value)
{
	bare(j, key, "%" PRIu64, value);
}

void
utils_json_i64(struct utils_json *j, const char *key, int64_t value)
{
	bare(j, key, "%" PRId64, value);
}

void
utils_json_bool(struct utils_json *j, const char *key, int value)
{
	bare(j, key, "%s", value ? "true" : "false");
}

void
utils_json_null(struct utils_json *j, const char *key)
{
	bare(j, key, "null");
}

void
utils_json_hex(struct utils_json *j, const char *key, uint64_t value)
{
	bare(j, key, "\"0x%" PRIx64 "\"", value);
}

int
utils_json_end(struct utils_json *j, char **text, size_t *len)
{
	int rc;

	put(j, "\n", 2);	/* and the NUL behind it */
	rc = j->error;
	if (rc == 0) {
		*text = j->text;
		*len = j->len - 1;
		j->text = NULL;
	}
	utils_json_drop(j);
	return rc;
}

void
utils_json_drop(struct utils_json *j)
{
	free(j->text);
	*j = (struct utils_json){ .max = j->max };
}
