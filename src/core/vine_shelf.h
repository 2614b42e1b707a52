/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shelf: where the file of a keep lies: the config's state_dir, or a directory
 * of the appliance's user on tmpfs.
 */
#ifndef VINE_SHELF_H
#define VINE_SHELF_H

#include <stdint.h>

struct utils_config;
struct vine_keep;
struct vine_seg;

/*
 * vine_shelf_open opens and locks the file of a keep, or makes an empty one:
 * keep->fd, keep->path, and its size. Both are the keep's until
 * vine_shelf_close. Returns 0, or -errno, logged, where there can be none that
 * is ours alone: -EPERM for a directory or file that is somebody's, -EBUSY for
 * one that another appliance has.
 */
int vine_shelf_open(struct vine_keep *keep, const struct utils_config *config,
		    uint64_t *bytes);

/* vine_shelf_close closes the descriptor of a keep, of a file or without a
 * name; where there is none it does nothing. */
void vine_shelf_close(struct vine_keep *keep);

/* vine_shelf_look opens the file of a segment's keep for reading, for whoever
 * does not have it. Returns a descriptor, which is the caller's, or -1. */
int vine_shelf_look(const struct vine_seg *seg,
		    const struct utils_config *config);

#endif
