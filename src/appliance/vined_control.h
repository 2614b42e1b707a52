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
 * vined_control_open makes the socket where the config says (utils_control.h).
 * Who connects waits until vined_control_serve. The caller keeps wait until the
 * stop. *control is NULL where the config wants no socket, or names none and
 * there is no place for one. Returns 0, or a negative errno, logged: a socket
 * that the config names cannot be made.
 */
int vined_control_open(const struct utils_config *config, struct rt_wait *wait,
		       struct vined_control **control);

/*
 * vined_control_serve answers from now on. *admin is copied, what it points to
 * must live until the stop. The thread of wait. NULL: nothing. Returns 0 or
 * -errno.
 */
int vined_control_serve(struct vined_control *control,
			const struct vined_admin *admin);

/* vined_control_stop hangs up on all and answers nobody. NULL: nothing. */
void vined_control_stop(struct vined_control *control);

/* vined_control_close removes the socket, after the stop. NULL: nothing. */
void vined_control_close(struct vined_control *control);

#endif
