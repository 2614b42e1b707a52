/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An array in no order. To pass it on, what stands below the last place to be
 * filled is moved above first, so that no descriptor is in another's way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vined_keeper_store.h"

#define FIRST 3			/* sd_listen_fds(3) */
#define NAME_MAX_BYTES 255u
#define BYTES_MAX (120u << 10)	/* the kernel takes 128 KiB */

static int
is_name(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > NAME_MAX_BYTES)
		return 0;
	for (; *name; name++)
		if (*name <= ' ' || *name >= 127 || *name == ':')
			return 0;
	return 1;
}

static int
add(struct keeper_store *s, const char *name, int fd)
{
	struct keeper_held *held;
	uint32_t bytes = (uint32_t)strlen(name) + 1;

	if (s->count >= s->most || s->bytes + bytes > BYTES_MAX)
		return -ENOSPC;
	held = realloc(s->held, (s->count + 1) * sizeof(*held));
	if (held == NULL)
		return -ENOMEM;
	s->held = held;
	held[s->count].name = strdup(name);
	if (held[s->count].name == NULL)
		return -ENOMEM;
	held[s->count++].fd = fd;
	s->bytes += bytes;
	return 0;
}

int
keeper_store_put(struct keeper_store *s, const char *name, int fd)
{
	int rc = is_name(name) ? add(s, name, fd) : -EINVAL;

	if (rc)
		close(fd);
	return rc;
}

static void
remove_at(struct keeper_store *s, uint32_t i)
{
	s->bytes -= (uint32_t)strlen(s->held[i].name) + 1;
	close(s->held[i].fd);
	free(s->held[i].name);
	s->held[i] = s->held[--s->count];
}

void
keeper_store_drop(struct keeper_store *s, const char *name)
{
	for (uint32_t i = s->count; i-- > 0;)
		if (strcmp(s->held[i].name, name) == 0)
			remove_at(s, i);
}

void
keeper_store_empty(struct keeper_store *s)
{
	while (s->count)
		remove_at(s, s->count - 1);
	free(s->held);
	s->held = NULL;
}

static int
move_descriptors(struct keeper_store *s)
{
	int end = FIRST + (int)s->count;

	for (uint32_t i = 0; i < s->count; i++) {
		int *fd = &s->held[i].fd;

		if (*fd < end)
			*fd = fcntl(*fd, F_DUPFD_CLOEXEC, end);
		if (*fd < 0)
			return -errno;
	}
	/* a copy is not close-on-exec */
	for (uint32_t i = 0; i < s->count; i++)
		if (dup2(s->held[i].fd, FIRST + (int)i) < 0)
			return -errno;
	return 0;
}

int
keeper_store_pass(struct keeper_store *s)
{
	char *names = malloc(s->bytes + 1), *at = names, number[32];
	int rc;

	if (names == NULL)
		return -ENOMEM;
	*at = '\0';
	for (uint32_t i = 0; i < s->count; i++)
		at += sprintf(at, "%s%s", i ? ":" : "", s->held[i].name);
	rc = setenv("LISTEN_FDNAMES", names, 1) == 0 ? 0 : -errno;
	free(names);
	snprintf(number, sizeof(number), "%u", s->count);
	if (rc == 0 && setenv("LISTEN_FDS", number, 1) != 0)
		rc = -errno;
	snprintf(number, sizeof(number), "%ld", (long)getpid());
	if (rc == 0 && setenv("LISTEN_PID", number, 1) != 0)
		rc = -errno;
	return rc ? rc : move_descriptors(s);
}
