/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One datagram for each thing that is said. The holder's queue may be full for
 * a moment: then what is to be said waits in a list, with copies of its
 * descriptors, and a timer tries again. A name has at most one entry there, for
 * dropping what was not sent yet takes it out; so the list has no more entries
 * than names are kept, and no name is left behind at the holder.
 *
 * systemd says nowhere how much it has kept, so we count.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "appliance/vined_holder.h"
#include "core/vine_limits.h"
#include "rt/rt_wait.h"
#include "utils/utils_clock.h"
#include "utils/utils_list.h"
#include "utils/utils_log.h"

#define MS UINT64_C(1000000)
#define TEXT 320	/* bytes of a datagram; a name has up to 255 */

/* The end of a pipe that vined-keeper gives each vined and writes nothing to:
 * src/tools/vined_keeper.c. */
#define KEEPER_LIFE "keeper"

/* What was kept, and not taken yet. */
struct kept {
	char *name;
	int fd;		/* -1: taken */
};

/* A datagram that waits. */
struct said {
	struct utils_link link;
	char name[VINED_HOLDER_NAME];	/* of descriptors to be kept; or "" */
	char text[TEXT];
	uint32_t count;
	int fds[VINED_HOLDER_EACH];	/* copies */
};

struct vined_holder {
	struct rt_wait *wait;
	int sock;		/* -1: there is none, or it has gone */
	uint32_t most;		/* descriptors that it keeps */
	uint32_t held;		/* of them, in use */
	struct kept *kept;
	uint32_t kept_count;
	struct rt_watch life;	/* of a vined-keeper; fd -1: not known */
	struct utils_list waiting;
	uint32_t waiting_count;
	struct rt_timer again;
	struct utils_log_rate full;
};

/* --- saying ------------------------------------------------------------- */

/* Room for the descriptors of one name. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(VINED_HOLDER_EACH * sizeof(int))];
};

static int
send_now(const struct vined_holder *h, const char *text, const int *fds,
	 uint32_t count)
{
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t size = count * sizeof(*fds);
	union control control;

	if (count) {
		struct cmsghdr *c = &control.align;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(size);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(c), fds, size);
	}
	return sendmsg(h->sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ?
		-errno : 0;
}

/* Its queue is full, or descriptors of this user are on their way to many. */
static int
is_busy(int rc)
{
	return rc == -EAGAIN || rc == -ENOBUFS || rc == -ENOMEM ||
		rc == -ETOOMANYREFS || rc == -EINTR;
}

static void
said_free(struct vined_holder *h, struct said *said)
{
	utils_list_remove(&said->link);
	h->waiting_count--;
	for (uint32_t i = 0; i < said->count; i++)
		close(said->fds[i]);
	free(said);
}

static void
is_gone(struct vined_holder *h, const char *why)
{
	if (h->sock < 0)
		return;
	log_warn("what held descriptors for the next vined is gone: %s; when "
		 "this one is killed, sessions on sockets will be lost", why);
	close(h->sock);
	h->sock = -1;
	rt_timers_cancel(rt_wait_timers(h->wait), &h->again);
	utils_list_each_safe(&h->waiting, link, after)
		said_free(h, utils_list_of(link, struct said, link));
}

static void
try_again(struct rt_timer *timer)
{
	struct vined_holder *h = timer->user;
	int rc = 0;

	utils_list_each_safe(&h->waiting, link, after) {
		struct said *said = utils_list_of(link, struct said, link);

		rc = send_now(h, said->text, said->fds, said->count);
		if (rc)
			break;
		said_free(h, said);
	}
	if (rc && !is_busy(rc))
		is_gone(h, strerror(-rc));
	else if (rc)
		rt_timers_set(rt_wait_timers(h->wait), &h->again,
			      utils_clock_ns() + VINE_HOLDER_AGAIN_MS * MS);
}

/* Returns 0, or -errno with nothing kept. */
static int
wait_with(struct vined_holder *h, const char *name, const char *text,
	  const int *fds, uint32_t count)
{
	struct said *said = h->waiting_count < VINE_HOLDER_FDS ?
		calloc(1, sizeof(*said)) : NULL;

	if (said == NULL)
		return -ENOMEM;
	snprintf(said->name, sizeof(said->name), "%s", name);
	snprintf(said->text, sizeof(said->text), "%s", text);
	utils_list_push_back(&h->waiting, &said->link);
	h->waiting_count++;
	for (; said->count < count; said->count++) {
		int fd = fcntl(fds[said->count], F_DUPFD_CLOEXEC, 3), rc;

		if (fd < 0) {
			rc = -errno;
			said_free(h, said);
			return rc;
		}
		said->fds[said->count] = fd;
	}
	if (!rt_timer_is_set(&h->again))
		rt_timers_set(rt_wait_timers(h->wait), &h->again,
			      utils_clock_ns() + VINE_HOLDER_AGAIN_MS * MS);
	return 0;
}

/* In order: what comes behind something that waits waits, too. */
static int
say(struct vined_holder *h, const char *name, const char *text, const int *fds,
    uint32_t count)
{
	int rc = -EAGAIN;

	if (utils_list_empty(&h->waiting))
		rc = send_now(h, text, fds, count);
	if (is_busy(rc))
		return wait_with(h, name, text, fds, count);
	if (rc)
		is_gone(h, strerror(-rc));
	return rc;
}

void
vined_holder_tell(struct vined_holder *h, const char *state)
{
	if (h->sock < 0)
		return;
	/* signs of life do not help who comes late to hear them */
	if (strcmp(state, "WATCHDOG=1") != 0)
		(void)say(h, "", state, NULL, 0);
	else if (utils_list_empty(&h->waiting))
		(void)send_now(h, state, NULL, 0);
}

int
vined_holder_keeps(const struct vined_holder *h)
{
	return h->sock >= 0 && h->most > 0;
}

int
vined_holder_put(struct vined_holder *h, const char *name, const int *fds,
		 uint32_t count)
{
	char text[TEXT];
	int rc;

	if (!vined_holder_keeps(h))
		return 0;
	rc = -ENOSPC;
	if (h->held + count <= h->most) {
		/* FDPOLL: a peer that hung up is for the next vined to see */
		snprintf(text, sizeof(text),
			 "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
		rc = say(h, name, text, fds, count);
	}
	if (rc && h->sock >= 0)
		utils_log_limited(&h->full, UTILS_LOG_WARN,
				  "%s is not held for the next vined, with %u "
				  "of %u descriptors in use: %s", name,
				  h->held, h->most, strerror(-rc));
	if (rc)
		return 0;
	h->held += count;
	return 1;
}

/* If it is not even sent yet: 1. */
static int
unsay(struct vined_holder *h, const char *name)
{
	utils_list_each_safe(&h->waiting, link, after) {
		struct said *said = utils_list_of(link, struct said, link);

		if (strcmp(said->name, name) != 0)
			continue;
		h->held -= said->count;
		said_free(h, said);
		return 1;
	}
	return 0;
}

void
vined_holder_drop(struct vined_holder *h, const char *name, uint32_t count)
{
	char text[TEXT];
	int rc;

	if (h->sock < 0 || unsay(h, name))
		return;
	h->held -= count < h->held ? count : h->held;
	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	rc = say(h, "", text, NULL, 0);
	if (rc && h->sock >= 0)
		log_warn("%s stays with who holds descriptors: %s", name,
			 strerror(-rc));
}

/* --- what was kept ------------------------------------------------------ */

/* Is it one of those that vined gives a name, and not taken yet? */
static int
is_left(const struct kept *k)
{
	return k->fd >= 0 && strlen(k->name) < VINED_HOLDER_NAME;
}

uint32_t
vined_holder_take(struct vined_holder *h, const char *name, int *fds)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->kept_count; i++) {
		struct kept *k = &h->kept[i];

		if (k->fd < 0 || strcmp(k->name, name) != 0)
			continue;
		if (n < VINED_HOLDER_EACH)
			fds[n] = k->fd;
		else
			close(k->fd);
		k->fd = -1;
		n++;
	}
	return n;
}

const char *
vined_holder_next(const struct vined_holder *h, const char *prefix)
{
	for (uint32_t i = 0; i < h->kept_count; i++)
		if (is_left(&h->kept[i]) &&
		    strncmp(h->kept[i].name, prefix, strlen(prefix)) == 0)
			return h->kept[i].name;
	return NULL;
}

void
vined_holder_rest(struct vined_holder *h)
{
	const char *first = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->kept_count; i++) {
		struct kept *k = &h->kept[i];

		if (k->fd < 0)
			continue;
		close(k->fd);
		k->fd = -1;
		vined_holder_drop(h, k->name, 1);
		first = n++ ? first : k->name;
	}
	/* perhaps of a socket that the configs do not name any more */
	if (n)
		log_warn("%u descriptors were held for this vined, which has "
			 "no use for them, the first %s", n, first);
}

/* Descriptors from 3 on, by the words of sd_listen_fds(3). */
static int
read_kept(struct vined_holder *h)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);

	if (n < 0)
		log_warn("what was held for this vined cannot be read: %s",
			 strerror(-n));
	if (n <= 0)
		return 0;
	h->kept = calloc((size_t)n, sizeof(*h->kept));
	for (int i = 0; i < n; i++) {
		if (h->kept == NULL) {
			free(names[i]);
			continue;
		}
		h->kept[i].name = names[i];
		h->kept[i].fd = SD_LISTEN_FDS_START + i;
	}
	free(names);
	if (h->kept == NULL)
		return -ENOMEM;
	h->kept_count = (uint32_t)n;
	h->held = h->kept_count;
	return 0;
}

/* --- the holder --------------------------------------------------------- */

static void
has_ended(struct rt_watch *watch, uint32_t events)
{
	(void)events;
	is_gone(watch->user, "it has ended");
}

void
vined_holder_serve(struct vined_holder *h)
{
	if (h->life.fd >= 0 && rt_wait_watch(h->wait, &h->life) != 0)
		log_debug("the end of what holds descriptors is not noticed");
}

/* A path, or a name in the kernel's own space, which begins with "@". */
static int
find(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int sock;

	if ((path[0] != '/' && path[0] != '@') || len >= sizeof(to.sun_path)) {
		log_warn("NOTIFY_SOCKET %s: expected an absolute path", path);
		return -1;
	}
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	else
		len++;
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (sock >= 0 &&
	    connect(sock, (struct sockaddr *)&to, (socklen_t)
		    (offsetof(struct sockaddr_un, sun_path) + len)) == 0)
		return sock;
	log_warn("NOTIFY_SOCKET %s cannot be connected to: %s", path,
		 strerror(errno));
	if (sock >= 0)
		close(sock);
	return -1;
}

/* How many it keeps: newer ones say so. */
static uint32_t
read_most(void)
{
	const char *text = getenv("FDSTORE");
	unsigned long n = text ? strtoul(text, NULL, 10) : VINE_HOLDER_FDS;

	return n < VINE_HOLDER_FDS ? (uint32_t)n : VINE_HOLDER_FDS;
}

int
vined_holder_open(struct rt_wait *wait, struct vined_holder **holder)
{
	struct vined_holder *h = calloc(1, sizeof(*h));
	const char *path = getenv("NOTIFY_SOCKET");
	int fds[VINED_HOLDER_EACH], rc;

	if (h == NULL)
		return -ENOMEM;
	utils_list_init(&h->waiting);
	h->wait = wait;
	h->sock = -1;
	h->life = (struct rt_watch){ .ready = has_ended, .user = h, .fd = -1,
		.events = POLLIN };
	h->again = (struct rt_timer){ .fire = try_again, .user = h };
	rc = read_kept(h);
	if (rc) {
		free(h);
		return rc;
	}
	if (path)
		h->sock = find(path);
	h->most = read_most();
	if (vined_holder_take(h, KEEPER_LIFE, fds) == 1) {
		h->life.fd = fds[0];
		h->held--;	/* by nobody: each vined has its own */
	}
	*holder = h;
	return 0;
}

static void
send_last(struct vined_holder *h)
{
	uint64_t end = utils_clock_ns() + VINE_HOLDER_LAST_MS * MS;

	while (h->sock >= 0 && !utils_list_empty(&h->waiting) &&
	       utils_clock_ns() < end) {
		struct pollfd p = { .fd = h->sock, .events = POLLOUT };

		(void)poll(&p, 1, VINE_HOLDER_AGAIN_MS);
		try_again(&h->again);
	}
}

void
vined_holder_close(struct vined_holder *h)
{
	if (h == NULL)
		return;
	send_last(h);
	rt_timers_cancel(rt_wait_timers(h->wait), &h->again);
	utils_list_each_safe(&h->waiting, link, after)
		said_free(h, utils_list_of(link, struct said, link));
	if (h->life.fd >= 0) {
		rt_wait_unwatch(h->wait, &h->life);
		close(h->life.fd);
	}
	for (uint32_t i = 0; i < h->kept_count; i++) {
		if (h->kept[i].fd >= 0)
			close(h->kept[i].fd);
		free(h->kept[i].name);
	}
	if (h->sock >= 0)
		close(h->sock);
	free(h->kept);
	free(h);
}
