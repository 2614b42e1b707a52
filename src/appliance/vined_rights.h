/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rights: what the kernel lets the daemon do beside its work. It gives up what
 * it was started with as soon as the segments are open: the user, the groups,
 * every capability, and the way to get any back.
 */
#ifndef VINED_RIGHTS_H
#define VINED_RIGHTS_H

#include <stddef.h>

#include "core/vine_pipe.h"

struct utils_config;

/*
 * vined_rights_drop becomes the config's `user`, if there is one, and gives it
 * the objects of segments that this process created; then it drops every
 * capability, sets no_new_privs, lets no core be written unless `core_dumps`
 * is 1, and makes files from here on private. Main thread, while there is no
 * other: capabilities are a thread's own, and threads inherit what is left.
 * May block on the user database. Returns 0; -ENOENT: there is no such user;
 * -EPERM: it is another user and we are not root; or another negative errno of
 * the call that failed. All logged; the process is not fit to go on then.
 */
int vined_rights_drop(const struct utils_config *config,
		      vine_pipe_s *const *pipes, size_t count);

#endif
