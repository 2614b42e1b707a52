/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket at which peers come, and what they are handed. Who is let in joins
 * the crowd (vined_crowd.h).
 *
 * All are handed one open file on the segment, which is not vined's own: locks
 * are of open files. A peer opens the segment again from it, so a session's
 * byte lock works here as on a segment with a name.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/vined_bell.h"
#include "appliance/vined_crowd.h"
#include "appliance/vined_estate.h"
#include "appliance/vined_gate.h"
#include "appliance/vined_holder.h"
#include "appliance/vined_peers.h"
#include "appliance/vined_ringer.h"
#include "appliance/vined_socket.h"
#include "arch/shm/arch_shm.h"
#include "core/vine_door.h"
#include "core/vine_reaper.h"
#include "core/vine_tally.h"
#include "rt/rt_wait.h"
#include "utils/utils_clock.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"

#define MS UINT64_C(1000000)

struct vined_peers {
	struct vined_crowd crowd;	/* those that are there */
	struct rt_wait *wait;
	vine_pipe_s *pipe;
	struct vined_holder *holder;
	struct vined_estate estate;	/* what an earlier vined left */
	int listening_held;	/* 1: the holder has the socket, too */
	int resumed;		/* 1: it has segment and bell since earlier */
	struct vined_socket socket;
	struct vined_gate gate;
	struct vined_ringer *ringer;	/* of the peers' bells */
	struct rt_watch listening;
	struct rt_timer retry;	/* to listen again */
	struct vined_bell bell;	/* the appliance's; fd -1: none */
	struct utils_log_rate refusals, faults;
};

/* --- who may ------------------------------------------------------------ */

/* Why a connection is refused; NULL if it is not. */
static const char *
objection(const struct vined_peers *p, int sock, struct ucred *cred)
{
	const char *why = vined_gate_objection(&p->gate, sock, cred);

	if (why)
		return why;
	if (p->crowd.count >= p->gate.peers_max)
		return "is one peer too many";
	if (vined_crowd_count_of(&p->crowd, cred->uid) >= p->gate.peers_per_uid)
		return "has too many connections";
	return NULL;
}

/* --- coming ------------------------------------------------------------- */

static void
admit(struct vined_peers *p, int sock)
{
	struct ucred cred = { 0 };
	const char *why = objection(p, sock, &cred);
	int rc;

	if (why == NULL) {
		rc = vined_crowd_add(&p->crowd, sock, cred.uid);
		/* who hung up in the middle of it has nothing to be told */
		if (rc == 0 || rc == -EPIPE || rc == -ECONNRESET)
			return;
		utils_log_limited(&p->faults, UTILS_LOG_WARN,
				  "segment %s cannot take in a peer: %s",
				  p->socket.path, strerror(-rc));
		return;
	}
	close(sock);
	vine_tally_add(p->pipe, VINE_COUNT_PEERS_REFUSED, 1);
	utils_log_limited(&p->refusals, UTILS_LOG_WARN,
			  "segment %s refused process %d: user %u %s",
			  p->socket.path, cred.pid, cred.uid, why);
}

static void
listen_in_a_while(struct vined_peers *p, int rc)
{
	utils_log_limited(&p->faults, UTILS_LOG_WARN,
			  "segment %s cannot take in peers: %s",
			  p->socket.path, strerror(-rc));
	rt_timers_set(rt_wait_timers(p->wait), &p->retry,
		      utils_clock_ns() + VINE_PEER_RETRY_MS * MS);
}

static void
listen_on(struct vined_peers *p)
{
	int rc = rt_wait_watch(p->wait, &p->listening);

	if (rc)
		listen_in_a_while(p, rc);
}

static void
take_in(struct rt_watch *watch, uint32_t events)
{
	struct vined_peers *p = watch->user;
	int sock = 0;

	(void)events;
	for (int i = 0; i < VINE_PEER_ACCEPTS; i++) {
		sock = accept4(watch->fd, NULL, NULL,
			       SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (sock < 0)
			break;
		admit(p, sock);
	}
	/* out of descriptors or memory: whoever waits stays in the backlog,
	 * which would wake us all the time */
	if (sock < 0 && (errno == EMFILE || errno == ENFILE ||
			 errno == ENOMEM || errno == ENOBUFS))
		listen_in_a_while(p, -errno);
	else
		listen_on(p);
}

static void
retry(struct rt_timer *timer)
{
	listen_on(timer->user);
}

/* --- what an earlier vined left ------------------------------------------ */

static int
have_one_held(struct vined_peers *p, const char *what, int fd)
{
	char name[VINED_HOLDER_NAME];

	vined_estate_name(&p->estate, what, name);
	return vined_holder_put(p->holder, name, &fd, 1);
}

/* What the holder does not have yet: of a new segment all. */
static void
have_socket_held(struct vined_peers *p)
{
	const struct vine_keep *keep = &p->pipe->keep;

	if (!p->listening_held)
		p->listening_held = have_one_held(p, VINED_ESTATE_LISTENING,
						  p->socket.fd);
	if (p->resumed && keep->found)
		return;
	if (p->resumed) {	/* more workers than there may be: a new one */
		vined_estate_drop(&p->estate, VINED_ESTATE_KEEP);
	} else {
		have_one_held(p, VINED_ESTATE_SEGMENT, p->crowd.segment);
		have_one_held(p, VINED_ESTATE_BELL, p->bell.rung.fd);
	}
	if (keep->fd >= 0)
		have_one_held(p, VINED_ESTATE_KEEP, keep->fd);
}

/* --- all ---------------------------------------------------------------- */

/* A connection is a descriptor, its bell another; the usual limit is 1024. */
static void
make_room(const struct vined_peers *p)
{
	struct rlimit files;
	rlim_t want;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	want = files.rlim_cur + 2 * (rlim_t)p->gate.peers_max;
	if (want > files.rlim_max)
		want = files.rlim_max;
	files.rlim_cur = want;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

/* The one that an earlier vined had, or a new one. */
static int
open_socket(struct vined_peers *p, const struct utils_config *config)
{
	const char *path = utils_config_str(config, UTILS_KEY_socket);
	struct vined_socket_opts opts;
	int rc = -ENOENT;

	vined_socket_opts_read(config, &opts);
	if (p->estate.listening >= 0) {
		rc = vined_socket_adopt(&p->socket, path, p->estate.listening,
					&opts);
		p->listening_held = rc == 0;
	}
	if (rc == 0)
		p->estate.listening = -1;
	if (rc != -ENOENT)
		return rc;
	vined_estate_drop(&p->estate, VINED_ESTATE_LISTENING);
	return vined_socket_open(&p->socket, path, &opts);
}

/* Nobody is there yet. */
static void
gather(struct vined_peers *p)
{
	p->crowd = (struct vined_crowd){
		.wait = p->wait, .path = p->socket.path, .segment = -1,
		.bell = &p->bell, .holder = p->holder, .estate = &p->estate,
		.ringer = p->ringer,
	};
	utils_list_init(&p->crowd.all);
}

int
vined_peers_open(const struct utils_config *config, struct rt_wait *wait,
		 struct vined_holder *holder, struct vined_peers **peers)
{
	struct vined_peers *p;
	int rc;

	*peers = NULL;
	if (!utils_config_is_set(config, UTILS_KEY_socket))
		return 0;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->wait = wait;
	p->holder = holder;
	vined_bell_init(&p->bell);
	p->socket.fd = -1;
	p->socket.lock = -1;
	rc = vined_ringer_new(&p->ringer);
	gather(p);
	if (rc == 0)
		rc = vined_estate_open(&p->estate, holder,
			utils_config_str(config, UTILS_KEY_socket));
	if (rc == 0)
		rc = vined_gate_read(config, &p->gate);
	if (rc == 0)
		rc = open_socket(p, config);
	if (rc) {
		vined_peers_close(p);
		return rc;
	}
	make_room(p);
	*peers = p;
	return 0;
}

int
vined_peers_start(struct vined_peers *p, const struct utils_config *config,
		  uint32_t lanes, uint32_t most, vine_pipe_s **pipe)
{
	int rc = -EPROTO;

	if (p && vined_estate_is_there(&p->estate)) {
		rc = vine_pipe_resume(config, p->estate.segment,
				      p->estate.keep, lanes, most, pipe);
		p->resumed = rc == 0;
		if (rc == -EPROTO) {
			log_warn("socket %s begins anew, without the %u peers "
				 "of an earlier vined", p->estate.path,
				 p->estate.count);
			vined_estate_reject(&p->estate);
		}
	}
	return rc == -EPROTO ? vine_pipe_start(config, lanes, most, pipe) : rc;
}

int
vined_peers_bind(struct vined_peers *p, vine_pipe_s *pipe)
{
	if (p == NULL)
		return 0;
	p->pipe = pipe;
	p->crowd.pipe = pipe;
	vine_pipe_ring_by(pipe, vined_ringer_ring, p->ringer);
	if (p->resumed) {	/* the open file that peers have */
		p->crowd.segment = p->estate.segment;
		p->estate.segment = -1;
		return 0;
	}
	p->crowd.segment = arch_shm_reopen(pipe->seg->fd);
	if (p->crowd.segment >= 0)
		return 0;
	log_error("segment %s cannot be opened again for its peers: %s",
		  p->socket.path, strerror(-p->crowd.segment));
	return p->crowd.segment;
}

int
vined_peers_serve(struct vined_peers *p)
{
	int rc;

	if (p == NULL)
		return 0;
	rc = vined_bell_open(&p->bell, p->wait, p->pipe, p->estate.bell);
	p->estate.bell = -1;
	p->retry = (struct rt_timer){ .fire = retry, .user = p };
	p->listening = (struct rt_watch){ .ready = take_in, .user = p,
		.fd = p->socket.fd, .events = POLLIN };
	if (rc == 0)
		rc = vined_ringer_start(p->ringer);
	if (rc == 0)
		rc = rt_wait_watch(p->wait, &p->listening);
	if (rc) {
		log_error("segment %s cannot take in peers: %s",
			  p->socket.path, strerror(-rc));
		return rc;
	}
	for (uint32_t i = 0; i < p->estate.count; i++)
		vined_crowd_take_up(&p->crowd, &p->estate.peers[i]);
	have_socket_held(p);
	return 0;
}

void
vined_peers_meet(struct vined_peers *p)
{
	if (p == NULL || !p->resumed)
		return;
	log_info("segment %s goes on with %u peers of an earlier vined",
		 p->socket.path, p->crowd.count);
	vine_reaper_peers_only(p->pipe, p->crowd.used);
}

void
vined_peers_stop(struct vined_peers *p)
{
	if (p == NULL)
		return;
	rt_timers_cancel(rt_wait_timers(p->wait), &p->retry);
	rt_wait_unwatch(p->wait, &p->listening);
	vined_bell_stop(&p->bell);
	vined_crowd_stop(&p->crowd);
}

void
vined_peers_forget(struct vined_peers *p)
{
	if (p == NULL)
		return;
	vined_crowd_forget(&p->crowd);
	vined_estate_forget(&p->estate);
	p->listening_held = 0;
}

void
vined_peers_close(struct vined_peers *p)
{
	if (p == NULL)
		return;
	vined_peers_stop(p);
	vined_crowd_close(&p->crowd);
	vined_ringer_free(p->ringer);
	vined_bell_close(&p->bell);
	if (p->crowd.segment >= 0)
		close(p->crowd.segment);
	if (p->listening_held)
		vined_socket_leave(&p->socket);
	else
		vined_socket_close(&p->socket);
	vined_estate_close(&p->estate);
	vined_gate_free(&p->gate);
	free(p);
}
