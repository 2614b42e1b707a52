/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How peers come and go.
 *
 * All are handed one open file on the segment, which is not vined's own: locks
 * are of open files. A peer opens the segment again from it, so a session's
 * byte lock works here as on a segment with a name. What any of them locked on
 * the file of all is unlocked when one goes.
 *
 * A peer is told of the appliance and of itself, not of the other peers: none
 * has anything to say to another, and telling each of all would keep as many
 * descriptors in flight as there are pairs.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/vined_bell.h"
#include "appliance/vined_estate.h"
#include "appliance/vined_gate.h"
#include "appliance/vined_holder.h"
#include "appliance/vined_peers.h"
#include "appliance/vined_ringer.h"
#include "appliance/vined_socket.h"
#include "arch/shm/arch_shm.h"
#include "core/vine_door.h"
#include "core/vine_peer.h"
#include "core/vine_reaper.h"
#include "core/vine_tally.h"
#include "rt/rt_wait.h"
#include "utils/utils_clock.h"
#include "utils/utils_config.h"
#include "utils/utils_list.h"
#include "utils/utils_log.h"

#define MS UINT64_C(1000000)

/* One connection. */
struct peer {
	struct utils_link link;
	struct vined_peers *of;
	struct rt_watch watch;
	uint32_t id;
	uid_t uid;
	int bell;		/* its own; -1: none */
	int held;		/* 1: the holder has it, too */
};

struct vined_peers {
	struct rt_wait *wait;
	vine_pipe_s *pipe;
	int segment;		/* open file for all peers */
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
	struct utils_list all;
	uint32_t count;
	uint32_t next_id;
	uint64_t used[VINE_PEER_IDS / 64];	/* ids, a bit each */
	struct utils_log_rate refusals, faults;
};

/* --- one peer ----------------------------------------------------------- */

/* There are more numbers than peers, and a number rests before it is used. */
static uint32_t
take_id(struct vined_peers *p)
{
	uint32_t id;

	do {
		p->next_id = p->next_id % (VINE_PEER_IDS - 1) + 1;
		id = p->next_id;
	} while (p->used[id / 64] >> (id & 63) & 1);
	p->used[id / 64] |= UINT64_C(1) << (id & 63);
	return id;
}

static void
drop(struct peer *peer)
{
	struct vined_peers *p = peer->of;

	rt_wait_unwatch(p->wait, &peer->watch);
	close(peer->watch.fd);
	vined_ringer_remove(p->ringer, peer->id);
	if (peer->bell >= 0)
		close(peer->bell);
	utils_list_remove(&peer->link);
	p->used[peer->id / 64] &= ~(UINT64_C(1) << (peer->id & 63));
	p->count--;
	free(peer);
}

/* For the next vined, if this one is killed. */
static void
have_held(struct peer *peer)
{
	const int fds[] = { peer->watch.fd, peer->bell };
	char name[VINED_HOLDER_NAME];

	vined_estate_peer_name(&peer->of->estate, peer->id, name);
	peer->held = vined_holder_put(peer->of->holder, name, fds, 2);
}

static void
have_forgotten(struct peer *peer)
{
	char name[VINED_HOLDER_NAME];

	if (!peer->held)
		return;
	vined_estate_peer_name(&peer->of->estate, peer->id, name);
	vined_holder_drop(peer->of->holder, name, 2);
	peer->held = 0;
}

/* It hung up, or said something, which peers do not. Where the holder has the
 * connection, too, it must not outlive this. */
static void
has_gone(struct rt_watch *watch, uint32_t events)
{
	struct peer *peer = watch->user;

	(void)events;
	log_debug("segment %s peer %u has gone", peer->of->socket.path,
		  peer->id);
	arch_shm_unlock_all(peer->of->segment);
	vine_reaper_peer_gone(peer->of->pipe, peer->id);
	if (peer->held)
		shutdown(peer->watch.fd, SHUT_RDWR);
	have_forgotten(peer);
	drop(peer);
}

/* Its bell is rung for sessions that say that they hear it, which are those of
 * virtual machines whose driver has the interrupt. */
static int
say_bell(struct peer *peer)
{
	peer->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (peer->bell < 0)
		return -errno;
	return vine_peer_say(peer->watch.fd, peer->id, peer->bell);
}

/* From now on the ringer has it. */
static void
give_bell(struct peer *peer)
{
	vined_ringer_add(peer->of->ringer, peer->id, peer->bell);
	peer->bell = -1;
}

static int
greet(struct peer *peer)
{
	const struct vined_peers *p = peer->of;
	int sock = peer->watch.fd;
	int rc = vine_peer_say(sock, VINE_PEER_VERSION, -1);

	if (rc == 0)
		rc = vine_peer_say(sock, peer->id, -1);
	if (rc == 0)
		rc = vine_peer_say(sock, VINE_PEER_SEGMENT, p->segment);
	if (rc == 0)
		rc = vine_peer_say(sock, VINE_PEER_APPLIANCE, p->bell.rung.fd);
	if (rc == 0)
		rc = say_bell(peer);
	return rc;
}

/* --- who may ------------------------------------------------------------ */

static uint32_t
count_of(const struct vined_peers *p, uid_t uid)
{
	uint32_t n = 0;

	utils_list_each(&p->all, link)
		n += utils_list_of(link, struct peer, link)->uid == uid;
	return n;
}

/* Why a connection is refused; NULL if it is not. */
static const char *
objection(const struct vined_peers *p, int sock, struct ucred *cred)
{
	const char *why = vined_gate_objection(&p->gate, sock, cred);

	if (why)
		return why;
	if (p->count >= p->gate.peers_max)
		return "is one peer too many";
	if (count_of(p, cred->uid) >= p->gate.peers_per_uid)
		return "has too many connections";
	return NULL;
}

/* --- coming ------------------------------------------------------------- */

/* It owns the connection, and closes it on an error. The number is in use. */
static struct peer *
peer_add(struct vined_peers *p, int sock, uid_t uid, uint32_t id)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (peer == NULL) {
		close(sock);
		p->used[id / 64] &= ~(UINT64_C(1) << (id & 63));
		return NULL;
	}
	peer->of = p;
	peer->uid = uid;
	peer->id = id;
	peer->bell = -1;
	peer->watch.ready = has_gone;
	peer->watch.user = peer;
	peer->watch.fd = sock;
	peer->watch.events = POLLIN;
	utils_list_push_back(&p->all, &peer->link);
	p->count++;
	return peer;
}

static int
peer_new(struct vined_peers *p, int sock, uid_t uid)
{
	struct peer *peer = peer_add(p, sock, uid, take_id(p));
	int rc;

	if (peer == NULL)
		return -ENOMEM;
	rc = greet(peer);
	if (rc == 0)
		rc = rt_wait_watch(p->wait, &peer->watch);
	if (rc) {
		drop(peer);
		return rc;
	}
	log_debug("segment %s peer %u is of user %u", p->socket.path, peer->id,
		  uid);
	vine_tally_add(p->pipe, VINE_COUNT_PEERS_OPENED, 1);
	/* not before: half a greeting is no use to the next vined */
	have_held(peer);
	give_bell(peer);
	return 0;
}

static void
admit(struct vined_peers *p, int sock)
{
	struct ucred cred = { 0 };
	const char *why = objection(p, sock, &cred);
	int rc;

	if (why == NULL) {
		rc = peer_new(p, sock, cred.uid);
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

/* They were let in then; who hung up since is seen as soon as they are
 * watched. */
static void
take_up_peers(struct vined_peers *p)
{
	for (uint32_t i = 0; i < p->estate.count; i++) {
		struct vined_estate_peer *e = &p->estate.peers[i];
		struct ucred cred = { 0 };
		socklen_t size = sizeof(cred);
		struct peer *peer;

		getsockopt(e->sock, SOL_SOCKET, SO_PEERCRED, &cred, &size);
		p->used[e->id / 64] |= UINT64_C(1) << (e->id & 63);
		peer = peer_add(p, e->sock, cred.uid, e->id);
		e->sock = -1;
		if (peer == NULL)
			continue;
		peer->bell = e->bell;
		peer->held = 1;
		e->bell = -1;
		if (e->id > p->next_id)
			p->next_id = e->id;
		if (rt_wait_watch(p->wait, &peer->watch) != 0) {
			have_forgotten(peer);
			drop(peer);
			continue;
		}
		give_bell(peer);
	}
}

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
		have_one_held(p, VINED_ESTATE_SEGMENT, p->segment);
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
	utils_list_init(&p->all);
	p->segment = -1;
	vined_bell_init(&p->bell);
	p->socket.fd = -1;
	p->socket.lock = -1;
	rc = vined_ringer_new(&p->ringer);
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
	vine_pipe_ring_by(pipe, vined_ringer_ring, p->ringer);
	if (p->resumed) {	/* the open file that peers have */
		p->segment = p->estate.segment;
		p->estate.segment = -1;
		return 0;
	}
	p->segment = arch_shm_reopen(pipe->seg->fd);
	if (p->segment >= 0)
		return 0;
	log_error("segment %s cannot be opened again for its peers: %s",
		  p->socket.path, strerror(-p->segment));
	return p->segment;
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
	take_up_peers(p);
	have_socket_held(p);
	return 0;
}

void
vined_peers_meet(struct vined_peers *p)
{
	if (p == NULL || !p->resumed)
		return;
	log_info("segment %s goes on with %u peers of an earlier vined",
		 p->socket.path, p->count);
	vine_reaper_peers_only(p->pipe, p->used);
}

void
vined_peers_stop(struct vined_peers *p)
{
	if (p == NULL)
		return;
	rt_timers_cancel(rt_wait_timers(p->wait), &p->retry);
	rt_wait_unwatch(p->wait, &p->listening);
	vined_bell_stop(&p->bell);
	utils_list_each(&p->all, link)
		rt_wait_unwatch(p->wait,
				&utils_list_of(link, struct peer, link)->watch);
}

void
vined_peers_forget(struct vined_peers *p)
{
	if (p == NULL)
		return;
	utils_list_each(&p->all, link) {
		struct peer *peer = utils_list_of(link, struct peer, link);

		shutdown(peer->watch.fd, SHUT_RDWR);
		have_forgotten(peer);
	}
	vined_estate_forget(&p->estate);
	p->listening_held = 0;
}

void
vined_peers_close(struct vined_peers *p)
{
	if (p == NULL)
		return;
	vined_peers_stop(p);
	utils_list_each_safe(&p->all, link, after)
		drop(utils_list_of(link, struct peer, link));
	vined_ringer_free(p->ringer);
	vined_bell_close(&p->bell);
	if (p->segment >= 0)
		close(p->segment);
	if (p->listening_held)
		vined_socket_leave(&p->socket);
	else
		vined_socket_close(&p->socket);
	vined_estate_close(&p->estate);
	vined_gate_free(&p->gate);
	free(p);
}
