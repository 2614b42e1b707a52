/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sources of the registry have in common: the form of handles and
 * names, and what is done with one accelerator or procedure as with all. For
 * vine_registry*.c alone.
 *
 * Slots are found by linear search: directories are small and change rarely.
 * The directory in the segment is written after the private slot, its handle
 * last, so that an application that sees a handle can use it.
 */
#ifndef VINE_REGISTRY_INSIDE_H
#define VINE_REGISTRY_INSIDE_H

#include <string.h>

#include "core/vine_registry.h"

static inline uint32_t
vine_registry_handle(uint32_t index, uint32_t generation)
{
	return index | generation << 16;
}

/* vine_registry_good_name tells whether a name is one, of less than size bytes
 * with its end. */
static inline int
vine_registry_good_name(const char *name, size_t size)
{
	return name != NULL && name[0] != '\0' && strnlen(name, size) < size;
}

/* vine_registry_put_name writes a name into the directory, and zeros after
 * it. */
void vine_registry_put_name(le8_t *to, const char *name, size_t size);

/* vine_registry_tell_accel and _proc write an entry of the directory, as the
 * slot is. */
void vine_registry_tell_accel(const struct vine_registry *r, uint32_t index);
void vine_registry_tell_proc(const struct vine_registry *r, uint32_t index);

/* vine_registry_restore_accel and _proc bring back what the keep has in a place
 * that nobody has claimed, or have the keep forget it. */
void vine_registry_restore_accel(struct vine_registry *r, uint32_t index);
void vine_registry_restore_proc(struct vine_registry *r, uint32_t index);

/* vine_registry_free_accels and _procs free all there are, but not the
 * tables. */
void vine_registry_free_accels(struct vine_registry *r);
void vine_registry_free_procs(struct vine_registry *r);

#endif
