/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket: a UNIX stream socket at a path, which one process at a time has.
 *
 * A file beside it, PATH.lock, is locked as long as somebody has the socket. So
 * what a killed process left at the path is told from what a living one has,
 * and of two that start at a time one gets it.
 */
#ifndef VINED_SOCKET_H
#define VINED_SOCKET_H

#include <sys/types.h>

struct utils_config;

struct vined_socket {
	char path[108];
	int fd;		/* listens, non-blocking; -1: none */
	int lock;
};

/* What a path is given; -1 leaves user or group as they are. */
struct vined_socket_opts {
	mode_t mode;
	uid_t owner;
	gid_t group;
};

/* vined_socket_opts_read reads what a config says of its sockets. */
void vined_socket_opts_read(const struct utils_config *config,
			    struct vined_socket_opts *opts);

/*
 * vined_socket_open makes the path a socket that listens. Nobody can connect
 * before it has its permissions. Does not block. Returns 0, or, logged:
 * -EADDRINUSE where another process has it, which is named; -EINVAL for a path
 * that is relative or too long; -ENOTSOCK where something else stands there;
 * or what bind(2), chmod(2) or chown(2) say.
 */
int vined_socket_open(struct vined_socket *socket, const char *path,
		      const struct vined_socket_opts *opts);

/*
 * vined_socket_adopt is that with fd, which listens at the path since an
 * earlier vined and becomes the socket's if it returns 0. Returns also -ENOENT where
 * no socket stands at the path any more.
 */
int vined_socket_adopt(struct vined_socket *socket, const char *path, int fd,
		       const struct vined_socket_opts *opts);

/* vined_socket_close closes it and takes the path away; vined_socket_leave
 * leaves the path to whoever has the socket, too. */
void vined_socket_close(struct vined_socket *socket);
void vined_socket_leave(struct vined_socket *socket);

#endif
