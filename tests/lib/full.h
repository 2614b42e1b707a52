/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Full: a /dev/shm of few bytes, which this process and its children see in
 * place of the machine's, and how all of it is used up.
 */
#ifndef TESTS_FULL_H
#define TESTS_FULL_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* For the rest of the process. Returns 0 where that is not allowed, said. */
static inline int
full_mount(const char *bytes)
{
	char options[64];

	snprintf(options, sizeof(options), "mode=1777,size=%s", bytes);
	if ((unshare(CLONE_NEWNS) == 0 ||
	     unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("full", "/dev/shm", "tmpfs", 0, options) == 0)
		return 1;
	fprintf(stderr, "skipped: no file system can be mounted here: %s\n",
		strerror(errno));
	return 0;
}

/* full_fill takes all that is left, full_empty gives it back. Returns a
 * descriptor for that, or -1. */
static inline int
full_fill(void)
{
	static const char bytes[4096] = { 1 };
	int fd = open("/dev/shm/full", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	while (fd >= 0 && write(fd, bytes, sizeof(bytes)) > 0)
		;
	return fd >= 0 && errno == ENOSPC ? fd : -1;
}

static inline void
full_empty(int fd)
{
	unlink("/dev/shm/full");
	close(fd);
}

#endif
