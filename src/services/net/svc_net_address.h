/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address: vine_net_address, which applications see, and the system's.
 */
#ifndef SVC_NET_ADDRESS_H
#define SVC_NET_ADDRESS_H

#include <sys/socket.h>

#include <vine/net.h>

/*
 * svc_net_address_in makes the system's out of an application's. Returns 0, or
 * -EINVAL: a name without its end, or none; -EAFNOSUPPORT.
 */
int svc_net_address_in(const struct vine_net_address *address,
		       struct sockaddr_storage *system, socklen_t *length);

/* svc_net_address_out does the reverse; what it does not know is family 0. */
void svc_net_address_out(const struct sockaddr_storage *system,
			 socklen_t length, struct vine_net_address *address);

#endif
