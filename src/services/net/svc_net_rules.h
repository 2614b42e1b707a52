/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules: which addresses applications may use, as the operator says.
 *
 *	tcp:10.0.0.0/8:443	tcp:[::1]:8000-8099	udp:*:53
 *	unix:/run/app/socket	unix:@name
 *
 * and unix:DIRECTORY with a slash and a star after it.
 */
#ifndef SVC_NET_RULES_H
#define SVC_NET_RULES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct svc_net_rule {
	int type;		/* SOCK_STREAM, SOCK_DGRAM; 0: either, UNIX */
	int family;		/* AF_UNIX, AF_INET, AF_INET6; AF_UNSPEC: an
				 * address of either of the last two */
	uint8_t host[16];
	uint32_t bits;		/* of it that count */
	uint16_t first, last;	/* ports */
	uint32_t below;		/* 1: whatever lies in directory `path` */
	uint32_t path_size;	/* bytes, without the 0 at the end */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/*
 * svc_net_rule_read reads one. Returns 0, or -EINVAL with *why, a static text
 * that says what was expected.
 */
int svc_net_rule_read(const char *text, struct svc_net_rule *rule,
		      const char **why);

/*
 * svc_net_rule_allows tells whether one of `count` rules allows an address, of
 * AF_UNIX, AF_INET or AF_INET6, for sockets of a type. An IPv4 address that is
 * mapped into IPv6 is an IPv4 address.
 */
int svc_net_rule_allows(const struct svc_net_rule *rules, size_t count,
			int type, const struct sockaddr *address,
			socklen_t length);

#endif
