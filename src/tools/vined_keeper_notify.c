/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel says who sent a datagram; what it is worth the caller judges. Of
 * its lines those about descriptors are for the keeper, the rest is for whoever
 * started it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/vined_keeper_notify.h"
#include "tools/vined_keeper_say.h"

void
keeper_notify_hide(struct keeper_notify *notify)
{
	if (notify->dir[0] == '\0')
		return;
	unlink(notify->path);
	rmdir(notify->dir);
	notify->dir[0] = '\0';
}

/* A folder that is ours alone: who may write to the socket could fill it. */
static int
make_folder(struct keeper_notify *notify)
{
	const char *tmp = getenv("TMPDIR"), *base[] = {
		geteuid() == 0 ? "/run" : getenv("XDG_RUNTIME_DIR"),
		tmp, "/tmp" };

	for (size_t i = 0; i < sizeof(base) / sizeof(base[0]); i++) {
		int n;

		if (base[i] == NULL || base[i][0] != '/')
			continue;
		n = snprintf(notify->dir, sizeof(notify->dir),
			     "%s/vined-keeper-XXXXXX", base[i]);
		if (n < (int)sizeof(notify->dir) && mkdtemp(notify->dir))
			return 0;
	}
	keeper_say("no folder can be made in any of /run, XDG_RUNTIME_DIR, "
		   "TMPDIR, /tmp: %s", strerror(errno));
	notify->dir[0] = '\0';
	return -1;
}

int
keeper_notify_open(struct keeper_notify *notify)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int on = 1;

	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
	if (make_folder(notify) != 0)
		return -1;
	snprintf(notify->path, sizeof(notify->path), "%s/notify", notify->dir);
	memcpy(at.sun_path, notify->path, strlen(notify->path));
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			    0);
	if (notify->fd >= 0 &&
	    setsockopt(notify->fd, SOL_SOCKET, SO_PASSCRED, &on,
		       sizeof(on)) == 0 &&
	    bind(notify->fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return 0;
	keeper_say("socket %s cannot be made: %s", notify->path,
		   strerror(errno));
	return -1;
}

/* What it asks for; its text is cut into lines where it stands. */
static void
read_text(struct keeper_told *t)
{
	char *save = NULL, *line = strtok_r(t->text, "\n", &save);

	t->store = t->drop = 0;
	t->name = "stored";	/* as systemd calls what has no name */
	t->rest[0] = '\0';
	for (; line; line = strtok_r(NULL, "\n", &save)) {
		if (strcmp(line, "FDSTORE=1") == 0) {
			t->store = 1;
		} else if (strcmp(line, "FDSTOREREMOVE=1") == 0) {
			t->drop = 1;
		} else if (strncmp(line, "FDNAME=", 7) == 0) {
			t->name = line + 7;
		} else if (strncmp(line, "FDPOLL=", 7) != 0 &&
			   strncmp(line, "MAINPID=", 8) != 0) {
			strcat(t->rest, t->rest[0] ? "\n" : "");
			strcat(t->rest, line);
		}
	}
}

/* Who sent it, and its descriptors: as many as there are, at most
 * KEEPER_FDS_MAX. */
static void
read_control(struct keeper_told *t, struct msghdr *msg)
{
	t->from = 0;
	t->count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR(msg, c)) {
		size_t size = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS) {
			memcpy(t->fds, CMSG_DATA(c), size);
			t->count = (uint32_t)(size / sizeof(int));
		} else if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred cred;

			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			t->from = cred.pid;
		}
	}
}

int
keeper_notify_hear(struct keeper_notify *notify, struct keeper_told *told)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(KEEPER_FDS_MAX * sizeof(int)) +
			   CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = { told->text, KEEPER_TEXT_MAX };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	ssize_t n;

	do
		n = recvmsg(notify->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return 0;
	told->text[n] = '\0';
	told->cut = (msg.msg_flags & MSG_TRUNC) != 0;
	read_control(told, &msg);
	read_text(told);
	return 1;
}
