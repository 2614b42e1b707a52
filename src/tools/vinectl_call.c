/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/vinectl_call.h"
#include "utils/utils_clock.h"

/* Wait until the socket is ready. Returns 0 or -ETIMEDOUT. */
static int
await(int fd, short events, uint64_t end_ns)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		uint64_t now = utils_clock_ns();
		int n;

		if (now >= end_ns)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)((end_ns - now) / 1000000 + 1));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int
send_line(int fd, const char *line, uint64_t end_ns)
{
	size_t len = strlen(line), sent = 0;

	while (sent < len) {
		ssize_t n = send(fd, line + sent, len - sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);
		int rc = 0;

		if (n >= 0)
			sent += (size_t)n;
		else if (errno == EAGAIN)
			rc = await(fd, POLLOUT, end_ns);
		else if (errno == EPIPE)
			return 0;	/* it has answered why, and hung up */
		else if (errno != EINTR)
			rc = -errno;
		if (rc)
			return rc;
	}
	return 0;
}

/* Until it hangs up. Where it left bytes of ours unread that is a reset. */
static int
receive(int fd, uint64_t end_ns, char **text, size_t *len)
{
	size_t room = 0;

	for (;;) {
		ssize_t n;
		int rc;

		if (*len + 4096 > room) {
			char *more;

			room = room ? room * 2 : 8192;
			more = room > VINECTL_ANSWER_MAX + 8192 ? NULL :
				realloc(*text, room);
			if (more == NULL)
				return room > VINECTL_ANSWER_MAX + 8192 ?
					-EMSGSIZE : -ENOMEM;
			*text = more;
		}
		n = recv(fd, *text + *len, room - *len - 1, MSG_DONTWAIT);
		if (n > 0) {
			*len += (size_t)n;
		} else if (n == 0 || (errno == ECONNRESET && *len)) {
			(*text)[*len] = '\0';
			return *len && (*text)[*len - 1] == '\n' ? 0 : -EPROTO;
		} else if (errno == EAGAIN) {
			rc = await(fd, POLLIN, end_ns);
			if (rc)
				return rc;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
}

int
vinectl_call(const char *path, const char *line, uint64_t timeout_ms,
	     char **answer, size_t *len)
{
	uint64_t end_ns = utils_clock_ns() + timeout_ms * 1000000;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char *text = NULL;
	size_t n = 0;
	int fd, rc = 0;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* a connect waits only where its queue is full: vined is stopped */
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		rc = -errno;
	if (rc == 0)
		rc = send_line(fd, line, end_ns);
	if (rc == 0)
		rc = receive(fd, end_ns, &text, &n);
	close(fd);
	if (rc) {
		free(text);
		return rc;
	}
	*answer = text;
	*len = n;
	return 0;
}
