/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client is read until its line is there, then its command is carried out,
 * then it is written to; its one timer ends the first and the last of these and
 * paces the second. Nobody is accepted while all places are taken.
 *
 * The socket appears at its path listening: it is bound beside it and renamed.
 * So whoever finds one there that refuses a connection has found a dead one.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "appliance/vined_control.h"
#include "rt/rt_wait.h"
#include "utils/utils_clock.h"
#include "utils/utils_config.h"
#include "utils/utils_control.h"
#include "utils/utils_log.h"

#define MS UINT64_C(1000000)
#define ACCEPT_AGAIN_MS 100u	/* where there are no descriptors */

struct client {
	struct vined_control *control;
	struct rt_watch watch;		/* fd -1: a free place */
	struct rt_timer timer;
	char line[VINE_CONTROL_LINE + 1];
	size_t len;
	struct vined_call call;
	char *reply;
	size_t reply_len;
	size_t sent;
};

struct vined_control {
	struct vined_admin admin;
	struct rt_wait *wait;
	struct rt_watch listener;
	struct rt_timer again;		/* when accepting failed */
	char path[UTILS_CONTROL_PATH];
	struct stat made;		/* the socket that we put there */
	struct utils_log_rate rate;
	struct client clients[VINE_CONTROL_CLIENTS];
};

static void read_line(struct rt_watch *watch, uint32_t events);
static void write_reply(struct rt_watch *watch, uint32_t events);
static void run_again(struct rt_timer *timer);
static void listen_again(struct vined_control *c);

/* --- a client ------------------------------------------------------------ */

static void
set_timer(struct client *cl, void (*fire)(struct rt_timer *), uint32_t ms)
{
	cl->timer.fire = fire;
	cl->timer.user = cl;
	rt_timers_set(rt_wait_timers(cl->control->wait), &cl->timer,
		      utils_clock_ns() + ms * MS);
}

static void
hang_up(struct client *cl)
{
	struct vined_control *c = cl->control;
	int stop = cl->call.stop;

	rt_wait_unwatch(c->wait, &cl->watch);
	rt_timers_cancel(rt_wait_timers(c->wait), &cl->timer);
	vined_command_drop(&cl->call);
	free(cl->reply);
	close(cl->watch.fd);
	memset(cl, 0, sizeof(*cl));
	cl->control = c;
	cl->watch.fd = -1;
	if (stop)
		c->admin.stop(c->admin.user);
	else
		listen_again(c);
}

static void
stalled(struct rt_timer *timer)
{
	struct client *cl = timer->user;

	utils_log_limited(&cl->control->rate, UTILS_LOG_WARN,
			  "a client of the control socket stalled for %d ms",
			  VINE_CONTROL_STALL_MS);
	hang_up(cl);
}

static void
watch_for(struct client *cl, uint32_t events,
	  void (*ready)(struct rt_watch *, uint32_t))
{
	cl->watch.events = events;
	cl->watch.ready = ready;
	cl->watch.user = cl;
	if (rt_wait_watch(cl->control->wait, &cl->watch) != 0)
		hang_up(cl);
}

static void
write_reply(struct rt_watch *watch, uint32_t events)
{
	struct client *cl = watch->user;

	(void)events;
	while (cl->sent < cl->reply_len) {
		ssize_t n = send(watch->fd, cl->reply + cl->sent,
				 cl->reply_len - cl->sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			watch_for(cl, POLLOUT, write_reply);
			return;
		}
		if (n <= 0)
			break;
		cl->sent += (size_t)n;
	}
	hang_up(cl);
}

/* The answer is there, or is to be asked for again in a while. */
static void
answer_or_wait(struct client *cl, uint32_t ms)
{
	if (ms) {
		set_timer(cl, run_again, ms);
		return;
	}
	if (cl->call.answer == NULL)
		vined_command_refuse(&cl->call, "out of memory");
	cl->reply = json_dumps(cl->call.answer,
			       JSON_COMPACT | JSON_ENSURE_ASCII);
	if (cl->reply == NULL) {
		log_error("no memory for an answer to the operator");
		hang_up(cl);
		return;
	}
	cl->reply_len = strlen(cl->reply);
	cl->reply[cl->reply_len++] = '\n';	/* in the place of its NUL */
	set_timer(cl, stalled, VINE_CONTROL_STALL_MS);
	cl->watch.user = cl;
	write_reply(&cl->watch, POLLOUT);
}

static void
run_again(struct rt_timer *timer)
{
	struct client *cl = timer->user;

	answer_or_wait(cl, vined_command_again(&cl->call));
}

static void
refuse(struct client *cl, const char *why)
{
	vined_command_refuse(&cl->call, "%s", why);
	answer_or_wait(cl, 0);
}

static void
read_line(struct rt_watch *watch, uint32_t events)
{
	struct client *cl = watch->user;
	ssize_t n = recv(watch->fd, cl->line + cl->len,
			 VINE_CONTROL_LINE - cl->len, MSG_DONTWAIT);
	char *end;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		watch_for(cl, POLLIN, read_line);
		return;
	}
	if (n <= 0) {	/* it has gone */
		hang_up(cl);
		return;
	}
	end = memchr(cl->line + cl->len, '\n', (size_t)n);
	cl->len += (size_t)n;
	if (end) {
		*end = '\0';
		answer_or_wait(cl, vined_command_begin(&cl->call,
						       &cl->control->admin,
						       cl->line));
	} else if (cl->len == VINE_CONTROL_LINE) {
		refuse(cl, "the request is too long");
	} else {
		watch_for(cl, POLLIN, read_line);
	}
}

/* --- the listener -------------------------------------------------------- */

static struct client *
free_place(struct vined_control *c)
{
	for (uint32_t i = 0; i < VINE_CONTROL_CLIENTS; i++)
		if (c->clients[i].watch.fd < 0)
			return &c->clients[i];
	return NULL;
}

/* Who may ask: root, and who we are. */
static int
may_ask(struct vined_control *c, int fd)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	    (peer.uid == 0 || peer.uid == geteuid()))
		return 1;
	utils_log_limited(&c->rate, UTILS_LOG_WARN,
			  "process %d of user %d is not answered at the "
			  "control socket, expected user 0 or %d",
			  (int)peer.pid, (int)peer.uid, (int)geteuid());
	return 0;
}

static void
welcome(struct vined_control *c, struct client *cl, int fd)
{
	cl->watch.fd = fd;
	set_timer(cl, stalled, VINE_CONTROL_STALL_MS);
	memset(&cl->call, 0, sizeof(cl->call));
	if (may_ask(c, fd))
		watch_for(cl, POLLIN, read_line);
	else
		refuse(cl, "only root and vined's own user are answered");
}

static void
accept_all(struct rt_watch *watch, uint32_t events)
{
	struct vined_control *c = watch->user;
	struct client *cl;

	(void)events;
	while ((cl = free_place(c)) != NULL) {
		int fd = accept4(watch->fd, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			welcome(c, cl, fd);
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			utils_log_limited(&c->rate, UTILS_LOG_WARN,
					  "the control socket cannot accept: "
					  "%s", strerror(errno));
			rt_timers_set(rt_wait_timers(c->wait), &c->again,
				      utils_clock_ns() + ACCEPT_AGAIN_MS * MS);
			return;
		}
	}
	listen_again(c);
}

/* Unless it is watched already, or would find no place, or waits a while. */
static void
listen_again(struct vined_control *c)
{
	if (c->listener.armed || rt_timer_is_set(&c->again) ||
	    free_place(c) == NULL)
		return;
	if (rt_wait_watch(c->wait, &c->listener) != 0)
		rt_timers_set(rt_wait_timers(c->wait), &c->again,
			      utils_clock_ns() + ACCEPT_AGAIN_MS * MS);
}

static void
again(struct rt_timer *timer)
{
	listen_again(timer->user);
}

/* --- the path ------------------------------------------------------------ */

/* The folder of a path that we chose: made where it is not, and ours alone. */
static int
make_folder(const char *path)
{
	char folder[UTILS_CONTROL_PATH];
	struct stat st;

	snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return -errno;
	if (lstat(folder, &st) != 0)
		return -errno;
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 022) != 0)
		return -EPERM;
	return 0;
}

static struct sockaddr_un
address_of(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	memcpy(a.sun_path, path, strnlen(path, sizeof(a.sun_path) - 1));
	return a;
}

/* What is at the path may go if it is a socket at which nobody listens. */
static int
is_free(const char *path)
{
	struct sockaddr_un a = address_of(path);
	struct stat st;
	int fd, rc;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0 &&
		errno == ECONNREFUSED ? 0 : -EADDRINUSE;
	close(fd);
	return rc;
}

static int
bind_beside(struct vined_control *c, int fd)
{
	/* with the NUL a path is as long as sun_path */
	char beside[UTILS_CONTROL_PATH + 16];
	struct sockaddr_un a;
	int rc = 0;

	snprintf(beside, sizeof(beside), "%s.%d", c->path, (int)getpid());
	if (strlen(beside) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	unlink(beside);		/* of a process that had our number */
	a = address_of(beside);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		return -errno;
	if (chmod(beside, 0600) != 0 || listen(fd, VINE_CONTROL_CLIENTS) != 0 ||
	    lstat(beside, &c->made) != 0 || rename(beside, c->path) != 0)
		rc = -errno;
	if (rc)
		unlink(beside);
	return rc;
}

static int
open_socket(struct vined_control *c)
{
	int rc = is_free(c->path), fd;

	if (rc)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = bind_beside(c, fd);
	if (rc)
		close(fd);
	else
		c->listener.fd = fd;
	return rc;
}

static void
remove_socket(struct vined_control *c)
{
	struct stat st;

	if (c->listener.fd < 0)
		return;
	/* another may have put his there since */
	if (lstat(c->path, &st) == 0 && st.st_ino == c->made.st_ino &&
	    st.st_dev == c->made.st_dev)
		unlink(c->path);
	close(c->listener.fd);
}

static int
start(const struct utils_config *config, struct vined_control *c)
{
	int rc = utils_control_path(config, c->path);

	if (rc == 0 && !utils_config_is_set(config, UTILS_KEY_control_socket))
		rc = make_folder(c->path);
	if (rc == 0)
		rc = open_socket(c);
	if (rc)
		return rc;
	c->listener.events = POLLIN;
	c->listener.ready = accept_all;
	c->listener.user = c;
	return rt_wait_watch(c->wait, &c->listener);
}

int
vined_control_start(const struct utils_config *config,
		    const struct vined_admin *admin, struct rt_wait *wait,
		    struct vined_control **control)
{
	const char *set = utils_config_str(config, UTILS_KEY_control_socket);
	struct vined_control *c = calloc(1, sizeof(*c));
	int rc;

	*control = NULL;
	if (c == NULL)
		return -ENOMEM;
	/* else jansson opens a file at the first answer, when vined may not */
	json_object_seed(0);
	c->admin = *admin;
	c->wait = wait;
	c->listener.fd = -1;
	c->again.fire = again;
	c->again.user = c;
	for (uint32_t i = 0; i < VINE_CONTROL_CLIENTS; i++) {
		c->clients[i].control = c;
		c->clients[i].watch.fd = -1;
	}
	rc = start(config, c);
	if (rc == 0) {
		log_debug("control socket %s", c->path);
		*control = c;
		return 0;
	}
	remove_socket(c);
	if (set && strcmp(set, "off") != 0) {
		log_error("control_socket %s cannot be made: %s", set,
			  strerror(-rc));
	} else {
		if (rc != -ENOENT)
			log_warn("no control socket at %s: %s", c->path,
				 strerror(-rc));
		rc = 0;
	}
	free(c);
	return rc;
}

void
vined_control_stop(struct vined_control *control)
{
	if (control == NULL)
		return;
	for (uint32_t i = 0; i < VINE_CONTROL_CLIENTS; i++) {
		/* nobody asks for a stop now, and nobody else comes in */
		control->clients[i].call.stop = 0;
		if (control->clients[i].watch.fd >= 0)
			hang_up(&control->clients[i]);
	}
	rt_wait_unwatch(control->wait, &control->listener);
	rt_timers_cancel(rt_wait_timers(control->wait), &control->again);
	remove_socket(control);
	free(control);
}
