/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lock, look who is there, bind, permissions, listen: in this order, for a
 * connect to a socket that does not listen is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "appliance/vined_socket.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"

#define BACKLOG 128
#define LOCK_TRIES 100

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83	/* since Linux 6.16 */
#endif

static struct sockaddr_un
address(const struct vined_socket *s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	memcpy(a.sun_path, s->path, sizeof(s->path));
	return a;
}

static void
lock_path(const struct vined_socket *s, char *path, size_t size)
{
	snprintf(path, size, "%s.lock", s->path);
}

/* Who listens at the path: its pid, 0 for nobody, -1 for one not known. */
static int
listener(const struct vined_socket *s)
{
	struct sockaddr_un to = address(s);
	struct ucred cred = { .pid = -1 };
	socklen_t size = sizeof(cred);
	int pid, fd;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		pid = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) ?
			-1 : cred.pid;
	else
		pid = errno == ECONNREFUSED || errno == ENOENT ? 0 : -1;
	close(fd);
	return pid;
}

static int
in_use(const struct vined_socket *s)
{
	int pid = listener(s);

	if (pid > 0)
		log_error("socket %s is served by process %d", s->path, pid);
	else
		log_error("socket %s is served by another process", s->path);
	return -EADDRINUSE;
}

/* The lock's file goes with its holder: then it is another one now. */
static int
take_lock(struct vined_socket *s)
{
	char path[sizeof(s->path) + 8];
	struct stat st;
	int rc;

	lock_path(s, path, sizeof(path));
	for (int i = 0; i < LOCK_TRIES; i++) {
		s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
			       O_NONBLOCK, 0600);
		if (s->lock < 0) {
			rc = -errno;
			log_error("%s cannot be opened: %s", path,
				  strerror(-rc));
			return rc;
		}
		rc = flock(s->lock, LOCK_EX | LOCK_NB);
		if (rc == 0 && fstat(s->lock, &st) == 0 && st.st_nlink > 0)
			return 0;
		close(s->lock);
		s->lock = -1;	/* not ours to take away */
		if (rc != 0)
			break;
	}
	return in_use(s);
}

static int
clear_path(const struct vined_socket *s)
{
	struct stat st;

	if (lstat(s->path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode)) {
		log_error("%s is there and is no socket, expected nothing or a "
			  "socket", s->path);
		return -ENOTSOCK;
	}
	if (listener(s) != 0)
		return in_use(s);
	return unlink(s->path) == 0 ? 0 : -errno;
}

static int
set_rights(const struct vined_socket *s, const struct vined_socket_opts *o)
{
	return chmod(s->path, o->mode) == 0 &&
		lchown(s->path, o->owner, o->group) == 0 ? 0 : -errno;
}

static int
listen_there(struct vined_socket *s, const struct vined_socket_opts *o)
{
	struct sockaddr_un at = address(s);
	int no = 0;

	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return -errno;
	/* what a client sends stands in our queue until we close it, and a
	 * descriptor among it would be closed by us, which can take long;
	 * older kernels let them */
	(void)setsockopt(s->fd, SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof(no));
	if (bind(s->fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
		int rc = -errno;

		close(s->fd);
		s->fd = -1;	/* nothing at the path is ours */
		return rc;
	}
	if (set_rights(s, o) != 0 || listen(s->fd, BACKLOG) != 0)
		return -errno;
	return 0;
}

static int
take_path(struct vined_socket *s, const char *path)
{
	s->fd = -1;
	s->lock = -1;
	if (path[0] != '/' || strlen(path) >= sizeof(s->path)) {
		log_error("socket %s: expected an absolute path of at most %zu "
			  "bytes", path, sizeof(s->path) - 1);
		return -EINVAL;
	}
	memset(s->path, 0, sizeof(s->path));
	memcpy(s->path, path, strlen(path));
	return take_lock(s);
}

int
vined_socket_open(struct vined_socket *s, const char *path,
		  const struct vined_socket_opts *opts)
{
	int rc = take_path(s, path);

	if (rc == 0) {
		rc = clear_path(s);
		if (rc == 0) {
			rc = listen_there(s, opts);
			if (rc)
				log_error("socket %s cannot be made: %s",
					  s->path, strerror(-rc));
		}
	}
	if (rc)
		vined_socket_close(s);
	return rc;
}

int
vined_socket_adopt(struct vined_socket *s, const char *path, int fd,
		   const struct vined_socket_opts *opts)
{
	int rc = take_path(s, path);
	struct stat st;

	if (rc == 0 && (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode)))
		rc = -ENOENT;
	if (rc == 0)
		rc = set_rights(s, opts);
	if (rc) {
		vined_socket_close(s);
		return rc;
	}
	s->fd = fd;
	return 0;
}

void
vined_socket_leave(struct vined_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	vined_socket_close(s);
}

void
vined_socket_close(struct vined_socket *s)
{
	char path[sizeof(s->path) + 8];

	if (s->fd >= 0) {
		unlink(s->path);
		close(s->fd);
	}
	if (s->lock >= 0) {
		lock_path(s, path, sizeof(path));
		unlink(path);
		close(s->lock);
	}
	s->fd = -1;
	s->lock = -1;
}

void
vined_socket_opts_read(const struct utils_config *config,
		       struct vined_socket_opts *opts)
{
	opts->mode = (mode_t)utils_config_u64(config, UTILS_KEY_socket_mode);
	opts->owner = (uid_t)-1;
	opts->group = (gid_t)-1;
	if (utils_config_is_set(config, UTILS_KEY_socket_owner))
		opts->owner = (uid_t)
			utils_config_u64(config, UTILS_KEY_socket_owner);
	if (utils_config_is_set(config, UTILS_KEY_socket_group))
		opts->group = (gid_t)
			utils_config_u64(config, UTILS_KEY_socket_group);
}
