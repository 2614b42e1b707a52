/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control: where the control socket of the vined with a config is, as vined and
 * vinectl both find it.
 */
#ifndef UTILS_CONTROL_H
#define UTILS_CONTROL_H

#include <stddef.h>

struct utils_config;

#define UTILS_CONTROL_PATH 108	/* bytes of sun_path, with the NUL */

/*
 * utils_control_path writes the path of the socket: the config's, else that of
 * its segment in the user's runtime directory. Returns 0, or -ENOENT where the
 * config says off, or names none and there is no such directory;
 * -ENAMETOOLONG. Never blocks.
 */
int utils_control_path(const struct utils_config *config,
		       char path[UTILS_CONTROL_PATH]);

#endif
