/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule is read from its left: the kind, the address up to the last ':', the
 * ports. Addresses are numbers only: a name could mean another machine
 * tomorrow.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "services/net/svc_net_rules.h"

#define PORT_MAX 65535u

/* A decimal number up to max, and nothing after it. */
static int
read_number(const char *text, uint32_t max, uint32_t *n)
{
	char *end;
	unsigned long v;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (*end || errno || v > max)
		return -EINVAL;
	*n = (uint32_t)v;
	return 0;
}

static int
read_ports(char *text, struct svc_net_rule *rule)
{
	char *dash = strchr(text, '-');
	uint32_t first, last;

	if (strcmp(text, "*") == 0) {
		rule->first = 0;
		rule->last = PORT_MAX;
		return 0;
	}
	if (dash)
		*dash = '\0';
	if (read_number(text, PORT_MAX, &first) != 0)
		return -EINVAL;
	last = first;
	if (dash && read_number(dash + 1, PORT_MAX, &last) != 0)
		return -EINVAL;
	if (first == 0 || last < first)
		return -EINVAL;
	rule->first = (uint16_t)first;
	rule->last = (uint16_t)last;
	return 0;
}

/* ADDRESS or ADDRESS/BITS; an IPv6 address stands in brackets. */
static int
read_host(char *text, struct svc_net_rule *rule)
{
	char *slash = strchr(text, '/');
	size_t n;

	if (strcmp(text, "*") == 0) {
		rule->family = AF_UNSPEC;
		return 0;
	}
	if (slash)
		*slash = '\0';
	n = strlen(text);
	rule->family = AF_INET;
	rule->bits = 32;
	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		text[n - 1] = '\0';
		text++;
		rule->family = AF_INET6;
		rule->bits = 128;
	}
	if (inet_pton(rule->family, text, rule->host) != 1)
		return -EINVAL;
	return slash ? read_number(slash + 1, rule->bits, &rule->bits) : 0;
}

static int
read_unix(const char *text, struct svc_net_rule *rule)
{
	size_t n = strlen(text);

	rule->family = AF_UNIX;
	if ((text[0] != '/' && text[0] != '@') || n < 2 ||
	    n >= sizeof(rule->path))
		return -EINVAL;
	memcpy(rule->path, text, n);
	if (text[0] == '@') {
		rule->path[0] = '\0';
	} else if (strcmp(text + n - 2, "/*") == 0) {
		rule->below = 1;
		n--;		/* the '/' stays */
	}
	rule->path_size = (uint32_t)n;
	return 0;
}

int
svc_net_rule_read(const char *text, struct svc_net_rule *rule, const char **why)
{
	char copy[256], *colon;

	memset(rule, 0, sizeof(*rule));
	*why = "it begins with tcp:, udp: or unix:";
	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	if (strncmp(copy, "unix:", 5) == 0) {
		*why = "after unix: comes an absolute path or @NAME, of at "
			"most 107 bytes";
		return read_unix(copy + 5, rule);
	}
	if (strncmp(copy, "tcp:", 4) != 0 && strncmp(copy, "udp:", 4) != 0)
		return -EINVAL;
	rule->type = copy[0] == 't' ? SOCK_STREAM : SOCK_DGRAM;
	*why = "after the address come : and ports: a number from 1 to 65535, "
		"two with - in between, or *";
	colon = strrchr(copy + 4, ':');
	if (colon == NULL || read_ports(colon + 1, rule) != 0)
		return -EINVAL;
	*colon = '\0';
	*why = "the address is *, or an IPv4 address, or an IPv6 address in "
		"brackets; then perhaps / and how many bits of it count";
	return read_host(copy + 4, rule);
}

/* --- is it allowed? --- */

/* An address, as rules see it. */
struct seen {
	int family;
	const uint8_t *host;
	uint16_t port;
	const char *path;
	size_t path_size;
};

static int
look(const struct sockaddr *address, socklen_t length, struct seen *seen)
{
	const struct sockaddr_in *in = (const void *)address;
	const struct sockaddr_in6 *in6 = (const void *)address;
	const struct sockaddr_un *un = (const void *)address;

	memset(seen, 0, sizeof(*seen));
	seen->family = address->sa_family;
	switch (address->sa_family) {
	case AF_INET:
		seen->host = (const uint8_t *)&in->sin_addr;
		seen->port = ntohs(in->sin_port);
		return length >= sizeof(*in);
	case AF_INET6:
		seen->host = in6->sin6_addr.s6_addr;
		seen->port = ntohs(in6->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
			seen->family = AF_INET;
			seen->host += 12;
		}
		return length >= sizeof(*in6);
	case AF_UNIX:
		seen->path = un->sun_path;
		seen->path_size = length - offsetof(struct sockaddr_un,
						    sun_path);
		if (un->sun_path[0])
			seen->path_size = strnlen(un->sun_path,
						  seen->path_size);
		return length > offsetof(struct sockaddr_un, sun_path) + 1;
	default:
		return 0;
	}
}

static int
same_bits(const uint8_t *a, const uint8_t *b, uint32_t bits)
{
	uint32_t bytes = bits / 8, rest = bits % 8;

	if (memcmp(a, b, bytes) != 0)
		return 0;
	return rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0;
}

/* A name of the directory itself: neither deeper nor out of it. */
static int
lies_in(const struct svc_net_rule *rule, const struct seen *a)
{
	const char *name = a->path + rule->path_size;
	size_t n = a->path_size - rule->path_size;

	if (a->path_size <= rule->path_size ||
	    memcmp(a->path, rule->path, rule->path_size) != 0 ||
	    memchr(name, '/', n))
		return 0;
	return !(n == 1 && name[0] == '.') &&
		!(n == 2 && name[0] == '.' && name[1] == '.');
}

static int
allows_path(const struct svc_net_rule *rule, const struct seen *a)
{
	if (rule->below)
		return lies_in(rule, a);
	return a->path_size == rule->path_size &&
		memcmp(a->path, rule->path, a->path_size) == 0;
}

static int
allows(const struct svc_net_rule *rule, int type, const struct seen *a)
{
	if (rule->family == AF_UNIX || a->family == AF_UNIX)
		return rule->family == a->family && allows_path(rule, a);
	if (rule->type != type || a->port < rule->first ||
	    a->port > rule->last)
		return 0;
	return rule->family == AF_UNSPEC ||
		(rule->family == a->family &&
		 same_bits(rule->host, a->host, rule->bits));
}

int
svc_net_rule_allows(const struct svc_net_rule *rules, size_t count, int type,
		    const struct sockaddr *address, socklen_t length)
{
	struct seen seen;

	if (!look(address, length, &seen))
		return 0;
	for (size_t i = 0; i < count; i++)
		if (allows(&rules[i], type, &seen))
			return 1;
	return 0;
}
