/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Json: a JSON text as a tree of values, for tools that show it.
 *
 * The tree is one block of memory. Texts are decoded; of a character beyond
 * ASCII there remains a '?', because what is read here may come from anybody
 * and goes to a terminal.
 */
#ifndef TOOLS_JSON_H
#define TOOLS_JSON_H

#include <stddef.h>

enum tools_json_type {
	TOOLS_JSON_NULL,
	TOOLS_JSON_BOOL,
	TOOLS_JSON_NUMBER,
	TOOLS_JSON_TEXT,
	TOOLS_JSON_LIST,
	TOOLS_JSON_OBJECT,
};

#define TOOLS_JSON_DEPTH 16	/* lists and objects within each other */

struct tools_json {
	enum tools_json_type type;
	const char *key;	/* of a member, else NULL */
	const char *text;	/* as it stands there, a text decoded */
	struct tools_json *first;	/* of a list or object */
	struct tools_json *next;
};

/*
 * tools_json_parse reads a whole text of len bytes. The caller frees *root.
 * Returns 0, -EINVAL where it is no JSON or is nested too deeply, -ENOMEM.
 */
int tools_json_parse(const char *text, size_t len, struct tools_json **root);

/* tools_json_free frees a tree. NULL is ignored. */
void tools_json_free(struct tools_json *root);

/* tools_json_member returns the member of that key, or NULL. */
const struct tools_json *tools_json_member(const struct tools_json *object,
					   const char *key);

/* tools_json_text returns the text of a member, or NULL. */
const char *tools_json_text(const struct tools_json *object, const char *key);

#endif
