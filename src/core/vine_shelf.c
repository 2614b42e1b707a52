/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file's name is made of the segment's, so the next appliance on that
 * segment finds it, and one that is left over is used again. It is ours alone:
 * a directory and a file of our user that no other may write, and a lock for as
 * long as it is open or mapped. Main thread; the descriptor under the lock of
 * forks.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/vine_keep.h"
#include "core/vine_shelf.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"

#define TMPFS_MAGIC 0x01021994
#define OPEN_TRIES 10

static int
is_tmpfs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

/* /run/vined, or $XDG_RUNTIME_DIR/vined, where that is memory. */
static void
dir_name(char *dir, size_t size, const struct utils_config *config)
{
	const char *base = geteuid() == 0 ? "/run" :
		secure_getenv("XDG_RUNTIME_DIR");

	if (utils_config_is_set(config, UTILS_KEY_state_dir))
		snprintf(dir, size, "%s",
			 utils_config_str(config, UTILS_KEY_state_dir));
	else if (base && base[0] == '/' && is_tmpfs(base))
		snprintf(dir, size, "%s/vined", base);
	else
		snprintf(dir, size, "/dev/shm/vined-%u", (unsigned)geteuid());
}

/* Returns a descriptor of the directory, or -errno, logged. */
static int
dir_open(const char *dir, int make)
{
	struct stat st;
	int fd, rc;

	if (make && mkdir(dir, 0700) != 0 && errno != EEXIST) {
		rc = -errno;
		log_warn("state_dir %s cannot be made: %s", dir,
			 strerror(-rc));
		return rc;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		rc = -errno;
		if (make)
			log_warn("state_dir %s cannot be opened: %s", dir,
				 rc == -ELOOP || rc == -ENOTDIR ?
				 "it is no directory" : strerror(-rc));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (st.st_uid == geteuid() && (st.st_mode & 022) == 0)
		return fd;
	if (make)
		log_warn("state_dir %s is of user %u with mode %03o, expected "
			 "user %u and no right to write for others", dir,
			 (unsigned)st.st_uid, (unsigned)st.st_mode & 0777,
			 (unsigned)geteuid());
	close(fd);
	return -EPERM;
}

/* A name that only this segment has: readable, and unique by a hash. */
static void
file_name(char *name, size_t size, const struct vine_seg *seg)
{
	uint64_t hash = UINT64_C(14695981039346656037);	/* FNV-1a, 64 bits */
	char text[65];
	size_t n = strlen(seg->name), from = n > 64 ? n - 64 : 0;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (uint8_t)seg->name[i]) *
			UINT64_C(1099511628211);
	snprintf(text, sizeof(text), "%s", seg->name + from);
	for (char *c = text; *c; c++)
		if (*c == '/')
			*c = '_';
	snprintf(name, size, "%s-%016" PRIx64 ".keep", text, hash);
}

/* Is this file ours alone? Returns 0, -ESTALE for one that was just removed,
 * or -errno, logged. */
static int
file_judge(const struct vine_keep *k, struct stat *st)
{
	if (fstat(k->fd, st) != 0)
		return -errno;
	if (!S_ISREG(st->st_mode) || st->st_uid != geteuid() ||
	    st->st_nlink > 1 || (st->st_mode & 022)) {
		log_warn("%s is of user %u with mode %o and %u links, expected "
			 "a file of user %u that no other may write", k->path,
			 (unsigned)st->st_uid, (unsigned)st->st_mode,
			 (unsigned)st->st_nlink, (unsigned)geteuid());
		return -EPERM;
	}
	if (flock(k->fd, LOCK_EX | LOCK_NB) != 0) {
		log_warn("%s is in use by another appliance", k->path);
		return -EBUSY;
	}
	/* it may have lost its name before we had the lock */
	if (fstat(k->fd, st) != 0)
		return -errno;
	return st->st_nlink ? 0 : -ESTALE;
}

/* Under the lock of forks, so that no child keeps the descriptor. Until then a
 * child closes it. */
void
vine_shelf_close(struct vine_keep *k)
{
	if (k->fd < 0)
		return;
	vine_fork_lock();
	close(k->fd);
	k->fd = -1;
	vine_fork_unlock();
	vine_fork_remove(&k->known);
}

/* Returns 0 with the file open, locked and judged, or -errno, logged. */
static int
file_open(struct vine_keep *k, int dir, const char *name, struct stat *st)
{
	int rc = -ESTALE;

	for (int i = 0; i < OPEN_TRIES && rc == -ESTALE; i++) {
		vine_fork_lock();
		k->fd = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW |
			       O_CLOEXEC, 0600);
		vine_fork_unlock();
		if (k->fd < 0) {
			rc = -errno;
			log_warn("%s cannot be opened: %s", k->path,
				 strerror(-rc));
			return rc;
		}
		vine_fork_add(&k->known, vine_fork_close, &k->fd);
		rc = file_judge(k, st);
		if (rc)
			vine_shelf_close(k);
	}
	return rc;
}

int
vine_shelf_open(struct vine_keep *k, const struct utils_config *config,
		uint64_t *bytes)
{
	char dir[256], name[128];
	struct stat st;
	int fd, rc;

	dir_name(dir, sizeof(dir), config);
	file_name(name, sizeof(name), k->seg);
	snprintf(k->path, sizeof(k->path), "%s/%s", dir, name);
	fd = dir_open(dir, 1);
	if (fd < 0)
		return fd;
	rc = file_open(k, fd, name, &st);
	close(fd);
	if (rc == 0)
		*bytes = (uint64_t)st.st_size;
	return rc;
}

int
vine_shelf_look(const struct vine_seg *seg, const struct utils_config *config)
{
	char dir[256], name[128];
	int at, fd;

	dir_name(dir, sizeof(dir), config);
	file_name(name, sizeof(name), seg);
	at = dir_open(dir, 0);
	if (at < 0)
		return -1;
	fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	close(at);
	return fd;
}
