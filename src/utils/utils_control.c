/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only one appliance serves a segment, so the segment's name makes a path that
 * no other vined of the user has.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "utils/utils_config.h"
#include "utils/utils_control.h"

/* As the segment calls itself. */
static const char *
segment_name(const struct utils_config *config)
{
	if (utils_config_is_set(config, UTILS_KEY_socket))
		return utils_config_str(config, UTILS_KEY_socket);
	if (utils_config_is_set(config, UTILS_KEY_shm_file))
		return utils_config_str(config, UTILS_KEY_shm_file);
	return "pci:";	/* shm_ivshmem, of the only device */
}

int
utils_control_path(const struct utils_config *config,
		   char path[UTILS_CONTROL_PATH])
{
	const char *set = utils_config_str(config, UTILS_KEY_control_socket);
	const char *name = segment_name(config);
	const char *dir = geteuid() == 0 ? "/run" :
		secure_getenv("XDG_RUNTIME_DIR");
	int at, n;

	if (set && strcmp(set, "off") == 0)
		return -ENOENT;
	if (set) {
		n = snprintf(path, UTILS_CONTROL_PATH, "%s", set);
		return n < UTILS_CONTROL_PATH ? 0 : -ENAMETOOLONG;
	}
	if (dir == NULL || dir[0] != '/')
		return -ENOENT;
	at = snprintf(path, UTILS_CONTROL_PATH, "%s/vine/", dir);
	if (at >= UTILS_CONTROL_PATH)
		return -ENAMETOOLONG;
	n = snprintf(path + at, UTILS_CONTROL_PATH - (size_t)at, "%s.sock",
		     name);
	if (n >= UTILS_CONTROL_PATH - at)
		return -ENAMETOOLONG;
	for (char *c = path + at; *c; c++)
		if (*c == '/')
			*c = '_';
	return 0;
}
