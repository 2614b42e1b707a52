/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection is a machine's port, of which one process at a time has the
 * other end; so it has one slot, that of the last who asked. The lock guards
 * the table of descriptors by slot, which lanes read: it is held for a send
 * that does not block. A machine may say any bytes: what is no ask is passed
 * over, and each wake of ours reads a bounded number of them.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/vined_gate.h"
#include "appliance/vined_ports.h"
#include "appliance/vined_socket.h"
#include "core/vine_door.h"
#include "core/vine_pipe.h"
#include "core/vine_port.h"
#include "core/vine_reaper.h"
#include "rt/rt_wait.h"
#include "utils/utils_clock.h"
#include "utils/utils_config.h"
#include "utils/utils_list.h"
#include "utils/utils_log.h"

#define MS UINT64_C(1000000)
#define NO_SLOT UINT32_MAX

struct port {
	struct utils_link link;
	struct vined_ports *of;
	struct rt_watch watch;
	struct rt_timer calm;	/* to read again */
	uint32_t slot;
	uint64_t nonce;
	uint8_t text[sizeof(struct vine_port_ask)];	/* of an ask */
	size_t have;
};

struct vined_ports {
	struct rt_wait *wait;
	vine_pipe_s *pipe;
	struct vined_socket socket;
	struct vined_gate gate;
	struct rt_watch listening;
	struct rt_timer retry;
	struct utils_list all;
	uint32_t count;
	struct utils_log_rate refusals, faults;
	pthread_mutex_t lock;
	int fds[VINE_SESSIONS_MAX];	/* by slot; -1: none */
};

/* --- ringing ------------------------------------------------------------- */

void
vined_ports_ring(void *ports, uint32_t slot)
{
	struct vined_ports *p = ports;
	const uint8_t byte = 0;

	if (slot >= VINE_SESSIONS_MAX)
		return;
	pthread_mutex_lock(&p->lock);
	if (p->fds[slot] >= 0)
		(void)send(p->fds[slot], &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	pthread_mutex_unlock(&p->lock);
}

/* The port is that slot's from now on, or with NO_SLOT none's. */
static void
give_slot(struct port *port, uint32_t slot)
{
	struct vined_ports *p = port->of;

	pthread_mutex_lock(&p->lock);
	if (port->slot != NO_SLOT && p->fds[port->slot] == port->watch.fd)
		p->fds[port->slot] = -1;
	if (slot != NO_SLOT)
		p->fds[slot] = port->watch.fd;
	port->slot = slot;
	pthread_mutex_unlock(&p->lock);
}

/* --- one port ------------------------------------------------------------ */

static void
drop(struct port *port)
{
	struct vined_ports *p = port->of;

	give_slot(port, NO_SLOT);
	rt_timers_cancel(rt_wait_timers(p->wait), &port->calm);
	rt_wait_unwatch(p->wait, &port->watch);
	close(port->watch.fd);
	utils_list_remove(&port->link);
	p->count--;
	free(port);
}

static void
lose(struct port *port)
{
	uint32_t slot = port->slot;

	log_debug("segment %s: a machine's serial port has gone",
		  port->of->pipe->seg->name);
	if (slot != NO_SLOT)
		vine_reaper_port_gone(port->of->pipe, slot, port->nonce);
	drop(port);
}

/* Somebody at the other end says which session he is. */
static void
take_ask(struct port *port)
{
	struct vined_ports *p = port->of;
	struct vine_port_answer answer = { .magic = VINE_PORT_MAGIC };
	struct vine_port_ask ask;

	memcpy(&ask, port->text, sizeof(ask));
	if (ask.slot >= p->pipe->seg->layout.sessions) {
		utils_log_limited(&p->faults, UTILS_LOG_WARN,
				  "segment %s: a serial port names slot %llu, "
				  "expected less than %u", p->pipe->seg->name,
				  (unsigned long long)ask.slot,
				  p->pipe->seg->layout.sessions);
		return;
	}
	port->nonce = ask.nonce;
	give_slot(port, (uint32_t)ask.slot);
	answer.nonce = ask.nonce;
	(void)send(port->watch.fd, &answer, sizeof(answer),
		   MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
take_byte(struct port *port, uint8_t byte)
{
	static const uint64_t magic = VINE_PORT_MAGIC;
	const uint8_t *want = (const uint8_t *)&magic;

	if (port->have < sizeof(magic) && byte != want[port->have])
		port->have = 0;
	if (port->have < sizeof(magic) && byte != want[port->have])
		return;
	port->text[port->have++] = byte;
	if (port->have == sizeof(port->text)) {
		port->have = 0;
		take_ask(port);
	}
}

static void
listen_to(struct port *port)
{
	if (rt_wait_watch(port->of->wait, &port->watch) != 0)
		rt_timers_set(rt_wait_timers(port->of->wait), &port->calm,
			      utils_clock_ns() + VINE_PEER_RETRY_MS * MS);
}

static void
listen_again(struct rt_timer *timer)
{
	listen_to(timer->user);
}

/* An ask or two; who says more than that is read once a while. */
static void
was_told(struct rt_watch *watch, uint32_t events)
{
	struct port *port = watch->user;
	uint8_t bytes[256];
	ssize_t n = recv(watch->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)events;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		lose(port);
		return;
	}
	for (ssize_t i = 0; i < n; i++)
		take_byte(port, bytes[i]);
	if (n < (ssize_t)sizeof(bytes))
		listen_to(port);
	else
		rt_timers_set(rt_wait_timers(port->of->wait), &port->calm,
			      utils_clock_ns() + VINE_PEER_RING_MS * MS);
}

/* --- coming -------------------------------------------------------------- */

/* It owns the connection, and closes it on an error. */
static int
port_new(struct vined_ports *p, int sock)
{
	struct port *port = calloc(1, sizeof(*port));
	int rc;

	if (port == NULL) {
		close(sock);
		return -ENOMEM;
	}
	port->of = p;
	port->slot = NO_SLOT;
	port->watch = (struct rt_watch){ .ready = was_told, .user = port,
		.fd = sock, .events = POLLIN };
	port->calm = (struct rt_timer){ .fire = listen_again, .user = port };
	utils_list_push_back(&p->all, &port->link);
	p->count++;
	rc = rt_wait_watch(p->wait, &port->watch);
	if (rc)
		drop(port);
	return rc;
}

static int
admit(struct vined_ports *p, int sock)
{
	struct ucred cred = { 0 };
	const char *why = vined_gate_objection(&p->gate, sock, &cred);

	if (why == NULL && p->count >= VINE_PORTS_MAX)
		why = "is one port too many";
	if (why == NULL)
		return port_new(p, sock);
	close(sock);
	utils_log_limited(&p->refusals, UTILS_LOG_WARN,
			  "segment %s refused process %d at %s: user %u %s",
			  p->pipe->seg->name, cred.pid, p->socket.path,
			  cred.uid, why);
	return 0;
}

static void
listen_in_a_while(struct vined_ports *p, int rc)
{
	utils_log_limited(&p->faults, UTILS_LOG_WARN,
			  "%s cannot take in serial ports: %s", p->socket.path,
			  strerror(-rc));
	rt_timers_set(rt_wait_timers(p->wait), &p->retry,
		      utils_clock_ns() + VINE_PEER_RETRY_MS * MS);
}

static void
listen_on(struct vined_ports *p)
{
	int rc = rt_wait_watch(p->wait, &p->listening);

	if (rc)
		listen_in_a_while(p, rc);
}

static void
retry(struct rt_timer *timer)
{
	listen_on(timer->user);
}

static void
take_in(struct rt_watch *watch, uint32_t events)
{
	struct vined_ports *p = watch->user;
	int rc = 0;

	(void)events;
	for (int i = 0; i < VINE_PEER_ACCEPTS && rc == 0; i++) {
		int sock = accept4(watch->fd, NULL, NULL,
				   SOCK_NONBLOCK | SOCK_CLOEXEC);

		rc = sock < 0 ? -errno : admit(p, sock);
	}
	/* out of descriptors or memory: whoever waits stays in the backlog,
	 * which would wake us all the time */
	if (rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM || rc == -ENOBUFS)
		listen_in_a_while(p, rc);
	else
		listen_on(p);
}

/* --- all ----------------------------------------------------------------- */

int
vined_ports_open(const struct utils_config *config, struct rt_wait *wait,
		 struct vined_ports **ports)
{
	struct vined_socket_opts opts;
	struct vined_ports *p;
	int rc;

	*ports = NULL;
	if (!utils_config_is_set(config, UTILS_KEY_bell_socket))
		return 0;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->wait = wait;
	p->socket.fd = -1;
	p->socket.lock = -1;
	utils_list_init(&p->all);
	pthread_mutex_init(&p->lock, NULL);
	for (uint32_t i = 0; i < VINE_SESSIONS_MAX; i++)
		p->fds[i] = -1;
	vined_socket_opts_read(config, &opts);
	rc = vined_gate_read(config, &p->gate);
	if (rc == 0)
		rc = vined_socket_open(&p->socket,
			utils_config_str(config, UTILS_KEY_bell_socket), &opts);
	if (rc) {
		vined_ports_close(p);
		return rc;
	}
	*ports = p;
	return 0;
}

void
vined_ports_bind(struct vined_ports *p, vine_pipe_s *pipe)
{
	if (p == NULL)
		return;
	p->pipe = pipe;
	vine_pipe_ring_ports_by(pipe, vined_ports_ring, p);
}

int
vined_ports_serve(struct vined_ports *p)
{
	int rc;

	if (p == NULL)
		return 0;
	p->retry = (struct rt_timer){ .fire = retry, .user = p };
	p->listening = (struct rt_watch){ .ready = take_in, .user = p,
		.fd = p->socket.fd, .events = POLLIN };
	rc = rt_wait_watch(p->wait, &p->listening);
	if (rc)
		log_error("%s cannot take in serial ports: %s", p->socket.path,
			  strerror(-rc));
	return rc;
}

void
vined_ports_stop(struct vined_ports *p)
{
	if (p == NULL)
		return;
	rt_timers_cancel(rt_wait_timers(p->wait), &p->retry);
	rt_wait_unwatch(p->wait, &p->listening);
	utils_list_each(&p->all, link) {
		struct port *port = utils_list_of(link, struct port, link);

		rt_timers_cancel(rt_wait_timers(p->wait), &port->calm);
		rt_wait_unwatch(p->wait, &port->watch);
	}
}

void
vined_ports_close(struct vined_ports *p)
{
	if (p == NULL)
		return;
	vined_ports_stop(p);
	utils_list_each_safe(&p->all, link, after)
		drop(utils_list_of(link, struct port, link));
	vined_socket_close(&p->socket);
	vined_gate_free(&p->gate);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
