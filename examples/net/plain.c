/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain: srv and clt without the runtime, to hold it against: a loop around
 * epoll_wait a thread, one send or recv for each event, nothing else.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/vine_limits.h"
#include "net_crew.h"
#include "utils/utils_clock.h"

#define EVENTS 256	/* taken at a time */
#define SECOND UINT64_C(1000000000)

enum kind { NONE, LISTENER, DIALING, OPEN };

struct place {
	enum kind kind;
	uint32_t number;	/* the meter's, where it is open */
	uint64_t begun;		/* ns, where it is dialing */
};

struct loop {
	struct net_thread *thread;
	int ep;
	char *data;
	struct place *places;	/* by descriptor */
	uint32_t room;
	uint32_t left;		/* sockets to be opened */
	uint32_t dialing;
	uint32_t open;
	uint64_t begun;		/* ns */
};

static int
watch(struct loop *l, int how, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	if ((uint32_t)fd >= l->room)
		return -EMFILE;
	return epoll_ctl(l->ep, how, fd, &ev) == 0 ? 0 : -errno;
}

static int
fail(struct loop *l, const char *what, int fd, int rc)
{
	net_meter_failed(&l->thread->meter, what, rc);
	if (fd >= 0)
		close(fd);
	return rc;
}

static void
end_connection(struct loop *l, int fd)
{
	close(fd);
	l->places[fd].kind = NONE;
	l->open--;
	net_meter_closed(&l->thread->meter);
}

/* A connection is there; its events are those of the role. */
static void
begin_connection(struct loop *l, int how, int fd)
{
	const int srv = l->thread->opts->role == NET_SRV;
	int rc = watch(l, how, fd, srv ? EPOLLOUT : EPOLLIN);

	if (rc) {
		fail(l, "epoll_ctl", fd, rc);
		return;
	}
	l->places[fd].kind = OPEN;
	l->places[fd].number = net_meter_opened(&l->thread->meter);
	l->open++;
}

/* --- srv --- */

static int
listen_at(struct loop *l, const struct sockaddr_in *address)
{
	const int on = 1, size = (int)l->thread->opts->send_buffer;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0 ||
	    (size && setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size,
				sizeof(size)) != 0) ||
	    bind(fd, (const void *)address, sizeof(*address)) != 0 ||
	    listen(fd, VINE_RT_BACKLOG) != 0)
		return -errno;
	rc = watch(l, EPOLL_CTL_ADD, fd, EPOLLIN);
	if (rc == 0)
		l->places[fd].kind = LISTENER;
	return rc;
}

static void
take_in(struct loop *l, int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			begin_connection(l, EPOLL_CTL_ADD, fd);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR) {
			fail(l, "accept", -1, -errno);
			return;
		}
	}
}

static void
send_some(struct loop *l, int fd)
{
	ssize_t n = send(fd, l->data, l->thread->opts->size, MSG_NOSIGNAL);

	if (n >= 0) {
		net_meter_out(&l->thread->meter, l->places[fd].number,
			      (uint64_t)n);
		return;
	}
	if (errno == EAGAIN || errno == EINTR)
		return;
	if (errno != EPIPE && errno != ECONNRESET)
		fail(l, "send", -1, -errno);
	end_connection(l, fd);
}

/* --- clt --- */

static int
dial(struct loop *l)
{
	struct net_thread *t = l->thread;
	struct sockaddr_in to = net_opts_address(t->opts,
		(t->number + l->left) % t->opts->addresses);
	const int on = 1;
	uint64_t now = utils_clock_ns();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	l->left--;
	if (fd < 0)
		return fail(l, "socket", -1, -errno);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const void *)&to, sizeof(to)) != 0 &&
	    errno != EINPROGRESS)
		return fail(l, "connect", fd, -errno);
	rc = watch(l, EPOLL_CTL_ADD, fd, EPOLLOUT);
	if (rc)
		return fail(l, "epoll_ctl", fd, rc);
	l->places[fd].kind = DIALING;
	l->places[fd].begun = now;
	l->dialing++;
	return 0;
}

static void
dialed(struct loop *l, int fd)
{
	int error = 0;
	socklen_t size = sizeof(error);

	l->dialing--;
	l->places[fd].kind = NONE;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		error = errno;
	if (error) {
		fail(l, "connect", fd, -error);
		return;
	}
	utils_hist_record(&l->thread->meter.connect_ns,
			  utils_clock_ns() - l->places[fd].begun);
	begin_connection(l, EPOLL_CTL_MOD, fd);
}

static void
receive_some(struct loop *l, int fd)
{
	ssize_t n = recv(fd, l->data, l->thread->opts->size, 0);

	if (n > 0) {
		net_meter_in(&l->thread->meter, l->places[fd].number,
			     (uint64_t)n);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		fail(l, "recv", -1, -errno);
	end_connection(l, fd);
}

/* Dial what it is time for; returns ms until the next. */
static int
dial_due(struct loop *l)
{
	const struct net_opts *opts = l->thread->opts;

	while (l->left && l->dialing < opts->dialing) {
		uint64_t done = opts->sockets - l->left;
		uint64_t due = opts->rate ? done * SECOND / opts->rate : 0;
		uint64_t spent = utils_clock_ns() - l->begun;

		if (due > spent)
			return (int)((due - spent) / 1000000 + 1);
		dial(l);
	}
	return NET_LOOK_MS;
}

/* --- both --- */

static void
on_event(struct loop *l, int fd)
{
	switch (l->places[fd].kind) {
	case LISTENER:
		take_in(l, fd);
		break;
	case DIALING:
		dialed(l, fd);
		break;
	case OPEN:
		if (l->thread->opts->role == NET_SRV)
			send_some(l, fd);
		else
			receive_some(l, fd);
		break;
	case NONE:
		break;
	}
}

static int
go_round(struct loop *l)
{
	const int srv = l->thread->opts->role == NET_SRV;
	struct epoll_event events[EVENTS];

	while (!net_crew_stops(l->thread) &&
	       (srv || l->left || l->dialing || l->open)) {
		int pause = srv ? NET_LOOK_MS : dial_due(l);
		int n = epoll_wait(l->ep, events, EVENTS,
				   pause < NET_LOOK_MS ? pause : NET_LOOK_MS);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++)
			on_event(l, events[i].data.fd);
	}
	for (uint32_t fd = 0; fd < l->room; fd++)
		if (l->places[fd].kind == OPEN)
			end_connection(l, (int)fd);
	return 0;
}

/* What it opens ends with the thread, which has its own descriptors. */
static int
run(struct net_thread *thread)
{
	const struct net_opts *opts = thread->opts;
	struct loop l = { .thread = thread, .begun = utils_clock_ns() };
	int rc = 0;

	l.room = (uint32_t)sysconf(_SC_OPEN_MAX);
	l.data = malloc(opts->size);
	l.places = calloc(l.room, sizeof(*l.places));
	l.ep = epoll_create1(EPOLL_CLOEXEC);
	if (l.data == NULL || l.places == NULL)
		rc = -ENOMEM;
	else if (l.ep < 0)
		rc = -errno;
	else
		memset(l.data, 'v', opts->size);
	if (opts->role == NET_CLT)
		l.left = opts->sockets;
	for (uint32_t i = 0; opts->role == NET_SRV && rc == 0 &&
	     i < opts->addresses; i++) {
		struct sockaddr_in at = net_opts_address(opts, i);

		rc = listen_at(&l, &at);
	}
	if (rc == 0 && opts->role == NET_SRV)
		net_crew_listens(thread);
	if (rc == 0)
		rc = go_round(&l);
	free(l.places);
	free(l.data);
	return rc;
}

int
main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";
	const int srv = strcmp(role, "srv") == 0;
	struct net_opts opts;
	int status;

	if (!srv && strcmp(role, "clt") != 0) {
		fprintf(stderr, "plain: %s: expected srv or clt, then options; "
			"see plain srv --help\n", *role ? role : "no role");
		return NET_EXIT_USAGE;
	}
	if (!net_opts_read(argc - 1, argv + 1, srv ? "plain srv" : "plain clt",
			   srv ? NET_SRV : NET_CLT, 0, &opts, &status))
		return status;
	return (int)net_crew_run(&opts, "plain epoll", run);
}
