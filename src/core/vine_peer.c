/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words, and how libvine attaches: connect, take the greeting word by word,
 * keep the connection.
 *
 * Nothing here waits in a system call but poll(), outside the lock of forks.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "arch/shm/arch_shm.h"
#include "core/vine_fork.h"
#include "core/vine_peer.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"

/* Room for one descriptor. The kernel may find room for a second in it. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int
vine_peer_say(int sock, int64_t value, int fd)
{
	uint64_t word = htole64((uint64_t)value);
	struct iovec iov = { &word, sizeof(word) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *c = &control.align;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	n = sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == (ssize_t)sizeof(word))
		return 0;
	/* half a word: the other side's buffer is full, and the rest would
	 * have to be kept; nobody is so far behind that reads */
	return n >= 0 ? -EAGAIN : -errno;
}

/* Keep the first descriptor of a word, close any other. */
static void
keep_fd(struct msghdr *msg, struct vine_peer_word *word)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (word->fd < 0)
				word->fd = fd;
			else
				close(fd);
		}
	}
}

int
vine_peer_hear(int sock, struct vine_peer_word *word, int64_t *value)
{
	union control control;
	struct iovec iov;
	struct msghdr msg;
	uint64_t bits;
	ssize_t n;

	while (word->have < sizeof(word->bytes)) {
		iov.iov_base = word->bytes + word->have;
		iov.iov_len = sizeof(word->bytes) - word->have;
		memset(&msg, 0, sizeof(msg));
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		keep_fd(&msg, word);
		if (n == 0)
			return -ECONNRESET;
		word->have += (uint32_t)n;
	}
	memcpy(&bits, word->bytes, sizeof(bits));
	*value = (int64_t)le64toh(bits);
	return 0;
}

/* --- attaching ---------------------------------------------------------- */

/* An attach under way. */
struct attach {
	const char *path;
	uint64_t end;		/* ns, when to give up */
	struct vine_peer *peer;
	int *fd;
	int version;		/* heard */
};

static void
shut(int *fd)
{
	vine_fork_lock();
	vine_fork_close(fd);
	vine_fork_unlock();
}

static int
address(const char *path, struct sockaddr_un *to)
{
	memset(to, 0, sizeof(*to));
	to->sun_family = AF_UNIX;
	if (path[0] != '/' || strlen(path) >= sizeof(to->sun_path)) {
		log_error("socket %s: expected an absolute path of at most %zu "
			  "bytes", path, sizeof(to->sun_path) - 1);
		return -EINVAL;
	}
	memcpy(to->sun_path, path, strlen(path));
	return 0;
}

static int
connect_once(struct attach *a, const struct sockaddr_un *to)
{
	int *sock = &a->peer->sock, rc = 0;

	vine_fork_lock();
	*sock = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*sock < 0)
		rc = -errno;
	vine_fork_unlock();
	if (rc == 0 && connect(*sock, (const struct sockaddr *)to,
			       sizeof(*to)) != 0) {
		rc = -errno;
		shut(sock);
	}
	return rc;
}

/* Nobody listens yet, or more connect than are taken in: try for a while. */
static int
connect_to(struct attach *a)
{
	struct timespec nap = { 0, 1000000 };
	struct sockaddr_un to;
	int rc = address(a->path, &to);

	if (rc)
		return rc;
	for (;;) {
		rc = connect_once(a, &to);
		if (rc != -ENOENT && rc != -ECONNREFUSED && rc != -EAGAIN)
			break;
		if (utils_clock_ns() >= a->end) {
			log_error("socket %s: no appliance listens there: %s",
				  a->path, strerror(-rc));
			return -ETIMEDOUT;
		}
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < 20000000)
			nap.tv_nsec *= 2;
	}
	if (rc)
		log_error("socket %s cannot be connected to: %s", a->path,
			  strerror(-rc));
	return rc;
}

static int
not_a_greeting(const struct attach *a, int64_t value, int fd)
{
	log_error("socket %s says %" PRId64 " with %s descriptor, expected "
		  "the greeting of an ivshmem server of version %d", a->path,
		  value, fd >= 0 ? "a" : "no", VINE_PEER_VERSION);
	return -EPROTO;
}

/* Take a word of the greeting. Returns 1 if it was the last, 0, or -EPROTO. */
static int
take_word(struct attach *a, int64_t value, int *fd)
{
	if (!a->version) {
		if (value != VINE_PEER_VERSION || *fd >= 0)
			return not_a_greeting(a, value, *fd);
		a->version = 1;
	} else if (a->peer->id == 0) {
		if (value <= 0 || value > UINT16_MAX || *fd >= 0)
			return not_a_greeting(a, value, *fd);
		a->peer->id = (uint32_t)value;
	} else if (*a->fd < 0) {
		if (value != VINE_PEER_SEGMENT || *fd < 0)
			return not_a_greeting(a, value, *fd);
		*a->fd = *fd;
		*fd = -1;
	} else {
		return value == a->peer->id && *fd >= 0;
	}
	return 0;
}

/* Hear what is there. Returns as take_word, or -EAGAIN. */
static int
take_words(struct attach *a, struct vine_peer_word *word)
{
	int64_t value;
	int rc = 0;

	vine_fork_lock();	/* descriptors come in */
	while (rc == 0) {
		rc = vine_peer_hear(a->peer->sock, word, &value);
		if (rc)
			break;
		rc = take_word(a, value, &word->fd);
		vine_fork_close(&word->fd);
		word->have = 0;
	}
	vine_fork_unlock();
	return rc;
}

static int
take_greeting(struct attach *a)
{
	struct vine_peer_word word = { .fd = -1 };
	int rc;

	while ((rc = take_words(a, &word)) == -EAGAIN) {
		struct pollfd p = { .fd = a->peer->sock, .events = POLLIN };
		uint64_t now = utils_clock_ns(), ms;

		if (now >= a->end) {
			log_error("socket %s: no appliance answers", a->path);
			rc = -ETIMEDOUT;
			break;
		}
		ms = (a->end - now) / 1000000 + 1;
		poll(&p, 1, ms < 1000 ? (int)ms : 1000);
	}
	shut(&word.fd);
	if (rc == -ECONNRESET) {
		log_error("socket %s was closed by the appliance: this user "
			  "may not attach, or there are too many", a->path);
		rc = -EACCES;
	}
	return rc == 1 ? 0 : rc;
}

/* The file that we were handed is everybody's: its locks are, too. */
static int
own_file(struct attach *a)
{
	int fd;

	vine_fork_lock();
	fd = arch_shm_reopen(*a->fd);
	vine_fork_close(a->fd);
	*a->fd = fd < 0 ? -1 : fd;
	vine_fork_unlock();
	if (fd < 0)
		log_error("socket %s: the segment cannot be opened by "
			  "/proc/self/fd: %s", a->path, strerror(-fd));
	return fd < 0 ? fd : 0;
}

int
vine_peer_attach(const char *path, int64_t timeout_ns, struct vine_peer *peer,
		 int *fd)
{
	struct attach a = { .path = path, .peer = peer, .fd = fd,
		.end = utils_clock_ns() + (uint64_t)timeout_ns };
	int rc;

	peer->id = 0;
	peer->sock = -1;
	*fd = -1;
	rc = connect_to(&a);
	if (rc == 0)
		rc = take_greeting(&a);
	if (rc == 0)
		rc = own_file(&a);
	if (rc) {
		shut(&peer->sock);
		shut(fd);
	}
	return rc;
}

int
vine_peer_is_served(const struct vine_peer *peer)
{
	struct pollfd p = { .fd = peer->sock };

	return poll(&p, 1, 0) <= 0;	/* no events: hung up, or not */
}
