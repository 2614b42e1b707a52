/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of a file leads from what is safe to what reads see. An fsync plays
 * its front into the safe image. A power cut picks a place in the list for each
 * sector, and one for the size, and plays to there. A change that was safe when
 * it was made holds its sectors' place behind it.
 *
 * After an fsync that failed, some of what it was for is played, and all of it
 * is off the list: as Linux does, which takes the pages for clean.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_sim_change.h"
#include "rt/rt_sim_file.h"

void
rt_sim_change_free(struct rt_sim_change *c)
{
	utils_list_remove(&c->link);
	free(c);
}

/* Part of a change that lies in [from, to) is made to an image. */
static int
play_part(struct rt_sim_image *image, const struct rt_sim_change *c,
	  uint64_t from, uint64_t to)
{
	uint64_t at = c->offset > from ? c->offset : from;
	uint64_t end = c->offset + c->length < to ? c->offset + c->length : to;

	if (at >= end)
		return 0;
	if (!c->zero)
		return rt_sim_image_write(image, at, c->data + (at - c->offset),
					  end - at);
	rt_sim_image_clear(image, at, end - at);
	return 0;
}

static int
play(struct rt_sim_image *image, const struct rt_sim_change *c)
{
	int rc = play_part(image, c, 0, UINT64_MAX);

	image->size = c->size;
	return rc;
}

/* Have the changes before `mark` be safe, as the last of them says. */
int
rt_sim_change_settle(struct rt_sim_file *file, uint64_t mark)
{
	int rc = 0;

	utils_list_each_safe(&file->changes, link, after) {
		struct rt_sim_change *c = rt_sim_change_of(link);

		if (c->number >= mark || rc)
			break;
		rc = play(&file->safe, c);
		rt_sim_change_free(c);
	}
	return rc;
}

/* A change is made: it is seen from now on. */
int
rt_sim_change_add(struct rt_sim_node *node, struct rt_sim_file *file,
		  const void *data, uint64_t offset, uint64_t length,
		  uint64_t size, int safe)
{
	struct rt_sim_change *c = calloc(1, sizeof(*c) + (data ? length : 0));
	const uint64_t before = file->now.used;
	int rc;

	if (c == NULL)
		return -ENOMEM;
	if (data)
		memcpy(c->data, data, length);
	c->zero = data == NULL;
	c->offset = offset;
	c->length = length;
	c->size = size;
	c->safe = (uint8_t)safe;
	c->number = file->next++;
	utils_list_push_back(&file->changes, &c->link);
	rc = play(&file->now, c);
	node->disk.used += (file->now.used - before) * RT_SIM_PAGE;
	return rc;
}

/* --- what is picked ------------------------------------------------------- */

struct cut {
	enum rt_sim_pick pick;
	uint64_t key;
	uint64_t prefix;
	uint64_t mark;		/* changes before it are picked from */
	uint32_t count;		/* of them */
	uint8_t any_safe;
};

/* Spreads a key and a number, as splitmix64 does. */
static uint64_t
spread(uint64_t key, uint64_t number)
{
	uint64_t z = key + number * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static struct cut
cut_of(struct rt_sim_node *node, const struct rt_sim_file *file, uint64_t mark)
{
	struct cut cut = { .mark = mark };

	utils_list_each(&file->changes, link) {
		if (rt_sim_change_of(link)->number >= mark)
			break;
		cut.any_safe |= rt_sim_change_of(link)->safe;
		cut.count++;
	}
	cut.pick = (enum rt_sim_pick)rt_sim_below(node->sim, RT_SIM_PICKS);
	cut.key = rt_sim_random(node->sim);
	cut.prefix = rt_sim_below(node->sim, (uint64_t)cut.count + 1);
	return cut;
}

/* How many changes are made to a sector, by what was picked alone. */
static uint64_t
count_picked(const struct cut *cut, uint64_t at)
{
	switch (cut->pick) {
	case RT_SIM_PICK_NOTHING:
		return 0;
	case RT_SIM_PICK_ALL:
		return cut->count;
	case RT_SIM_PICK_IN_ORDER:
		return cut->prefix;
	default:
		return spread(cut->key, at) % ((uint64_t)cut->count + 1);
	}
}

/* The same, with those that are safe; `at` is where the sector begins. */
static uint64_t
picked(const struct cut *cut, const struct rt_sim_file *file, uint64_t at,
       uint64_t end)
{
	uint64_t n = count_picked(cut, at), i = 0;

	if (!cut->any_safe)
		return n;
	utils_list_each(&file->changes, link) {
		const struct rt_sim_change *c = rt_sim_change_of(link);

		if (c->number >= cut->mark)
			break;
		i++;
		if (c->safe && i > n && c->offset < end &&
		    c->offset + c->length > at)
			n = i;
	}
	return n;
}

/* The sectors of the i-th change that are picked. */
static int
play_sectors(const struct cut *cut, struct rt_sim_file *file,
	     struct rt_sim_change *c, uint64_t i, uint32_t size)
{
	const uint64_t most = RT_SIM_PAGE * (file->now.room > file->safe.room ?
					     file->now.room : file->safe.room);
	uint64_t at = c->offset / size * size, end = c->offset + c->length;
	int rc = 0;

	if (end > most)	/* nothing was ever there */
		end = most;
	for (; at < end && rc == 0; at += size) {
		if (i >= picked(cut, file, at, at + size))
			continue;
		c->kept++;
		rc = play_part(&file->safe, c, at, at + size);
	}
	return rc;
}

static void
count_kept(struct rt_sim_node *node, const struct rt_sim_change *c)
{
	const uint32_t size = node->sim->opts.sector;
	const uint64_t sectors = c->length == 0 ? 0 :
		(c->offset + c->length - 1) / size - c->offset / size + 1;

	if (c->zero || sectors == 0)
		return;
	node->stats.lost += c->kept == 0;
	node->stats.torn += c->kept && c->kept < sectors;
}

/* Some of the changes before `mark` become safe; all are off the list. */
int
rt_sim_change_pick(struct rt_sim_node *node, struct rt_sim_file *file,
		   uint64_t mark)
{
	const struct cut cut = cut_of(node, file, mark);
	/* the size is a thing of its own; no sector begins there */
	const uint64_t sized = picked(&cut, file, UINT64_MAX - 1, 0);
	uint64_t size = file->safe.size, i = 0;
	int rc = 0;

	utils_list_each(&file->changes, link) {
		struct rt_sim_change *c = rt_sim_change_of(link);

		if (c->number >= mark || rc)
			break;
		rc = play_sectors(&cut, file, c, i++, node->sim->opts.sector);
		if (i <= sized || c->safe)
			size = c->size;
	}
	utils_list_each_safe(&file->changes, link, after) {
		struct rt_sim_change *c = rt_sim_change_of(link);

		if (c->number >= mark)
			break;
		count_kept(node, c);
		rt_sim_change_free(c);
	}
	/* what lies beyond the size is zero if it is ever seen */
	rt_sim_image_resize(&file->safe, UINT64_MAX);
	rt_sim_image_resize(&file->safe, size);
	return rc;
}
