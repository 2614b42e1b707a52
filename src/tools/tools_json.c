/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser goes down the text once. A value takes at least two bytes with
 * what ends it, so half the text's length is room for all nodes but those that
 * never end, one of each depth; decoded texts are never longer than what they
 * were, and take their quotes' place for a NUL.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tools_json.h"

/* The block: nodes, then the bytes of texts. The root is its beginning. */
struct parser {
	const char *at;
	const char *end;
	struct tools_json *nodes;	/* the next free one */
	char *bytes;			/* the next free one */
};

static int parse_value(struct parser *p, int depth, struct tools_json *node);

static void
skip_space(struct parser *p)
{
	while (p->at < p->end && strchr(" \t\r\n", *p->at) && *p->at)
		p->at++;
}

static int
take(struct parser *p, char c)
{
	if (p->at == p->end || *p->at != c)
		return 0;
	p->at++;
	return 1;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Behind a backslash: one character, or -EINVAL. */
static int
parse_escape(struct parser *p)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *known;
	int number = 0;

	if (p->at == p->end)
		return -EINVAL;
	known = *p->at ? strchr(from, *p->at) : NULL;
	if (known) {
		p->at++;
		return to[known - from];
	}
	if (!take(p, 'u') || p->end - p->at < 4)
		return -EINVAL;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(*p->at++);

		if (digit < 0)
			return -EINVAL;
		number = number * 16 + digit;
	}
	return number;
}

static int
parse_text(struct parser *p, const char **text)
{
	*text = p->bytes;
	if (!take(p, '"'))
		return -EINVAL;
	while (p->at < p->end && *p->at != '"') {
		int c = (unsigned char)*p->at++;

		if (c < 0x20)
			return -EINVAL;
		if (c == '\\')
			c = parse_escape(p);
		if (c < 0)
			return c;
		*p->bytes++ = c < 0x20 || c > 0x7e ? '?' : (char)c;
	}
	*p->bytes++ = '\0';
	return take(p, '"') ? 0 : -EINVAL;
}

/* A number, true, false or null: its letters are kept as they are. */
static int
parse_bare(struct parser *p, struct tools_json *node)
{
	const char *from = p->at;
	size_t n;

	while (p->at < p->end && *p->at && strchr("+-.0123456789abcdefghijklmn"
			"opqrstuvwxyzE", *p->at))
		p->at++;
	n = (size_t)(p->at - from);
	node->text = p->bytes;
	memcpy(p->bytes, from, n);
	p->bytes += n;
	*p->bytes++ = '\0';
	if (strcmp(node->text, "null") == 0) {
		node->type = TOOLS_JSON_NULL;
	} else if (strcmp(node->text, "true") == 0 ||
		   strcmp(node->text, "false") == 0) {
		node->type = TOOLS_JSON_BOOL;
	} else {
		char *rest;

		node->type = TOOLS_JSON_NUMBER;
		if (n == 0 || !strchr("-0123456789", node->text[0]))
			return -EINVAL;
		(void)strtod(node->text, &rest);
		if (*rest)
			return -EINVAL;
	}
	return 0;
}

/* The members of an object, or the values of a list. */
static int
parse_inside(struct parser *p, int depth, char end, struct tools_json *node)
{
	struct tools_json **last = &node->first;
	int rc = 0;

	p->at++;
	skip_space(p);
	if (take(p, end))
		return 0;
	do {
		struct tools_json *child = p->nodes++;

		skip_space(p);
		if (end == '}') {
			rc = parse_text(p, &child->key);
			skip_space(p);
			if (rc == 0 && !take(p, ':'))
				rc = -EINVAL;
		}
		if (rc == 0)
			rc = parse_value(p, depth + 1, child);
		*last = child;
		last = &child->next;
		skip_space(p);
	} while (rc == 0 && take(p, ','));
	if (rc == 0 && !take(p, end))
		rc = -EINVAL;
	return rc;
}

static int
parse_value(struct parser *p, int depth, struct tools_json *node)
{
	skip_space(p);
	if (depth > TOOLS_JSON_DEPTH || p->at == p->end)
		return -EINVAL;
	switch (*p->at) {
	case '{':
		node->type = TOOLS_JSON_OBJECT;
		return parse_inside(p, depth, '}', node);
	case '[':
		node->type = TOOLS_JSON_LIST;
		return parse_inside(p, depth, ']', node);
	case '"':
		node->type = TOOLS_JSON_TEXT;
		return parse_text(p, &node->text);
	default:
		return parse_bare(p, node);
	}
}

int
tools_json_parse(const char *text, size_t len, struct tools_json **root)
{
	size_t nodes = len / 2 + TOOLS_JSON_DEPTH + 4;
	struct tools_json *block = calloc(1, nodes * sizeof(*block) +
					  2 * len + 2);
	struct parser p = { text, text + len, block + 1, NULL };
	int rc;

	if (block == NULL)
		return -ENOMEM;
	p.bytes = (char *)(block + nodes);
	rc = parse_value(&p, 0, block);
	skip_space(&p);
	if (rc == 0 && p.at != p.end)
		rc = -EINVAL;
	if (rc) {
		free(block);
		return rc;
	}
	*root = block;
	return 0;
}

void
tools_json_free(struct tools_json *root)
{
	free(root);
}

const struct tools_json *
tools_json_member(const struct tools_json *object, const char *key)
{
	const struct tools_json *m = object->first;

	while (m && (m->key == NULL || strcmp(m->key, key) != 0))
		m = m->next;
	return m;
}

const char *
tools_json_text(const struct tools_json *object, const char *key)
{
	const struct tools_json *m = tools_json_member(object, key);

	return m ? m->text : NULL;
}
