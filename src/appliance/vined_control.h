/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control: the socket at which an operator reaches vined.
 *
 * A UNIX stream socket of mode 0600. A client sends one line, a command
 * (vined_command.h), gets one line of JSON and is hung up on. Only root and the
 * user of vined are answered. It lives on the main thread's wait and never
 * blocks it: a client that stalls is hung up on after VINE_CONTROL_STALL_MS.
 */
#ifndef VINED_CONTROL_H
#define VINED_CONTROL_H

#include "appliance/vined_command.h"

struct rt_wait;
struct utils_config;
struct vined_control;

/*
 * vined_control_start listens where the config says (utils_control.h). The
 * caller keeps wait and what admin points to until the stop; *admin is copied.
 * *control is NULL where the config wants no socket, or names none and there is
 * no place for one. Returns 0, or a negative errno, logged: a socket that the
 * config names cannot be made. The thread of wait.
 */
int vined_control_start(const struct utils_config *config,
			const struct vined_admin *admin, struct rt_wait *wait,
			struct vined_control **control);

/* vined_control_stop hangs up on all and removes the socket. NULL: nothing. */
void vined_control_stop(struct vined_control *control);

#endif
