/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file is two images, what reads see and what is safe, and the changes that
 * lead from the one to the other. All that is done to it is a change; where all
 * of them are safe, none is kept. Faults come in on the way: bytes go elsewhere
 * or come to be others, a part of them is read or written, a sector that was
 * written cannot be read. An fsync that lies leaves the list as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_sim_change.h"
#include "rt/rt_sim_file.h"

/* --- its life ------------------------------------------------------------- */

struct rt_sim_file *
rt_sim_file_new(struct rt_sim_node *node)
{
	struct rt_sim_file *file = calloc(1, sizeof(*file));

	if (file == NULL)
		return NULL;
	utils_list_init(&file->changes);
	utils_list_push_back(&node->disk.files, &file->link);
	return file;
}

void
rt_sim_file_free(struct rt_sim_file *file)
{
	struct utils_link *link;

	while ((link = utils_list_first(&file->changes)) != NULL)
		rt_sim_change_free(rt_sim_change_of(link));
	rt_sim_image_free(&file->now);
	rt_sim_image_free(&file->safe);
	utils_list_remove(&file->link);
	free(file);
}

int
rt_sim_file_crash(struct rt_sim_node *node, struct rt_sim_file *file)
{
	const uint64_t before = file->now.used;
	int rc = rt_sim_change_pick(node, file, UINT64_MAX);

	if (rc == 0)
		rc = rt_sim_image_copy(&file->now, &file->safe);
	node->disk.used += (file->now.used - before) * RT_SIM_PAGE;
	return rc;
}

/* --- sectors that cannot be read ------------------------------------------ */

void
rt_sim_file_spoil(struct rt_sim_file *file, uint64_t number)
{
	for (int i = 0; i < VINE_RT_SIM_BAD; i++) {
		if (file->bad[i] && file->bad[i] != number + 1)
			continue;
		file->bad[i] = number + 1;
		return;
	}
}

static int
is_bad(const struct rt_sim_file *file, uint64_t first, uint64_t last)
{
	for (int i = 0; i < VINE_RT_SIM_BAD; i++)
		if (file->bad[i] > first && file->bad[i] <= last + 1)
			return 1;
	return 0;
}

/* What is written as a whole can be read again. */
static void
mend(struct rt_sim_file *file, uint32_t size, uint64_t offset, uint64_t length)
{
	for (int i = 0; i < VINE_RT_SIM_BAD; i++) {
		const uint64_t at = (file->bad[i] - 1) * size;

		if (file->bad[i] && at >= offset &&
		    at + size <= offset + length)
			file->bad[i] = 0;
	}
}

/* --- reading and writing -------------------------------------------------- */

/* A part of so much; of whole sectors, where that is what was asked for. */
static size_t
part(struct rt_sim_node *node, size_t length, int64_t offset)
{
	const uint32_t size = node->sim->opts.sector;

	if (length % size == 0 && offset % size == 0)
		return length == size ? size :
			(1 + rt_sim_below(node->sim, length / size - 1)) * size;
	return length < 2 ? length : 1 + rt_sim_below(node->sim, length - 1);
}

int64_t
rt_sim_file_size(const struct rt_sim_file *file)
{
	return (int64_t)file->now.size;
}

int64_t
rt_sim_file_read(struct rt_sim_node *node, struct rt_sim_file *file,
		 void *data, size_t length, int64_t offset)
{
	const uint32_t size = node->sim->opts.sector;
	const uint64_t at = (uint64_t)offset;

	if (offset < 0)
		return -EINVAL;
	if (at >= file->now.size || length == 0)
		return 0;
	if (length > file->now.size - at)
		length = file->now.size - at;
	if (RT_SIM_HAPPENS(node, short_read))
		length = part(node, length, offset);
	if (RT_SIM_HAPPENS(node, read_eio) ||
	    is_bad(file, at / size, (at + length - 1) / size))
		return -EIO;
	rt_sim_image_read(&file->now, at, data, length);
	return (int64_t)length;
}

static int
is_full(struct rt_sim_node *node, struct rt_sim_file *file, uint64_t offset,
	uint64_t length)
{
	const uint64_t most = node->sim->opts.disk_bytes;
	uint64_t more = rt_sim_image_missing(&file->now, offset, length);

	if (more == 0)
		return 0;
	return RT_SIM_HAPPENS(node, no_space) ||
		(most && node->disk.used + more * RT_SIM_PAGE > most);
}

/* Bytes go to the disk, or somewhere else, more or less as they are. */
static int
put(struct rt_sim_node *node, struct rt_sim_file *file, char *data,
    size_t length, uint64_t at, int safe)
{
	const uint32_t size = node->sim->opts.sector;
	uint64_t end;
	int rc;

	if (RT_SIM_HAPPENS(node, bit_flip))
		data[rt_sim_below(node->sim, length)] ^=
			(char)(1 << rt_sim_below(node->sim, 8));
	end = at + length > file->now.size ? at + length : file->now.size;
	if (RT_SIM_HAPPENS(node, misdirected))
		at = rt_sim_below(node->sim, end / size + 1) * size + at % size;
	if (at + length > end)
		end = at + length;
	rc = rt_sim_change_add(node, file, data, at, length, end, safe);
	if (rc)
		return rc;
	mend(file, size, at, length);
	if (RT_SIM_HAPPENS(node, bad_sector))
		rt_sim_file_spoil(file, (at + rt_sim_below(node->sim, length)) /
				  size);
	return 0;
}

/* Where all changes are safe there is nothing to pick from. */
static int
settle_safe(struct rt_sim_file *file)
{
	utils_list_each(&file->changes, link)
		if (!rt_sim_change_of(link)->safe)
			return 0;
	return rt_sim_change_settle(file, UINT64_MAX);
}

int64_t
rt_sim_file_write(struct rt_sim_node *node, struct rt_sim_file *file,
		  const void *data, size_t length, int64_t offset, int safe)
{
	char *copy;
	int eio, rc = 0;

	if (offset < 0 || (uint64_t)offset + length > INT64_MAX)
		return -EINVAL;
	if (length == 0)
		return 0;
	if (RT_SIM_HAPPENS(node, short_write))
		length = part(node, length, offset);
	if (is_full(node, file, (uint64_t)offset, length))
		return -ENOSPC;
	eio = RT_SIM_HAPPENS(node, write_eio);
	if (eio)
		length = rt_sim_below(node->sim, length + 1);
	if (safe && RT_SIM_HAPPENS(node, lying_sync))
		safe = 0;
	copy = malloc(length + 1);
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, data, length);
	if (length)
		rc = put(node, file, copy, length, (uint64_t)offset,
			 safe && !eio);
	free(copy);
	if (rc == 0 && safe)
		rc = settle_safe(file);
	return eio ? -EIO : rc ? rc : (int64_t)length;
}

int
rt_sim_file_truncate(struct rt_sim_node *node, struct rt_sim_file *file,
		     int64_t size)
{
	const uint64_t to = (uint64_t)size, was = file->now.size;

	if (size < 0)
		return -EINVAL;
	return rt_sim_change_add(node, file, NULL, to, to < was ? was - to : 0,
				 to, 0);
}

int
rt_sim_file_allocate(struct rt_sim_node *node, struct rt_sim_file *file,
		     int mode, int64_t offset, int64_t length)
{
	const uint64_t at = (uint64_t)offset, n = (uint64_t)length;
	const uint64_t before = file->now.used;
	uint64_t size = file->now.size;
	int rc;

	if (offset < 0 || length <= 0)
		return -EINVAL;
	if (mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		return rt_sim_change_add(node, file, NULL, at, n, size, 0);
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;
	if (is_full(node, file, at, n))
		return -ENOSPC;
	if (!(mode & FALLOC_FL_KEEP_SIZE) && at + n > size)
		size = at + n;
	rc = rt_sim_change_add(node, file, NULL, at,
			       mode & FALLOC_FL_ZERO_RANGE ? n : 0, size, 0);
	/* room that is set aside is there */
	if (rc == 0)
		rc = rt_sim_image_write(&file->now, at, NULL, n);
	node->disk.used += (file->now.used - before) * RT_SIM_PAGE;
	return rc;
}

/* --- what is safe --------------------------------------------------------- */

uint64_t
rt_sim_file_mark(const struct rt_sim_file *file)
{
	return file->next;
}

int
rt_sim_file_sync(struct rt_sim_node *node, struct rt_sim_file *file,
		 uint64_t mark)
{
	int rc;

	if (RT_SIM_HAPPENS(node, lying_sync))
		return 0;
	if (!RT_SIM_HAPPENS(node, sync_eio))
		return rt_sim_change_settle(file, mark);
	rc = rt_sim_change_pick(node, file, mark);
	return rc ? rc : -EIO;
}
