/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name leads to two files, or to none: now, and after a power cut. What was
 * done to names and is not safe is a list, oldest first; an fsync of a
 * directory plays its part of it, and a power cut plays any. A file stays while
 * it is open, has a name of either kind, or may get one out of the list.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_sim_change.h"
#include "rt/rt_sim_file.h"

#define PATH_ROOM 256

struct name {
	struct utils_link link;
	struct rt_sim_file *now;	/* NULL: no such file */
	struct rt_sim_file *safe;
	char path[PATH_ROOM];
};

/* `name` becomes that of `file`, or of none; `from`, if any, of none. */
struct renaming {
	struct utils_link link;
	struct name *name;
	struct name *from;
	struct rt_sim_file *file;
};

#define name_of(link_) utils_list_of(link_, struct name, link)
#define renaming_of(link_) utils_list_of(link_, struct renaming, link)

/* --- names ---------------------------------------------------------------- */

/* A file without a name, of any kind, that is not open is gone. */
static void
drop_unused(struct rt_sim_disk *disk, struct rt_sim_file *file)
{
	if (file == NULL || file->open)
		return;
	utils_list_each(&disk->names, link)
		if (name_of(link)->now == file || name_of(link)->safe == file)
			return;
	utils_list_each(&disk->changes, link)
		if (renaming_of(link)->file == file)
			return;
	disk->used -= file->now.used * RT_SIM_PAGE;
	rt_sim_file_free(file);
}

static struct name *
find_name(const struct rt_sim_disk *disk, const char *path)
{
	utils_list_each(&disk->names, link)
		if (strcmp(name_of(link)->path, path) == 0)
			return name_of(link);
	return NULL;
}

/* The place of a name, made where there is none. Returns 0 or -errno. */
static int
place_name(struct rt_sim_disk *disk, const char *path, struct name **out)
{
	struct name *name = find_name(disk, path);

	if (path[0] == '\0')
		return -ENOENT;
	if (strlen(path) >= PATH_ROOM)
		return -ENAMETOOLONG;
	if (name == NULL) {
		name = calloc(1, sizeof(*name));
		if (name == NULL)
			return -ENOMEM;
		strcpy(name->path, path);
		utils_list_push_back(&disk->names, &name->link);
	}
	*out = name;
	return 0;
}

static int
change_name(struct rt_sim_disk *disk, struct name *name, struct name *from,
	    struct rt_sim_file *file)
{
	struct renaming *r = calloc(1, sizeof(*r));
	struct rt_sim_file *was = name->now;

	if (r == NULL)
		return -ENOMEM;
	*r = (struct renaming){ .name = name, .from = from, .file = file };
	utils_list_push_back(&disk->changes, &r->link);
	if (from)
		from->now = NULL;
	name->now = file;
	drop_unused(disk, was);
	return 0;
}

static void
play_name(struct renaming *r)
{
	if (r->from)
		r->from->safe = NULL;
	r->name->safe = r->file;
}

static void
free_renaming(struct rt_sim_disk *disk, struct renaming *r)
{
	struct rt_sim_file *file = r->file;

	utils_list_remove(&r->link);
	free(r);
	drop_unused(disk, file);
}

static int
new_file(struct rt_sim_node *node, struct name *name)
{
	struct rt_sim_file *file = rt_sim_file_new(node);
	int rc;

	if (file == NULL)
		return -ENOMEM;
	file->open = 1;		/* until it has a name */
	rc = change_name(&node->disk, name, NULL, file);
	file->open = 0;
	if (rc)
		rt_sim_file_free(file);
	return rc;
}

/* --- what calls do -------------------------------------------------------- */

int
rt_sim_disk_open(struct rt_sim_node *node, const char *path, int flags,
		 struct rt_sim_file **file)
{
	struct name *name;
	int rc = place_name(&node->disk, path, &name);

	if (rc)
		return rc;
	if (name->now && (flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	if (name->now == NULL && !(flags & O_CREAT))
		return -ENOENT;
	if (name->now == NULL)
		rc = new_file(node, name);
	else if (flags & O_TRUNC && name->now->now.size)
		rc = rt_sim_file_truncate(node, name->now, 0);
	if (rc)
		return rc;
	name->now->open++;
	*file = name->now;
	return 0;
}

void
rt_sim_disk_close(struct rt_sim_node *node, struct rt_sim_file *file)
{
	file->open--;
	drop_unused(&node->disk, file);
}

int
rt_sim_disk_unlink(struct rt_sim_node *node, const char *path)
{
	struct name *name = find_name(&node->disk, path);

	if (name == NULL || name->now == NULL)
		return -ENOENT;
	return change_name(&node->disk, name, NULL, NULL);
}

int
rt_sim_disk_rename(struct rt_sim_node *node, const char *from, const char *to)
{
	struct name *name = find_name(&node->disk, from), *other;
	int rc = place_name(&node->disk, to, &other);

	if (rc)
		return rc;
	if (name == NULL || name->now == NULL)
		return -ENOENT;
	if (name == other)
		return 0;
	return change_name(&node->disk, other, name, name->now);
}

/* How long the name of the directory is in which a name stands. */
static size_t
dir_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

int
rt_sim_disk_sync_dir(struct rt_sim_node *node, const char *path)
{
	size_t n = strlen(path);

	if (RT_SIM_HAPPENS(node, lying_sync))
		return 0;
	if (RT_SIM_HAPPENS(node, sync_eio))
		return -EIO;
	while (n && path[n - 1] == '/')
		n--;
	if (strcmp(path, ".") == 0)
		n = 0;
	utils_list_each_safe(&node->disk.changes, link, after) {
		struct renaming *r = renaming_of(link);

		if (dir_length(r->name->path) != n ||
		    memcmp(r->name->path, path, n) != 0)
			continue;
		play_name(r);
		free_renaming(&node->disk, r);
	}
	return 0;
}

/* --- power, and the end --------------------------------------------------- */

static void
crash_names(struct rt_sim_node *node)
{
	const uint64_t pick = rt_sim_below(node->sim, RT_SIM_PICKS);
	struct rt_sim_disk *disk = &node->disk;
	uint64_t count = 0, prefix, i = 0;

	utils_list_each(&disk->changes, link)
		count++;
	prefix = rt_sim_below(node->sim, count + 1);
	utils_list_each(&disk->changes, link) {
		if (pick == RT_SIM_PICK_ALL ||
		    (pick == RT_SIM_PICK_IN_ORDER && i < prefix) ||
		    (pick == RT_SIM_PICK_EACH && rt_sim_below(node->sim, 2)))
			play_name(renaming_of(link));
		i++;
	}
	utils_list_each(&disk->names, link)
		name_of(link)->now = name_of(link)->safe;
	utils_list_each_safe(&disk->changes, link, after)
		free_renaming(disk, renaming_of(link));
	/* a file that lost its name: it was open, or its name not safe */
	utils_list_each_safe(&disk->files, link, after)
		drop_unused(disk, rt_sim_file_of(link));
}

void
rt_sim_disk_crash(struct rt_sim_node *node)
{
	int rc = 0;

	crash_names(node);
	utils_list_each(&node->disk.files, link)
		if (rc == 0)
			rc = rt_sim_file_crash(node, rt_sim_file_of(link));
	if (rc)
		node->sim->broken = rc;
}

void
rt_sim_disk_init(struct rt_sim_disk *disk)
{
	utils_list_init(&disk->files);
	utils_list_init(&disk->names);
	utils_list_init(&disk->changes);
	disk->used = 0;
}

void
rt_sim_disk_fini(struct rt_sim_disk *disk)
{
	struct utils_link *link;

	while ((link = utils_list_pop_front(&disk->changes)) != NULL)
		free(renaming_of(link));
	while ((link = utils_list_pop_front(&disk->names)) != NULL)
		free(name_of(link));
	while ((link = utils_list_first(&disk->files)) != NULL)
		rt_sim_file_free(rt_sim_file_of(link));
}

/* --- for tests ------------------------------------------------------------ */

static struct rt_sim_file *
find_file(struct rt_sim_node *node, const char *path)
{
	struct name *name = find_name(&node->disk, path);

	return name ? name->now : NULL;
}

int64_t
rt_sim_peek(struct rt_sim_node *node, const char *path, int64_t offset,
	    void *data, size_t length)
{
	struct rt_sim_file *file = find_file(node, path);
	uint64_t at = (uint64_t)offset;

	if (file == NULL)
		return -ENOENT;
	if (at >= file->now.size)
		return 0;
	if (length > file->now.size - at)
		length = file->now.size - at;
	rt_sim_image_read(&file->now, at, data, length);
	return (int64_t)length;
}

int
rt_sim_flip(struct rt_sim_node *node, const char *path, int64_t offset,
	    uint32_t bit)
{
	struct rt_sim_file *file = find_file(node, path);
	uint64_t at = (uint64_t)offset;
	char byte;
	int rc;

	if (file == NULL)
		return -ENOENT;
	if (at >= file->now.size)
		return -EINVAL;
	rt_sim_image_read(&file->now, at, &byte, 1);
	byte ^= (char)(1 << bit % 8);
	rc = rt_sim_image_write(&file->now, at, &byte, 1);
	if (rc)
		return rc;
	rt_sim_image_read(&file->safe, at, &byte, 1);
	byte ^= (char)(1 << bit % 8);
	return rt_sim_image_write(&file->safe, at, &byte, 1);
}

int
rt_sim_spoil(struct rt_sim_node *node, const char *path, int64_t offset)
{
	struct rt_sim_file *file = find_file(node, path);

	if (file == NULL)
		return -ENOENT;
	if ((uint64_t)offset >= file->now.size)
		return -EINVAL;
	rt_sim_file_spoil(file, (uint64_t)offset / node->sim->opts.sector);
	return 0;
}
