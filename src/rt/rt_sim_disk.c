/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file is two images: what reads see, and what is safe; and the list of what
 * was changed since, oldest first, which leads from the one to the other. An
 * fsync plays the front of the list into the safe image. A power cut picks a
 * place in the list for each sector and plays to there. A change that was safe
 * when it was made holds its sectors' place behind it.
 *
 * After an fsync that failed, some of what it was for is played, and all of it
 * is off the list: as Linux does, which takes the pages for clean.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_sim_image.h"
#include "rt/rt_sim_inside.h"

#define PATH_ROOM 256

/* Of a file: bytes that were written, or made zero, and the size after it. */
struct change {
	struct utils_link link;
	uint64_t number;
	uint64_t offset;
	uint64_t length;
	uint64_t size;
	uint64_t kept;		/* sectors that a power cut left of it */
	uint8_t safe;
	uint8_t zero;		/* no data */
	char data[];
};

struct rt_sim_file {
	struct utils_link link;
	uint32_t open;
	struct rt_sim_image now;
	struct rt_sim_image safe;
	struct utils_list changes;
	uint64_t next;		/* number of the next */
	uint32_t count;		/* of changes */
	uint64_t bad[VINE_RT_SIM_BAD];	/* sectors, plus 1 */
};

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

#define change_of(link_) utils_list_of(link_, struct change, link)
#define name_of(link_) utils_list_of(link_, struct name, link)
#define renaming_of(link_) utils_list_of(link_, struct renaming, link)
#define file_of(link_) utils_list_of(link_, struct rt_sim_file, link)

static uint32_t
sector(const struct rt_sim_node *node)
{
	return node->sim->opts.sector;
}

/* --- files --------------------------------------------------------------- */

static void
free_change(struct rt_sim_file *file, struct change *c)
{
	utils_list_remove(&c->link);
	file->count--;
	free(c);
}

static void
free_file(struct rt_sim_file *file)
{
	struct utils_link *link;

	while ((link = utils_list_first(&file->changes)) != NULL)
		free_change(file, change_of(link));
	rt_sim_image_free(&file->now);
	rt_sim_image_free(&file->safe);
	utils_list_remove(&file->link);
	free(file);
}

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
	free_file(file);
}

/* Part of a change that lies in [from, to) is made to an image. */
static int
play_part(struct rt_sim_image *image, const struct change *c, uint64_t from,
	  uint64_t to)
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
play(struct rt_sim_image *image, const struct change *c)
{
	int rc = play_part(image, c, 0, UINT64_MAX);

	image->size = c->size;
	return rc;
}

/* Have the changes before `mark` be safe, as the last of them says. */
static int
settle(struct rt_sim_file *file, uint64_t mark)
{
	int rc = 0;

	utils_list_each_safe(&file->changes, link, after) {
		struct change *c = change_of(link);

		if (c->number >= mark || rc)
			break;
		rc = play(&file->safe, c);
		free_change(file, c);
	}
	return rc;
}

/* A change is made: it is seen from now on. */
static int
add(struct rt_sim_node *node, struct rt_sim_file *file, const void *data,
    uint64_t offset, uint64_t length, uint64_t size, int safe)
{
	struct change *c = calloc(1, sizeof(*c) + (data ? length : 0));
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
	file->count++;
	rc = play(&file->now, c);
	node->disk.used += (file->now.used - before) * RT_SIM_PAGE;
	return rc;
}

/* --- what a power cut leaves of a file ----------------------------------- */

enum pick { NOTHING, ALL, IN_ORDER, EACH, PICKS };

struct cut {
	enum pick pick;
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
		if (change_of(link)->number >= mark)
			break;
		cut.any_safe |= change_of(link)->safe;
		cut.count++;
	}
	cut.pick = (enum pick)rt_sim_below(node->sim, PICKS);
	cut.key = rt_sim_random(node->sim);
	cut.prefix = rt_sim_below(node->sim, (uint64_t)cut.count + 1);
	return cut;
}

/* How many changes are made to a sector; `at` is where it begins. */
static uint64_t
picked(const struct cut *cut, const struct rt_sim_file *file, uint64_t at,
       uint64_t end)
{
	uint64_t n = cut->pick == NOTHING ? 0 : cut->pick == ALL ? cut->count :
		cut->pick == IN_ORDER ? cut->prefix :
		spread(cut->key, at) % ((uint64_t)cut->count + 1);
	uint64_t i = 0;

	if (!cut->any_safe)
		return n;
	utils_list_each(&file->changes, link) {
		const struct change *c = change_of(link);

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
play_sectors(const struct cut *cut, struct rt_sim_file *file, struct change *c,
	     uint64_t i, uint32_t size)
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
count_kept(struct rt_sim_node *node, const struct change *c)
{
	const uint32_t size = sector(node);
	const uint64_t sectors = c->length == 0 ? 0 :
		(c->offset + c->length - 1) / size - c->offset / size + 1;

	if (c->zero || sectors == 0)
		return;
	node->stats.lost += c->kept == 0;
	node->stats.torn += c->kept && c->kept < sectors;
}

/* Some of the changes before `mark` become safe; all are off the list. */
static int
pick_some(struct rt_sim_node *node, struct rt_sim_file *file, uint64_t mark)
{
	const struct cut cut = cut_of(node, file, mark);
	/* the size is a thing of its own; no sector begins there */
	const uint64_t sized = picked(&cut, file, UINT64_MAX - 1, 0);
	uint64_t size = file->safe.size, i = 0;
	int rc = 0;

	utils_list_each(&file->changes, link) {
		struct change *c = change_of(link);

		if (c->number >= mark || rc)
			break;
		rc = play_sectors(&cut, file, c, i++, sector(node));
		if (i <= sized || c->safe)
			size = c->size;
	}
	utils_list_each_safe(&file->changes, link, after) {
		struct change *c = change_of(link);

		if (c->number >= mark)
			break;
		count_kept(node, c);
		free_change(file, c);
	}
	/* what lies beyond the size is zero if it is ever seen */
	rt_sim_image_resize(&file->safe, UINT64_MAX);
	rt_sim_image_resize(&file->safe, size);
	return rc;
}

static int
crash_file(struct rt_sim_node *node, struct rt_sim_file *file)
{
	const uint64_t before = file->now.used;
	int rc = pick_some(node, file, UINT64_MAX);

	if (rc == 0)
		rc = rt_sim_image_copy(&file->now, &file->safe);
	node->disk.used += (file->now.used - before) * RT_SIM_PAGE;
	return rc;
}

/* --- sectors that cannot be read ------------------------------------------ */

static void
spoil(struct rt_sim_file *file, uint64_t number)
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
	const uint32_t size = sector(node);

	if (length % size == 0 && offset % size == 0)
		return length == size ? size :
			(1 + rt_sim_below(node->sim, length / size - 1)) * size;
	return length < 2 ? length : 1 + rt_sim_below(node->sim, length - 1);
}

int64_t
rt_sim_disk_size(const struct rt_sim_file *file)
{
	return (int64_t)file->now.size;
}

int64_t
rt_sim_disk_read(struct rt_sim_node *node, struct rt_sim_file *file,
		 void *data, size_t length, int64_t offset)
{
	const uint32_t size = sector(node);
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
	const uint32_t size = sector(node);
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
	rc = add(node, file, data, at, length, end, safe);
	if (rc)
		return rc;
	mend(file, size, at, length);
	if (RT_SIM_HAPPENS(node, bad_sector))
		spoil(file, (at + rt_sim_below(node->sim, length)) / size);
	return 0;
}

/* Where all changes are safe there is nothing to pick from. */
static int
settle_safe(struct rt_sim_file *file)
{
	utils_list_each(&file->changes, link)
		if (!change_of(link)->safe)
			return 0;
	return settle(file, UINT64_MAX);
}

int64_t
rt_sim_disk_write(struct rt_sim_node *node, struct rt_sim_file *file,
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
rt_sim_disk_truncate(struct rt_sim_node *node, struct rt_sim_file *file,
		     int64_t size)
{
	const uint64_t to = (uint64_t)size, was = file->now.size;

	if (size < 0)
		return -EINVAL;
	return add(node, file, NULL, to, to < was ? was - to : 0, to, 0);
}

int
rt_sim_disk_allocate(struct rt_sim_node *node, struct rt_sim_file *file,
		     int mode, int64_t offset, int64_t length)
{
	const uint64_t at = (uint64_t)offset, n = (uint64_t)length;
	const uint64_t before = file->now.used;
	uint64_t size = file->now.size;
	int rc;

	if (offset < 0 || length <= 0)
		return -EINVAL;
	if (mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		return add(node, file, NULL, at, n, size, 0);
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;
	if (is_full(node, file, at, n))
		return -ENOSPC;
	if (!(mode & FALLOC_FL_KEEP_SIZE) && at + n > size)
		size = at + n;
	rc = add(node, file, NULL, at, mode & FALLOC_FL_ZERO_RANGE ? n : 0,
		 size, 0);
	/* room that is set aside is there */
	if (rc == 0)
		rc = rt_sim_image_write(&file->now, at, NULL, n);
	node->disk.used += (file->now.used - before) * RT_SIM_PAGE;
	return rc;
}

uint64_t
rt_sim_disk_mark(const struct rt_sim_file *file)
{
	return file->next;
}

int
rt_sim_disk_sync(struct rt_sim_node *node, struct rt_sim_file *file,
		 uint64_t mark)
{
	int rc;

	if (RT_SIM_HAPPENS(node, lying_sync))
		return 0;
	if (!RT_SIM_HAPPENS(node, sync_eio))
		return settle(file, mark);
	rc = pick_some(node, file, mark);
	return rc ? rc : -EIO;
}

/* --- names ---------------------------------------------------------------- */

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
	struct rt_sim_file *file = calloc(1, sizeof(*file));
	int rc;

	if (file == NULL)
		return -ENOMEM;
	utils_list_init(&file->changes);
	utils_list_push_back(&node->disk.files, &file->link);
	file->open = 1;		/* until it has a name */
	rc = change_name(&node->disk, name, NULL, file);
	file->open = 0;
	if (rc)
		free_file(file);
	return rc;
}

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
		rc = rt_sim_disk_truncate(node, name->now, 0);
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
	enum pick pick = (enum pick)rt_sim_below(node->sim, PICKS);
	struct rt_sim_disk *disk = &node->disk;
	uint64_t count = 0, prefix, i = 0;

	utils_list_each(&disk->changes, link)
		count++;
	prefix = rt_sim_below(node->sim, count + 1);
	utils_list_each(&disk->changes, link) {
		if (pick == ALL || (pick == IN_ORDER && i < prefix) ||
		    (pick == EACH && rt_sim_below(node->sim, 2)))
			play_name(renaming_of(link));
		i++;
	}
	utils_list_each(&disk->names, link)
		name_of(link)->now = name_of(link)->safe;
	utils_list_each_safe(&disk->changes, link, after)
		free_renaming(disk, renaming_of(link));
	/* a file that lost its name: it was open, or its name not safe */
	utils_list_each_safe(&disk->files, link, after)
		drop_unused(disk, file_of(link));
}

void
rt_sim_disk_crash(struct rt_sim_node *node)
{
	int rc = 0;

	crash_names(node);
	utils_list_each(&node->disk.files, link)
		if (rc == 0)
			rc = crash_file(node, file_of(link));
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
		free_file(file_of(link));
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
	spoil(file, (uint64_t)offset / sector(node));
	return 0;
}
