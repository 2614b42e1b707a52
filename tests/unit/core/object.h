/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object with a name, for tests of segments: made with any bytes, opened by
 * a config, looked at afterwards.
 */
#ifndef TESTS_OBJECT_H
#define TESTS_OBJECT_H

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "rig.h"
#include "core/vine_seg.h"
#include "utils/utils_config.h"

static char name[96];

static inline int
open_text(const char *text, struct vine_seg **seg)
{
	struct utils_config *config;
	int rc;

	ck_assert_int_eq(utils_config_parse(text, "test", &config), 0);
	rc = vine_seg_open(config, seg);
	utils_config_free(config);
	return rc;
}

static inline int
open_with(const char *more, struct vine_seg **seg)
{
	char text[512];

	snprintf(text, sizeof(text), "shm_file %s\n%s", name, more);
	return open_text(text, seg);
}

static inline struct vine_seg *
opened(const char *more)
{
	struct vine_seg *seg = NULL;

	ck_assert_int_eq(open_with(more, &seg), 0);
	return seg;
}

static inline int
exists(void)
{
	int fd = shm_open(name, O_RDONLY, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static inline uint64_t
size_of_object(void)
{
	struct stat st = { 0 };
	int fd = shm_open(name, O_RDONLY, 0);

	ck_assert_int_eq(fstat(fd, &st), 0);
	close(fd);
	return (uint64_t)st.st_size;
}

/* An object with these bytes at its start. */
static inline void
make(const void *bytes, size_t count, uint64_t size)
{
	int fd = shm_open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(pwrite(fd, bytes, count, 0), (ssize_t)count);
	close(fd);
}

static inline void
unchanged(const void *bytes, size_t count, uint64_t size)
{
	char found[8192];
	int fd = shm_open(name, O_RDONLY, 0);

	ck_assert_uint_eq(size_of_object(), size);
	ck_assert_int_eq(pread(fd, found, count, 0), (ssize_t)count);
	ck_assert_mem_eq(found, bytes, count);
	close(fd);
}

#endif
