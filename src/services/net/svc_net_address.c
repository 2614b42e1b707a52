/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only members are copied, never a whole struct: the two do not have the same
 * layout, and the system's have holes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "services/net/svc_net_address.h"

_Static_assert(sizeof(struct vine_net_address) == 120, "in net.h");
_Static_assert(sizeof(struct vine_net_open) == 144, "in net.h");
_Static_assert(sizeof(struct vine_net_io) == 16, "in net.h");
_Static_assert(sizeof(struct vine_net_to) == 136, "in net.h");
_Static_assert(sizeof(struct vine_net_file) == 288, "in net.h");

#define PATH_AT offsetof(struct sockaddr_un, sun_path)
#define PATH_MAX_BYTES sizeof(((struct sockaddr_un *)0)->sun_path)

static int
unix_in(const struct vine_net_address *a, struct sockaddr_un *un,
	socklen_t *length)
{
	const char *name = (const char *)a->host;
	size_t first = name[0] == '\0';	/* of an abstract name */
	size_t n = first + strnlen(name + first, sizeof(a->host) - first);

	if (n == first || n >= PATH_MAX_BYTES)
		return -EINVAL;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, name, n);
	*length = (socklen_t)(PATH_AT + n + (first ? 0 : 1));
	return 0;
}

int
svc_net_address_in(const struct vine_net_address *address,
		   struct sockaddr_storage *system, socklen_t *length)
{
	struct sockaddr_in *in = (void *)system;
	struct sockaddr_in6 *in6 = (void *)system;

	memset(system, 0, sizeof(*system));
	switch (address->family) {
	case VINE_NET_UNIX:
		return unix_in(address, (void *)system, length);
	case VINE_NET_INET:
		in->sin_family = AF_INET;
		in->sin_port = htons(address->port);
		memcpy(&in->sin_addr, address->host, 4);
		*length = sizeof(*in);
		return 0;
	case VINE_NET_INET6:
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(address->port);
		in6->sin6_scope_id = address->scope;
		memcpy(&in6->sin6_addr, address->host, 16);
		*length = sizeof(*in6);
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}

void
svc_net_address_out(const struct sockaddr_storage *system, socklen_t length,
		    struct vine_net_address *address)
{
	const struct sockaddr_in *in = (const void *)system;
	const struct sockaddr_in6 *in6 = (const void *)system;
	const struct sockaddr_un *un = (const void *)system;

	memset(address, 0, sizeof(*address));
	switch (system->ss_family) {
	case AF_INET:
		address->family = VINE_NET_INET;
		address->port = ntohs(in->sin_port);
		memcpy(address->host, &in->sin_addr, 4);
		break;
	case AF_INET6:
		address->family = VINE_NET_INET6;
		address->port = ntohs(in6->sin6_port);
		address->scope = in6->sin6_scope_id;
		memcpy(address->host, &in6->sin6_addr, 16);
		break;
	case AF_UNIX:
		address->family = VINE_NET_UNIX;
		if (length > PATH_AT && length <= sizeof(*un))
			memcpy(address->host, un->sun_path, length - PATH_AT);
		break;
	default:
		break;
	}
}
