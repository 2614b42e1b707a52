/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client is read until its line is there, then its command is carried out,
 * then it is written to; its one timer ends the first and the last of these and
 * paces the second. Nobody is accepted while all places are taken.
 *
 * The socket is made while vined may still make files, and listened to when
 * there is something to answer.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/vined_control.h"
#include "appliance/vined_socket.h"
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
	struct vined_socket socket;
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
	void (*end)(void *user) = cl->call.end;

	rt_wait_unwatch(c->wait, &cl->watch);
	rt_timers_cancel(rt_wait_timers(c->wait), &cl->timer);
	vined_command_drop(&cl->call);
	free(cl->reply);
	close(cl->watch.fd);
	memset(cl, 0, sizeof(*cl));
	cl->control = c;
	cl->watch.fd = -1;
	if (end)
		end(c->admin.user);
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

static int
open_socket(const struct utils_config *config, struct vined_control *c)
{
	const struct vined_socket_opts opts = { .mode = 0600,
		.owner = (uid_t)-1, .group = (gid_t)-1 };
	char path[UTILS_CONTROL_PATH];
	int rc = utils_control_path(config, path);

	if (rc == 0 && !utils_config_is_set(config, UTILS_KEY_control_socket))
		rc = make_folder(path);
	if (rc == 0)
		rc = vined_socket_open(&c->socket, path, &opts);
	return rc;
}

int
vined_control_open(const struct utils_config *config, struct rt_wait *wait,
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
	c->wait = wait;
	c->again.fire = again;
	c->again.user = c;
	for (uint32_t i = 0; i < VINE_CONTROL_CLIENTS; i++) {
		c->clients[i].control = c;
		c->clients[i].watch.fd = -1;
	}
	rc = open_socket(config, c);
	if (rc == 0) {
		log_debug("control socket %s", c->socket.path);
		*control = c;
		return 0;
	}
	if (set && strcmp(set, "off") != 0) {
		log_error("control_socket %s cannot be made: %s", set,
			  strerror(-rc));
	} else {
		if (rc != -ENOENT)
			log_warn("no control socket: %s", strerror(-rc));
		rc = 0;
	}
	free(c);
	return rc;
}

int
vined_control_serve(struct vined_control *control,
		    const struct vined_admin *admin)
{
	if (control == NULL)
		return 0;
	control->admin = *admin;
	control->listener = (struct rt_watch){ .ready = accept_all,
		.user = control, .fd = control->socket.fd, .events = POLLIN };
	return rt_wait_watch(control->wait, &control->listener);
}

void
vined_control_stop(struct vined_control *control)
{
	if (control == NULL)
		return;
	for (uint32_t i = 0; i < VINE_CONTROL_CLIENTS; i++) {
		/* nobody asks for the end now, and nobody else comes in */
		control->clients[i].call.end = NULL;
		if (control->clients[i].watch.fd >= 0)
			hang_up(&control->clients[i]);
	}
	rt_wait_unwatch(control->wait, &control->listener);
	rt_timers_cancel(rt_wait_timers(control->wait), &control->again);
}

void
vined_control_close(struct vined_control *control)
{
	if (control == NULL)
		return;
	vined_socket_close(&control->socket);
	free(control);
}
