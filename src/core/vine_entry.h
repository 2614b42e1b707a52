/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry: how an object becomes a process's segment. Who is alone with it forms
 * it, where that is asked for or it is blank; everybody else joins, and its
 * size rules.
 */
#ifndef VINE_ENTRY_H
#define VINE_ENTRY_H

#include <stdint.h>
#include <sys/types.h>

#include "core/vine_far.h"

struct utils_config;
struct vine_seg;

/* How long another process may have the attach byte. */
#define VINE_ENTRY_TIMEOUT_NS INT64_C(30000000000)

/* What the config says about the segment. */
struct vine_entry {
	const char *file;
	uint64_t size;
	uint64_t off;
	mode_t mode;
	uint32_t slots;
	int trunc;
	uint64_t lease;
	struct vine_far_want far;
};

/*
 * vine_entry_read says what a config wants; vine_entry_read_socket what it
 * wants of a segment from its socket: all of an object without a name, which
 * `trunc` says is to be formed. Its texts are the config's.
 */
void vine_entry_read(const struct utils_config *config,
		     struct vine_entry *entry);
void vine_entry_read_socket(const struct utils_config *config, int trunc,
			    struct vine_entry *entry);

/*
 * vine_entry_open opens the object by seg->mapper and enters it, far memory by
 * vine_far_enter. Blocks as vine_seg_open. Returns 0, with the segment mapped,
 * or -ESTALE, to be tried again: the object's name was removed meanwhile; or as
 * vine_seg_open, logged, with nothing kept.
 */
int vine_entry_open(struct vine_seg *seg, struct vine_entry *entry);

/* vine_entry_enter forms or joins the object that is open as seg->fd; an error
 * closes it. Blocks and returns as vine_entry_open. */
int vine_entry_enter(struct vine_seg *seg, const struct vine_entry *entry);

#endif
